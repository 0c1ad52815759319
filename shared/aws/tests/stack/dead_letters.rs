//! Deliveries that have used up their tries: how they get into the dead-letter queue, and what
//! brings them back.

use std::time::Duration;

use postback_acceptance::api::{log_field, text};
use postback_acceptance::receiver::{Receiver, Reply};
use postback_aws::wire::{self, Work};
use postback_domain::delivery::message::Message;
use postback_domain::limits::REDRIVE_MARGIN;
use serde_json::{Value, json};

use crate::queue::Seen;
use crate::shop::Shop;
use crate::stage::Stage;

/// Well past the margin, and well within it; a test takes seconds to send its message.
const LONG_AGO: Duration = Duration::from_secs(REDRIVE_MARGIN.as_secs() + 10);
const LATELY: Duration = Duration::from_secs(REDRIVE_MARGIN.as_secs() - 30);

/// A delivery that was given up, and the message that it has in the dead-letter queue.
struct Dead {
    shop: Shop,
    receiver: Receiver,
    delivery: Value,
    id: String,
    message: Seen,
}

impl Dead {
    /// One that was refused, and again after each of these waits.
    fn after(stage: &Stage, waits_s: &[f64]) -> Self {
        Self::by(stage, Receiver::always(Reply::status(500)), waits_s)
    }

    /// The same, by a receiver that may be kinder later.
    fn by(stage: &Stage, receiver: Receiver, waits_s: &[f64]) -> Self {
        let shop = Shop::open(stage);
        shop.endpoint(&receiver, waits_s);
        shop.send("evt_1");
        let delivery = shop.wait_for_state("FAILED");
        let id = text(&delivery, "id");
        let [message] = stage.deliveries_dead.wait_for(1, &shop.id).try_into().expect("only one");
        assert_eq!(receiver.count(), waits_s.len() + 1, "bouncing is no try");
        Self { shop, receiver, delivery, id, message }
    }

    fn read(&self) -> Value {
        self.shop.read(&self.id)
    }

    /// Its attempts, each as round and number.
    fn attempts(&self) -> Vec<(u64, u64)> {
        let delivery = self.read();
        let numbers = |field| log_field(&delivery, field).into_iter().filter_map(|n| n.as_u64());
        numbers("round").zip(numbers("number")).collect()
    }
}

#[test]
fn used_up_tries_bounce_into_the_dead_letters() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    let dead = Dead::after(&stage, &[0.1]);

    assert_eq!(dead.attempts(), [(1, 1), (1, 2)]);
    // The very message of the last try, moved by the queue itself.
    let ended_by = stage.rows.attribute(&dead.id, "ended_by").expect("a message has ended it");
    assert_eq!(ended_by.as_s(), Ok(&dead.message.id));
    assert_eq!(dead.message.came_from, Some(stage.deliveries.arn()));
    let Ok(Work::Delivery(message)) = wire::read(&dead.message.body) else {
        panic!("{:?} asks for no delivery", dead.message);
    };
    let Message { merchant, delivery, round, tries } = message;
    let ids = (merchant.to_string(), delivery.to_string());
    assert_eq!((ids, round, tries), ((dead.shop.id.clone(), dead.id.clone()), 1, 1));
    // Bouncing has changed nothing, and is no fault of ours.
    assert_eq!(dead.read(), dead.delivery);
    assert_eq!(stage.events_dead.about(&dead.shop.id), []);
}

#[test]
fn a_policy_of_one_try_ends_in_the_same_dead_letters() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    // Used up within a message of the events queue, which cannot bounce it.
    let dead = Dead::after(&stage, &[]);
    assert_eq!(dead.attempts(), [(1, 1)]);
    assert_eq!(dead.message.came_from, Some(stage.deliveries.arn()));
    assert_eq!(stage.events_dead.about(&dead.shop.id), []);

    dead.receiver.reply_from_now_on(Reply::status(200));
    stage.rows.ended(&dead.id, LONG_AGO);
    stage.deliveries_dead.redrive(&dead.message, &stage.deliveries);
    dead.shop.wait_for_state("SUCCESS");
    assert_eq!(dead.attempts(), [(1, 1), (2, 1)]);
}

#[test]
fn a_redrive_reopens_and_delivers_once() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    let dead = Dead::after(&stage, &[0.1]);
    dead.receiver.reply_from_now_on(Reply::status(200));
    stage.rows.ended(&dead.id, LONG_AGO);
    stage.deliveries.drained_after(|| {
        stage.deliveries_dead.redrive(&dead.message, &stage.deliveries);
    });

    let delivery = dead.shop.wait_for_state("SUCCESS");
    assert_eq!((&delivery["round"], &delivery["attempts"]), (&json!(2), &json!(1)));
    assert_eq!(dead.attempts(), [(1, 1), (1, 2), (2, 1)]);
    assert_eq!(dead.receiver.count(), 3);
    assert_eq!(stage.deliveries_dead.about(&dead.shop.id), []);
}

#[test]
fn a_late_duplicate_of_the_last_try_does_not_reopen() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    let dead = Dead::after(&stage, &[0.1]);
    // Whoever reopened it now would deliver it.
    dead.receiver.reply_from_now_on(Reply::status(200));
    stage.rows.ended(&dead.id, LATELY);
    let failed = dead.read();
    let duplicate = stage.deliveries.send(&dead.message.body);

    let there = stage.deliveries_dead.wait_for(2, &dead.shop.id);
    let mut ids: Vec<_> = there.iter().map(|message| message.id.clone()).collect();
    let mut expected = [dead.message.id.clone(), duplicate];
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(dead.read(), failed);
    assert_eq!(dead.receiver.count(), 2);
}

#[test]
fn two_redrives_in_a_row_reopen_once() {
    let stage = Stage::up();
    let _hurry = stage.hurry();
    // The round that is opened begins with a failure too, so a message that comes a little later
    // finds a delivery that waits.
    let receiver = Receiver::scripted([500; 3].map(Reply::status), Reply::status(200));
    let dead = Dead::by(&stage, receiver, &[0.1]);
    stage.rows.ended(&dead.id, LONG_AGO);
    let body = &dead.message.body;
    stage.deliveries.send_together(&[body.clone(), body.clone()]);
    dead.shop.wait_for_state("SUCCESS");
    // And one more for a delivery that has ended.
    stage.deliveries.drained_after(|| {
        stage.deliveries_dead.redrive(&dead.message, &stage.deliveries);
    });

    assert_eq!(dead.read()["state"], "SUCCESS");
    assert_eq!(dead.attempts(), [(1, 1), (1, 2), (2, 1), (2, 2)]);
    assert_eq!(dead.receiver.count(), 4);
    assert_eq!(stage.deliveries_dead.about(&dead.shop.id), []);
}
