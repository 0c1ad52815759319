//! Headers that a merchant wants sent along, such as a key for its gateway.

use postback_verify::Secret;

/// One extra header. Its value is often a credential, so it is kept like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    name: String,
    value: Secret,
}

/// A header that must not or cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtraHeaderError {
    /// Not an HTTP token.
    #[error("header name `{0}` must be 1 to 64 letters, digits or -_")]
    Name(String),
    /// Ours or the protocol's.
    #[error("header `{0}` is set by postback or by HTTP itself")]
    Reserved(String),
    /// Would end the line, or is not ASCII.
    #[error("value of header `{0}` must be 1 to 1024 visible ASCII characters or spaces")]
    Value(String),
}

const RESERVED: [&str; 18] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "expect",
    "accept",
    "accept-encoding",
    "user-agent",
    "cookie",
    "forwarded",
    "traceparent",
    "tracestate",
];

const RESERVED_PREFIXES: [&str; 5] = ["webhook-", "postback-", "proxy-", "x-forwarded-", "sec-"];

impl ExtraHeader {
    /// The only way in. The name is kept in lower case.
    ///
    /// # Errors
    /// When the name or value could not be sent, or the name is reserved.
    pub fn parse(name: &str, value: &str) -> Result<Self, ExtraHeaderError> {
        let name = name.to_ascii_lowercase();
        let is_token = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_token {
            return Err(ExtraHeaderError::Name(name.chars().take(64).collect()));
        }
        let reserved = RESERVED.contains(&name.as_str())
            || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if reserved {
            return Err(ExtraHeaderError::Reserved(name));
        }
        let sendable = (1..=1024).contains(&value.len())
            && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !sendable {
            return Err(ExtraHeaderError::Value(name));
        }
        Ok(Self { name, value: Secret::new(value) })
    }

    /// In lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Often a credential.
    pub fn value(&self) -> &Secret {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_ordinary_headers_and_hides_their_values() {
        let header = ExtraHeader::parse("X-Api-Key", "hunter2").unwrap();
        assert_eq!((header.name(), header.value().expose()), ("x-api-key", "hunter2"));
        assert!(!format!("{header:?}").contains("hunter2"));
    }

    #[test]
    fn refuses_reserved_and_unsendable_headers() {
        for (name, value) in [
            ("Host", "x"),
            ("webhook-signature", "v1,x"),
            ("Postback-Attempt", "1"),
            ("x y", "1"),
            ("", "1"),
            ("x", ""),
            ("x", "a\r\nb: c"),
            ("x", "ü"),
        ] {
            assert!(ExtraHeader::parse(name, value).is_err(), "{name}: {value}");
        }
    }
}
