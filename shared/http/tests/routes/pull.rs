//! `/v1/account` and `/v1/failed`

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{Client, Merchant, World};

/// A merchant with so many dead letters.
async fn shop_with_dead_letters(world: &World, count: usize) -> Merchant {
    world.receiver_answers(503);
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    world.endpoint(&merchant, &["*"]).await;
    for number in 0..count {
        world.event(&source, &format!("evt_{number}"), "charge.refunded").await;
    }
    merchant
}

async fn claim(client: &Client, body: Value) -> Value {
    client.post("/v1/failed/claim", body).await.ok(200)
}

async fn ack(client: &Client, ids: &[Value]) -> Value {
    client.post("/v1/failed/ack", json!({"delivery_ids": ids})).await.ok(200)
}

async fn has_failed(client: &Client) -> bool {
    client.get("/v1/account").await.ok(200)["has_failed_deliveries"].as_bool().unwrap()
}

fn ids(claimed: &Value) -> Vec<Value> {
    let data = claimed["data"].as_array().unwrap();
    data.iter().map(|item| item["delivery_id"].clone()).collect()
}

/// The story of a shop that could not be reached: it is told, fetches until there is no more, and
/// says what it has got.
#[tokio::test]
async fn a_shop_pulls_until_there_is_no_more() {
    let world = World::new();
    let shop = shop_with_dead_letters(&world, 5).await;
    let other = world.merchant("Other").await;
    assert!(has_failed(&shop.client).await);
    assert!(!has_failed(&other.client).await);
    assert_eq!(claim(&other.client, json!({})).await["data"], json!([]));

    let mut got = HashSet::new();
    let mut bodies = Vec::new();
    loop {
        let page = claim(&shop.client, json!({"limit": 2})).await;
        for item in page["data"].as_array().unwrap() {
            assert!(got.insert(item["delivery_id"].to_string()), "{item}");
            let body = STANDARD.decode(item["body_base64"].as_str().unwrap()).unwrap();
            bodies.push(String::from_utf8(body).unwrap());
        }
        let acked = ack(&shop.client, &ids(&page)).await;
        assert_eq!(acked["acknowledged"].as_array().unwrap().len(), ids(&page).len());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(got.len(), 5);
    assert!(bodies[0].contains("evt_0"), "those given up first come first: {bodies:?}");
    assert!(!has_failed(&shop.client).await);
    let done = shop.client.get("/v1/deliveries?state=SUCCESS").await.ok(200);
    let done = done["data"].as_array().unwrap();
    assert_eq!(done.len(), 5);
    assert!(done.iter().all(|delivery| delivery["via"] == "pull"));
}

/// Two workers of a shop share the work; what one of them loses comes back.
#[tokio::test]
async fn claims_are_disjoint_and_end() {
    let world = World::new();
    let shop = shop_with_dead_letters(&world, 3).await;
    let one = claim(&shop.client, json!({"limit": 2, "lease_s": 60})).await;
    let other = claim(&shop.client, json!({"limit": 2, "lease_s": 600})).await;
    assert_eq!((ids(&one).len(), ids(&other).len()), (2, 1));
    assert_eq!((&one["has_more"], &other["has_more"]), (&json!(true), &json!(false)));
    assert!(ids(&other).iter().all(|id| !ids(&one).contains(id)));
    assert!(has_failed(&shop.client).await, "what is only held is not got");
    assert_eq!(claim(&shop.client, json!({})).await["data"], json!([]));

    world.advance_secs(60);
    assert_eq!(ids(&claim(&shop.client, json!({})).await), ids(&one));
    // The first one was slow: what it has got counts all the same.
    assert_eq!(ack(&shop.client, &ids(&one)).await["acknowledged"], one_of(&one));
}

fn one_of(claimed: &Value) -> Value {
    Value::Array(ids(claimed))
}

/// The code that verifies a push verifies an item. Extra headers, which may be credentials, do not
/// come out of the API, here as elsewhere.
#[tokio::test]
async fn an_item_is_signed_as_a_push() {
    let world = World::new();
    world.receiver_answers(503);
    let shop = world.merchant("Shop").await;
    let source = world.source(&shop).await;
    let made = shop.client.post(
        "/v1/endpoints",
        json!({
            "url": "https://shop.example/hooks",
            "headers": {"x-door": "hidden"},
            "retry_policy": {"waits_s": []},
        }),
    );
    let made = made.await.ok(201);
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    let page = claim(&shop.client, json!({})).await;
    let item = &page["data"][0];
    assert_eq!(
        (&item["event_id"], &item["event_type"]),
        (&json!(event), &json!("charge.refunded"))
    );
    let headers = &item["headers"];
    assert_eq!(headers["webhook-id"], json!(event));
    assert_eq!(headers["postback-attempt"], "2");
    assert_eq!(headers["content-type"], "application/json");
    assert!(!page.to_string().contains("hidden"), "{page}");

    let scheme = postback_domain::source::SchemeChoice::preset("standard-webhooks").unwrap();
    let body = STANDARD.decode(item["body_base64"].as_str().unwrap()).unwrap();
    let secret = postback_verify::Secret::new(made["secret"].as_str().unwrap());
    let at = headers["webhook-timestamp"].as_str().unwrap().parse().unwrap();
    let lines = ["webhook-id", "webhook-timestamp"]
        .map(|name| (name.to_owned(), headers[name].as_str().unwrap().to_owned()));
    let signed = scheme.scheme().sign(&postback_verify::SignInput {
        body: &body,
        query: "",
        headers: &lines,
        secret: &secret,
        config: &postback_verify::Config::default(),
        timestamp: postback_verify::UnixTime::from_secs(at),
    });
    let signed = signed.unwrap().headers;
    let signature = signed.iter().find(|(name, _)| name == "webhook-signature").unwrap();
    assert_eq!(headers["webhook-signature"], json!(signature.1));

    // Of a deleted endpoint the secret is gone, and what it was owed is not.
    shop.client.delete(&format!("/v1/endpoints/{}", made["id"].as_str().unwrap())).await;
    world.advance_secs(300);
    let page = claim(&shop.client, json!({})).await;
    assert_eq!(page["data"][0]["event_id"], json!(event));
    assert_eq!(page["data"][0]["headers"].get("webhook-signature"), None);
}

/// A redrive in between is pushed; the acknowledgement says so, and ends nothing twice.
#[tokio::test]
async fn a_push_in_between_wins() {
    let world = World::new();
    let shop = shop_with_dead_letters(&world, 2).await;
    let page = claim(&shop.client, json!({})).await;
    let pushed = ids(&page)[0].clone();
    let path = format!("/v1/deliveries/{}/retry", pushed.as_str().unwrap());
    shop.client.post(&path, json!({})).await.ok(202);
    assert_eq!(ack(&shop.client, std::slice::from_ref(&pushed)).await["pending"], json!([pushed]));
    world.receiver_answers(200);
    world.work().await;
    let acked = ack(&shop.client, &ids(&page)).await;
    assert_eq!(acked["acknowledged"], one_of(&page));
    let path = format!("/v1/deliveries/{}", pushed.as_str().unwrap());
    assert_eq!(shop.client.get(&path).await.ok(200)["via"], "push");
}

/// A merchant without a URL: nobody is called, everything is fetched, filters hold.
#[tokio::test]
async fn a_merchant_may_only_pull() {
    let world = World::new();
    let shop = world.merchant("Shop").await;
    let source = world.source(&shop).await;
    let body = json!({"kind": "pull", "event_types": ["charge.*"]});
    let endpoint = shop.client.post("/v1/endpoints", body).await.ok(201);
    assert_eq!((&endpoint["kind"], &endpoint["url"]), (&json!("pull"), &Value::Null));
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    world.event(&source, "evt_2", "payout.paid").await;
    assert_eq!(world.received(), 0);
    let delivery = world.delivery_of(&event).await;
    assert_eq!(delivery["state"], "PENDING");
    assert!(has_failed(&shop.client).await);

    let page = claim(&shop.client, json!({})).await;
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let item = &page["data"][0];
    assert_eq!(item["event_id"], json!(event));
    let signature = item["headers"]["webhook-signature"].as_str().unwrap();
    assert!(signature.starts_with("v1,"), "{item}");
    assert!(has_failed(&shop.client).await, "held, and still to be fetched");
    ack(&shop.client, &ids(&page)).await;
    assert!(!has_failed(&shop.client).await);
    let path = format!("/v1/deliveries/{}", ids(&page)[0].as_str().unwrap());
    let delivery = shop.client.get(&path).await.ok(200);
    assert_eq!((&delivery["state"], &delivery["via"]), (&json!("SUCCESS"), &json!("pull")));
    assert_eq!(delivery["attempt_log"], json!([]));

    let path = format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap());
    shop.client.post(&format!("{path}/test"), json!({})).await.refused(409, "not_called");
    let refused = shop.client.patch(&path, json!({"url": "https://shop.example/"})).await;
    assert_eq!(refused.refused(422, "invalid_field")["field"], "url");
    let event = world.event(&source, "evt_3", "charge.failed").await;
    shop.client.delete(&path).await.ok(204);
    let page = claim(&shop.client, json!({})).await;
    assert_eq!(page["data"][0]["event_id"], json!(event), "owed before its endpoint went away");
}

