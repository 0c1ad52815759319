//! The only place of the suite that reads a clock.
//!
//! Time never decides whether a test passes, with two exceptions: everything awaited must come
//! before a generous deadline, and a wait that the contract promises must not be cut short.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long anything may take before it counts as missing. Far beyond what a loaded machine needs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often [`eventually`] looks.
const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// The present moment of the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the suite observes a real server in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, for the timestamp inside a signature.
pub fn unix_seconds() -> u64 {
    since_1970().as_secs()
}

/// A text that no other test of this or another run has: for ids that must be unique in a stack.
pub fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{count}", since_1970().as_nanos(), std::process::id())
}

/// Looks until `look` finds what it looks for, and answers with that.
///
/// `look` says what it sees instead while it does not find it; the last such text is part of the
/// message when the deadline passes.
///
/// # Panics
/// When [`DEADLINE`] passes first.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    within(DEADLINE, what, look)
}

/// [`eventually`], with a deadline of its own.
///
/// # Panics
/// When `deadline` passes first.
#[track_caller]
pub fn within<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > deadline => {
                panic!("{what}: not within {} s; last seen: {seen}", deadline.as_secs())
            }
            Err(_) => sleep(LOOK_AGAIN),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server checks the age of a signature")]
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_until_it_finds() {
        let mut looks = 0;
        let found = eventually("the third look", || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(format!("look {looks}")) }
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "a miracle: not within 0 s; last seen: nothing")]
    fn gives_up_at_the_deadline() {
        within(Duration::ZERO, "a miracle", || Err::<(), _>("nothing".to_owned()));
    }

    #[test]
    fn unique_texts_differ() {
        assert_ne!(unique(), unique());
    }
}
