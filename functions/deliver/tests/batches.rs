//! Stored batches, replayed over the real engine and store. Receiver, queue and clock are the
//! test's.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postback_deliver::batch::SqsBatch;
use postback_deliver::handler::Deliver;
use postback_domain::delivery::State;
use postback_domain::delivery::message::Message;
use postback_domain::limits::{BATCH_TIMEOUT, LEASE, REDRIVE_MARGIN};
use postback_engine::ports::Clock as _;
use postback_engine::take_in::FirstTries;
use postback_stage::{Reply, Stage, StagePorts, at, envelope, event};
use serde_json::{Value, json};

/// No record failed.
const NONE: [u64; 0] = [];

struct World {
    stage: Stage,
    deliver: Deliver<StagePorts>,
}

impl World {
    async fn new(endpoints: u128) -> Self {
        let stage = Stage::new(endpoints).await;
        let deliver = Deliver::new(Arc::clone(stage.engine()));
        Self { stage, deliver }
    }

    /// Opens one delivery for each of these events, with nobody at it.
    async fn owe(&self, events: &[&str]) -> Vec<Message> {
        for name in events {
            self.stage.engine().take_in(&event(name), FirstTries::Queued).await.unwrap();
        }
        self.stage.queue().take().into_iter().map(|sent| sent.message).collect()
    }

    /// The numbers of the records that failed.
    async fn replay(&self, name: &str) -> Vec<u64> {
        self.work(stored(name), BATCH_TIMEOUT).await
    }

    async fn work(&self, batch: Value, time: Duration) -> Vec<u64> {
        let batch: SqsBatch = serde_json::from_value(batch).unwrap();
        let deadline = self.stage.clock().now().plus(time);
        let answer = self.deliver.handle(batch, deadline).await;
        let answer = serde_json::to_value(answer).unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap().iter();
        let number = |id: &str| u64::from_str_radix(id.split('-').next().unwrap(), 16).unwrap();
        failures.map(|failure| number(failure["itemIdentifier"].as_str().unwrap())).collect()
    }

    async fn states(&self, events: &[&str]) -> Vec<Vec<State>> {
        let mut states = Vec::new();
        for name in events {
            states.push(self.stage.states(&event(name)).await);
        }
        states
    }

    fn called(&self) -> usize {
        self.stage.receiver().take().len()
    }
}

fn stored(name: &str) -> Value {
    envelope(Path::new(env!("CARGO_MANIFEST_DIR")), name)
}

#[tokio::test]
async fn events_are_taken_in_and_tried_at_once() {
    let world = World::new(2).await;
    assert_eq!(world.replay("events_batch.json").await, NONE);
    let all = vec![State::Success; 2];
    assert_eq!(world.states(&["evt_1", "evt_2"]).await, [all.clone(), all]);
    let mut bodies: Vec<_> = world
        .stage
        .receiver()
        .take()
        .into_iter()
        .map(|request| request.event.body.clone())
        .collect();
    bodies.sort();
    let every_byte: Vec<u8> = (0..=255).collect();
    assert_eq!(bodies, [every_byte.clone(), every_byte, b"evt_1".to_vec(), b"evt_1".to_vec()]);
    assert!(world.stage.queue().take().is_empty());
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    let world = World::new(1).await;
    for _ in 0..3 {
        assert_eq!(world.replay("events_batch.json").await, NONE);
    }
    assert_eq!((world.called(), world.stage.events().await.len()), (2, 2));
}

#[tokio::test]
async fn a_failed_first_try_waits_in_the_other_queue() {
    let world = World::new(1).await;
    world.stage.receiver().answers(|_| Reply::Status(503));
    assert_eq!(world.replay("events_batch.json").await, NONE);
    let sent = world.stage.queue().take();
    assert_eq!(sent.len(), 2);
    assert!(
        sent.iter()
            .all(|sent| (sent.message.tries, sent.wait >= Duration::from_secs(4)) == (1, true))
    );
}

#[tokio::test]
async fn deliveries_are_attempted() {
    let world = World::new(1).await;
    world.owe(&["evt_1", "evt_2", "evt_3"]).await;
    assert_eq!(world.replay("deliveries_batch.json").await, NONE);
    assert_eq!(world.called(), 3);
    assert_eq!(world.states(&["evt_1", "evt_2", "evt_3"]).await, vec![[State::Success]; 3]);
}

/// Of eight records two are messages that can be worked, one of them in the wrong queue.
#[tokio::test]
async fn a_record_that_cannot_be_worked_fails_alone() {
    let world = World::new(1).await;
    world.owe(&["evt_1", "evt_2", "evt_3"]).await;
    assert_eq!(world.replay("half_failing_batch.json").await, [2, 3, 4, 5, 7]);
    let (done, open) = ([State::Success], [State::Pending]);
    let states = world.states(&["evt_1", "evt_2", "evt_3", "evt_4"]).await;
    assert_eq!(states, [done, open, done, done]);
}

#[tokio::test]
async fn a_record_that_makes_us_panic_fails_alone() {
    let world = World::new(1).await;
    world.owe(&["evt_1", "evt_2", "evt_3"]).await;
    world.stage.receiver().answers(|request| match request.event.body.as_ref() {
        b"evt_2" => Reply::Panic,
        _ => Reply::Status(200),
    });
    assert_eq!(world.replay("deliveries_batch.json").await, [2]);
    let states = world.states(&["evt_1", "evt_2", "evt_3"]).await;
    assert_eq!(states, [[State::Success], [State::Pending], [State::Success]]);
}

