//! What happens when a merchant's server does not say 2xx: retries, waits, giving up, and every
//! way back.
//!
//! Waits are checked from below only: a wait that the contract promises must not be cut short. How
//! much longer it takes says something about the machine, not about the product.

use std::net::TcpListener;
use std::time::Duration;

use postback_acceptance::api::{Endpoint, Merchant, text};
use postback_acceptance::receiver::{Receipt, Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::{self, is_utc_time};
use serde_json::{Value, json};

/// Jitter shortens a wait by a fifth at most.
const SHORTEST_PART: f64 = 0.8;

/// The server counts in milliseconds, and its clock may be slewed against ours.
const CLOCK_SLACK: Duration = Duration::from_millis(10);

fn field(delivery: &Value, field: &str) -> Vec<Value> {
    let log = delivery["attempt_log"].as_array().expect("attempt_log is a list");
    log.iter().map(|attempt| attempt[field].clone()).collect()
}

#[track_caller]
fn check_wait(receipts: &[Receipt], first: usize, at_least_s: f64) {
    let waited = receipts[first + 1].at - receipts[first].at;
    let promised = Duration::from_secs_f64(at_least_s);
    assert!(waited + CLOCK_SLACK >= promised, "waited {waited:?} of {promised:?}");
}

#[test]
fn two_failures_then_success() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let replies = [Reply::status(500), Reply::status(503)];
    let receiver = Receiver::scripted(replies, Reply::status(200));
    let waits_s = [0.5, 1.0];
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": waits_s}}));
    let source = merchant.source(Provider::Stripe);
    let body = source.deliver("evt_1", "charge.refunded");

    receiver.wait_for(1);
    let pending = merchant.delivery("evt_1", &endpoint);
    let delivery = merchant.wait_for_state(&text(&pending, "id"), "SUCCESS");
    let receipts = receiver.receipts();
    assert_eq!(receipts.len(), 3);
    for (first, wait_s) in waits_s.into_iter().enumerate() {
        check_wait(&receipts, first, wait_s * SHORTEST_PART);
    }
    let webhooks: Vec<_> =
        receipts.iter().map(|receipt| webhook::verify(receipt, &endpoint.secret)).collect();
    for (number, (webhook, receipt)) in (1..).zip(webhooks.iter().zip(&receipts)) {
        assert_eq!(webhook.attempt, number);
        assert_eq!(webhook.event_id, webhooks[0].event_id, "the same on every try");
        assert_eq!(webhook.delivery_id, webhooks[0].delivery_id);
        assert_eq!(receipt.body, body);
    }
    assert_eq!((&delivery["attempts"], &delivery["round"]), (&json!(3), &json!(1)));
    assert_eq!(field(&delivery, "number"), [json!(1), json!(2), json!(3)]);
    assert_eq!(field(&delivery, "status"), [json!(500), json!(503), json!(200)]);
    let outcomes = [json!("server_error"), json!("server_error"), json!("accepted")];
    assert_eq!(field(&delivery, "outcome"), outcomes);
    assert_eq!(field(&delivery, "response_excerpt")[0], "the receiver says 500");
}

#[test]
fn a_waiting_delivery_says_when_it_is_tried_next() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": [3600]}}));
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    receiver.wait_for(1);
    let id = text(&merchant.delivery("evt_1", &endpoint), "id");
    let waiting = merchant.wait_for_attempts(&id, 1);
    assert_eq!((&waiting["state"], &waiting["finished_at"]), (&json!("PENDING"), &Value::Null));
    assert!(is_utc_time(&text(&waiting, "next_attempt_at")), "{waiting}");
    let refused = merchant.api.post(&format!("/v1/deliveries/{id}/retry"), &json!({}));
    assert_eq!(refused.status, 409, "it is still owed: {refused:?}");
}

/// Every kind of failure, seen once by an endpoint of its own, is tried again and recorded by name.
#[test]
fn every_failure_but_gone_is_tried_again() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let elsewhere = Receiver::accepting();
    let moved = |status| Reply::status(status).header("location", &elsewhere.url());
    let large = format!("HTTP/1.1 500 No\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(100_000));
    let cut_off = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal";
    let rows = [
        (Reply::status(400), "client_error"),
        (Reply::status(401), "client_error"),
        (Reply::status(404), "client_error"),
        (Reply::status(429), "rate_limited"),
        (Reply::status(500), "server_error"),
        (Reply::status(599), "server_error"),
        (Reply::raw(large.as_bytes()), "server_error"),
        (moved(301), "redirected"),
        (moved(302), "redirected"),
        (moved(307), "redirected"),
        (moved(308), "redirected"),
        (Reply::status(304), "redirected"),
        (Reply::hang_up(), "connection_lost"),
        (Reply::raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "connection_lost"),
        (Reply::raw(b"HTTP/1.1 200 OK\r\ncontent-len"), "connection_lost"),
        (Reply::raw(cut_off), "connection_lost"),
        (Reply::never(), "timed_out"),
        (Reply::status(200).after(Duration::from_secs(4)), "timed_out"),
    ];
    let settings = json!({"timeout_s": 1, "retry_policy": {"waits_s": [0.2]}});
    let endpoints: Vec<_> = rows
        .into_iter()
        .map(|(reply, outcome)| {
            let name = format!("{reply:?}").chars().take(80).collect::<String>();
            let receiver = Receiver::scripted([reply], Reply::status(200));
            let endpoint = merchant.endpoint(&receiver, settings.clone());
            (name, receiver, endpoint, outcome)
        })
        .collect();
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    for (name, receiver, endpoint, outcome) in &endpoints {
        let delivery = merchant.wait_for("evt_1", endpoint, "SUCCESS");
        let outcomes = field(&delivery, "outcome");
        assert_eq!(outcomes, [json!(outcome), json!("accepted")], "{name}: {delivery:#}");
        assert_eq!(receiver.count(), 2, "{name}");
        let excerpt = delivery["attempt_log"][0]["response_excerpt"].as_str().unwrap_or_default();
        assert!(excerpt.len() <= 4096, "{name}: excerpt of {} bytes", excerpt.len());
    }
    assert_eq!(elsewhere.count(), 0, "redirects are not followed");
}

