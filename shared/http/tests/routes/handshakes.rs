//! What is answered without becoming an event, and what is several.

use axum::body::Body;
use axum::http::Request;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::{Answer, World};

async fn source(world: &World, preset: &str, secret: &str, config: Value) -> String {
    let merchant = world.merchant("Shop").await;
    let body = json!({
        "merchant_id": merchant.id, "preset": preset, "secrets": [secret], "config": config,
    });
    world.admin().post("/v1/sources", body).await.created()
}

async fn post(world: &World, source: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(format!("/in/{source}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    world.anonymous().send(request).await
}

fn hmac_sha256_hex(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let tag = mac.chain_update(body).finalize().into_bytes();
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn events(world: &World) -> usize {
    let listed = world.admin().get("/v1/events").await.ok(200);
    listed["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn tests_at_registration_are_answered_and_are_no_events() {
    let world = World::new();
    let woovi = r#"{"data_criacao":"2026-09-21T12:00:00.000Z","evento":"teste_webhook"}"#;
    for (preset, secret, body) in [
        ("woocommerce", "s", "webhook_id=17"),
        ("woovi-hmac", "s", woovi),
        ("finix", "s", ""),
        ("finix", "s", "{}"),
        ("primer", "s", r#"{"message":"Hello from Primer"}"#),
    ] {
        let source = source(&world, preset, secret, json!({})).await;
        let answer = post(&world, &source, &[], body).await;
        assert_eq!(answer.status, 200, "{preset}: {answer:?}");
        // Anything else is refused as ever.
        post(&world, &source, &[], r#"{"id":"evt_1"}"#).await.refused(401, "signature_refused");
    }
    assert_eq!(events(&world).await, 0);
}

/// GitHub's ping is signed like an event.
#[tokio::test]
async fn a_signed_handshake_must_be_signed() {
    let world = World::new();
    let source = source(&world, "github", "It's a Secret to Everybody", json!({})).await;
    // From GitHub's documentation.
    let signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let (event, delivery) = (("X-GitHub-Event", "ping"), ("X-GitHub-Delivery", "1"));
    let headers = [event, delivery, ("X-Hub-Signature-256", signed)];
    assert_eq!(post(&world, &source, &headers, "Hello, World!").await.status, 200);
    assert_eq!(events(&world).await, 0);
    let unsigned = post(&world, &source, &[event, delivery], "Hello, World!").await;
    unsigned.refused(401, "signature_refused");
    let event = ("X-GitHub-Event", "push");
    let headers = [event, delivery, ("X-Hub-Signature-256", signed)];
    assert_eq!(post(&world, &source, &headers, "Hello, World!").await.status, 200);
    assert_eq!(events(&world).await, 1);
}

#[tokio::test]
async fn braintrees_challenge_is_answered_to_a_get() {
    let world = World::new();
    let config = json!({"public_key": "integration_public_key"});
    let source = source(&world, "braintree", "integration_private_key", config).await;
    let get = async |method: &str, query: &str| {
        world.anonymous().call(method, &format!("/in/{source}?{query}"), None).await
    };
    let answer = get("GET", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain");
    let expected = "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4";
    assert_eq!(answer.text, expected);
    for (method, query) in [
        ("GET", "bt_challenge=short"),
        ("GET", "bt_challenge=20F9F8ED05F77439FE955C977E4C8A53"),
        ("GET", ""),
        ("HEAD", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"),
        ("PUT", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"),
    ] {
        assert_eq!(get(method, query).await.status, 405, "{method} {query}");
    }
    assert_eq!(events(&world).await, 0);
}

/// Each with its own id, type and bytes; a repeat of one in other company is a repeat.
#[tokio::test]
async fn a_batch_is_several_events() {
    let world = World::new();
    let source = source(&world, "gocardless", "secret", json!({})).await;
    let first = r#"{"id":"EV1","resource_type":"payments", "action":"confirmed"}"#;
    let second = r#"{"id":"EV2","action":"paid","resource_type":"payouts"}"#;
    let send = async |items: &[&str]| {
        let body = format!("{{\"events\": [{}], \"meta\":{{}}}}", items.join(" , "));
        let signature = hmac_sha256_hex("secret", &body);
        post(&world, &source, &[("Webhook-Signature", &signature)], &body).await
    };
    send(&[first, second]).await.ok(200);
    send(&[second]).await.ok(200);
    let listed = world.admin().get("/v1/events").await.ok(200);
    let mut rows: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let of = |name: &str| event[name].clone();
            (of("provider_event_id"), of("type"), of("size_bytes"), of("conflicts"))
        })
        .collect();
    rows.sort_by_key(|(id, ..)| id.to_string());
    assert_eq!(
        rows,
        [
            (json!("EV1"), json!("payments.confirmed"), json!(first.len()), json!(0)),
            (json!("EV2"), json!("payouts.paid"), json!(second.len()), json!(0)),
        ]
    );
}

/// Adyen wants the words, and signs every item on its own: one bad item spoils the request.
#[tokio::test]
async fn adyens_items_are_acknowledged_in_its_own_words() {
    let world = World::new();
    for vector in postback_vectors::all().iter().filter(|vector| vector.provider == "adyen") {
        let source = source(&world, "adyen", &vector.secrets[0], json!({})).await;
        let change = json!({"secrets": vector.secrets});
        world.admin().patch(&format!("/v1/sources/{source}"), change).await.ok(200);
        let before = events(&world).await;
        let body = String::from_utf8(vector.body()).unwrap();
        let answer = post(&world, &source, &[], &body).await;
        if vector.is_accepted() {
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "[accepted]"));
            assert_eq!(events(&world).await - before, vector.events().len(), "{}", vector.id);
        } else {
            assert_eq!(answer.status, 401, "{}", vector.id);
            assert_eq!(events(&world).await, before, "{}", vector.id);
        }
    }
}
