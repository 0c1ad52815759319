//! Whether what was measured is also right: this alone decides the exit status.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;

use crate::api::Merchant;
use crate::generator::LoadLog;
use crate::receiver::Ledger;
use crate::scenario::Bench;

/// Refusals a server under too much load may answer; the event stays the provider's.
const OVERLOAD: [u16; 2] = [429, 503];

/// How long the record of a delivery may lag behind its arrival.
const RECORD_PATIENCE: Duration = Duration::from_secs(5);

/// What went wrong, in counts. Covers the warm-up too.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Correctness {
    pub(crate) accepted: u64,
    /// Accepted, and never arrived; counted once for each endpoint.
    pub(crate) lost: u64,
    /// Arrived again after the receiver had answered 200.
    pub(crate) duplicates: u64,
    /// Requests to the receiver that were not, byte for byte, an event sent to that endpoint.
    pub(crate) mismatched: u64,
    pub(crate) signatures_checked: u64,
    pub(crate) signatures_bad: u64,
    /// Answers other than 200 to an event, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Events posted without ever an answer.
    pub(crate) unanswered: u64,
    /// Arrived though not accepted. Allowed: the answer may have been lost on its way.
    pub(crate) arrived_unaccepted: u64,
    /// What the API says of deliveries that should all be `SUCCESS` by now.
    pub(crate) records: Vec<String>,
    /// Why the server is not taken to have stopped on SIGTERM as it should.
    pub(crate) stopped_badly: Option<String>,
}

impl Correctness {
    /// Compares what was accepted with what arrived, and asks the API whether it agrees.
    pub(crate) fn judge(
        merchant: &Merchant,
        ledger: &Ledger,
        logs: &[&LoadLog],
        bench: &Bench<'_>,
    ) -> Self {
        Self { records: unfinished(merchant, bench), ..Self::compare(ledger, logs) }
    }

    fn compare(ledger: &Ledger, logs: &[&LoadLog]) -> Self {
        let mut found = Self {
            duplicates: ledger.duplicates(),
            mismatched: ledger.mismatched(),
            signatures_checked: ledger.signatures_checked(),
            signatures_bad: ledger.signatures_bad(),
            ..Self::default()
        };
        for log in logs {
            found.unanswered += log.unanswered();
            for (status, count) in log.refused() {
                *found.refused.entry(status).or_insert(0) += count;
            }
            for event in &log.posted {
                let all = 0..ledger.endpoints();
                let arrived = all.filter(|at| ledger.arrival(event.number, *at).is_some()).count();
                if event.accepted() {
                    found.accepted += 1;
                    found.lost += (ledger.endpoints() - arrived) as u64;
                } else {
                    found.arrived_unaccepted += arrived as u64;
                }
            }
        }
        found
    }

    /// Why the run must not count as a success, one sentence each; empty where it may.
    pub(crate) fn faults(&self) -> Vec<String> {
        let counts = [
            (self.lost, "accepted and never arrived"),
            (self.duplicates, "arrived again after a 200"),
            (self.mismatched, "did not match what was sent"),
            (self.signatures_bad, "had a signature that does not verify"),
            (self.unanswered, "were never answered"),
        ];
        let mut faults: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let refused = self.refused.iter().filter(|(status, _)| !OVERLOAD.contains(status));
        faults.extend(refused.map(|(status, count)| format!("{count} were answered {status}")));
        if self.accepted == 0 {
            faults.push("no event was accepted".to_owned());
        }
        faults.extend(self.records.iter().cloned());
        faults.extend(self.stopped_badly.clone());
        faults
    }
}

/// Every delivery has arrived, so none may be `PENDING` or `FAILED` in the server's records.
fn unfinished(merchant: &Merchant, bench: &Bench<'_>) -> Vec<String> {
    let begun = bench.clock.now();
    let patience = RECORD_PATIENCE.min(bench.settings.patience);
    let mut found = Vec::new();
    for state in ["PENDING", "FAILED"] {
        loop {
            let in_state = match merchant.has_delivery_in(state) {
                Ok(in_state) => in_state,
                Err(failure) => {
                    found.push(format!("the records cannot be read: {}", failure.chain()));
                    break;
                }
            };
            if !in_state {
                break;
            }
            if bench.clock.now().since(begun) > patience {
                found.push(format!("the API still lists a delivery as {state}"));
                break;
            }
            sleep(Duration::from_millis(50));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Correctness, faults: &[&str]) {
        assert_eq!(found.faults(), faults);
    }

    fn some() -> Correctness {
        Correctness { accepted: 10, signatures_checked: 1, ..Correctness::default() }
    }

    #[test]
    fn nothing_wrong_is_no_fault() {
        check(some(), &[]);
    }

    #[test]
    fn every_count_of_something_wrong_is_a_fault() {
        check(Correctness { lost: 1, ..some() }, &["1 accepted and never arrived"]);
        check(Correctness { duplicates: 2, ..some() }, &["2 arrived again after a 200"]);
        check(Correctness { mismatched: 3, ..some() }, &["3 did not match what was sent"]);
        let signature = ["4 had a signature that does not verify"];
        check(Correctness { signatures_bad: 4, ..some() }, &signature);
        check(Correctness { unanswered: 5, ..some() }, &["5 were never answered"]);
        check(Correctness { accepted: 0, ..some() }, &["no event was accepted"]);
        let records = vec!["the API still lists a delivery as PENDING".to_owned()];
        check(Correctness { records, ..some() }, &["the API still lists a delivery as PENDING"]);
        let stopped_badly = Some("killed".to_owned());
        check(Correctness { stopped_badly, ..some() }, &["killed"]);
    }

    #[test]
    fn being_busy_is_no_fault_and_refusing_for_another_reason_is() {
        let refused = [(401, 1), (429, 7), (503, 9)].into();
        check(Correctness { refused, ..some() }, &["1 were answered 401"]);
    }

    #[test]
    fn an_event_that_arrived_without_a_200_is_no_fault() {
        check(Correctness { arrived_unaccepted: 3, ..some() }, &[]);
    }
}
