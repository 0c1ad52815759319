//! One provider connection: how its requests are verified, and the merchant it feeds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{MerchantId, SourceId};
use crate::secret::Secret;
use crate::text::Label;
use crate::time::Timestamp;

/// One provider connection. Owns the ingest URL `/in/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Drawn at random; also the hard-to-guess part of the ingest URL.
    pub id: SourceId,
    /// Whom its events are for.
    pub merchant_id: MerchantId,
    /// For people.
    pub name: Option<Label>,
    /// How its requests are signed.
    pub scheme: SchemeChoice,
    /// Any of them may match.
    pub secrets: Vec<Secret>,
    /// Non-secret inputs that the scheme names, such as a registered URL.
    pub config: BTreeMap<String, String>,
    /// How old a signed time may be.
    pub tolerance: Tolerance,
    /// When it was created.
    pub created_at: Timestamp,
    /// Counts changes; a write names the revision it saw.
    pub revision: u32,
}

/// How a source's requests are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemeChoice {
    /// A provider we know, by name.
    Preset(String),
    /// The user's own scheme record, as JSON in the vocabulary of `postback-verify`.
    Own(String),
}

/// How old a signed time may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// What the scheme suggests.
    Suggested,
    /// No age check.
    Unchecked,
    /// This much either way.
    Within(Duration),
}