/// A plugin in a shop needs a key that can do this and nothing else.
#[tokio::test]
async fn a_key_for_pulling_opens_nothing_else() {
    let world = World::new();
    let shop = shop_with_dead_letters(&world, 1).await;
    let path = format!("/v1/merchants/{}/keys", shop.id);
    let body = json!({"name": "plugin", "scopes": ["pull"]});
    let key = world.admin().post(&path, body).await.ok(201);
    assert_eq!(key["scopes"], json!(["pull"]));
    let plugin = world.with_key(key["key"].as_str().unwrap());
    assert!(has_failed(&plugin).await);
    let page = claim(&plugin, json!({})).await;
    ack(&plugin, &ids(&page)).await;
    assert!(!has_failed(&plugin).await);
    for (method, path) in [
        ("GET", "/v1/events"),
        ("GET", "/v1/deliveries"),
        ("GET", "/v1/endpoints"),
        ("POST", "/v1/endpoints"),
    ] {
        let answer = plugin.call(method, path, (method == "POST").then(|| json!({}))).await;
        answer.refused(403, "scope_missing");
    }
    let body = json!({"name": "reader", "scopes": ["read"]});
    let key = world.admin().post(&path_of_keys(&shop), body).await.ok(201);
    let reader = world.with_key(key["key"].as_str().unwrap());
    assert!(!has_failed(&reader).await);
    reader.post("/v1/failed/claim", json!({})).await.refused(403, "scope_missing");
}

