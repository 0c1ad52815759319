//! The server is ended over and over under load, by force and politely, and started again on the
//! same data directory and port. Nothing that was answered 200 may be lost, and nothing may be
//! sent twice but what was in flight when it was ended.
//!
//! The senders do what providers do: an event that got no answer is sent again, one that was
//! answered 200 never is. The receiver knows which life of the server every request came from: a
//! dead server's connections are read to their end before the next life begins.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use postback_acceptance::api::{Endpoint, Merchant, Source, plain_body, text};
use postback_acceptance::client::{Client, Connection};
use postback_acceptance::clock::{DEADLINE, eventually};
use postback_acceptance::receiver::{Receipt, Receiver, Reply};
use postback_acceptance::server::Server;
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::json;

/// Senders, each with one connection and one event at a time.
const SENDERS: usize = 8;

/// Events that the senders may be ahead of the receiver, so that what is in flight is bounded.
const AHEAD_MAX: usize = 32;

/// Events answered 200 before the server is ended again.
const ANSWERED_PER_LIFE: usize = 400;

/// How long the receiver takes to answer, so that attempts are in flight when the server ends.
const RECEIVER_TAKES: Duration = Duration::from_millis(4);

/// Whether the server may be called, and in which life it is.
struct Gate {
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
struct GivesUpOnPanic<'a>(&'a Gate);

impl Drop for GivesUpOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.set(|state| (state.is_open, state.is_given_up) = (true, true));
        }
    }
}

impl Gate {
    fn new() -> Self {
        let state =
            Mutex::new(GateState { is_open: true, is_over: false, is_given_up: false, life: 1 });
        Self { state, changed: Condvar::new(), answered: AtomicUsize::new(0) }
    }

    fn set(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock().expect("no thread panics while it holds the lock"));
        self.changed.notify_all();
    }

    fn wait_until_open(&self) -> GateState {
        let state = self.state.lock().expect("no thread panics while it holds the lock");
        let (state, timeout) = self
            .changed
            .wait_timeout_while(state, DEADLINE, |state| !state.is_open)
            .expect("no thread panics while it holds the lock");
        assert!(!timeout.timed_out(), "the server did not come back");
        assert!(!state.is_given_up, "the test failed elsewhere");
        *state
    }

    /// A connection may break only while the server is being ended.
    fn is_excused(&self, life: u32) -> bool {
        let state = self.state.lock().expect("no thread panics while it holds the lock");
        !state.is_open || state.life != life
    }
}

/// Sends events until the load is over. Answers with the ids that were answered 200: all it sent.
fn send_events(
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
        receiver.wait_for_count(gate.answered.load(Ordering::SeqCst).saturating_sub(AHEAD_MAX));
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

/// What a run under load came to.
struct Outcome {
    merchant: Merchant,
    endpoint: Endpoint,
    /// The provider's ids of all events.
    answered: HashSet<String>,
    /// What the API showed as SUCCESS before each end: event ids, and the life that ended then.
    recorded: Vec<(u32, HashSet<String>)>,
    receipts: Vec<Receipt>,
    // Ends the server, after everything was looked at.
    _stack: Stack,
}

/// Ends the server so many times under load, and waits until everything has been delivered.
fn run(mut stack: Stack, ends: u32, end: impl Fn(Server)) -> Outcome {
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(200).after(RECEIVER_TAKES));
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let client = stack.client().clone();
    let gate = Gate::new();
    let mut recorded = Vec::new();

    let answered: HashSet<String> = thread::scope(|scope| {
        let _senders_end = GivesUpOnPanic(&gate);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (gate, source, client, receiver) = (&gate, &source, &client, &receiver);
                scope.spawn(move || send_events(sender, gate, source, client, receiver))
            })
            .collect();
        let wait_for_answers = |life: u32| {
            let goal = ANSWERED_PER_LIFE * life as usize;
            eventually(&format!("{goal} events are answered"), || {
                let count = gate.answered.load(Ordering::SeqCst);
                let stopped = senders.iter().any(thread::ScopedJoinHandle::is_finished);
                assert!(!stopped, "a sender gave up");
                if count >= goal { Ok(()) } else { Err(count.to_string()) }
            });
        };
        for life in 1..=ends {
            wait_for_answers(life);
            let successes = merchant.api.list("/v1/deliveries?state=SUCCESS");
            recorded.push((life, successes.iter().map(|row| text(row, "event_id")).collect()));
            gate.set(|state| state.is_open = false);
            end(stack.take_server());
            receiver.drain();
            receiver.begin_life();
            stack.restart();
            gate.set(|state| (state.is_open, state.life) = (true, life + 1));
        }
        wait_for_answers(ends + 1);
        gate.set(|state| state.is_over = true);
        senders
            .into_iter()
            .flat_map(|sender| sender.join().expect("senders do not panic"))
            .collect()
    });

    eventually("nothing is owed any more", || {
        let pending = merchant.api.get("/v1/deliveries?state=PENDING&limit=1").expect(200).json();
        if pending["data"] == json!([]) { Ok(()) } else { Err(pending.to_string()) }
    });
    let receipts = receiver.receipts();
    Outcome { merchant, endpoint, answered, recorded, receipts, _stack: stack }
}

