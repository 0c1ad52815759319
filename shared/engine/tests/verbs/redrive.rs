//! What has ended is reopened once for each time that somebody asks for it.

use postback_domain::delivery::message::Receipt;
use postback_domain::ids::DeliveryId;
use postback_engine::deliver::Disposition;
use postback_engine::ports::store::Reopening;

use crate::world::{Fault, Step, World, policy, receipt};

/// A world whose delivery has used both its tries, a minute ago.
async fn failed(world: World) -> World {
    world.endpoint_with("shop", |endpoint| endpoint.retry_policy = Some(policy(&[5.0]))).await;
    world.answers("shop", &["500", "500"]);
    world.event("evt_1").await;
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 2 tries_used");
    world.advance_secs(121);
    world
}

fn redriven(world: &World, id: &str) -> Receipt {
    receipt(id, world.now())
}

#[tokio::test]
async fn a_message_sent_after_the_end_reopens_and_is_tried_at_once() {
    let world = failed(World::with_receipts().await).await;

    let first = world.deliver_with(world.message("shop", 1, 1), redriven(&world, "new")).await;

    assert_eq!(first, Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");
    assert_eq!(
        world.log("shop").await,
        "1.1 server_error 500, 1.2 server_error 500, 2.1 accepted 200"
    );
}

#[tokio::test]
async fn a_reopened_delivery_has_all_its_tries_again() {
    let world = failed(World::with_receipts().await).await;
    world.always("shop", "500");

    let first = world.deliver_with(world.message("shop", 1, 1), redriven(&world, "new")).await;
    assert_eq!(first, Disposition::Done);
    assert_eq!(world.state("shop").await, "PENDING round 2 tries 1 due in 5s");
    assert_eq!(world.next_try("shop").await, [Disposition::Bounce]);
    assert_eq!(world.state("shop").await, "FAILED round 2 tries 2 tries_used");

    world.advance_secs(121);
    world.deliver_with(world.message("shop", 2, 1), redriven(&world, "newer")).await;
    assert_eq!(world.state("shop").await, "PENDING round 3 tries 1 due in 5s");
}

/// A policy of one try: the redriven message itself is the one that ends the next round.
#[tokio::test]
async fn a_redriven_message_that_fails_again_bounces_again() {
    let world = failed(World::with_receipts().await).await;
    world.change_endpoint("shop", |endpoint| endpoint.retry_policy = Some(policy(&[]))).await;
    world.always("shop", "500");
    let (message, new) = (world.message("shop", 1, 1), redriven(&world, "new"));

    assert_eq!(world.deliver_with(message, new.clone()).await, Disposition::Bounce);
    assert_eq!(world.deliver_with(message, new).await, Disposition::Bounce);

    assert_eq!(world.state("shop").await, "FAILED round 2 tries 1 tries_used");
    assert_eq!(world.requests("shop"), 3);
}

#[tokio::test]
async fn two_redrives_of_one_round_reopen_once() {
    let world = failed(World::with_receipts().await).await;
    world.always("shop", "500");
    let message = world.message("shop", 1, 1);
    world.store().breaks(Step::Reopen, Fault::HeldBefore);
    world.store().breaks(Step::Reopen, Fault::HeldBefore);
    let one = world.start(message, Some(redriven(&world, "one")));
    world.store().until_held().await;
    let two = world.start(message, Some(redriven(&world, "two")));
    world.store().until_held().await;

    world.store().release(2);

    assert_eq!((one.ends().await, two.ends().await), (Disposition::Done, Disposition::Done));
    assert_eq!(world.state("shop").await, "PENDING round 2 tries 1 due in 5s");
    assert_eq!(world.requests("shop"), 3);
}

/// The first has reopened it and used it up again before the second gets to it.
#[tokio::test]
async fn a_redrive_of_a_round_that_is_over_starts_no_third() {
    let world = failed(World::with_receipts().await).await;
    world.change_endpoint("shop", |endpoint| endpoint.retry_policy = Some(policy(&[]))).await;
    world.always("shop", "500");
    let message = world.message("shop", 1, 1);
    world.store().breaks(Step::Reopen, Fault::HeldBefore);
    let slow = world.start(message, Some(redriven(&world, "slow")));
    world.store().until_held().await;
    let fast = world.deliver_with(message, redriven(&world, "fast")).await;
    assert_eq!(fast, Disposition::Bounce);
    assert_eq!(world.state("shop").await, "FAILED round 2 tries 1 tries_used");

    world.store().release(1);

    assert_eq!(slow.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "FAILED round 2 tries 1 tries_used");
    assert_eq!(world.requests("shop"), 3);
}

#[tokio::test]
async fn a_second_redrive_that_comes_later_finds_it_overtaken() {
    let world = failed(World::with_receipts().await).await;
    let message = world.message("shop", 1, 1);
    let (one, two) = (redriven(&world, "one"), redriven(&world, "two"));
    world.deliver_with(message, one).await;
    assert_eq!(world.deliver_with(message, two).await, Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");
    assert_eq!(world.requests("shop"), 3);
}

/// Reopened, but the worker died before its claim: the message comes again and means nothing any
/// more, and the sweep has the round made.
#[tokio::test]
async fn a_worker_that_dies_between_reopening_and_claim_loses_nothing() {
    let world = failed(World::with_receipts().await).await;
    let (message, new) = (world.message("shop", 1, 1), redriven(&world, "new"));
    world.store().breaks(Step::Reopen, Fault::HeldAfter);
    let worker = world.start(message, Some(new.clone()));
    world.store().until_held().await;
    worker.dies().await;
    assert_eq!(world.state("shop").await, "PENDING round 2 tries 0 due in 0ns");

    assert_eq!(world.deliver_with(message, new).await, Disposition::Done);
    assert_eq!(world.requests("shop"), 2);
    world.advance_secs(31);
    assert_eq!(world.sweep().await.sent, 1);
    world.work().await;

    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");
}

#[tokio::test]
async fn retry_by_hand_reopens_what_failed_and_what_succeeded() {
    let world = failed(World::new().await).await;

    let reopening = world.engine.retry(world.delivery("shop"), None).await.unwrap();
    assert_eq!(reopening, Reopening::Reopened(world.message("shop", 2, 0)));
    assert_eq!(world.state("shop").await, "PENDING round 2 tries 0 due in 0ns");
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");

    let reopening = world.engine.retry(world.delivery("shop"), None).await.unwrap();
    assert_eq!(reopening, Reopening::Reopened(world.message("shop", 3, 0)));
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 3 tries 1 by push");
    assert_eq!(world.requests("shop"), 4);
}

#[tokio::test]
async fn retry_by_hand_leaves_alone_what_is_still_owed() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["500"]);
    world.event("evt_1").await;
    let sent = world.queue().sent().len();
    assert_eq!(
        world.engine.retry(world.delivery("shop"), None).await.unwrap(),
        Reopening::StillPending
    );
    assert_eq!(
        world.engine.retry(DeliveryId::from_bits(404), None).await.unwrap(),
        Reopening::Unknown
    );
    assert_eq!(world.queue().sent().len(), sent);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 5s");
}

