//! One fact a provider told us, with the exact bytes it was told in.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{EndpointId, EventId, MerchantId, SourceId};
use crate::limits::{EVENT_TYPE_BYTES_MAX, PROVIDER_EVENT_ID_BYTES_MAX};
use crate::text::Label;
use crate::time::Timestamp;

/// A verified event, on its way in or as kept. Never changes once kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Derived from the source and the provider's id.
    pub id: EventId,
    /// Where it came in.
    pub source_id: SourceId,
    /// Whom it is for; whose source it came in by, as long as `addressee` is set.
    pub merchant_id: MerchantId,
    /// Whom it is for in the platform's words, if no merchant was known by them.
    pub addressee: Option<Label>,
    /// What the provider calls it.
    pub provider_event_id: ProviderEventId,
    /// What kind of fact it is, in the provider's words.
    pub event_type: EventType,
    /// When we took it in.
    pub received_at: Timestamp,
    /// The provider's `content-type`, passed on as it came.
    pub content_type: Option<String>,
    /// The exact bytes that were signed.
    pub body: Bytes,
}

/// The endpoints an event is owed to. Decided once, when the event is first admitted, and kept
/// with it: a repeat carries out the recorded plan, so an endpoint added later never turns a
/// provider's repeat into a new delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(pub Vec<EndpointId>);

/// A provider's id of an event: not empty, bounded, no control characters, fit for a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ProviderEventId(String);

impl ProviderEventId {
    /// Takes any text a provider may send. One that could not be kept or sent on as it is becomes
    /// its hash, because an event that was signed is never thrown away for the look of its id.
    pub fn new(text: &str) -> Self {
        if fits(text, PROVIDER_EVENT_ID_BYTES_MAX) {
            return Self(text.to_owned());
        }
        let hash = Sha256::digest(text.as_bytes());
        Self(hash.iter().fold(String::from("sha256:"), |hex, byte| hex + &format!("{byte:02x}")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What kind of fact an event is, such as `charge.refunded`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EventType(String);

impl EventType {
    /// The type of an event that does not say.
    pub const UNKNOWN: &'static str = "unknown";

    /// Takes any text a provider may send; one that could not be filtered or sent on as it is
    /// becomes [`EventType::UNKNOWN`].
    pub fn new(text: &str) -> Self {
        Self(if fits(text, EVENT_TYPE_BYTES_MAX) { text } else { Self::UNKNOWN }.to_owned())
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fits(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_ids_become_hashes_and_stay_apart() {
        assert_eq!(ProviderEventId::new("evt_1").as_str(), "evt_1");
        let odd = ["", "a\r\nx-injected: 1", &"x".repeat(256), &"y".repeat(256)];
        let ids: std::collections::HashSet<_> = odd.map(ProviderEventId::new).into_iter().collect();
        assert_eq!(ids.len(), odd.len());
        assert!(ids.iter().all(|id| id.as_str().starts_with("sha256:") && id.as_str().len() == 71));
    }

    #[test]
    fn odd_types_become_unknown() {
        assert_eq!(EventType::new("charge.refunded").as_str(), "charge.refunded");
        assert_eq!(EventType::new("a\tb").as_str(), EventType::UNKNOWN);
        assert_eq!(EventType::new(&"x".repeat(201)).as_str(), EventType::UNKNOWN);
    }
}
