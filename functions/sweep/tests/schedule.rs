//! The schedule's envelope, replayed over the real engine and store.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postback_domain::event::Event;
use postback_domain::ids::{EndpointId, RecoveryId};
use postback_domain::limits::{SWEEP_STEP_MAX, SWEEP_TIMEOUT};
use postback_domain::recovery::{Counts, Place, Recovery, Standing};
use postback_domain::text::Label;
use postback_engine::ports::recoveries::Recoveries as _;
use postback_engine::take_in::FirstTries;
use postback_stage::{MERCHANT, NOW, Stage, act, at, envelope, event};
use postback_sweep::Report;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Three deliveries that nobody comes for, 90 s overdue.
async fn overdue() -> Stage {
    let stage = Stage::new(1).await;
    for name in ["evt_1", "evt_2", "evt_3"] {
        stage.engine().take_in(&event(name), FirstTries::Queued).await.unwrap();
    }
    stage.queue().take();
    stage.clock().advance(Duration::from_secs(90));
    stage
}

async fn sweep(stage: &Stage, time: Duration) -> (Report, Value) {
    let stored = envelope(Path::new(env!("CARGO_MANIFEST_DIR")), "scheduled.json");
    let _: IgnoredAny = serde_json::from_value(stored).unwrap();
    let mut lines = Vec::new();
    let publish = |line: String| lines.push(serde_json::from_str(&line).unwrap());
    let (engine, deadline) = (stage.engine(), at(90).plus(time));
    let report = postback_sweep::handle(engine, deadline, "postback-sweep", publish).await.unwrap();
    assert_eq!(lines.len(), 1);
    (report, lines.remove(0))
}

#[tokio::test]
async fn what_is_overdue_goes_back_and_is_published() {
    let stage = overdue().await;
    let (report, metrics) = sweep(&stage, SWEEP_TIMEOUT).await;
    let expected = Report { reenqueued: 3, oldest_overdue_s: 90, cut_short: false };
    assert_eq!(report, expected);
    assert_eq!(stage.queue().take().len(), 3);
    assert_eq!(
        (&metrics["SweepReenqueued"], &metrics["SweepOldestOverdue"], &metrics["SweepCutShort"]),
        (&3.into(), &90.into(), &0.into())
    );

    // The next one leaves them to the messages that are on their way.
    let (report, metrics) = sweep(&stage, SWEEP_TIMEOUT).await;
    assert_eq!(report, Report { reenqueued: 0, oldest_overdue_s: 0, cut_short: false });
    assert_eq!(metrics["SweepOldestOverdue"], 0);
}

#[tokio::test]
async fn without_time_for_a_step_none_is_begun() {
    let stage = overdue().await;
    let (report, metrics) = sweep(&stage, SWEEP_STEP_MAX).await;
    assert_eq!((report.reenqueued, report.cut_short), (0, true));
    assert_eq!(metrics["SweepCutShort"], 1);
    assert!(stage.queue().take().is_empty());
}

#[tokio::test]
async fn what_could_not_be_sent_is_not_counted_and_comes_with_a_later_sweep() {
    let stage = overdue().await;
    stage.queue().set_down(true);
    let (report, _) = sweep(&stage, SWEEP_TIMEOUT).await;
    assert_eq!((report.reenqueued, report.oldest_overdue_s), (0, 90));
    stage.queue().set_down(false);
    stage.clock().advance(Duration::from_secs(331));
    let (report, _) = sweep(&stage, SWEEP_TIMEOUT + Duration::from_secs(331)).await;
    assert_eq!(report.reenqueued, 3);
}

/// What a request has begun and had no time for.
#[tokio::test]
async fn orders_to_recover_are_gone_on_with() {
    let stage = Stage::new(1).await;
    for number in 0..250 {
        stage
            .engine()
            .take_in(&nobodys(&format!("evt_{number}")), FirstTries::Queued)
            .await
            .unwrap();
    }
    stage.clock().advance(Duration::from_secs(90));
    let id = RecoveryId::from_bits(1);
    let order = Recovery {
        id,
        merchant_id: MERCHANT,
        endpoint_id: EndpointId::from_bits(1),
        since: NOW,
        until: at(90),
        places: vec![Place::Addressed(Label::parse("acct_1").unwrap())],
        per_second: 1000,
        created_at: at(90),
        standing: Standing::Running { place: 0, cursor: None, next_due_at: at(90) },
        counts: Counts::default(),
    };
    stage.store().create_recovery(order, act()).await.unwrap();
    let (report, _) = sweep(&stage, SWEEP_TIMEOUT).await;
    assert_eq!(report.reenqueued, 0, "the sweep's own work is counted apart");
    assert_eq!(stage.queue().take().len(), 250);
    let order = stage.store().read_recovery(id).await.unwrap().unwrap();
    assert_eq!((order.counts.recovered, order.is_running()), (250, false));
}

/// For a merchant that is not here.
fn nobodys(name: &str) -> Arc<Event> {
    Arc::new(Event { addressee: Label::parse("acct_1").ok(), ..(*event(name)).clone() })
}