#[test]
fn a_server_that_is_down_is_tried_until_it_is_up() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let free = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let url = format!("http://{}/hooks", free.local_addr().expect("a listener has an address"));
    drop(free);
    let down = merchant.endpoint_at(&url, json!({"retry_policy": {"waits_s": [0.1, 0.1]}}));
    let nameless = merchant
        .endpoint_at("http://no-such-host.invalid/hooks", json!({"retry_policy": {"waits_s": []}}));
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    for (endpoint, outcome, tries) in
        [(down, "connect_failed", 3), (nameless, "name_not_resolved", 1)]
    {
        let delivery = merchant.wait_for("evt_1", &endpoint, "FAILED");
        assert_eq!(field(&delivery, "outcome"), vec![json!(outcome); tries]);
        assert_eq!(field(&delivery, "status"), vec![Value::Null; tries]);
        assert_eq!(delivery["attempts"], tries);
    }
}

#[test]
fn retry_after_is_honoured_between_the_step_and_twice_the_step() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    // Asked for, in seconds, and the least that must be waited with a step of 1 s.
    let rows =
        [("2", 2.0), ("0", SHORTEST_PART), ("99999999999999999999", 2.0), ("soon", SHORTEST_PART)];
    let endpoints = rows.map(|(asked, at_least_s)| {
        let busy = Reply::status(503).header("Retry-After", asked);
        let receiver = Receiver::scripted([busy], Reply::status(200));
        let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": [1]}}));
        (receiver, endpoint, at_least_s)
    });
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    for (receiver, endpoint, at_least_s) in &endpoints {
        merchant.wait_for("evt_1", endpoint, "SUCCESS");
        check_wait(&receiver.receipts(), 0, *at_least_s);
    }
}

#[test]
fn the_endpoints_policy_goes_before_the_merchants() {
    let stack = Stack::up();
    let merchant = stack.merchant_with(json!({"retry_policy": {"waits_s": [0.05]}}));
    let receivers = [(); 3].map(|()| Receiver::always(Reply::status(500)));
    let settings = [
        (json!({}), 2),
        (json!({"retry_policy": {"waits_s": []}}), 1),
        (json!({"retry_policy": {"waits_s": [0.05, 0.05, 0.05]}}), 4),
    ];
    let endpoints = receivers.iter().zip(settings).map(|(receiver, (settings, tries))| {
        (receiver, merchant.endpoint(receiver, settings), tries)
    });
    let endpoints: Vec<_> = endpoints.collect();
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    for (receiver, endpoint, tries) in endpoints {
        merchant.wait_for("evt_1", &endpoint, "FAILED");
        assert_eq!(receiver.count(), tries);
    }
}

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
    assert_eq!(field(&delivery, "round"), [json!(1), json!(1), json!(1), json!(2)]);
    assert_eq!(field(&delivery, "number"), [json!(1), json!(2), json!(3), json!(1)]);
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
    assert_eq!(field(&failed_again, "number"), [1, 2, 3, 1, 2, 3].map(|number| json!(number)));
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
    assert_eq!(field(&failed, "outcome"), [json!("gone")]);
    let path = format!("/v1/endpoints/{}", endpoint.id);
    postback_acceptance::clock::eventually("the endpoint is switched off", || {
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

#[test]
fn one_bad_endpoint_does_not_hold_up_the_others() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let (silent, healthy) = (Receiver::always(Reply::never()), Receiver::accepting());
    let stuck = merchant.endpoint(&silent, json!({"timeout_s": 30}));
    let endpoint = merchant.endpoint(&healthy, json!({}));
    let source = merchant.source(Provider::Stripe);
    for number in 0..30 {
        source.deliver(&format!("evt_{number}"), "charge.refunded");
    }
    healthy.wait_for(30);
    merchant.wait_for("evt_29", &endpoint, "SUCCESS");
    let held = merchant.delivery("evt_29", &stuck);
    assert_eq!(held["state"], "PENDING");
    let log = merchant.read_delivery(&text(&held, "id"))["attempt_log"].clone();
    assert_eq!(log, json!([]), "the healthy endpoint had everything before the other timed out");
}
