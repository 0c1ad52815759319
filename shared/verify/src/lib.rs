#![doc = include_str!("../README.md")]

mod batch;
mod bounded;
mod config;
mod digest;
mod encoding;
mod explain;
mod handshake;
mod identify;
mod input;
mod json;
mod preset;
mod public_key;
mod refusal;
mod request;
mod scheme;
mod secret;
mod sign;
mod signature;
mod template;
mod time;
mod verify;

pub use batch::ITEMS_MAX;
pub use config::{CONFIG_VALUE_BYTES_MAX, Config, ConfigError};
pub use explain::{Explanation, Step};
pub use handshake::Method;
pub use identify::{EVENT_ID_BYTES_MAX, EVENT_TYPE_BYTES_MAX, IdOrigin, Identity, UNKNOWN_TYPE};
pub use preset::{Preset, Sample, SampleError, SampleRequest, preset, presets};
pub use refusal::Refusal;
pub use request::{Headers, Request};
pub use scheme::{Ack, SCHEME_BYTES_MAX, Scheme, SchemeError};
pub use secret::{SECRET_BYTES_MAX, Secret, SecretError};
pub use sign::{SignError, SignInput, Signed};
pub use signature::SIGNATURES_MAX;
pub use time::{Tolerance, UnixTime};
pub use verify::{SECRETS_MAX, Verified};
