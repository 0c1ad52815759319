//! A purged queue: every delivery that waits comes back within one sweep, from all shards, and so
//! does every failure that is not in the dead-letter queue.

use std::sync::atomic::Ordering;

use postback_contract::world::{MERCHANT, act, endpoint, event, first, merchant};
use postback_domain::delivery::State;
use postback_domain::delivery::message::{MessageId, Receipt};
use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::endpoint::Endpoint;
use postback_domain::merchant::Merchant;
use postback_engine::deliver::Disposition;
use postback_engine::ports::Clock as _;
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::ports::history::{DeliveryFilter, History as _};
use postback_engine::take_in::FirstTries;

use crate::world::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_queue_is_filled_again_by_one_sweep() {
    let backlog = std::env::var("POSTBACK_BACKLOG").map_or(700, |text| text.parse().unwrap());
    let stage = Stage::new().await;
    let engine = std::sync::Arc::new(stage.patient_engine());
    let store = &engine.ports().store;
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    let filling = (0..16).map(|part| {
        let engine = std::sync::Arc::clone(&engine);
        tokio::spawn(async move {
            for number in (part..backlog).step_by(16) {
                let event = event(&format!("evt {number}"));
                while engine.take_in(&event, FirstTries::Queued).await.is_err() {}
            }
        })
    });
    for part in filling.collect::<Vec<_>>() {
        part.await.unwrap();
    }
    engine.ports().queue.take();

    stage.clock.advance_secs(31);
    let began = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let swept = engine.sweep().await;
    println!("{backlog} deliveries swept in {:?}", {
        let ended = std::time::SystemTime::UNIX_EPOCH.elapsed();
        ended.unwrap_or_default().saturating_sub(began.unwrap_or_default())
    });
    assert_eq!((swept.sent, swept.cut_short, swept.shards_failed), (backlog, false, 0));
    assert_eq!(swept.oldest_overdue.unwrap().as_secs(), 31);
    let mut ids: Vec<_> =
        engine.ports().queue.take().iter().map(|sent| sent.message.delivery).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), backlog);
    assert_eq!(engine.sweep().await.sent, 0);
}

/// What fails for good inside of an `events` message must be in the dead-letter queue, also when
/// the message that would be moved there was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_no_message_has_come_for_is_swept_until_one_bounces() {
    let stage = Stage::new().await;
    let engine = stage.engine();
    let store = &engine.ports().store;
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();
    let policy = RetryPolicy::from_secs(&[]).unwrap();
    let one_try = Endpoint { retry_policy: Some(policy), ..endpoint(1) };
    store.create_endpoint(one_try, act()).await.unwrap();
    engine.ports().sender.failures_left.store(1, Ordering::SeqCst);
    let event = event("e");
    let taken = engine.take_in(&event, FirstTries::Mine).await.unwrap();
    for (claim, endpoint) in taken.claims {
        engine.attempt(&event, claim, endpoint, None).await.unwrap();
    }
    assert_eq!(engine.ports().queue.take().len(), 1, "sent at once, and lost");

    for (seconds, sent) in [(29, 0), (2, 1), (100, 0), (300, 1)] {
        stage.clock.advance_secs(seconds);
        assert_eq!(engine.sweep().await.sent, sent, "{seconds} s later");
    }
    let message = engine.ports().queue.take().pop().unwrap().message;
    let receipt = Receipt { id: MessageId("m-1".to_owned()), sent_at: stage.clock.now() };
    for _ in 0..3 {
        let disposition = engine.deliver(message, Some(receipt.clone())).await.unwrap();
        assert_eq!(disposition, Disposition::Bounce);
        stage.clock.advance_secs(360);
    }
    assert_eq!(engine.sweep().await.sent, 0);
    assert_eq!(engine.ports().sender.requests.load(Ordering::SeqCst), 1);

    let failed = DeliveryFilter { state: Some(State::Failed), ..DeliveryFilter::default() };
    let listed = store.list_deliveries(failed, first(10)).await.unwrap();
    assert_eq!(listed.rows.len(), 1, "the operator sees it");

    // Sent back from the dead-letter queue, under another id.
    let receipt = Receipt { id: MessageId("m-2".to_owned()), sent_at: stage.clock.now() };
    engine.deliver(message, Some(receipt)).await.unwrap();
    let record = store.read_delivery(message.delivery).await.unwrap().unwrap();
    assert_eq!((record.delivery.state(), record.delivery.round), (State::Success, 2));
}
