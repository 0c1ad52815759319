//! `/v1/endpoints`

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn created_read_listed_changed_and_deleted() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let client = &merchant.client;
    let created = client
        .post(
            "/v1/endpoints",
            json!({
                "url": "https://shop.example/hooks", "event_types": ["charge.*", "payout.paid"],
                "description": "main", "timeout_s": 10, "retry_policy": {"waits_s": [1, 2]},
                "headers": {"X-Api-Key": "k", "x-tenant": "7"},
            }),
        )
        .await
        .ok(201);
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("end_"));
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    let shown = json!({
        "id": id,
        "merchant_id": merchant.id,
        "kind": "push",
        "url": "https://shop.example/hooks",
        "event_types": ["charge.*", "payout.paid"],
        "description": "main",
        "enabled": true,
        "retry_policy": {"waits_s": [1, 2]},
        "timeout_s": 10,
        "rate_limit_per_s": null,
        "header_names": ["x-api-key", "x-tenant"],
        "health": {"status": "enabled"},
        "created_at": "2026-09-21T14:13:20.000Z",
    });
    let path = format!("/v1/endpoints/{id}");
    assert_eq!(client.get(&path).await.ok(200), shown, "and no secret");
    let listed = client.get("/v1/endpoints").await.ok(200);
    assert_eq!(listed, json!({"data": [shown], "next": null}));

    let body =
        json!({"event_types": null, "description": null, "headers": null, "timeout_s": null});
    let patched = client.patch(&path, body).await.ok(200);
    assert_eq!(patched["event_types"], json!(["*"]));
    assert_eq!((&patched["description"], &patched["timeout_s"]), (&Value::Null, &json!(15)));
    assert_eq!(patched["header_names"], json!([]));
    assert_eq!(patched["retry_policy"], shown["retry_policy"]);

    let off = client.patch(&path, json!({"enabled": false})).await.ok(200);
    assert_eq!(
        (&off["enabled"], &off["health"]),
        (
            &json!(false),
            &json!({"status": "disabled", "since": "2026-09-21T14:13:20.000Z", "reason": "asked"})
        )
    );

    client.delete(&path).await.ok(204);
    client.get(&path).await.refused(404, "not_found");
    client.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_operator_names_the_merchant() {
    let world = World::new();
    let (admin, merchant) = (world.admin(), world.merchant("Shop").await);
    let body = json!({"url": "https://shop.example/"});
    let problem = admin.post("/v1/endpoints", body.clone()).await.refused(422, "missing_field");
    assert_eq!(problem["field"], "merchant_id");
    admin.get("/v1/endpoints").await.refused(422, "missing_field");
    let query = format!("?merchant_id={}", merchant.id);
    let id = admin.post(&format!("/v1/endpoints{query}"), body.clone()).await.created();
    let path = format!("/v1/endpoints/{id}");
    admin.get(&path).await.refused(422, "missing_field");
    admin.get(&format!("{path}{query}")).await.ok(200);
    merchant.client.get(&path).await.ok(200);
    let nobody = "/v1/endpoints?merchant_id=mch_00000000000000000000000000000001";
    admin.post(nobody, body).await.refused(404, "not_found");
}

#[tokio::test]
async fn inner_addresses_are_refused() {
    let world = World::new();
    let client = world.merchant("Shop").await.client;
    for url in ["http://shop.example/", "https://127.0.0.1/", "https://db.internal/", "shop"] {
        let problem = client.post("/v1/endpoints", json!({"url": url})).await;
        assert_eq!(problem.refused(422, "invalid_field")["field"], "url", "{url}");
    }
}

#[tokio::test]
async fn switching_on_again_wakes_what_waited() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    let path = format!("/v1/endpoints/{endpoint}");
    merchant.client.patch(&path, json!({"enabled": false})).await.ok(200);
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    assert_eq!(world.delivery_of(&event).await["state"], "PENDING");
    assert_eq!(world.received(), 0);
    merchant.client.patch(&path, json!({"enabled": true})).await.ok(200);
    world.work().await;
    assert_eq!(world.delivery_of(&event).await["state"], "SUCCESS");
    assert_eq!(world.received(), 1);
}

#[tokio::test]
async fn a_gone_endpoint_says_why_it_is_off() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    world.receiver_answers(410);
    world.event(&source, "evt_1", "charge.refunded").await;
    let shown = merchant.client.get(&format!("/v1/endpoints/{endpoint}")).await.ok(200);
    assert_eq!((&shown["enabled"], &shown["health"]["reason"]), (&json!(false), &json!("gone")));
}
