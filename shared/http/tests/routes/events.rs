//! `/v1/events`

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn an_event_is_shown_with_what_became_of_it() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let endpoint = world.endpoint(&merchant, &["charge.*"]).await;
    let body = br#"{ "id":"evt_1", "type":"charge.refunded","amount":12.50 }"#;
    world.ingest(&source, body).await.ok(200);

    let listed = merchant.client.get("/v1/events").await.ok(200);
    let event = listed["data"][0].clone();
    let (id, delivery) = (event["id"].as_str().unwrap(), &event["deliveries"][0]["id"]);
    assert!(id.starts_with("evt_") && delivery.as_str().unwrap().starts_with("dlv_"));
    assert_eq!(
        event,
        json!({
            "id": id,
            "merchant_id": merchant.id,
            "source_id": source.id,
            "provider_event_id": "evt_1",
            "type": "charge.refunded",
            "received_at": "2026-09-21T14:13:20.000Z",
            "size_bytes": body.len(),
            "conflicts": 0,
            "state": "SUCCESS",
            "deliveries": [{"id": delivery, "endpoint_id": endpoint, "state": "SUCCESS"}],
        })
    );
    let path = format!("/v1/events/{id}");
    let one = merchant.client.get(&path).await.ok(200);
    assert!(one.get("body_base64").is_none());
    assert_eq!(one["content_type"], "application/json");
    let one = merchant.client.get(&format!("{path}?include=body")).await.ok(200);
    assert_eq!(STANDARD.decode(one["body_base64"].as_str().unwrap()).unwrap(), body);
    assert_eq!(world.admin().get(&path).await.ok(200)["id"], id, "no merchant needed");
    let refused = merchant.client.get(&format!("{path}?include=all")).await;
    assert_eq!(refused.refused(422, "invalid_field")["field"], "include");
}

#[tokio::test]
async fn filters_narrow() {
    let world = World::new();
    let (merchant, other) = (world.merchant("a").await, world.merchant("b").await);
    let (source, others) = (world.source(&merchant).await, world.source(&other).await);
    world.event(&source, "evt_1", "charge.refunded").await;
    world.advance_secs(60);
    world.event(&source, "evt_2", "charge.succeeded").await;
    world.event(&others, "evt_3", "charge.succeeded").await;
    let ids = |listed: Value| {
        let events = listed["data"].as_array().unwrap().clone();
        let ids =
            events.iter().map(|event| event["provider_event_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    for (query, expected) in [
        (String::new(), vec!["evt_3", "evt_2", "evt_1"]),
        (format!("?merchant_id={}", merchant.id), vec!["evt_2", "evt_1"]),
        (format!("?source_id={}", others.id), vec!["evt_3"]),
        ("?type=charge.refunded".to_owned(), vec!["evt_1"]),
        ("?since=2026-09-21T14:13:21Z".to_owned(), vec!["evt_3", "evt_2"]),
        ("?until=2026-09-21T14:13:21Z".to_owned(), vec!["evt_1"]),
    ] {
        let listed = world.admin().get(&format!("/v1/events{query}")).await.ok(200);
        assert_eq!(ids(listed), expected, "{query}");
    }
    assert_eq!(ids(merchant.client.get("/v1/events").await.ok(200)), ["evt_2", "evt_1"]);
    let with_others = format!("/v1/events?source_id={}", others.id);
    assert!(ids(merchant.client.get(&with_others).await.ok(200)).is_empty());
    for bad in ["since=yesterday", "source_id=evt_1", "typ=x", "limit=1&limit=2", "type="] {
        let answer = merchant.client.get(&format!("/v1/events?{bad}")).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn conflicts_and_unwanted_events_are_shown() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    world.ingest(&source, br#"{"id":"evt_1","amount":1}"#).await.ok(200);
    world.ingest(&source, br#"{"id":"evt_1","amount":2}"#).await.ok(200);
    let listed = merchant.client.get("/v1/events").await.ok(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let event = &listed["data"][0];
    assert_eq!((&event["conflicts"], &event["type"]), (&json!(1), &json!("unknown")));
    assert_eq!(event["state"], "NOT_APPLY");
    assert_eq!(event["deliveries"][0]["endpoint_id"], Value::Null);
}
