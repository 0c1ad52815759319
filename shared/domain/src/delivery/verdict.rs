//! WHAT DOES AN ANSWER MEAN? Pure: from how an attempt went to what follows from it.
//!
//! Only 2xx counts as received. A redirect is not followed and not trusted: it is a failure that
//! the merchant can mend. Everything else may pass with time, so it is tried again; 410 alone says
//! that it will not.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How one attempt went: a short, closed list, the same in the log, in metrics and in advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 2xx.
    Accepted,
    /// 3xx; never followed.
    Redirected,
    /// 4xx other than the two below.
    ClientError,
    /// 429.
    RateLimited,
    /// 410.
    Gone,
    /// 5xx, and codes outside the standard's classes.
    ServerError,
    /// The name has no address.
    NameNotResolved,
    /// The name has an address that must not be called.
    AddressRefused,
    /// No connection.
    ConnectFailed,
    /// No agreement on TLS, or a certificate that does not match.
    TlsFailed,
    /// The connection broke before the answer was complete.
    ConnectionLost,
    /// No complete answer in time.
    TimedOut,
    /// We could not build the request: our fault, never held against the receiver.
    NotSent,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Accepted,
    /// Another try may help.
    TryAgain {
        /// How long the receiver asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The receiver wants no more, ever.
    Gone,
    /// The receiver never saw a request.
    NotATry,
}

impl Outcome {
    /// From an HTTP status.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Accepted,
            300..=399 => Self::Redirected,
            410 => Self::Gone,
            429 => Self::RateLimited,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }

    /// What follows from it. `retry_after` counts with any answer that asks for another try: RFC
    /// 9110 §10.2.3 gives it no meaning with 2xx.
    pub fn verdict(self, retry_after: Option<Duration>) -> Verdict {
        match self {
            Self::Accepted => Verdict::Accepted,
            Self::Gone => Verdict::Gone,
            Self::NotSent => Verdict::NotATry,
            Self::Redirected
            | Self::ClientError
            | Self::RateLimited
            | Self::ServerError
            | Self::NameNotResolved
            | Self::AddressRefused
            | Self::ConnectFailed
            | Self::TlsFailed
            | Self::ConnectionLost
            | Self::TimedOut => Verdict::TryAgain { retry_after },
        }
    }

    /// Its name, spelled so everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Redirected => "redirected",
            Self::ClientError => "client_error",
            Self::RateLimited => "rate_limited",
            Self::Gone => "gone",
            Self::ServerError => "server_error",
            Self::NameNotResolved => "name_not_resolved",
            Self::AddressRefused => "address_refused",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::ConnectionLost => "connection_lost",
            Self::TimedOut => "timed_out",
            Self::NotSent => "not_sent",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, outcome: Outcome, verdict: Verdict) {
        assert_eq!(Outcome::of_status(status), outcome, "{status}");
        assert_eq!(outcome.verdict(Some(Duration::from_secs(9))), verdict, "{status}");
    }

    #[test]
    fn statuses() {
        let again = Verdict::TryAgain { retry_after: Some(Duration::from_secs(9)) };
        check(200, Outcome::Accepted, Verdict::Accepted);
        check(204, Outcome::Accepted, Verdict::Accepted);
        check(299, Outcome::Accepted, Verdict::Accepted);
        check(301, Outcome::Redirected, again);
        check(304, Outcome::Redirected, again);
        check(400, Outcome::ClientError, again);
        check(404, Outcome::ClientError, again);
        check(410, Outcome::Gone, Verdict::Gone);
        check(429, Outcome::RateLimited, again);
        check(500, Outcome::ServerError, again);
        check(503, Outcome::ServerError, again);
        check(100, Outcome::ServerError, again);
        check(999, Outcome::ServerError, again);
    }

    #[test]
    fn a_request_that_was_never_sent_is_not_a_try() {
        assert_eq!(Outcome::NotSent.verdict(None), Verdict::NotATry);
    }

    #[test]
    fn names_are_the_stored_ones() {
        for outcome in [Outcome::Accepted, Outcome::NameNotResolved, Outcome::NotSent] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
    }
}
