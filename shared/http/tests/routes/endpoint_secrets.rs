//! `POST /v1/endpoints/{id}/secret/rotate`

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_new_secret_is_shown_once_and_the_old_one_stays_for_a_while() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    let path = format!("/v1/endpoints/{endpoint}/secret/rotate");
    let rotate = async |body: Value| merchant.client.post(&path, body).await;
    let first = rotate(json!({})).await.ok(200);
    assert_eq!(first["previous_expires_at"], "2026-09-22T14:13:20.000Z");
    assert!(first["secret"].as_str().is_some_and(|text| text.starts_with("whsec_")), "{first}");
    let shown = merchant.client.get(&format!("/v1/endpoints/{endpoint}")).await.ok(200);
    assert!(shown.get("secret").is_none());

    let second = rotate(json!({"overlap_s": 0})).await.ok(200);
    assert_ne!(second["secret"], first["secret"]);
    assert_eq!(second["previous_expires_at"], Value::Null);
    for (body, field) in [
        (json!({"overlap_s": 604_801}), "overlap_s"),
        (json!({"overlap_s": -1}), "overlap_s"),
        (json!({"secret": "whsec_mine"}), "secret"),
    ] {
        let refused = rotate(body.clone()).await;
        assert_eq!(refused.status, 422, "{body}");
        assert_eq!(refused.ok(422)["field"], field, "{body}");
    }
}

#[tokio::test]
async fn there_is_room_again_when_secrets_expire() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    let path = format!("/v1/endpoints/{endpoint}/secret/rotate");
    for _ in 0..4 {
        merchant.client.post(&path, json!({})).await.ok(200);
    }
    merchant.client.post(&path, json!({})).await.refused(409, "limit_reached");
    world.advance_secs(24 * 3600);
    merchant.client.post(&path, json!({})).await.ok(200);
}

#[tokio::test]
async fn only_its_merchant_may() {
    let world = World::new();
    let (merchant, other) = (world.merchant("Shop").await, world.merchant("Other").await);
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    for action in ["secret/rotate", "test"] {
        let path = format!("/v1/endpoints/{endpoint}/{action}");
        other.client.post(&path, json!({})).await.refused(404, "not_found");
        world.anonymous().post(&path, json!({})).await.refused(401, "unauthenticated");
        let of_merchant = format!("{path}?merchant_id={}", merchant.id);
        world.admin().post(&of_merchant, json!({})).await.ok(200);
    }
}

/// The same secret again for whoever did not hear it.
#[tokio::test]
async fn a_rotation_under_an_idempotency_key_happens_once() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    let path = format!("/v1/endpoints/{endpoint}/secret/rotate");
    let first = merchant.client.post_once(&path, json!({}), "rotate-1").await.ok(200);
    let again = merchant.client.post_once(&path, json!({}), "rotate-1").await.ok(200);
    assert_eq!(first, again);
}
