//! What was lost is found: after its due time and the grace, once, and in portions.

use std::time::Duration;

use postback_engine::sweep::Swept;
use postback_engine::take_in::FirstTries;

use crate::world::{Fault, Step, World};

/// A world whose delivery is due in five seconds and whose message was lost.
async fn with_a_lost_message() -> World {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503"]);
    world.queue().lose_sends(1);
    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 5s");
    assert_eq!((world.queue().sent().len(), world.queue().waiting()), (1, 0));
    world
}

#[tokio::test]
async fn a_lost_message_is_found_after_the_grace_and_not_before() {
    let world = with_a_lost_message().await;
    for wait_s in [0, 5, 25, 5] {
        world.advance_secs(wait_s);
        assert_eq!(world.sweep().await, Swept::default());
    }

    world.advance(Duration::from_millis(1));
    let swept = world.sweep().await;

    let overdue = Duration::from_millis(30_001);
    assert_eq!(swept, Swept { sent: 1, oldest_overdue: Some(overdue), ..Swept::default() });
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

#[tokio::test]
async fn a_refused_send_is_as_good_as_a_lost_one() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503"]);
    world.queue().refuse_sends(1);
    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 5s");
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

#[tokio::test]
async fn a_purged_queue_loses_time_and_nothing_else() {
    let world = World::new().await;
    world.endpoint("shop").await;
    for number in 0..5 {
        world.take_in(&format!("evt_{number}"), FirstTries::Queued).await.unwrap();
    }
    assert_eq!(world.queue().waiting(), 5);
    world.queue().purge();

    world.advance_secs(31);
    assert_eq!(world.sweep().await.sent, 5);
    assert_eq!(world.work().await.len(), 5);

    assert_eq!(world.requests("shop"), 5);
}

#[tokio::test]
async fn two_sweeps_at_once_send_one_message() {
    let world = with_a_lost_message().await;
    world.advance_secs(36);
    world.store().breaks(Step::PushForward, Fault::HeldBefore);
    world.store().breaks(Step::PushForward, Fault::HeldBefore);
    let one = world.start_sweep();
    world.store().until_held().await;
    let two = world.start_sweep();
    world.store().until_held().await;

    world.store().release(2);

    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    assert_eq!(one.sent + two.sent, 1);
    assert_eq!(world.work().await.len(), 1);
    assert_eq!(world.requests("shop"), 2);
}

#[tokio::test]
async fn a_sweep_leaves_alone_what_another_has_just_sent() {
    let world = with_a_lost_message().await;
    world.advance_secs(36);
    assert_eq!(world.sweep().await.sent, 1);
    for _ in 0..10 {
        world.advance_secs(33);
        assert_eq!(world.sweep().await.sent, 0, "its message may still be waiting for a worker");
    }
    assert_eq!(world.work().await.len(), 1);
}

#[tokio::test]
async fn a_sweep_that_dies_before_it_sends_costs_one_push() {
    let world = with_a_lost_message().await;
    world.advance_secs(36);
    world.store().breaks(Step::PushForward, Fault::HeldAfter);
    let sweep = world.start_sweep();
    world.store().until_held().await;
    sweep.abort();
    assert!(sweep.await.is_err());
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 300s");

    world.advance_secs(330);
    assert_eq!(world.sweep().await.sent, 0);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.sweep().await.sent, 1);
    world.work().await;

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

/// The message was slow, not lost: it and the sweep's both arrive, and one of them is worked.
#[tokio::test]
async fn a_late_message_and_the_sweeps_lead_to_one_attempt() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503", "503"]);
    world.event("evt_1").await;
    world.advance_secs(36);
    assert_eq!(world.sweep().await.sent, 1);
    assert_eq!(world.queue().waiting(), 2);
    assert_eq!(world.work().await.len(), 2);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");
    assert_eq!(world.requests("shop"), 2);
}

#[tokio::test]
async fn a_full_queue_cuts_the_sweep_short_and_the_rest_comes_later() {
    let world = World::new().await;
    world.endpoint("shop").await;
    for number in 0..7 {
        world.take_in(&format!("evt_{number}"), FirstTries::Queued).await.unwrap();
    }
    world.queue().purge();
    world.advance_secs(31);
    world.queue().set_capacity(3);

    for (sent, cut_short) in [(3, true), (0, true)] {
        let swept = world.sweep().await;
        assert_eq!((swept.sent, swept.cut_short), (sent, cut_short));
    }
    assert_eq!(world.work().await.len(), 3);
    world.queue().set_capacity(100);
    let swept = world.sweep().await;
    assert_eq!((swept.sent, swept.cut_short), (4, false));
    assert_eq!(world.work().await.len(), 4);

    assert_eq!(world.requests("shop"), 7);
}

/// More than one step of the sweep takes.
#[tokio::test]
async fn a_backlog_is_swept_to_its_end_in_one_go() {
    const BACKLOG: usize = 1203;
    let world = World::new().await;
    world.endpoint("shop").await;
    for number in 0..BACKLOG {
        world.take_in(&format!("evt_{number}"), FirstTries::Queued).await.unwrap();
    }
    world.queue().purge();
    world.advance_secs(31);
    let swept = world.sweep().await;
    assert_eq!((swept.sent, swept.cut_short), (BACKLOG, false));
    assert_eq!(world.queue().waiting(), BACKLOG);
    assert_eq!(world.sweep().await.sent, 0);
}

/// Whoever has a deadline stops at it, and the next sweep goes on.
#[tokio::test]
async fn a_sweep_begins_nothing_at_its_deadline() {
    let world = with_a_lost_message().await;
    world.advance_secs(36);
    let swept = world.engine.sweep_until(world.now()).await;
    assert_eq!((swept.sent, swept.cut_short), (0, true));
    assert_eq!(world.sweep().await.sent, 1);
}

#[tokio::test]
async fn a_sweep_without_a_store_says_so_and_the_next_one_does_it() {
    let world = with_a_lost_message().await;
    world.advance_secs(36);
    for step in [Step::Due, Step::PushForward] {
        world.store().breaks(step, Fault::Refused);
        let swept = world.sweep().await;
        assert_eq!((swept.sent, swept.shards_failed), (0, 1));
    }
    assert_eq!(world.sweep().await.sent, 1);
}
