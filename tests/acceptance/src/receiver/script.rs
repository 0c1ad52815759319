//! How a receiver answers, one request after the other.

use std::collections::VecDeque;
use std::time::Duration;

/// What a receiver does with one request, after it has read and recorded it.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) after: Duration,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Status { status: u16, headers: Vec<(String, String)>, body: String },
    Raw(Vec<u8>),
    HangUp,
    Never,
}

impl Reply {
    /// Answers with a status and a short body.
    pub fn status(status: u16) -> Self {
        let body = format!("the receiver says {status}");
        Self { after: Duration::ZERO, kind: Kind::Status { status, headers: Vec::new(), body } }
    }

    /// Sends these bytes, which need not be HTTP, and closes the connection.
    pub fn raw(bytes: &[u8]) -> Self {
        Self { after: Duration::ZERO, kind: Kind::Raw(bytes.to_vec()) }
    }

    /// Closes the connection without an answer.
    pub fn hang_up() -> Self {
        Self { after: Duration::ZERO, kind: Kind::HangUp }
    }

    /// Keeps the connection open and says nothing until the receiver is dropped.
    pub fn never() -> Self {
        Self { after: Duration::ZERO, kind: Kind::Never }
    }

    /// Adds a header to the answer.
    ///
    /// # Panics
    /// When the reply is not a status.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let Kind::Status { headers, .. } = &mut self.kind else {
            panic!("{self:?} has no headers");
        };
        headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes its time first.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }
}

/// The replies to come: a list, then a few in turn for ever.
#[derive(Debug)]
pub(super) struct Script {
    next: VecDeque<Reply>,
    then: VecDeque<Reply>,
}

impl Script {
    pub(super) fn new(
        next: impl IntoIterator<Item = Reply>,
        then: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let script = Self { next: next.into_iter().collect(), then: then.into_iter().collect() };
        assert!(!script.then.is_empty(), "a receiver must know what to answer in the end");
        script
    }

    pub(super) fn take(&mut self) -> Reply {
        self.next.pop_front().unwrap_or_else(|| {
            self.then.rotate_left(1);
            self.then.back().expect("a script never runs out").clone()
        })
    }
}
