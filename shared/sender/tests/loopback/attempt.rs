//! Attempts to make: an event, an endpoint, and a sender that may call this machine.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use postback_domain::endpoint::{
    AttemptTimeout, Destinations, Endpoint, EndpointSecret, EndpointUrl, EventFilter, ExtraHeader,
    Kind, Switch,
};
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, SourceId};
use postback_domain::rotation::Owner;
use postback_domain::signing::SigningSecret;
use postback_domain::time::Timestamp;
use postback_engine::ports::sender::{Answer, Request, Sender};
use postback_sender::{HttpSender, Resolution, Resolver, Settings};
use tokio::time::timeout;

/// Not UTF-8, with a NUL, a line break and trailing space: what a careless copy would change.
pub(crate) const BODY: &[u8] = b"{\"id\": \"evt_1\",\r\n \"n\": 1.10}\x00\xff ";

/// 2026-11-06T08:49:07.250Z.
pub(crate) const AT: Timestamp = Timestamp::from_millis(1_793_954_947_250);

pub(crate) fn secrets() -> [SigningSecret; 2] {
    [SigningSecret::mint([1; 32]), SigningSecret::mint([2; 32])]
}

/// An attempt at `url` that may take one second.
pub(crate) fn request(url: &str) -> Request {
    let merchant_id = MerchantId::from_bits(1);
    let provider_event_id = ProviderEventId::new("evt_1");
    let source_id = SourceId::from_bits(2);
    let event = Event {
        id: EventId::derive(source_id, &provider_event_id),
        source_id,
        merchant_id,
        addressee: None,
        provider_event_id,
        event_type: EventType::new("charge.refunded"),
        received_at: Timestamp::from_millis(1_793_954_946_000),
        content_type: Some("application/json; charset=utf-8".to_owned()),
        body: BODY.into(),
    };
    let endpoint = Endpoint {
        id: EndpointId::from_bits(3),
        merchant_id,
        kind: Kind::Push(EndpointUrl::parse(url, Destinations::AlsoPrivate).unwrap()),
        event_types: vec![EventFilter::Every],
        description: None,
        switch: Switch::On,
        retry_policy: None,
        timeout: AttemptTimeout::from_secs(1).unwrap(),
        rate_limit: None,
        headers: vec![ExtraHeader::parse("X-Gateway-Key", "hunter2").unwrap()],
        secrets: EndpointSecret::set(Owner::endpoint(EndpointId::from_bits(3), 1), AT, secrets()),
        created_at: AT,
        revision: 1,
    };
    Request {
        delivery: DeliveryId::derive(event.id, Some(endpoint.id)),
        event: Arc::new(event),
        endpoint: Arc::new(endpoint),
        number: 3,
        at: AT,
    }
}

/// A sender that may call this machine.
pub(crate) fn sender() -> HttpSender {
    HttpSender::new(Settings::new(Destinations::AlsoPrivate))
}

/// Makes the attempt, and insists that it keeps to its second and a little for a busy machine.
pub(crate) async fn attempt(sender: &HttpSender, url: &str) -> Answer {
    let answer = timeout(Duration::from_secs(4), sender.send(request(url))).await;
    answer.expect("an attempt ends within its timeout")
}

/// Resolves every name to the same addresses.
pub(crate) struct Always(pub(crate) &'static [&'static str]);

impl Resolver for Always {
    fn resolve(&self, _host: &str) -> Resolution {
        let addresses: Vec<IpAddr> = self.0.iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(addresses) })
    }
}

/// Knows no name.
pub(crate) struct Never;

impl Resolver for Never {
    fn resolve(&self, _host: &str) -> Resolution {
        Box::pin(async { Err(io::Error::other("no such name")) })
    }
}

/// Never answers.
pub(crate) struct Silent;

impl Resolver for Silent {
    fn resolve(&self, _host: &str) -> Resolution {
        Box::pin(std::future::pending())
    }
}