/// `accepted_events_survive`, `no_second_fan_out`, `bytes_are_exact`, and that nothing is repeated
/// without need. Answers with the number of repeats.
fn check(outcome: &Outcome) -> usize {
    let events = outcome.merchant.api.list("/v1/events");
    let kept: HashSet<String> =
        events.iter().map(|event| text(event, "provider_event_id")).collect();
    assert_eq!(kept.len(), events.len(), "one event for each id");
    let lost: Vec<_> = outcome.answered.difference(&kept).collect();
    assert!(lost.is_empty(), "answered 200 and lost: {lost:?}");
    assert_eq!(kept.len(), outcome.answered.len(), "every event was sent until it was answered");
    let deliveries = outcome.merchant.api.list("/v1/deliveries");
    assert_eq!(deliveries.len(), events.len(), "one delivery for each event");
    for delivery in &deliveries {
        assert_eq!(delivery["state"], "SUCCESS", "{delivery}");
    }

    let mut lives_of: HashMap<String, Vec<u32>> = HashMap::new();
    let mut received = HashSet::new();
    for receipt in &outcome.receipts {
        let webhook = webhook::verify(receipt, &outcome.endpoint.secret);
        assert_eq!(receipt.body, plain_body(&webhook.provider_event_id, "charge.refunded"));
        lives_of.entry(webhook.event_id).or_default().push(receipt.life);
        received.insert(webhook.provider_event_id);
    }
    assert_eq!(received, outcome.answered, "everything answered 200 was received");
    for (event_id, lives) in &lives_of {
        let mut once = lives.clone();
        once.dedup();
        assert_eq!(once, *lives, "{event_id} was sent twice in one life of the server");
    }
    for (life, successes) in &outcome.recorded {
        for event_id in successes {
            let last = lives_of[event_id].iter().max();
            assert!(last <= Some(life), "{event_id} was sent again after the API showed SUCCESS");
        }
    }
    outcome.receipts.len() - received.len()
}

#[test]
fn nothing_accepted_is_lost_when_the_server_is_killed() {
    const KILLS: u32 = 5;
    let Some(stack) = Stack::own() else { return };
    let outcome = run(stack, KILLS, Server::kill);
    let repeats = check(&outcome);
    println!(
        "{} events, {KILLS} kills, {repeats} of {} requests were repeats",
        outcome.answered.len(),
        outcome.receipts.len()
    );
    let in_flight_max = AHEAD_MAX + SENDERS;
    assert!(repeats <= KILLS as usize * in_flight_max, "{repeats} repeats");
}

#[test]
fn nothing_is_lost_or_repeated_when_the_server_is_stopped() {
    let Some(stack) = Stack::own() else { return };
    let outcome = run(stack, 2, |server| {
        server.ask_to_stop();
        let ended = server.wait(DEADLINE);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
    });
    assert_eq!(check(&outcome), 0, "whatever was in flight was finished and recorded");
}
