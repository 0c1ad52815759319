//! The whole of Postback but its network: the routers on the embedded store, a receiver that
//! answers what it is told to, and a clock that stands still.

mod client;
mod contract;
mod ports;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use postback_domain::audit::{Action, Actor, Origin, Record};
use postback_domain::delivery::State;
use postback_domain::endpoint::Destinations;
use postback_domain::ids::{AuditId, EndpointId, RecoveryId};
use postback_domain::key::TokenDigest;
use postback_domain::recovery::{Counts, Place, Recovery, Standing};
use postback_domain::source::SchemeChoice;
use postback_engine::accept::Accepted;
use postback_engine::ports::recoveries::Recoveries as _;
use postback_engine::ports::{Clock, Unavailable};
use postback_engine::take_in::FirstTries;
use postback_engine::{Engine, Settings};
use postback_http::api::{self, Api};
use postback_http::ingest::{self, Ingest, Intake};
use postback_verify::{Config, Secret, SignInput, UnixTime};
use serde_json::{Value, json};

pub(crate) use client::{Answer, Client};
pub(crate) use contract::{CONTRACT, Operation};
use ports::TestPorts;

pub(crate) const ADMIN_KEY: &str = "an-admin-key-of-some-length";
/// More than any test but one asks for.
pub(crate) const QUOTA: u32 = 400;

pub(crate) const BASE_URL: &str = "https://hooks.platform.example";

/// One Postback, gone with its directory when dropped.
pub(crate) struct World {
    pub(crate) router: Router,
    engine: Arc<Engine<TestPorts>>,
    _directory: tempfile::TempDir,
}

/// A merchant and a client with a key of its own.
pub(crate) struct Merchant {
    pub(crate) id: String,
    pub(crate) client: Client,
}

/// A source and the secret that its provider signs with.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Takes events in and makes the first attempts before it answers, so that tests need not wait.
struct AtOnce(Arc<Engine<TestPorts>>);

