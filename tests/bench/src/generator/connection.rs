//! One keep-alive connection to the server, with at most one request in flight.
//!
//! The request bytes live in the connection and are patched in place, so sending an event copies
//! seventy-six bytes, whatever its size.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::wire::Head;

/// The longest answer to an event that is still read.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    written: usize,
    answer: Vec<u8>,
    filled: usize,
    /// Index in the log of the event in flight.
    in_flight: Option<usize>,
}

/// What a wake-up of the connection led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing to report yet.
    Waiting,
    /// The event at index `posted` of the log was answered.
    Answered { posted: usize, status: u16, reusable: bool },
}

impl Connection {
    /// Connects and registers; `request` is what [`Self::request`] hands out for patching.
    ///
    /// Connecting blocks. On loopback that takes microseconds, and it happens before the run
    /// begins.
    pub(super) fn open(
        address: SocketAddr,
        request: Vec<u8>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let written = request.len();
        let answer = vec![0; ANSWER_BYTES_MAX];
        Ok(Self { stream, request, written, answer, filled: 0, in_flight: None })
    }

    /// The request, to be made that of the next event.
    pub(super) fn request(&mut self) -> &mut [u8] {
        &mut self.request
    }

    /// Sends the request as it stands, as much of it as the socket takes; [`Self::turn`] sends the
    /// rest.
    pub(super) fn send(&mut self, posted: usize) -> io::Result<()> {
        self.in_flight = Some(posted);
        self.written = 0;
        self.write_on()
    }

    /// Goes on after a wake-up.
    ///
    /// # Errors
    /// `InvalidData` where the answer is not HTTP; any other error says that the connection is of
    /// no more use.
    pub(super) fn turn(&mut self) -> io::Result<Turn> {
        self.write_on()?;
        loop {
            let space = &mut self.answer[self.filled..];
            let (read, wanted) = match self.stream.read(space) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => (read, space.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waiting),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.filled += read;
            if let Some(answered) = self.take_answer()? {
                return Ok(answered);
            }
            // A read that comes back short has emptied the socket; epoll tells of what comes next.
            if read < wanted {
                return Ok(Turn::Waiting);
            }
        }
    }

    fn take_answer(&mut self) -> io::Result<Option<Turn>> {
        let invalid = |error: crate::wire::WireError| io::Error::new(ErrorKind::InvalidData, error);
        let head = Head::parse(&self.answer[..self.filled]).map_err(invalid)?;
        let Some(head) = head else { return Ok(None) };
        if head.message_bytes() > ANSWER_BYTES_MAX {
            let rule = format!("an answer of {} bytes is above 8 KiB", head.message_bytes());
            return Err(io::Error::new(ErrorKind::InvalidData, rule));
        }
        if self.filled < head.message_bytes() {
            return Ok(None);
        }
        let status = head.status().map_err(invalid)?;
        // An answer before the whole request was sent leaves the connection in the middle of it.
        let whole = self.written == self.request.len() && self.filled == head.message_bytes();
        let reusable = whole && !head.closes;
        self.filled = 0;
        let Some(posted) = self.in_flight.take() else {
            return Err(io::Error::new(ErrorKind::InvalidData, "an answer nobody asked for"));
        };
        Ok(Some(Turn::Answered { posted, status, reusable }))
    }

    fn write_on(&mut self) -> io::Result<()> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
