//! What counts as a try, and which messages lead to none.

use postback_domain::delivery::message::Message;
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_engine::deliver::Disposition;

use crate::world::{World, receipt};

async fn check_first_answer(reply: &str, state: &str, log: &str) {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &[reply]);
    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, state, "{reply}");
    assert_eq!(world.log("shop").await, log, "{reply}");
}

#[tokio::test]
async fn only_2xx_is_success_and_all_but_410_is_tried_again() {
    let success = "SUCCESS round 1 tries 1 by push";
    let again = "PENDING round 1 tries 1 due in 5s";
    for (reply, state, log) in [
        ("200", success, "1.1 accepted 200"),
        ("204", success, "1.1 accepted 204"),
        ("302", again, "1.1 redirected 302"),
        ("400", again, "1.1 client_error 400"),
        ("404", again, "1.1 client_error 404"),
        ("429", again, "1.1 rate_limited 429"),
        ("500", again, "1.1 server_error 500"),
        ("timed_out", again, "1.1 timed_out"),
        ("connect_failed", again, "1.1 connect_failed"),
        ("410", "FAILED round 1 tries 1 endpoint_gone", "1.1 gone 410"),
    ] {
        check_first_answer(reply, state, log).await;
    }
}

/// A request that we could not build is our fault: it waits a minute, is no attempt, and is never
/// counted against the receiver, however often it happens.
#[tokio::test]
async fn a_request_that_was_not_sent_uses_no_try() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["not_sent", "not_sent", "503"]);

    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 60s");
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 60s");
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 1 due in 5s");
    world.next_try("shop").await;

    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 accepted 200");
}

/// Faults of our own are not limited by the policy; a delivery's log must not grow with them.
#[tokio::test]
async fn a_delivery_that_is_never_sent_has_an_empty_log() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.always("shop", "not_sent");
    world.event("evt_1").await;
    for _ in 0..9 {
        world.next_try("shop").await;
    }
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 0 due in 60s");
    assert_eq!(world.requests("shop"), 10);
    assert_eq!(world.record("shop").await.attempts, []);
}

#[tokio::test]
async fn a_message_is_dropped_while_somebody_else_is_at_it() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503", "held"]);
    world.event("evt_1").await;
    world.advance_secs(5);
    let worker = world.start(world.message("shop", 1, 1), None);
    world.sender().until_held().await;

    let twin = world.deliver(world.message("shop", 1, 1)).await;

    assert_eq!(twin.unwrap(), Disposition::Done);
    assert_eq!(world.requests("shop"), 2);
    world.sender().release(world.delivery("shop"), "200");
    assert_eq!(worker.ends().await, Disposition::Done);
    assert_eq!(world.log("shop").await, "1.1 server_error 503, 1.2 accepted 200");
}

#[tokio::test]
async fn overtaken_messages_are_dropped_with_or_without_a_receipt() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.endpoint("done").await;
    world.answers("shop", &["503", "503"]);
    world.event("evt_1").await;
    world.next_try("shop").await;
    let before = world.record("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");

    world.advance_secs(1);
    for message in [
        world.message("shop", 1, 0),
        world.message("shop", 1, 1),
        world.message("shop", 1, 3),
        world.message("shop", 2, 2),
        world.message("done", 1, 0),
        world.message("done", 1, 1),
        world.message("done", 2, 0),
    ] {
        let fresh = receipt("fresh", world.now());
        assert_eq!(world.deliver(message).await.unwrap(), Disposition::Done, "{message:?}");
        assert_eq!(world.deliver_with(message, fresh).await, Disposition::Done, "{message:?}");
    }

    assert_eq!(world.record("shop").await, before);
    assert_eq!((world.requests("shop"), world.requests("done")), (2, 1));
}

#[tokio::test]
async fn a_message_about_a_delivery_that_never_was_is_dropped() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.event("evt_1").await;
    let message = Message {
        merchant: MerchantId::from_bits(404),
        delivery: DeliveryId::from_bits(404),
        round: 1,
        tries: 0,
    };
    assert_eq!(world.deliver(message).await.unwrap(), Disposition::Done);
}

/// The due time is the sweep's business; a message that comes early has its reasons, such as an
/// operator who cannot wait.
#[tokio::test]
async fn an_early_message_is_worked() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503"]);
    world.event("evt_1").await;
    world.deliver(world.message("shop", 1, 1)).await.unwrap();
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 2 by push");
}
