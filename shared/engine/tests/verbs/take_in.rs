//! An event becomes deliveries once, whatever a provider repeats.

use std::time::Duration;

use postback_domain::delivery::Progress;
use postback_domain::endpoint::EventFilter;
use postback_domain::event::EventType;
use postback_domain::ids::DeliveryId;
use postback_engine::ports::Events;
use postback_engine::ports::history::{EventSummary, History};
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::store::{Admission, Reopening};
use postback_engine::take_in::FirstTries;

use crate::world::{Fault, Step, World};

async fn summary(world: &World) -> EventSummary {
    let event = world.embedded.read_event(world.last_event().id).await;
    event.expect("the store is there").expect("the event is there").0
}

#[tokio::test]
async fn the_first_try_succeeds_and_leaves_nothing_behind() {
    let world = World::new().await;
    world.endpoint("shop").await;

    assert_eq!(world.event("evt_1").await, Admission::New);

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
    assert_eq!(world.log("shop").await, "1.1 accepted 200");
    assert_eq!(world.requests("shop"), 1);
    assert_eq!(world.queue().sent(), []);
    world.advance_secs(3600);
    assert_eq!(world.sweep().await.sent, 0);
}

#[tokio::test]
async fn the_request_carries_the_event_as_it_came() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.event("evt_1").await;

    let requests = world.sender().requests_to(world.endpoint_id("shop"));
    assert_eq!(*requests[0].event, *world.last_event());
    assert_eq!(requests[0].endpoint.url().unwrap().as_str(), "https://shop.example/hooks");
    assert_eq!(requests[0].delivery, world.delivery("shop"));
    assert_eq!((requests[0].number, requests[0].at), (1, world.now()));
}

#[tokio::test]
async fn every_endpoint_that_wants_it_gets_it_and_fails_on_its_own() {
    let world = World::new().await;
    for name in ["shop", "ledger", "mail"] {
        world.endpoint(name).await;
    }
    world
        .endpoint_with("disputes", |endpoint| {
            endpoint.event_types = vec!["dispute.*".parse::<EventFilter>().unwrap()];
        })
        .await;
    world.answers("ledger", &["503"]);
    world.answers("mail", &["connect_failed"]);

    world.event("evt_1").await;

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
    assert_eq!(world.state("ledger").await, "PENDING round 1 tries 1 due in 5s");
    assert_eq!(world.state("mail").await, "PENDING round 1 tries 1 due in 5s");
    assert_eq!(world.requests("disputes"), 0);
    assert_eq!(summary(&world).await.deliveries.len(), 3);

    world.advance_secs(5);
    assert_eq!(world.work().await.len(), 2);
    assert_eq!(world.state("ledger").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.state("mail").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.requests("shop"), 1);
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_kept_as_not_apply() {
    let world = World::new().await;
    world.event("evt_1").await;

    let nobody = DeliveryId::derive(world.last_event().id, None);
    let record = world.embedded.read_delivery(nobody).await.unwrap().unwrap();
    assert_eq!(record.delivery.progress, Progress::NotApply { at: world.now(), addressee: None });
    assert_eq!(world.engine.retry(nobody, None).await.unwrap(), Reopening::NothingToSend);
    assert_eq!(world.queue().sent(), []);
}

#[tokio::test]
async fn a_repeat_makes_no_second_delivery_even_for_a_new_endpoint() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.event("evt_1").await;
    world.endpoint("latecomer").await;

    for _ in 0..3 {
        let repeat = world.take_in("evt_1", FirstTries::Mine).await.unwrap();
        assert_eq!((repeat.admission, repeat.claims.len()), (Admission::Repeat, 0));
    }

    assert_eq!((world.requests("shop"), world.requests("latecomer")), (1, 0));
    assert_eq!(summary(&world).await.deliveries.len(), 1);
    assert_eq!(world.queue().sent(), []);
}

#[tokio::test]
async fn other_bytes_under_the_same_id_are_a_conflict_and_the_first_stand() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.event("evt_1").await;
    let first = world.last_event();

    let mut forged = world.an_event("evt_1");
    forged.body = r#"{ "amount": 9999.99 }"#.into();
    let conflict = world.take_in_as(forged, FirstTries::Mine).await.unwrap();

    assert_eq!((conflict.admission, conflict.claims.len()), (Admission::Conflict, 0));
    let kept = world.embedded.event(first.id).await.unwrap().unwrap();
    assert_eq!(kept.body, first.body);
    assert_eq!((summary(&world).await.conflicts, world.requests("shop")), (1, 1));
}

#[tokio::test]
async fn the_same_id_from_another_type_of_event_is_still_the_same_event() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.event("evt_1").await;
    let mut again = world.an_event("evt_1");
    again.event_type = EventType::new("charge.updated");
    let repeat = world.take_in_as(again, FirstTries::Mine).await.unwrap();
    assert_eq!(repeat.admission, Admission::Repeat);
}

#[tokio::test]
async fn first_tries_can_be_left_to_the_queue() {
    let world = World::new().await;
    world.endpoint("shop").await;

    let taken = world.take_in("evt_1", FirstTries::Queued).await.unwrap();

    assert!(taken.claims.is_empty());
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 0ns");
    let message = world.message("shop", 1, 0);
    assert_eq!(world.queue().sent(), [Scheduled { message, wait: Duration::ZERO }]);
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
}

#[tokio::test]
async fn first_tries_that_are_mine_are_leased_to_me() {
    let world = World::new().await;
    world.endpoint("shop").await;

    let taken = world.take_in("evt_1", FirstTries::Mine).await.unwrap();

    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 leased for 60s");
    assert_eq!(world.queue().sent(), []);
    world.deliver(world.message("shop", 1, 0)).await.unwrap();
    assert_eq!(world.requests("shop"), 0, "the lease keeps others out");
    world.make_first_attempts(taken).await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
}

/// The caller was told that it failed, so the provider sends it again; nothing is lost and nothing
/// is doubled, whether the event had been kept or not.
#[tokio::test]
async fn an_admission_that_failed_is_safe_to_repeat() {
    for (fault, on_repeat) in
        [(Fault::Refused, Admission::New), (Fault::AnswerLost, Admission::Repeat)]
    {
        let world = World::new().await;
        world.endpoint("shop").await;
        world.store().breaks(Step::Admit, fault);
        world.take_in("evt_1", FirstTries::Mine).await.unwrap_err();

        assert_eq!(world.event("evt_1").await, on_repeat, "{fault:?}");
        world.advance_secs(60 + 31);
        world.sweep().await;
        world.work().await;

        assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push", "{fault:?}");
        assert_eq!(world.requests("shop"), 1, "{fault:?}");
    }
}
