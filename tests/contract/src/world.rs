//! Nouns for the cases, and short words for common calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postback_domain::audit::{Action, Actor, Origin, Record};
use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::message::{Message, MessageId, Receipt};
use postback_domain::delivery::retry::{Jitter, RetryPolicy};
use postback_domain::delivery::verdict::{Outcome, Verdict};
use postback_domain::delivery::{Claim, Lease};
use postback_domain::endpoint::{
    AttemptTimeout, Destinations, Endpoint, EndpointSecret, EndpointUrl, Kind, Switch,
};
use postback_domain::event::{Event, EventType, Plan, ProviderEventId};
use postback_domain::ids::{
    AuditId, DeliveryId, EndpointId, EventId, KeyId, MerchantId, PortalTokenId, SourceId,
};
use postback_domain::key::{ApiKey, Scope, Token};
use postback_domain::merchant::Merchant;
use postback_domain::portal::PortalToken;
use postback_domain::rotation::Owner;
use postback_domain::signing::SigningSecret;
use postback_domain::source::{SchemeChoice, Source, SourceSecret, Tolerance};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::history::PageRequest;
use postback_engine::ports::store::{Admitted, Claimed, Claiming};
use postback_verify::{Config, Secret};

use crate::WholeStore;

/// The time of every case.
pub const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// The merchant of most cases.
pub const MERCHANT: MerchantId = MerchantId::from_bits(0xa);

/// The source of every event.
pub const SOURCE: SourceId = SourceId::from_bits(0x5);

/// The end of the first lease.
pub const LEASE: Lease = Lease { until: Timestamp::from_millis(1_790_000_060_000) };

/// `NOW` and some seconds.
pub fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// An endpoint's id.
pub fn end(number: u128) -> EndpointId {
    EndpointId::from_bits(number)
}

/// An event of [`MERCHANT`] that the provider calls `name`.
pub fn event(name: &str) -> Arc<Event> {
    event_with(MERCHANT, name, "charge.refunded", name.as_bytes())
}

/// An event.
pub fn event_with(merchant: MerchantId, name: &str, kind: &str, body: &[u8]) -> Arc<Event> {
    let provider_event_id = ProviderEventId::new(name);
    Arc::new(Event {
        id: EventId::derive(SOURCE, &provider_event_id),
        source_id: SOURCE,
        merchant_id: merchant,
        addressee: None,
        provider_event_id,
        event_type: EventType::new(kind),
        received_at: NOW,
        content_type: Some("application/json".to_owned()),
        body: bytes::Bytes::copy_from_slice(body),
    })
}

/// Admits `event` for these endpoints, leased.
pub async fn admit(store: &impl WholeStore, event: &Arc<Event>, endpoints: &[u128]) -> Admitted {
    admit_at(store, event, endpoints, Some(LEASE)).await
}

/// Admits `event` for these endpoints.
pub async fn admit_at(
    store: &impl WholeStore,
    event: &Arc<Event>,
    endpoints: &[u128],
    lease: Option<Lease>,
) -> Admitted {
    let plan = Plan(endpoints.iter().map(|number| end(*number)).collect());
    store.admit(Arc::clone(event), plan, lease, NOW).await.unwrap()
}

/// A fresh delivery to endpoint 1, due now, and the message that claims it.
pub async fn delivery(store: &impl WholeStore, name: &str) -> Message {
    admit_at(store, &event(name), &[1], None).await.unclaimed[0]
}

/// Claims, with a lease of a minute from `now`.
pub async fn claim(store: &impl WholeStore, message: Message, now: Timestamp) -> Claiming {
    claim_with(store, message, None, now).await
}

/// Claims with a receipt.
pub async fn claim_with(
    store: &impl WholeStore,
    message: Message,
    receipt: Option<Receipt>,
    now: Timestamp,
) -> Claiming {
    let lease = Lease { until: now.plus(Duration::from_secs(60)) };
    store.claim(message, receipt, now, lease).await.unwrap()
}

/// Claims what must be free.
pub async fn claimed(store: &impl WholeStore, message: Message, now: Timestamp) -> Claim {
    match claim(store, message, now).await {
        Claiming::Claimed(Claimed { claim, .. }) => claim,
        other => panic!("{message:?} must be free: {other:?}"),
    }
}

/// A receipt of the message `id`.
pub fn receipt(id: &str, sent_at: Timestamp) -> Option<Receipt> {
    Some(Receipt { id: MessageId(id.to_owned()), sent_at })
}

