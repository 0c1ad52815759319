//! The parts of a scheme, as the interpreter wants them. Everything here is checked already.

use std::time::Duration;

use crate::digest::Hash;
use crate::input::Input;
use crate::public_key::RsaHash;
use crate::template::Template;

/// How a request proves where it comes from.
#[derive(Debug)]
pub(crate) enum Kind {
    /// By a signature, a MAC or a digest over parts of the request.
    Signed(SignedText),
    /// By a fixed credential.
    Token,
    /// By HTTP Basic, RFC 7617.
    Basic,
}

/// What is hashed, and how.
#[derive(Debug)]
pub(crate) struct SignedText {
    pub(crate) hash: Hash,
    pub(crate) algorithm: Algorithm,
    /// Tried in order.
    pub(crate) texts: Vec<Template>,
}

/// What is done with the hash.
#[derive(Debug)]
pub(crate) enum Algorithm {
    Hmac(KeyRule),
    /// A plain hash of a text that holds the secret.
    Digest,
    /// RSASSA-PKCS1-v1_5, RFC 8017. The secret is a public key, so this crate cannot sign.
    Rsa(RsaHash),
}

/// How a secret becomes a MAC key.
#[derive(Debug)]
pub(crate) struct KeyRule {
    pub(crate) encoding: KeyEncoding,
    /// Removed from the front before decoding, if it is there.
    pub(crate) strip: Option<String>,
    /// The key is the hash of the decoded secret.
    pub(crate) prehash: Option<Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyEncoding {
    Text,
    Base64,
    Hex,
}

/// A place that may carry signatures. Any match in any place wins.
#[derive(Debug)]
pub(crate) struct SignaturePlace {
    pub(crate) from: Input,
    /// Every line of a repeated header is looked at, instead of none.
    pub(crate) any_line: bool,
    /// Separates elements of one value; always ASCII.
    pub(crate) split: Option<u8>,
    pub(crate) form: ElementForm,
    pub(crate) prefix: Option<Prefix>,
    /// Only this part of an element, counted from 0, is the signature.
    pub(crate) take: Option<Take>,
    /// From here on an element is something else.
    pub(crate) suffix_separator: Option<String>,
    /// Of the signature of a text; a fixed credential is compared as it stands.
    pub(crate) encoding: SignatureEncoding,
}

#[derive(Debug)]
pub(crate) enum ElementForm {
    /// Each element is a signature.
    Bare,
    /// Elements are pairs; those with one of the keys are signatures.
    Pairs { keys: Vec<PairKey>, separator: String, single: Vec<String> },
    /// The first element is the timestamp, the others are signatures.
    TimestampFirst,
}

#[derive(Debug)]
pub(crate) enum PairKey {
    Literal(String),
    /// The key is whatever this input is configured to be.
    Config(String),
}

/// Text in front of every signature.
#[derive(Debug)]
pub(crate) struct Prefix {
    pub(crate) text: String,
    pub(crate) ignore_case: bool,
    /// Elements without it are skipped; otherwise they spoil the whole value.
    pub(crate) skip_unknown: bool,
}

#[derive(Debug)]
pub(crate) struct Take {
    pub(crate) separator: String,
    pub(crate) part: usize,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureEncoding {
    Hex,
    Base64,
    /// Base64 of the hexadecimal digits.
    Base64OfHex,
}

/// The timestamp of a request.
#[derive(Debug)]
pub(crate) struct TimeRule {
    pub(crate) from: TimeSource,
    pub(crate) unit: TimeUnit,
    /// How far from the clock by default; `None` does not check.
    pub(crate) tolerance: Option<Duration>,
    /// Signed, but never read as a time.
    pub(crate) opaque: bool,
}

#[derive(Debug)]
pub(crate) enum TimeSource {
    /// This key of the pairs, or the first element, of the only signature place.
    Element(String),
    Input(Input),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Seconds,
    Millis,
    Rfc3339,
}

/// Pieces joined into an event id or type; empty when the provider gives none.
#[derive(Debug, Default)]
pub(crate) struct Selector(pub(crate) Vec<SelectorPart>);

#[derive(Debug)]
pub(crate) enum SelectorPart {
    Literal(String),
    Input(Input),
}
