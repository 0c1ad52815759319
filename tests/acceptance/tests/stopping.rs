//! A polite end (SIGTERM) while merchants are slow: what can be finished is finished, what cannot
//! is given back, and the process is gone within 20 s either way.

use std::time::Duration;

use postback_acceptance::api::{Endpoint, Merchant, text};
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use serde_json::json;

const EVENTS: usize = 5;

/// What the contract allows a graceful stop, and as much again as a busy machine may need to see it.
const PATIENCE: Duration = Duration::from_secs(20 + 5);

/// Has the server stopped while all events are at the receiver, and starts it again.
fn stop_in_flight(stack: &mut Stack, receiver: &Receiver) -> (Merchant, Endpoint) {
    let merchant = stack.merchant();
    let endpoint = merchant.endpoint(receiver, json!({"timeout_s": 30}));
    let source = merchant.source(Provider::Stripe);
    for number in 0..EVENTS {
        source.deliver(&format!("evt_{number}"), "charge.refunded");
    }
    receiver.wait_for(EVENTS);
    let server = stack.take_server();
    server.ask_to_stop();
    let ended = server.wait(PATIENCE);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
    assert!(stack.client().connect().is_err(), "nobody listens any more");
    receiver.reply_from_now_on(Reply::status(200));
    stack.restart();
    (merchant, endpoint)
}

#[test]
fn attempts_in_flight_are_finished_and_recorded() {
    let Some(mut stack) = Stack::own() else { return };
    let receiver = Receiver::always(Reply::status(200).after(Duration::from_millis(1500)));
    let (merchant, endpoint) = stop_in_flight(&mut stack, &receiver);
    for number in 0..EVENTS {
        let delivery = merchant.wait_for(&format!("evt_{number}"), &endpoint, "SUCCESS");
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
    assert_eq!(receiver.count(), EVENTS, "nothing was sent again");
}

#[test]
fn attempts_that_do_not_end_are_given_back() {
    let Some(mut stack) = Stack::own() else { return };
    let receiver = Receiver::always(Reply::never());
    let (merchant, endpoint) = stop_in_flight(&mut stack, &receiver);
    for number in 0..EVENTS {
        let delivery = merchant.wait_for(&format!("evt_{number}"), &endpoint, "SUCCESS");
        let log = delivery["attempt_log"].as_array().expect("attempt_log is a list");
        let outcome = text(log.last().expect("it was attempted"), "outcome");
        assert_eq!(outcome, "accepted");
    }
    assert_eq!(receiver.count(), 2 * EVENTS, "each once before and once after");
}
