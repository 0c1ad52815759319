//! WHOSE TURN IS IT? An endpoint may be called only so often, and whoever would call it takes a turn:
//! one moment after the other, evenly spaced. What is kept of a line is one time, from which on the
//! next turn is free, so that workers who share nothing else keep a limit together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::retry::Jitter;
use crate::limits::{LINE_MAX, RATE_LIMIT_MAX, RATE_LIMIT_MIN};
use crate::time::Timestamp;

/// How often an endpoint may be called, in thousandths of a call a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RateLimit(u32);

/// A rate outside of its range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("rate of {0} a second must be from {RATE_LIMIT_MIN} to {RATE_LIMIT_MAX}")]
pub struct RateLimitError(f64);

impl RateLimit {
    /// So many calls a second, to the thousandth.
    ///
    /// # Errors
    /// When it is not from [`RATE_LIMIT_MIN`] to [`RATE_LIMIT_MAX`].
    pub fn per_second(rate: f64) -> Result<Self, RateLimitError> {
        if !(RATE_LIMIT_MIN..=RATE_LIMIT_MAX).contains(&rate) {
            return Err(RateLimitError(rate));
        }
        // In range, so the product is positive and small.
        Ok(Self((rate * 1000.0).round() as u32))
    }

    /// Calls a second.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Between two turns, to the millisecond, rounded up: a limit is not exceeded.
    pub fn interval(self) -> Duration {
        Duration::from_millis(1_000_000_u64.div_ceil(u64::from(self.0.max(1))))
    }
}

/// What taking a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// At this time; now, if that is not later.
    At(Timestamp),
    /// The line is as long as it may be.
    Full,
}

/// Takes the next turn of a line whose next one is free from `free` on: answers with it, and with
/// the time from which the one after it is free, if it was taken.
pub fn take(
    free: Option<Timestamp>,
    limit: RateLimit,
    now: Timestamp,
) -> (Turn, Option<Timestamp>) {
    let turn = free.map_or(now, |free| free.max(now));
    if turn.since(now) > LINE_MAX {
        return (Turn::Full, free);
    }
    (Turn::At(turn), Some(turn.plus(limit.interval())))
}

/// When somebody comes again who found the line full: when it has moved on by a half or all of its
/// length, spread out, so that those who came together do not come together.
pub fn come_again(now: Timestamp, jitter: Jitter) -> Timestamp {
    now.plus(LINE_MAX / 2).plus(jitter.part_of(LINE_MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn at(millis: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(millis))
    }

    #[test]
    fn rates_are_parsed_not_trusted() {
        for (rate, millis) in [(0.1, 10_000), (1.0, 1000), (3.0, 334), (10.0, 100), (1000.0, 1)] {
            let limit = RateLimit::per_second(rate).unwrap();
            assert_eq!((limit.get(), limit.interval().as_millis()), (rate, millis));
        }
        for bad in [0.0, 0.09, -1.0, 1000.1, f64::NAN, f64::INFINITY] {
            assert!(RateLimit::per_second(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn turns_are_evenly_spaced_and_the_line_has_an_end() {
        let limit = RateLimit::per_second(4.0).unwrap();
        let (mut free, mut turns) = (None, Vec::new());
        for now in [0, 0, 0, 100, 2000] {
            let (turn, next) = take(free, limit, at(now));
            free = next;
            turns.push(turn);
        }
        assert_eq!(turns, [0, 250, 500, 750, 2000].map(|millis| Turn::At(at(millis))));
        let end = NOW.plus(LINE_MAX);
        assert_eq!(take(Some(end), limit, NOW).0, Turn::At(end));
        let beyond = end.plus(Duration::from_millis(1));
        assert_eq!(take(Some(beyond), limit, NOW), (Turn::Full, Some(beyond)));
    }

    #[test]
    fn who_found_the_line_full_comes_again_spread_out() {
        let early = come_again(NOW, Jitter::from_bits(0));
        let late = come_again(NOW, Jitter::from_bits(u32::MAX));
        assert_eq!((early.since(NOW), late.since(NOW)), (LINE_MAX / 2, LINE_MAX));
    }
}
