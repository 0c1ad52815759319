//! A clock that jumps, either way: time may be lost, deliveries are not, and none is made twice.

use std::time::Duration;

use postback_engine::deliver::Disposition;

use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

/// A world with one delivery that has failed once and is due in five seconds.
async fn waiting() -> World {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503"]);
    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 5s");
    world
}

/// The queue measures waits on another clock, and its message is worked whatever ours says.
#[tokio::test]
async fn a_jump_back_does_not_hold_a_message_up() {
    let world = waiting().await;
    world.jump_back(HOUR);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 3605s");
    let worked = world.deliver(world.message("shop", 1, 1)).await;
    assert_eq!(worked.unwrap(), Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

/// What was lost as well waits until the clock has caught up, and is not forgotten.
#[tokio::test]
async fn a_lost_message_is_found_when_the_clock_has_caught_up() {
    let world = waiting().await;
    world.queue().purge();
    world.jump_back(HOUR);
    world.advance(HOUR / 2);
    assert_eq!(world.sweep().await.sent, 0);
    world.advance(HOUR);
    assert_eq!(world.sweep().await.sent, 1);
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

/// Everything is overdue at once; the message and the sweep's lead to one attempt all the same.
#[tokio::test]
async fn a_jump_forward_makes_no_second_attempt() {
    let world = waiting().await;
    world.advance(24 * HOUR);
    assert_eq!(world.sweep().await.sent, 1);
    assert_eq!(world.work().await.len(), 2);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.requests("shop"), 2);
}

/// The lease was set by the old time, and is not taken for one that has run out.
#[tokio::test]
async fn a_jump_back_during_an_attempt_lets_nobody_else_in() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503", "held"]);
    world.event("evt_1").await;
    world.advance_secs(5);
    let worker = world.start(world.message("shop", 1, 1), None);
    world.sender().until_held().await;

    world.jump_back(HOUR);
    let twin = world.deliver(world.message("shop", 1, 1)).await;

    assert_eq!(twin.unwrap(), Disposition::Done);
    assert_eq!(world.requests("shop"), 2);
    world.sender().release(world.delivery("shop"), "200");
    assert_eq!(worker.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    let attempts = world.record("shop").await.attempts;
    assert_eq!(attempts[1].duration_ms, 0, "a duration is never negative");
}
