//! An HTTP/1.1 client that sends exactly what a test says: repeated headers, odd bytes, broken
//! framing. Connects anew for every request, unless a test holds a [`Connection`].

use std::fmt;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};

use serde_json::Value;

use crate::clock::DEADLINE;
use crate::wire::{self, Headers};

/// A target to send requests to.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    host: String,
}

/// One open connection to a target.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

/// A request, as a test composes it. `Host` and the framing headers are added when it is sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    chunked: bool,
}

/// An answer.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    to: String,
}

impl Client {
    /// A client of the origin `url`, sending `host` as `Host` if given.
    ///
    /// # Errors
    /// When the URL is not `http://host:port`, or its name has no address.
    pub fn new(url: &str, host: Option<&str>) -> Result<Self, String> {
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|authority| !authority.is_empty() && !authority.contains('/'))
            .ok_or_else(|| format!("url `{url}` must be http://host:port, without a path"))?;
        let dialled = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            _ => format!("{authority}:80"),
        };
        let addresses = dialled.to_socket_addrs().map_err(|error| format!("`{url}`: {error}"))?;
        // `localhost` often has an IPv6 address first, where nothing listens.
        let address = addresses.min_by_key(SocketAddr::is_ipv6);
        let address = address.ok_or_else(|| format!("`{url}` has no address"))?;
        Ok(Self { address, host: host.unwrap_or(authority).to_owned() })
    }

    /// Where it connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody accepts it.
    pub fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&self.address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream), host: self.host.clone() })
    }

    /// Sends a request on a connection of its own.
    ///
    /// # Errors
    /// When no complete answer comes.
    pub fn try_send(&self, request: &Request) -> io::Result<Answer> {
        self.connect()?.send_as(request, "connection: close\r\n")
    }

    /// Sends a request on a connection of its own.
    ///
    /// # Panics
    /// When no complete answer comes.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        self.try_send(request).unwrap_or_else(|error| panic!("{request} got no answer: {error}"))
    }

    /// Sends these bytes and nothing more, and reads what comes back.
    ///
    /// # Errors
    /// When no complete answer comes; a server may well hang up on nonsense.
    pub fn send_bytes(&self, bytes: &[u8]) -> io::Result<Answer> {
        let mut connection = self.connect()?;
        let written = connection.stream.get_mut().write_all(bytes);
        let ended = connection.stream.get_ref().shutdown(Shutdown::Write);
        connection.answer("POST", "raw bytes".to_owned()).or_else(|error| {
            written.and(ended)?;
            Err(error)
        })
    }
}

impl Connection {
    /// Sends a request and reads its answer; the connection stays open.
    ///
    /// # Errors
    /// When no complete answer comes.
    pub fn send(&mut self, request: &Request) -> io::Result<Answer> {
        self.send_as(request, "")
    }

    fn send_as(&mut self, request: &Request, more_headers: &str) -> io::Result<Answer> {
        let bytes = request.to_bytes(&self.host, more_headers);
        // A server may answer and hang up before it has read everything, for instance when the
        // body is too large. The answer counts then, not the failed write.
        let written = self.stream.get_mut().write_all(&bytes);
        self.answer(&request.method, request.to_string()).or_else(|error| {
            written?;
            Err(error)
        })
    }

    fn answer(&mut self, method: &str, to: String) -> io::Result<Answer> {
        let message = wire::read_answer(&mut self.stream, method)?;
        let status = wire::status_of(&message.start_line)?;
        Ok(Answer { status, headers: message.headers, body: message.body, to })
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
        }
    }

    /// Adds a header line, also when there is one of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Removes every header line of that name.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    /// The value of a header, if it is a text.
    pub fn header_value(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        String::from_utf8(value.clone()).ok()
    }

    /// Replaces the body; what signs the old one stays.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Replaces the target; what signs the old one stays.
    #[must_use]
    pub fn to(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Replaces the method.
    #[must_use]
    pub fn with_method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Sends the body in chunks, so that its length is not announced.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    fn to_bytes(&self, host: &str, more_headers: &str) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nhost: {host}\r\n{more_headers}", self.method, self.target)
                .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(name.bytes().chain(*b": ").chain(value.iter().copied()).chain(*b"\r\n"));
        }
        if self.chunked {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in self.body.chunks(10_000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk.iter().chain(b"\r\n"));
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            if !self.body.is_empty() || self.method != "GET" {
                bytes.extend(format!("content-length: {}\r\n", self.body.len()).bytes());
            }
            bytes.extend(b"\r\n");
            bytes.extend(&self.body);
        }
        bytes
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

impl Answer {
    /// The answer, if it has this status.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The stable code of a refusal, which must have this status and the form of RFC 9457.
    ///
    /// # Panics
    /// When the answer is something else.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers.the("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{self:?}");
        let code = problem["code"].as_str().unwrap_or_default();
        let is_for_machines = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(!code.is_empty() && code.bytes().all(is_for_machines), "`code` in {self:?}");
        code.to_owned()
    }

    /// The JSON in an answer of success (2xx).
    ///
    /// # Panics
    /// When the answer is something else.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{self:?} is not JSON: {error}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered {}: {}", self.to, self.status, self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_url(url: &str, port: Option<u16>) {
        assert_eq!(Client::new(url, None).ok().map(|client| client.address.port()), port, "{url}");
    }

    #[test]
    fn targets_are_origins() {
        check_url("http://127.0.0.1:8080", Some(8080));
        check_url("http://127.0.0.1:8080/", Some(8080));
        check_url("http://127.0.0.1", Some(80));
        check_url("http://[::1]:8080", Some(8080));
        check_url("https://127.0.0.1", None);
        check_url("http://127.0.0.1/prod", None);
        check_url("http://", None);
    }

    #[test]
    fn a_request_goes_out_as_composed() {
        let request = Request::new("POST", "/in/x").header("X-Sig", "a").header("X-Sig", [0xff]);
        let bytes = request.clone().body("hi").to_bytes("h", "");
        let expected: &[u8] =
            b"POST /in/x HTTP/1.1\r\nhost: h\r\nX-Sig: a\r\nX-Sig: \xff\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(bytes, expected);
        let bytes = request.without_header("x-sig").body("hi").chunked().to_bytes("h", "");
        assert!(bytes.ends_with(b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"));
    }
}
