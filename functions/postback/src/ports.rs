//! The engine's ports, all in this process.

use postback_embedded::EmbeddedStore;
use postback_embedded::queue::MemoryQueue;
use postback_engine::ports::Ports;
use postback_engine::ports::clock::{SystemClock, SystemEntropy};
use postback_sender::HttpSender;

/// SQLite, a queue in memory, HTTPS, the machine's clock.
pub(crate) struct Local {
    pub(crate) store: EmbeddedStore,
    pub(crate) queue: MemoryQueue,
    pub(crate) sender: HttpSender,
    pub(crate) clock: SystemClock,
    pub(crate) entropy: SystemEntropy,
}

impl Ports for Local {
    type Store = EmbeddedStore;
    type Queue = MemoryQueue;
    type Sender = HttpSender;
    type Clock = SystemClock;
    type Entropy = SystemEntropy;

    fn store(&self) -> &EmbeddedStore {
        &self.store
    }

    fn queue(&self) -> &MemoryQueue {
        &self.queue
    }

    fn sender(&self) -> &HttpSender {
        &self.sender
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn entropy(&self) -> &SystemEntropy {
        &self.entropy
    }
}
