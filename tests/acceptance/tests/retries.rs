//! What happens when a merchant's server does not say 2xx, as long as there are tries left.
//!
//! Waits are checked from below only: a wait that the contract promises must not be cut short. How
//! much longer it takes says something about the machine, not about the product.

use std::net::TcpListener;
use std::time::Duration;

use postback_acceptance::api::{log_field, text};
use postback_acceptance::receiver::{Receipt, Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::{self, is_utc_time};
use serde_json::{Value, json};

/// Jitter shortens a wait by a fifth at most.
const SHORTEST_PART: f64 = 0.8;

/// The server counts in milliseconds, and its clock may be slewed against ours.
const CLOCK_SLACK: Duration = Duration::from_millis(10);

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
    assert_eq!(log_field(&delivery, "number"), [json!(1), json!(2), json!(3)]);
    assert_eq!(log_field(&delivery, "status"), [json!(500), json!(503), json!(200)]);
    let outcomes = [json!("server_error"), json!("server_error"), json!("accepted")];
    assert_eq!(log_field(&delivery, "outcome"), outcomes);
    assert_eq!(log_field(&delivery, "response_excerpt")[0], "the receiver says 500");
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
        let outcomes = log_field(&delivery, "outcome");
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
        assert_eq!(log_field(&delivery, "outcome"), vec![json!(outcome); tries]);
        assert_eq!(log_field(&delivery, "status"), vec![Value::Null; tries]);
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

/// Both secrets sign while the merchant deploys the new one; afterwards the new one does alone.
#[test]
fn a_signing_secret_is_rotated_without_a_gap() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let path = format!("/v1/endpoints/{}/secret/rotate", endpoint.id);
    let rotate = |overlap_s: u64| {
        text(
            &merchant.api.post(&path, &json!({"overlap_s": overlap_s})).expect(200).json(),
            "secret",
        )
    };
    let new = rotate(3600);
    source.deliver("evt_1", "charge.refunded");
    merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    let receipt = receiver.wait_for(1).remove(0);
    assert_eq!(receipt.headers.the("webhook-signature").split(' ').count(), 2);
    for secret in [&endpoint.secret, &new] {
        webhook::verify(&receipt, secret);
    }

    let newest = rotate(0);
    source.deliver("evt_2", "charge.refunded");
    merchant.wait_for("evt_2", &endpoint, "SUCCESS");
    let receipt = receiver.wait_for(2).remove(1);
    assert_eq!(receipt.headers.the("webhook-signature").split(' ').count(), 1);
    webhook::verify(&receipt, &newest);
}

/// A realistic event of a provider that the merchant has, marked as no try, and gone afterwards.
#[test]
fn an_endpoint_is_tested() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    merchant.source(Provider::Stripe);
    let receiver = Receiver::in_turn([Reply::status(200), Reply::status(500), Reply::status(200)]);
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let path = format!("/v1/endpoints/{}/test", endpoint.id);
    let test = |body| merchant.api.post(&path, &body).expect(200).json();
    let tested = test(json!({"event_type": "charge.refunded"}));
    assert_eq!(tested["accepted"], true, "{tested}");
    let receipt = receiver.wait_for(1).remove(0);
    webhook::verify(&receipt, &endpoint.secret);
    assert_eq!(receipt.headers.the("postback-attempt"), "0");
    assert_eq!(receipt.headers.the("postback-event-type"), "charge.refunded");
    let body: Value = serde_json::from_slice(&receipt.body).expect("JSON");
    assert_eq!(body["object"], "event", "as Stripe has it: {body}");

    assert_eq!(test(json!({}))["attempt"]["outcome"], "server_error");
    assert_eq!(merchant.api.list("/v1/events"), Vec::<Value>::new());
    assert_eq!(receiver.count(), 2);
}

/// However many come at once. Waiting is not a try.
#[test]
fn an_endpoint_is_called_only_so_often() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(200));
    let endpoint = merchant.endpoint(&receiver, json!({"rate_limit_per_s": 4}));
    let source = merchant.source(Provider::Stripe);
    for number in 0..6 {
        source.deliver(&format!("evt_{number}"), "charge.refunded");
    }
    let receipts = receiver.wait_for(6);
    let (first, last) = (receipts[0].at, receipts[5].at);
    // Five turns of a quarter of a second; a delivery may be a little early.
    assert!(last - first >= Duration::from_millis(5 * 250 - 100), "{:?}", last - first);
    for number in 0..6 {
        let delivery = merchant.wait_for(&format!("evt_{number}"), &endpoint, "SUCCESS");
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
}
