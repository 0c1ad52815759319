//! Signing, from the same record that verifies: for sample events and tests.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::Config;
use crate::input::{Input, Inputs};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::scheme::Scheme;
use crate::scheme::record::{Kind, SignaturePlace, SignedText, TimeSource, TimeUnit};
use crate::secret::{Secret, SecretError};
use crate::template::Filling;
use crate::time::UnixTime;

/// What stands in a JSON body where the signature belongs, for schemes that put it there.
const SIGNATURE_PLACEHOLDER: &str = "{{signature}}";

/// A request to sign.
#[derive(Clone, Copy)]
pub struct SignInput<'a> {
    /// The body. For a scheme whose signature stands in a JSON body, `"{{signature}}"` marks where.
    pub body: &'a [u8],
    /// The query string without `?`.
    pub query: &'a str,
    /// Headers to send, among them those the signed text needs, such as a message id. The headers
    /// of signature and timestamp are added or replaced.
    pub headers: &'a [(String, String)],
    /// The secret to sign with.
    pub secret: &'a Secret,
    /// The named inputs of the scheme.
    pub config: &'a Config,
    /// The time to sign for.
    pub timestamp: UnixTime,
}

/// A signed request: all of its headers, its query string and its body.
///
/// `Debug` shows the names of the headers only: for some schemes a value is the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The given headers and those of signature and timestamp.
    pub headers: Vec<(String, String)>,
    /// The query string without `?`.
    pub query: String,
    /// The body, unchanged unless the signature stands in it.
    pub body: Vec<u8>,
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The secret does not have the form of the scheme.
    #[error("cannot sign with this secret")]
    Secret(#[from] SecretError),
    /// Something the signed text needs is absent or given twice.
    #[error("the request to sign is not complete")]
    Incomplete(#[from] Refusal),
    /// The signature belongs into the JSON body, and nothing says where.
    #[error("body does not hold `{SIGNATURE_PLACEHOLDER}` where the signature belongs")]
    NoPlaceInBody,
    /// Only the provider has the private key.
    #[error(
        "cannot sign: the scheme takes a public key, and only the provider has the private one"
    )]
    PublicKey,
}

impl Scheme {
    /// Signs a request as the provider would, at the first place of the scheme; items that are
    /// signed one by one, each.
    ///
    /// # Errors
    /// [`SignError`] if the secret has the wrong form, if a part of the signed text is absent, if
    /// nobody but the provider can sign.
    pub fn sign(&self, input: &SignInput<'_>) -> Result<Signed, SignError> {
        if self.takes_public_key() {
            return Err(SignError::PublicKey);
        }
        self.check_secret(input.secret)?;
        let mut signed = Signed {
            headers: input.headers.to_vec(),
            query: input.query.to_owned(),
            body: input.body.to_vec(),
        };
        let timestamp = self.timestamp_text(input.timestamp);
        if let Some(TimeSource::Input(place)) = self.time.as_ref().map(|time| &time.from) {
            match place {
                Input::Header(name) => signed.set_header(name, &timestamp),
                Input::Query(name) => signed.add_parameter(name, &timestamp),
                // Part of the event itself, so the caller's body already has it.
                Input::Form(_) | Input::Json(_) => {}
            }
        }
        // A parsed scheme has at least one place.
        let Some(place) = self.places.first() else { return Err(Refusal::MissingSignature.into()) };
        // From the last to the first, so that what is put into one does not move the others.
        for item in self.signed_parts(&signed.body)?.into_iter().rev() {
            let signature = match &self.kind {
                Kind::Basic => format!("Basic {}", STANDARD.encode(input.secret.expose())),
                Kind::Token => {
                    self.compose(place, input.secret.expose(), &timestamp, input.config)?
                }
                Kind::Signed(text) => {
                    let tag = self.signature(text, place, &signed, &item, input, &timestamp)?;
                    self.compose(place, &tag, &timestamp, input.config)?
                }
            };
            signed.attach(&place.from, &item, &signature)?;
        }
        Ok(signed)
    }

    /// The parts of a body that have a signature of their own: all of it, or each item.
    fn signed_parts(&self, body: &[u8]) -> Result<Vec<Range<usize>>, Refusal> {
        match self.batch.as_ref().filter(|batch| batch.is_signed_apart) {
            None => Ok(std::iter::once(0..body.len()).collect()),
            Some(batch) => batch.items(body).ok_or(Refusal::MalformedBody),
        }
    }

    fn timestamp_text(&self, at: UnixTime) -> String {
        match self.time.as_ref().map(|time| time.unit) {
            Some(TimeUnit::Millis) => at.as_millis().to_string(),
            Some(TimeUnit::Rfc3339) => at.to_rfc3339(),
            Some(TimeUnit::Seconds) | None => at.as_secs().to_string(),
        }
    }

    fn signature(
        &self,
        signed: &SignedText,
        place: &SignaturePlace,
        request: &Signed,
        item: &Range<usize>,
        input: &SignInput<'_>,
        timestamp: &str,
    ) -> Result<String, SignError> {
        let Signed { headers, query, body } = request;
        let request = Request { query, headers, body: &body[item.clone()] };
        let inputs = Inputs::read(&request, &self.signed_pointers, input.config)?;
        let timestamp = match self.time.as_ref().map(|time| &time.from) {
            Some(TimeSource::Input(place)) => {
                Some(inputs.get(place)?.ok_or(Refusal::MissingTimestamp)?)
            }
            Some(TimeSource::Element(_)) => Some(Cow::Borrowed(timestamp.as_bytes())),
            None => None,
        };
        let filling =
            Filling { inputs: &inputs, timestamp: timestamp.as_deref(), secret: input.secret };
        let text = signed.texts.first().ok_or(Refusal::MissingInput)?;
        Ok(place.encoding.encode(&text.tag(signed.hasher(input.secret)?, &filling)?))
    }

    fn compose(
        &self,
        place: &SignaturePlace,
        signature: &str,
        timestamp: &str,
        config: &Config,
    ) -> Result<String, Refusal> {
        place.compose(signature, timestamp, config).ok_or(Refusal::MissingConfig)
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Signed")
            .field("header_names", &names)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Signed {
    fn attach(
        &mut self,
        place: &Input,
        item: &Range<usize>,
        signature: &str,
    ) -> Result<(), SignError> {
        match place {
            Input::Header(name) => self.set_header(name, signature),
            Input::Query(name) => self.add_parameter(name, signature),
            Input::Form(name) => {
                if !self.body.is_empty() {
                    self.body.push(b'&');
                }
                self.body.extend(parameter(name, signature).bytes());
            }
            Input::Json(_) => {
                let marker = SIGNATURE_PLACEHOLDER.as_bytes();
                let mut windows = self.body[item.clone()].windows(marker.len());
                let start = windows.position(|window| window == marker);
                let start = item.start + start.ok_or(SignError::NoPlaceInBody)?;
                self.body.splice(start..start + marker.len(), signature.bytes());
            }
        }
        Ok(())
    }

    fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn add_parameter(&mut self, name: &str, value: &str) {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&parameter(name, value));
    }
}

/// `name=value` with everything but unreserved characters percent-encoded.
fn parameter(name: &str, value: &str) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    format!("{}={}", encode(name), encode(value))
}

#[cfg(test)]
mod tests;
