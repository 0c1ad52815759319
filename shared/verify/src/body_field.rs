//! One value of an event's body, named from outside of a scheme: `json:/pointer` or `form:NAME`.
//!
//! Only the body: what a header says is signed by few providers, and a signed request could be sent
//! again with another one.

use std::fmt;
use std::str::FromStr;

use crate::identify::input_value;
use crate::input::Input;
use crate::json::Pointers;
use crate::request::{Headers, Request};

/// Bytes of the name of a field.
pub const BODY_FIELD_BYTES_MAX: usize = 512;

/// A value of an event's body.
#[derive(Clone, Debug)]
pub struct BodyField {
    text: String,
    input: Input,
    pointers: Pointers,
}

/// A text that names no value of a body; the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyFieldError(String);

impl BodyField {
    /// The value in this body, such as an account's id. Nothing if it is absent, empty, null, or
    /// anything but a text, a number, true or false; when a key is given twice, the last one counts.
    /// In a batch, `body` is that of one event.
    pub fn read(&self, body: &[u8]) -> Option<String> {
        let request = Request { query: "", headers: &NoHeaders, body };
        let json = if self.pointers.is_empty() { None } else { self.pointers.read(body).ok() };
        let value = input_value(&self.input, &request, json.as_ref())?;
        let text = std::str::from_utf8(&value).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for BodyField {
    type Err = BodyFieldError;

    fn from_str(text: &str) -> Result<Self, BodyFieldError> {
        if text.len() > BODY_FIELD_BYTES_MAX {
            let rule = format!("must have at most {BODY_FIELD_BYTES_MAX} bytes");
            return Err(BodyFieldError(rule));
        }
        let mut pointers = Pointers::default();
        let input = Input::parse(text, &mut pointers).map_err(BodyFieldError)?;
        match input {
            Input::Json(_) | Input::Form(_) => Ok(Self { text: text.to_owned(), input, pointers }),
            Input::Header(_) | Input::Query(_) => {
                Err(BodyFieldError("must be in the body: json:/pointer or form:NAME".to_owned()))
            }
        }
    }
}

impl PartialEq for BodyField {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for BodyField {}

impl fmt::Display for BodyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A field of a body needs none.
struct NoHeaders;

impl Headers for NoHeaders {
    fn line(&self, _: &str, _: usize) -> Option<&[u8]> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_or_is_not_there() {
        for (field, body, expected) in [
            ("json:/account", r#"{"account": "acct_1"}"#, Some("acct_1")),
            (
                "json:/data/0/shop",
                r#"{"data": [{"shop": 12345678901234567890}]}"#,
                Some("12345678901234567890"),
            ),
            ("json:/account", r#"{"account": ""}"#, None),
            ("json:/account", r#"{"account": null}"#, None),
            ("json:/account", r#"{"account": {"id": 1}}"#, None),
            ("json:/account", r#"{"id": 1}"#, None),
            ("json:/account", "account=1", None),
            ("form:account", "id=1&account=caf%C3%A9", Some("café")),
            ("form:account", "account=1&account=2", None),
            ("form:account", "{}", None),
        ] {
            let read = field.parse::<BodyField>().unwrap().read(body.as_bytes());
            assert_eq!(read.as_deref(), expected, "{field} of {body}");
        }
    }

    #[test]
    fn what_is_no_field_of_a_body_is_refused() {
        for (text, rule) in [
            ("account", "is not header:, query:, form: or json: with a name"),
            ("json:account", ""),
            ("header:stripe-account", "must be in the body"),
            ("query:account", "must be in the body"),
            (&format!("json:/{}", "a".repeat(512)), "at most 512 bytes"),
        ] {
            let told = text.parse::<BodyField>().unwrap_err().to_string();
            assert!(told.contains(rule), "{text}: {told}");
        }
        let field: BodyField = "json:/account".parse().unwrap();
        assert_eq!((field.as_str(), field.to_string()), ("json:/account", "json:/account".into()));
    }
}
