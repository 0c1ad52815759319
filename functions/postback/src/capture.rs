//! A captured request, read from files as people have them: saved by a proxy, copied from a log,
//! printed by `curl -v`.

use std::fs;
use std::path::Path;

/// A request that somebody captured.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Capture {
    /// Without the `?`.
    pub(crate) query: String,
    /// In order; a name may come twice.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The very bytes.
    pub(crate) body: Vec<u8>,
}

/// A capture that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaptureError {
    /// The file.
    #[error("cannot read {path}")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// A line among the headers.
    #[error("line {number} of the headers is neither `Name: value` nor a request line: {line}")]
    Line { number: usize, line: String },
}

impl Capture {
    /// One file with everything: request line, headers, an empty line, the body.
    pub(crate) fn of_request(path: &Path) -> Result<Self, CaptureError> {
        let bytes = read(path)?;
        let (head, body) = split_head(&bytes);
        Ok(Self { body: body.to_vec(), ..Self::of_head(head)? })
    }

    /// Headers and body in files of their own; the body is taken byte by byte.
    pub(crate) fn of_files(headers: &Path, body: &Path) -> Result<Self, CaptureError> {
        Ok(Self { body: read(body)?, ..Self::of_head(&read(headers)?)? })
    }

    fn of_head(head: &[u8]) -> Result<Self, CaptureError> {
        let mut capture = Self::default();
        for (number, line) in (1..).zip(head.split(|byte| *byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // As `curl -v` has them.
            let line = line.strip_prefix(b"> ").unwrap_or(line);
            if line.is_empty() || line == b">" || line.starts_with(b":") {
                continue;
            }
            match header(line) {
                Some(header) => capture.headers.push(header),
                None => match query_of_request_line(line) {
                    Some(query) => capture.query = query,
                    None => {
                        let line = String::from_utf8_lossy(line).chars().take(40).collect();
                        return Err(CaptureError::Line { number, line });
                    }
                },
            }
        }
        Ok(capture)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CaptureError> {
    let path_shown = || path.display().to_string();
    fs::read(path).map_err(|source| CaptureError::File { path: path_shown(), source })
}

/// The body begins behind the first empty line, however its lines end.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return (&bytes[..start], &bytes[end..]);
        }
        start = end;
    }
    (bytes, &[])
}

fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| (name.to_owned(), line[colon + 1..].trim_ascii().to_vec()))
}

/// Of `POST /in/src_…?a=b HTTP/1.1`.
fn query_of_request_line(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_version = words.next().is_none_or(|version| version.starts_with("HTTP/"));
    let query = target.split_once('?').map_or("", |(_, query)| query);
    (is_method && is_version && target.contains('/')).then(|| query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.to_owned(), value.as_bytes().to_vec())
    }

    #[test]
    fn heads_are_read_however_they_were_saved() {
        let expected = Capture {
            query: "a=b&c".to_owned(),
            headers: vec![header("Host", "x:8080"), header("X-Sig", "t=1,v1=2")],
            body: Vec::new(),
        };
        for head in [
            "POST /in/src_1?a=b&c HTTP/1.1\r\nHost: x:8080\r\nX-Sig: t=1,v1=2\r\n\r\n",
            "> POST /in/src_1?a=b&c HTTP/2\n> Host: x:8080\n> X-Sig:  t=1,v1=2 \n>\n",
            ":method: POST\nPOST https://h/in/src_1?a=b&c\nHost: x:8080\nX-Sig: t=1,v1=2",
        ] {
            assert_eq!(Capture::of_head(head.as_bytes()).unwrap(), expected, "{head}");
        }
        let error = Capture::of_head(b"Host: x\nwhat is this\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2 of the headers"), "{error}");
    }

    #[test]
    fn bodies_are_exact() {
        for (request, body) in [
            (&b"POST / HTTP/1.1\r\nA: b\r\n\r\n{\r\n\r\n}\n"[..], &b"{\r\n\r\n}\n"[..]),
            (b"A: b\n\n\n\xff", b"\n\xff"),
            (b"A: b\n", b""),
        ] {
            assert_eq!(split_head(request).1, body);
        }
    }
}
