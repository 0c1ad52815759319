//! What happens when the tries are used up or the endpoint is gone, switched off or deleted, and
//! every way back.

use postback_acceptance::api::{Endpoint, Merchant, log_field, text};
use postback_acceptance::clock::eventually;
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::{self, is_utc_time};
use serde_json::{Value, json};

/// A merchant with one endpoint that refused everything, and the delivery that was given up.
fn given_up(stack: &Stack) -> (Merchant, Receiver, Endpoint, Value) {
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": [0.1, 0.1]}}));
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    let failed = merchant.wait_for("evt_1", &endpoint, "FAILED");
    (merchant, receiver, endpoint, failed)
}

#[test]
fn used_up_tries_end_in_the_dead_letters_and_a_redrive_reopens() {
    let stack = Stack::up();
    let (merchant, receiver, endpoint, failed) = given_up(&stack);
    let id = text(&failed, "id");
    assert_eq!((&failed["attempts"], &failed["next_attempt_at"]), (&json!(3), &Value::Null));
    assert!(is_utc_time(&text(&failed, "finished_at")), "{failed}");
    assert_eq!(receiver.count(), 3);
    assert_eq!(merchant.event("evt_1")["state"], "FAILED");

    let admin = stack.admin();
    let dead = format!("/v1/dead-letters?merchant_id={}", merchant.id);
    for path in [&dead, &format!("{dead}&endpoint_id={}", endpoint.id)] {
        let rows = admin.list(path);
        assert_eq!(rows.len(), 1, "{path}");
        assert_eq!((&rows[0]["id"], &rows[0]["state"]), (&json!(id), &json!("FAILED")));
    }
    let others = stack.merchant();
    assert!(admin.list(&format!("/v1/dead-letters?merchant_id={}", others.id)).is_empty());

    receiver.reply_from_now_on(Reply::status(200));
    let redrive = |filter: Value| admin.post("/v1/dead-letters/redrive", &filter).ok();
    // A dry run is what happens unless it is said otherwise.
    for dry_run in [json!({}), json!({"dry_run": true})] {
        let mut filter = dry_run;
        filter["merchant_id"] = json!(merchant.id);
        filter["limit"] = json!(10);
        let answer = redrive(filter);
        for (field, expected) in [
            ("matched", json!(1)),
            ("redriven", json!(0)),
            ("dry_run", json!(true)),
            ("delivery_ids", json!([id])),
        ] {
            assert_eq!(answer[field], expected, "{field} of {answer}");
        }
    }
    assert_eq!(merchant.read_delivery(&id)["state"], "FAILED");

    let filter = json!({
        "merchant_id": merchant.id, "delivery_ids": [id], "limit": 10, "dry_run": false,
    });
    let answer = redrive(filter);
    assert_eq!(
        (&answer["matched"], &answer["redriven"], &answer["delivery_ids"], &answer["dry_run"]),
        (&json!(1), &json!(1), &json!([id]), &json!(false)),
        "{answer}"
    );
    let delivery = merchant.wait_for_state(&id, "SUCCESS");
    assert_eq!(delivery["round"], 2);
    assert_eq!(log_field(&delivery, "round"), [json!(1), json!(1), json!(1), json!(2)]);
    assert_eq!(log_field(&delivery, "number"), [json!(1), json!(2), json!(3), json!(1)]);
    let receipts = receiver.receipts();
    assert_eq!(receipts.len(), 4);
    let webhook = webhook::verify(&receipts[3], &endpoint.secret);
    assert_eq!((webhook.attempt, &webhook.delivery_id), (1, &id));
    assert_eq!(webhook.event_id, receipts[0].headers.the("webhook-id"));
    assert!(admin.list(&dead).is_empty());
    assert_eq!(merchant.event("evt_1")["state"], "SUCCESS");
    // Nothing is left to redrive.
    let again = redrive(json!({"merchant_id": merchant.id, "limit": 10, "dry_run": false}));
    assert_eq!((&again["matched"], &again["redriven"]), (&json!(0), &json!(0)));
}

#[test]
fn a_redriven_delivery_has_a_fresh_round_of_tries() {
    let stack = Stack::up();
    let (merchant, receiver, _, failed) = given_up(&stack);
    let id = text(&failed, "id");
    let filter = json!({"merchant_id": merchant.id, "limit": 1, "dry_run": false});
    stack.admin().post("/v1/dead-letters/redrive", &filter).ok();
    receiver.wait_for(6);
    let failed_again = merchant.wait_for_state(&id, "FAILED");
    assert_eq!(failed_again["round"], 2);
    assert_eq!(log_field(&failed_again, "number"), [1, 2, 3, 1, 2, 3].map(|number| json!(number)));
    assert_eq!(receiver.count(), 6);
}

