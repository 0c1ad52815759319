//! One connection of the server to the receiver: whole requests out of whatever bytes arrive.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::wire::Head;

/// Room for a head; the buffer grows where one is longer.
const HEAD_BYTES: usize = 4 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// Until the buffer holds so much there is no whole message in it.
    wanted: usize,
}

/// What became of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for more.
    Open,
    /// The server closed it, or it does not take the answer.
    Closed,
    /// What came is not a request this harness can read.
    NotUnderstood,
}

impl Connection {
    /// A connection on which bodies of about `body_bytes` are expected.
    pub(super) fn new(stream: TcpStream, body_bytes: usize) -> Self {
        Self { stream, buffer: vec![0; HEAD_BYTES + body_bytes], filled: 0, wanted: 0 }
    }

    /// Reads what has arrived; `take` sees each whole request and names the answer.
    pub(super) fn turn(&mut self, mut take: impl FnMut(&Head<'_>, &[u8]) -> &'static [u8]) -> Step {
        loop {
            let room = self.buffer.len().max(self.wanted);
            let full = self.filled == room;
            self.buffer.resize(if full { room * 2 } else { room }, 0);
            let space = &mut self.buffer[self.filled..];
            let (read, asked) = match self.stream.read(space) {
                Ok(0) => return Step::Closed,
                Ok(read) => (read, space.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Step::Closed,
            };
            self.filled += read;
            let step = self.answer_all(&mut take);
            // A read that comes back short has emptied the socket; epoll tells of what comes next.
            if step != Step::Open || read < asked {
                return step;
            }
        }
    }

    fn answer_all(&mut self, take: &mut impl FnMut(&Head<'_>, &[u8]) -> &'static [u8]) -> Step {
        let mut at = 0;
        let mut step = Step::Open;
        while step == Step::Open && self.filled - at >= self.wanted.max(1) {
            let bytes = &self.buffer[at..self.filled];
            let head = match Head::parse(bytes) {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(_) => return Step::NotUnderstood,
            };
            self.wanted = head.message_bytes();
            if bytes.len() < self.wanted {
                break;
            }
            let answer = take(&head, &bytes[head.head_bytes..self.wanted]);
            at += self.wanted;
            self.wanted = 0;
            // Forty bytes do not fit only where the server has long stopped reading.
            let fits = matches!(self.stream.write(answer), Ok(written) if written == answer.len());
            if !fits || head.closes {
                step = Step::Closed;
            }
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        step
    }
}
