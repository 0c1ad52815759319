//! Decides whether a provider's request is an event: finds the source, verifies over the raw
//! bytes, reads id and type. Nothing is written here; the caller makes the event durable, and only
//! then answers.

use std::sync::Arc;

use bytes::Bytes;
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{EventId, SourceId};
use postback_domain::source::Source;
use postback_domain::time::Timestamp;
use postback_verify::{Ack, Headers, Refusal, Request, UnixTime};

use crate::Engine;
use crate::ports::store::{Configuration, Freshness};
use crate::ports::{Clock, Ports, Unavailable};

/// A provider's request, as it arrived.
pub struct Incoming<'a> {
    /// Without the `?`, still percent-encoded.
    pub query: &'a str,
    /// Repeated lines apart.
    pub headers: &'a (dyn Headers + Sync),
    /// Passed on as it came.
    pub content_type: Option<&'a str>,
    /// The raw bytes.
    pub body: &'a Bytes,
}

/// A request that is an event.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// To be made durable.
    pub event: Arc<Event>,
    source: Arc<Source>,
}

impl Accepted {
    /// What the provider wants to hear, once the event is durable.
    pub fn ack(&self) -> &Ack {
        self.source.scheme.scheme().ack()
    }
}

/// A request that is not an event, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// There is no such source.
    #[error("no such source")]
    UnknownSource,
    /// The signature does not hold. For our log; the sender is told nothing of it.
    #[error("signature refused")]
    Refused(#[source] Refusal),
    /// Ours to wait out.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl<P: Ports> Engine<P> {
    /// Verifies a request to a source's URL and makes an event of it.
    ///
    /// # Errors
    /// When there is no such source, when no secret of the source has signed the request, when the
    /// store is unavailable.
    pub async fn accept(
        &self,
        source: SourceId,
        incoming: Incoming<'_>,
    ) -> Result<Accepted, AcceptError> {
        let now = self.ports.clock().now();
        let request =
            Request { query: incoming.query, headers: incoming.headers, body: incoming.body };
        let source = self.verified_by(source, &request, now).await?;
        let identity = source.scheme.scheme().identify(&request);
        let provider_event_id = ProviderEventId::new(&identity.provider_event_id);
        let event = Event {
            id: EventId::derive(source.id, &provider_event_id),
            source_id: source.id,
            merchant_id: source.merchant_id,
            provider_event_id,
            event_type: EventType::new(&identity.event_type),
            received_at: now,
            content_type: incoming.content_type.map(str::to_owned),
            body: incoming.body.clone(),
        };
        Ok(Accepted { event: Arc::new(event), source })
    }

    /// The source, if one of its secrets signed the request. A refusal is checked once more
    /// against a source read afresh: a rotated secret must not wait for a cache to expire.
    async fn verified_by(
        &self,
        id: SourceId,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Arc<Source>, AcceptError> {
        let store = self.ports.store();
        let cached =
            store.source(id, Freshness::Cached).await?.ok_or(AcceptError::UnknownSource)?;
        let Err(refusal) = verify(&cached, request, now) else { return Ok(cached) };
        let fresh = store.source(id, Freshness::Fresh).await?.ok_or(AcceptError::UnknownSource)?;
        if fresh.revision == cached.revision {
            return Err(AcceptError::Refused(refusal));
        }
        verify(&fresh, request, now).map_err(AcceptError::Refused)?;
        Ok(fresh)
    }
}

fn verify(source: &Source, request: &Request<'_>, now: Timestamp) -> Result<(), Refusal> {
    let scheme = source.scheme.scheme();
    // A clock before 1970 makes every signed time look far ahead, which refuses and loses nothing.
    let now = UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    scheme.verify(request, &source.secrets, &source.config, source.tolerance, now).map(drop)
}
