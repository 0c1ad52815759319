//! What a verifier looks at: the request as it arrived, borrowed, nothing joined or re-encoded.
//!
//! Repeated header lines must arrive here apart. Something in front that joins them with commas
//! hides a second signature header from rule "sent twice is refused".

use std::borrow::Cow;

/// The header lines of a request.
///
/// Implemented for slices, arrays and vectors of name and value. For the `http` crate a wrapper is
/// one line:
///
/// ```
/// struct Lines<'a>(&'a http::HeaderMap);
/// impl postback_verify::Headers for Lines<'_> {
///     fn line(&self, name: &str, nth: usize) -> Option<&[u8]> {
///         self.0.get_all(name).iter().nth(nth).map(|value| value.as_bytes())
///     }
/// }
/// ```
pub trait Headers {
    /// The value of the `nth` line (counted from 0, in order of arrival) whose name equals `name`
    /// without regard to letter case. Values are bytes and are handed over untrimmed.
    fn line(&self, name: &str, nth: usize) -> Option<&[u8]>;
}

/// A request to verify or to identify.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The query string as received: without the `?`, still percent-encoded, empty if there is none.
    pub query: &'a str,
    /// The header lines.
    pub headers: &'a (dyn Headers + Sync),
    /// The body bytes as received, after any content encoding the HTTP layer removed.
    pub body: &'a [u8],
}

/// How often a single-valued thing was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent<T> {
    Never,
    Once(T),
    Repeatedly,
}

impl<'a> Request<'a> {
    /// The trimmed value of a header that may be sent once.
    pub(crate) fn header(&self, name: &str) -> Sent<&'a [u8]> {
        match self.headers.line(name, 0) {
            None => Sent::Never,
            Some(_) if self.headers.line(name, 1).is_some() => Sent::Repeatedly,
            Some(value) => Sent::Once(trim(value)),
        }
    }

    /// The decoded value of a query parameter that may be sent once.
    pub(crate) fn query_parameter(&self, name: &str) -> Sent<Cow<'a, [u8]>> {
        parameter(self.query.as_bytes(), name)
    }

    /// The decoded value of a field of a form body that may be sent once. The content type is not
    /// consulted: a body that is no form has no such field.
    pub(crate) fn form_field(&self, name: &str) -> Sent<Cow<'a, [u8]>> {
        parameter(self.body, name)
    }
}

impl std::fmt::Debug for Request<'_> {
    /// Says nothing of headers and body: they may hold tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {
    fn line(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.iter()
            .filter(|(line_name, _)| line_name.as_ref().eq_ignore_ascii_case(name))
            .nth(nth)
            .map(|(_, value)| value.as_ref())
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for &[(N, V)] {
    fn line(&self, name: &str, nth: usize) -> Option<&[u8]> {
        (**self).line(name, nth)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const LINES: usize> Headers for [(N, V); LINES] {
    fn line(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.as_slice().line(name, nth)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {
    fn line(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.as_slice().line(name, nth)
    }
}

/// Without the spaces and tabs around it.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

fn parameter<'a>(pairs: &'a [u8], wanted: &str) -> Sent<Cow<'a, [u8]>> {
    let mut found = Sent::Never;
    for pair in pairs.split(|byte| *byte == b'&') {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..equals], pair.get(equals + 1..).unwrap_or_default());
        if *decode(name) != *wanted.as_bytes() {
            continue;
        }
        if matches!(found, Sent::Once(_)) {
            return Sent::Repeatedly;
        }
        found = Sent::Once(decode(value));
    }
    found
}

/// `application/x-www-form-urlencoded` text as bytes. A `%` that starts no escape stands for itself,
/// as in browsers.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    Cow::Owned(bytes)
}

/// The value of a hexadecimal digit of either case.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_parameters() {
        let check = |pairs: &str, name: &str, expected: Sent<&str>| {
            let expected = match expected {
                Sent::Once(text) => Sent::Once(Cow::Borrowed(text.as_bytes())),
                Sent::Never => Sent::Never,
                Sent::Repeatedly => Sent::Repeatedly,
            };
            assert_eq!(parameter(pairs.as_bytes(), name), expected, "{name} in {pairs}");
        };
        check("", "a", Sent::Never);
        check("a=1&b=2", "b", Sent::Once("2"));
        check("a=1&a=1", "a", Sent::Repeatedly);
        check("a&b=2", "a", Sent::Once(""));
        check("a=x=y", "a", Sent::Once("x=y"));
        check("data%5Bid%5D=a+b%2Bc", "data[id]", Sent::Once("a b+c"));
        check("a=100%&b=%zz%4", "a", Sent::Once("100%"));
        check("a=100%&b=%zz%4", "b", Sent::Once("%zz%4"));
        check("A=1", "a", Sent::Never);
        check("&&a=1&&", "a", Sent::Once("1"));
    }

    #[test]
    fn finds_header_lines() {
        let lines = [("Webhook-ID", " \tone\t"), ("X-Other", "x"), ("webhook-id", "two")];
        assert_eq!(lines.line("WEBHOOK-ID", 0), Some(&b" \tone\t"[..]));
        assert_eq!(lines.line("WEBHOOK-ID", 1), Some(&b"two"[..]));
        assert_eq!(lines.line("WEBHOOK-ID", 2), None);
        let request = Request { query: "", headers: &lines, body: b"" };
        assert_eq!(request.header("webhook-id"), Sent::Repeatedly);
        assert_eq!(request.header("x-other"), Sent::Once(&b"x"[..]));
        assert_eq!(request.header("absent"), Sent::Never);
    }

    #[test]
    fn trims_spaces_and_tabs_only() {
        for (value, trimmed) in [("", ""), (" \t ", ""), ("\ta b ", "a b"), ("\na", "\na")] {
            assert_eq!(trim(value.as_bytes()), trimmed.as_bytes());
        }
    }
}
