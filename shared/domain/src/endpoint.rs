//! Where a merchant's events go: which of them, how they get there, and whether they may.

mod filter;
mod headers;
mod port;
mod url;

use std::time::Duration;

pub use filter::{EventFilter, EventFilterError};
pub use headers::{ExtraHeader, ExtraHeaderError};
pub use port::is_public_port;
pub use url::{Destinations, EndpointUrl, EndpointUrlError};

use crate::delivery::retry::RetryPolicy;
use crate::event::EventType;
use crate::ids::{EndpointId, MerchantId};
use crate::limits::{ATTEMPT_TIMEOUT, ATTEMPT_TIMEOUT_MAX};
use crate::rotation::{self, Dated, Owner};
use crate::signing::SigningSecret;
use crate::text::Label;
use crate::time::Timestamp;
use crate::turns::RateLimit;

/// A place for a merchant's events, and how they get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Drawn at random.
    pub id: EndpointId,
    /// Whose it is.
    pub merchant_id: MerchantId,
    /// How events get there.
    pub kind: Kind,
    /// Any of them may match.
    pub event_types: Vec<EventFilter>,
    /// For people.
    pub description: Option<Label>,
    /// Whether it may be called.
    pub switch: Switch,
    /// How it is retried; the merchant's policy when it does not say.
    pub retry_policy: Option<RetryPolicy>,
    /// How long one attempt may take.
    pub timeout: AttemptTimeout,
    /// How often it may be called; as often as there is something to send, when it does not say.
    pub rate_limit: Option<RateLimit>,
    /// Sent along with every attempt.
    pub headers: Vec<ExtraHeader>,
    /// Every one that has not expired signs; the newest come first.
    pub secrets: Vec<EndpointSecret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Counts changes; a write names the revision it saw.
    pub revision: u32,
}

/// An endpoint's secret.
pub type EndpointSecret = Dated<SigningSecret>;

impl Endpoint {
    /// The secrets that sign what is sent at this time.
    pub fn live_secrets(&self, at: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        rotation::live(&self.secrets, at).map(|secret| &secret.secret)
    }

    /// As the owner of secrets that are set now.
    pub fn next_owner(&self) -> Owner {
        Owner::endpoint(self.id, self.revision.saturating_add(1))
    }

    /// Whether its filter takes events of this type.
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.event_types.iter().any(|filter| filter.takes(event_type))
    }

    /// Where events are posted, if they are.
    pub fn url(&self) -> Option<&EndpointUrl> {
        match &self.kind {
            Kind::Push(url) => Some(url),
            Kind::Pull => None,
        }
    }

    /// Whether its merchant fetches what is owed to it.
    pub fn is_pull(&self) -> bool {
        matches!(self.kind, Kind::Pull)
    }

    /// Whether it may be called.
    pub fn is_enabled(&self) -> bool {
        matches!(self.switch, Switch::On)
    }
}

/// How events get to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// We post them to a URL.
    Push(EndpointUrl),
    /// The merchant fetches them; nobody is called.
    Pull,
}

/// Whether an endpoint may be called. Deliveries to one that is off wait without using tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Called.
    On,
    /// Not called.
    Off {
        /// Since when.
        since: Timestamp,
        /// On whose word.
        reason: OffReason,
    },
}

/// Why an endpoint is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffReason {
    /// The merchant asked.
    Asked,
    /// It answered 410: gone for good.
    Gone,
}

/// How long one attempt may take in all, from the name look-up to the end of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptTimeout(Duration);

/// A timeout outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timeout of {0} s must be from 1 to {max} s", max = ATTEMPT_TIMEOUT_MAX.as_secs())]
pub struct AttemptTimeoutError(pub u64);

impl AttemptTimeout {
    /// From whole seconds.
    ///
    /// # Errors
    /// When it is 0 or longer than [`ATTEMPT_TIMEOUT_MAX`], past which the lease would not hold.
    pub fn from_secs(secs: u64) -> Result<Self, AttemptTimeoutError> {
        if secs == 0 || secs > ATTEMPT_TIMEOUT_MAX.as_secs() {
            return Err(AttemptTimeoutError(secs));
        }
        Ok(Self(Duration::from_secs(secs)))
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl Default for AttemptTimeout {
    fn default() -> Self {
        Self(ATTEMPT_TIMEOUT)
    }
}
