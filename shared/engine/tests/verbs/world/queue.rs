//! A queue that remembers what it was given, holds messages back by the world's clock, and loses
//! them on request.

use std::sync::{Arc, Mutex, MutexGuard};

use postback_domain::delivery::message::{Message, MessageId, Receipt};
use postback_domain::time::Timestamp;
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::{Clock, Queue, Unavailable};

use super::stage::{ManualClock, Stage};

/// See the module's head. All clones are one queue.
#[derive(Clone)]
pub(crate) struct RecordingQueue {
    state: Arc<Mutex<State>>,
    clock: ManualClock,
    stage: Stage,
}

struct State {
    waiting: Vec<Sent>,
    sent: Vec<Scheduled>,
    capacity: usize,
    sends_to_lose: usize,
    sends_to_refuse: usize,
}

/// A message on the queue.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) message: Message,
    pub(crate) receipt: Receipt,
    pub(crate) due_at: Timestamp,
}

impl RecordingQueue {
    pub(super) fn new(clock: ManualClock, stage: Stage) -> Self {
        let state = State {
            waiting: Vec::new(),
            sent: Vec::new(),
            capacity: 10_000,
            sends_to_lose: 0,
            sends_to_refuse: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), clock, stage }
    }

    /// The earliest message whose wait is over.
    pub(crate) fn take_due(&self, now: Timestamp) -> Option<Sent> {
        let mut state = self.state();
        let due = state.waiting.iter().enumerate().filter(|(_, sent)| sent.due_at <= now);
        let (earliest, _) = due.min_by_key(|(_, sent)| sent.due_at)?;
        Some(state.waiting.remove(earliest))
    }

    /// A message that was taken out and comes again, with the id that it had.
    pub(crate) fn comes_again(&self, sent: Sent) {
        self.state().waiting.push(sent);
    }

    /// Every message ever accepted, in order, lost ones included.
    pub(crate) fn sent(&self) -> Vec<Scheduled> {
        self.state().sent.clone()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Throws everything away.
    pub(crate) fn purge(&self) {
        self.state().waiting.clear();
    }

    /// The next `count` sends go nowhere, and nobody is told.
    pub(crate) fn lose_sends(&self, count: usize) {
        self.state().sends_to_lose = count;
    }

    /// The next `count` sends fail.
    pub(crate) fn refuse_sends(&self, count: usize) {
        self.state().sends_to_refuse = count;
    }

    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.state().capacity = capacity;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("unpoisoned")
    }
}

impl Queue for RecordingQueue {
    async fn send(&self, messages: Vec<Scheduled>) -> Result<(), Unavailable> {
        self.stage.stop_in_time("queue").await?;
        let now = self.clock.now();
        let mut state = self.state();
        if state.sends_to_refuse > 0 {
            state.sends_to_refuse -= 1;
            return Err(Unavailable::new("queue", "refused on request"));
        }
        let is_lost = state.sends_to_lose > 0;
        state.sends_to_lose = state.sends_to_lose.saturating_sub(1);
        for scheduled in messages {
            state.sent.push(scheduled);
            let id = MessageId(format!("message {}", state.sent.len()));
            let Scheduled { message, wait } = scheduled;
            let receipt = Receipt { id, sent_at: now };
            if !is_lost {
                state.waiting.push(Sent { message, receipt, due_at: now.plus(wait) });
            }
        }
        Ok(())
    }

    fn room(&self) -> usize {
        let state = self.state();
        state.capacity.saturating_sub(state.waiting.len())
    }
}