/// Ends a claim with this outcome under the default policy.
pub fn end_with(
    claim: Claim,
    outcome: Outcome,
    now: Timestamp,
) -> postback_domain::delivery::Settlement {
    finish(claim, outcome, &RetryPolicy::default(), now)
}

/// Ends a claim for good: no try is left.
pub fn give_up(claim: Claim, now: Timestamp) -> postback_domain::delivery::Settlement {
    let policy = RetryPolicy::from_secs(&[]).unwrap();
    finish(claim, Outcome::ServerError, &policy, now)
}

fn finish(
    claim: Claim,
    outcome: Outcome,
    policy: &RetryPolicy,
    now: Timestamp,
) -> postback_domain::delivery::Settlement {
    let verdict: Verdict = outcome.verdict(None);
    let attempt = Attempt {
        number: claim.number(),
        round: claim.round(),
        at: now,
        duration_ms: 7,
        outcome,
        status: Some(500),
        detail: Some("it’s \"down\"\n".to_owned()),
        response_excerpt: None,
    };
    claim.finish(verdict, policy, Jitter::from_bits(0), attempt, now)
}

/// The log of a delivery.
pub async fn log(store: &impl WholeStore, id: DeliveryId) -> Vec<Attempt> {
    store.read_delivery(id).await.unwrap().unwrap().attempts
}

/// A page of everything.
pub fn first(limit: usize) -> PageRequest {
    PageRequest { limit, cursor: None }
}

/// A label.
pub fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// A merchant.
pub fn merchant(number: u128) -> Merchant {
    Merchant {
        id: MerchantId::from_bits(number),
        name: label("Shop"),
        external_id: None,
        retry_policy: None,
        created_at: NOW,
        revision: 1,
    }
}

/// An endpoint of [`MERCHANT`] that wants everything.
pub fn endpoint(number: u128) -> Endpoint {
    let url = format!("https://shop.example/{number}");
    Endpoint {
        id: end(number),
        merchant_id: MERCHANT,
        kind: Kind::Push(EndpointUrl::parse(&url, Destinations::PublicHttps).unwrap()),
        event_types: vec!["*".parse().unwrap()],
        description: None,
        switch: Switch::On,
        retry_policy: None,
        timeout: AttemptTimeout::default(),
        rate_limit: None,
        headers: Vec::new(),
        secrets: EndpointSecret::set(
            Owner::endpoint(EndpointId::from_bits(number), 1),
            NOW,
            [SigningSecret::mint([7; 32])],
        ),
        created_at: NOW,
        revision: 1,
    }
}

/// A Stripe source of [`MERCHANT`].
pub fn source(number: u128) -> Source {
    Source {
        id: SourceId::from_bits(number),
        merchant_id: MERCHANT,
        merchant_from: None,
        name: None,
        scheme: SchemeChoice::preset("stripe").unwrap(),
        secrets: secrets(number, &["whsec_one"]),
        config: Config::default(),
        tolerance: Tolerance::SchemeDefault,
        created_at: NOW,
        revision: 1,
    }
}

/// Secrets of such a source, set when it was created.
pub fn secrets(number: u128, texts: &[&str]) -> Vec<SourceSecret> {
    let texts = texts.iter().copied().map(Secret::new);
    SourceSecret::set(Owner::source(SourceId::from_bits(number), 1), NOW, texts)
}

/// A key of [`MERCHANT`].
pub fn key(number: u128) -> ApiKey {
    let id = KeyId::from_bits(number);
    ApiKey {
        id,
        merchant_id: MERCHANT,
        name: label("key"),
        scopes: vec![Scope::Read, Scope::Write],
        digest: Token::mint(id, [9; 32]).digest(),
        created_at: NOW,
        expires_at: None,
        last_used_at: None,
    }
}

/// A portal token of [`MERCHANT`], good for an hour.
pub fn portal_token(number: u128) -> PortalToken {
    let id = PortalTokenId::from_bits(number);
    PortalToken {
        id,
        merchant_id: MERCHANT,
        digest: Token::mint(id, [9; 32]).digest(),
        created_at: NOW,
        expires_at: at(3600),
    }
}

/// The record of some act of the operator's, each under an id of its own.
pub fn act() -> Record {
    static ACTS: AtomicU64 = AtomicU64::new(1);
    Record {
        id: AuditId::from_bits(ACTS.fetch_add(1, Ordering::Relaxed).into()),
        at: NOW,
        actor: Actor::Operator,
        action: Action::EndpointUpdated,
        merchant_id: Some(MERCHANT),
        object: None,
        origin: Origin::default(),
        request_id: "req_1".to_owned(),
        before: None,
        after: None,
    }
}
