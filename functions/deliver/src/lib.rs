//! Queues in: events are taken in and their first attempts made, deliveries that are due are
//! attempted and recorded.
//!
//! Reading order: [`batch`] is the envelope, [`handler`] works it. What either queue carries is
//! `postback_aws::wire`'s business, and what becomes of it the engine's.
//!
//! Invariants: one record never fails another; a record that cannot be worked goes back to its own
//! queue; the answer is given before the deadline, and nothing runs on after it.

pub mod batch;
pub mod handler;
