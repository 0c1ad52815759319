//! The load: senders that do what providers do. An event that got no answer is sent again, one
//! that was answered 200 never is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

use postback_acceptance::api::{Source, plain_body};
use postback_acceptance::client::{Client, Connection};
use postback_acceptance::clock::DEADLINE;
use postback_acceptance::receiver::Receiver;

/// Senders, each with one connection and one event at a time.
pub(crate) const SENDERS: usize = 8;

/// Events that the senders may be ahead of the receiver, so that what is in flight is bounded.
pub(crate) const AHEAD_MAX: usize = 32;

/// Whether the server may be called, and in which life it is.
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    answered: AtomicUsize,
}

#[derive(Clone, Copy)]
struct GateState {
    is_open: bool,
    is_over: bool,
    is_given_up: bool,
    life: u32,
}

/// Lets the senders end when the test fails between them.
pub(crate) struct GivesUpOnPanic<'a>(pub(crate) &'a Gate);

impl Drop for GivesUpOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.set(|state| (state.is_open, state.is_given_up) = (true, true));
        }
    }
}

impl Gate {
    /// Of a server in its first life.
    pub(crate) fn new() -> Self {
        let state =
            Mutex::new(GateState { is_open: true, is_over: false, is_given_up: false, life: 1 });
        Self { state, changed: Condvar::new(), answered: AtomicUsize::new(0) }
    }

    /// How many events were answered 200 so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// The server is about to be ended: connections may break from now on.
    pub(crate) fn close(&self) {
        self.set(|state| state.is_open = false);
    }

    /// The server is back, in its next life.
    pub(crate) fn reopen(&self) {
        self.set(|state| (state.is_open, state.life) = (true, state.life + 1));
    }

    /// The senders end once their present event is answered.
    pub(crate) fn end_load(&self) {
        self.set(|state| state.is_over = true);
    }

    fn set(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock().expect("no thread panics while it holds the lock"));
        self.changed.notify_all();
    }

    fn wait_until_open(&self) -> GateState {
        let state = self.state.lock().expect("no thread panics while it holds the lock");
        let (state, _) = self
            .changed
            .wait_timeout_while(state, DEADLINE, |state| !state.is_open)
            .expect("no thread panics while it holds the lock");
        let seen = *state;
        drop(state);
        assert!(seen.is_open, "the server did not come back");
        assert!(!seen.is_given_up, "the test failed elsewhere");
        seen
    }

    /// A connection may break only while the server is being ended.
    fn is_excused(&self, life: u32) -> bool {
        let state = self.state.lock().expect("no thread panics while it holds the lock");
        !state.is_open || state.life != life
    }
}

/// Sends events until the load is over. Answers with the ids that were answered 200: all it sent.
pub(crate) fn send_events(
    sender: usize,
    gate: &Gate,
    source: &Source,
    client: &Client,
    receiver: &Receiver,
) -> Vec<String> {
    // A connection, and the life of the server that it was made in.
    let mut connection: Option<(u32, Connection)> = None;
    let mut answered = Vec::new();
    for number in 0.. {
        if gate.wait_until_open().is_over {
            break;
        }
        receiver.wait_for_count(gate.answered().saturating_sub(AHEAD_MAX));
        let id = format!("evt_{sender}_{number}");
        let request = source.signed(&id, "charge.refunded", &plain_body(&id, "charge.refunded"));
        loop {
            let life = gate.wait_until_open().life;
            let sent = match connection.take() {
                Some((made_in, open)) if made_in == life => Ok(open),
                _ => client.connect(),
            };
            let sent = sent.and_then(|mut open| open.send(&request).map(|answer| (open, answer)));
            match sent {
                Ok((open, answer)) => {
                    answer.expect(200);
                    connection = Some((life, open));
                    break;
                }
                Err(error) => assert!(
                    gate.is_excused(life),
                    "{id} got no answer from a server that nobody had ended: {error}"
                ),
            }
        }
        gate.answered.fetch_add(1, Ordering::SeqCst);
        answered.push(id);
    }
    answered
}
