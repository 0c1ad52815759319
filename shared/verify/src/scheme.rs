//! A verification scheme: the record a preset or an operator gives, parsed once into the types the
//! interpreter walks. Nothing is looked up or re-parsed per request.
//!
//! The record is JSON. A field nobody knows and a field that means nothing beside the others are
//! refused by name: a scheme never verifies less than its record says.

mod fields;
mod parse;
pub(crate) mod record;

pub use fields::SchemeError;

use crate::batch::Batch;
use crate::handshake::Handshake;
use crate::json::Pointers;
use crate::template::Template;
use record::{Kind, Selector, SignaturePlace, TimeRule};

/// Bytes in a scheme record.
pub const SCHEME_BYTES_MAX: usize = 64 * 1024;

/// A parsed scheme. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct Scheme {
    json: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) places: Vec<SignaturePlace>,
    pub(crate) time: Option<TimeRule>,
    pub(crate) config: Vec<String>,
    /// What verification reads from a JSON body.
    pub(crate) signed_pointers: Pointers,
    pub(crate) id: Selector,
    pub(crate) event_type: Selector,
    /// What identification reads from a JSON body.
    pub(crate) identity_pointers: Pointers,
    /// Where the events of one request are, if it may carry several.
    pub(crate) batch: Option<Batch>,
    pub(crate) handshakes: Vec<Handshake>,
    /// What handshakes read from a JSON body.
    pub(crate) handshake_pointers: Pointers,
    ack: Ack,
}

/// The answer that tells the provider "accepted".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// 200 unless the record says otherwise; several providers count nothing else.
    pub status: u16,
    /// The content type of the body, if there is a body.
    pub content_type: Option<String>,
    /// The body, empty for most.
    pub body: String,
}

impl Scheme {
    /// Parses a scheme record.
    ///
    /// # Errors
    /// [`SchemeError`] names the field and the rule it breaks.
    pub fn parse(json: &str) -> Result<Self, SchemeError> {
        parse::scheme(json)
    }

    /// The record as it was given, for storing or showing it. It holds no secret.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The answer the provider wants to see.
    pub fn ack(&self) -> &Ack {
        &self.ack
    }

    /// Whether the signature binds the whole body. If not, nothing but the signed fields can be
    /// trusted, and the event should be confirmed with the provider.
    pub fn covers_body(&self) -> bool {
        match &self.kind {
            Kind::Signed(signed) => signed.texts.iter().all(Template::covers_body),
            Kind::Token | Kind::Basic => false,
        }
    }

    /// Whether what is in the body can be told by nobody but the provider: the signature binds all
    /// of it, or the sender has shown a credential of his own. With a signature over a part, whoever
    /// has seen one request can make others that differ in the rest.
    pub fn vouches_for_body(&self) -> bool {
        match &self.kind {
            Kind::Signed(_) => self.covers_body(),
            Kind::Token | Kind::Basic => true,
        }
    }

    /// Whether one request may carry several events.
    pub fn is_batch(&self) -> bool {
        self.batch.is_some()
    }

    /// Whether a signed timestamp can be read as a time, so that a [`Tolerance`](crate::Tolerance)
    /// means something.
    pub fn has_time(&self) -> bool {
        self.time.as_ref().is_some_and(|time| !time.opaque)
    }

    /// Whether the record itself asks for the age of a request to be checked, as
    /// [`Tolerance::SchemeDefault`](crate::Tolerance::SchemeDefault) does.
    pub fn checks_age_by_default(&self) -> bool {
        self.time.as_ref().is_some_and(|time| time.tolerance.is_some())
    }
}

#[cfg(test)]
mod tests;
