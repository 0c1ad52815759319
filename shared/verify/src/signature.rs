//! Takes the value at a signature place apart, into claims that can be compared, and the timestamp
//! that may stand among them. And the reverse, for signing.
//!
//! Elements nobody knows are skipped and never trusted. An element of the right kind that does not
//! decode is skipped too; if nothing is left, the value was malformed.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bounded::Bounded;
use crate::config::Config;
use crate::digest::Tag;
use crate::encoding::Decoded;
use crate::refusal::Refusal;
use crate::request::trim;
use crate::scheme::record::{Algorithm, ElementForm, Kind, PairKey, Prefix, SignaturePlace, Take};

/// Signatures looked at in one request, over all places and lines. Rotation needs two or three.
pub const SIGNATURES_MAX: usize = 16;

/// Something a sender offers as proof.
pub(crate) enum Claim<'v> {
    Tag(Tag),
    /// Of a length that only the key knows.
    Signature(Vec<u8>),
    Credential(Cow<'v, [u8]>),
}

/// Everything found at the places of a scheme.
pub(crate) struct Claims<'v> {
    list: Bounded<Claim<'v>, SIGNATURES_MAX>,
    /// Something had the right form, even if it cannot match.
    pub(crate) well_formed: bool,
    pub(crate) timestamp: Option<&'v [u8]>,
}

impl<'v> Claims<'v> {
    pub(crate) fn new() -> Self {
        Self { list: Bounded::new(), well_formed: false, timestamp: None }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Claim<'v>> {
        self.list.iter()
    }

    fn add(&mut self, claim: Claim<'v>) -> Result<(), Refusal> {
        self.well_formed = true;
        self.list.push(claim).map_err(|_| Refusal::MalformedSignature)
    }
}

