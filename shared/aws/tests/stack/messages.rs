//! Messages as queues hand them out: damaged, twice, and from an older deploy. Written here as the
//! wire's documentation says and not by its code, which could have drifted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postback_acceptance::receiver::{Receiver, Reply};
use serde_json::json;

use crate::queue::Queue;
use crate::rows;
use crate::shop::Shop;
use crate::stage::{Stage, now};

const EVENT: &str = include_str!("../../src/wire/fixtures/event.v1.json");
const DELIVERY: &str = include_str!("../../src/wire/fixtures/delivery.v1.json");
const DELIVERY_GROWN: &str = include_str!("../../src/wire/fixtures/delivery_grown.v1.json");

/// The ids in the stored messages.
const STORED_SOURCE: &str = "src_00000000000000000000000000000001";
const STORED_MERCHANT: &str = "mch_00000000000000000000000000000002";
const STORED_DELIVERY: &str = "dlv_00000000000000000000000000000003";

/// The tries that the stored messages about deliveries say were used.
const STORED_TRIES: u8 = 6;

/// Good messages beside the bad one, which together are a batch.
const GOOD: usize = 9;

fn event(shop: &Shop, provider_event_id: &str) -> String {
    let event = json!({
        "source": shop.source_id, "merchant": shop.id, "provider_event_id": provider_event_id,
        "type": "charge.refunded", "received_at": now().as_millis(),
        "content_type": "application/json", "body": BASE64.encode(provider_event_id),
    });
    json!({"v": 1, "event": event}).to_string()
}

fn delivery(shop: &Shop, id: &str) -> String {
    let delivery = json!({"merchant": shop.id, "delivery": id, "round": 1, "tries": 1});
    json!({"v": 1, "delivery": delivery}).to_string()
}

/// Sends these together with one that says nothing, and checks that it alone ends in the queue's
/// dead letters.
#[track_caller]
fn check_only_the_bad_one_bounces(good: Vec<String>, shop: &Shop, queue: &Queue, dead: &Queue) {
    let bad = json!({"v": 1, "nothing": shop.id}).to_string();
    let mut batch = good;
    batch.insert(GOOD / 2, bad.clone());
    queue.send_together(&batch);
    let there = dead.wait_for(1, &shop.id);
    let there: Vec<_> = there.iter().map(|seen| (&seen.body, seen.came_from.clone())).collect();
    assert_eq!(there, [(&bad, Some(queue.arn()))]);
}

#[test]
fn an_unreadable_event_bounces_alone() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    let shop = Shop::open(&stage);
    let receiver = Receiver::accepting();
    shop.endpoint(&receiver, &[]);

    let good = (0..GOOD).map(|number| event(&shop, &format!("evt_{number}"))).collect();
    check_only_the_bad_one_bounces(good, &shop, &stage.events, &stage.events_dead);
    shop.wait_for(GOOD, "SUCCESS", 1);
    assert_eq!(receiver.count(), GOOD);
    assert_eq!(stage.deliveries_dead.about(&shop.id), []);
    stage.events_dead.forget(&shop.id);
}

#[test]
fn an_unreadable_delivery_bounces_alone() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    let shop = Shop::open(&stage);
    let receiver = Receiver::always(Reply::status(500));
    shop.endpoint(&receiver, &[600.0]);
    for number in 0..GOOD {
        shop.send(&format!("evt_{number}"));
    }
    let waiting = shop.wait_for(GOOD, "PENDING", 1);
    receiver.reply_from_now_on(Reply::status(200));

    let good = waiting.iter().map(|id| delivery(&shop, id)).collect();
    check_only_the_bad_one_bounces(good, &shop, &stage.deliveries, &stage.deliveries_dead);
    shop.wait_for(GOOD, "SUCCESS", 2);
    assert_eq!(receiver.count(), 2 * GOOD);
    assert_eq!(stage.events_dead.about(&shop.id), []);
    stage.deliveries_dead.forget(&shop.id);
}

#[test]
fn an_event_that_comes_again_is_not_fanned_out_again() {
    let stage = Stage::up();
    let shop = Shop::open(&stage);
    let receiver = Receiver::accepting();
    shop.endpoint(&receiver, &[]);
    let body = event(&shop, "evt_1");
    // Once beside itself, and once after it is delivered.
    stage.events.drained_after(|| stage.events.send_together(&[body.clone(), body.clone()]));
    shop.wait_for(1, "SUCCESS", 1);
    stage.events.drained_after(|| stage.events.send(&body));

    shop.wait_for(1, "SUCCESS", 1);
    assert_eq!((shop.event_count(), receiver.count()), (1, 1));
    assert_eq!(stage.events_dead.about(&shop.id), []);
}

#[test]
fn messages_of_an_older_deploy_are_worked() {
    let stage = Stage::up();
    let shop = Shop::open(&stage);
    let receiver = Receiver::always(Reply::status(500));
    shop.endpoint(&receiver, &[600.0; 19]);
    let mine = |stored: &str| {
        stored.replace(STORED_SOURCE, &shop.source_id).replace(STORED_MERCHANT, &shop.id)
    };
    stage.events.send(&mine(EVENT));
    shop.send("evt_2");
    let waiting = shop.wait_for(2, "PENDING", 1);
    receiver.reply_from_now_on(Reply::status(200));
    for (id, stored) in waiting.iter().zip([DELIVERY, DELIVERY_GROWN]) {
        stage.rows.rewrite(id, "tries", rows::number(STORED_TRIES));
        stage.deliveries.send(&mine(stored).replace(STORED_DELIVERY, id));
    }

    shop.wait_for(2, "SUCCESS", u32::from(STORED_TRIES) + 1);
    let attempts = receiver.receipts();
    let attempts: Vec<_> = attempts.iter().map(|got| got.headers.the("postback-attempt")).collect();
    assert_eq!(attempts, ["1", "1", "7", "7"]);
}
