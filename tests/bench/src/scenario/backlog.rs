//! How fast does a server that has just started find and deliver what is due?
//!
//! The endpoint refuses every first try with 503, and its retry policy puts the second one a while
//! off. Once each delivery was tried, the server is stopped: whatever it had queued in memory is
//! gone, and only the records know what is owed. It stays down until everything is due. Then the
//! endpoint opens, the server starts, and nothing but a sweep of its records can find the work.

use std::thread::sleep;
use std::time::Duration;

use crate::clock::Moment;
use crate::cost::Meters;
use crate::generator::LoadLog;
use crate::receiver::Ledger;
use crate::report::{BacklogFigures, Correctness, Latencies, Measured, Rates, Setting};

use super::stage::{Stage, Watched};
use super::{Bench, Result, Scenario};

/// Tries after the first; with the waits below none is used up before the endpoint opens.
const WAITS: usize = 6;

/// The server spreads waits by a fifth to either side; a little is added for its own clock.
const JITTER: f64 = 1.2;

/// A server slower than this begins to retry before all is accepted, which does no harm: the tries
/// fail like the first ones, and are counted.
const ACCEPTED_PER_SECOND_MIN: u64 = 3_000;

/// With no further first try for so long the rest is not tried at all, but parked.
const FIRST_TRIES_PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(scenario: &Scenario, bench: &mut Bench<'_>) -> Result {
    let by_number = Duration::from_secs((scenario.events / ACCEPTED_PER_SECOND_MIN).max(20));
    let wait = bench.settings.backlog_wait.unwrap_or(by_number);
    let mut stage = Stage::set(scenario, bench, Some(&[wait.as_secs().max(1); WAITS]))?;
    stage.receiver.refuse(true);
    let numbers = 0..scenario.events;
    let log = stage.post(bench, "refusing", numbers, scenario.pace, scenario.time_limit)?;
    await_first_tries(bench, &stage, &log);
    let tried = stage.receiver.ledger().refused_distinct();
    let tries = stage.receiver.ledger().refused();

    bench.target.stop()?;
    let down_for = wait.mul_f64(JITTER) + Duration::from_secs(1);
    let down_until = bench.clock.now().after(down_for);
    while bench.clock.now() < down_until {
        let left = down_until.since(bench.clock.now()).as_secs();
        bench.narrator.counts("server down, seconds until all is due", &[("left", left)]);
        sleep(Duration::from_millis(100).min(down_for));
    }

    stage.receiver.refuse(false);
    let before = Meters::read(bench, &stage.receiver);
    let begun = bench.clock.now();
    let server = bench.target.start(scenario.name, Some(bench.settings.sweep_every))?;
    stage.move_to(server);
    stage.drain(bench, "sweeping", &[&log]);
    let after = Meters::read(bench, &stage.receiver);

    let ledger = stage.receiver.ledger();
    let rates = drained(&log, ledger);
    let arrivals = arrivals(&log, ledger);
    let backlog = BacklogFigures {
        wait_s: wait.as_secs(),
        sweep_every_s: bench.settings.sweep_every.as_secs(),
        deliveries_tried_before: tried,
        tries_before: tries,
        server_ready_s: server.took.as_secs_f64(),
        first_arrival_s: arrivals.clone().min().map(|at| at.since(begun).as_secs_f64()),
        last_arrival_s: arrivals.max().map(|at| at.since(begun).as_secs_f64()),
    };
    let correctness = Correctness::judge(&stage.merchant, ledger, &[&log], bench);
    let measured = Measured {
        setting: Setting::of(scenario, &bench.settings),
        warm_up_events: 0,
        // The generator worked before the measured time, not in it.
        cost: after.cost_since(&before.with_a_new_server(), &rates, None),
        latencies: Latencies { end_to_end_ms: None, ..Latencies::of(&log, ledger, false) },
        rates,
        backlog: Some(backlog),
        correctness,
    };
    stage.receiver.stop()?;
    Ok(measured)
}

fn await_first_tries(bench: &Bench<'_>, stage: &Stage, log: &LoadLog) {
    let ledger = stage.receiver.ledger();
    let owed = log.posted.iter().filter(|event| event.accepted()).count() as u64;
    let owed = owed * ledger.endpoints() as u64;
    let mut seen = Watched::new(0, bench.clock.now());
    while ledger.refused_distinct() < owed {
        let tried = ledger.refused_distinct();
        let patience = FIRST_TRIES_PATIENCE.min(bench.settings.patience);
        if seen.unchanged_for(tried, bench.clock.now()) > patience {
            break;
        }
        bench.narrator.counts("first tries", &[("of", owed), ("refused", tried)]);
        sleep(Duration::from_millis(20));
    }
}

/// Rates from the first arrival to the last: how fast the sweep drains once it is under way.
fn drained(log: &LoadLog, ledger: &Ledger) -> Rates {
    let arrivals = arrivals(log, ledger);
    let first = arrivals.clone().min();
    let time = first.zip(arrivals.max()).map(|(first, last)| last.since(first));
    Rates::of(log, ledger).over(time.unwrap_or_default())
}

fn arrivals<'a>(
    log: &'a LoadLog,
    ledger: &'a Ledger,
) -> impl Iterator<Item = Moment> + Clone + use<'a> {
    let accepted = log.posted.iter().filter(|event| event.accepted());
    let pairs = accepted
        .flat_map(|event| (0..ledger.endpoints()).map(move |endpoint| (event.number, endpoint)));
    pairs.filter_map(|(number, endpoint)| ledger.arrival(number, endpoint))
}
