//! The harness of the acceptance suite: everything the tests in `tests/` share.
//!
//! The suite is a black box. It depends on no crate of the product, signs and verifies by itself,
//! and speaks HTTP/1.1 over plain sockets, so that it decides every byte it sends and sees every
//! byte it gets.
//!
//! The target is chosen by environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `POSTBACK_URL` | `http://host:port` of a running stack. Unset: every test starts the `postback` binary on a data directory of its own |
//! | `POSTBACK_ADMIN_KEY` | the admin key of that stack; required with `POSTBACK_URL` |
//! | `POSTBACK_HOST_HEADER` | the `Host` to send, for an emulator that routes by it |
//! | `POSTBACK_BIN` | the binary to start instead of the one in this target directory |
//!
//! A running stack must be able to call receivers on this machine's loopback address over plain
//! http. Tests that kill, restart or starve the server need one of their own; against a running
//! stack they print a note and pass.
//!
//! Reading order: [`stack`] is what a test begins with, [`api`] what it sets up, [`sign`] what
//! providers send, [`receiver`] and [`webhook`] what merchants get.

pub mod api;
pub mod binary;
pub mod client;
pub mod clock;
pub mod receiver;
pub mod server;
pub mod sign;
pub mod stack;
pub mod tmpfs;
pub mod webhook;
pub mod wire;
