//! A worker that dies in the middle of an attempt, as when Lambda ends its machine.

use std::time::Duration;

use postback_acceptance::api::text;
use postback_acceptance::receiver::{Receiver, Reply};

use crate::shop::Shop;
use crate::stage::{Stage, now};

/// How long the dead worker's lease has been over, beyond the grace of the sweep.
const OVER: Duration = Duration::from_secs(60);

#[test]
fn a_delivery_outlives_the_worker_that_held_it() {
    let stage = Stage::up();
    // The event's own message comes again, too, and must find the event taken in.
    let _hurry = stage.hurry();
    let shop = Shop::open(&stage);
    let receiver = Receiver::scripted([Reply::never()], Reply::status(200));
    shop.endpoint(&receiver, &[600.0]);
    let killed = stage.events.drained_after(|| {
        shop.send("evt_1");
        receiver.wait_for_count(1);
        stage.functions.kill_deliver()
    });
    if !killed {
        eprintln!("skipped: without /proc the workers of the stack cannot be told apart");
        return;
    }

    let delivery = shop.wait_for_state("PENDING");
    let id = text(&delivery, "id");
    assert_eq!(delivery["attempts"], 0, "{delivery}");
    assert!(stage.rows.lease(&id) > Some(now()), "the dead worker holds {delivery}");
    // As long as it does, nobody else may attempt it, even if asked to.
    stage.rows.due(&id, OVER);
    let swept = stage.deliveries.drained_after(|| stage.functions.sweep());
    assert!(swept["reenqueued"].as_u64() >= Some(1), "{swept}");
    assert_eq!(receiver.count(), 1);

    stage.rows.lease_ended(&id, OVER);
    stage.functions.sweep();
    let delivery = shop.wait_for_state("SUCCESS");
    assert_eq!((delivery["attempts"].as_u64(), delivery["round"].as_u64()), (Some(1), Some(1)));
    assert_eq!(receiver.count(), 2, "its answer was lost once");
    assert_eq!(shop.event_count(), 1);
}
