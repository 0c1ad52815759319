//! `secrets_never_leave`: what is secret is in the answer that creates it, if in any.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn no_answer_after_creation_holds_a_secret() {
    let world = World::new();
    let admin = world.admin();
    let merchant = world.merchant("Shop").await;
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    let key = admin.post(&keys, json!({"name": "k"})).await.ok(201)["key"].clone();
    let body = json!({
        "merchant_id": merchant.id, "preset": "stripe", "secrets": ["sesame-one", "sesame-two"],
    });
    let source = admin.post("/v1/sources", body).await;
    let body = json!({"url": "https://shop.example/", "headers": {"x-key": "sesame-header"}});
    let endpoint = merchant.client.post("/v1/endpoints", body).await;
    let signing = endpoint.ok(201)["secret"].clone();
    assert!(!source.text.contains("sesame") && !endpoint.text.contains("sesame"));

    let (source, endpoint) = (source.created(), endpoint.created());
    let source_path = format!("/v1/sources/{source}");
    let endpoint_path = format!("/v1/endpoints/{endpoint}");
    let secret = "sesame-one".to_owned();
    let event = world.event(&crate::world::Source { id: source, secret }, "evt_1", "a.b").await;
    let delivery = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();

    let mut answers = vec![
        admin.patch(&source_path, json!({"secrets": ["sesame-three"]})).await,
        merchant.client.patch(&endpoint_path, json!({"headers": {"x-key": "sesame-4"}})).await,
    ];
    for path in [
        "/v1/merchants",
        &format!("/v1/merchants/{}", merchant.id),
        &keys,
        "/v1/sources",
        &source_path,
        "/v1/dead-letters",
    ] {
        answers.push(admin.get(path).await);
    }
    for path in [
        "/v1/endpoints",
        &endpoint_path,
        "/v1/events",
        &format!("/v1/events/{event}?include=body"),
        "/v1/deliveries",
        &format!("/v1/deliveries/{delivery}"),
    ] {
        answers.push(merchant.client.get(path).await);
    }
    for answer in answers {
        answer.ok(200);
        for secret in ["sesame", "whsec_", "pbk_", key.as_str().unwrap(), signing.as_str().unwrap()]
        {
            assert!(!answer.text.contains(secret), "{secret} in {answer:?}");
        }
    }
}
