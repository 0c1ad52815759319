//! Time, chance and order: what a test decides and the engine merely notices.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use postback_domain::delivery::{Next, Settlement};
use postback_domain::ids::DeliveryId;
use postback_domain::limits::PORT_CALL_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::{Clock, Entropy, Unavailable};

/// A clock that stands still until it is moved. All clones are one clock.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub(crate) fn starting(at: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(at.as_millis())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).expect("a wait of this age of the world");
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// As when somebody corrects the machine's time.
    pub(crate) fn jump_back(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).expect("a jump within this age of the world");
        self.0.fetch_sub(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Random bits as told, and otherwise the ones that move no wait: the middle of the jitter.
#[derive(Default)]
pub(crate) struct ScriptedEntropy(Mutex<VecDeque<u32>>);

impl ScriptedEntropy {
    /// Just above the middle, so that a wait of whole milliseconds stays one.
    const MIDDLE: u32 = 0x8000_0000;

    pub(crate) fn next_bits(&self, bits: &[u32]) {
        self.0.lock().expect("unpoisoned").extend(bits);
    }
}

impl Entropy for ScriptedEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            let next = self.0.lock().expect("unpoisoned").pop_front();
            let drawn = next.unwrap_or(Self::MIDDLE).to_be_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

/// Decides who goes on. While it is in charge, every call of a port stops before it begins, so
/// that a test can choose whose turn is next, or that there is none. All clones are one stage.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Turns>, ManualClock);

#[derive(Default)]
struct Turns {
    is_punctual: AtomicBool,
    is_in_charge: AtomicBool,
    has_stopped: AtomicBool,
    actor: AtomicU64,
    answered: Mutex<BTreeSet<u64>>,
}

impl Stage {
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self(Arc::default(), clock)
    }

    pub(crate) fn take_charge(&self, is_in_charge: bool) {
        self.0.is_in_charge.store(is_in_charge, Ordering::SeqCst);
    }

    /// The actor whose turn it is.
    pub(crate) fn actor(&self) -> u64 {
        self.0.actor.load(Ordering::SeqCst)
    }

    pub(crate) fn turn_of(&self, actor: u64) {
        self.0.actor.store(actor, Ordering::SeqCst);
    }

    /// Where a call stops until its actor's next turn.
    pub(super) async fn stop(&self) {
        let mut is_first = self.0.is_in_charge.load(Ordering::SeqCst);
        poll_fn(|_| {
            if !is_first {
                return Poll::Ready(());
            }
            is_first = false;
            self.note_stop();
            Poll::Pending
        })
        .await;
    }

    /// Has calls that take too long end with an error, as the ports promise. Without it they may
    /// take effect hours late, and most promises hold even then.
    pub(crate) fn be_punctual(&self) {
        self.0.is_punctual.store(true, Ordering::SeqCst);
    }

    /// Like [`Self::stop`], for calls that a port ends with an error when they take too long.
    pub(super) async fn stop_in_time(&self, what: &'static str) -> Result<(), Unavailable> {
        let began_at = self.1.now();
        self.stop().await;
        let is_punctual = self.0.is_punctual.load(Ordering::SeqCst);
        if is_punctual && self.1.now().since(began_at) > PORT_CALL_MAX {
            return Err(Unavailable::new(what, "the call took too long"));
        }
        Ok(())
    }

    /// Notes that the actor goes no further in this turn.
    pub(super) fn note_stop(&self) {
        self.0.has_stopped.store(true, Ordering::SeqCst);
    }

    /// Whether the actor has stopped since this was last asked.
    pub(crate) fn has_stopped(&self) -> bool {
        self.0.has_stopped.swap(false, Ordering::SeqCst)
    }

    pub(super) fn note_answer(&self) {
        self.0.answered.lock().expect("unpoisoned").insert(self.actor());
    }

    /// Whether the actor's request has been answered: from then on it may stall for as long as it
    /// likes without two requests overlapping.
    pub(crate) fn is_answered(&self, actor: u64) -> bool {
        self.0.answered.lock().expect("unpoisoned").contains(&actor)
    }
}

/// What was really recorded, as seen between engine and store; shares no code with either.
#[derive(Default)]
pub(crate) struct Witness {
    attempts: Mutex<BTreeMap<DeliveryId, usize>>,
    successes: Mutex<BTreeSet<DeliveryId>>,
    overtaken: AtomicUsize,
    reopened: AtomicUsize,
}

impl Witness {
    pub(super) fn recorded(&self, settlement: &Settlement) {
        if settlement.attempt.is_some() {
            let mut attempts = self.attempts.lock().expect("unpoisoned");
            *attempts.entry(settlement.delivery).or_default() += 1;
        }
        if let Next::Success { .. } = settlement.next {
            self.successes.lock().expect("unpoisoned").insert(settlement.delivery);
        }
    }

    pub(super) fn overtook(&self) {
        self.overtaken.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn saw_reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    /// Settlements that came too late.
    pub(crate) fn overtaken(&self) -> usize {
        self.overtaken.load(Ordering::Relaxed)
    }

    pub(crate) fn reopened(&self) -> usize {
        self.reopened.load(Ordering::Relaxed)
    }

    pub(crate) fn attempts(&self, delivery: DeliveryId) -> usize {
        self.attempts.lock().expect("unpoisoned").get(&delivery).copied().unwrap_or(0)
    }

    pub(crate) fn has_succeeded(&self, delivery: DeliveryId) -> bool {
        self.successes.lock().expect("unpoisoned").contains(&delivery)
    }
}
