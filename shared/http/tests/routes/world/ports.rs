//! The embedded store and queue; a receiver, a clock and chance that the test owns.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, AtomicUsize, Ordering};

use postback_domain::delivery::verdict::Outcome;
use postback_domain::time::Timestamp;
use postback_embedded::EmbeddedStore;
use postback_embedded::queue::MemoryQueue;
use postback_engine::ports::sender::{Answer, Request};
use postback_engine::ports::{Clock, Entropy, Ports, Sender};

pub(crate) struct TestPorts {
    pub(crate) store: EmbeddedStore,
    pub(crate) queue: MemoryQueue,
    pub(crate) receiver: Receiver,
    pub(crate) clock: StoppedClock,
    pub(crate) entropy: Counting,
    pub(crate) is_down: AtomicBool,
}

/// Answers every request alike.
pub(crate) struct Receiver {
    pub(crate) status: AtomicU16,
    pub(crate) requests: AtomicUsize,
}

pub(crate) struct StoppedClock {
    pub(crate) millis: AtomicI64,
}

/// Never the same bytes twice, and the same in every run.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl TestPorts {
    pub(crate) fn open(directory: &Path) -> Self {
        let clock = StoppedClock { millis: AtomicI64::new(1_790_000_000_000) };
        Self {
            store: EmbeddedStore::open(directory, clock.now()).unwrap(),
            queue: MemoryQueue::new(),
            receiver: Receiver { status: AtomicU16::new(200), requests: AtomicUsize::new(0) },
            clock,
            entropy: Counting::default(),
            is_down: AtomicBool::new(false),
        }
    }
}

impl Ports for TestPorts {
    type Store = EmbeddedStore;
    type Queue = MemoryQueue;
    type Sender = Receiver;
    type Clock = StoppedClock;
    type Entropy = Counting;

    fn store(&self) -> &EmbeddedStore {
        &self.store
    }

    fn queue(&self) -> &MemoryQueue {
        &self.queue
    }

    fn sender(&self) -> &Receiver {
        &self.receiver
    }

    fn clock(&self) -> &StoppedClock {
        &self.clock
    }

    fn entropy(&self) -> &Counting {
        &self.entropy
    }
}

impl Sender for Receiver {
    async fn send(&self, _: Request) -> Answer {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let status = self.status.load(Ordering::SeqCst);
        let outcome = Outcome::of_status(status);
        let failed = outcome != Outcome::Accepted;
        Answer {
            outcome,
            status: Some(status),
            retry_after: None,
            detail: None,
            excerpt: failed.then(|| "the shop is closed".to_owned()),
        }
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            // Spreads the count over all bits, so that ids look and sort like drawn ones.
            let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&mixed.to_be_bytes()[..chunk.len()]);
        }
    }
}
