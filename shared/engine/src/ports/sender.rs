//! Calls a merchant's endpoint once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::Endpoint;
use postback_domain::event::Event;
use postback_domain::ids::DeliveryId;
use postback_domain::time::Timestamp;

/// One request to make.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to send.
    pub event: Arc<Event>,
    /// Where, how, signed with what.
    pub endpoint: Arc<Endpoint>,
    /// For which delivery.
    pub delivery: DeliveryId,
    /// Which try of its round; the first is 1.
    pub number: u8,
    /// When; signed.
    pub at: Timestamp,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In one word.
    pub outcome: Outcome,
    /// When there was an HTTP answer.
    pub status: Option<u16>,
    /// How long the receiver asked us to wait.
    pub retry_after: Option<Duration>,
    /// What went wrong, in words fit for the merchant.
    pub detail: Option<String>,
    /// The beginning of the answer's body, at most
    /// [`postback_domain::limits::RESPONSE_EXCERPT_BYTES_MAX`], of a failure only.
    pub excerpt: Option<String>,
}

impl Answer {
    /// This answer as an attempt that began at `at` and has ended, for a log.
    pub fn into_attempt(
        self,
        number: u8,
        round: u32,
        at: Timestamp,
        ended_at: Timestamp,
    ) -> Attempt {
        Attempt {
            number,
            round,
            at,
            duration_ms: u32::try_from(ended_at.since(at).as_millis()).unwrap_or(u32::MAX),
            outcome: self.outcome,
            status: self.status,
            detail: self.detail,
            response_excerpt: self.excerpt,
        }
    }
}

/// Calls merchants. Answers within the endpoint's timeout, always.
pub trait Sender: Send + Sync {
    /// Makes one request and says how it went; there is no error beside the answer.
    fn send(&self, request: Request) -> impl Future<Output = Answer> + Send;
}
