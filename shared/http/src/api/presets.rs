//! `/v1/presets`: the providers whose scheme is known.

use axum::http::StatusCode;
use axum::response::Response;
use postback_verify::{Preset, presets};
use serde::Serialize;

use super::auth::Admin;
use super::input::Query;
use crate::edge;
use crate::problem::Problem;

/// A preset as an operator chooses it.
#[derive(Serialize)]
struct PresetView {
    /// What `preset` of a source is.
    name: &'static str,
    /// The provider, for people.
    title: &'static str,
    /// Where the provider describes its signatures.
    docs: &'static str,
    /// How sure we are of it, a letter each for signature, id and type, answer and retries: V
    /// verified against an official library, D documented by the provider, O seen in other
    /// software, S told by others, ? not known.
    confidence: &'static str,
    /// The names that `config` of a source must have.
    config: &'static [String],
    /// Whether the signature binds all of the body. If not, confirm events with the provider.
    covers_body: bool,
    /// Whether a time is signed, so that an old request can be told from a new one.
    replay_protection: bool,
    /// What the provider wants to be answered.
    expects: &'static str,
    /// One request may be several events.
    batch: bool,
    /// The provider answers for its signatures with a public key: `secrets` are PEM.
    public_key: bool,
    /// What to know before relying on it.
    caveats: &'static [String],
    /// Types of which there is a sample; not all that the provider has.
    event_types: Vec<&'static str>,
}

/// All presets: they are few and fixed, so there are no pages.
#[derive(Serialize)]
struct Presets {
    data: Vec<PresetView>,
    next: Option<String>,
}

pub(crate) async fn list(_: Admin, query: Query) -> Result<Response, Problem> {
    query.read(|_| Ok(()))?;
    let data = presets().iter().map(PresetView::of).collect();
    Ok(edge::json(StatusCode::OK, &Presets { data, next: None }))
}

impl PresetView {
    fn of(preset: &'static Preset) -> Self {
        Self {
            name: &preset.name,
            title: &preset.title,
            docs: &preset.docs,
            confidence: &preset.confidence,
            config: preset.scheme.config_names(),
            covers_body: preset.covers_body,
            replay_protection: preset.replay_protection,
            expects: &preset.expects,
            batch: preset.scheme.is_batch(),
            public_key: preset.scheme.takes_public_key(),
            caveats: &preset.caveats,
            event_types: preset.samples.iter().map(|sample| sample.event_type.as_str()).collect(),
        }
    }
}
