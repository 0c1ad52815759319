//! The provider's id and type of an event, read from a request.
//!
//! Never fails: what was signed is not thrown away because its id or type cannot be read.

use std::borrow::Cow;
use std::ops::Range;

use crate::digest::Hash;
use crate::encoding::to_hex;
use crate::input::Input;
use crate::json::Values;
use crate::request::{Request, Sent};
use crate::scheme::Scheme;
use crate::scheme::record::{Selector, SelectorPart};

/// The type of an event whose type cannot be read.
pub const UNKNOWN_TYPE: &str = "unknown";

/// Bytes in a provider's event id; a longer one counts as unreadable.
pub const EVENT_ID_BYTES_MAX: usize = 512;

/// Bytes in an event type; a longer one counts as unreadable.
pub const EVENT_TYPE_BYTES_MAX: usize = 256;

/// What an event is called.
///
/// Both texts are not empty, hold no control characters and are within [`EVENT_ID_BYTES_MAX`] and
/// [`EVENT_TYPE_BYTES_MAX`]. They may hold any other Unicode text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The provider's id of the event, the same on every repeat.
    pub provider_event_id: String,
    /// Where that id comes from.
    pub id_origin: IdOrigin,
    /// The provider's name for what happened, or [`UNKNOWN_TYPE`].
    pub event_type: String,
    /// Which bytes of the body are this event: all of them, but in a batch.
    pub bytes: Range<usize>,
}

/// Where an event id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdOrigin {
    /// Read from the request, as the scheme says.
    Provider,
    /// SHA-256 of the event's bytes in lower-case hexadecimal. The same on a repeat only if the
    /// provider sends identical bytes.
    BodyHash,
}

impl Scheme {
    /// Reads id and type of every event in a request: one, or the items of a batch. Call it on a
    /// request that has been verified. A batch that cannot be taken apart is one event, whose id
    /// and type cannot be read.
    ///
    /// The body is read as JSON once, and only if the scheme has pointers into it. When a key is
    /// given twice, the last one counts.
    pub fn identify(&self, request: &Request<'_>) -> Vec<Identity> {
        let Some(batch) = &self.batch else { return vec![self.identify_one(request)] };
        let Some(items) = batch.items(request.body) else {
            return vec![Identity::unread(request.body)];
        };
        let identities = items.into_iter().map(|bytes| {
            let item = Request { body: &request.body[bytes.clone()], ..*request };
            Identity { bytes, ..self.identify_one(&item) }
        });
        identities.collect()
    }

    fn identify_one(&self, request: &Request<'_>) -> Identity {
        let json = if self.identity_pointers.is_empty() {
            None
        } else {
            self.identity_pointers.read(request.body).ok()
        };
        let read =
            |selector: &Selector, bytes_max| selector.read(request, json.as_ref(), bytes_max);
        let (provider_event_id, id_origin) = match read(&self.id, EVENT_ID_BYTES_MAX) {
            Some(id) => (id, IdOrigin::Provider),
            None => (hash_of(request.body), IdOrigin::BodyHash),
        };
        let event_type =
            read(&self.event_type, EVENT_TYPE_BYTES_MAX).unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
        Identity { provider_event_id, id_origin, event_type, bytes: 0..request.body.len() }
    }
}

impl Identity {
    fn unread(body: &[u8]) -> Self {
        Self {
            provider_event_id: hash_of(body),
            id_origin: IdOrigin::BodyHash,
            event_type: UNKNOWN_TYPE.to_owned(),
            bytes: 0..body.len(),
        }
    }
}

fn hash_of(bytes: &[u8]) -> String {
    to_hex(Hash::Sha256.of(bytes).as_bytes())
}

impl Selector {
    /// Joins the pieces; nothing if one is absent, empty, given twice or not plain text.
    fn read(
        &self,
        request: &Request<'_>,
        json: Option<&Values<'_>>,
        bytes_max: usize,
    ) -> Option<String> {
        let mut joined = String::new();
        for part in &self.0 {
            match part {
                SelectorPart::Literal(text) => joined.push_str(text),
                SelectorPart::Input(input) => {
                    let value = input_value(input, request, json)?;
                    let text = std::str::from_utf8(&value).ok()?;
                    if text.is_empty() || text.chars().any(char::is_control) {
                        return None;
                    }
                    joined.push_str(text);
                }
            }
        }
        (!joined.is_empty() && joined.len() <= bytes_max).then_some(joined)
    }
}

