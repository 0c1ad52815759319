//! What a source is besides a preset and a secret: batches, handshakes, rotation.

use std::collections::BTreeMap;

use postback_acceptance::api::text;
use postback_acceptance::client::Request;
use postback_acceptance::clock::eventually;
use postback_acceptance::receiver::Receiver;
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::{Value, json};

/// Twelve, so that they are more than SQS takes at once. Each is a delivery of its own, with the
/// exact bytes between the commas; filters see each type; a repeat in other company is a repeat.
#[test]
fn a_batch_is_delivered_event_by_event() {
    const EVENTS: usize = 12;
    let stack = Stack::up();
    let merchant = stack.merchant();
    let (every, payouts) = (Receiver::accepting(), Receiver::accepting());
    let endpoint = merchant.endpoint(&every, json!({}));
    merchant.endpoint(&payouts, json!({"event_types": ["payouts.*"]}));
    let source = merchant.source(Provider::GoCardless);
    let item = |number: usize| {
        let kind = if number.is_multiple_of(3) { "payouts" } else { "payments" };
        format!("{{\"id\" : \"EV{number}\",\n \"resource_type\":\"{kind}\", \"action\":\"paid\"}}")
    };
    let batch =
        |items: &[String]| format!("{{\"events\":[ {} ],\"meta\":{{}}}}", items.join(" , "));
    let items: Vec<String> = (0..EVENTS).map(item).collect();
    let body = batch(&items);
    source.send(&source.signed("", "", body.as_bytes())).expect(200);

    let receipts = every.wait_for(EVENTS);
    let received: BTreeMap<String, &[u8]> = receipts
        .iter()
        .map(|receipt| {
            webhook::verify(receipt, &endpoint.secret);
            let id = receipt.headers.the("postback-provider-event-id").to_owned();
            (id, receipt.body.as_slice())
        })
        .collect();
    assert_eq!(received.len(), EVENTS);
    for (number, item) in items.iter().enumerate() {
        assert_eq!(received[&format!("EV{number}")], item.as_bytes());
    }
    payouts.wait_for_count(EVENTS / 3);

    let again = batch(&[items[5].clone(), item(EVENTS)]);
    source.send(&source.signed("", "", again.as_bytes())).expect(200);
    every.wait_for_count(EVENTS + 1);
    merchant.wait_for("EV12", &endpoint, "SUCCESS");
    assert_eq!(every.count(), EVENTS + 1, "the repeat was not delivered again");
    assert_eq!(merchant.event("EV5")["conflicts"], 0);
}

/// The old secret stays good beside the new one; each shows when it was last used.
#[test]
fn a_secret_is_rotated_without_a_gap() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let source = merchant.source(Provider::Stripe);
    let secrets = format!("/v1/sources/{}/secrets", source.id);
    let list = || -> Vec<Value> {
        let listed = stack.admin().get(&secrets).expect(200).json();
        listed["data"].as_array().expect("a list").clone()
    };
    assert_eq!(list()[0]["last_used_at"], Value::Null);
    source.deliver("evt_1", "charge.refunded");
    let was_used = |position: usize| {
        eventually("the use is noted", || {
            let secrets = list();
            let used = &secrets[position]["last_used_at"];
            if used.is_null() { Err(format!("{secrets:?}")) } else { Ok(()) }
        });
    };
    was_used(0);

    let new = json!({"secret": "whsec_new", "overlap_s": 3600});
    let created = stack.admin().post(&secrets, &new).ok();
    assert_eq!((list().len(), &created["expires_at"]), (2, &Value::Null));
    assert!(list()[1]["expires_at"].is_string() && list()[0]["last_used_at"].is_null());
    source.deliver("evt_2", "charge.refunded");
    let body = br#"{"id":"evt_3","type":"charge.refunded"}"#;
    let signed = Provider::Stripe.request("whsec_new", &source.path, "", "", body);
    source.send(&signed).expect(200);
    was_used(0);

    let old = text(&list()[1], "id");
    stack.admin().delete(&format!("{secrets}/{old}")).expect(204);
    let stale = source.signed("", "", body);
    eventually("the old secret is refused", || {
        let status = source.send(&stale).status;
        if status == 401 { Ok(()) } else { Err(status.to_string()) }
    });
    source.send(&signed).expect(200);
}

/// Answered, also to a GET, and never an event.
#[test]
fn handshakes_are_answered() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let source = |preset: &str, secret: &str, config: Value| {
        let source = json!({
            "merchant_id": merchant.id, "preset": preset, "secrets": [secret], "config": config,
        });
        text(&stack.admin().post("/v1/sources", &source).ok(), "id")
    };
    let woocommerce = source("woocommerce", "s", json!({}));
    let ping = Request::new("POST", &format!("/in/{woocommerce}")).body("webhook_id=17");
    stack.client().send(&ping).expect(200);

    let config = json!({"public_key": "integration_public_key"});
    let braintree = source("braintree", "integration_private_key", config);
    let challenge = "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53";
    let check = Request::new("GET", &format!("/in/{braintree}?{challenge}"));
    let answer = stack.client().send(&check).expect(200);
    assert_eq!(answer.text(), "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4");
    let other = Request::new("GET", &format!("/in/{woocommerce}?{challenge}"));
    assert_eq!(stack.client().send(&other).problem(405), "method_not_allowed");

    // Something that is an event, so that whatever was queued before it has come through.
    let stripe = merchant.source(Provider::Stripe);
    stripe.deliver("evt_1", "charge.refunded");
    merchant.event("evt_1");
    assert_eq!(merchant.api.list("/v1/events").len(), 1);
}
