//! The `events` queue, with a provider waiting for the answer.

use std::time::Duration;

use bytes::Bytes;
use postback_aws::clients::Patience;
use postback_aws::queues::EventsQueue;
use postback_aws::wire::{Work, read};
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{EventId, MerchantId, SourceId};
use postback_domain::time::Timestamp;
use serde_json::json;

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
        provider_event_id,
        event_type: EventType::new("charge.refunded"),
        received_at: Timestamp::from_millis(1_790_000_000_000),
        content_type: None,
        body: Bytes::from_static(b"hidden \xff\x00"),
    }
}

fn taken() -> Reply {
    Reply::ok(&json!({"MessageId": "m-1"}))
}

#[tokio::test(start_paused = true)]
async fn an_event_is_one_call_and_arrives_whole() {
    let script = Script::new([taken()]);
    queue(&script).send(&event()).await.unwrap();
    let requests = script.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["MessageGroupId"], MerchantId::from_bits(2).to_string());
    let body = requests[0]["MessageBody"].as_str().unwrap();
    assert_eq!(read(body), Ok(Work::Event(event())));
}

#[tokio::test(start_paused = true)]
async fn passing_trouble_is_waited_out() {
    for trouble in [Reply::throttled(), Reply::Broken, Reply::Never] {
        let script = Script::new([trouble.clone(), taken()]);
        let (sent, took) = timed(queue(&script).send(&event())).await;
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
        let (sent, took) = timed(queue(&script).send(&event())).await;
        assert!(took <= Duration::from_millis(2001), "{trouble:?} took {took:?}");
        let error = format!("{sent:?}") + &told(sent);
        assert!(error.contains(expected), "{trouble:?}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}