#[test]
fn a_merchant_may_have_an_ended_delivery_sent_again() {
    let stack = Stack::up();
    let (merchant, receiver, endpoint, failed) = given_up(&stack);
    receiver.reply_from_now_on(Reply::status(200));
    let id = text(&failed, "id");
    // FAILED first, then the SUCCESS that it became.
    for round in 2..=3 {
        let answer = merchant.api.post(&format!("/v1/deliveries/{id}/retry"), &json!({}));
        assert!((200..300).contains(&answer.status), "{answer:?}");
        let receipts = receiver.wait_for(2 + round);
        let last = webhook::verify(&receipts[1 + round], &endpoint.secret);
        assert_eq!((last.attempt, &last.delivery_id), (1, &id));
        assert_eq!(last.event_id, receipts[0].headers.the("webhook-id"));
        let delivery = merchant.wait_for_state(&id, "SUCCESS");
        assert_eq!(delivery["round"], round);
    }
    assert_eq!(receiver.count(), 5);
}

#[test]
fn gone_ends_at_once_and_switches_the_endpoint_off() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(410));
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": [0.05, 0.05]}}));
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    let failed = merchant.wait_for("evt_1", &endpoint, "FAILED");
    assert_eq!(log_field(&failed, "outcome"), [json!("gone")]);
    let path = format!("/v1/endpoints/{}", endpoint.id);
    eventually("the endpoint is switched off", || {
        let seen = merchant.api.get(&path).expect(200).json();
        if seen["enabled"] == false { Ok(()) } else { Err(seen.to_string()) }
    });
    // What comes in meanwhile waits, and goes out once the merchant has mended it.
    source.deliver("evt_2", "charge.refunded");
    assert_eq!(merchant.delivery("evt_2", &endpoint)["state"], "PENDING");
    receiver.reply_from_now_on(Reply::status(200));
    merchant.api.patch(&path, &json!({"enabled": true})).expect(200);
    merchant.wait_for("evt_2", &endpoint, "SUCCESS");
    assert_eq!(merchant.delivery("evt_1", &endpoint)["state"], "FAILED");
    assert_eq!(receiver.count(), 2);
}

#[test]
fn a_disabled_endpoint_is_not_called_and_misses_nothing() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let (receiver, witness) = (Receiver::accepting(), Receiver::accepting());
    let endpoint = merchant.endpoint(&receiver, json!({"enabled": false}));
    let other = merchant.endpoint(&witness, json!({}));
    let source = merchant.source(Provider::Stripe);
    let events = ["evt_1", "evt_2", "evt_3"];
    for event in events {
        source.deliver(event, "charge.refunded");
        merchant.wait_for(event, &other, "SUCCESS");
    }
    for event in events {
        let parked = merchant.delivery(event, &endpoint);
        assert_eq!((&parked["state"], &parked["attempts"]), (&json!("PENDING"), &json!(0)));
    }
    assert_eq!(receiver.count(), 0);

    let path = format!("/v1/endpoints/{}", endpoint.id);
    let enabled = merchant.api.patch(&path, &json!({"enabled": true})).expect(200).json();
    assert_eq!(enabled["enabled"], true);
    for event in events {
        let delivery = merchant.wait_for(event, &endpoint, "SUCCESS");
        assert_eq!(delivery["attempts"], 1, "waiting is not a try");
    }
    assert_eq!(receiver.count(), events.len());
    for receipt in receiver.receipts() {
        assert_eq!(webhook::verify(&receipt, &endpoint.secret).attempt, 1);
    }
}

#[test]
fn what_is_owed_to_a_deleted_endpoint_is_given_up() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": [2, 2]}}));
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    receiver.wait_for(1);
    let id = text(&merchant.delivery("evt_1", &endpoint), "id");
    let path = format!("/v1/endpoints/{}", endpoint.id);
    merchant.api.delete(&path).expect(204);
    merchant.api.get(&path).expect(404);
    merchant.api.delete(&path).expect(404);
    let failed = merchant.wait_for_state(&id, "FAILED");
    assert_eq!(failed["attempts"], 1, "{failed}");
    // Nobody is left who wants the next one.
    source.deliver("evt_2", "charge.refunded");
    let next = merchant.deliveries_of("evt_2");
    assert_eq!((next.len(), &next[0]["state"]), (1, &json!("NOT_APPLY")));
    assert_eq!(receiver.count(), 1);
}

#[test]
fn a_deleted_endpoint_is_not_waited_for() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let patient = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": [86_400]}}));
    let disabled = merchant.endpoint(&receiver, json!({"enabled": false}));
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    receiver.wait_for(1);
    let ids = [&patient, &disabled].map(|end| text(&merchant.delivery("evt_1", end), "id"));
    merchant.wait_for_attempts(&ids[0], 1);
    for endpoint in [&patient, &disabled] {
        merchant.api.delete(&format!("/v1/endpoints/{}", endpoint.id)).expect(204);
    }
    for (id, attempts) in ids.iter().zip([1, 0]) {
        let failed = merchant.wait_for_state(id, "FAILED");
        assert_eq!(failed["attempts"], attempts, "{failed}");
    }
    assert_eq!(receiver.count(), 1);
}
