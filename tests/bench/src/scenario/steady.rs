//! Warm up, post, wait for the last arrival, count.

use crate::cost::Meters;
use crate::generator::Pace;
use crate::report::{Correctness, Latencies, Measured, Rates, Setting};

use super::stage::Stage;
use super::{Bench, Result, Scenario};

pub(super) fn run(scenario: &Scenario, bench: &mut Bench<'_>) -> Result {
    let stage = Stage::set(scenario, bench, None)?;
    let measured_from = scenario.warm_up_events;
    let measured_to = measured_from + scenario.events;

    let warm_up =
        stage.post(bench, "warm-up", 0..measured_from, scenario.pace, scenario.time_limit)?;
    stage.drain(bench, "warm-up", &[&warm_up]);

    let before = Meters::read(bench, &stage.receiver);
    let log = stage.post(
        bench,
        "measuring",
        measured_from..measured_to,
        scenario.pace,
        scenario.time_limit,
    )?;
    stage.drain(bench, "draining", &[&warm_up, &log]);
    let after = Meters::read(bench, &stage.receiver);

    let ledger = stage.receiver.ledger();
    let rates = Rates::of(&log, ledger);
    let correctness = Correctness::judge(&stage.merchant, ledger, &[&warm_up, &log], bench);
    let measured = Measured {
        setting: Setting::of(scenario, &bench.settings),
        warm_up_events: warm_up.posted.len(),
        cost: after.cost_since(&before, &rates, log.cpu),
        latencies: Latencies::of(&log, ledger, scenario.pace != Pace::Closed),
        rates,
        backlog: None,
        correctness,
    };
    stage.receiver.stop()?;
    Ok(measured)
}
