//! Endpoints that are switched off, deleted, or gone: waiting is not trying, and what can never be
//! delivered ends at once.

use std::time::Duration;

use postback_domain::endpoint::{Kind, OffReason, Switch};
use postback_domain::turns::RateLimit;
use postback_engine::deliver::Disposition;
use postback_engine::take_in::FirstTries;

use crate::world::{Fault, Step, World};

async fn switch(world: &World, switch: Switch) {
    world.change_endpoint("shop", |endpoint| endpoint.switch = switch).await;
}

fn off(world: &World) -> Switch {
    Switch::Off { since: world.now(), reason: OffReason::Asked }
}

/// How many deliveries of the endpoint are woken, all there are.
async fn woken(world: &World) -> usize {
    let woken = world.engine.wake(world.endpoint_id("shop")).await.expect("the store is there");
    assert!(!woken.cut_short);
    woken.sent
}

#[tokio::test]
async fn a_disabled_endpoint_parks_its_deliveries_without_a_try() {
    let world = World::new().await;
    world.endpoint("shop").await;
    switch(&world, off(&world)).await;

    world.event("evt_1").await;

    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 3600s");
    assert_eq!(world.log("shop").await, "");
    assert_eq!((world.requests("shop"), world.queue().sent().len()), (0, 0));
    for _ in 0..3 {
        world.next_try("shop").await;
        assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 3600s");
    }
    assert_eq!(world.requests("shop"), 0);
}

#[tokio::test]
async fn switching_on_again_wakes_what_was_parked() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.endpoint("other").await;
    world.answers("shop", &["503"]);
    world.answers("other", &["503"]);
    world.event("evt_1").await;
    switch(&world, off(&world)).await;
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 3600s");

    world.advance_secs(600);
    switch(&world, Switch::On).await;
    assert_eq!(woken(&world).await, 1);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 0ns");
    world.work().await;

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(woken(&world).await, 0);
}

/// More than one step of waking takes.
#[tokio::test]
async fn a_large_parked_backlog_is_woken_whole() {
    const BACKLOG: usize = 1100;
    let world = World::new().await;
    world.endpoint("shop").await;
    switch(&world, off(&world)).await;
    for number in 0..BACKLOG {
        world.event(&format!("evt_{number}")).await;
    }
    switch(&world, Switch::On).await;
    assert_eq!(woken(&world).await, BACKLOG);
    assert_eq!(world.queue().waiting(), BACKLOG);
}

#[tokio::test]
async fn waking_does_not_disturb_an_attempt_in_flight() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503", "held"]);
    world.event("evt_1").await;
    world.advance_secs(5);
    let worker = world.start(world.message("shop", 1, 1), None);
    world.sender().until_held().await;
    assert_eq!(woken(&world).await, 0);
    world.sender().release(world.delivery("shop"), "200");
    assert_eq!(worker.ends().await, Disposition::Done);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}

#[tokio::test]
async fn a_lost_wake_up_costs_an_hour_at_most() {
    let world = World::new().await;
    world.endpoint("shop").await;
    switch(&world, off(&world)).await;
    world.event("evt_1").await;
    switch(&world, Switch::On).await;
    world.advance_secs(3600 + 31);
    assert_eq!(world.sweep().await.sent, 1);
    world.work().await;
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
}

#[tokio::test]
async fn what_is_owed_to_a_deleted_endpoint_fails_without_a_request() {
    let world = World::with_receipts().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503"]);
    world.event("evt_1").await;
    world.delete_endpoint("shop").await;

    assert_eq!(world.next_try("shop").await, [Disposition::Bounce]);

    assert_eq!(world.state("shop").await, "FAILED round 1 tries 1 endpoint_gone");
    assert_eq!(world.log("shop").await, "1.1 server_error 503");
    assert_eq!(world.requests("shop"), 1);
}

#[tokio::test]
async fn an_endpoint_deleted_between_plan_and_first_try_is_not_called() {
    let world = World::new().await;
    world.endpoint("shop").await;
    let taken = world.take_in("evt_1", FirstTries::Mine).await.unwrap();
    world.delete_endpoint("shop").await;
    world.make_first_attempts(taken).await;
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 0 endpoint_gone");
    assert_eq!(world.requests("shop"), 0);
}

