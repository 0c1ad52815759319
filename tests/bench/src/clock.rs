//! The only place of the harness that reads a clock.
//!
//! Every moment is nanoseconds since one common origin, so that moments taken by the generator's
//! thread and by the receiver's thread can be subtracted from each other.

use std::num::NonZeroU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic clock shared by all threads of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

/// A moment of this run. Never zero, so that zero can mean "never" where moments are stored in
/// atomics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

impl Clock {
    /// Starts a clock; its origin is now.
    pub(crate) fn start() -> Self {
        Self { origin: read() }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Moment {
        Moment::from_duration(read().duration_since(self.origin))
    }
}

impl Moment {
    /// The moment `elapsed` after the origin (at least one nanosecond after it).
    pub(crate) fn from_duration(elapsed: Duration) -> Self {
        let ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(ns).unwrap_or(NonZeroU64::MIN))
    }

    /// The stored form of [`Moment::to_bits`]; zero is `None`.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }

    /// Nanoseconds since the origin, never zero.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// How long after `earlier` this is; zero where it is not after it.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.to_bits().saturating_sub(earlier.to_bits()))
    }

    /// The moment `wait` later.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self::from_duration(Duration::from_nanos(self.to_bits()).saturating_add(wait))
    }
}

/// Seconds since 1970, for the timestamp inside a signature.
#[expect(clippy::disallowed_methods, reason = "the server checks the age of a signature")]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[expect(clippy::disallowed_methods, reason = "measuring real time is what a harness is for")]
fn read() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_subtract_and_add() {
        let early = Moment::from_duration(Duration::from_millis(3));
        let late = early.after(Duration::from_millis(4));
        assert_eq!(late.since(early), Duration::from_millis(4));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Moment::from_bits(late.to_bits()), Some(late));
        assert_eq!(Moment::from_bits(0), None);
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
