//! Calls merchants: the engine's `Sender` port over HTTPS.
//!
//! One attempt is one POST of the exact bytes to one URL. Nothing is followed (redirects), added
//! (compression, cookies) or taken from the environment (proxies). The engine above decides when
//! to call and what an answer means; this crate decides how, and refuses to be led inward.
//!
//! Reading order: [`HttpSender`] makes an attempt; `outgoing` builds its request; `guard` resolves
//! and checks where it may go, and `dial` connects there and nowhere else; `answer` reads what
//! comes back, and `failure` names what went wrong.
//!
//! What matters for correctness: an attempt ends within the endpoint's timeout; a request that may
//! have reached the receiver is never sent twice by one attempt; every connection, kept ones
//! included, goes to an address that was checked when it was dialled; no error text names an inner
//! address, a header's value or a secret.

mod answer;
mod dial;
mod failure;
mod guard;
mod outgoing;
mod resolve;
mod sender;
mod settings;
mod stream;

pub use resolve::{Resolution, Resolver};
pub use sender::HttpSender;
pub use settings::{RootError, Settings};
