//! What a message of a queue looks like: one line of JSON, versioned and tagged.
//!
//! ```text
//! {"v":1,"event":{"source":"src_…","merchant":"mch_…","provider_event_id":"…","type":"…",
//!  "received_at":1790000000000,"content_type":"…","body":"<base64>","secrets":["sec_…"]}}
//! {"v":2,"event":{… and "addressee":"…"}}
//! {"v":1,"delivery":{"merchant":"mch_…","delivery":"dlv_…","round":1,"tries":1}}
//! ```
//!
//! Only printable ASCII is written, everything else escaped: SQS refuses messages with some control
//! characters, and a provider's event id may hold any text.
//!
//! During a deployment old and new workers read one queue. Fields may be added to version 1, and
//! are skipped by those who do not know them. What an old worker would misunderstand is written
//! under a higher version, which it refuses; the message then comes again after its visibility
//! timeout, most likely to a new worker, and only a deployment that takes many of those timeouts
//! puts it into the dead-letter queue, where it is safe.

mod ascii;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postback_domain::delivery::message::Message;
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{EventId, MerchantId, SecretId, SourceId};
use postback_domain::limits::BODY_BYTES_MAX;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// The newest version that this code reads.
const VERSION: u32 = 2;

/// Of most messages.
const PLAIN: u32 = 1;

/// Of an event that says whom it is for: who does not know that would give it to somebody else.
const ADDRESSED: u32 = 2;

/// What SQS carries in one message, and in one batch of them.
pub(crate) const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// The longest base64 of a body.
const BODY_BASE64_BYTES_MAX: usize = BODY_BYTES_MAX.div_ceil(3) * 4;

/// All other fields of an event at their longest: an id of 255, a type of 200 and an addressee of
/// 200 bytes, each tripled at most by escaping, a `content-type` as long as API Gateway takes headers in all
/// (10 KiB), doubled at most, and a little for the rest, of which a source's secrets are half.
const ENVELOPE_BYTES_MAX: usize = 3 * (255 + 200 + 200) + 2 * 10 * 1024 + 1024;

const _: () = assert!(BODY_BASE64_BYTES_MAX + ENVELOPE_BYTES_MAX < QUEUE_BYTES_MAX);

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Take this event in.
    Event(Event, SignedBy),
    /// Look at this delivery.
    Delivery(Message),
}

/// The secrets whose use is to be noted with an event; none in most messages of a batch, and in
/// those of an older version.
pub type SignedBy = Vec<SecretId>;

/// A message that this version of the code cannot read. Tells where, never what: the rest of the
/// message is a provider's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by a newer version.
    #[error("message has version {0}, and {VERSION} is the newest known")]
    Newer(u32),
    /// Not JSON, or not with the fields of its version.
    #[error("message has no form that is known (at column {column})")]
    Malformed {
        /// Where reading ended.
        column: usize,
    },
    /// Neither an event nor a delivery, or both.
    #[error("message must have either `event` or `delivery`")]
    Untagged,
    /// The event's body.
    #[error("body of the event is not base64")]
    Body,
}

#[derive(Serialize, Deserialize)]
struct Envelope<E> {
    v: u32,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    event: Option<E>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<Message>,
}

/// An event without its id, which is derived.
#[derive(Serialize)]
struct WrittenEvent<'a> {
    source: SourceId,
    merchant: MerchantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    addressee: Option<&'a Label>,
    provider_event_id: &'a str,
    r#type: &'a str,
    received_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    body: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    secrets: &'a [SecretId],
}

#[derive(Deserialize)]
struct ReadEvent {
    source: SourceId,
    merchant: MerchantId,
    #[serde(default)]
    addressee: Option<Label>,
    provider_event_id: String,
    r#type: String,
    received_at: i64,
    #[serde(default)]
    content_type: Option<String>,
    body: String,
    #[serde(default)]
    secrets: SignedBy,
}

/// A message that asks for an event to be taken in.
pub(crate) fn event(event: &Event, secrets: &[SecretId]) -> String {
    let written = WrittenEvent {
        source: event.source_id,
        merchant: event.merchant_id,
        addressee: event.addressee.as_ref(),
        provider_event_id: event.provider_event_id.as_str(),
        r#type: event.event_type.as_str(),
        received_at: event.received_at.as_millis(),
        content_type: event.content_type.as_deref(),
        body: BASE64.encode(&event.body),
        secrets,
    };
    let v = if event.addressee.is_some() { ADDRESSED } else { PLAIN };
    ascii::to_string(&Envelope { v, event: Some(written), delivery: None })
}

/// A message that asks for a delivery to be looked at.
pub(crate) fn delivery(message: Message) -> String {
    let delivery = Some(message);
    ascii::to_string(&Envelope { v: PLAIN, event: None::<WrittenEvent<'_>>, delivery })
}

/// Reads a message.
///
/// # Errors
/// When it is not one of ours, or a newer version's.
pub fn read(text: &str) -> Result<Work, Unreadable> {
    let envelope: Envelope<ReadEvent> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        // What a newer version writes need not have our form, so its version is looked for apart.
        Err(error) => return Err(version(text).unwrap_or(malformed(&error))),
    };
    if envelope.v > VERSION {
        return Err(Unreadable::Newer(envelope.v));
    }
    match (envelope.event, envelope.delivery) {
        (Some(mut event), None) => {
            let secrets = std::mem::take(&mut event.secrets);
            event.try_into().map(|event| Work::Event(event, secrets))
        }
        (None, Some(message)) => Ok(Work::Delivery(message)),
        (None, None) | (Some(_), Some(_)) => Err(Unreadable::Untagged),
    }
}

fn malformed(error: &serde_json::Error) -> Unreadable {
    Unreadable::Malformed { column: error.column() }
}

fn version(text: &str) -> Option<Unreadable> {
    #[derive(Deserialize)]
    struct Head {
        v: u32,
        #[serde(rename = "event")]
        _event: Option<IgnoredAny>,
        #[serde(rename = "delivery")]
        _delivery: Option<IgnoredAny>,
    }
    let head: Head = serde_json::from_str(text).ok()?;
    (head.v > VERSION).then_some(Unreadable::Newer(head.v))
}

impl TryFrom<ReadEvent> for Event {
    type Error = Unreadable;

    fn try_from(read: ReadEvent) -> Result<Self, Unreadable> {
        let provider_event_id = ProviderEventId::new(&read.provider_event_id);
        Ok(Self {
            id: EventId::derive(read.source, &provider_event_id),
            source_id: read.source,
            merchant_id: read.merchant,
            addressee: read.addressee,
            provider_event_id,
            event_type: EventType::new(&read.r#type),
            received_at: Timestamp::from_millis(read.received_at),
            content_type: read.content_type,
            body: BASE64.decode(read.body).map_err(|_| Unreadable::Body)?.into(),
        })
    }
}

#[cfg(test)]
mod tests;
