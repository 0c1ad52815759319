//! Workers that die, stall or lose their store: nobody attempts while a lease holds, exactly one
//! attempt follows, and an answer that comes too late counts for nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use postback_engine::deliver::Disposition;
use postback_engine::take_in::FirstTries;

use crate::world::{Fault, Step, World};

/// A world whose delivery failed once and is due now.
async fn due_now(replies: &[&str]) -> World {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503"]);
    world.answers("shop", replies);
    world.event("evt_1").await;
    world.queue().purge();
    world.advance_secs(5);
    world
}

#[tokio::test]
async fn after_a_worker_dies_nobody_attempts_before_its_lease_ends_and_then_once() {
    let world = due_now(&["held"]).await;
    let message = world.message("shop", 1, 1);
    let worker = world.start(message, None);
    world.sender().until_held().await;
    worker.dies().await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 leased for 60s");

    for _ in 0..2 {
        assert_eq!(world.deliver(message).await.unwrap(), Disposition::Done);
        assert_eq!(world.sweep().await.sent, 0);
        assert_eq!(world.requests("shop"), 2);
        world.advance(Duration::from_millis(29_999));
    }
    world.advance_secs(30);
    assert_eq!(world.sweep().await.sent, 0, "the grace is not over");
    world.advance_secs(1);
    assert_eq!(world.sweep().await.sent, 1);
    world.work().await;

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 accepted 200");
    assert_eq!(world.requests("shop"), 3);
}

#[tokio::test]
async fn a_message_that_comes_when_the_lease_has_ended_takes_over() {
    let world = due_now(&["held"]).await;
    let message = world.message("shop", 1, 1);
    let worker = world.start(message, None);
    world.sender().until_held().await;
    worker.dies().await;
    world.advance_secs(60);
    world.deliver(message).await.unwrap();
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

#[tokio::test]
async fn first_tries_of_a_process_that_died_are_found_by_the_sweep() {
    let world = World::new().await;
    for name in ["shop", "ledger"] {
        world.endpoint(name).await;
    }
    drop(world.take_in("evt_1", FirstTries::Mine).await.unwrap());
    world.advance_secs(90);
    assert_eq!(world.sweep().await.sent, 0);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.sweep().await.sent, 2);
    world.work().await;
    for name in ["shop", "ledger"] {
        assert_eq!(world.state(name).await, "SUCCESS round 1 tries 1 by push", "{name}");
    }
}

/// The worker was not dead but asleep, longer than its lease: a machine that was suspended.
#[tokio::test]
async fn an_answer_after_the_lease_was_taken_over_and_settled_counts_for_nothing() {
    let world = due_now(&["held", "503"]).await;
    world.overlaps_expected.store(1, Ordering::Relaxed);
    let asleep = world.start(world.message("shop", 1, 1), None);
    world.sender().until_held().await;
    world.advance_secs(91);
    world.sweep().await;
    world.work().await;
    let settled = world.record("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");

    world.sender().release(world.delivery("shop"), "200");

    assert_eq!(asleep.ends().await, Disposition::Done);
    assert_eq!(world.record("shop").await, settled);
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 server_error 503");
}

