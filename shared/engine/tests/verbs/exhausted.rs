//! The last try: FAILED, and the message that used it on its way to the dead-letter queue.

use std::time::Duration;

use postback_domain::delivery::Progress;
use postback_domain::delivery::message::MessageId;
use postback_engine::deliver::Disposition;

use crate::world::{Fault, Step, World, policy, receipt};

/// A world whose delivery has used six of its seven tries.
async fn before_the_last_try(world: World) -> World {
    world.endpoint("shop").await;
    world.always("shop", "500");
    world.event("evt_1").await;
    for _ in 0..5 {
        world.next_try("shop").await;
    }
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 6 due in 86400s");
    world
}

#[tokio::test]
async fn seven_tries_and_the_message_bounces() {
    let world = before_the_last_try(World::with_receipts().await).await;

    assert_eq!(world.next_try("shop").await, [Disposition::Bounce]);

    assert_eq!(world.state("shop").await, "FAILED round 1 tries 7 tries_used");
    assert_eq!(world.requests("shop"), 7);
    assert_eq!(world.record("shop").await.attempts.len(), 7);
    assert_eq!(world.queue().waiting(), 0);
    world.advance_secs(7 * 24 * 3600);
    assert_eq!(world.sweep().await.sent, 0, "a FAILED delivery is not due");
}

#[tokio::test]
async fn without_a_dead_letter_queue_the_message_is_done() {
    let world = before_the_last_try(World::new().await).await;
    // The second is the message that a queue with dead letters would have to bounce.
    assert_eq!(world.next_try("shop").await, [Disposition::Done, Disposition::Bounce]);
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 7 tries_used");
    assert_eq!(world.deliver(world.message("shop", 1, 6)).await.unwrap(), Disposition::Bounce);
    assert_eq!(world.requests("shop"), 7);
}

#[tokio::test]
async fn the_message_that_ended_it_bounces_on_every_receipt() {
    let world = before_the_last_try(World::with_receipts().await).await;
    world.advance_secs(86_400);
    let (last, sent_at) = (world.message("shop", 1, 6), world.now());
    let bounced = world.deliver_with(last, receipt("last", sent_at)).await;
    assert_eq!(bounced, Disposition::Bounce);
    let Progress::Failed { at, ended_by, .. } = world.record("shop").await.delivery.progress else {
        panic!("{}", world.state("shop").await);
    };
    assert_eq!((at, ended_by), (world.now(), Some(MessageId("last".to_owned()))));

    for _ in 0..3 {
        world.advance_secs(90);
        // Its own clock may say that it was sent later than we say it ended.
        for sent_at in [sent_at, world.now()] {
            let again = world.deliver_with(last, receipt("last", sent_at)).await;
            assert_eq!(again, Disposition::Bounce);
        }
    }

    assert_eq!(world.requests("shop"), 7);
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 7 tries_used");
}

#[tokio::test]
async fn a_late_duplicate_of_an_earlier_try_never_reopens() {
    let world = before_the_last_try(World::with_receipts().await).await;
    world.next_try("shop").await;
    let Some(failed_at) = world.record("shop").await.delivery.finished_at() else {
        panic!("{}", world.state("shop").await);
    };

    world.advance_secs(600);
    for sent_at in [failed_at.minus(Duration::from_secs(3600)), failed_at] {
        for tries in 0..=6 {
            let late = receipt("late", sent_at);
            let worked = world.deliver_with(world.message("shop", 1, tries), late).await;
            assert_eq!(worked, Disposition::Bounce, "try {tries} sent at {sent_at}");
        }
    }

    assert_eq!(world.requests("shop"), 7);
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 7 tries_used");
}

/// Its message comes after the end, with an id of its own, and yet from no operator.
#[tokio::test]
async fn a_sweep_that_stalls_before_it_sends_reopens_nothing() {
    let world = World::with_receipts().await;
    world.endpoint_with("shop", |endpoint| endpoint.retry_policy = Some(policy(&[5.0]))).await;
    world.always("shop", "500");
    world.event("evt_1").await;
    world.advance_secs(36);
    world.store().breaks(Step::PushForward, Fault::HeldAfter);
    let sweep = world.start_sweep();
    world.store().until_held().await;
    assert_eq!(world.work().await, [Disposition::Bounce], "the message was late, not lost");
    world.advance_secs(1);
    world.store().release(1);
    assert_eq!(sweep.await.unwrap().sent, 1);

    assert_eq!(world.work().await, [Disposition::Bounce]);

    assert_eq!(world.state("shop").await, "FAILED round 1 tries 2 tries_used");
    assert_eq!(world.requests("shop"), 2);
}

#[tokio::test]
async fn a_policy_of_one_try_ends_at_once() {
    let world = World::with_receipts().await;
    world.endpoint_with("shop", |endpoint| endpoint.retry_policy = Some(policy(&[]))).await;
    world.answers("shop", &["timed_out"]);
    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 1 tries_used");
    // It ended without a message, and the dead-letter queue takes nothing but messages.
    assert_eq!(world.work().await, [Disposition::Bounce]);
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 1 tries_used");
    assert_eq!(world.requests("shop"), 1);
}
