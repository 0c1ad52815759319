//! Timer in: what is due and has nobody coming for it goes back on the `deliveries` queue.
//!
//! The sweep itself is the engine's. Here it gets its time, and what it found is published: as a
//! log line that CloudWatch makes metrics of, and as the answer for whoever starts it by hand. What
//! time is left goes to the orders of merchants to be sent again what they missed.

pub mod metrics;

use postback_domain::limits::SWEEP_STEP_MAX;
use postback_domain::time::Timestamp;
use postback_engine::Engine;
use postback_engine::ports::history::History;
use postback_engine::ports::recoveries::Recoveries;
use postback_engine::ports::{Clock, Ports};
use postback_engine::sweep::Swept;
use serde::Serialize;

/// What a sweep found, for whoever started it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Messages sent.
    pub reenqueued: usize,
    /// How long the most overdue delivery had been due; 0 when none was.
    pub oldest_overdue_s: u64,
    /// Whether there was more to do than time.
    pub cut_short: bool,
}

/// A sweep that did not see everything. What it found is on the queue all the same; failing has
/// the invocation counted as failed, and the schedule start another.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shards_failed} shards were not swept to their end")]
pub struct Incomplete {
    shards_failed: u16,
}

/// Sweeps, and stops early enough before the deadline for the steps that have begun. `publish`
/// takes the line with the metrics, which names this function.
///
/// # Errors
/// When the store failed in one shard or more.
pub async fn handle<P: Ports<Store: History + Recoveries>>(
    engine: &Engine<P>,
    deadline: Timestamp,
    function: &str,
    publish: impl FnOnce(String),
) -> Result<Report, Incomplete> {
    let until = deadline.minus(SWEEP_STEP_MAX);
    let swept = engine.sweep_until(until).await;
    publish(metrics::line(&swept, engine.ports().clock().now(), function));
    // A step of these takes a page, which is not longer than a step of the sweep.
    // On the heap: inside of this future it would be a type too deep for the compiler.
    if let Err(error) = Box::pin(engine.recover_all(until)).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the orders to recover could not be read; the next sweep goes on with them"
        );
    }
    swept.try_into()
}

impl TryFrom<Swept> for Report {
    type Error = Incomplete;

    fn try_from(swept: Swept) -> Result<Self, Incomplete> {
        let Swept { sent, oldest_overdue, cut_short, shards_failed } = swept;
        if shards_failed > 0 {
            return Err(Incomplete { shards_failed });
        }
        let oldest_overdue_s = oldest_overdue.unwrap_or_default().as_secs();
        Ok(Self { reenqueued: sent, oldest_overdue_s, cut_short })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_failed_fails_the_sweep() {
        let swept = Swept { sent: 7, shards_failed: 3, ..Swept::default() };
        let error = Report::try_from(swept).unwrap_err();
        assert_eq!(error.to_string(), "3 shards were not swept to their end");
    }
}
