//! One provider connection: how its requests are verified, and the merchant it feeds.

use std::sync::Arc;
use std::time::Duration;

use postback_verify::{BodyField, Config, Preset, Scheme, SchemeError, Secret, preset};

pub use postback_verify::Tolerance;

use sha2::{Digest as _, Sha256};

use crate::ids::{MerchantId, SourceId};
use crate::rotation::{self, Dated, Owner};
use crate::text::Label;
use crate::time::Timestamp;

/// One provider connection. Owns the ingest URL `/in/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Drawn at random; also the hard-to-guess part of the ingest URL.
    pub id: SourceId,
    /// Whom its events are for, unless they say it themselves.
    pub merchant_id: MerchantId,
    /// Where an event says whom it is for, by a merchant's `external_id`: a platform's source brings
    /// the events of many.
    pub merchant_from: Option<BodyField>,
    /// For people.
    pub name: Option<Label>,
    /// How its requests are signed.
    pub scheme: SchemeChoice,
    /// Any that has not expired may match; the newest come first.
    pub secrets: Vec<SourceSecret>,
    /// Non-secret inputs that the scheme names, such as a registered URL.
    pub config: Config,
    /// How old a signed time may be.
    pub tolerance: Tolerance,
    /// When it was created.
    pub created_at: Timestamp,
    /// Counts changes; a write names the revision it saw.
    pub revision: u32,
}

/// A provider's secret.
pub type SourceSecret = Dated<Secret>;

impl Source {
    /// The secrets that may have signed a request of this time.
    pub fn live_secrets(&self, at: Timestamp) -> impl Iterator<Item = &SourceSecret> {
        rotation::live(&self.secrets, at)
    }

    /// Whom an event with this body is for, if it says. A value that is no `external_id`, because it
    /// is too long or has line breaks, becomes its hash: such an event is for somebody else than the
    /// source's own merchant, whoever that is.
    pub fn addressee(&self, body: &[u8]) -> Option<Label> {
        let named = self.merchant_from.as_ref()?.read(body)?;
        let label = Label::parse(&named).or_else(|_| {
            let hash = Sha256::digest(named.as_bytes());
            let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            Label::parse(&format!("sha256:{hex}"))
        });
        label.ok()
    }

    /// As the owner of secrets that are set now.
    pub fn next_owner(&self) -> Owner {
        Owner::source(self.id, self.revision.saturating_add(1))
    }
}

/// The largest tolerance that a source may ask for.
pub const TOLERANCE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// How a source's requests are signed; always a scheme that parsed.
#[derive(Debug, Clone)]
pub enum SchemeChoice {
    /// A provider we know.
    Preset(&'static Preset),
    /// The user's own scheme record.
    Own(Arc<Scheme>),
}

/// A name that is no preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("preset `{0}` must be one of GET /v1/presets")]
pub struct UnknownPreset(String);

impl SchemeChoice {
    /// A provider we know, by name.
    ///
    /// # Errors
    /// When no preset has this name.
    pub fn preset(name: &str) -> Result<Self, UnknownPreset> {
        preset(name).map(Self::Preset).ok_or_else(|| UnknownPreset(name.chars().take(64).collect()))
    }

    /// The user's own scheme record, as JSON.
    ///
    /// # Errors
    /// When the record is not in the vocabulary.
    pub fn own(record: &str) -> Result<Self, SchemeError> {
        Scheme::parse(record).map(|scheme| Self::Own(Arc::new(scheme)))
    }

    /// The scheme itself.
    pub fn scheme(&self) -> &Scheme {
        match self {
            Self::Preset(preset) => &preset.scheme,
            Self::Own(scheme) => scheme,
        }
    }
}

impl PartialEq for SchemeChoice {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Preset(a), Self::Preset(b)) => a.name == b.name,
            (Self::Own(a), Self::Own(b)) => a.as_json() == b.as_json(),
            (Self::Preset(_), Self::Own(_)) | (Self::Own(_), Self::Preset(_)) => false,
        }
    }
}

impl Eq for SchemeChoice {}
