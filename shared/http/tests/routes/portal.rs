//! `/v1/merchants/{id}/portal-tokens`

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_token_is_shown_once_works_for_a_while_and_ends() {
    let world = World::new();
    let admin = world.admin();
    let merchant = world.merchant("Shop").await;
    let path = format!("/v1/merchants/{}/portal-tokens", merchant.id);
    let minted = admin.post(&path, json!({})).await.ok(201);
    let (id, token) = (minted["id"].as_str().unwrap(), minted["token"].as_str().unwrap());
    assert!(id.starts_with("ptk_") && token.starts_with("pbp_"));
    assert_eq!(minted["merchant_id"], merchant.id);
    assert_eq!(minted["expires_at"], "2026-09-21T15:13:20.000Z");

    let visitor = world.with_key(token);
    let body = json!({"url": "https://shop.example/"});
    let endpoint = visitor.post("/v1/endpoints", body).await.created();
    visitor.get(&format!("/v1/endpoints/{endpoint}")).await.ok(200);
    visitor.post("/v1/failed/claim", json!({})).await.ok(200);
    world.advance_secs(3599);
    visitor.get("/v1/endpoints").await.ok(200);
    world.advance_secs(1);
    visitor.get("/v1/endpoints").await.refused(401, "unauthenticated");

    let keys = admin.get(&format!("/v1/merchants/{}/keys", merchant.id)).await.ok(200);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1, "it is no key");
}

#[tokio::test]
async fn a_token_is_revoked_at_once_by_its_merchant() {
    let world = World::new();
    let (own, other) = (world.merchant("own").await, world.merchant("other").await);
    let steward = world.with_scopes(&own, &["admin"]).await;
    let path = format!("/v1/merchants/{}/portal-tokens", own.id);
    let minted = steward.post(&path, json!({"ttl_s": 86400})).await.ok(201);
    assert_eq!(minted["expires_at"], "2026-09-22T14:13:20.000Z");
    let visitor = world.with_key(minted["token"].as_str().unwrap());
    visitor.get("/v1/events").await.ok(200);

    let one = format!("{path}/{}", minted["id"].as_str().unwrap());
    let others = one.replace(&own.id, &other.id);
    world.admin().delete(&others).await.refused(404, "not_found");
    visitor.get("/v1/events").await.ok(200);
    steward.delete(&one).await.ok(204);
    visitor.get("/v1/events").await.refused(401, "unauthenticated");
    steward.delete(&one).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_token_is_good_from_a_minute_to_a_day() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let path = format!("/v1/merchants/{}/portal-tokens", merchant.id);
    for ttl_s in [json!(59), json!(86401), json!("1h"), json!(-1)] {
        let refused = world.admin().post(&path, json!({"ttl_s": ttl_s})).await;
        assert_eq!(refused.refused(422, "invalid_field")["field"], "ttl_s");
    }
    let nobody = "/v1/merchants/mch_00000000000000000000000000000001/portal-tokens";
    world.admin().post(nobody, json!({})).await.refused(404, "not_found");
}

/// A request that is sent again mints no second one.
#[tokio::test]
async fn a_token_is_minted_once() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let path = format!("/v1/merchants/{}/portal-tokens", merchant.id);
    let first = world.admin().post_once(&path, json!({}), "visit-1").await;
    let again = world.admin().post_once(&path, json!({}), "visit-1").await;
    assert_eq!(first.ok(201), again.ok(201));
}
