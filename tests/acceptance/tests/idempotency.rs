//! A caller that never heard the answer sends its request again: it takes effect once.

use std::collections::HashSet;

use postback_acceptance::api::{Caller, text};
use postback_acceptance::client::Answer;
use postback_acceptance::receiver::Receiver;
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::{Value, json};

fn post_once(caller: &Caller, path: &str, body: &Value, key: &str) -> Answer {
    let request = caller.request("POST", path).header("content-type", "application/json");
    caller.send(&request.header("idempotency-key", key).body(body.to_string()))
}

#[test]
fn a_request_that_is_sent_again_takes_effect_once() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let body = json!({"url": receiver.url()});

    // All at once, as from a client with a short timeout: one is carried out, the others hear of it
    // or of its answer.
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let sent = (0..6)
            .map(|_| scope.spawn(|| post_once(&merchant.api, "/v1/endpoints", &body, "order-17")));
        let sent: Vec<_> = sent.collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let mut ids = HashSet::new();
    for answer in &answers {
        match answer.status {
            201 => drop(ids.insert(text(&answer.json(), "id"))),
            _ => assert_eq!(answer.problem(409), "idempotency_key_in_use", "{answer:?}"),
        }
    }
    assert_eq!(ids.len(), 1, "{answers:?}");

    let again = post_once(&merchant.api, "/v1/endpoints", &body, "order-17");
    let again = again.expect(201);
    let created = again.json();
    assert!(ids.contains(&text(&created, "id")));
    assert_eq!(again.headers.get("idempotent-replayed"), Some("true"));
    assert_eq!(merchant.api.list("/v1/endpoints").len(), 1);
    let other = json!({"url": receiver.url(), "description": "another"});
    let other = post_once(&merchant.api, "/v1/endpoints", &other, "order-17");
    assert_eq!(other.problem(409), "idempotency_key_reused");

    // The secret that was shown is the one that is used, and the endpoint is called once.
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    let received = receiver.wait_for(1);
    webhook::verify(&received[0], &text(&created, "secret"));
}
