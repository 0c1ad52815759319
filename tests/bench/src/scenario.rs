//! What is measured: the scenarios as data, and how one of them is run.
//!
//! Five of the six differ only in numbers and share [`steady`]; [`backlog`] is a story of its own.
//! Each runs on a merchant, a source and endpoints of its own, and on an empty data directory
//! where the harness starts the server.

mod backlog;
mod stage;
mod steady;

use std::time::Duration;

use crate::clock::Clock;
use crate::error::Failure;
use crate::generator::Pace;
use crate::narrator::Narrator;
use crate::report::{Measured, Outcome};
use crate::target::Target;

/// One scenario, with everything that bounds its work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) story: Story,
    pub(crate) pace: Pace,
    pub(crate) body_bytes: usize,
    pub(crate) endpoints: usize,
    /// Posted and delivered before the measured events, to fill caches and pools.
    pub(crate) warm_up_events: u64,
    /// At most so many events are measured ...
    pub(crate) events: u64,
    /// ... and none is sent after this.
    pub(crate) time_limit: Duration,
}

/// Which course a scenario takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    /// Post, deliver, done.
    Steady,
    /// Everything is refused at first, becomes due while the server is down, and is swept up.
    Backlog,
}

/// How the harness runs all its scenarios.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) connections: usize,
    /// One webhook signature in so many is verified.
    pub(crate) verify_every: u64,
    /// `--sweep-every` of a server that has a backlog to sweep.
    pub(crate) sweep_every: Duration,
    /// Wait between tries of an endpoint that is to build up a backlog; `None`: by their number.
    pub(crate) backlog_wait: Option<Duration>,
    /// With no arrival for so long, what has not arrived is lost.
    pub(crate) patience: Duration,
    /// How long after the last arrival duplicates are still waited for, and the server's last
    /// records still counted.
    pub(crate) quiet: Duration,
}

/// Where a scenario runs.
pub(crate) struct Bench<'a> {
    pub(crate) target: &'a mut dyn Target,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) narrator: &'a Narrator,
}

const CLOSED: Scenario = Scenario {
    name: "closed",
    about: "closed loop, 256-byte events, one endpoint",
    story: Story::Steady,
    pace: Pace::Closed,
    body_bytes: 256,
    endpoints: 1,
    warm_up_events: 4_000,
    events: 100_000,
    time_limit: Duration::from_secs(15),
};

/// All scenarios, in the order in which they run.
pub(crate) const ALL: [Scenario; 6] = [
    CLOSED,
    Scenario {
        name: "open",
        about: "open loop, 200 events a second, 256-byte events, one endpoint",
        pace: Pace::Open { events_per_second: 200 },
        warm_up_events: 400,
        events: 4_000,
        time_limit: Duration::from_secs(20),
        ..CLOSED
    },
    Scenario {
        name: "closed-2k",
        about: "closed loop, 2 KiB events, one endpoint",
        body_bytes: 2 * 1024,
        events: 60_000,
        ..CLOSED
    },
    Scenario {
        name: "closed-20k",
        about: "closed loop, 20 KiB events, one endpoint",
        body_bytes: 20 * 1024,
        warm_up_events: 1_000,
        events: 20_000,
        ..CLOSED
    },
    Scenario {
        name: "fanout",
        about: "closed loop, 256-byte events, each to ten endpoints",
        endpoints: 10,
        warm_up_events: 400,
        events: 10_000,
        ..CLOSED
    },
    Scenario {
        name: "backlog",
        about: "due deliveries swept up by a server that has just started, 256-byte events",
        story: Story::Backlog,
        warm_up_events: 0,
        events: 100_000,
        time_limit: Duration::from_secs(120),
        ..CLOSED
    },
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 64,
            verify_every: 64,
            sweep_every: Duration::from_secs(5),
            backlog_wait: None,
            patience: Duration::from_secs(60),
            quiet: Duration::from_secs(1),
        }
    }
}

impl Scenario {
    /// A tenth of the work, to see that everything holds together. The figures are rougher.
    pub(crate) fn quick(self) -> Self {
        Self {
            warm_up_events: self.warm_up_events / 10,
            events: (self.events / 10).max(1),
            time_limit: self.time_limit / 10,
            ..self
        }
    }

    /// Runs the scenario. The target is stopped afterwards, whatever happened.
    pub(crate) fn run(&self, bench: &mut Bench<'_>) -> Outcome {
        if self.story == Story::Backlog && !bench.target.can_restart() {
            let reason = "needs a server that the harness may stop and start".to_owned();
            return Outcome::Skipped { reason };
        }
        let measured = match self.story {
            Story::Steady => steady::run(self, bench),
            Story::Backlog => backlog::run(self, bench),
        };
        match (measured, bench.target.stop()) {
            (Ok(measured), Ok(())) => Outcome::Measured(Box::new(measured)),
            (Ok(mut measured), Err(stop)) => {
                measured.correctness.stopped_badly = Some(stop.chain());
                Outcome::Measured(Box::new(measured))
            }
            (Err(failure), _) => Outcome::Failed { reason: failure.chain() },
        }
    }
}

/// What both stories return.
type Result<T = Measured> = std::result::Result<T, Failure>;

#[cfg(test)]
mod tests;
