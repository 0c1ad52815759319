//! The nouns and rules of Postback. No async, no clock, no randomness, no I/O, no AWS: `now` and
//! random numbers arrive as arguments, so every rule can be tested and simulated as data.
//!
//! Reading order: [`event`] is what a provider told us; [`endpoint`] is who wants it;
//! [`fan_out`] decides which endpoints are owed it; [`delivery`] is the state machine of one debt,
//! with [`delivery::verdict`] (what an answer means) and [`delivery::retry`] (when the next try
//! is); [`turns`] says when an
//! endpoint with a limit may be called; [`recovery`] is an order to be sent again what was missed;
//! [`push`] is what a merchant gets, and [`signing`] how it knows that it was us; [`rotation`]
//! is how secrets change.
//! [`idempotency`] is for people's requests, not for events; [`key`] and [`portal`] are what opens
//! them, [`audit`] what is kept of them.
//!
//! Invariants kept here, by type: a [`delivery::Claim`] is consumed by the settlement it yields, so
//! an attempt cannot be finished twice; an [`endpoint::EndpointUrl`] cannot hold a scheme, user
//! info or literal address that policy refuses; a [`postback_verify::Secret`] cannot be printed.

pub mod audit;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod fan_out;
pub mod idempotency;
pub mod ids;
pub mod key;
pub mod limits;
pub mod merchant;
pub mod portal;
pub mod push;
pub mod recovery;
pub mod rotation;
pub mod signing;
pub mod source;
pub mod text;
pub mod time;
pub mod turns;