#[tokio::test]
async fn gone_ends_at_once_and_switches_the_endpoint_off() {
    let world = World::with_receipts().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503", "410"]);
    world.event("evt_1").await;

    assert_eq!(world.next_try("shop").await, [Disposition::Bounce]);

    assert_eq!(world.state("shop").await, "FAILED round 1 tries 2 endpoint_gone");
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 gone 410");
    let expected = Switch::Off { since: world.now(), reason: OffReason::Gone };
    assert_eq!(world.read_endpoint("shop").await.switch, expected);

    world.event("evt_2").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 3600s");
    assert_eq!(world.requests("shop"), 2);
}

/// The record comes before the switch, so what is lost in between is another 410.
#[tokio::test]
async fn a_switch_that_was_not_thrown_is_thrown_by_the_next_gone() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.always("shop", "410");
    world.store().breaks(Step::SwitchOff, Fault::Refused);
    let taken = world.take_in("evt_1", FirstTries::Mine).await.unwrap();
    let event = world.last_event();
    for (claim, endpoint) in taken.claims {
        world.engine.attempt(&event, claim, endpoint, None).await.unwrap_err();
    }
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 1 endpoint_gone");
    assert_eq!(world.read_endpoint("shop").await.switch, Switch::On);

    world.event("evt_2").await;

    assert_eq!(world.state("shop").await, "FAILED round 1 tries 1 endpoint_gone");
    assert!(!world.read_endpoint("shop").await.is_enabled());
}

#[tokio::test]
async fn what_is_not_called_is_shelved_and_given_up_in_the_end() {
    let world = World::new().await;
    world.endpoint_with("shop", |endpoint| endpoint.kind = Kind::Pull).await;

    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 shelved for 259200s");
    assert_eq!((world.requests("shop"), world.queue().sent().len()), (0, 0));
    assert_eq!(world.log("shop").await, "");

    // A message that came twice does not end it early.
    world.advance_secs(3600);
    assert_eq!(woken(&world).await, 0);
    world.advance_secs(3 * 24 * 3600 - 3600 + 31);
    assert_eq!(world.sweep().await.sent, 1);
    world.work().await;
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 0 not_fetched");
    assert_eq!(world.requests("shop"), 0);
}

/// Evenly spaced, whoever comes at once; waiting for a turn is not a try.
#[tokio::test]
async fn an_endpoint_is_called_only_so_often() {
    let world = World::new().await;
    let limit = RateLimit::per_second(2.0).ok();
    world.endpoint_with("shop", |endpoint| endpoint.rate_limit = limit).await;
    for number in 0..5 {
        world.event(&format!("evt_{number}")).await;
    }
    assert_eq!(world.requests("shop"), 1);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 in line for 2s");
    assert_eq!(world.log("shop").await, "");
    for expected in [2, 3, 4, 5] {
        world.advance(Duration::from_millis(499));
        world.work().await;
        assert_eq!(world.requests("shop"), expected - 1);
        world.advance(Duration::from_millis(1));
        world.work().await;
        assert_eq!(world.requests("shop"), expected);
    }
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
}

/// Those whose turns were missed together stand in line again.
#[tokio::test]
async fn a_backlog_of_missed_turns_does_not_go_at_once() {
    let world = World::new().await;
    let limit = RateLimit::per_second(1.0).ok();
    world.endpoint_with("shop", |endpoint| endpoint.rate_limit = limit).await;
    for number in 0..4 {
        world.event(&format!("evt_{number}")).await;
    }
    world.advance_secs(60);
    world.work().await;
    assert_eq!(world.requests("shop"), 2, "one more, for which it is time");
    world.advance_secs(1);
    world.work().await;
    assert_eq!(world.requests("shop"), 3);
    world.advance_secs(1);
    world.work().await;
    assert_eq!(world.requests("shop"), 4);
}

#[tokio::test]
async fn who_finds_the_line_full_comes_again() {
    let world = World::new().await;
    let limit = RateLimit::per_second(0.1).ok();
    world.endpoint_with("shop", |endpoint| endpoint.rate_limit = limit).await;
    for number in 0..62 {
        world.event(&format!("evt_{number}")).await;
    }
    let state = world.state("shop").await;
    assert!(state.starts_with("PENDING round 1 tries 0 due in "), "{state}");
    for _ in 0..90 {
        world.advance_secs(10);
        world.work().await;
        world.sweep().await;
    }
    assert_eq!(world.requests("shop"), 62);
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 1 by push");
}
