//! One event, all the way: in through the ingest URL, out to the merchants who want it, and what
//! the API says of it afterwards.

use postback_acceptance::api::{Merchant, plain_body, text};
use postback_acceptance::receiver::Receiver;
use postback_acceptance::sign::{Provider, sha256_hex};
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::{self, is_utc_time};
use serde_json::{Value, json};

/// An event as a provider sends it, and what it must be called afterwards.
struct Sent {
    provider: Provider,
    id: String,
    event_type: &'static str,
    body: Vec<u8>,
    known_id: String,
    known_type: &'static str,
}

/// Every byte there is, some of them twice: no text, no JSON.
fn binary_body() -> Vec<u8> {
    (0..=255).chain([0, 0xff, 0xfe, b'\r', b'\n']).collect()
}

fn sent(provider: Provider, event_type: &'static str, body: Vec<u8>) -> Sent {
    let id = format!("id_{}", &sha256_hex(&body)[..12]);
    Sent { provider, known_id: id.clone(), id, event_type, body, known_type: event_type }
}

#[test]
fn a_signed_event_arrives_exactly_and_is_recorded() {
    let stack = Stack::up();
    let utf8_bom = [b"\xef\xbb\xbf".as_slice(), &plain_body("bom", "a.b")].concat();
    let rows = [
        Sent {
            known_id: "evt_plain".to_owned(),
            ..sent(Provider::Stripe, "charge.refunded", plain_body("evt_plain", "charge.refunded"))
        },
        sent(Provider::StandardWebhooks, "invoice.paid", plain_body("other", "invoice.paid")),
        // The type stands in the body, which cannot be read.
        Sent { known_type: "unknown", ..sent(Provider::StandardWebhooks, "", binary_body()) },
        sent(Provider::GitHub, "push", plain_body("x", "y")),
        sent(Provider::GitHub, "push", binary_body()),
        sent(Provider::GitHub, "push", utf8_bom),
        sent(Provider::GitHub, "push", Vec::new()),
    ];
    for row in rows {
        check_arrival(&stack, &row);
    }
}

fn check_arrival(stack: &Stack, sent: &Sent) {
    let name = format!("{:?} {}", sent.provider, sent.id);
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(sent.provider);
    let request = source.signed(&sent.id, sent.event_type, &sent.body);
    let content_type = "application/json; charset=utf-8; x=\"y z\"";
    let request = request.without_header("content-type").header("Content-Type", content_type);
    source.send(&request).expect(200);

    let receipt = receiver.wait_for(1).remove(0);
    assert_eq!(receipt.body, sent.body, "{name}");
    assert_eq!(receipt.target, "/hooks", "{name}");
    assert_eq!(receipt.headers.the("content-type"), content_type, "{name}");
    let webhook = webhook::verify(&receipt, &endpoint.secret);
    assert_eq!(webhook.attempt, 1, "{name}");
    assert_eq!(webhook.provider_event_id, sent.known_id, "{name}");
    assert_eq!(webhook.event_type, sent.known_type, "{name}");

    let delivery = merchant.wait_for_state(&webhook.delivery_id, "SUCCESS");
    for (field, expected) in [
        ("id", json!(webhook.delivery_id)),
        ("event_id", json!(webhook.event_id)),
        ("event_type", json!(sent.known_type)),
        ("endpoint_id", json!(endpoint.id)),
        ("round", json!(1)),
        ("attempts", json!(1)),
        ("next_attempt_at", Value::Null),
        ("via", json!("push")),
    ] {
        assert_eq!(delivery[field], expected, "{name}: {field} of {delivery}");
    }
    for field in ["created_at", "finished_at"] {
        assert!(is_utc_time(&text(&delivery, field)), "{name}: {field} of {delivery}");
    }
    let log = delivery["attempt_log"].as_array().expect("attempt_log is a list");
    assert_eq!(log.len(), 1, "{name}: {delivery}");
    for (field, expected) in [
        ("number", json!(1)),
        ("round", json!(1)),
        ("outcome", json!("accepted")),
        ("status", json!(200)),
    ] {
        assert_eq!(log[0][field], expected, "{name}: {field} of {delivery}");
    }
    assert!(is_utc_time(&text(&log[0], "at")) && log[0]["duration_ms"].is_u64(), "{name}");

    let event = merchant.api.get(&format!("/v1/events/{}", webhook.event_id)).expect(200).json();
    for (field, expected) in [
        ("id", json!(webhook.event_id)),
        ("source_id", json!(source.id)),
        ("provider_event_id", json!(sent.known_id)),
        ("type", json!(sent.known_type)),
        ("size_bytes", json!(sent.body.len())),
        ("state", json!("SUCCESS")),
    ] {
        assert_eq!(event[field], expected, "{name}: {field} of {event}");
    }
    assert_eq!(text(&event, "received_at"), receipt.headers.the("postback-received-at"), "{name}");
}

