//! An endpoint is sent again what it missed: what was given up, what nobody wanted then, and what came
//! for a merchant that was not there yet.

use postback_acceptance::api::{Caller, Merchant, text};
use postback_acceptance::clock::{eventually, unique};
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::{Value, json};

const SINCE: &str = "2026-01-01T00:00:00Z";

/// The order when it has ended. What the queue holds back, or a list is behind with, takes its time.
fn recovered(caller: &Caller, endpoint: &str, body: &Value) -> Value {
    let order = caller.post(&format!("/v1/endpoints/{endpoint}/recover"), body).expect(202).json();
    let path = format!("/v1/recoveries/{}", text(&order, "id"));
    eventually("the order has ended", || {
        let order = caller.get(&path).ok();
        if order["status"] == "running" { Err(order.to_string()) } else { Ok(order) }
    })
}

/// Gives the order until it finds so many: a list of the cloud's store follows its rows.
fn recovers(merchant: &Merchant, endpoint: &str, count: u64) {
    let mut found = 0;
    eventually(&format!("{count} were sent again"), || {
        let body = json!({"since": SINCE, "per_second": 1000});
        let order = recovered(&merchant.api, endpoint, &body);
        assert_eq!(order["status"], "done", "{order}");
        found += order["recovered"].as_u64().unwrap_or_default();
        if found >= count { Ok(()) } else { Err(format!("{found}, {order}")) }
    });
    assert_eq!(found, count);
}

#[test]
fn what_was_given_up_or_wanted_by_nobody_is_sent_again() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(503));
    let settings = json!({"event_types": ["charge.*"], "retry_policy": {"waits_s": []}});
    let endpoint = merchant.endpoint(&receiver, settings);
    let source = merchant.source(Provider::Stripe);
    for id in ["evt_1", "evt_2"] {
        source.deliver(id, "charge.refunded");
        merchant.wait_for(id, &endpoint, "FAILED");
    }
    source.deliver("evt_3", "payout.paid");
    assert_eq!(merchant.deliveries_of("evt_3")[0]["state"], "NOT_APPLY");
    merchant
        .api
        .patch(&format!("/v1/endpoints/{}", endpoint.id), &json!({"event_types": null}))
        .ok();
    receiver.reply_from_now_on(Reply::status(200));

    recovers(&merchant, &endpoint.id, 3);
    for id in ["evt_1", "evt_2", "evt_3"] {
        merchant.wait_for(id, &endpoint, "SUCCESS");
    }
    assert_eq!(merchant.deliveries_of("evt_3").len(), 1, "and no row that nobody wanted it");
    let mut seen: Vec<_> = receiver
        .receipts()
        .iter()
        .map(|receipt| webhook::verify(receipt, &endpoint.secret).provider_event_id)
        .collect();
    seen.sort();
    assert_eq!(seen, ["evt_1", "evt_1", "evt_2", "evt_2", "evt_3"]);
}

/// A platform has one source for many merchants. What comes before a merchant is there waits for it.
#[test]
fn a_platforms_events_wait_for_their_merchants() {
    let stack = Stack::up();
    let platform = stack.merchant();
    let source = platform.source(Provider::Stripe);
    let path = format!("/v1/sources/{}", source.id);
    stack.admin().patch(&path, &json!({"merchant_from": "json:/account"})).ok();
    let account = unique();
    let deliver = |id: &str| {
        let body = json!({"id": id, "type": "charge.refunded", "account": account});
        let body = body.to_string();
        source.send(&source.signed(id, "charge.refunded", body.as_bytes())).expect(200);
    };
    deliver("evt_1");
    let row = platform.deliveries_of("evt_1").remove(0);
    assert_eq!(row["not_apply_reason"], "merchant_unknown", "{row}");
    assert_eq!(row["addressee"], *account);

    let shop = stack.merchant_with(json!({"external_id": account}));
    let receiver = Receiver::always(Reply::status(200));
    let endpoint = shop.endpoint(&receiver, json!({}));
    deliver("evt_2");
    shop.wait_for("evt_2", &endpoint, "SUCCESS");
    recovers(&shop, &endpoint.id, 1);
    shop.wait_for("evt_1", &endpoint, "SUCCESS");
    platform.api.get(&format!("/v1/events/{}", text(&row, "event_id"))).expect(404);
}
