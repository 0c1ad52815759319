//! Nothing a sender or an operator gives may panic, and nothing may be accepted that was not
//! signed. One target for each shape of scheme, fed with damaged requests that began as real ones:
//! the vectors of the shape's providers.
//!
//! A run has a fixed number of rounds and a fixed seed, so a failure repeats. For longer runs:
//! `POSTBACK_FUZZ_ROUNDS=10000000 POSTBACK_FUZZ_SEED=2 cargo test -p postback-verify --release
//! --test fuzz`. A failure names seed and round.

mod damage;
mod records;
mod shapes;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rounds of one target, unless said otherwise.
const ROUNDS: u64 = 20_000;

/// Marsaglia's xorshift64.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Calls `round` with chance of its own, as often as this run has rounds.
///
/// # Panics
/// When a round does, with what repeats it.
pub(crate) fn fuzz(target: &str, mut round: impl FnMut(&mut Random)) {
    let seed = number("POSTBACK_FUZZ_SEED").unwrap_or(1);
    for number in 0..number("POSTBACK_FUZZ_ROUNDS").unwrap_or(ROUNDS) {
        // Each round can be repeated alone. Xorshift must not begin at zero.
        let mixed = (seed << 40 | number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = Random(mixed | 1);
        let outcome = catch_unwind(AssertUnwindSafe(|| round(&mut random)));
        assert!(outcome.is_ok(), "{target}: round {number} of seed {seed} failed");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}
