//! What ingest takes and what it refuses. Every refusal is one row of a table; afterwards nothing
//! of it may be found in the stack.

use std::sync::Barrier;
use std::thread;

use postback_acceptance::api::{Source, plain_body, text};
use postback_acceptance::client::Request;
use postback_acceptance::clock::{eventually, unix_seconds};
use postback_acceptance::receiver::Receiver;
use postback_acceptance::sign::{Provider, sha256_hex};
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::json;

/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 262_144;

/// The right signature of a plain event.
fn signed(source: &Source) -> Request {
    source.signed("evt_1", "charge.refunded", &plain_body("evt_1", "charge.refunded"))
}

/// The value of the `Stripe-Signature` header for a plain event, made at a certain time.
fn signature(source: &Source, at: u64) -> String {
    let body = plain_body("evt_1", "charge.refunded");
    let request = source.signed_at(at, "evt_1", "charge.refunded", &body);
    request.header_value("stripe-signature").expect("a signed request has a signature")
}

#[test]
fn what_is_not_right_is_refused_and_leaves_nothing_behind() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let other_source = merchant.source(Provider::Stripe);
    let now = unix_seconds();

    let good = signed(&source);
    let with_signature = |text: String| {
        good.clone().without_header("stripe-signature").header("Stripe-Signature", text)
    };
    let right = signature(&source, now);
    let wrong = signature(&other_source, now);
    let (t, v1) = right.split_once(',').expect("t=,v1=");
    let to_id = |id: &str| good.clone().to(&format!("/in/{id}"));
    let huge = source.signed("evt_1", "charge.refunded", &vec![b' '; BODY_BYTES_MAX + 1]);

    let rows = [
        ("body changed", good.clone().body(plain_body("evt_1", "charge.refundee")), 401),
        ("body cut", good.clone().body("{"), 401),
        ("body missing", good.clone().body(""), 401),
        (
            "space added",
            good.clone().body([&plain_body("evt_1", "charge.refunded")[..], b" "].concat()),
            401,
        ),
        ("another secret", with_signature(wrong.clone()), 401),
        ("another source's request", signed(&other_source).to(&source.path), 401),
        ("too old", with_signature(signature(&source, now - 3600)), 401),
        ("from the future", with_signature(signature(&source, now + 3600)), 401),
        ("time changed", with_signature(format!("t={},{v1}", now - 1)), 401),
        ("time twice", with_signature(format!("{t},{t},{v1}")), 401),
        ("time missing", with_signature(v1.to_owned()), 401),
        ("time not a number", with_signature(format!("t=now,{v1}")), 401),
        ("signature missing", good.clone().without_header("stripe-signature"), 401),
        ("signature empty", with_signature(String::new()), 401),
        ("signature value missing", with_signature(t.to_owned()), 401),
        ("signature cut", with_signature(right[..right.len() - 2].to_owned()), 401),
        ("signature not hex", with_signature(format!("{t},v1=zz")), 401),
        ("signature of another version", with_signature(right.replace("v1=", "v0=")), 401),
        (
            "signature not a text",
            good.clone()
                .without_header("stripe-signature")
                .header("stripe-signature", [0xff, 0xfe]),
            401,
        ),
        ("signature twice, one wrong", good.clone().header("Stripe-Signature", wrong), 401),
        (
            "signature twice, both right",
            good.clone().header("stripe-signature", right.clone()),
            401,
        ),
        (
            "another provider's signature",
            Provider::GitHub.request("s", &source.path, "1", "push", b"{}"),
            401,
        ),
        ("unknown source", to_id("src_00000000000000000000000000000000"), 404),
        ("no id", to_id(""), 404),
        ("malformed id", to_id("nonsense"), 404),
        ("short id", to_id("src_1"), 404),
        ("another noun's id", good.clone().to(&source.path.replace("src_", "end_")), 404),
        ("id in upper case", good.clone().to(&source.path.replace("src_", "SRC_")), 404),
        ("id with a byte that is no text", to_id("%ff%00"), 404),
        ("something below the id", good.clone().to(&format!("{}/x", source.path)), 404),
        ("GET", good.clone().with_method("GET"), 405),
        ("PUT", good.clone().with_method("PUT"), 405),
        ("DELETE", good.clone().with_method("DELETE"), 405),
        ("too large", huge.clone(), 413),
        ("too large, length not announced", huge.chunked(), 413),
    ];
    let mut refusals = Vec::new();
    for (name, request, status) in rows {
        let answer = source.send(&request);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        if status == 401 {
            refusals.push((name, answer.body));
        }
    }
    // A forger must not learn which check refused him.
    for (name, body) in &refusals {
        assert_eq!(*body, refusals[0].1, "{name} is answered like {}", refusals[0].0);
    }

    source.deliver("evt_good", "charge.refunded");
    merchant.wait_for("evt_good", &endpoint, "SUCCESS");
    assert_eq!(receiver.count(), 1, "only the good event was delivered");
    assert_eq!(merchant.api.list("/v1/events").len(), 1, "only the good event was kept");
}

