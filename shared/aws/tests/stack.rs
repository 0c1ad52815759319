//! What only a deployed stack shows: dead-letter queues that SQS fills by itself, redrives, lost
//! and repeated messages, workers that are killed. Runs against the stack whose description, the
//! last line of `infra/local/up --json`, is in `POSTBACK_STACK`. Left out of a plain `cargo test`,
//! which has no stack:
//!
//! ```text
//! POSTBACK_STACK=$(infra/local/up --json | tail -n 1) cargo test -p postback-aws --test stack
//! ```
//!
//! The stack must be one for tests: a queue is purged and functions are killed. Nobody waits for
//! the hours and days that deliveries take. What has to lie in the past is written into the row,
//! and a queue that should hand a message out again soon is told so, until the test ends.
//!
//! Reading order: [`stage`] is what a test begins with, [`shop`] what it sets up; [`queue`],
//! [`rows`] and [`functions`] are the parts of the stack that it reaches around the API.

#[path = "stack/dead_letters.rs"]
mod dead_letters;
#[path = "stack/functions.rs"]
mod functions;
#[path = "stack/killed.rs"]
mod killed;
#[path = "stack/messages.rs"]
mod messages;
#[path = "stack/purged.rs"]
mod purged;
#[path = "stack/queue.rs"]
mod queue;
#[path = "stack/rows.rs"]
mod rows;
#[path = "stack/shop.rs"]
mod shop;
#[path = "stack/stage.rs"]
mod stage;
