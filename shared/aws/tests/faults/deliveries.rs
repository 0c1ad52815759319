//! The `deliveries` queue.

use std::time::Duration;

use postback_aws::clients::Patience;
use postback_aws::queues::SqsQueue;
use postback_aws::wire::{Work, read};
use postback_domain::delivery::message::Message;
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::limits::PORT_CALL_MAX;
use postback_engine::ports::Queue as _;
use postback_engine::ports::queue::Scheduled;
use serde_json::{Value, json};

use crate::connector::{Reply, Script};
use crate::{clients, timed, told};

fn queue(script: &Script) -> SqsQueue {
    let client = clients(script, Patience::BEHIND).sqs();
    SqsQueue::new(client, "https://sqs.eu-central-1.amazonaws.com/1/deliveries")
}

fn messages(count: u128) -> Vec<Scheduled> {
    let scheduled = |number| Scheduled {
        message: Message {
            merchant: MerchantId::from_bits(number % 3),
            delivery: DeliveryId::from_bits(number),
            round: 0,
            tries: 1,
        },
        wait: Duration::from_millis(4_500),
    };
    (0..count).map(scheduled).collect()
}

fn all_taken() -> Reply {
    Reply::ok(&json!({"Successful": [], "Failed": []}))
}

fn some_refused(ids: &[&str], is_our_fault: bool) -> Reply {
    let entry = |id| json!({"Id": id, "SenderFault": is_our_fault, "Code": "Odd"});
    let failed: Vec<Value> = ids.iter().map(entry).collect();
    Reply::ok(&json!({"Successful": [], "Failed": failed}))
}

/// The ids of the entries of a request.
fn ids(request: &Value) -> Vec<&str> {
    let entries = request["Entries"].as_array().unwrap().iter();
    entries.map(|entry| entry["Id"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn messages_go_in_batches_late_enough_and_grouped_by_merchant() {
    let script = Script::new([all_taken()]);
    queue(&script).send(messages(25)).await.unwrap();
    let requests = script.requests();
    let sizes: Vec<_> = requests.iter().map(|request| ids(request).len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    let entries = requests.iter().flat_map(|request| request["Entries"].as_array().unwrap());
    for (entry, sent) in entries.zip(messages(25)) {
        assert_eq!(entry["DelaySeconds"], 5, "{entry}");
        assert_eq!(entry["MessageGroupId"], sent.message.merchant.to_string(), "{entry}");
        let body = entry["MessageBody"].as_str().unwrap();
        assert_eq!(read(body), Ok(Work::Delivery(sent.message)), "{entry}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_to_send_is_no_call() {
    let script = Script::new([all_taken()]);
    queue(&script).send(Vec::new()).await.unwrap();
    assert_eq!(script.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn passing_trouble_is_waited_out() {
    for trouble in [
        Reply::throttled(),
        Reply::Broken,
        Reply::Answer(503, "<html>busy</html>".to_owned()),
        Reply::Never,
    ] {
        let script = Script::new([trouble.clone(), trouble.clone(), all_taken()]);
        let (sent, took) = timed(queue(&script).send(messages(3))).await;
        sent.unwrap();
        assert_eq!(script.count(), 3, "{trouble:?}");
        assert!(took < Duration::from_secs(8), "{trouble:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lasting_trouble_ends_in_time() {
    for (trouble, expected) in [
        (Reply::throttled(), "refused with RequestThrottled (status 400, request r-1)"),
        (Reply::Broken, "request could not be sent: io error: connection reset by peer"),
        (Reply::Never, "no answer in time"),
        (Reply::Answer(200, "hidden".to_owned()), "answer could not be read (status 200"),
        (Reply::Late(Duration::from_secs(60), 200, "{}".to_owned()), "no answer in time"),
    ] {
        let script = Script::new([trouble.clone()]);
        // More batches than may be in flight, so that some also wait for the others.
        let (sent, took) = timed(queue(&script).send(messages(400))).await;
        let error = told(sent);
        assert!(error.contains("queue is unavailable"), "{error}");
        assert!(
            error.contains(expected) || error.contains("not everything was sent within 18 s"),
            "{trouble:?}: {error}"
        );
        assert!(took < PORT_CALL_MAX, "{trouble:?} took {took:?}");
        assert!(!error.contains("hidden"), "{error}");

        let script = Script::new([trouble.clone()]);
        let error = told(queue(&script).send(messages(1)).await);
        assert!(error.contains(expected), "{trouble:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_refused_entries_are_sent_again() {
    let script = Script::new([
        some_refused(&["1", "3", "9"], false),
        some_refused(&["9"], false),
        all_taken(),
    ]);
    queue(&script).send(messages(10)).await.unwrap();
    let requests = script.requests();
    assert_eq!(ids(&requests[0]).len(), 10);
    assert_eq!(ids(&requests[1]), ["1", "3", "9"]);
    assert_eq!(ids(&requests[2]), ["9"]);
    assert_eq!(requests[1]["Entries"][1], requests[0]["Entries"][3]);
    assert_eq!(requests.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn entries_that_are_refused_for_ever_are_given_up() {
    let script = Script::new([some_refused(&["0", "1"], false)]);
    let (sent, took) = timed(queue(&script).send(messages(2))).await;
    assert_eq!(
        told(sent),
        "queue is unavailable: 2 of the messages were refused, the last one with Odd"
    );
    assert_eq!(script.count(), 4);
    assert!(took < PORT_CALL_MAX, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn our_own_fault_is_not_repeated() {
    let script = Script::new([some_refused(&["1"], true), all_taken()]);
    let error = told(queue(&script).send(messages(3)).await);
    assert!(error.contains("1 of the messages were refused"), "{error}");
    assert_eq!(script.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_batch_in_trouble_does_not_keep_the_others() {
    let denied = Reply::refused(403, "AccessDenied", "no");
    let script = Script::new([denied, all_taken()]);
    let error = told(queue(&script).send(messages(30)).await);
    assert!(error.contains("refused with AccessDenied: no (status 403"), "{error}");
    assert_eq!(script.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn batches_in_flight_are_bounded_across_calls() {
    let script = Script::new([Reply::Late(
        Duration::from_millis(20),
        200,
        json!({"Successful": [], "Failed": []}).to_string(),
    )]);
    let queue = queue(&script);
    let calls = (0..16).map(|_| queue.send(messages(500)));
    let sent = futures_util::future::join_all(calls).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!((script.count(), script.in_flight_max()), (800, 32));
}