#[tokio::test]
async fn an_answer_after_the_lease_was_taken_over_leaves_the_new_holder_alone() {
    let world = due_now(&["held", "held"]).await;
    world.overlaps_expected.store(1, Ordering::Relaxed);
    let message = world.message("shop", 1, 1);
    let asleep = world.start(message, None);
    world.sender().until_held().await;
    world.advance_secs(60);
    let awake = world.start(message, None);
    world.sender().until_held().await;

    world.sender().release(world.delivery("shop"), "503");
    assert_eq!(asleep.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 leased for 60s");
    world.sender().release(world.delivery("shop"), "200");
    assert_eq!(awake.ends().await, Disposition::Done);

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 accepted 200");
}

/// Late, but nobody has taken over: the answer counts, because the merchant has the event.
#[tokio::test]
async fn an_answer_after_the_lease_ran_out_counts_while_nobody_took_over() {
    let world = due_now(&["held"]).await;
    let slow = world.start(world.message("shop", 1, 1), None);
    world.sender().until_held().await;
    world.advance_secs(3600);
    world.sender().release(world.delivery("shop"), "200");
    assert_eq!(slow.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

/// A sweep has sent a message meanwhile; it finds the delivery done.
#[tokio::test]
async fn an_answer_between_a_sweep_and_its_message_counts() {
    let world = due_now(&["held"]).await;
    let slow = world.start(world.message("shop", 1, 1), None);
    world.sender().until_held().await;
    world.advance_secs(91);
    assert_eq!(world.sweep().await.sent, 1);
    world.sender().release(world.delivery("shop"), "200");
    assert_eq!(slow.ends().await, Disposition::Done);
    assert_eq!(world.work().await, [Disposition::Done]);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.requests("shop"), 2);
}

/// The attempt was made, but its record failed: the lease runs out and it is made again, as the
/// same try.
#[tokio::test]
async fn an_attempt_that_was_not_recorded_is_made_again_after_its_lease() {
    let world = due_now(&["200", "503"]).await;
    let message = world.message("shop", 1, 1);
    world.store().breaks(Step::Settle, Fault::Refused);

    world.deliver(message).await.unwrap_err();
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 leased for 60s");
    assert_eq!(world.deliver(message).await.unwrap(), Disposition::Done);
    assert_eq!(world.requests("shop"), 2);
    world.advance_secs(91);
    world.sweep().await;
    world.work().await;

    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 server_error 503");
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 3 by push");
    assert_eq!(world.requests("shop"), 4);
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_counts_once() {
    let world = due_now(&["503"]).await;
    let message = world.message("shop", 1, 1);
    world.store().breaks(Step::Settle, Fault::AnswerLost);

    world.deliver(message).await.unwrap_err();
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");
    assert_eq!(world.queue().waiting(), 0, "the message that would bring it back was never sent");
    assert_eq!(world.deliver(message).await.unwrap(), Disposition::Done);
    world.next_try("shop").await;

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 3 by push");
    assert_eq!(world.requests("shop"), 3);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_runs_out() {
    let world = due_now(&[]).await;
    let message = world.message("shop", 1, 1);
    world.store().breaks(Step::Claim, Fault::AnswerLost);
    world.deliver(message).await.unwrap_err();
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 leased for 60s");
    assert_eq!(world.deliver(message).await.unwrap(), Disposition::Done);
    world.advance_secs(91);
    world.sweep().await;
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.requests("shop"), 2);
}

/// The policy is asked for before the receiver is, so that a store that is away just then costs
/// time and no repeated request.
#[tokio::test]
async fn a_policy_that_cannot_be_read_costs_no_request() {
    let world = due_now(&["503"]).await;
    world.store().breaks(Step::Merchant, Fault::Refused);
    world.deliver(world.message("shop", 1, 1)).await.unwrap_err();
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");
    assert_eq!(world.requests("shop"), 2);
}

/// A store that is slow, not away: what is left of the lease would not outlive the attempt, so
/// there is none, and the delivery is given back at once.
#[tokio::test]
async fn a_worker_that_has_lost_too_much_time_makes_no_attempt() {
    let world = due_now(&["200"]).await;
    world.store().breaks(Step::Merchant, Fault::HeldBefore);
    let worker = world.start(world.message("shop", 1, 1), None);
    world.store().until_held().await;
    world.advance_secs(41);
    world.store().release(1);
    assert_eq!(worker.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 0ns");
    assert_eq!(world.requests("shop"), 1);

    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.requests("shop"), 2);
}

/// The same delay, one second shorter, leaves the fifteen seconds of an attempt and the drift.
#[tokio::test]
async fn a_worker_with_just_enough_time_makes_its_attempt() {
    let world = due_now(&["200"]).await;
    world.store().breaks(Step::Merchant, Fault::HeldBefore);
    let worker = world.start(world.message("shop", 1, 1), None);
    world.store().until_held().await;
    world.advance_secs(40);
    world.store().release(1);
    assert_eq!(worker.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

/// Recorded, and killed before the message was sent.
#[tokio::test]
async fn a_worker_that_dies_between_record_and_send_loses_only_time() {
    let world = due_now(&["503"]).await;
    world.store().breaks(Step::Settle, Fault::HeldAfter);
    let worker = world.start(world.message("shop", 1, 1), None);
    world.store().until_held().await;
    worker.dies().await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");
    assert_eq!(world.queue().waiting(), 0);
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 3 by push");
}
