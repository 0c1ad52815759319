//! The engine's ports on AWS: the store on one DynamoDB table, the queues on SQS.
//!
//! Reading order: [`clients`] (how the SDK is set up, once per cold start); `table`, `item` and
//! `keys` (the table, and where each row lives); [`store`] with one file a port (`events`,
//! `deliveries`, `due`, `history`, `pulls`, `recoveries`, `idempotency`, `configuration`, `catalog`); `wire` and
//! [`queues`] (what a message looks like, and how it is sent). Around them, what every function needs: [`ports`] as the
//! engine wants them, [`environment`], [`process`] and [`logging`], and [`gateway`] for those that
//! speak HTTP.
//!
//! Invariants: no rule of the engine is decided here; what the embedded store does in a
//! transaction is one conditional write here, with the domain's own condition. Nothing on the way
//! of an event scans the table or opens a transaction. A call ends within
//! [`postback_domain::limits::PORT_CALL_MAX`], retries included.

pub mod admin_key;
mod cache;
mod catalog;
pub mod clients;
mod configuration;
mod deliveries;
mod due;
pub mod environment;
mod events;
pub mod gateway;
mod history;
mod idempotency;
mod item;
mod keys;
pub mod logging;
mod packing;
pub mod ports;
pub mod process;
mod pulls;
pub mod queues;
mod recoveries;
mod rows;
pub mod store;
mod table;
mod update;
pub mod wire;

pub use store::DynamoStore;
