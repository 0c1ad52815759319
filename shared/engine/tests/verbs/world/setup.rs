//! What people have set up in a world, and what providers send to it.

use std::path::Path;

use postback_domain::audit::{Action, Actor, Origin, Record};
use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::endpoint::{
    AttemptTimeout, Destinations, Endpoint, EndpointSecret, EndpointUrl, EventFilter, Kind, Switch,
};
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{AuditId, EndpointId, EventId, MerchantId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::rotation::Owner;
use postback_domain::signing::SigningSecret;
use postback_domain::text::Label;
use postback_embedded::EmbeddedStore;
use postback_engine::ports::catalog::Catalog;
use tempfile::TempDir;

use super::{START, World};

/// Where a world's events come from.
pub(crate) const SOURCE: SourceId = SourceId::from_bits(0x50);

const MERCHANT: MerchantId = MerchantId::from_bits(0x3e);

/// In memory where the machine has such a disk: these tests ask what is in the store after a call,
/// not what a power cut leaves of it.
pub(super) fn directory() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(in_memory).or_else(|_| tempfile::tempdir());
    made.expect("a temporary directory")
}

pub(super) async fn merchant(store: &EmbeddedStore) -> MerchantId {
    let merchant = Merchant {
        id: MERCHANT,
        name: Label::parse("Shop").expect("a label"),
        external_id: None,
        retry_policy: None,
        created_at: START,
        revision: 1,
    };
    store.create_merchant(merchant, act()).await.expect("a fresh store");
    MERCHANT
}

/// Of what the operator does in these tests, which nobody asks for here.
pub(crate) fn act() -> Record {
    Record {
        id: AuditId::from_bits(1),
        at: START,
        actor: Actor::Operator,
        action: Action::EndpointUpdated,
        merchant_id: Some(MERCHANT),
        object: None,
        origin: Origin::default(),
        request_id: String::new(),
        before: None,
        after: None,
    }
}

/// A policy of these waits.
pub(crate) fn policy(waits_s: &[f64]) -> RetryPolicy {
    RetryPolicy::from_secs(waits_s).expect("a policy")
}

impl World {
    /// Adds an endpoint that wants everything.
    pub(crate) async fn endpoint(&self, name: &str) {
        self.endpoint_with(name, |_| {}).await;
    }

    /// Adds an endpoint that differs from [`World::endpoint`] by `change`.
    pub(crate) async fn endpoint_with(&self, name: &str, change: impl FnOnce(&mut Endpoint)) {
        let number = {
            let mut endpoints = self.endpoints.lock().expect("unpoisoned");
            let number = endpoints.len() as u128 + 1;
            endpoints.insert(name.to_owned(), EndpointId::from_bits(number));
            number
        };
        let url = format!("https://{name}.example/hooks");
        let mut endpoint = Endpoint {
            id: EndpointId::from_bits(number),
            merchant_id: self.merchant,
            kind: Kind::Push(EndpointUrl::parse(&url, Destinations::PublicHttps).expect("a url")),
            event_types: vec![EventFilter::Every],
            description: None,
            switch: Switch::On,
            retry_policy: None,
            timeout: AttemptTimeout::default(),
            rate_limit: None,
            headers: Vec::new(),
            secrets: EndpointSecret::set(
                Owner::endpoint(EndpointId::from_bits(number), 1),
                self.now(),
                [SigningSecret::mint([7; 32])],
            ),
            created_at: self.now(),
            revision: 1,
        };
        change(&mut endpoint);
        self.embedded.create_endpoint(endpoint, act()).await.expect("the store is there");
    }

    pub(crate) async fn read_endpoint(&self, name: &str) -> Endpoint {
        let endpoint = self.embedded.read_endpoint(self.merchant, self.endpoint_id(name)).await;
        endpoint.expect("the store is there").expect("the endpoint is there")
    }

    pub(crate) async fn change_endpoint(&self, name: &str, change: impl FnOnce(&mut Endpoint)) {
        let mut endpoint = self.read_endpoint(name).await;
        endpoint.revision += 1;
        change(&mut endpoint);
        self.embedded.replace_endpoint(endpoint, act()).await.expect("nobody else changes it");
    }

    pub(crate) async fn delete_endpoint(&self, name: &str) {
        let deleted =
            self.embedded.delete_endpoint(self.merchant, self.endpoint_id(name), act()).await;
        deleted.expect("the endpoint is there");
    }

    pub(crate) async fn change_merchant(&self, change: impl FnOnce(&mut Merchant)) {
        let merchant = self.embedded.read_merchant(self.merchant).await;
        let mut merchant = merchant.expect("the store is there").expect("the merchant is there");
        merchant.revision += 1;
        change(&mut merchant);
        self.embedded.replace_merchant(merchant, act()).await.expect("nobody else changes it");
    }

    /// What the endpoint answers, in order; see [`super::sender::Reply`]. After the last, 200.
    pub(crate) fn answers(&self, endpoint: &str, replies: &[&str]) {
        self.sender().script(self.endpoint_id(endpoint), replies);
    }

    /// What the endpoint answers once its script is over.
    pub(crate) fn always(&self, endpoint: &str, reply: &str) {
        self.sender().afterwards(self.endpoint_id(endpoint), reply);
    }

    /// A verified event of type `charge.refunded`.
    pub(crate) fn an_event(&self, provider_event_id: &str) -> Event {
        let provider_event_id = ProviderEventId::new(provider_event_id);
        Event {
            id: EventId::derive(SOURCE, &provider_event_id),
            source_id: SOURCE,
            merchant_id: self.merchant,
            addressee: None,
            provider_event_id,
            event_type: EventType::new("charge.refunded"),
            received_at: self.now(),
            content_type: Some("application/json".to_owned()),
            body: r#"{ "amount": 1.10 }"#.into(),
        }
    }
}
