//! HTTP/1.1 messages, read from a stream byte by byte. Serves both ends: the client reads answers
//! with it, the receiver reads requests.
//!
//! Written here and not taken from a library because the suite is about exact bytes: nothing may
//! be joined, decoded, folded or normalised on the way to a test.

use std::io::{self, BufRead, Read};

/// A head of more bytes is refused: the peer has gone mad.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A body of more bytes is refused.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The headers of one message, in the order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

/// One request or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The request line or status line, without its line end.
    pub start_line: String,
    /// The headers.
    pub headers: Headers,
    /// The body, with any chunked coding removed.
    pub body: Vec<u8>,
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(lines: I) -> Self {
        Self(lines.into_iter().collect())
    }
}

impl Headers {
    /// Every value of a header, whose name is compared without regard to case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that was sent at most once.
    ///
    /// # Panics
    /// When it was sent more often.
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "`{name}` was sent {} times: {values:?}", values.len());
        values.first().copied()
    }

    /// The value of a header that was sent exactly once.
    ///
    /// # Panics
    /// When it was not sent, or more often.
    #[track_caller]
    pub fn the(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("`{name}` is missing in {self:?}"))
    }

    /// Names and values as they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        let values = self.all(name);
        values
            .iter()
            .flat_map(|value| value.split(','))
            .any(|t| t.trim().eq_ignore_ascii_case(token))
    }

    /// Whether the sender closes the connection after this message.
    pub(crate) fn says_close(&self) -> bool {
        self.has_token("connection", "close")
    }
}

/// Reads a request; `None` when the peer has closed the connection instead of sending one.
///
/// # Errors
/// When the stream breaks, or what comes is not HTTP/1.1.
pub fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let Some((start_line, headers)) = read_head(stream)? else {
        return Ok(None);
    };
    let body = read_framed_body(stream, &headers)?.unwrap_or_default();
    Ok(Some(Message { start_line, headers, body }))
}

/// Reads the answer to a request with this method. Interim answers (1xx) are skipped.
///
/// # Errors
/// When the stream breaks or ends before the answer does, or what comes is not HTTP/1.1.
pub fn read_answer(stream: &mut impl BufRead, method: &str) -> io::Result<Message> {
    loop {
        let (start_line, headers) = read_head(stream)?.ok_or_else(ended_early)?;
        let status = status_of(&start_line)?;
        if (100..200).contains(&status) {
            continue;
        }
        let has_no_body = method == "HEAD" || status == 204 || status == 304;
        let body = if has_no_body {
            Vec::new()
        } else if let Some(body) = read_framed_body(stream, &headers)? {
            body
        } else {
            let mut body = Vec::new();
            stream.take(BODY_BYTES_MAX as u64).read_to_end(&mut body)?;
            body
        };
        return Ok(Message { start_line, headers, body });
    }
}

/// The status in a status line.
///
/// # Errors
/// When the line is no status line.
pub fn status_of(status_line: &str) -> io::Result<u16> {
    let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| malformed(format!("`{status_line}` is no status line")))
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Option<(String, Headers)>> {
    let mut bytes_left = HEAD_BYTES_MAX;
    let start_line = loop {
        match read_line(stream, &mut bytes_left)? {
            None => return Ok(None),
            // RFC 9112 §2.2: an empty line before a message is ignored.
            Some(line) if line.is_empty() => {}
            Some(line) => break line,
        }
    };
    let mut headers = Headers::default();
    loop {
        let line = read_line(stream, &mut bytes_left)?.ok_or_else(ended_early)?;
        if line.is_empty() {
            return Ok(Some((start_line, headers)));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| malformed(format!("`{line}` is no header")))?;
        let value = value.trim_matches([' ', '\t']);
        headers.0.push((name.to_owned(), value.to_owned()));
    }
}

