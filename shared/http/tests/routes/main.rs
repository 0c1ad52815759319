//! Every route over the embedded store, as its callers see it. The files mirror the URL tree;
//! `world` has one client per kind of caller.

#![expect(clippy::unwrap_used, reason = "what surprises a test fails it")]

mod world;

mod access;
mod audit;
mod concurrency;
mod dead_letters;
mod deliveries;
mod docs;
mod document;
mod edges;
mod endpoint_secrets;
mod endpoints;
mod events;
mod handshakes;
mod idempotency;
mod ingest;
mod keys;
mod merchants;
mod paging;
mod portal;
mod pull;
mod quota;
mod recoveries;
mod secrecy;
mod secrets;
mod sources;
mod trials;
