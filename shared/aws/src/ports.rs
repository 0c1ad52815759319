//! The engine's ports in a function.
//!
//! No function needs all of them: ingest sends no deliveries, and only deliver calls merchants.
//! What a function lacks is [`NoQueue`] or [`NoSender`], which do not act but answer as a queue
//! that is down and a request that could not be made. The engine knows both and loses nothing by
//! them, so that a function which grows a verb without its port is slow and loud, not wrong.

use postback_domain::delivery::verdict::Outcome;
use postback_engine::ports::clock::{SystemClock, SystemEntropy};
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::sender::{Answer, Request};
use postback_engine::ports::{Ports, Queue, Sender, Unavailable};

use crate::DynamoStore;

/// DynamoDB, and the queue and sender that the function has.
#[derive(Debug)]
pub struct AwsPorts<Q, S> {
    store: DynamoStore,
    queue: Q,
    sender: S,
    clock: SystemClock,
    entropy: SystemEntropy,
}

impl<Q, S> AwsPorts<Q, S> {
    /// These ports and the machine's own clock.
    pub fn new(store: DynamoStore, queue: Q, sender: S) -> Self {
        Self { store, queue, sender, clock: SystemClock, entropy: SystemEntropy }
    }
}

impl<Q: Queue + 'static, S: Sender + 'static> Ports for AwsPorts<Q, S> {
    type Store = DynamoStore;
    type Queue = Q;
    type Sender = S;
    type Clock = SystemClock;
    type Entropy = SystemEntropy;

    fn store(&self) -> &DynamoStore {
        &self.store
    }

    fn queue(&self) -> &Q {
        &self.queue
    }

    fn sender(&self) -> &S {
        &self.sender
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn entropy(&self) -> &SystemEntropy {
        &self.entropy
    }
}

/// For a function that sends no deliveries.
#[derive(Debug, Clone, Copy)]
pub struct NoQueue;

impl Queue for NoQueue {
    async fn send(&self, _: Vec<Scheduled>) -> Result<(), Unavailable> {
        Err(Unavailable::new("queue", "this function has none"))
    }

    fn room(&self) -> usize {
        0
    }
}

/// For a function that calls no merchant. It keeps the HTTPS sender, and its certificates, out of
/// the binary.
#[derive(Debug, Clone, Copy)]
pub struct NoSender;

impl Sender for NoSender {
    async fn send(&self, _: Request) -> Answer {
        Answer {
            outcome: Outcome::NotSent,
            status: None,
            retry_after: None,
            detail: Some("this function calls nobody".to_owned()),
            excerpt: None,
        }
    }
}
