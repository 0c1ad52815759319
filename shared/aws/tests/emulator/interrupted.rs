//! A worker that dies between any two requests, or after one whose answer it never saw. What it
//! leaves behind is worked by another one, as the queue and the sweep bring it: nothing that was
//! accepted is lost, and a receiver hears of it again only where an answer may have been lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use postback_contract::world::{MERCHANT, act, endpoint, event, merchant};
use postback_domain::delivery::message::{MessageId, Receipt};
use postback_domain::delivery::{FailedReason, Progress, State};
use postback_domain::event::Event;
use postback_domain::merchant::Merchant;
use postback_domain::time::Timestamp;
use postback_engine::Engine;
use postback_engine::deliver::Disposition;
use postback_engine::ports::Clock as _;
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::ports::history::History as _;
use postback_engine::take_in::FirstTries;

use crate::world::{Stage, Worker};

/// More requests than an event with two endpoints makes.
const REQUESTS_MAX: usize = 10;

async fn stage() -> Stage {
    let stage = Stage::new().await;
    let store = stage.store();
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    store.create_endpoint(endpoint(2), act()).await.unwrap();
    stage
}

/// What deliver does with a message of the `events` queue.
async fn work(engine: &Engine<Worker>, event: &Arc<Event>) -> bool {
    let Ok(taken) = engine.take_in(event, FirstTries::Mine).await else { return false };
    for (claim, endpoint) in taken.claims {
        let _ = engine.attempt(event, claim, endpoint, None).await;
    }
    true
}

async fn sweep_and_work(stage: &Stage, engine: &Engine<Worker>) {
    for _ in 0..3 {
        stage.clock.advance_secs(400);
        assert_eq!(engine.sweep().await.shards_failed, 0);
        for scheduled in engine.ports().queue.take() {
            engine.deliver(scheduled.message, None).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_anywhere_loses_nothing() {
    let mut deaths = 0;
    for loses_answer in [false, true] {
        for passes in 0..REQUESTS_MAX {
            let stage = stage().await;
            let event = event(&format!("e {passes} {loses_answer}"));
            let dying = stage.engine();
            stage.wire.die_after(passes, loses_answer);
            // The queue hides the message until the worker says that it is done.
            let done = tokio::select! {
                done = work(&dying, &event) => done,
                () = stage.wire.died() => false,
            };
            deaths += usize::from(!done);
            stage.wire.reset();

            let heir = stage.engine();
            if !done {
                stage.clock.advance_secs(360);
                assert!(work(&heir, &event).await);
            }
            sweep_and_work(&stage, &heir).await;

            let (summary, _) = heir.ports().store.read_event(event.id).await.unwrap().unwrap();
            let states: Vec<_> = summary.deliveries.iter().map(|row| row.state()).collect();
            assert_eq!(states, [State::Success; 2], "died after {passes}, {loses_answer}");
            let heard =
                [&dying, &heir].map(|engine| engine.ports().sender.requests.load(Ordering::SeqCst));
            let heard = heard.iter().sum::<usize>();
            assert!((2..=4).contains(&heard), "died after {passes}, {loses_answer}: {heard} heard");
        }
    }
    // Seven requests: two endpoints to look up, one event, two deliveries, two outcomes.
    assert!(deaths >= 12, "only {deaths} died");
}

/// A last try whose record was made and never confirmed still ends in the dead-letter queue: the
/// message must bounce, though the condition of the second request fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_the_last_record_does_not_hide_the_failure() {
    let stage = stage().await;
    let policy = postback_domain::delivery::retry::RetryPolicy::from_secs(&[1.0]).unwrap();
    let mut one = endpoint(1);
    (one.retry_policy, one.revision) = (Some(policy), 2);
    stage.store().replace_endpoint(one, act()).await.unwrap();
    stage.store().delete_endpoint(MERCHANT, endpoint(2).id, act()).await.unwrap();

    let engine = stage.engine();
    engine.ports().sender.failures_left.store(2, Ordering::SeqCst);
    assert!(work(&engine, &event("e")).await);
    let message = engine.ports().queue.take()[0].message;
    stage.clock.advance_secs(2);
    let receipt = Receipt { id: MessageId("m-1".to_owned()), sent_at: stage.clock.now() };

    // The second update is the record, after the claim.
    stage.wire.reset();
    stage.wire.lose_answer_of("DynamoDB_20120810.UpdateItem", 2);
    let disposition = engine.deliver(message, Some(receipt.clone())).await.unwrap();

    assert_eq!(disposition, Disposition::Bounce);
    let record = engine.ports().store.read_delivery(message.delivery).await.unwrap().unwrap();
    let at: Timestamp = stage.clock.now();
    let reason = FailedReason::TriesUsed;
    let expected = Progress::Failed { at, reason, ended_by: Some(receipt.id) };
    assert_eq!((record.delivery.progress, record.attempts.len()), (expected, 2));
}
