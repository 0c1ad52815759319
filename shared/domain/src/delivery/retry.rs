//! WHEN IS THE NEXT TRY? Pure: no clock, no queue, no I/O.
//!
//! Each wait of the policy is a step. Jitter moves it by up to a fifth either way, so that what
//! failed together does not come back together. A receiver that says Retry-After is heard between
//! the step and twice the step: asking for less does not hurry us, and asking for a year does not
//! park a payment for a year.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{RETRY_WAIT_MAX, RETRY_WAITS_MAX};
use crate::time::Timestamp;

/// How often and how patiently a delivery is tried: one try more than there are waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct RetryPolicy {
    waits: Vec<Duration>,
}

/// Waits that make no policy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RetryPolicyError {
    /// Too many.
    #[error("{0} waits must be at most {RETRY_WAITS_MAX}")]
    TooMany(usize),
    /// Negative, not a number, or too long.
    #[error("wait of {0} s must be from 0.001 to {max} s", max = RETRY_WAIT_MAX.as_secs())]
    OutOfRange(f64),
}

impl RetryPolicy {
    /// From waits in seconds, to the millisecond; an empty list means a single try.
    ///
    /// # Errors
    /// When there are too many, or one is out of range.
    pub fn from_secs(waits_s: &[f64]) -> Result<Self, RetryPolicyError> {
        if waits_s.len() > RETRY_WAITS_MAX {
            return Err(RetryPolicyError::TooMany(waits_s.len()));
        }
        let waits = waits_s.iter().map(|wait_s| {
            let in_range = (0.001..=RETRY_WAIT_MAX.as_secs_f64()).contains(wait_s);
            if !in_range {
                return Err(RetryPolicyError::OutOfRange(*wait_s));
            }
            // In range, so the product is small and positive; the fraction below 1 ms is dropped.
            Ok(Duration::from_millis((wait_s * 1000.0).round() as u64))
        });
        Ok(Self { waits: waits.collect::<Result<_, _>>()? })
    }

    /// The waits, in seconds.
    pub fn waits_s(&self) -> Vec<f64> {
        self.waits.iter().map(Duration::as_secs_f64).collect()
    }

    /// How many tries a round has.
    pub fn tries(&self) -> u8 {
        u8::try_from(self.waits.len() + 1).expect("the number of waits is limited")
    }
}

impl Default for RetryPolicy {
    /// 7 tries in about 31 hours: 5 s, 1 min, 10 min, 1 h, 6 h, 24 h.
    fn default() -> Self {
        let waits = [5, 60, 600, 3600, 6 * 3600, 24 * 3600].map(Duration::from_secs);
        Self { waits: waits.to_vec() }
    }
}

impl TryFrom<Vec<f64>> for RetryPolicy {
    type Error = RetryPolicyError;

    fn try_from(waits_s: Vec<f64>) -> Result<Self, RetryPolicyError> {
        Self::from_secs(&waits_s)
    }
}

impl From<RetryPolicy> for Vec<f64> {
    fn from(policy: RetryPolicy) -> Self {
        policy.waits_s()
    }
}

/// A random number that spreads retries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(u32);

impl Jitter {
    /// From 32 random bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// An even part of this, from nothing to all of it.
    pub fn part_of(self, whole: Duration) -> Duration {
        whole.mul_f64(f64::from(self.0) / f64::from(u32::MAX))
    }

    /// Moves a step by up to a fifth either way, evenly.
    fn spread(self, step: Duration) -> Duration {
        let fraction = f64::from(self.0) / f64::from(u32::MAX);
        step.mul_f64(0.8 + 0.4 * fraction)
    }
}

/// How long to wait after `tries` tries of this round have failed; `None` when that was the last.
pub fn wait(
    policy: &RetryPolicy,
    tries: u8,
    retry_after: Option<Duration>,
    jitter: Jitter,
) -> Option<Duration> {
    let step = *policy.waits.get(usize::from(tries.checked_sub(1)?))?;
    let own = jitter.spread(step);
    Some(match retry_after {
        Some(asked) => own.max(asked.clamp(step, step * 2)),
        None => own,
    })
}

/// Reads a Retry-After header (RFC 9110 §10.2.3): seconds, or a date, which is read against `now`.
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits beyond 64 bits mean "never", which the clamp turns into twice the step.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: Jitter = Jitter::from_bits(0);
    const MIDDLE: Jitter = Jitter::from_bits(u32::MAX / 2);
    const LATE: Jitter = Jitter::from_bits(u32::MAX);

    fn check(tries: u8, asked_s: Option<u64>, jitter: Jitter, expected_s: Option<f64>) {
        let asked = asked_s.map(Duration::from_secs);
        let got = wait(&RetryPolicy::default(), tries, asked, jitter).map(|w| w.as_secs_f64());
        let close = match (got, expected_s) {
            (Some(got), Some(expected)) => (got - expected).abs() < 0.01,
            (got, expected) => got == expected,
        };
        assert!(close, "after try {tries}, asked {asked_s:?}: {got:?}, not {expected_s:?}");
    }

    #[test]
    fn the_default_schedule() {
        let steps = [5.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0];
        for (tries, step) in (1..).zip(steps) {
            check(tries, None, EARLY, Some(step * 0.8));
            check(tries, None, MIDDLE, Some(step));
            check(tries, None, LATE, Some(step * 1.2));
        }
        check(7, None, MIDDLE, None);
        check(8, None, MIDDLE, None);
        check(0, None, MIDDLE, None);
        assert_eq!(RetryPolicy::default().tries(), 7);
    }

    #[test]
    fn retry_after_is_heard_between_the_step_and_twice_the_step() {
        check(2, Some(0), EARLY, Some(60.0));
        check(2, Some(30), EARLY, Some(60.0));
        check(2, Some(90), EARLY, Some(90.0));
        check(2, Some(90), LATE, Some(90.0));
        check(2, Some(61), LATE, Some(72.0));
        check(2, Some(31_536_000), EARLY, Some(120.0));
        check(7, Some(90), MIDDLE, None);
    }

    #[test]
    fn retry_after_headers() {
        let now: Timestamp = "2026-11-06T08:49:07Z".parse().unwrap();
        for (text, expected_s) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Fri, 06 Nov 2026 08:49:37 GMT", Some(30)),
            ("Fri, 06 Nov 2026 08:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let expected = expected_s.map(Duration::from_secs);
            assert_eq!(parse_retry_after(text, now), expected, "{text:?}");
        }
    }

    #[test]
    fn policies_are_parsed_not_trusted() {
        assert_eq!(RetryPolicy::from_secs(&[]).unwrap().tries(), 1);
        assert_eq!(RetryPolicy::from_secs(&[0.25, 2.0]).unwrap().waits_s(), [0.25, 2.0]);
        for bad in [vec![0.0], vec![-1.0], vec![f64::NAN], vec![f64::INFINITY], vec![604_801.0]] {
            assert!(RetryPolicy::from_secs(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(RetryPolicy::from_secs(&[1.0; 20]), Err(RetryPolicyError::TooMany(20)));
    }
}
