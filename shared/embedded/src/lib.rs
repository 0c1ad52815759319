//! The engine's ports on SQLite, in one process.
//!
//! Queue, events, deliveries and due index are one database, so one transaction replaces the
//! queue-and-table pair of the cloud: the due index is the durable queue, the dead-letter queue is
//! the FAILED rows, and a message in [`queue::MemoryQueue`] is only a wake-up that may be lost.
//!
//! Reading order: [`store`] opens a data directory; `writer` is the one writer, with group
//! commit; `events`, `deliveries`, `due` are the engine's ports; `catalog`,
//! `audit`, `history`, `pulls`, `recoveries` and `idempotency` the API's.
//!
//! Invariants: one process owns a data directory, by a lock of the operating system; a write has
//! been synced to disk when its future answers; no SQL decides a rule of `postback-domain`, it
//! only carries the conditions over.

mod audit;
mod cache;
mod catalog;
mod configuration;
mod deliveries;
mod desk;
mod directory;
mod due;
mod events;
mod history;
mod idempotency;
mod place;
mod pulls;
pub mod queue;
mod reader;
mod recoveries;
mod rows;
mod schema;
pub mod store;
mod writer;

pub use directory::OpenError;
pub use store::EmbeddedStore;
