//! The sender against receivers on this machine that say byte for byte what a test tells them to.

#![expect(clippy::unwrap_used, reason = "what surprises a test fails it")]

mod answers;
mod attempt;
mod connections;
mod inward;
mod inward_urls;
mod receiver;
mod tls;
mod trouble;
