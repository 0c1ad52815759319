//! Verification: from a request to "one of these secrets signed it" or a reason why not.
//!
//! The order is fixed, because the reason given depends on it: form of the signature, presence and
//! form of the timestamp, inputs of the signed text, the signature itself, and the clock last, so
//! that nobody without a secret learns what time it is here.

use std::borrow::{Borrow, Cow};
use std::time::Duration;

use crate::bounded::Bounded;
use crate::config::Config;
use crate::digest::{Hasher, Tag, same};
use crate::input::{Input, Inputs};
use crate::public_key::{PublicKey, RsaHash};
use crate::refusal::Refusal;
use crate::request::{Request, trim};
use crate::scheme::Scheme;
use crate::scheme::record::{
    Algorithm, Kind, SelectorPart, SignaturePlace, SignedText, TimeRule, TimeSource, TimeUnit,
};
use crate::secret::{Secret, SecretError};
use crate::signature::{Claim, Claims, SIGNATURES_MAX};
use crate::template::{Filling, Template};
use crate::time::{Tolerance, UnixTime, decimal};

/// Secrets looked at; further ones are not. Rotation needs two or three.
pub const SECRETS_MAX: usize = 64;

/// What is known of a request whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// One bit for each secret.
    matched: u64,
}

impl Verified {
    /// Which of the given secrets matched, counted from 0. Several only if the items of a batch are
    /// signed one by one, and not all with the same.
    pub fn secret_indexes(self) -> impl Iterator<Item = usize> {
        (0..SECRETS_MAX).filter(move |index| self.matched & 1 << index != 0)
    }
}

/// The values found at the places of a scheme, each with its place.
pub(crate) type PlacedValues<'r, 's> = Bounded<(&'s SignaturePlace, Cow<'r, [u8]>), SIGNATURES_MAX>;

/// A signed timestamp: the text as received, and its number unless the scheme never reads it.
pub(crate) struct Timestamp<'v> {
    pub(crate) text: Cow<'v, [u8]>,
    number: Option<u64>,
}

impl Scheme {
    /// Decides whether `request` was made by a holder of one of `secrets`.
    ///
    /// Any secret may match; the order says nothing. A secret that does not have the form the
    /// scheme needs is passed over, so that one bad entry does not lock a source out.
    /// Where the items of a batch are signed one by one, every one must verify.
    /// Time is linear in the request. No allocation happens for header signatures with a text key.
    ///
    /// # Errors
    /// A [`Refusal`]; it never says anything about the secrets.
    pub fn verify<S: Borrow<Secret>>(
        &self,
        request: &Request<'_>,
        secrets: &[S],
        config: &Config,
        tolerance: Tolerance,
        now: UnixTime,
    ) -> Result<Verified, Refusal> {
        let Some(batch) = self.batch.as_ref().filter(|batch| batch.is_signed_apart) else {
            let secret = self.verify_one(request, secrets, config, tolerance, now)?;
            return Ok(Verified { matched: 1 << secret });
        };
        let items = batch.items(request.body).ok_or(Refusal::MalformedBody)?;
        let mut matched = 0;
        for item in items {
            let request = Request { body: &request.body[item], ..*request };
            matched |= 1 << self.verify_one(&request, secrets, config, tolerance, now)?;
        }
        Ok(Verified { matched })
    }

    /// The position of the secret that matched.
    pub(crate) fn verify_one<S: Borrow<Secret>>(
        &self,
        request: &Request<'_>,
        secrets: &[S],
        config: &Config,
        tolerance: Tolerance,
        now: UnixTime,
    ) -> Result<usize, Refusal> {
        let inputs = Inputs::read(request, &self.signed_pointers, config)?;
        self.refuse_repeated_id(&inputs)?;
        let values = self.signature_values(&inputs)?;
        let claims = self.claims(&values, config)?;
        let timestamp = self.timestamp(&inputs, claims.timestamp)?;
        let text = timestamp.as_ref().map(|timestamp| timestamp.text.as_ref());
        let secret_index = self.matching_secret(&inputs, &claims, text, secrets)?;
        if let Some(number) = timestamp.and_then(|timestamp| timestamp.number) {
            self.check_age(number, tolerance, now)?;
        }
        Ok(secret_index)
    }

