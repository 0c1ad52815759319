//! A process that starts again puts back what its queue held.

use std::time::Duration;

use postback_engine::take_in::FirstTries;

use crate::world::{World, policy};

#[tokio::test]
async fn messages_are_put_back_with_what_is_left_of_their_waits() {
    let world = World::new().await;
    for (name, wait_s) in [("overdue", 5.0), ("now", 20.0), ("soon", 65.0), ("later", 3620.0)] {
        let waits = policy(&[wait_s]);
        world.endpoint_with(name, |endpoint| endpoint.retry_policy = Some(waits)).await;
        world.answers(name, &["503"]);
    }
    world.event("evt_1").await;
    world.queue().purge();
    world.advance_secs(20);
    let before = world.queue().sent().len();

    assert_eq!(world.engine.restore().await.unwrap(), 3);

    let restored: Vec<_> = world.queue().sent()[before..]
        .iter()
        .map(|sent| (sent.message, sent.wait.as_secs()))
        .collect();
    let message = |name| world.message(name, 1, 1);
    assert_eq!(restored, [(message("overdue"), 0), (message("now"), 0), (message("soon"), 45)]);
    assert_eq!(world.work().await.len(), 2);
    world.advance_secs(45);
    assert_eq!(world.work().await.len(), 1);
    for name in ["overdue", "now", "soon"] {
        assert_eq!(world.state(name).await, "SUCCESS round 1 tries 2 by push", "{name}");
    }
    assert_eq!(world.state("later").await, "PENDING round 1 tries 1 due in 3555s");
    world.next_try("later").await;
    assert_eq!(world.state("later").await, "SUCCESS round 1 tries 2 by push");
}

#[tokio::test]
async fn what_does_not_fit_is_left_to_the_sweep() {
    let world = World::new().await;
    world.endpoint("shop").await;
    for number in 0..5 {
        world.take_in(&format!("evt_{number}"), FirstTries::Queued).await.unwrap();
    }
    world.queue().purge();
    world.queue().set_capacity(2);
    world.advance(Duration::from_millis(1));

    assert_eq!(world.engine.restore().await.unwrap(), 2);
    assert_eq!(world.work().await.len(), 2);
    world.advance_secs(30);
    world.queue().set_capacity(100);
    assert_eq!(world.sweep().await.sent, 3);
    assert_eq!(world.work().await.len(), 3);
    assert_eq!(world.requests("shop"), 5);
}

#[tokio::test]
async fn an_empty_store_has_nothing_to_put_back() {
    let world = World::new().await;
    assert_eq!(world.engine.restore().await.unwrap(), 0);
    assert_eq!(world.queue().sent(), []);
}
