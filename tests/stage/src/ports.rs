//! The ports that are not the store.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use postback_domain::time::Timestamp;
use postback_embedded::EmbeddedStore;
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::{Clock, Entropy, Ports, Queue, Unavailable};

use crate::{NOW, Receiver};

/// The embedded store and what the test owns.
pub struct StagePorts {
    pub(crate) store: EmbeddedStore,
    pub(crate) queue: RecordingQueue,
    pub(crate) receiver: Receiver,
    pub(crate) clock: StageClock,
    entropy: Counting,
}

impl StagePorts {
    pub(crate) fn open(directory: &Path) -> Self {
        Self {
            store: EmbeddedStore::open(directory, NOW).unwrap(),
            queue: RecordingQueue::default(),
            receiver: Receiver::default(),
            clock: StageClock(AtomicI64::new(NOW.as_millis())),
            entropy: Counting::default(),
        }
    }
}

impl Ports for StagePorts {
    type Store = EmbeddedStore;
    type Queue = RecordingQueue;
    type Sender = Receiver;
    type Clock = StageClock;
    type Entropy = Counting;

    fn store(&self) -> &EmbeddedStore {
        &self.store
    }

    fn queue(&self) -> &RecordingQueue {
        &self.queue
    }

    fn sender(&self) -> &Receiver {
        &self.receiver
    }

    fn clock(&self) -> &StageClock {
        &self.clock
    }

    fn entropy(&self) -> &Counting {
        &self.entropy
    }
}

/// Keeps what is sent.
#[derive(Debug, Default)]
pub struct RecordingQueue {
    sent: Mutex<Vec<Scheduled>>,
    is_down: AtomicBool,
}

impl RecordingQueue {
    /// What has been sent since this was asked last.
    pub fn take(&self) -> Vec<Scheduled> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// Refuses everything from now on, or no longer.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }
}

impl Queue for RecordingQueue {
    async fn send(&self, messages: Vec<Scheduled>) -> Result<(), Unavailable> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Unavailable::new("queue", "the test has stopped it"));
        }
        self.sent.lock().unwrap().extend(messages);
        Ok(())
    }

    fn room(&self) -> usize {
        usize::MAX
    }
}

/// Stands still until it is moved.
#[derive(Debug)]
pub struct StageClock(AtomicI64);

impl StageClock {
    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Never the same bytes twice, and the same in every run.
#[derive(Debug, Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            chunk.copy_from_slice(&count.to_le_bytes()[..chunk.len()]);
        }
    }
}