#[test]
fn every_endpoint_gets_the_types_it_wants_and_no_others() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let source = merchant.source(Provider::Stripe);
    let types =
        ["charge", "charge.refunded", "charge.dispute.created", "charger.x", "invoice.paid"];
    let filters = [
        (json!(null), types.to_vec()),
        (json!(["*"]), types.to_vec()),
        (json!(["charge.*"]), vec!["charge.dispute.created", "charge.refunded"]),
        (json!(["charge.refunded"]), vec!["charge.refunded"]),
        (json!(["invoice.*", "charge"]), vec!["charge", "invoice.paid"]),
        (json!(["payout.*"]), vec![]),
    ];
    let endpoints: Vec<_> = filters
        .into_iter()
        .map(|(filter, wanted)| {
            let receiver = Receiver::accepting();
            let settings =
                if filter.is_null() { json!({}) } else { json!({"event_types": filter}) };
            let endpoint = merchant.endpoint(&receiver, settings);
            (endpoint, receiver, wanted)
        })
        .collect();

    for event_type in types {
        source.deliver(&format!("evt_{event_type}"), event_type);
    }
    for event_type in types {
        let deliveries = merchant.deliveries_of(&format!("evt_{event_type}"));
        for delivery in &deliveries {
            merchant.wait_for_state(&text(delivery, "id"), "SUCCESS");
        }
        for (endpoint, _, wanted) in &endpoints {
            let owed = deliveries.iter().filter(|row| row["endpoint_id"] == *endpoint.id).count();
            let expected = usize::from(wanted.contains(&event_type));
            assert_eq!(owed, expected, "{event_type} to the endpoint that wants {wanted:?}");
        }
    }
    for (endpoint, receiver, mut wanted) in endpoints {
        let receipts = receiver.receipts();
        let mut got: Vec<String> =
            receipts.iter().map(|r| webhook::verify(r, &endpoint.secret).event_type).collect();
        got.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(got, wanted);
    }
}

#[test]
fn an_event_that_nobody_wants_ends_as_not_apply() {
    let stack = Stack::up();
    let receiver = Receiver::accepting();
    let without_endpoints = stack.merchant();
    let with_another_filter = stack.merchant();
    with_another_filter.endpoint(&receiver, json!({"event_types": ["charge.*"]}));
    for merchant in [without_endpoints, with_another_filter] {
        let source = merchant.source(Provider::Stripe);
        let body = source.deliver("evt_unwanted", "payout.paid");
        check_not_apply(&merchant);
        // Wanted from now on; what was decided before stays as it was, also when it is repeated.
        merchant.endpoint(&receiver, json!({}));
        source.send(&source.signed("evt_unwanted", "payout.paid", &body)).expect(200);
        source.deliver("evt_later", "payout.paid");
        let later = receiver.wait_for(1);
        assert_eq!(
            later.last().map(|r| r.headers.the("postback-provider-event-id")),
            Some("evt_later")
        );
        check_not_apply(&merchant);
    }
    for receipt in receiver.receipts() {
        assert_eq!(receipt.headers.the("postback-provider-event-id"), "evt_later");
    }
}

fn check_not_apply(merchant: &Merchant) {
    let deliveries = merchant.deliveries_of("evt_unwanted");
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let row = merchant.read_delivery(&text(&deliveries[0], "id"));
    assert_eq!(
        (&row["state"], &row["endpoint_id"], &row["attempts"], &row["attempt_log"]),
        (&json!("NOT_APPLY"), &Value::Null, &json!(0), &json!([])),
        "{row}"
    );
    assert_eq!(merchant.event("evt_unwanted")["state"], "NOT_APPLY");
}

#[test]
fn merchants_get_their_own_events_with_their_own_headers() {
    let stack = Stack::up();
    let shops: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let (merchant, receiver) = (stack.merchant(), Receiver::accepting());
            let headers = json!({"X-Shop": name, "x-api-key": format!("key of {name}")});
            let endpoint = merchant.endpoint(&receiver, json!({ "headers": headers }));
            let source = merchant.source(Provider::Stripe);
            (name, merchant, receiver, endpoint, source)
        })
        .collect();
    // The same provider's id at two sources: two events.
    for (_, _, _, _, source) in &shops {
        source.deliver("evt_same", "charge.refunded");
    }
    for (name, merchant, receiver, endpoint, _) in &shops {
        merchant.wait_for("evt_same", endpoint, "SUCCESS");
        let receipts = receiver.receipts();
        assert_eq!(receipts.len(), 1, "merchant {name}");
        webhook::verify(&receipts[0], &endpoint.secret);
        assert_eq!(receipts[0].headers.the("x-shop"), *name);
        assert_eq!(receipts[0].headers.the("x-api-key"), format!("key of {name}"));
        assert_eq!(merchant.api.list("/v1/events").len(), 1);
    }
}