#[tokio::test]
async fn a_retry_by_hand_whose_message_is_lost_is_found_by_the_sweep() {
    let world = failed(World::new().await).await;
    world.queue().lose_sends(1);
    world.engine.retry(world.delivery("shop"), None).await.unwrap();
    assert!(world.work().await.is_empty());
    world.advance_secs(31);
    world.sweep().await;
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");
}

/// A list of failures that was read a while ago: what has moved on since is left alone.
#[tokio::test]
async fn a_retry_of_the_round_one_saw_happens_once() {
    let world = failed(World::new().await).await;
    let id = world.delivery("shop");
    let reopening = world.engine.retry(id, Some(1)).await.unwrap();
    assert_eq!(reopening, Reopening::Reopened(world.message("shop", 2, 0)));
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");

    assert_eq!(world.engine.retry(id, Some(1)).await.unwrap(), Reopening::StillPending);
    assert_eq!(world.requests("shop"), 3);
}

/// The DLQ's message and the operator's click ask for the same thing.
#[tokio::test]
async fn a_redrive_after_a_retry_by_hand_adds_nothing() {
    let world = failed(World::with_receipts().await).await;
    world.engine.retry(world.delivery("shop"), None).await.unwrap();
    let redrive = world.deliver_with(world.message("shop", 1, 1), redriven(&world, "new")).await;
    assert_eq!(redrive, Disposition::Done);
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 2 tries 1 by push");
    assert_eq!(world.requests("shop"), 3);
}

/// Each on its own: what has moved on is left alone, and a store that fails at one of them keeps
/// none of the others from being sent.
#[tokio::test]
async fn many_are_redriven_side_by_side() {
    const MANY: usize = 40;
    let world = World::new().await;
    world.endpoint_with("shop", |endpoint| endpoint.retry_policy = Some(policy(&[]))).await;
    world.always("shop", "500");
    let mut seen = Vec::new();
    for number in 0..MANY {
        world.event(&format!("evt_{number}")).await;
        seen.push((world.delivery("shop"), 1));
    }
    world.always("shop", "200");
    world.work().await;
    seen[3].1 = 7;

    world.store().breaks(Step::Reopen, Fault::Refused);
    world.engine.redrive(&seen).await.unwrap_err();
    let first = world.work().await.len();
    let reopened = world.engine.redrive(&seen).await.unwrap();
    assert_eq!(reopened.len(), MANY - 1 - first, "the others, but not the one that moved on");
    assert!(first > 0 && !reopened.contains(&seen[3].0));
    world.work().await;
    assert_eq!(world.requests("shop"), MANY + MANY - 1);
}
