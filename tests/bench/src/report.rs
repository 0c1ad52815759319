//! The figures of a run, as they are printed in JSON, and how they follow from what was seen.
//!
//! Names and units here are what a reader of the JSON gets; `README.md` explains each.

mod correctness;
pub(crate) mod table;

use std::time::Duration;

use serde::Serialize;

use crate::cost::Cost;
use crate::generator::{LoadLog, Pace};
use crate::machine::Machine;
use crate::percentiles::Percentiles;
use crate::receiver::Ledger;
use crate::scenario::{Scenario, Settings};

pub(crate) use correctness::Correctness;

/// All that is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The program that was measured with its further arguments, or a URL.
    pub(crate) server: String,
    pub(crate) machine: Machine,
    pub(crate) scenarios: Vec<ScenarioReport>,
}

/// What became of one scenario.
#[derive(Debug, Serialize)]
pub(crate) struct ScenarioReport {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// Whether there are figures.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    Measured(Box<Measured>),
    /// It could not be run to its end.
    Failed {
        reason: String,
    },
    /// It cannot be run against this target.
    Skipped {
        reason: String,
    },
}

/// The figures of one scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) setting: Setting,
    pub(crate) warm_up_events: usize,
    #[serde(flatten)]
    pub(crate) rates: Rates,
    #[serde(flatten)]
    pub(crate) latencies: Latencies,
    #[serde(flatten)]
    pub(crate) cost: Cost,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backlog: Option<BacklogFigures>,
    pub(crate) correctness: Correctness,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) body_bytes: usize,
    pub(crate) endpoints: usize,
    pub(crate) connections: usize,
    /// Absent in a closed loop.
    pub(crate) events_per_s: Option<u32>,
    pub(crate) events_max: u64,
    pub(crate) time_limit_s: f64,
    pub(crate) signature_verified_every: u64,
}

/// How many, and how fast.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Rates {
    pub(crate) events_sent: u64,
    /// Answered with 200.
    pub(crate) events_accepted: u64,
    /// Accepted, and arrived at every endpoint.
    pub(crate) events_delivered: u64,
    pub(crate) deliveries_arrived: u64,
    /// What the rates below are taken over: from the first POST to the last arrival; in a backlog,
    /// from the first arrival to the last.
    pub(crate) seconds: f64,
    pub(crate) delivered_events_per_s: f64,
    pub(crate) deliveries_per_s: f64,
    /// From the first POST to the last answer. Above the delivered rate, deliveries have queued.
    pub(crate) accepted_events_per_s: f64,
}

/// How long it took, in milliseconds. In an open loop counted from when an event was due.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latencies {
    /// Until the answer to the POST was complete.
    pub(crate) ack_ms: Option<Percentiles>,
    /// Until the receiver had the whole webhook; one sample for each delivery.
    pub(crate) end_to_end_ms: Option<Percentiles>,
    /// How late the harness was itself; contained in both of the above. Only in an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) send_lateness_ms: Option<Percentiles>,
}

/// What is particular to the sweep of a backlog. Seconds count from the start of the process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct BacklogFigures {
    pub(crate) wait_s: u64,
    pub(crate) sweep_every_s: u64,
    /// Deliveries whose first try was refused before the server was stopped.
    pub(crate) deliveries_tried_before: u64,
    /// All tries that were refused, second ones included.
    pub(crate) tries_before: u64,
    pub(crate) server_ready_s: f64,
    pub(crate) first_arrival_s: Option<f64>,
    pub(crate) last_arrival_s: Option<f64>,
}

impl Report {
    /// Every reason why this run must not count as a success. Slowness is none.
    pub(crate) fn faults(&self) -> Vec<String> {
        let of_scenario = |scenario: &ScenarioReport| match &scenario.outcome {
            Outcome::Measured(measured) => measured.correctness.faults(),
            Outcome::Failed { reason } => vec![format!("could not be measured: {reason}")],
            Outcome::Skipped { .. } => Vec::new(),
        };
        let named = |scenario: &ScenarioReport| {
            let name = scenario.name;
            of_scenario(scenario).into_iter().map(move |fault| format!("{name}: {fault}"))
        };
        self.scenarios.iter().flat_map(named).collect()
    }
}

impl Setting {
    pub(crate) fn of(scenario: &Scenario, settings: &Settings) -> Self {
        Self {
            body_bytes: scenario.body_bytes,
            endpoints: scenario.endpoints,
            connections: settings.connections,
            events_per_s: match scenario.pace {
                Pace::Closed => None,
                Pace::Open { events_per_second } => Some(events_per_second),
            },
            events_max: scenario.events,
            time_limit_s: scenario.time_limit.as_secs_f64(),
            signature_verified_every: settings.verify_every,
        }
    }
}

impl Rates {
    /// Counts the events of `log` that arrived, from the first POST to the last arrival.
    pub(crate) fn of(log: &LoadLog, ledger: &Ledger) -> Self {
        let mut rates = Self { events_sent: log.posted.len() as u64, ..Self::default() };
        let (mut last_arrival, mut last_answer) = (None, None);
        for event in log.posted.iter().filter(|event| event.accepted()) {
            let arrivals = (0..ledger.endpoints()).map(|at| ledger.arrival(event.number, at));
            let arrived: Vec<_> = arrivals.flatten().collect();
            rates.events_accepted += 1;
            rates.deliveries_arrived += arrived.len() as u64;
            rates.events_delivered += u64::from(arrived.len() == ledger.endpoints());
            last_arrival = last_arrival.max(arrived.into_iter().max());
            last_answer = last_answer.max(event.answer.map(|(at, _)| at));
        }
        let first = log.posted.iter().map(|event| event.sent).min();
        let until =
            |last| first.zip(last).map(|(first, last)| crate::clock::Moment::since(last, first));
        let answering = until(last_answer).unwrap_or_default();
        rates.accepted_events_per_s = per_second(rates.events_accepted, answering);
        rates.over(until(last_arrival).unwrap_or_default())
    }

    /// The same counts, with rates over another time.
    pub(crate) fn over(self, time: Duration) -> Self {
        Self {
            seconds: time.as_secs_f64(),
            delivered_events_per_s: per_second(self.events_delivered, time),
            deliveries_per_s: per_second(self.deliveries_arrived, time),
            ..self
        }
    }
}

impl Latencies {
    /// The latencies of the accepted events of `log`; `lateness` where the load was open.
    pub(crate) fn of(log: &LoadLog, ledger: &Ledger, lateness: bool) -> Self {
        let accepted = || log.posted.iter().filter(|event| event.accepted());
        let acks = accepted().filter_map(|event| Some(event.answer?.0.since(event.due)));
        let ends = accepted().flat_map(|event| {
            let arrivals = (0..ledger.endpoints()).map(|at| ledger.arrival(event.number, at));
            arrivals.flatten().map(|arrived| arrived.since(event.due))
        });
        let late = log.posted.iter().map(|event| event.sent.since(event.due));
        Self {
            ack_ms: Percentiles::of(acks.collect()),
            end_to_end_ms: Percentiles::of(ends.collect()),
            send_lateness_ms: lateness.then(|| Percentiles::of(late.collect())).flatten(),
        }
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}
