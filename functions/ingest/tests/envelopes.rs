//! Stored envelopes, replayed over the real route, engine and store. The queue is the test's.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use postback_aws::gateway::{self, GatewayRequest};
use postback_domain::event::Event;
use postback_domain::limits::BODY_BYTES_MAX;
use postback_engine::accept::Accepted;
use postback_engine::ports::Unavailable;
use postback_http::ingest::{self, Ingest, Intake};
use postback_stage::{Stage, envelope};
use serde_json::{Value, json};

/// Keeps events where the queue would.
#[derive(Clone, Default)]
struct Kept {
    events: Arc<Mutex<Vec<Arc<Event>>>>,
    is_down: Arc<AtomicBool>,
}

impl Intake for Kept {
    async fn take(&self, accepted: &Accepted) -> Result<(), Unavailable> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Unavailable::new("queue", "hidden: the test has stopped it"));
        }
        self.events.lock().unwrap().extend_from_slice(&accepted.events);
        Ok(())
    }
}

struct World {
    stage: Stage,
    kept: Kept,
}

impl World {
    async fn new() -> Self {
        let stage = Stage::new(0).await;
        stage.source(1, "stripe", "whsec_one").await;
        stage.source(2, "mercadopago", "mp_secret").await;
        Self { stage, kept: Kept::default() }
    }

    async fn answer(&self, envelope: Value) -> Value {
        let request: GatewayRequest = serde_json::from_value(envelope).unwrap();
        let ingest = Ingest::new(Arc::clone(self.stage.engine()), self.kept.clone());
        let answer = gateway::answer(ingest::router(ingest), request).await.unwrap();
        serde_json::to_value(answer).unwrap()
    }

    async fn replay(&self, name: &str) -> Value {
        self.answer(stored(name)).await
    }

    fn take(&self) -> Vec<Arc<Event>> {
        std::mem::take(&mut self.kept.events.lock().unwrap())
    }
}

fn stored(name: &str) -> Value {
    envelope(Path::new(env!("CARGO_MANIFEST_DIR")), name)
}

#[tokio::test]
async fn what_is_signed_is_kept_and_answered_200() {
    let world = World::new().await;
    for (name, id, kind) in [
        ("accepted.json", "evt_1", "charge.refunded"),
        ("base64_text.json", "evt_1", "charge.refunded"),
        ("accepted_2_0.json", "evt_1", "charge.refunded"),
        ("query_duplicates.json", "7", "payment.updated"),
    ] {
        let answer = world.replay(name).await;
        assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
        let events = world.take();
        assert_eq!(events.len(), 1, "{name}");
        assert_eq!(events[0].provider_event_id.as_str(), id, "{name}");
        assert_eq!(events[0].event_type.as_str(), kind, "{name}");
    }
}

#[tokio::test]
async fn the_three_envelopes_of_one_request_are_one_event() {
    let world = World::new().await;
    for name in ["accepted.json", "base64_text.json", "accepted_2_0.json"] {
        world.replay(name).await;
    }
    let events = world.take();
    assert_eq!(events[0].body, stored("accepted.json")["body"].as_str().unwrap());
    assert_eq!(events[0].content_type.as_deref(), Some("application/json; charset=utf-8"));
    assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
}

#[tokio::test]
async fn a_body_that_is_no_text_arrives_byte_by_byte() {
    let world = World::new().await;
    let answer = world.replay("binary_body.json").await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let events = world.take();
    assert_eq!(events[0].body.as_ref(), b"\xff\xfe\x00\x01\n\r\x80{\"id\"");
    assert_eq!(events[0].provider_event_id.as_str().len(), 64, "the body's hash: {events:?}");
    assert_eq!(events[0].event_type.as_str(), "unknown");
}

#[tokio::test]
async fn an_empty_body_that_is_signed_is_an_event_too() {
    let world = World::new().await;
    assert_eq!(world.replay("empty_body.json").await["statusCode"], 200);
    assert!(world.take()[0].body.is_empty());
}

/// The last of two lines is good; whoever saw only that one would accept a request that two
/// readers can read differently.
#[tokio::test]
async fn repeated_lines_of_a_signature_reach_the_verifier() {
    let world = World::new().await;
    let mut envelope = stored("repeated_signature.json");
    assert_eq!(world.answer(envelope.clone()).await["statusCode"], 401);
    let lines = envelope["multiValueHeaders"]["Stripe-Signature"].as_array_mut().unwrap();
    lines.remove(0);
    assert_eq!(world.answer(envelope).await["statusCode"], 200);
    assert_eq!(world.take().len(), 1);
}

#[tokio::test]
async fn what_is_refused_is_not_kept() {
    let world = World::new().await;
    for (name, status, code) in [
        ("bad_signature.json", 401, "signature_refused"),
        ("no_signature.json", 401, "signature_refused"),
        ("repeated_signature.json", 401, "signature_refused"),
        ("query_ambiguous.json", 401, "signature_refused"),
        ("unknown_source.json", 404, "not_found"),
        ("wrong_method.json", 405, "method_not_allowed"),
        ("too_large.json", 413, "body_too_large"),
    ] {
        let answer = world.replay(name).await;
        let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!((&answer["statusCode"], &problem["code"]), (&json!(status), &json!(code)));
        let content_type = &answer["multiValueHeaders"]["content-type"];
        assert_eq!(*content_type, json!(["application/problem+json"]), "{name}");
        assert!(world.take().is_empty(), "{name}");
    }
}

/// Whatever the header says.
#[tokio::test]
async fn a_body_is_counted() {
    let world = World::new().await;
    for (bytes, status) in [(BODY_BYTES_MAX, 401), (BODY_BYTES_MAX + 1, 413)] {
        let mut envelope = stored("accepted.json");
        envelope["body"] = "x".repeat(bytes).into();
        assert_eq!(world.answer(envelope).await["statusCode"], status, "{bytes}");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_kept_is_not_acknowledged() {
    let world = World::new().await;
    world.kept.is_down.store(true, Ordering::SeqCst);
    let answer = world.replay("accepted.json").await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(!answer.to_string().contains("hidden"), "{answer}");
}

#[tokio::test]
async fn a_payload_that_is_no_request_is_an_error() {
    let world = World::new().await;
    let ingest = Ingest::new(Arc::clone(world.stage.engine()), world.kept.clone());
    let request: GatewayRequest = serde_json::from_value(json!({"key": "value"})).unwrap();
    let error = gateway::answer(ingest::router(ingest), request).await.unwrap_err();
    assert!(error.to_string().contains("no request of an HTTP API"), "{error}");
}