#[test]
fn what_is_not_http_is_refused_and_leaves_nothing_behind() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let source = merchant.source(Provider::Stripe);
    let path = &source.path;
    let body = plain_body("evt_1", "charge.refunded");
    let signature = signature(&source, unix_seconds());
    let head = |rest: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: postback\r\nstripe-signature: {signature}\r\n{rest}\r\n\r\n"
        )
    };
    let with_body = |head: String, body: &[u8]| [head.as_bytes(), body].concat();
    let length = body.len();
    let long = "x".repeat(1 << 20);
    let rows = [
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("length not a number", with_body(head("content-length: many"), &body)),
        ("two lengths", with_body(head("content-length: 1\r\ncontent-length: 2"), &body)),
        ("body cut off", with_body(head(&format!("content-length: {}", length + 1)), &body)),
        ("chunk cut off", with_body(head("transfer-encoding: chunked"), b"ffff\r\n{}")),
        (
            "chunk size not a number",
            with_body(head("transfer-encoding: chunked"), b"zz\r\n{}\r\n0\r\n\r\n"),
        ),
        (
            "a header of 1 MiB",
            with_body(head(&format!("x-long: {long}\r\ncontent-length: {length}")), &body),
        ),
        (
            "a path of 1 MiB",
            with_body(head("content-length: 0").replace("/in/", &format!("/{long}/")), &[]),
        ),
        ("a head that does not end", b"POST / HTTP/1.1\r\nhost: postback\r\n".to_vec()),
    ];
    for (name, bytes) in rows {
        // Hanging up is an answer too, as long as it is not a 2xx.
        if let Ok(answer) = stack.client().send_bytes(&bytes) {
            assert!((400..500).contains(&answer.status), "{name}: {answer:?}");
        }
        assert_eq!(
            stack.client().send(&Request::new("GET", "/healthz")).status,
            200,
            "after {name}"
        );
    }
    assert_eq!(merchant.api.list("/v1/events"), Vec::<serde_json::Value>::new());
}