fn path_of_keys(merchant: &Merchant) -> String {
    format!("/v1/merchants/{}/keys", merchant.id)
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let world = World::new();
    let shop = world.merchant("Shop").await;
    let ids = |count| Value::Array(vec![json!("dlv_00000000000000000000000000000001"); count]);
    for (path, body, code, field) in [
        ("claim", json!({"limit": 0}), "invalid_field", "limit"),
        ("claim", json!({"limit": 101}), "invalid_field", "limit"),
        ("claim", json!({"lease_s": 0}), "invalid_field", "lease_s"),
        ("claim", json!({"lease_s": 3601}), "invalid_field", "lease_s"),
        ("claim", json!({"limits": 1}), "unknown_field", "limits"),
        ("ack", json!({}), "missing_field", "delivery_ids"),
        ("ack", json!({"delivery_ids": []}), "invalid_field", "delivery_ids"),
        ("ack", json!({"delivery_ids": ["evt_1"]}), "invalid_field", "delivery_ids"),
        ("ack", json!({"delivery_ids": ids(101)}), "invalid_field", "delivery_ids"),
    ] {
        let answer = shop.client.post(&format!("/v1/failed/{path}"), body.clone()).await;
        assert_eq!(answer.refused(422, code)["field"], field, "{body}");
    }
    let unknown = ack(&shop.client, &[json!("dlv_00000000000000000000000000000001")]).await;
    assert_eq!(unknown["unknown"].as_array().unwrap().len(), 1);
    let nobodys = world.admin().post("/v1/failed/claim", json!({})).await;
    assert_eq!(nobodys.refused(422, "missing_field")["field"], "merchant_id");
    let named = format!("/v1/failed/claim?merchant_id={}", shop.id);
    world.admin().post(&named, json!({})).await.ok(200);
}
