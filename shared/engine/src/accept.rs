//! Decides what a provider's request is: finds the source, verifies over the raw bytes, reads id
//! and type of every event in it. Nothing is written here; the caller makes the events durable,
//! and only then answers.

use std::sync::Arc;

use bytes::Bytes;
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{EventId, SecretId, SourceId};
use postback_domain::source::{Source, SourceSecret};
use postback_domain::time::Timestamp;
use postback_verify::{Ack, Headers, Identity, Method, Refusal, Request, Secret, UnixTime};

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

/// What a request turned out to be.
#[derive(Debug, Clone)]
pub enum Received {
    /// One event, or several.
    Events(Accepted),
    /// A look of the provider whether anybody is at home, with what it wants to hear.
    Handshake(Ack),
}

/// A request that is one event, or several.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// To be made durable, all of them. At least one.
    pub events: Vec<Arc<Event>>,
    /// The secrets that have signed them.
    pub secrets: Vec<SecretId>,
    source: Arc<Source>,
}

impl Accepted {
    /// What the provider wants to hear, once the events are durable.
    pub fn ack(&self) -> &Ack {
        self.source.scheme.scheme().ack()
    }
}

/// A request that is nothing to us, or could not be looked at.
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
    /// Verifies a request to a source's URL and makes events of it.
    ///
    /// # Errors
    /// When there is no such source, when no secret of the source has signed the request, when the
    /// store is unavailable.
    pub async fn accept(
        &self,
        source: SourceId,
        incoming: Incoming<'_>,
    ) -> Result<Received, AcceptError> {
        let now = self.ports.clock().now();
        let request = incoming.request();
        let (source, verified) = match self.verified_by(source, &request, now).await? {
            (source, Ok(secrets)) => (source, secrets),
            (source, Err(refusal)) => {
                let answer = handshake(&source, Method::Post, &request, now, false);
                return answer.map(Received::Handshake).ok_or(AcceptError::Refused(refusal));
            }
        };
        if let Some(answer) = handshake(&source, Method::Post, &request, now, true) {
            return Ok(Received::Handshake(answer));
        }
        let identities = source.scheme.scheme().identify(&request);
        let events = identities.into_iter().map(|identity| {
            Arc::new(event(&source, identity, incoming.content_type, incoming.body, now))
        });
        Ok(Received::Events(Accepted { events: events.collect(), secrets: verified, source }))
    }

    /// The answer to a GET, which is a handshake or nothing.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn greet(
        &self,
        source: SourceId,
        incoming: Incoming<'_>,
    ) -> Result<Option<Ack>, Unavailable> {
        let source = self.ports.store().source(source, Freshness::Cached).await?;
        let source = source.filter(|source| source.scheme.scheme().answers_get());
        let now = self.ports.clock().now();
        let request = incoming.request();
        Ok(source.and_then(|source| handshake(&source, Method::Get, &request, now, false)))
    }

    /// The source, and which of its secrets signed the request. A refusal is checked once more
    /// against a source read afresh: a rotated secret must not wait for a cache to expire.
    async fn verified_by(
        &self,
        id: SourceId,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Source>, Result<Vec<SecretId>, Refusal>), AcceptError> {
        let store = self.ports.store();
        let cached =
            store.source(id, Freshness::Cached).await?.ok_or(AcceptError::UnknownSource)?;
        let first = verify(&cached, request, now);
        if first.is_ok() {
            return Ok((cached, first));
        }
        let fresh = store.source(id, Freshness::Fresh).await?.ok_or(AcceptError::UnknownSource)?;
        if fresh.revision == cached.revision {
            return Ok((cached, first));
        }
        let again = verify(&fresh, request, now);
        Ok((fresh, again))
    }
}

impl<'a> Incoming<'a> {
    fn request(&self) -> Request<'a> {
        Request { query: self.query, headers: self.headers, body: self.body }
    }
}

fn event(
    source: &Source,
    identity: Identity,
    content_type: Option<&str>,
    body: &Bytes,
    now: Timestamp,
) -> Event {
    let provider_event_id = ProviderEventId::new(&identity.provider_event_id);
    let body = body.slice(identity.bytes);
    Event {
        id: EventId::derive(source.id, &provider_event_id),
        source_id: source.id,
        merchant_id: source.merchant_id,
        addressee: source.addressee(&body),
        provider_event_id,
        event_type: EventType::new(&identity.event_type),
        received_at: now,
        content_type: content_type.map(str::to_owned),
        body,
    }
}

fn verify(
    source: &Source,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Vec<SecretId>, Refusal> {
    let scheme = source.scheme.scheme();
    let (ids, secrets) = live_secrets(source, now);
    // A clock before 1970 makes every signed time look far ahead, which refuses and loses nothing.
    let now = UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    let verified = scheme.verify(request, &secrets, &source.config, source.tolerance, now)?;
    Ok(verified.secret_indexes().filter_map(|index| ids.get(index).copied()).collect())
}

fn handshake(
    source: &Source,
    method: Method,
    request: &Request<'_>,
    now: Timestamp,
    is_verified: bool,
) -> Option<Ack> {
    let (_, secrets) = live_secrets(source, now);
    source.scheme.scheme().handshake(method, request, &secrets, &source.config, is_verified)
}

fn live_secrets(source: &Source, now: Timestamp) -> (Vec<SecretId>, Vec<&Secret>) {
    source.live_secrets(now).map(|SourceSecret { id, secret, .. }| (*id, secret)).unzip()
}
