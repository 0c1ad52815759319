//! What no route answers, and what every route refuses.

use axum::body::Body;
use axum::http::Request;
use postback_domain::limits::API_BODY_BYTES_MAX;
use serde_json::json;

use crate::world::{ADMIN_KEY, World};

#[tokio::test]
async fn health_needs_no_key() {
    let world = World::new();
    assert_eq!(world.anonymous().get("/healthz").await.ok(200), json!({"status": "ok"}));
    assert_eq!(world.anonymous().call("HEAD", "/healthz", None).await.text, "");
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods() {
    let world = World::new();
    let admin = world.admin();
    for path in ["/", "/v1", "/v1/merchant", "/v1/events/", "/v1/events/a/b", "/v2/events"] {
        admin.get(path).await.refused(404, "no_such_route");
    }
    for (method, path, allow) in [
        ("DELETE", "/v1/merchants", "POST,GET,HEAD"),
        ("PUT", "/v1/endpoints/end_1", "GET,HEAD,PATCH,DELETE"),
        ("POST", "/v1/events", "GET,HEAD"),
        ("GET", "/v1/deliveries/dlv_1/retry", "POST"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = admin.call(method, path, None).await;
        answer.refused(405, "method_not_allowed");
        let mut got: Vec<_> = answer.header("allow").split(',').collect();
        let mut expected: Vec<_> = allow.split(',').collect();
        got.sort_unstable();
        expected.sort_unstable();
        assert_eq!(got, expected, "{method} {path}");
    }
}

/// OPTIONS says which methods there are, without a key; a preflight of a page elsewhere hears nothing
/// that lets it go on.
#[tokio::test]
async fn options_say_what_a_route_has_and_no_other_origin_is_let_in() {
    let world = World::new();
    for (path, allow) in [
        ("/v1/merchants", ["GET", "HEAD", "POST"].as_slice()),
        ("/v1/failed/claim", &["POST"]),
        ("/healthz", &["GET", "HEAD"]),
    ] {
        let preflight = Request::options(path)
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization");
        let answer = world.anonymous().send(preflight.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (204, ""), "{path}");
        let mut got: Vec<_> = answer.header("allow").split(',').collect();
        got.sort_unstable();
        assert_eq!(got, allow, "{path}");
        let of_cors = |name: &str| name.starts_with("access-control");
        assert!(!answer.headers.keys().any(|name| of_cors(name.as_str())), "{path}");
    }
    world.anonymous().call("OPTIONS", "/v1/nothing", None).await.refused(404, "no_such_route");
}

/// HEAD is GET without its body: the same checks, status and length.
#[tokio::test]
async fn head_is_get_without_its_body() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let path = format!("/v1/merchants/{}", merchant.id);
    let get = world.admin().get(&path).await;
    let head = world.admin().call("HEAD", &path, None).await;
    assert_eq!((head.status.as_u16(), &*head.text), (200, ""));
    for name in ["content-type", "content-length", "etag", "cache-control"] {
        assert_eq!(head.headers.get(name), get.headers.get(name), "{name}");
    }
    assert_eq!(merchant.client.call("HEAD", &path, None).await.status, 403);
    assert_eq!(world.anonymous().call("HEAD", &path, None).await.status, 401);
    assert_eq!(world.admin().call("HEAD", "/v1/merchants/none", None).await.status, 404);
}

#[tokio::test]
async fn ids_that_are_none_name_nothing() {
    let world = World::new();
    let admin = world.admin();
    for path in [
        "/v1/merchants/shop",
        "/v1/merchants/mch_00000000000000000000000000000001",
        "/v1/merchants/end_00000000000000000000000000000001",
        "/v1/sources/src_zz",
        "/v1/events/EVT_00000000000000000000000000000001",
        "/v1/events/evt_00000000000000000000000000000001",
        "/v1/deliveries/%ff",
        "/v1/deliveries/dlv_00000000000000000000000000000001",
        "/v1/endpoints/1?merchant_id=mch_00000000000000000000000000000001",
    ] {
        admin.get(path).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() {
    let world = World::new();
    let too_long = format!("{{\"name\": \"{}\"}}", "x".repeat(API_BODY_BYTES_MAX));
    for (content_type, body, status, code) in [
        (Some("text/plain"), r#"{"name": "a"}"#.as_bytes(), 415, "unsupported_media_type"),
        (None, br#"{"name": "a"}"#, 415, "unsupported_media_type"),
        (Some("application/json"), b"", 400, "malformed_json"),
        (Some("application/json"), b"{", 400, "malformed_json"),
        (Some("application/json"), b"[]", 400, "malformed_json"),
        (Some("application/json"), b"{\"name\": \"\xff\"}", 400, "malformed_json"),
        (Some("application/json"), &[b'['; 10_000], 400, "malformed_json"),
        (Some("application/json"), too_long.as_bytes(), 413, "body_too_large"),
        (Some("application/json; charset=utf-8"), br#"{"nam": "a"}"#, 422, "missing_field"),
    ] {
        let mut request =
            Request::post("/v1/merchants").header("authorization", format!("Bearer {ADMIN_KEY}"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        world.anonymous().send(request).await.refused(status, code);
    }
}

#[tokio::test]
async fn request_ids_differ() {
    let world = World::new();
    let first = world.anonymous().get("/healthz").await;
    let second = world.anonymous().get("/healthz").await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}
