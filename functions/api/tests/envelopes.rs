//! Stored envelopes, replayed over the real routes and store.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::sync::Arc;

use postback_aws::gateway::{self, GatewayRequest};
use postback_domain::endpoint::Destinations;
use postback_domain::key::TokenDigest;
use postback_http::api::{self, Api};
use postback_stage::{Stage, envelope};
use serde_json::{Value, json};

async fn replay(stage: &Stage, name: &str) -> Value {
    let stored = envelope(Path::new(env!("CARGO_MANIFEST_DIR")), name);
    let request: GatewayRequest = serde_json::from_value(stored).unwrap();
    let settings = api::Settings {
        requests_per_minute: 1000,
        admin_key: TokenDigest::of("an-admin-key-of-some-length"),
        destinations: Destinations::PublicHttps,
        public_base_url: "https://hooks.example".to_owned(),
    };
    let router = api::router(Api::new(Arc::clone(stage.engine()), settings));
    let answer = gateway::answer(router, request).await.unwrap();
    serde_json::to_value(answer).unwrap()
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn requests_are_answered_in_format_2_0() {
    let stage = Stage::new(0).await;
    let answer = replay(&stage, "healthz.json").await;
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(false)));
    assert_eq!(answer["headers"]["content-type"], "application/json");
    assert_eq!(answer["cookies"], json!([]));
    assert_eq!(body(&answer), json!({"status": "ok"}));
}

/// The script of the page about the API is kept compressed, and no text.
#[tokio::test]
async fn what_is_no_text_is_answered_as_base64() {
    let stage = Stage::new(0).await;
    let answer = replay(&stage, "docs_renderer.json").await;
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)));
    assert_eq!(answer["headers"]["content-encoding"], "gzip");
    let body = answer["body"].as_str().unwrap();
    // `1f 8b`, as every gzip file begins.
    assert!(body.starts_with("H4sI") && body.len() < 400_000, "{} bytes", body.len());
}

#[tokio::test]
async fn bodies_come_as_text_and_as_base64() {
    let stage = Stage::new(0).await;
    for name in ["create_merchant.json", "create_merchant_base64.json"] {
        let answer = replay(&stage, name).await;
        assert_eq!(answer["statusCode"], 201, "{name}: {answer}");
        assert_eq!(body(&answer)["name"], "Café Zürich", "{name}");
    }
    let answer = replay(&stage, "list_merchants.json").await;
    let listed = body(&answer);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "the query arrives: {answer}");
    assert_ne!(listed["next"], Value::Null);
}

#[tokio::test]
async fn what_is_refused_is_told_as_a_problem() {
    let stage = Stage::new(0).await;
    for (name, status) in [
        ("without_key.json", 401),
        ("wrong_method.json", 405),
        ("unknown_route.json", 404),
        ("too_large.json", 413),
        ("query_with_duplicates.json", 422),
    ] {
        let answer = replay(&stage, name).await;
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        assert_eq!(answer["headers"]["content-type"], "application/problem+json", "{name}");
        assert!(body(&answer)["code"].is_string(), "{name}: {answer}");
    }
}