/// `None` when the headers do not say where the body ends.
fn read_framed_body(stream: &mut impl BufRead, headers: &Headers) -> io::Result<Option<Vec<u8>>> {
    if headers.has_token("transfer-encoding", "chunked") {
        return read_chunks(stream).map(Some);
    }
    let Some(length) = headers.get("content-length") else {
        return Ok(None);
    };
    let length = length.parse().map_err(|_| malformed(format!("content-length `{length}`")))?;
    read_exactly(stream, length).map(Some)
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut bytes_left = HEAD_BYTES_MAX;
        let line = read_line(stream, &mut bytes_left)?.ok_or_else(ended_early)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16)
            .map_err(|_| malformed(format!("`{line}` is no chunk size")))?;
        if length == 0 {
            // Trailers, up to the empty line that ends the message.
            while !read_line(stream, &mut bytes_left)?.ok_or_else(ended_early)?.is_empty() {}
            return Ok(body);
        }
        body.extend(read_exactly(stream, length)?);
        if read_line(stream, &mut bytes_left)?.is_none_or(|rest| !rest.is_empty()) {
            return Err(malformed("a chunk is longer than it says".to_owned()));
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(malformed(format!("body of more than {BODY_BYTES_MAX} bytes")));
        }
    }
}

fn read_exactly(stream: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    if length > BODY_BYTES_MAX {
        return Err(malformed(format!("body of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line without its end; `None` when the stream has ended before it.
fn read_line(stream: &mut impl BufRead, bytes_left: &mut usize) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = stream.by_ref().take(*bytes_left as u64).read_until(b'\n', &mut line)?;
    *bytes_left -= read;
    if read == 0 && *bytes_left > 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(if *bytes_left == 0 {
            malformed("head too long".to_owned())
        } else {
            ended_early()
        });
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    // Header values are ASCII in everything the product sends; a test that sends others never
    // reads them back.
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn ended_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside a message")
}

fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> io::Result<Option<Message>> {
        read_request(&mut text.as_bytes())
    }

    #[track_caller]
    fn check_answer(method: &str, text: &str, status: u16, body: &str) {
        let answer = read_answer(&mut text.as_bytes(), method).unwrap();
        assert_eq!(status_of(&answer.start_line).unwrap(), status, "{text:?}");
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{text:?}");
    }

    #[test]
    fn a_body_ends_where_the_message_says() {
        check_answer("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", 200, "ab");
        check_answer("GET", "HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end");
        check_answer("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", 200, "");
        check_answer("GET", "HTTP/1.1 204 No Content\r\n\r\nnext", 204, "");
        check_answer("POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 401 \r\n\r\n", 401, "");
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                      3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nt: 1\r\n\r\n";
        check_answer("GET", chunks, 200, "abc0123456789");
    }

    #[test]
    fn repeated_headers_stay_apart_and_in_order() {
        let message = request("POST /in HTTP/1.1\r\nX-Sig: a\r\nhost: h\r\nx-sig:  b\t\r\n\r\n");
        let message = message.unwrap().unwrap();
        assert_eq!(message.start_line, "POST /in HTTP/1.1");
        assert_eq!(message.headers.all("x-sig"), ["a", "b"]);
        assert_eq!(message.headers.the("Host"), "h");
        assert_eq!(message.headers.get("none"), None);
        assert_eq!(message.headers.iter().count(), 3);
    }

    #[test]
    #[should_panic(expected = "sent 2 times")]
    fn a_header_that_should_be_single_is_counted() {
        let message = request("GET / HTTP/1.1\r\na: 1\r\nA: 2\r\n\r\n").unwrap().unwrap();
        message.headers.get("a");
    }

    #[test]
    fn a_closed_connection_is_no_request_and_a_torn_one_an_error() {
        assert_eq!(request("").unwrap(), None);
        for torn in ["POST", "POST / HTTP/1.1\r\na: 1\r\n", "P / H\r\ncontent-length: 5\r\n\r\nabc"]
        {
            assert_eq!(request(torn).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{torn}");
        }
        for malformed in ["P / H\r\nno header\r\n\r\n", "P / H\r\ncontent-length: -1\r\n\r\n"] {
            assert_eq!(request(malformed).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let endless = "x".repeat(HEAD_BYTES_MAX + 1);
        assert_eq!(request(&endless).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
