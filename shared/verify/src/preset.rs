//! The presets: one data file per provider in `presets/`, embedded, parsed once.

mod files;
mod sample;

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::value::RawValue;

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
    /// Where the provider documents its webhooks.
    pub docs: String,
    /// How well the facts are known, three letters for signature, id and type, answer and retries:
    /// `V` read in or run against an official library, `D` official documentation, `O` source of a
    /// payment orchestrator, `S` secondary sources, `?` not known.
    pub confidence: String,
    /// Whether the signature binds the whole body; see [`Scheme::covers_body`].
    pub covers_body: bool,
    /// Whether an old request is refused by its timestamp unless configured otherwise. If not, only
    /// the event id tells a replay.
    pub replay_protection: bool,
    /// What the provider takes as an answer, how fast it wants it, and how it tries again.
    pub expects: String,
    /// What whoever uses this preset should know, a sentence or two each.
    pub caveats: Vec<String>,
    /// The scheme.
    pub scheme: Arc<Scheme>,
    /// Realistic events, at least one.
    pub samples: Vec<Sample>,
}

/// A data file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    name: String,
    title: String,
    docs: String,
    confidence: String,
    covers_body: bool,
    replay_protection: bool,
    expects: String,
    caveats: Vec<String>,
    #[serde(borrow)]
    scheme: &'a RawValue,
    #[serde(borrow)]
    samples: Vec<sample::Record<'a>>,
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let mut presets: Vec<_> = files::PRESETS
        .iter()
        .map(|json| Preset::parse(json).expect("embedded preset files are valid: a test reads all"))
        .collect();
    presets.sort_by(|left, right| left.name.cmp(&right.name));
    presets
});

/// All presets, sorted by name. The first call parses them.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    let position = PRESETS.binary_search_by(|preset| preset.name.as_str().cmp(name));
    position.ok().map(|position| &PRESETS[position])
}

impl Preset {
    /// The answer the provider wants to see.
    pub fn ack(&self) -> &Ack {
        self.scheme.ack()
    }

    /// The sample of an event type; without one, the first sample.
    pub fn sample(&self, event_type: Option<&str>) -> Option<&Sample> {
        match event_type {
            Some(wanted) => self.samples.iter().find(|sample| sample.event_type == wanted),
            None => self.samples.first(),
        }
    }

    /// A sample event, signed for `at` as the provider would sign it.
    ///
    /// # Errors
    /// [`SampleError`] if `id` is not one a sample can carry.
    /// [`SampleError::Sign`] if secret or configuration do not fit the scheme, or if nobody but the
    /// provider [can sign](Scheme::takes_public_key).
    pub fn signed_sample(
        &self,
        sample: &Sample,
        id: &str,
        secret: &Secret,
        config: &Config,
        at: UnixTime,
    ) -> Result<Signed, SampleError> {
        let SampleRequest { headers, query, body, .. } = sample.request(id, at)?;
        let input = SignInput {
            body: body.as_bytes(),
            query: &query,
            headers: &headers,
            secret,
            config,
            timestamp: at,
        };
        self.scheme.sign(&input).map_err(SampleError::Sign)
    }

    fn parse(json: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let record: Record<'_> = serde_json::from_str(json)?;
        Ok(Self {
            name: record.name,
            title: record.title,
            docs: record.docs,
            confidence: record.confidence,
            covers_body: record.covers_body,
            replay_protection: record.replay_protection,
            expects: record.expects,
            caveats: record.caveats,
            scheme: Arc::new(Scheme::parse(record.scheme.get())?),
            samples: record
                .samples
                .into_iter()
                .map(Sample::from_record)
                .collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests;
