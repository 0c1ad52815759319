//! `/in/{source_id}`

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postback_domain::limits::BODY_BYTES_MAX;
use serde_json::json;

use crate::world::{Source, World};

async fn world_with_source() -> (World, Source) {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    (world, source)
}

#[tokio::test]
async fn a_signed_event_is_accepted_and_a_repeat_is_too() {
    let (world, source) = world_with_source().await;
    for _ in 0..2 {
        let answer = world.ingest(&source, br#"{"id":"evt_1","type":"charge.refunded"}"#).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
        assert_eq!(answer.header("content-type"), "");
    }
    let listed = world.admin().get("/v1/events").await.ok(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bytes_are_exact_even_when_they_are_no_text() {
    let (world, source) = world_with_source().await;
    let body = b"\xff\x00{\r\n not json \xfe";
    world.ingest(&source, body).await.ok(200);
    let listed = world.admin().get("/v1/events").await.ok(200);
    let event = &listed["data"][0];
    assert_eq!(event["type"], "unknown");
    let path = format!("/v1/events/{}?include=body", event["id"].as_str().unwrap());
    let kept = world.admin().get(&path).await.ok(200);
    assert_eq!(STANDARD.decode(kept["body_base64"].as_str().unwrap()).unwrap(), body);
}

#[tokio::test]
async fn the_providers_own_acknowledgement_is_given() {
    let (world, _) = world_with_source().await;
    let merchant = world.merchant("Other").await;
    let scheme = json!({
        "kind": "token", "sig": [{"from": "header:X-Token", "enc": "text"}],
        "ack": {"status": 202, "content_type": "text/plain", "body": "[accepted]"},
    });
    let body = json!({"merchant_id": merchant.id, "scheme": scheme, "secrets": ["token"]});
    let id = world.admin().post("/v1/sources", body).await.created();
    let request = Request::post(format!("/in/{id}")).header("x-token", "token");
    let answer = world.anonymous().send(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (202, "[accepted]"));
    assert_eq!(answer.header("content-type"), "text/plain");
}

#[tokio::test]
async fn forgeries_are_refused_and_learn_nothing() {
    let (world, source) = world_with_source().await;
    let signed = || world.signed(&source, b"{}");
    let tampered = {
        let mut request = signed();
        *request.body_mut() = Body::from("{ }");
        request
    };
    let unsigned = {
        let mut request = signed();
        request.headers_mut().remove("stripe-signature");
        request
    };
    let signed_twice = {
        let mut request = signed();
        request.headers_mut().append("stripe-signature", HeaderValue::from_static("t=1,v1=00"));
        request
    };
    let mut texts = Vec::new();
    for request in [tampered, unsigned, signed_twice] {
        let answer = world.anonymous().send(request).await;
        let problem = answer.refused(401, "signature_refused");
        assert!(problem.get("detail").is_none());
        texts.push(answer.text);
    }
    world.advance_secs(-3600);
    let stale = signed();
    world.advance_secs(3600);
    texts.push(world.anonymous().send(stale).await.text);
    texts.dedup();
    assert_eq!(texts.len(), 1, "all refusals look alike: {texts:?}");
    assert_eq!(world.admin().get("/v1/events").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn unknown_sources_and_methods() {
    let (world, source) = world_with_source().await;
    let anonymous = world.anonymous();
    for id in ["src_00000000000000000000000000000001", "src_1", "evt_1", "%00", "x%20y"] {
        let answer = anonymous.call("POST", &format!("/in/{id}"), None).await;
        answer.refused(404, "not_found");
    }
    anonymous.call("POST", "/in", None).await.refused(404, "no_such_route");
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = anonymous.call(method, &format!("/in/{}", source.id), None).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST", "{method}");
    }
    world.admin().delete(&format!("/v1/sources/{}", source.id)).await.ok(204);
    world.ingest(&source, b"{}").await.refused(404, "not_found");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let (world, source) = world_with_source().await;
    world.ingest(&source, &vec![b'x'; BODY_BYTES_MAX]).await.ok(200);
    let too_long = vec![b'x'; BODY_BYTES_MAX + 1];
    world.ingest(&source, &too_long).await.refused(413, "body_too_large");
    // One that only says so is refused before a byte is read.
    let mut request = world.signed(&source, b"{}");
    let length = HeaderValue::from(BODY_BYTES_MAX + 1);
    request.headers_mut().insert("content-length", length);
    world.anonymous().send(request).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn what_could_not_be_kept_is_asked_for_again() {
    let (world, source) = world_with_source().await;
    world.set_down(true);
    let answer = world.ingest(&source, br#"{"id":"evt_1"}"#).await;
    answer.refused(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    world.set_down(false);
    world.ingest(&source, br#"{"id":"evt_1"}"#).await.ok(200);
    world.ingest(&source, b"panic").await.refused(500, "internal");
    world.ingest(&source, br#"{"id":"evt_2"}"#).await.ok(200);
}

#[tokio::test]
async fn a_rotated_secret_counts_at_once() {
    let (world, source) = world_with_source().await;
    world.ingest(&source, b"{}").await.ok(200);
    let path = format!("/v1/sources/{}", source.id);
    world.admin().patch(&path, json!({"secrets": ["whsec_new"]})).await.ok(200);
    world.ingest(&source, b"{}").await.refused(401, "signature_refused");
    let rotated = Source { secret: "whsec_new".to_owned(), ..source };
    world.ingest(&rotated, b"{}").await.ok(200);
}
