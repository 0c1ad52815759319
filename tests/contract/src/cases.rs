//! The cases, a file a port.

pub mod audit;
pub mod catalog;
pub mod configuration;
pub mod deliveries;
pub mod due;
pub mod events;
pub mod history;
pub mod idempotency;
pub mod pulls;
pub mod recoveries;
