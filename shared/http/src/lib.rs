//! Postback over HTTP: [`ingest`] takes providers' events in, [`api`] is how people set things up
//! and see what happened. The Lambdas and the `postback` process serve the same routers.
//!
//! Reading order: [`ingest`], the hot path; [`api`], the routes, with one file a noun; `problem`,
//! the one place where an error becomes an answer; `edge`, what every answer has.
//!
//! Invariants kept here: whose objects a request may touch is decided in `api::auth` alone; a
//! secret is shown in the answer that creates it and in no other; every error is an RFC 9457
//! document with a stable `code`; no error answer of ingest says anything that a forger could use.

pub mod api;
mod edge;
pub mod ingest;
mod problem;

use axum::Router;

/// Both routers as one, for a process that serves them on one port.
pub fn app(api: Router, ingest: Router) -> Router {
    // Both bring the same answer for unknown routes, and a router has room for one.
    api.merge(ingest.reset_fallback())
}
