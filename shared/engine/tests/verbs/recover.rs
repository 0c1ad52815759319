//! An order to be sent again what was missed: at its pace, to its end whatever dies, each once.

use std::time::Duration;

use postback_domain::delivery::{Progress, State};
use postback_domain::ids::RecoveryId;
use postback_domain::recovery::{Counts, Place, Recovery, Standing};
use postback_domain::time::Timestamp;
use postback_engine::ports::history::{DeliveryFilter, History as _, PageRequest};
use postback_engine::ports::recoveries::Recoveries as _;

use crate::world::{Fault, Step, World, act, policy};

const ID: RecoveryId = RecoveryId::from_bits(1);

/// A world whose shop has given up so many events.
async fn that_missed(count: usize) -> World {
    let world = World::new().await;
    world.endpoint_with("shop", |endpoint| endpoint.retry_policy = Some(policy(&[]))).await;
    world.always("shop", "503");
    for number in 0..count {
        world.event(&format!("evt_{number}")).await;
    }
    world.always("shop", "200");
    world.work().await;
    world.advance_secs(60);
    world
}

async fn order(world: &World, per_second: u32) {
    let now = world.now();
    let recovery = Recovery {
        id: ID,
        merchant_id: world.merchant,
        endpoint_id: world.endpoint_id("shop"),
        since: Timestamp::from_millis(0),
        until: now,
        places: vec![Place::State(State::Failed), Place::State(State::NotApply)],
        per_second,
        created_at: now,
        standing: Standing::Running { place: 0, cursor: None, next_due_at: now },
        counts: Counts::default(),
    };
    world.store().create_recovery(recovery, act()).await.expect("a fresh id");
}

async fn read(world: &World) -> Recovery {
    world.store().read_recovery(ID).await.expect("the store is there").expect("the order is there")
}

/// How many deliveries there are in this state.
async fn count(world: &World, state: State) -> usize {
    let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
    let page = PageRequest { limit: 10_000, cursor: None };
    world.store().list_deliveries(filter, page).await.expect("the store is there").rows.len()
}

#[tokio::test]
async fn what_is_sent_again_is_due_at_its_pace() {
    let world = that_missed(5).await;
    order(&world, 2).await;
    let now = world.now();
    world.engine.recover(ID, Timestamp::MAX).await.unwrap();

    let filter = DeliveryFilter { state: Some(State::Pending), ..DeliveryFilter::default() };
    let page = PageRequest { limit: 10, cursor: None };
    let rows = world.store().list_deliveries(filter, page).await.unwrap().rows;
    let mut waits: Vec<_> = rows
        .iter()
        .map(|row| match row.progress {
            Progress::Pending { due_at, .. } => due_at.since(now).as_millis(),
            _ => panic!("{row:?}"),
        })
        .collect();
    waits.sort_unstable();
    assert_eq!(waits, [0, 500, 1000, 1500, 2000]);
    assert_eq!(read(&world).await.standing, Standing::Done { at: now });
    world.work().await;
    assert_eq!(world.requests("shop"), 6, "five first tries and the one that is due");
    world.advance_secs(2);
    world.work().await;
    assert_eq!((world.requests("shop"), count(&world, State::Success).await), (10, 5));
}

/// Enough is due for now: the rest is for those who come later.
#[tokio::test]
async fn an_order_does_not_run_far_ahead_of_its_pace() {
    let world = that_missed(750).await;
    order(&world, 1).await;
    world.engine.recover_all(Timestamp::MAX).await.unwrap();
    assert_eq!(count(&world, State::Pending).await, 600, "ten minutes of it");
    world.engine.recover_all(Timestamp::MAX).await.unwrap();
    assert_eq!(count(&world, State::Pending).await, 700, "a page at least");
    world.advance_secs(300);
    world.engine.recover_all(world.now()).await.unwrap();
    assert_eq!(count(&world, State::Failed).await, 0);
    let done = read(&world).await;
    assert_eq!((done.counts.looked_at, done.counts.recovered), (750, 750));
}

/// Whatever the worker dies at, the next one ends what he has begun, and nothing is sent twice.
#[tokio::test]
async fn a_crash_loses_no_delivery_and_sends_none_twice() {
    for (step, fault) in [
        (Step::KeepRecovery, Fault::Refused),
        (Step::KeepRecovery, Fault::AnswerLost),
        (Step::Reopen, Fault::Refused),
        (Step::Reopen, Fault::AnswerLost),
    ] {
        let world = that_missed(7).await;
        order(&world, 1000).await;
        world.store().breaks(step, fault);
        world.engine.recover(ID, Timestamp::MAX).await.unwrap_err();
        // Nobody else is let at it before his time is over.
        world.engine.recover(ID, Timestamp::MAX).await.unwrap();
        assert!(read(&world).await.is_running() || fault == Fault::AnswerLost);
        world.advance_secs(61);
        world.sweep().await;
        world.work().await;
        world.engine.recover_all(Timestamp::MAX).await.unwrap();
        world.advance_secs(61);
        world.sweep().await;
        world.work().await;
        let case = format!("{step:?} {fault:?}");
        assert_eq!(count(&world, State::Success).await, 7, "{case}");
        assert_eq!(world.requests("shop"), 14, "{case}");
        assert!(!read(&world).await.is_running(), "{case}");
    }
}

/// What has failed again since the order was given has had its round.
#[tokio::test]
async fn what_fails_again_is_left_alone() {
    let world = that_missed(3).await;
    world.always("shop", "503");
    order(&world, 1000).await;
    world.store().breaks(Step::KeepRecovery, Fault::Refused);
    world.engine.recover(ID, Timestamp::MAX).await.unwrap_err();
    world.advance_secs(61);
    world.work().await;
    assert_eq!((count(&world, State::Failed).await, world.requests("shop")), (3, 6));
    world.engine.recover(ID, Timestamp::MAX).await.unwrap();
    world.advance(Duration::from_secs(1));
    world.work().await;
    assert_eq!((count(&world, State::Failed).await, world.requests("shop")), (3, 6));
    assert!(!read(&world).await.is_running());
}

#[tokio::test]
async fn an_order_ends_with_its_endpoint() {
    let world = that_missed(2).await;
    order(&world, 50).await;
    world.delete_endpoint("shop").await;
    world.engine.recover(ID, Timestamp::MAX).await.unwrap();
    assert_eq!(read(&world).await.standing, Standing::EndpointGone { at: world.now() });
    assert_eq!(count(&world, State::Failed).await, 2);
}

#[tokio::test]
async fn a_full_queue_leaves_the_rest_for_later() {
    let world = that_missed(3).await;
    order(&world, 50).await;
    world.queue().set_capacity(0);
    world.engine.recover(ID, Timestamp::MAX).await.unwrap();
    assert_eq!(count(&world, State::Pending).await, 0);
    assert!(read(&world).await.is_running());
    world.queue().set_capacity(100);
    world.engine.recover(ID, Timestamp::MAX).await.unwrap();
    assert_eq!(count(&world, State::Pending).await, 3);
}
