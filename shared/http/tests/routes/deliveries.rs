//! `/v1/deliveries`

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_delivery_is_shown_with_its_attempts_and_tried_again_by_hand() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    world.receiver_answers(500);
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    let id = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();

    let path = format!("/v1/deliveries/{id}");
    let shown = merchant.client.get(&path).await.ok(200);
    let at = "2026-09-21T14:13:20.000Z";
    assert_eq!(
        shown,
        json!({
            "id": id,
            "merchant_id": merchant.id,
            "event_id": event,
            "event_type": "charge.refunded",
            "endpoint_id": endpoint,
            "state": "FAILED",
            "round": 1,
            "attempts": 1,
            "next_attempt_at": null,
            "created_at": at,
            "finished_at": at,
            "via": null,
            "failed_reason": "tries_used",
            "not_apply_reason": null,
            "addressee": null,
            "attempt_log": [{
                "number": 1, "round": 1, "at": at, "duration_ms": 0, "outcome": "server_error",
                "status": 500, "response_excerpt": "the shop is closed",
            }],
        })
    );

    world.receiver_answers(200);
    let retried = merchant.client.call("POST", &format!("{path}/retry"), None).await.ok(202);
    assert_eq!((&retried["state"], &retried["round"]), (&json!("PENDING"), &json!(2)));
    assert_eq!((&retried["next_attempt_at"], &retried["attempts"]), (&json!(at), &json!(0)));
    let again = merchant.client.call("POST", &format!("{path}/retry"), None).await;
    again.refused(409, "delivery_pending");
    world.work().await;
    let shown = merchant.client.get(&path).await.ok(200);
    assert_eq!((&shown["state"], &shown["via"]), (&json!("SUCCESS"), &json!("push")));
    assert_eq!(shown["attempt_log"].as_array().unwrap().len(), 2);
    assert_eq!(world.received(), 2);
}

#[tokio::test]
async fn what_nobody_wanted_cannot_be_sent_again() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    let id = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/deliveries/{id}/retry");
    merchant.client.call("POST", &path, None).await.refused(409, "nothing_to_send");
}

#[tokio::test]
async fn filters_narrow() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let first = world.endpoint(&merchant, &["*"]).await;
    let second = world.endpoint(&merchant, &["charge.*"]).await;
    world.event(&source, "evt_1", "charge.refunded").await;
    world.receiver_answers(500);
    world.advance_secs(60);
    world.event(&source, "evt_2", "payout.paid").await;
    let count = async |query: &str| {
        let listed = merchant.client.get(&format!("/v1/deliveries{query}")).await.ok(200);
        let rows: Vec<Value> = listed["data"].as_array().unwrap().clone();
        assert!(rows.iter().all(|row| row.get("attempt_log").is_none()));
        rows.len()
    };
    for (query, expected) in [
        (String::new(), 3),
        ("?state=SUCCESS".to_owned(), 2),
        ("?state=FAILED".to_owned(), 1),
        ("?state=PENDING".to_owned(), 0),
        ("?state=NOT_APPLY".to_owned(), 0),
        (format!("?endpoint_id={first}"), 2),
        (format!("?endpoint_id={second}"), 1),
        (format!("?endpoint_id={first}&state=FAILED"), 1),
        ("?event_type=payout.paid".to_owned(), 1),
        ("?since=2026-09-21T14:14:00Z".to_owned(), 1),
        ("?until=2026-09-21T14:14:00Z".to_owned(), 2),
    ] {
        assert_eq!(count(&query).await, expected, "{query}");
    }
    for bad in ["state=failed", "endpoint_id=all", "until=now", "status=FAILED"] {
        let answer = merchant.client.get(&format!("/v1/deliveries?{bad}")).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
}
