//! `/v1/merchants`

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn created_read_listed_and_changed() {
    let world = World::new();
    let admin = world.admin();
    let full = json!({"name": "Shop", "external_id": "s-1", "retry_policy": {"waits_s": [5, 0.5]}});
    let created = admin.post("/v1/merchants", full).await.ok(201);
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("mch_"));
    assert_eq!(
        created,
        json!({
            "id": id,
            "name": "Shop",
            "external_id": "s-1",
            "retry_policy": {"waits_s": [5, 0.5]},
            "created_at": "2026-09-21T14:13:20.000Z",
        })
    );
    let path = format!("/v1/merchants/{id}");
    assert_eq!(admin.get(&path).await.ok(200), created);
    let listed = admin.get("/v1/merchants").await.ok(200);
    assert_eq!(listed, json!({"data": [created], "next": null}));

    let patched = admin.patch(&path, json!({"name": "Shop 2", "external_id": null})).await.ok(200);
    assert_eq!((&patched["name"], &patched["external_id"]), (&json!("Shop 2"), &Value::Null));
    assert_eq!(patched["retry_policy"], created["retry_policy"]);
    let patched = admin.patch(&path, json!({"retry_policy": null})).await.ok(200);
    assert_eq!(patched["retry_policy"], Value::Null);
    assert_eq!(admin.get(&path).await.ok(200), patched);
}

#[tokio::test]
async fn an_external_id_belongs_to_one_merchant() {
    let world = World::new();
    let admin = world.admin();
    let body = |name| json!({"name": name, "external_id": "s-1"});
    admin.post("/v1/merchants", body("a")).await.ok(201);
    admin.post("/v1/merchants", body("b")).await.refused(409, "external_id_taken");
    let other = admin.post("/v1/merchants", json!({"name": "c"})).await.created();
    let path = format!("/v1/merchants/{other}");
    admin.patch(&path, json!({"external_id": "s-1"})).await.refused(409, "external_id_taken");
}

#[tokio::test]
async fn bad_bodies_name_the_field() {
    let world = World::new();
    let admin = world.admin();
    for (body, code, field) in [
        (json!({}), "missing_field", "name"),
        (json!({"name": ""}), "invalid_field", "name"),
        (json!({"name": "a", "retry_policy": {"waits_s": [0]}}), "invalid_field", "retry_policy"),
        (json!({"name": "a", "nmae": "b"}), "unknown_field", "nmae"),
    ] {
        let problem = admin.post("/v1/merchants", body).await.refused(422, code);
        assert_eq!(problem["field"], field);
    }
}

/// Its name and schedule are a merchant's own; what the platform calls it is the platform's.
#[tokio::test]
async fn an_administrator_changes_its_own_merchant() {
    let world = World::new();
    let (own, other) = (world.merchant("own").await, world.merchant("other").await);
    let steward = world.with_scopes(&own, &["admin"]).await;
    let path = format!("/v1/merchants/{}", own.id);
    let body = json!({"name": "Own shop", "retry_policy": {"waits_s": [5]}});
    assert_eq!(steward.patch(&path, body).await.ok(200)["name"], "Own shop");
    assert_eq!(steward.get(&path).await.ok(200)["name"], "Own shop");
    for external_id in [json!("acct_1"), Value::Null] {
        let refused = steward.patch(&path, json!({"external_id": external_id})).await;
        assert_eq!(refused.refused(422, "invalid_field")["field"], "external_id");
    }
    let others = format!("/v1/merchants/{}", other.id);
    steward.get(&others).await.refused(404, "not_found");
    steward.patch(&others, json!({"name": "Mine"})).await.refused(404, "not_found");
}
