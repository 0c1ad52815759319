//! `POST /v1/endpoints/{id}/test`

use serde_json::{Value, json};

use crate::world::World;

/// The outcome comes back, and nothing stays: no event, no delivery, no retry.
#[tokio::test]
async fn a_test_is_one_request_and_its_outcome() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let endpoint = world.endpoint(&merchant, &["charge.*"]).await;
    let path = format!("/v1/endpoints/{endpoint}/test");
    let tested = merchant.client.post(&path, json!({})).await.ok(200);
    assert_eq!(
        (&tested["accepted"], &tested["event_type"]),
        (&json!(true), &json!("postback.test"))
    );
    assert_eq!(
        (&tested["attempt"]["number"], &tested["attempt"]["status"]),
        (&json!(0), &json!(200))
    );

    world.receiver_answers(503);
    let body = json!({"event_type": "charge.refunded"});
    let tested = merchant.client.post(&path, body).await.ok(200);
    assert_eq!(
        (&tested["accepted"], &tested["event_type"]),
        (&json!(false), &json!("charge.refunded"))
    );
    assert_eq!(tested["attempt"]["outcome"], "server_error");
    assert_eq!(tested["attempt"]["response_excerpt"], "the shop is closed");
    assert_eq!(world.received(), 2);
    world.work().await;
    assert_eq!(world.received(), 2, "a test is not tried again");
    for list in ["/v1/events", "/v1/deliveries"] {
        assert_eq!(merchant.client.get(list).await.ok(200)["data"], json!([]));
    }
    let refused = merchant.client.post(&path, json!({"event_type": ""})).await;
    assert_eq!(refused.refused(422, "invalid_field")["field"], "event_type");
}

/// Before it is switched on is when a merchant wants to know.
#[tokio::test]
async fn a_disabled_endpoint_can_be_tested() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    let path = format!("/v1/endpoints/{endpoint}");
    merchant.client.patch(&path, json!({"enabled": false})).await.ok(200);
    let tested = merchant.client.post(&format!("{path}/test"), json!({})).await.ok(200);
    assert_eq!(tested["accepted"], true);
    let shown: Value = merchant.client.get(&path).await.ok(200);
    assert_eq!(shown["enabled"], false);
}