pub(crate) fn input_value<'r>(
    input: &Input,
    request: &Request<'r>,
    json: Option<&'r Values<'_>>,
) -> Option<Cow<'r, [u8]>> {
    let sent = match input {
        Input::Header(name) => match request.header(name) {
            Sent::Once(value) => Sent::Once(Cow::Borrowed(value)),
            Sent::Never | Sent::Repeatedly => Sent::Never,
        },
        Input::Query(name) => request.query_parameter(name),
        Input::Form(name) => request.form_field(name),
        Input::Json(slot) => return Some(Cow::Borrowed(json?.get(*slot)?.as_bytes())),
    };
    match sent {
        Sent::Once(value) => Some(value),
        Sent::Never | Sent::Repeatedly => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(id: &str, event_type: &str) -> Scheme {
        let record = format!(
            r#"{{"kind":"token","sig":[{{"from":"header:s","enc":"text"}}],
            "id":{id},"type":{event_type}}}"#
        );
        Scheme::parse(&record).expect("scheme")
    }

    /// Identifies with an id selector and expects this id, or the fallback.
    #[track_caller]
    fn check(id: &str, body: &str, expected: Option<&str>) {
        let headers: [(&str, &[u8]); 5] = [
            ("Id", b" h1 "),
            ("Twice", b"a"),
            ("twice", b"a"),
            ("Latin-1", b"caf\xe9"),
            ("Empty", b" "),
        ];
        let request =
            Request { query: "q=q%201&r=1&r=1", headers: &headers, body: body.as_bytes() };
        let identity = scheme(id, id).identify(&request).remove(0);
        match expected {
            Some(expected) => {
                assert_eq!(identity.provider_event_id, expected);
                assert_eq!(identity.id_origin, IdOrigin::Provider);
                assert_eq!(identity.event_type, expected);
            }
            None => {
                let hash = to_hex(Hash::Sha256.of(body.as_bytes()).as_bytes());
                assert_eq!(identity.provider_event_id, hash);
                assert_eq!(identity.id_origin, IdOrigin::BodyHash);
                assert_eq!(identity.event_type, UNKNOWN_TYPE);
            }
        }
    }

    #[test]
    fn joins_what_it_finds() {
        check(r#"["json:/id"]"#, r#"{"id":"evt_1"}"#, Some("evt_1"));
        check(r#"["json:/id"]"#, r#"{"id":12345678901234567890}"#, Some("12345678901234567890"));
        check(r#"["json:/a","=:","json:/b"]"#, r#"{"a":1.0,"b":false}"#, Some("1.0:false"));
        check(r#"["header:id","=/","query:q"]"#, "", Some("h1/q 1"));
        check(r#"["form:data[id]"]"#, "data%5Bid%5D=7&x=1", Some("7"));
        check(r#"["json:/id"]"#, r#"{"id":"first","id":"last"}"#, Some("last"));
        check(r#"["json:/id"]"#, r#"{"id":"Zürich"}"#, Some("Zürich"));
    }

    #[test]
    fn falls_back() {
        check("[]", r#"{"id":"evt_1"}"#, None);
        check(r#"["json:/id"]"#, r#"{"id":null}"#, None);
        check(r#"["json:/id"]"#, r#"{"id":{"id":1}}"#, None);
        check(r#"["json:/id"]"#, r#"{"id":"evt_1"} trailing"#, None);
        check(r#"["json:/id"]"#, r#"{"id":""}"#, None);
        check(r#"["json:/id"]"#, r#"{"id":"a\nb"}"#, None);
        check(r#"["json:/a","=:","json:/b"]"#, r#"{"a":1}"#, None);
        for absent in ["header:none", "header:twice", "header:latin-1", "header:empty", "query:r"] {
            check(&format!(r#"["{absent}"]"#), "{}", None);
        }
    }

    #[test]
    fn bounds_both_texts() {
        let identify = |bytes: usize| {
            let body = format!(r#"{{"id":"{}"}}"#, "x".repeat(bytes));
            let request = Request { query: "", headers: &[("", ""); 0], body: body.as_bytes() };
            let identity =
                scheme(r#"["json:/id"]"#, r#"["json:/id"]"#).identify(&request).remove(0);
            (identity.id_origin, identity.event_type.len())
        };
        let unknown = UNKNOWN_TYPE.len();
        assert_eq!(identify(EVENT_TYPE_BYTES_MAX), (IdOrigin::Provider, EVENT_TYPE_BYTES_MAX));
        assert_eq!(identify(EVENT_TYPE_BYTES_MAX + 1), (IdOrigin::Provider, unknown));
        assert_eq!(identify(EVENT_ID_BYTES_MAX), (IdOrigin::Provider, unknown));
        assert_eq!(identify(EVENT_ID_BYTES_MAX + 1), (IdOrigin::BodyHash, unknown));
    }
}