    /// The id decides what counts as a repeat, so there must be no doubt which one it is.
    pub(crate) fn refuse_repeated_id(&self, inputs: &Inputs<'_>) -> Result<(), Refusal> {
        for part in &self.id.0 {
            // Pointers of the id belong to another set than those of `inputs`.
            if let SelectorPart::Input(input) = part
                && !matches!(input, Input::Json(_))
            {
                inputs.get(input)?;
            }
        }
        Ok(())
    }

    pub(crate) fn signature_values<'i>(
        &self,
        inputs: &'i Inputs<'_>,
    ) -> Result<PlacedValues<'i, '_>, Refusal> {
        let mut values = Bounded::new();
        let mut push =
            |place, value| values.push((place, value)).map_err(|_| Refusal::MalformedSignature);
        for place in &self.places {
            match &place.from {
                Input::Header(name) if place.any_line => {
                    let lines = (0..).map_while(|nth| inputs.request().headers.line(name, nth));
                    for line in lines {
                        push(place, Cow::Borrowed(trim(line)))?;
                    }
                }
                input => {
                    if let Some(value) = inputs.get(input)? {
                        push(place, value)?;
                    }
                }
            }
        }
        if values.is_empty() { Err(Refusal::MissingSignature) } else { Ok(values) }
    }

    pub(crate) fn claims<'v>(
        &self,
        values: &'v PlacedValues<'_, '_>,
        config: &Config,
    ) -> Result<Claims<'v>, Refusal> {
        let mut claims = Claims::new();
        let time_key = self.time.as_ref().and_then(|time| match &time.from {
            TimeSource::Element(key) => Some(key.as_str()),
            TimeSource::Input(_) => None,
        });
        for (place, value) in values.iter() {
            place.scan(value, &self.kind, time_key, config, &mut claims)?;
        }
        if claims.well_formed { Ok(claims) } else { Err(Refusal::MalformedSignature) }
    }

    pub(crate) fn timestamp<'v>(
        &self,
        inputs: &'v Inputs<'_>,
        element: Option<&'v [u8]>,
    ) -> Result<Option<Timestamp<'v>>, Refusal> {
        let Some(time) = &self.time else { return Ok(None) };
        let text = match &time.from {
            TimeSource::Element(_) => Cow::Borrowed(element.ok_or(Refusal::MalformedSignature)?),
            TimeSource::Input(input) => inputs.get(input)?.ok_or(Refusal::MissingTimestamp)?,
        };
        if time.opaque {
            return Ok(Some(Timestamp { text, number: None }));
        }
        let number = time.number(&text).ok_or(Refusal::MalformedTimestamp)?;
        Ok(Some(Timestamp { text, number: Some(number) }))
    }

    pub(crate) fn matching_secret<S: Borrow<Secret>>(
        &self,
        inputs: &Inputs<'_>,
        claims: &Claims<'_>,
        timestamp: Option<&[u8]>,
        secrets: &[S],
    ) -> Result<usize, Refusal> {
        let mut any_usable = false;
        for (index, secret) in secrets.iter().map(S::borrow).take(SECRETS_MAX).enumerate() {
            if secret.expose().is_empty() {
                continue;
            }
            let filling = Filling { inputs, timestamp, secret };
            let is_match = match &self.kind {
                Kind::Signed(signed) => match self.is_signed(signed, claims, &filling) {
                    None => continue,
                    Some(is_match) => is_match?,
                },
                Kind::Token | Kind::Basic => {
                    claims.iter().any(|claim| claim.is_credential(secret.expose().as_bytes()))
                }
            };
            if is_match {
                return Ok(index);
            }
            any_usable = true;
        }
        Err(if any_usable { Refusal::SignatureMismatch } else { Refusal::NoUsableSecret })
    }

    /// Whether some claim is a signature of some text; nothing if the secret cannot make one.
    fn is_signed(
        &self,
        signed: &SignedText,
        claims: &Claims<'_>,
        filling: &Filling<'_>,
    ) -> Option<Result<bool, Refusal>> {
        if let Algorithm::Rsa(hash) = signed.algorithm {
            let key = PublicKey::parse(filling.secret.expose()).ok()?;
            return Some(any_of(&signed.texts, |text| {
                let message = text.bytes(filling)?;
                Ok(claims.iter().any(|claim| claim.is_signature(&key, hash, &message)))
            }));
        }
        let hasher = signed.hasher(filling.secret).ok()?;
        Some(any_of(&signed.texts, |text| {
            let tag = text.tag(hasher.clone(), filling)?;
            Ok(claims.iter().any(|claim| claim.is_tag(&tag)) && !self.is_challenge(text, filling))
        }))
    }

    fn check_age(&self, number: u64, tolerance: Tolerance, now: UnixTime) -> Result<(), Refusal> {
        let Some(time) = &self.time else { return Ok(()) };
        let tolerance = match tolerance {
            Tolerance::SchemeDefault => time.tolerance,
            Tolerance::Within(tolerance) => Some(tolerance),
            Tolerance::Unchecked => None,
        };
        let Some(tolerance) = tolerance else { return Ok(()) };
        // Compared in the unit of the timestamp: a sender of whole seconds knows no fractions.
        let (now, distance): (u64, fn(u64) -> Duration) = match time.unit {
            TimeUnit::Millis | TimeUnit::Rfc3339 => (now.as_millis(), Duration::from_millis),
            TimeUnit::Seconds => (now.as_secs(), Duration::from_secs),
        };
        if distance(now.abs_diff(number)) <= tolerance {
            Ok(())
        } else if number < now {
            Err(Refusal::StaleTimestamp)
        } else {
            Err(Refusal::FutureTimestamp)
        }
    }
}

