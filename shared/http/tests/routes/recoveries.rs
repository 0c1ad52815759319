//! `/v1/endpoints/{id}/recover` and `/v1/recoveries/{id}`

use serde_json::{Value, json};

use crate::world::{Merchant, Source, World};

const SINCE: &str = "2026-09-21T00:00:00Z";

/// A shop whose endpoint has given up so many events.
async fn shop_that_missed(world: &World, count: usize) -> (Merchant, Source, String) {
    world.receiver_answers(503);
    let shop = world.merchant("Shop").await;
    let source = world.source(&shop).await;
    let endpoint = world.endpoint(&shop, &["charge.*"]).await;
    for number in 0..count {
        world.event(&source, &format!("evt_{number}"), "charge.refunded").await;
    }
    world.receiver_answers(200);
    (shop, source, endpoint)
}

async fn recover(shop: &Merchant, endpoint: &str, body: Value) -> Value {
    let path = format!("/v1/endpoints/{endpoint}/recover");
    let answer = shop.client.post(&path, body).await;
    let recovery = answer.ok(202);
    let id = recovery["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/recoveries/{id}"));
    recovery
}

async fn states(shop: &Merchant) -> Vec<String> {
    let listed = shop.client.get("/v1/deliveries?limit=200").await.ok(200);
    let rows = listed["data"].as_array().unwrap();
    rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_was_given_up_is_sent_again() {
    let world = World::new();
    let (shop, source, endpoint) = shop_that_missed(&world, 3).await;
    world.advance_secs(60);
    let recovery = recover(&shop, &endpoint, json!({"since": SINCE, "per_second": 1000})).await;
    assert_eq!(
        recovery,
        json!({
            "id": recovery["id"], "merchant_id": shop.id, "endpoint_id": endpoint,
            "since": "2026-09-21T00:00:00.000Z", "until": "2026-09-21T14:14:20.000Z",
            "states": ["FAILED", "NOT_APPLY"], "per_second": 1000, "status": "done",
            "looked_at": 3, "recovered": 3, "reached_at": "2026-09-21T14:13:20.000Z",
            "created_at": "2026-09-21T14:14:20.000Z", "finished_at": "2026-09-21T14:14:20.000Z",
        })
    );
    world.work().await;
    assert_eq!(states(&shop).await, ["SUCCESS"; 3]);
    assert_eq!(world.received(), 6);
    let path = format!("/v1/recoveries/{}", recovery["id"].as_str().unwrap());
    assert_eq!(shop.client.get(&path).await.ok(200), recovery);

    // Nothing is left, and what is SUCCESS is sent again only when it is asked for.
    let again = recover(&shop, &endpoint, json!({"since": SINCE})).await;
    assert_eq!((&again["looked_at"], &again["status"]), (&json!(0), &json!("done")));
    let all = json!({"since": SINCE, "states": ["SUCCESS", "SUCCESS"], "per_second": 1000});
    world.event(&source, "evt_3", "charge.failed").await;
    world.advance_secs(1);
    let replay = recover(&shop, &endpoint, all).await;
    assert_eq!((&replay["recovered"], &replay["states"]), (&json!(4), &json!(["SUCCESS"])));
    world.work().await;
    assert_eq!(world.received(), 11);
}

/// One that fails again has had its round.
#[tokio::test]
async fn nothing_is_sent_twice_by_one_order() {
    let world = World::new();
    let (shop, _, endpoint) = shop_that_missed(&world, 2).await;
    world.receiver_answers(503);
    world.advance_secs(60);
    let body = json!({"since": SINCE, "per_second": 1000});
    let path = format!("/v1/endpoints/{endpoint}/recover");
    let first = shop.client.post_once(&path, body.clone(), "order-1").await.ok(202);
    world.work().await;
    assert_eq!(states(&shop).await, ["FAILED"; 2]);
    let again = shop.client.post_once(&path, body, "order-1").await.ok(202);
    assert_eq!(first["id"], again["id"]);
    world.work().await;
    assert_eq!(world.received(), 4);
}

/// An endpoint that was not there when the events came in.
#[tokio::test]
async fn what_nobody_wanted_becomes_a_delivery() {
    let world = World::new();
    let shop = world.merchant("Shop").await;
    let source = world.source(&shop).await;
    let (charge, _) = (
        world.event(&source, "evt_1", "charge.refunded").await,
        world.event(&source, "evt_2", "payout.paid").await,
    );
    assert_eq!(world.delivery_of(&charge).await["state"], "NOT_APPLY");
    let endpoint = world.endpoint(&shop, &["charge.*"]).await;
    world.advance_secs(1);
    let recovery = recover(&shop, &endpoint, json!({"since": SINCE})).await;
    assert_eq!((&recovery["looked_at"], &recovery["recovered"]), (&json!(2), &json!(1)));
    world.work().await;
    let delivery = world.delivery_of(&charge).await;
    assert_eq!(
        (&delivery["state"], &delivery["endpoint_id"]),
        (&json!("SUCCESS"), &json!(endpoint))
    );
    let mut states = states(&shop).await;
    states.sort();
    assert_eq!(states, ["NOT_APPLY", "SUCCESS"]);
}

/// A platform's source brings the events of many; one that is for nobody we know waits for him.
#[tokio::test]
async fn a_platforms_events_find_their_merchants() {
    let world = World::new();
    let platform = world.merchant("Platform").await;
    world.endpoint(&platform, &["*"]).await;
    let source = world.platform(&platform, "json:/account").await;
    let event = |id: &str, account: Value| {
        json!({"id": id, "type": "charge.refunded", "account": account}).to_string()
    };
    world.ingest(&source, event("evt_1", json!("acct_1")).as_bytes()).await.ok(200);
    world.ingest(&source, event("evt_own", Value::Null).as_bytes()).await.ok(200);
    assert_eq!(world.received(), 1, "what names nobody is the platform's own");

    let listed = platform.client.get("/v1/deliveries?state=NOT_APPLY").await.ok(200);
    let row = &listed["data"][0];
    assert_eq!(row["not_apply_reason"], "merchant_unknown");
    assert_eq!(row["addressee"], "acct_1");
    let event_id = row["event_id"].as_str().unwrap();

    let shop = world.merchant_called("Shop", "acct_1").await;
    let endpoint = world.endpoint(&shop, &["charge.*"]).await;
    world.ingest(&source, event("evt_2", json!("acct_1")).as_bytes()).await.ok(200);
    assert_eq!(states(&shop).await, ["SUCCESS"]);
    shop.client.get(&format!("/v1/events/{event_id}")).await.refused(404, "not_found");

    // The platform's own endpoint is not the shop's.
    let other = world.endpoint(&platform, &["charge.*"]).await;
    world.advance_secs(1);
    let recovery = recover(&platform, &other, json!({"since": SINCE, "states": ["FAILED"]})).await;
    assert_eq!(recovery["recovered"], 0);
    let recovery = recover(&shop, &endpoint, json!({"since": SINCE})).await;
    assert_eq!((&recovery["recovered"], &recovery["status"]), (&json!(1), &json!("done")));
    world.work().await;
    assert_eq!(states(&shop).await, ["SUCCESS"; 2]);
    let adopted = shop.client.get(&format!("/v1/events/{event_id}")).await.ok(200);
    assert_eq!(adopted["state"], "SUCCESS");
    platform.client.get(&format!("/v1/events/{event_id}")).await.refused(404, "not_found");
    let left = platform.client.get("/v1/deliveries?state=NOT_APPLY").await.ok(200);
    assert_eq!(left["data"], json!([]));
}

#[tokio::test]
async fn an_order_is_cancelled_and_is_its_merchants_alone() {
    let world = World::new();
    let (shop, _, endpoint) = shop_that_missed(&world, 3).await;
    let other = world.merchant("Other").await;
    world.advance_secs(60);
    let id = recover(&shop, &endpoint, json!({"since": SINCE})).await["id"].clone();
    let path = format!("/v1/recoveries/{}", id.as_str().unwrap());
    other.client.get(&path).await.refused(404, "not_found");
    other.client.post(&format!("{path}/cancel"), json!({})).await.refused(404, "not_found");
    other
        .client
        .post(&format!("/v1/endpoints/{endpoint}/recover"), json!({"since": SINCE}))
        .await
        .refused(404, "not_found");
    // Done before it could be.
    let cancelled = shop.client.post(&format!("{path}/cancel"), json!({})).await.ok(200);
    assert_eq!(cancelled["status"], "done");
    assert_eq!(world.admin().get(&path).await.ok(200)["id"], id);
    let nowhere = format!("/v1/recoveries/rec_{}", "0".repeat(32));
    shop.client.get(&nowhere).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let world = World::new();
    let (shop, _, endpoint) = shop_that_missed(&world, 0).await;
    for (body, code, field) in [
        (json!({}), "missing_field", "since"),
        (json!({"since": "yesterday"}), "invalid_field", "since"),
        (json!({"since": "2027-01-01T00:00:00Z"}), "invalid_field", "until"),
        (json!({"since": SINCE, "until": SINCE}), "invalid_field", "until"),
        (json!({"since": SINCE, "states": []}), "invalid_field", "states"),
        (json!({"since": SINCE, "states": ["PENDING"]}), "invalid_field", "states"),
        (json!({"since": SINCE, "per_second": 0}), "invalid_field", "per_second"),
        (json!({"since": SINCE, "per_second": 1001}), "invalid_field", "per_second"),
        (json!({"since": SINCE, "dry_run": true}), "unknown_field", "dry_run"),
    ] {
        let path = format!("/v1/endpoints/{endpoint}/recover");
        let refused = shop.client.post(&path, body.clone()).await;
        assert_eq!(refused.refused(422, code)["field"], field, "{body}");
    }
}
