//! When each event of an open loop is due, decided before the run begins.
//!
//! Latency counts from the due time, not from the moment the harness got round to sending. A
//! server that stalls for a second is charged for every event that fell due in that second; a
//! loop that waits for answers before it sends would have hidden all but one of them.

use std::time::Duration;

use crate::clock::Moment;

/// Evenly spaced due times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: Moment,
    events_per_second: u32,
}

impl Schedule {
    /// The first event is due at `start`; a rate of zero is taken as one a second.
    pub(crate) fn new(start: Moment, events_per_second: u32) -> Self {
        Self { start, events_per_second: events_per_second.max(1) }
    }

    /// When the event at `index` (from 0) is due.
    ///
    /// Computed from the start, never from the event before, so that rounding does not add up.
    pub(crate) fn due(&self, index: u64) -> Moment {
        let ns = u128::from(index) * 1_000_000_000 / u128::from(self.events_per_second);
        self.start.after(Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(events_per_second: u32, index: u64, due_after_start: Duration) {
        let start = Moment::from_duration(Duration::from_secs(100));
        let schedule = Schedule::new(start, events_per_second);
        assert_eq!(schedule.due(index).since(start), due_after_start);
    }

    #[test]
    fn the_first_event_is_due_at_once() {
        check(200, 0, Duration::ZERO);
    }

    #[test]
    fn two_hundred_a_second_are_five_milliseconds_apart() {
        check(200, 1, Duration::from_millis(5));
        check(200, 4000, Duration::from_secs(20));
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_does_not_drift() {
        check(3, 1, Duration::from_nanos(333_333_333));
        check(3, 3_000_000, Duration::from_secs(1_000_000));
    }

    #[test]
    fn a_rate_of_zero_is_one_a_second() {
        check(0, 2, Duration::from_secs(2));
    }
}
