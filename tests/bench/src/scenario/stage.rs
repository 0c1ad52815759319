//! What every scenario needs before it can begin, and the two things all of them do: post events
//! while the receiver listens, and wait until what was accepted has arrived.

use std::ops::Range;
use std::thread::{self, sleep};
use std::time::Duration;

use crate::api::{Api, Merchant};
use crate::clock::{Moment, unix_seconds};
use crate::error::Failure;
use crate::events::{EventTemplate, SignedRequests};
use crate::generator::{self, Load, LoadLog, Pace, Progress};
use crate::receiver::{Bound, Expected, Receiver};
use crate::target::Started;

use super::{Bench, Result, Scenario};

/// What the Stripe source of every scenario is signed with. A made-up secret of a server that
/// lives for a minute.
const STRIPE_SECRET: &str = "whsec_postbackBenchSourceSecret00000000";

/// How often the waiting thread looks up: often enough for the display, too rarely to cost.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A server, a merchant with a source and endpoints, and the receiver behind the endpoints.
pub(super) struct Stage {
    pub(super) receiver: Receiver,
    pub(super) merchant: Merchant,
    server: Started,
    template: EventTemplate,
}

impl Stage {
    /// Starts the server and sets everything up through its API. `waits_s` are the waits between
    /// the tries of each endpoint, where the server's own are not wanted.
    pub(super) fn set(
        scenario: &Scenario,
        bench: &mut Bench<'_>,
        waits_s: Option<&[u64]>,
    ) -> Result<Self> {
        let server = bench.target.start(scenario.name, None)?;
        let admin = Api::admin(server.address, bench.target.admin_key());
        let merchant = admin.create_merchant(scenario.name, STRIPE_SECRET)?;
        let template = EventTemplate::of_length(scenario.body_bytes)?;
        let bound = Bound::bind()?;
        let secrets = (0..scenario.endpoints)
            .map(|index| merchant.create_endpoint(&bound.endpoint_url(index), waits_s))
            .collect::<Result<Vec<_>>>()?;
        let expected = Expected {
            template: template.clone(),
            events: scenario.warm_up_events + scenario.events,
            secrets,
            verify_every: bench.settings.verify_every,
        };
        let receiver = bound.serve(expected, bench.clock)?;
        Ok(Self { receiver, merchant, server, template })
    }

    /// The server is another process now, at another address.
    pub(super) fn move_to(&mut self, server: Started) {
        self.merchant = self.merchant.moved_to(server.address);
        self.server = server;
    }

    /// Signs the events `numbers`, then posts them from a thread of its own.
    pub(super) fn post(
        &self,
        bench: &Bench<'_>,
        what: &str,
        numbers: Range<u64>,
        pace: Pace,
        time_limit: Duration,
    ) -> Result<LoadLog> {
        let count = numbers.end - numbers.start;
        let requests = SignedRequests::sign(
            &self.template,
            &self.server.address.to_string(),
            &self.merchant.ingest_path,
            STRIPE_SECRET,
            unix_seconds(),
            numbers,
        );
        let load = Load {
            address: self.server.address,
            requests: &requests,
            pace,
            connections: bench.settings.connections,
            time_limit,
        };
        let (clock, progress) = (bench.clock, Progress::default());
        let arrived_before = self.receiver.ledger().arrived();
        thread::scope(|scope| {
            let generator = scope.spawn(|| generator::run(&load, &clock, &progress));
            while !generator.is_finished() {
                let arrived = self.receiver.ledger().arrived() - arrived_before;
                bench.narrator.counts(
                    what,
                    &[("of", count), ("answered", progress.answered()), ("arrived", arrived)],
                );
                sleep(LOOK_AGAIN);
            }
            generator.join().unwrap_or_else(|_| Err(Failure::new("the generator panicked")))
        })
    }

    /// Waits until every accepted event of `logs` has arrived at every endpoint, or nothing has
    /// arrived for as long as patience lasts; then for the quiet time.
    pub(super) fn drain(&self, bench: &Bench<'_>, what: &str, logs: &[&LoadLog]) {
        let ledger = self.receiver.ledger();
        let accepted = logs.iter().flat_map(|log| &log.posted).filter(|event| event.accepted());
        let owed = accepted.count() as u64 * ledger.endpoints() as u64;
        let mut seen = Watched::new(ledger.arrived(), bench.clock.now());
        // Counting is cheap, looking at every event is not: that is done once the count is there.
        while ledger.arrived() < owed || self.missing(logs) > 0 {
            let now = bench.clock.now();
            if seen.unchanged_for(ledger.arrived(), now) > bench.settings.patience {
                break;
            }
            bench.narrator.counts(what, &[("of", owed), ("arrived", ledger.arrived())]);
            sleep(LOOK_AGAIN);
        }
        sleep(bench.settings.quiet);
    }

    /// Accepted events that have not arrived, counted once for each endpoint.
    pub(super) fn missing(&self, logs: &[&LoadLog]) -> u64 {
        let ledger = self.receiver.ledger();
        let accepted = logs.iter().flat_map(|log| &log.posted).filter(|event| event.accepted());
        let missing_of = |number| {
            let endpoints = 0..ledger.endpoints();
            endpoints.filter(|endpoint| ledger.arrival(number, *endpoint).is_none()).count() as u64
        };
        accepted.map(|event| missing_of(event.number)).sum()
    }
}

/// A count, and since when it has not changed.
pub(super) struct Watched {
    count: u64,
    since: Moment,
}

impl Watched {
    pub(super) fn new(count: u64, now: Moment) -> Self {
        Self { count, since: now }
    }

    /// How long the count has been what it is now.
    pub(super) fn unchanged_for(&mut self, count: u64, now: Moment) -> Duration {
        if count != self.count {
            *self = Self::new(count, now);
        }
        now.since(self.since)
    }
}
