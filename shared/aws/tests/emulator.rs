//! The adapters against a real wire: a DynamoDB-compatible emulator at `POSTBACK_AWS_ENDPOINT`,
//! which `tests/run` starts. Left out of a plain `cargo test`, which has none:
//!
//! ```text
//! POSTBACK_AWS_ENDPOINT=http://127.0.0.1:4566 cargo test -p postback-aws --test emulator
//! ```
//!
//! What an emulator does not have, an index that is behind and a partition that is full, is not
//! tested here.

#![expect(clippy::unwrap_used, reason = "a world that cannot be set up ends its test")]

#[path = "emulator/budget.rs"]
mod budget;
#[path = "emulator/interrupted.rs"]
mod interrupted;
#[path = "emulator/once.rs"]
mod once;
#[path = "emulator/sweep.rs"]
mod sweep;
#[path = "emulator/throttled.rs"]
mod throttled;
#[path = "emulator/wire.rs"]
mod wire;
#[path = "emulator/world.rs"]
mod world;

use world::fresh_store;

postback_contract::suite!(fresh_store);