impl SignedText {
    /// A hash to feed the signed text to, keyed with the secret if it is a MAC.
    pub(crate) fn hasher(&self, secret: &Secret) -> Result<Hasher, SecretError> {
        Ok(match &self.algorithm {
            Algorithm::Hmac(key) => self.hash.keyed(&key.derive(secret)?),
            Algorithm::Digest | Algorithm::Rsa(_) => self.hash.plain(),
        })
    }
}

impl TimeRule {
    /// The time in the unit of the rule; of RFC 3339, in milliseconds.
    fn number(&self, text: &[u8]) -> Option<u64> {
        match self.unit {
            TimeUnit::Seconds | TimeUnit::Millis => decimal(text),
            TimeUnit::Rfc3339 => UnixTime::of_rfc3339(text).map(UnixTime::as_millis),
        }
    }
}

impl Template {
    /// Hashes the filled text. The pieces go into the hash one by one; the body is not copied.
    pub(crate) fn tag(&self, mut hasher: Hasher, filling: &Filling<'_>) -> Result<Tag, Refusal> {
        self.feed(filling, &mut |piece| hasher.update(piece))?;
        Ok(hasher.finish())
    }
}

impl Claim<'_> {
    fn is_tag(&self, expected: &Tag) -> bool {
        matches!(self, Claim::Tag(tag) if tag.matches(expected))
    }

    fn is_signature(&self, key: &PublicKey, hash: RsaHash, message: &[u8]) -> bool {
        matches!(self, Claim::Signature(bytes) if key.has_signed(hash, message, bytes))
    }

    fn is_credential(&self, expected: &[u8]) -> bool {
        matches!(self, Claim::Credential(credential) if same(credential, expected))
    }
}

fn any_of<T>(
    items: &[T],
    mut is_match: impl FnMut(&T) -> Result<bool, Refusal>,
) -> Result<bool, Refusal> {
    for item in items {
        if is_match(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