/// The event is kept, so its message has done its work; the sweep brings the delivery back.
#[tokio::test]
async fn a_first_try_that_makes_us_panic_does_not_bring_back_its_event() {
    let world = World::new(2).await;
    world.stage.receiver().answers(|request| match request.endpoint.id.as_bytes()[15] {
        1 => Reply::Panic,
        _ => Reply::Status(200),
    });
    assert_eq!(world.replay("events_batch.json").await, NONE);
    let mut states = world.stage.states(&event("evt_1")).await;
    states.sort_by_key(|state| state.as_str());
    assert_eq!(states, [State::Pending, State::Success]);
    world.stage.clock().advance(LEASE + Duration::from_secs(60));
    assert_eq!(world.stage.engine().sweep().await.sent, 2);
}

/// The bounce: the message that used up the last try fails until SQS has moved it, and what a
/// redrive then sends under a new id is worked again.
#[tokio::test]
async fn an_exhausted_delivery_bounces_and_can_be_redriven() {
    let world = World::new(0).await;
    world.stage.endpoint_tried_once(1).await;
    world.stage.receiver().answers(|_| Reply::Status(500));
    world.owe(&["evt_1", "evt_2", "evt_3"]).await;
    let mut batch = stored("deliveries_batch.json");
    batch["Records"].as_array_mut().unwrap().truncate(1);
    for _ in 0..3 {
        assert_eq!(world.work(batch.clone(), BATCH_TIMEOUT).await, [1]);
        world.stage.clock().advance(Duration::from_secs(360));
    }
    assert_eq!(world.called(), 1, "one attempt, however often the message comes");
    assert_eq!(world.states(&["evt_1"]).await, [[State::Failed]]);

    let sent = at(0).plus(REDRIVE_MARGIN).plus(Duration::from_millis(1));
    batch["Records"][0]["messageId"] = "00000009-87a3-44ab-83d2-661975830a7d".into();
    batch["Records"][0]["attributes"]["SentTimestamp"] = sent.as_millis().to_string().into();
    world.stage.receiver().answers(|_| Reply::Status(200));
    assert_eq!(world.work(batch, BATCH_TIMEOUT).await, NONE);
    assert_eq!(world.states(&["evt_1"]).await, [[State::Success]]);
}

#[tokio::test]
async fn an_empty_batch_has_an_empty_answer() {
    let world = World::new(1).await;
    let batch: SqsBatch = serde_json::from_value(stored("empty_batch.json")).unwrap();
    let answer = world.deliver.handle(batch, at(60)).await;
    assert_eq!(serde_json::to_value(answer).unwrap(), json!({"batchItemFailures": []}));
    assert!(serde_json::from_value::<SqsBatch>(json!({"key": "value"})).is_err());
}

/// Answers nothing, and has time pass once this many requests are held: nothing but timers is left
/// to wait for then.
fn hold(world: &World, requests: usize) {
    let held = AtomicUsize::new(0);
    world.stage.receiver().answers(move |_| {
        if held.fetch_add(1, Ordering::SeqCst) + 1 == requests {
            tokio::time::pause();
        }
        Reply::Never
    });
}

#[tokio::test]
async fn what_is_not_finished_in_time_is_handed_back() {
    let world = World::new(1).await;
    world.owe(&["evt_1", "evt_2", "evt_3"]).await;
    hold(&world, 3);
    assert_eq!(world.replay("deliveries_batch.json").await, [1, 2, 3]);
    tokio::time::resume();

    // Nothing runs on, and nothing is lost: when the message comes again the lease has run out.
    world.stage.receiver().answers(|_| Reply::Status(200));
    world.stage.clock().advance(Duration::from_secs(360));
    assert_eq!(world.replay("deliveries_batch.json").await, NONE);
    assert_eq!(world.states(&["evt_1", "evt_2", "evt_3"]).await, vec![[State::Success]; 3]);
    assert_eq!(world.called(), 6);
}

#[tokio::test]
async fn first_tries_that_are_cut_off_come_back_by_the_sweep() {
    let world = World::new(3).await;
    hold(&world, 6);
    assert_eq!(world.replay("events_batch.json").await, NONE);
    tokio::time::resume();
    world.stage.clock().advance(LEASE + Duration::from_secs(31));
    assert_eq!(world.stage.engine().sweep().await.sent, 6);
}

#[tokio::test]
async fn without_time_for_an_attempt_none_is_begun() {
    let world = World::new(1).await;
    let late = Duration::from_secs(30);
    assert_eq!(world.work(stored("events_batch.json"), late).await, NONE);
    assert_eq!((world.called(), world.stage.queue().take().len()), (0, 2));
    world.owe(&["evt_3"]).await;
    assert_eq!(world.work(stored("deliveries_batch.json"), late).await, [1, 2, 3]);
    assert_eq!(world.called(), 0);
}

#[tokio::test]
async fn a_busy_function_leaves_first_tries_to_the_queue() {
    let stage = Stage::new(2).await;
    let deliver = Deliver::with_first_tries(Arc::clone(stage.engine()), 0);
    let world = World { stage, deliver };
    assert_eq!(world.replay("events_batch.json").await, NONE);
    assert_eq!((world.called(), world.stage.queue().take().len()), (0, 4));
}

#[tokio::test]
async fn first_tries_in_flight_are_bounded() {
    let stage = Stage::new(6).await;
    let deliver = Deliver::with_first_tries(Arc::clone(stage.engine()), 2);
    let world = World { stage, deliver };
    hold(&world, 2);
    let mut batch = stored("events_batch.json");
    batch["Records"].as_array_mut().unwrap().truncate(1);
    assert_eq!(world.work(batch, BATCH_TIMEOUT).await, NONE);
    tokio::time::resume();
    assert_eq!(world.called(), 2);
}
