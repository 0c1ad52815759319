//! The presets: one data file per provider in `presets/`, embedded, parsed once.

mod record;
mod sample;

use std::sync::{Arc, LazyLock};

pub use sample::{Sample, SampleError, SampleRequest};

use crate::config::Config;
use crate::scheme::{Ack, Scheme};
use crate::secret::Secret;
use crate::sign::{SignError, SignInput, Signed};
use crate::time::UnixTime;

/// A provider whose scheme is known.
#[derive(Debug)]
#[non_exhaustive]
pub struct Preset {
    /// The name a source is configured with, such as `standard-webhooks`.
    pub name: String,
    /// The name people read, such as `Standard Webhooks`.
    pub title: String,
    /// Where the provider documents its webhooks: a URL.
    pub docs: String,
    /// How well the facts are known.
    pub confidence: Confidence,
    /// Whether the signature binds the whole body; see [`Scheme::covers_body`].
    pub covers_body: bool,
    /// Whether an old request is refused by its timestamp by default. Otherwise only the event id
    /// tells a replay.
    pub replay_protection: bool,
    /// What whoever uses this preset should know, one sentence or two each.
    pub caveats: Vec<String>,
    /// The scheme.
    pub scheme: Arc<Scheme>,
    /// Realistic events; at least one.
    pub samples: Vec<Sample>,
}

/// How well three groups of facts about a provider are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confidence {
    /// The signature.
    pub signature: Source,
    /// Where event id and type are.
    pub identity: Source,
    /// Which answer counts and how the provider retries.
    pub answer: Source,
}