impl SignaturePlace {
    /// Adds what `value`, trimmed, holds. `time_key` is the key of the pair that is the timestamp.
    pub(crate) fn scan<'v>(
        &self,
        value: &'v [u8],
        kind: &Kind,
        time_key: Option<&str>,
        config: &Config,
        claims: &mut Claims<'v>,
    ) -> Result<(), Refusal> {
        let mut seen_single = 0_u32;
        let mut rest = Some(value);
        let mut is_first = true;
        while let Some(text) = rest {
            let (element, after) = self.next_element(text);
            rest = after;
            let element = trim(element);
            let signature = match &self.form {
                ElementForm::Bare => Some(element),
                ElementForm::TimestampFirst if is_first => {
                    claims.timestamp = Some(element);
                    None
                }
                ElementForm::TimestampFirst => Some(element),
                ElementForm::Pairs { keys, separator, single } => {
                    match split_once(element, separator.as_bytes()) {
                        None => None,
                        Some((key, value)) => {
                            if let Some(position) =
                                single.iter().position(|name| name.as_bytes() == key)
                            {
                                if seen_single & 1 << position != 0 {
                                    return Err(Refusal::MalformedSignature);
                                }
                                seen_single |= 1 << position;
                            }
                            if time_key.is_some_and(|name| name.as_bytes() == key) {
                                claims.timestamp = Some(value);
                            }
                            is_signature_key(keys, key, config)?.then_some(value)
                        }
                    }
                }
            };
            is_first = false;
            if let Some(signature) = signature.filter(|signature| !signature.is_empty()) {
                self.claim(signature, kind, claims)?;
            }
        }
        Ok(())
    }

    /// Puts signature and timestamp into the form [`scan`](Self::scan) takes apart. Parts that
    /// verification ignores are filled with `1`.
    pub(crate) fn compose(
        &self,
        signature: &str,
        timestamp: &str,
        config: &Config,
    ) -> Option<String> {
        let mut element = signature.to_owned();
        if let Some(separator) = &self.suffix_separator {
            element = format!("{element}{separator}1");
        }
        if let Some(Take { separator, part }) = &self.take {
            element = format!("{}{element}", format!("1{separator}").repeat(*part));
        }
        if let Some(prefix) = &self.prefix {
            element = format!("{}{element}", prefix.text);
        }
        let split = self.split.map_or(' ', char::from);
        Some(match &self.form {
            ElementForm::Bare => element,
            ElementForm::TimestampFirst => format!("{timestamp}{split}{element}"),
            ElementForm::Pairs { keys, separator, single } => {
                let key = match keys.first()? {
                    PairKey::Literal(key) => key.as_str(),
                    PairKey::Config(name) => config.get(name)?,
                };
                let times =
                    single.iter().map(|name| format!("{name}{separator}{timestamp}{split}"));
                format!("{}{key}{separator}{element}", times.collect::<String>())
            }
        })
    }

    fn next_element<'v>(&self, text: &'v [u8]) -> (&'v [u8], Option<&'v [u8]>) {
        let end = self.split.and_then(|split| text.iter().position(|byte| *byte == split));
        match end {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        }
    }

    fn claim<'v>(
        &self,
        element: &'v [u8],
        kind: &Kind,
        claims: &mut Claims<'v>,
    ) -> Result<(), Refusal> {
        let signed = match kind {
            Kind::Signed(signed) => Some(signed),
            Kind::Token => None,
            Kind::Basic => {
                return match basic_credentials(element) {
                    Some(credentials) => claims.add(Claim::Credential(credentials.into())),
                    None => Ok(()),
                };
            }
        };
        let element = match &self.prefix {
            None => element,
            Some(prefix) => match prefix.remove(element) {
                Some(rest) => rest,
                None if prefix.skip_unknown => return Ok(()),
                None => return Err(Refusal::MalformedSignature),
            },
        };
        let Some(element) = self.take.as_ref().map_or(Some(element), |take| take.part_of(element))
        else {
            return Ok(());
        };
        let element = match &self.suffix_separator {
            Some(separator) => {
                split_once(element, separator.as_bytes()).map_or(element, |(front, _)| front)
            }
            None => element,
        };
        let Some(signed) = signed else {
            let is_empty = element.is_empty();
            return if is_empty { Ok(()) } else { claims.add(Claim::Credential(element.into())) };
        };
        if matches!(signed.algorithm, Algorithm::Rsa(_)) {
            let signature = self.encoding.decode_any(element);
            return signature.map_or(Ok(()), |signature| claims.add(Claim::Signature(signature)));
        }
        match self.encoding.decode(element, signed.hash) {
            Decoded::Tag(tag) => claims.add(Claim::Tag(tag)),
            Decoded::OtherLength => {
                claims.well_formed = true;
                Ok(())
            }
            Decoded::Malformed => Ok(()),
        }
    }
}

impl Prefix {
    fn remove<'v>(&self, element: &'v [u8]) -> Option<&'v [u8]> {
        let (front, rest) = element.split_at_checked(self.text.len())?;
        let is_same = if self.ignore_case {
            front.eq_ignore_ascii_case(self.text.as_bytes())
        } else {
            front == self.text.as_bytes()
        };
        is_same.then_some(rest)
    }
}

impl Take {
    fn part_of<'v>(&self, element: &'v [u8]) -> Option<&'v [u8]> {
        let mut rest = element;
        for _ in 0..self.part {
            rest = split_once(rest, self.separator.as_bytes())?.1;
        }
        Some(split_once(rest, self.separator.as_bytes()).map_or(rest, |(part, _)| part))
    }
}

fn is_signature_key(keys: &[PairKey], key: &[u8], config: &Config) -> Result<bool, Refusal> {
    for candidate in keys {
        let name = match candidate {
            PairKey::Literal(name) => name.as_str(),
            PairKey::Config(name) => config.get(name).ok_or(Refusal::MissingConfig)?,
        };
        if name.as_bytes() == key {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `user:password` of an `Authorization` value, if it has the form of RFC 7617.
fn basic_credentials(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
    let decoded = scheme
        .eq_ignore_ascii_case(b"Basic ")
        .then(|| STANDARD.decode(trim(encoded)).ok())
        .flatten()?;
    decoded.contains(&b':').then_some(decoded)
}

fn split_once<'v>(text: &'v [u8], separator: &[u8]) -> Option<(&'v [u8], &'v [u8])> {
    let start = text.windows(separator.len()).position(|window| window == separator)?;
    Some((&text[..start], &text[start + separator.len()..]))
}
