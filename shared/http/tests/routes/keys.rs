//! `/v1/merchants/{id}/keys`

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_key_may_end_by_itself() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.post("/v1/merchants", json!({"name": "Shop"})).await.created();
    let path = format!("/v1/merchants/{id}/keys");
    let body = json!({"name": "visitor", "expires_at": "2026-09-21T15:13:20Z"});
    let created = admin.post(&path, body).await.ok(201);
    assert_eq!(created["expires_at"], "2026-09-21T15:13:20.000Z");
    let client = world.with_key(created["key"].as_str().unwrap());
    world.advance_secs(3599);
    client.get("/v1/endpoints").await.ok(200);
    world.advance_secs(1);
    client.get("/v1/endpoints").await.refused(401, "unauthenticated");
    assert_eq!(admin.get(&path).await.ok(200)["data"][0]["expires_at"], created["expires_at"]);
    for when in ["2026-09-21T15:13:20Z", "tomorrow"] {
        let body = json!({"name": "late", "expires_at": when});
        let refused = admin.post(&path, body).await.refused(422, "invalid_field");
        assert_eq!(refused["field"], "expires_at");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_stops_working() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.post("/v1/merchants", json!({"name": "Shop"})).await.created();
    let path = format!("/v1/merchants/{id}/keys");
    let created = admin.post(&path, json!({"name": "laptop"})).await.ok(201);
    let (key_id, key) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    assert!(key_id.starts_with("key_") && key.starts_with("pbk_"));
    assert_eq!(created["scopes"], json!(["read", "write"]));

    let listed = admin.get(&path).await.ok(200);
    assert_eq!(listed["data"][0]["last_used_at"], Value::Null);
    assert!(listed["data"][0].get("key").is_none());

    let client = world.with_key(key);
    client.get("/v1/endpoints").await.ok(200);
    let used_at = || async { admin.get(&path).await.ok(200)["data"][0]["last_used_at"].clone() };
    let first = used_at().await;
    assert_eq!(first, "2026-09-21T14:13:20.000Z");
    world.advance_secs(59);
    client.get("/v1/endpoints").await.ok(200);
    assert_eq!(used_at().await, first, "noted at most once a minute");
    world.advance_secs(1);
    client.get("/v1/endpoints").await.ok(200);
    assert_eq!(used_at().await, "2026-09-21T14:14:20.000Z");

    assert_eq!(admin.delete(&format!("{path}/{key_id}")).await.ok(204), Value::Null);
    client.get("/v1/endpoints").await.refused(401, "unauthenticated");
    admin.delete(&format!("{path}/{key_id}")).await.refused(404, "not_found");
    assert_eq!(admin.get(&path).await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn scopes_limit_what_a_key_may_do() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.post("/v1/merchants", json!({"name": "Shop"})).await.created();
    let path = format!("/v1/merchants/{id}/keys");
    let with_scopes = async |scopes: Value| {
        let created = admin.post(&path, json!({"name": "k", "scopes": scopes})).await.ok(201);
        world.with_key(created["key"].as_str().unwrap())
    };
    let endpoint = json!({"url": "https://shop.example/"});

    let reader = with_scopes(json!(["read"])).await;
    reader.get("/v1/endpoints").await.ok(200);
    reader.post("/v1/endpoints", endpoint.clone()).await.refused(403, "scope_missing");

    let writer = with_scopes(json!(["write"])).await;
    writer.get("/v1/endpoints").await.refused(403, "scope_missing");
    writer.post("/v1/endpoints", endpoint).await.ok(201);

    let refused = admin.post(&path, json!({"name": "k", "scopes": ["operator"]})).await;
    assert_eq!(refused.refused(422, "invalid_field")["field"], "scopes");
}

/// The scope `admin` is for the merchant's own keys, and for no other's.
#[tokio::test]
async fn an_administrator_gives_and_takes_its_own_keys() {
    let world = World::new();
    let (own, other) = (world.merchant("own").await, world.merchant("other").await);
    let steward = world.with_scopes(&own, &["admin"]).await;
    let (path, others) = (keys_of(&own.id), keys_of(&other.id));
    let body = || json!({"name": "till", "scopes": ["admin", "pull"]});
    let created = steward.post(&path, body()).await.ok(201);
    let till = world.with_key(created["key"].as_str().unwrap());
    till.get("/v1/account").await.ok(200);
    assert_eq!(till.get(&path).await.ok(200)["data"].as_array().unwrap().len(), 3);
    steward.delete(&format!("{path}/{}", created["id"].as_str().unwrap())).await.ok(204);
    till.get("/v1/account").await.refused(401, "unauthenticated");

    steward.post(&others, body()).await.refused(404, "not_found");
    steward.get(&others).await.refused(404, "not_found");
    let key = world.admin().get(&others).await.ok(200)["data"][0]["id"].clone();
    let theirs = format!("{others}/{}", key.as_str().unwrap());
    steward.delete(&theirs).await.refused(404, "not_found");
    let mixed = format!("{path}/{}", key.as_str().unwrap());
    steward.delete(&mixed).await.refused(404, "not_found");
    other.client.get("/v1/endpoints").await.ok(200);
}

fn keys_of(merchant: &str) -> String {
    format!("/v1/merchants/{merchant}/keys")
}

#[tokio::test]
async fn keys_hang_on_their_merchant() {
    let world = World::new();
    let admin = world.admin();
    let (a, b) = (world.merchant("a").await, world.merchant("b").await);
    let keys = admin.get(&format!("/v1/merchants/{}/keys", a.id)).await.ok(200);
    let key = keys["data"][0]["id"].as_str().unwrap();
    admin.delete(&format!("/v1/merchants/{}/keys/{key}", b.id)).await.refused(404, "not_found");
    a.client.get("/v1/endpoints").await.ok(200);

    let nobody = "/v1/merchants/mch_00000000000000000000000000000001/keys";
    admin.get(nobody).await.refused(404, "not_found");
    admin.post(nobody, json!({"name": "k"})).await.refused(404, "not_found");
}