#[test]
fn whatever_was_signed_is_taken_and_delivered_exactly() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let json = |text: &str| text.as_bytes().to_vec();

    let mut largest = plain_body("evt_largest", "a.b");
    largest.resize(BODY_BYTES_MAX, b' ');
    let mut largest_binary: Vec<u8> = (0..=255).cycle().take(BODY_BYTES_MAX).collect();
    largest_binary[0] = 0xff;
    // Body, and the id and type that can be read from it, if they can be.
    let rows: Vec<(&str, Vec<u8>, Option<&str>, &str)> = vec![
        ("empty", Vec::new(), None, "unknown"),
        ("not UTF-8", vec![0xff, 0xfe, 0x00, 0xc3, 0x28], None, "unknown"),
        ("not JSON", json("hello\r\nworld\0"), None, "unknown"),
        ("JSON cut off", json(r#"{"id":"evt_cut","type":"#), None, "unknown"),
        ("a list", json(r#"[{"id":"evt_in_list"}]"#), None, "unknown"),
        ("no id", json(r#"{"type":"a.no_id"}"#), None, "a.no_id"),
        ("no type", json(r#"{"id":"evt_no_type"}"#), Some("evt_no_type"), "unknown"),
        ("id empty", json(r#"{"id":"","type":"a.empty_id"}"#), None, "a.empty_id"),
        ("id null", json(r#"{"id":null,"type":"a.null_id"}"#), None, "a.null_id"),
        ("escaped", json(r#"{"id":"evt\u005f\u00e9","type":"a\u002eb"}"#), Some("evt_é"), "a.b"),
        ("deep", json(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))), None, "unknown"),
        ("largest", largest, Some("evt_largest"), "a.b"),
        ("largest, binary", largest_binary, None, "unknown"),
    ];
    let count = rows.len();
    for (name, body, _, _) in &rows {
        let answer = source.send(&source.signed("", "", body));
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    let receipts = receiver.wait_for(count);
    assert_eq!(receipts.len(), count);
    for (name, body, id, event_type) in rows {
        let receipt = receipts.iter().find(|receipt| receipt.body == body);
        let receipt = receipt.unwrap_or_else(|| panic!("{name} was not delivered exactly"));
        let webhook = webhook::verify(receipt, &endpoint.secret);
        assert_eq!(webhook.event_type, event_type, "{name}");
        match id {
            Some(id) => assert_eq!(webhook.provider_event_id, id, "{name}"),
            None => assert!(webhook.provider_event_id.contains(&sha256_hex(&body)), "{name}"),
        }
        merchant.wait_for_state(&webhook.delivery_id, "SUCCESS");
    }
}

#[test]
fn however_a_right_request_is_spelled_it_is_taken() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let other = merchant.source(Provider::Stripe);
    let now = unix_seconds();
    let (right, wrong) = (signature(&source, now), signature(&other, now));
    let v1 = |text: &str| text.split_once(',').expect("t=,v1=").1.to_owned();
    let (right_v1, wrong_v1) = (v1(&right), v1(&wrong));
    let upper = right_v1.to_uppercase().replace("V1=", "v1=");
    let good = signed(&source);
    let with = |name: &str, text: String| {
        good.clone().without_header("stripe-signature").header(name, text)
    };
    let rows = [
        ("header in lower case", with("stripe-signature", right.clone())),
        ("header in upper case", with("STRIPE-SIGNATURE", right.clone())),
        ("spaces around it", with("Stripe-Signature", format!(" \t{right} "))),
        ("hex in upper case", with("Stripe-Signature", format!("t={now},{upper}"))),
        ("a second signature, wrong", with("Stripe-Signature", format!("{right},{wrong_v1}"))),
        (
            "a first signature, wrong",
            with("Stripe-Signature", format!("t={now},{wrong_v1},{right_v1}")),
        ),
        ("an unknown version beside it", with("Stripe-Signature", format!("{right},v9=00"))),
        ("as old as it may be, almost", with("Stripe-Signature", signature(&source, now - 240))),
        ("in chunks", good.clone().chunked()),
        ("with a query", good.clone().to(&format!("{}?account=1&x=%ff", source.path))),
        ("without a content type", good.clone().without_header("content-type")),
        (
            "with headers it does not need",
            good.clone().header("x-forwarded-for", "::1").header("cookie", "a=b"),
        ),
    ];
    for (name, request) in rows {
        let answer = source.send(&request);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    // All of them are the same event.
    assert_eq!(receiver.wait_for(1).len(), 1);
    assert_eq!(merchant.api.list("/v1/events").len(), 1);
}

#[test]
fn an_id_cannot_smuggle_headers() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let body = br#"{"id":"evt_1\r\nx-smuggled: 1","type":"a\r\nx-smuggled: 1"}"#;
    source.send(&source.signed("", "", body)).expect(200);
    let receipt = receiver.wait_for(1).remove(0);
    assert_eq!(receipt.body, body);
    assert_eq!(receipt.headers.all("x-smuggled"), Vec::<&str>::new());
    webhook::verify(&receipt, &endpoint.secret);
}

#[test]
fn a_repeat_is_answered_and_never_delivered_again() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let first = source.deliver("evt_1", "charge.refunded");
    let first_signed = source.signed("evt_1", "charge.refunded", &first);
    // At once, before anything has ended; with a signature of its own, as Stripe does; afterwards.
    source.send(&first_signed).expect(200);
    merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    let later = source.signed_at(unix_seconds() - 7, "evt_1", "charge.refunded", &first);
    source.send(&later).expect(200);
    assert_eq!(merchant.event("evt_1")["conflicts"], 0);

    // The same id with other bytes, and even with another type.
    // Counted when it is taken from the queue, which on AWS is after the provider has its answer.
    source.deliver("evt_1", "payout.paid");
    let event = eventually("the conflict to be counted", || {
        let event = merchant.event("evt_1");
        if event["conflicts"] == 0 { Err(event.to_string()) } else { Ok(event) }
    });
    assert_eq!((&event["conflicts"], &event["type"]), (&json!(1), &json!("charge.refunded")));
    assert_eq!(event["size_bytes"], first.len());

    source.deliver("evt_2", "charge.refunded");
    merchant.wait_for("evt_2", &endpoint, "SUCCESS");
    let receipts = receiver.receipts();
    let ids: Vec<&str> =
        receipts.iter().map(|r| r.headers.the("postback-provider-event-id")).collect();
    assert_eq!(ids, ["evt_1", "evt_2"]);
    assert_eq!(receipts[0].body, first);
    assert_eq!(merchant.api.list("/v1/deliveries").len(), 2);
}

#[test]
fn one_event_sent_by_many_at_once_is_one_delivery() {
    const SENDERS: usize = 20;
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let request = signed(&source);
    let barrier = Barrier::new(SENDERS);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                barrier.wait();
                source.send(&request).expect(200);
            });
        }
    });
    let delivery = merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    assert_eq!(merchant.deliveries_of("evt_1").len(), 1);
    assert_eq!(merchant.event("evt_1")["conflicts"], 0);
    assert_eq!(merchant.api.list("/v1/events").len(), 1);
    source.deliver("evt_2", "charge.refunded");
    merchant.wait_for("evt_2", &endpoint, "SUCCESS");
    assert_eq!(receiver.count(), 2, "one request for each of the two events");
    let id = text(&delivery, "id");
    assert_eq!(merchant.read_delivery(&id)["attempts"], 1);
}
