//! A `deliveries` queue that somebody has purged: the sweep brings everything back, once.

use std::time::Duration;

use postback_acceptance::clock::eventually;
use postback_acceptance::receiver::{Receiver, Reply};
use serde_json::Value;

use crate::shop::Shop;
use crate::stage::{Stage, now};

const EVENTS: usize = 10;
const ENDPOINTS: usize = 5;
const WAITING: usize = EVENTS * ENDPOINTS;

/// Within what a message carries as its own delay, and beyond what this test takes.
const WAIT_S: f64 = 600.0;

/// How long ago the deliveries were due, beyond the grace that the sweep gives to messages.
const OVERDUE: Duration = Duration::from_secs(60);

#[test]
fn a_purged_queue_is_restored_by_one_sweep() {
    let stage = Stage::up();
    let shop = Shop::open(&stage);
    let receiver = Receiver::always(Reply::status(500));
    for _ in 0..ENDPOINTS {
        shop.endpoint(&receiver, &[WAIT_S]);
    }
    for number in 0..EVENTS {
        shop.send(&format!("evt_{number}"));
    }
    let waiting = shop.wait_for(WAITING, "PENDING", 1);
    eventually("each has a message", || match stage.deliveries.depth() {
        depth if depth >= WAITING => Ok(()),
        depth => Err(format!("{depth} messages")),
    });

    // Nothing is worked until both sweeps are over: the second one meets what the first has sent.
    let pause = stage.functions.pause(&stage.deliveries);
    // What other tests have left overdue would be counted among ours.
    stage.functions.sweep();
    stage.deliveries.purge();
    for delivery in &waiting {
        stage.rows.due(delivery, OVERDUE);
    }
    let since = now();
    stage.functions.sweep();
    assert_eq!(stage.deliveries.depth(), WAITING);
    assert_eq!(stage.functions.sweep()["reenqueued"], 0);
    assert_eq!(stage.deliveries.depth(), WAITING);
    receiver.reply_from_now_on(Reply::status(200));
    drop(pause);

    shop.wait_for(WAITING, "SUCCESS", 2);
    assert_eq!(receiver.count(), 2 * WAITING, "each is tried once more");
    let sweeps = eventually("both sweeps have logged their metrics", || {
        let sweeps = stage.functions.sweep_metrics(since);
        if sweeps.len() >= 2 { Ok(sweeps) } else { Err(format!("{sweeps:?}")) }
    });
    // A sweep of the schedule's may have taken some of them, so the sum is what is known.
    let sent: f64 = sweeps.iter().map(|line| metric(line, SENT)).sum();
    assert_eq!(sent, WAITING as f64, "{sweeps:?}");
    let oldest_s = sweeps.iter().map(|line| metric(line, OLDEST)).fold(0.0, f64::max);
    let overdue_s = OVERDUE.as_secs_f64();
    assert!((overdue_s..overdue_s + 60.0).contains(&oldest_s), "{sweeps:?}");
}

const SENT: &str = "SweepReenqueued";
const OLDEST: &str = "SweepOldestOverdue";

/// A number that the line declares as a metric, or CloudWatch would not take it for one.
#[track_caller]
fn metric(line: &Value, name: &str) -> f64 {
    let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    let is_declared = declared.is_some_and(|all| all.iter().any(|own| own["Name"] == name));
    assert!(is_declared, "{line} declares no {name}");
    line[name].as_f64().unwrap_or_else(|| panic!("{line} has no {name}"))
}
