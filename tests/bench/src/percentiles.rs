//! Percentiles of latencies, exact: every sample is kept and sorted, none is put into a bucket.
//!
//! A run has at most some hundred thousand samples, so exactness costs a megabyte and a sort
//! after the clock has stopped.

use std::time::Duration;

use serde::Serialize;

/// Latencies of one kind, in milliseconds, as they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// How many samples the figures rest on.
    pub(crate) samples: usize,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// The percentiles of `samples`, or `None` where there is no sample.
    pub(crate) fn of(mut samples: Vec<Duration>) -> Option<Self> {
        samples.sort_unstable();
        let max = *samples.last()?;
        let at = |per_mille| milliseconds(nearest_rank(&samples, per_mille));
        Some(Self {
            samples: samples.len(),
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p999: at(999),
            max: milliseconds(max),
        })
    }
}

/// A duration in milliseconds, to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The nearest-rank percentile: the smallest sample that at least `per_mille` of all samples do
/// not exceed. It is always a sample that was really seen.
fn nearest_rank(sorted: &[Duration], per_mille: usize) -> Duration {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(samples_ms: impl IntoIterator<Item = u64>, expected: Option<[f64; 5]>) {
        let samples = samples_ms.into_iter().map(Duration::from_millis).collect();
        let found = Percentiles::of(samples).map(|p| [p.p50, p.p90, p.p99, p.p999, p.max]);
        assert_eq!(found, expected);
    }

    #[test]
    fn no_sample_has_no_percentile() {
        check([], None);
    }

    #[test]
    fn one_sample_is_every_percentile() {
        check([7], Some([7.0; 5]));
    }

    #[test]
    fn two_samples_split_at_the_middle() {
        check([9, 1], Some([1.0, 9.0, 9.0, 9.0, 9.0]));
    }

    #[test]
    fn a_hundred_samples_in_reverse() {
        check((1..=100).rev(), Some([50.0, 90.0, 99.0, 100.0, 100.0]));
    }

    #[test]
    fn a_thousand_samples_tell_p99_from_p999() {
        check(1..=1000, Some([500.0, 900.0, 990.0, 999.0, 1000.0]));
    }

    #[test]
    fn one_outlier_in_a_hundred_and_one_moves_only_the_far_tail() {
        let samples = std::iter::repeat_n(1, 100).chain([500]);
        check(samples, Some([1.0, 1.0, 1.0, 500.0, 500.0]));
    }

    #[test]
    fn microseconds_survive() {
        let found = Percentiles::of(vec![Duration::from_nanos(1_234_567)]).unwrap();
        assert_eq!(found.p50, 1.235);
    }
}
