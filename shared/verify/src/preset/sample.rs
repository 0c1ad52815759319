//! Sample events: realistic bodies and headers with placeholders for what must be fresh.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{id}}` | the id given by the caller |
//! | `{{number}}` | ten digits made from that id |
//! | `{{uuid}}` | a UUID made from that id |
//! | `{{unix}}` | the time of sending in seconds |
//! | `{{signature}}` | the signature, put in when the request is signed |
//!
//! A JSON string that is nothing but `{{number}}` or `{{unix}}` becomes a JSON number.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::SignError;
use super::UnixTime;
use super::files;
use crate::digest::Hash;
use crate::encoding::to_hex;

/// Characters in an id for a sample.
const ID_CHARS_MAX: usize = 64;

/// A realistic event of a provider.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sample {
    /// The type the scheme reads from it.
    pub event_type: String,
    event_id: Option<String>,
    content_type: String,
    headers: Vec<(String, String)>,
    query: String,
    body: String,
}

/// A sample with its placeholders filled in, not yet signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleRequest {
    /// The id the scheme will read from it; `None` if it will be the hash of the body.
    pub provider_event_id: Option<String>,
    /// The headers but for those of signature and timestamp.
    pub headers: Vec<(String, String)>,
    /// The query string without `?`.
    pub query: String,
    /// The body.
    pub body: String,
}

/// Why there is no such sample request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The id would break out of a JSON text or a header.
    #[error("sample id `{id}` must be 1 to {ID_CHARS_MAX} letters, digits, `_` or `-`")]
    Id {
        /// The id as given.
        id: String,
    },
    /// The sample cannot be signed.
    #[error("sample cannot be signed")]
    Sign(#[source] SignError),
}

/// A sample in a preset file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record<'a> {
    #[serde(rename = "type")]
    event_type: String,
    /// What the scheme will read as the id; left out if it is the hash of the body.
    event_id: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    query: String,
    /// JSON, sent without insignificant white space; or a text, sent as it is.
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    /// A file below `samples/`, sent as it is.
    body_file: Option<String>,
}

impl Sample {
    /// Fills in the placeholders. Another `id` gives another event; the same `id` gives a repeat.
    ///
    /// # Errors
    /// [`SampleError::Id`] if `id` is not 1 to 64 letters, digits, `_` or `-`.
    pub fn request(&self, id: &str, at: UnixTime) -> Result<SampleRequest, SampleError> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !(1..=ID_CHARS_MAX).contains(&id.len()) || !id.bytes().all(is_safe) {
            return Err(SampleError::Id { id: id.to_owned() });
        }
        let hash = Hash::Sha256.of(id.as_bytes());
        let values = [
            ("{{id}}", id.to_owned()),
            ("{{uuid}}", uuid(hash.as_bytes())),
            ("\"{{number}}\"", number(hash.as_bytes())),
            ("{{number}}", number(hash.as_bytes())),
            ("\"{{unix}}\"", at.as_secs().to_string()),
            ("{{unix}}", at.as_secs().to_string()),
        ];
        let fill = |text: &str| {
            values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let mut headers = vec![("Content-Type".to_owned(), self.content_type.clone())];
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), fill(value))));
        Ok(SampleRequest {
            provider_event_id: self.event_id.as_deref().map(fill),
            headers,
            query: fill(&self.query),
            body: fill(&self.body),
        })
    }

    pub(super) fn from_record(record: Record<'_>) -> Result<Self, String> {
        let body = match (record.body, record.body_file) {
            (Some(json), None) => match serde_json::from_str::<String>(json.get()) {
                Ok(text) => text,
                Err(_) => compact(json.get()),
            },
            (None, Some(file)) => files::SAMPLE_BODIES
                .iter()
                .find(|(path, _)| *path == file)
                .map(|(_, body)| (*body).to_owned())
                .ok_or(format!("sample body `{file}` is not embedded"))?,
            _ => return Err("a sample needs `body` or `body_file`".to_owned()),
        };
        Ok(Self {
            event_type: record.event_type,
            event_id: record.event_id,
            content_type: record.content_type.unwrap_or_else(|| "application/json".to_owned()),
            headers: record.headers,
            query: record.query,
            body,
        })
    }
}

/// JSON without white space between its tokens, otherwise byte for byte the same: most providers
/// send it so, and preset files are easier to read with it.
fn compact(json: &str) -> String {
    let mut in_string = false;
    let mut is_escaped = false;
    json.chars()
        .filter(|&char| {
            if in_string {
                in_string = is_escaped || char != '"';
                is_escaped = !is_escaped && char == '\\';
                return true;
            }
            in_string = char == '"';
            !char.is_ascii_whitespace()
        })
        .collect()
}

fn number(hash: &[u8]) -> String {
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (1_000_000_000 + number % 9_000_000_000).to_string()
}

fn uuid(hash: &[u8]) -> String {
    let hex = to_hex(&hash[..16]);
    // Version 8 says "made by some other rule", RFC 9562.
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacts_outside_strings_only() {
        for (json, compacted) in [
            ("{ \"a\" : [ 1,\n\t2 ] }", "{\"a\":[1,2]}"),
            (r#"{"a b": "c \" d", "e": "\\" }"#, r#"{"a b":"c \" d","e":"\\"}"#),
        ] {
            assert_eq!(compact(json), compacted);
        }
    }

    #[test]
    fn derives_stable_values() {
        let hash = Hash::Sha256.of(b"abc");
        assert_eq!(number(hash.as_bytes()), "6253700074");
        assert_eq!(uuid(hash.as_bytes()), "ba7816bf-8f01-8fea-8141-40de5dae2223");
    }
}