impl Intake for AtOnce {
    async fn take(&self, accepted: &Accepted) -> Result<(), Unavailable> {
        if self.0.ports().is_down.load(Ordering::SeqCst) {
            return Err(Unavailable::new("store", "hidden: no space left"));
        }
        for event in &accepted.events {
            assert!(!event.body.starts_with(b"panic"), "hidden: a test asked for it");
            let taken_in = self.0.take_in(event, FirstTries::Mine).await?;
            for (claim, endpoint) in taken_in.claims {
                self.0.attempt(&taken_in.event, claim, endpoint, None).await?;
            }
        }
        self.0.note_use(accepted.events[0].source_id, &accepted.secrets).await;
        Ok(())
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::new(TestPorts::open(directory.path()), Settings::default()));
        let settings = api::Settings {
            admin_key: TokenDigest::of(ADMIN_KEY),
            destinations: Destinations::PublicHttps,
            requests_per_minute: QUOTA,
            public_base_url: format!("{BASE_URL}/"),
        };
        let api = api::router(Api::new(Arc::clone(&engine), settings));
        let ingest = ingest::router(Ingest::new(Arc::clone(&engine), AtOnce(Arc::clone(&engine))));
        Self { router: postback_http::app(api, ingest), engine, _directory: directory }
    }

    pub(crate) fn admin(&self) -> Client {
        Client::new(&self.router, Some(ADMIN_KEY))
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::new(&self.router, None)
    }

    pub(crate) fn with_key(&self, key: &str) -> Client {
        Client::new(&self.router, Some(key))
    }

    /// A merchant with a key that may do everything.
    pub(crate) async fn merchant(&self, name: &str) -> Merchant {
        let admin = self.admin();
        let id = admin.post("/v1/merchants", json!({"name": name})).await.created();
        let path = format!("/v1/merchants/{id}/keys");
        let key = admin.post(&path, json!({"name": "all"})).await.ok(201);
        Merchant { id, client: self.with_key(key["key"].as_str().unwrap()) }
    }

    /// A merchant that the platform calls so.
    pub(crate) async fn merchant_called(&self, name: &str, external_id: &str) -> Merchant {
        let merchant = self.merchant(name).await;
        let path = format!("/v1/merchants/{}", merchant.id);
        self.admin().patch(&path, json!({"external_id": external_id})).await.ok(200);
        merchant
    }

    /// A Stripe source whose events say whom they are for.
    pub(crate) async fn platform(&self, merchant: &Merchant, merchant_from: &str) -> Source {
        let source = self.source(merchant).await;
        let path = format!("/v1/sources/{}", source.id);
        self.admin().patch(&path, json!({"merchant_from": merchant_from})).await.ok(200);
        source
    }

    /// A client with a key of this merchant that has these scopes.
    pub(crate) async fn with_scopes(&self, merchant: &Merchant, scopes: &[&str]) -> Client {
        let path = format!("/v1/merchants/{}/keys", merchant.id);
        let key = self.admin().post(&path, json!({"name": "k", "scopes": scopes})).await.ok(201);
        self.with_key(key["key"].as_str().unwrap())
    }

    /// A portal token of this merchant.
    pub(crate) async fn portal_token(&self, merchant: &Merchant) -> String {
        let path = format!("/v1/merchants/{}/portal-tokens", merchant.id);
        let minted = self.admin().post(&path, json!({})).await.ok(201);
        minted["token"].as_str().unwrap().to_owned()
    }

    /// A Stripe source for this merchant.
    pub(crate) async fn source(&self, merchant: &Merchant) -> Source {
        let secret = format!("whsec_of_{}", merchant.id);
        let body = json!({"merchant_id": merchant.id, "preset": "stripe", "secrets": [secret]});
        Source { id: self.admin().post("/v1/sources", body).await.created(), secret }
    }

    /// An endpoint that is tried once only, so that one failure makes a dead letter.
    pub(crate) async fn endpoint(&self, merchant: &Merchant, event_types: &[&str]) -> String {
        let body = json!({
            "url": "https://shop.example/hooks",
            "event_types": event_types,
            "retry_policy": {"waits_s": []},
        });
        merchant.client.post("/v1/endpoints", body).await.created()
    }

    /// An order that nobody has begun to carry out, which none is that was asked for here.
    pub(crate) async fn running_order(&self, merchant: &str, endpoint: &str) -> String {
        let at = self.engine.ports().clock.now();
        let merchant_id = merchant.parse().unwrap();
        let endpoint_id: EndpointId = endpoint.parse().unwrap();
        let order = Recovery {
            id: RecoveryId::from_bits(1),
            merchant_id,
            endpoint_id,
            since: at.minus(Duration::from_secs(60)),
            until: at,
            places: vec![Place::State(State::Failed)],
            per_second: 1,
            created_at: at,
            standing: Standing::Running { place: 0, cursor: None, next_due_at: at },
            counts: Counts::default(),
        };
        let record = Record {
            id: AuditId::from_bits(1),
            at,
            actor: Actor::Operator,
            action: Action::RecoveryCreated,
            merchant_id: Some(merchant_id),
            object: Some(endpoint_id.into()),
            origin: Origin::default(),
            request_id: "req_0000000000000001".to_owned(),
            before: None,
            after: None,
        };
        let id = order.id.to_string();
        self.engine.ports().store.create_recovery(order, record).await.unwrap();
        id
    }

    /// Posts these bytes as Stripe would.
    pub(crate) async fn ingest(&self, source: &Source, body: &[u8]) -> Answer {
        self.anonymous().send(self.signed(source, body)).await
    }

    /// Posts an event of this id and type as Stripe would, and answers with our id of it.
    pub(crate) async fn event(&self, source: &Source, id: &str, event_type: &str) -> String {
        let body = json!({"id": id, "type": event_type}).to_string();
        self.ingest(source, body.as_bytes()).await.ok(200);
        let listed = self.admin().get(&format!("/v1/events?source_id={}", source.id)).await.ok(200);
        let events = listed["data"].as_array().unwrap();
        let event = events.iter().find(|event| event["provider_event_id"] == id).unwrap();
        event["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn signed(&self, source: &Source, body: &[u8]) -> Request<Body> {
        let scheme = SchemeChoice::preset("stripe").unwrap();
        let now = self.engine.ports().clock.now().as_millis();
        let signed = scheme.scheme().sign(&SignInput {
            body,
            query: "",
            headers: &[("content-type".to_owned(), "application/json".to_owned())],
            secret: &Secret::new(&source.secret),
            config: &Config::default(),
            timestamp: UnixTime::from_millis(now.try_into().unwrap()),
        });
        let signed = signed.unwrap();
        let mut request = Request::post(format!("/in/{}", source.id));
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(signed.body)).unwrap()
    }

    /// What the receiver answers from now on.
    pub(crate) fn receiver_answers(&self, status: u16) {
        self.engine.ports().receiver.status.store(status, Ordering::SeqCst);
    }

    /// How many requests the receiver has got.
    pub(crate) fn received(&self) -> usize {
        self.engine.ports().receiver.requests.load(Ordering::SeqCst)
    }

    /// Makes ingest fail as if the disk were full, or work again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.engine.ports().is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn advance_secs(&self, secs: i64) {
        self.engine.ports().clock.millis.fetch_add(secs * 1000, Ordering::SeqCst);
    }

    /// Works every message that is due now.
    pub(crate) async fn work(&self) {
        let queue = &self.engine.ports().queue;
        while !queue.is_empty() {
            let message = queue.next().await;
            self.engine.deliver(message, None).await.unwrap();
        }
    }

    /// The only delivery of an event.
    pub(crate) async fn delivery_of(&self, event: &str) -> Value {
        let event = self.admin().get(&format!("/v1/events/{event}")).await.ok(200);
        let deliveries = event["deliveries"].as_array().unwrap();
        assert_eq!(deliveries.len(), 1, "{event}");
        deliveries[0].clone()
    }
}
