//! The `events` queue, with a provider waiting for the answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postback_aws::clients::Patience;
use postback_aws::queues::EventsQueue;
use postback_aws::wire::{Work, read};
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{EventId, MerchantId, SecretId, SourceId};
use postback_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::connector::{Reply, Script};
use crate::{clients, timed, told};

fn queue(script: &Script) -> EventsQueue {
    let client = clients(script, Patience::AT_THE_DOOR).sqs();
    EventsQueue::new(client, "https://sqs.eu-central-1.amazonaws.com/1/events")
}

fn event() -> Event {
    let provider_event_id = ProviderEventId::new("evt_1");
    let source_id = SourceId::from_bits(1);
    Event {
        id: EventId::derive(source_id, &provider_event_id),
        source_id,
        merchant_id: MerchantId::from_bits(2),
        addressee: None,
        provider_event_id,
        event_type: EventType::new("charge.refunded"),
        received_at: Timestamp::from_millis(1_790_000_000_000),
        content_type: None,
        body: Bytes::from_static(b"hidden \xff\x00"),
    }
}

/// Of one request.
fn events(count: u128) -> Vec<Arc<Event>> {
    let numbered = (1..=count).map(|number| {
        let provider_event_id = ProviderEventId::new(&format!("evt_{number}"));
        let id = EventId::derive(SourceId::from_bits(1), &provider_event_id);
        Arc::new(Event { id, provider_event_id, ..event() })
    });
    numbered.collect()
}

fn one() -> [Arc<Event>; 1] {
    [Arc::new(event())]
}

fn taken() -> Reply {
    Reply::ok(&json!({"MessageId": "m-1"}))
}

#[tokio::test(start_paused = true)]
async fn an_event_is_one_call_and_arrives_whole() {
    let script = Script::new([taken()]);
    let secrets = [SecretId::from_bits(3)];
    queue(&script).send(&one(), &secrets).await.unwrap();
    let requests = script.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["MessageGroupId"], MerchantId::from_bits(2).to_string());
    let body = requests[0]["MessageBody"].as_str().unwrap();
    assert_eq!(read(body), Ok(Work::Event(event(), secrets.to_vec())));
}

/// What SQS refuses of a batch is sent again; the use of a secret is told once.
#[tokio::test(start_paused = true)]
async fn a_request_of_many_events_is_sent_in_batches() {
    let all = |from: u32, to: u32| -> Vec<Value> {
        (from..to).map(|id| json!({"Id": id.to_string(), "MessageId": "m"})).collect()
    };
    let refused = json!({"Id": "1", "SenderFault": false, "Code": "InternalError"});
    let script = Script::new([
        Reply::ok(&json!({"Successful": all(0, 10)})),
        Reply::ok(&json!({"Successful": all(0, 1), "Failed": [refused]})),
        Reply::ok(&json!({"Successful": [{"Id": "1", "MessageId": "m"}]})),
    ]);
    let secrets = [SecretId::from_bits(3)];
    queue(&script).send(&events(12), &secrets).await.unwrap();

    let mut sent = Vec::new();
    for request in script.requests() {
        for entry in request["Entries"].as_array().unwrap() {
            assert_eq!(entry["MessageGroupId"], MerchantId::from_bits(2).to_string());
            sent.push(read(entry["MessageBody"].as_str().unwrap()).unwrap());
        }
    }
    assert_eq!(sent.len(), 13, "twelve and one again");
    let noted = |work: &Work| matches!(work, Work::Event(_, noted) if *noted == secrets);
    assert!(noted(&sent[0]) && !sent[1..].iter().any(noted));
    let ids: HashSet<_> = sent
        .iter()
        .map(|work| match work {
            Work::Event(event, _) => event.id,
            Work::Delivery(message) => panic!("{message:?}"),
        })
        .collect();
    assert_eq!(ids, events(12).iter().map(|event| event.id).collect());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_sent_whole_is_not_acknowledged() {
    let refused = |fault| json!({"Id": "0", "SenderFault": fault, "Code": "InternalError"});
    for reply in [
        Reply::ok(&json!({"Failed": [refused(false)]})),
        Reply::ok(&json!({"Failed": [refused(true)]})),
        Reply::throttled(),
        Reply::Never,
    ] {
        let script = Script::new([reply.clone()]);
        let (sent, took) = timed(queue(&script).send(&events(2), &[])).await;
        assert!(sent.is_err(), "{reply:?}");
        assert!(took <= Duration::from_millis(8001), "{reply:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn passing_trouble_is_waited_out() {
    for trouble in [Reply::throttled(), Reply::Broken, Reply::Never] {
        let script = Script::new([trouble.clone(), taken()]);
        let (sent, took) = timed(queue(&script).send(&one(), &[])).await;
        sent.unwrap();
        assert!(took < Duration::from_secs(2), "{trouble:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_hears_of_lasting_trouble_before_it_hangs_up() {
    for (trouble, expected) in [
        (Reply::throttled(), "refused with RequestThrottled"),
        (Reply::Broken, "connection reset by peer"),
        (Reply::Never, "no answer in time"),
        (Reply::Answer(200, "hidden".to_owned()), "answer could not be read"),
    ] {
        let script = Script::new([trouble.clone()]);
        let (sent, took) = timed(queue(&script).send(&one(), &[])).await;
        assert!(took <= Duration::from_millis(2001), "{trouble:?} took {took:?}");
        let error = format!("{sent:?}") + &told(sent);
        assert!(error.contains(expected), "{trouble:?}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}
