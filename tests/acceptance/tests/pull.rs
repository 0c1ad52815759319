//! How a merchant that could not be reached gets what it is owed: it is told, fetches, and says
//! what it has got.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postback_acceptance::api::{Caller, Endpoint, Merchant, text};
use postback_acceptance::clock::{self, eventually};
use postback_acceptance::receiver::{Receipt, Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use postback_acceptance::wire::Headers;
use serde_json::{Value, json};

/// A merchant whose endpoint refused so many events, and a key that only pulls.
fn unreachable_shop(stack: &Stack, events: usize) -> (Merchant, Endpoint, Caller) {
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(503));
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": []}}));
    let source = merchant.source(Provider::Stripe);
    for number in 0..events {
        let id = format!("evt_{number}");
        source.deliver(&id, "charge.refunded");
        merchant.wait_for(&id, &endpoint, "FAILED");
    }
    let body = json!({"name": "plugin", "scopes": ["pull"]});
    let key = stack.admin().post(&format!("/v1/merchants/{}/keys", merchant.id), &body).ok();
    let plugin = Caller::new(stack.client(), key["key"].as_str());
    (merchant, endpoint, plugin)
}

/// Whether the account says so.
fn tells(plugin: &Caller, has_failed_deliveries: bool) -> Result<(), String> {
    let account = plugin.get("/v1/account").ok();
    let is_so = account["has_failed_deliveries"] == has_failed_deliveries;
    if is_so { Ok(()) } else { Err(format!("the account is {account}")) }
}

fn claim(plugin: &Caller, limit: usize) -> Value {
    plugin.post("/v1/failed/claim", &json!({"limit": limit})).ok()
}

fn items(page: &Value) -> Vec<Value> {
    page["data"].as_array().cloned().unwrap_or_default()
}

/// What the merchant's own code would have been given by a push.
fn as_push(item: &Value) -> Receipt {
    let headers = item["headers"].as_object().expect("headers are an object");
    let lines = headers.iter().map(|(name, value)| {
        (name.clone(), value.as_str().expect("a header is a text").to_owned())
    });
    Receipt {
        at: clock::now(),
        life: 0,
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: Headers::from_iter(lines),
        body: STANDARD.decode(text(item, "body_base64")).expect("the body is in base64"),
    }
}

#[test]
fn a_shop_pulls_until_there_is_no_more() {
    let stack = Stack::up();
    let (merchant, endpoint, plugin) = unreachable_shop(&stack, 3);
    // A list of the cloud's store follows its rows with a little delay.
    eventually("the shop is told", || tells(&plugin, true));
    let mut got = Vec::new();
    eventually("all were fetched", || {
        let page = claim(&plugin, 2);
        let ids: Vec<Value> = items(&page).iter().map(|item| item["delivery_id"].clone()).collect();
        for item in items(&page) {
            let webhook = webhook::verify(&as_push(&item), &endpoint.secret);
            assert_eq!((webhook.attempt, &*webhook.event_type), (2, "charge.refunded"));
            assert_eq!(webhook.delivery_id, text(&item, "delivery_id"));
            got.push(webhook.provider_event_id);
        }
        if !ids.is_empty() {
            let acked = plugin.post("/v1/failed/ack", &json!({"delivery_ids": ids})).ok();
            assert_eq!(acked["acknowledged"], json!(ids));
        }
        if got.len() >= 3 { Ok(()) } else { Err(format!("so far {got:?}")) }
    });
    got.sort();
    assert_eq!(got, ["evt_0", "evt_1", "evt_2"], "each once");
    for id in got {
        let delivery = merchant.delivery(&id, &endpoint);
        assert_eq!((&delivery["state"], &delivery["via"]), (&json!("SUCCESS"), &json!("pull")));
    }
    eventually("nothing is left to tell", || tells(&plugin, false));
    assert!(items(&claim(&plugin, 10)).is_empty());
}

/// What is held by one is not given to another, and is still there for a redrive.
#[test]
fn a_claim_is_held_and_a_push_in_between_wins() {
    let stack = Stack::up();
    let (merchant, endpoint, plugin) = unreachable_shop(&stack, 1);
    let item = eventually("it is fetched", || {
        items(&claim(&plugin, 10)).pop().ok_or_else(|| "nothing to fetch".to_owned())
    });
    assert!(items(&claim(&plugin, 10)).is_empty());
    let id = text(&item, "delivery_id");
    assert_eq!(merchant.read_delivery(&id)["state"], "FAILED");

    let open = Receiver::always(Reply::status(200));
    let path = format!("/v1/endpoints/{}?merchant_id={}", endpoint.id, merchant.id);
    stack.admin().patch(&path, &json!({"url": open.url()})).ok();
    stack.admin().post(&format!("/v1/deliveries/{id}/retry"), &json!({})).expect(202);
    let delivery = merchant.wait_for_state(&id, "SUCCESS");
    assert_eq!(delivery["via"], "push");
    let acked = plugin.post("/v1/failed/ack", &json!({"delivery_ids": [id]})).ok();
    assert_eq!(acked["acknowledged"], json!([id]));
    assert_eq!(merchant.read_delivery(&id)["via"], "push");
}

/// A merchant without a URL gets everything by fetching it.
#[test]
fn an_endpoint_may_be_there_to_be_pulled() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let endpoint = merchant.endpoint_of(&json!({"kind": "pull", "event_types": ["charge.*"]}));
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    source.deliver("evt_2", "payout.paid");
    let api = &merchant.api;
    let item = eventually("it is fetched", || {
        items(&claim(api, 10)).pop().ok_or_else(|| "nothing to fetch".to_owned())
    });
    let webhook = webhook::verify(&as_push(&item), &endpoint.secret);
    assert_eq!((webhook.attempt, &*webhook.provider_event_id), (1, "evt_1"));
    let id = text(&item, "delivery_id");
    assert_eq!(merchant.read_delivery(&id)["state"], "PENDING");
    let acked = api.post("/v1/failed/ack", &json!({"delivery_ids": [id]})).ok();
    assert_eq!(acked["acknowledged"], json!([id]));
    let delivery = merchant.read_delivery(&id);
    assert_eq!((&delivery["state"], &delivery["via"]), (&json!("SUCCESS"), &json!("pull")));
    eventually("nothing is left to tell", || tells(api, false));
    assert_eq!(merchant.deliveries_of("evt_2")[0]["state"], "NOT_APPLY");
}
