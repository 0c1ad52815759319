//! A merchant of one test's own, with one provider that sends it events.

use postback_acceptance::api::{Caller, plain_body, text};
use postback_acceptance::client::Client;
use postback_acceptance::clock::{self, eventually};
use postback_acceptance::receiver::Receiver;
use postback_acceptance::sign::Provider;
use serde_json::{Value, json};

use crate::stage::Stage;

const PROVIDER: Provider = Provider::Stripe;

pub(crate) struct Shop {
    /// The merchant's id, which every message about it holds.
    pub(crate) id: String,
    pub(crate) source_id: String,
    ingest: Client,
    ingest_path: String,
    secret: String,
    api: Caller,
}

impl Shop {
    pub(crate) fn open(stage: &Stage) -> Self {
        let admin = &stage.admin;
        let id = text(&admin.post("/v1/merchants", &json!({"name": "Stack"})).ok(), "id");
        let key = admin.post(&format!("/v1/merchants/{id}/keys"), &json!({"name": "test"})).ok();
        let secret = PROVIDER.secret(&clock::unique());
        let source = json!({"merchant_id": id, "preset": PROVIDER.preset(), "secrets": [secret]});
        let source_id = text(&admin.post("/v1/sources", &source).ok(), "id");
        Self {
            id,
            ingest: stage.api.clone(),
            ingest_path: format!("/in/{source_id}"),
            source_id,
            secret,
            api: Caller::new(&stage.api, Some(&text(&key, "key"))),
        }
    }

    /// Adds an endpoint that is tried once more after each of these waits.
    pub(crate) fn endpoint(&self, receiver: &Receiver, waits_s: &[f64]) {
        let policy = json!({"waits_s": waits_s});
        self.api
            .post("/v1/endpoints", &json!({"url": receiver.url(), "retry_policy": policy}))
            .ok();
    }

    /// The provider sends an event.
    pub(crate) fn send(&self, event: &str) {
        let body = plain_body(event, "charge.refunded");
        let (secret, path) = (&self.secret, &self.ingest_path);
        let request = PROVIDER.request(secret, path, event, "charge.refunded", &body);
        self.ingest.send(&request).expect(200);
    }

    /// Every delivery, once there are so many.
    pub(crate) fn deliveries(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} deliveries are listed"), || {
            let deliveries = self.api.list("/v1/deliveries");
            let seen = deliveries.len();
            if seen == count { Ok(deliveries) } else { Err(format!("{seen} deliveries")) }
        })
    }

    /// The ids of the deliveries, once there are so many and all of them have this state and
    /// these attempts in their round.
    pub(crate) fn wait_for(&self, count: usize, state: &str, attempts: u32) -> Vec<String> {
        eventually(&format!("{count} deliveries are {state}"), || {
            let deliveries = self.api.list("/v1/deliveries");
            let (there, other): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(|delivery| {
                delivery["state"] == state && delivery["attempts"] == attempts
            });
            if there.len() == count && other.is_empty() {
                return Ok(there.iter().map(|delivery| text(delivery, "id")).collect());
            }
            Err(format!("{} are; first other: {:?}", there.len(), other.first()))
        })
    }

    /// The delivery of the only event to the only endpoint, with its attempts, once it has this
    /// state.
    pub(crate) fn wait_for_state(&self, state: &str) -> Value {
        let id = text(&self.deliveries(1)[0], "id");
        eventually(&format!("{id} is {state}"), || {
            let delivery = self.read(&id);
            if delivery["state"] == state { Ok(delivery) } else { Err(delivery.to_string()) }
        })
    }

    /// A delivery with its attempts.
    pub(crate) fn read(&self, delivery: &str) -> Value {
        self.api.get(&format!("/v1/deliveries/{delivery}")).expect(200).json()
    }

    /// How many events the API lists.
    pub(crate) fn event_count(&self) -> usize {
        self.api.list("/v1/events").len()
    }
}
