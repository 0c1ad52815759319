//! What the engine needs from the world, and no more. Each method is one step: when it has
//! answered, its effect is durable and visible to every worker; when it failed or never answered,
//! its effect may or may not have happened, and calling it again is safe. Events and people's
//! orders survive a power cut then; of claims and outcomes an adapter may lose the last moments,
//! which costs a repeated attempt. A call of a store or queue ends within
//! [`postback_domain::limits::PORT_CALL_MAX`], with an error if need be.
//!
//! Reading order: [`store`] (what the engine itself reads and writes), [`queue`], [`sender`],
//! [`clock`]; then [`catalog`], [`audit`], [`history`], [`pulls`], [`recoveries`] and
//! [`idempotency`], which only the API needs.

pub mod audit;
pub mod catalog;
pub mod clock;
pub mod history;
pub mod idempotency;
pub mod pulls;
pub mod queue;
pub mod recoveries;
pub mod sender;
pub mod store;

pub use clock::{Clock, Entropy};
pub use queue::Queue;
pub use sender::Sender;
pub use store::{Configuration, Deliveries, DueIndex, Events, Store};

/// A dependency that cannot serve us now: the store, the queue, the disk under them. Ours to wait
/// out: 503 to a provider, another receipt for a message.
#[derive(Debug, thiserror::Error)]
#[error("{what} is unavailable")]
pub struct Unavailable {
    what: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Unavailable {
    /// `what` is the dependency, as an operator knows it; `source` is what it said.
    pub fn new(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what, source: source.into() }
    }
}

/// One set of ports.
pub trait Ports: Send + Sync + 'static {
    /// Configuration, events, deliveries, due index.
    type Store: Store;
    /// Carries messages to workers.
    type Queue: Queue;
    /// Calls merchants.
    type Sender: Sender;
    /// Tells the time.
    type Clock: Clock;
    /// Draws random numbers.
    type Entropy: Entropy;

    /// Configuration, events, deliveries, due index.
    fn store(&self) -> &Self::Store;
    /// Carries messages to workers.
    fn queue(&self) -> &Self::Queue;
    /// Calls merchants.
    fn sender(&self) -> &Self::Sender;
    /// Tells the time.
    fn clock(&self) -> &Self::Clock;
    /// Draws random numbers.
    fn entropy(&self) -> &Self::Entropy;
}
