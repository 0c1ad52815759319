//! As much of HTTP/1.1 as generator and receiver need: where a message ends, and a few headers.
//!
//! It is not a general parser. It exists because generator and receiver share two cores with the
//! server they measure: every microsecond they spend per event is one the server does not get.
//! What it does not understand (chunked bodies, heads without an end) is an error and never a
//! guess.

use std::fmt;

/// A head longer than this is not one of ours.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The head of a request or a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// The first line, without its line end.
    pub(crate) start_line: &'a [u8],
    /// Bytes up to the end of the blank line.
    pub(crate) head_bytes: usize,
    /// Length of the body; no header means 0.
    pub(crate) body_bytes: usize,
    /// The other side said `connection: close`.
    pub(crate) closes: bool,
    lines: &'a [u8],
}

/// Bytes that are not a message this parser understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// The head does not end within [`HEAD_BYTES_MAX`].
    HeadTooLong,
    /// `content-length` is not a number.
    BadLength,
    /// A `transfer-encoding`, which this parser does not read.
    TransferEncoding,
    /// The first line of a response carries no status.
    BadStatus,
}

impl<'a> Head<'a> {
    /// Reads the head at the beginning of `buffer`; `None` while it has not all arrived.
    ///
    /// # Errors
    /// See [`WireError`].
    pub(crate) fn parse(buffer: &'a [u8]) -> Result<Option<Self>, WireError> {
        let mut at = 0;
        let mut start_line = None;
        let (mut body_bytes, mut closes) = (0, false);
        while let Some(length) = buffer[at..].iter().position(|byte| *byte == b'\n') {
            let line = without_carriage_return(&buffer[at..at + length]);
            at += length + 1;
            let Some(start_line) = start_line else {
                start_line = Some((line, at));
                continue;
            };
            if line.is_empty() {
                let (start_line, lines_at) = start_line;
                let lines = &buffer[lines_at..at];
                return Ok(Some(Self { start_line, head_bytes: at, body_bytes, closes, lines }));
            }
            if let Some(value) = value_of(line, b"content-length") {
                body_bytes = number(value).ok_or(WireError::BadLength)?;
            } else if let Some(value) = value_of(line, b"connection") {
                closes = value.eq_ignore_ascii_case(b"close");
            } else if value_of(line, b"transfer-encoding").is_some() {
                return Err(WireError::TransferEncoding);
            }
        }
        if buffer.len() > HEAD_BYTES_MAX { Err(WireError::HeadTooLong) } else { Ok(None) }
    }

    /// Length of head and body together.
    pub(crate) fn message_bytes(&self) -> usize {
        self.head_bytes + self.body_bytes
    }

    /// The value of the first header called `name` (lower case).
    pub(crate) fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut lines = self.lines.split(|byte| *byte == b'\n');
        lines.find_map(|line| value_of(without_carriage_return(line), name))
    }

    /// The path of a request.
    pub(crate) fn path(&self) -> Option<&'a [u8]> {
        self.start_line.split(|byte| *byte == b' ').nth(1)
    }

    /// The status of a response.
    ///
    /// # Errors
    /// [`WireError::BadStatus`] where the first line is not that of a response.
    pub(crate) fn status(&self) -> Result<u16, WireError> {
        let line = self.start_line.strip_prefix(b"HTTP/1.").ok_or(WireError::BadStatus)?;
        let digits = line.get(2..5).ok_or(WireError::BadStatus)?;
        number(digits).and_then(|n| u16::try_from(n).ok()).ok_or(WireError::BadStatus)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadTooLong => "the http head does not end within 16 KiB",
            Self::BadLength => "content-length is not a number",
            Self::TransferEncoding => "transfer-encoding is not understood, only content-length",
            Self::BadStatus => "the first line is not that of an http response",
        })
    }
}

impl std::error::Error for WireError {}

fn without_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The trimmed value of `line` if it is the header `name`. The colon is looked at first: it rules
/// out nearly every line without comparing text.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if line.get(name.len()) != Some(&b':') || !line[..name.len()].eq_ignore_ascii_case(name) {
        return None;
    }
    Some(line[name.len() + 1..].trim_ascii())
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: head bytes, body bytes, closes.
    #[track_caller]
    fn check(bytes: &str, expected: Result<Option<(usize, usize, bool)>, WireError>) {
        let found = Head::parse(bytes.as_bytes());
        let found = found.map(|head| head.map(|h| (h.head_bytes, h.body_bytes, h.closes)));
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn finds_where_a_message_ends() {
        check("POST /e/0 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", Ok(Some((41, 3, false))));
        check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Ok(Some((27, 0, false))));
        check("HTTP/1.1 200 OK\r\n\r\n", Ok(Some((19, 0, false))));
        check("HTTP/1.1 200 OK\nContent-Length:7\n\n", Ok(Some((34, 7, false))));
    }

    #[test]
    fn waits_for_what_has_not_arrived() {
        let whole = "POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\n";
        for end in 0..whole.len() {
            check(&whole[..end], Ok(None));
        }
        check(whole, Ok(Some((whole.len(), 12, false))));
    }

    #[test]
    fn header_names_ignore_case_and_values_are_trimmed() {
        check("A / B\r\nCONTENT-LENGTH:  9  \r\n\r\n", Ok(Some((31, 9, false))));
        check("A / B\r\nconnection: Close\r\n\r\n", Ok(Some((28, 0, true))));
        check("A / B\r\nconnection: keep-alive\r\n\r\n", Ok(Some((33, 0, false))));
        check("A / B\r\nx-content-length: 9\r\n\r\n", Ok(Some((30, 0, false))));
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        check("A / B\r\ncontent-length: ten\r\n\r\n", Err(WireError::BadLength));
        check("A / B\r\ncontent-length: -1\r\n\r\n", Err(WireError::BadLength));
        check("A / B\r\ntransfer-encoding: chunked\r\n\r\n", Err(WireError::TransferEncoding));
        check(&"a".repeat(HEAD_BYTES_MAX + 1), Err(WireError::HeadTooLong));
    }

    #[test]
    fn reads_a_path_a_header_and_a_status() {
        let bytes = b"POST /e/07 HTTP/1.1\r\nHost: h\r\nWebhook-Id: evt_1\r\n\r\nwebhook-id: no";
        let head = Head::parse(bytes).unwrap().unwrap();
        assert_eq!(head.path(), Some(&b"/e/07"[..]));
        assert_eq!(head.header(b"webhook-id"), Some(&b"evt_1"[..]));
        assert_eq!(head.header(b"webhook"), None);
        assert_eq!(head.status(), Err(WireError::BadStatus));

        for (line, status) in [("HTTP/1.1 503 Busy", Ok(503)), ("HTTP/1.0 200", Ok(200))] {
            let bytes = format!("{line}\r\n\r\n");
            assert_eq!(Head::parse(bytes.as_bytes()).unwrap().unwrap().status(), status);
        }
        for line in ["HTTP/2 200 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 20"] {
            let bytes = format!("{line}\r\n\r\n");
            let head = Head::parse(bytes.as_bytes()).unwrap().unwrap();
            assert_eq!(head.status(), Err(WireError::BadStatus), "{line}");
        }
    }
}
