//! How many requests a key may make in a minute, and how a caller is told: the headers `ratelimit`
//! and `ratelimit-policy` (IETF draft-ietf-httpapi-ratelimit-headers-10), and 429 with `retry-after`.
//!
//! Counted in this process alone: a limit against a client that has run wild, not a bill. Where
//! several workers serve the API, as Lambda's instances do, each counts for itself. The operator is
//! not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use postback_domain::audit::Actor;
use postback_domain::time::Timestamp;

/// The span of time that is counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// Keys that are counted at once; more than that, and all begin anew.
const KEYS_MAX: usize = 10_000;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Counts the requests of each key, and of each portal token.
#[derive(Debug)]
pub(crate) struct Quotas {
    per_window: u32,
    keys: Mutex<HashMap<Actor, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began_at: Timestamp,
    used: u32,
}

/// What is left to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    per_window: u32,
    /// In this window, after this request.
    pub(crate) requests: u32,
    /// Until the next window, in seconds, rounded up.
    pub(crate) resets_in_s: u64,
    /// Whether this request is within it.
    pub(crate) is_within: bool,
}

/// Where the one who knows the key leaves what is left to it, for the one who writes the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<OnceLock<Left>>);

impl Quotas {
    pub(crate) fn new(per_window: u32) -> Self {
        Self { per_window, keys: Mutex::default() }
    }

    /// Counts a request of this key.
    pub(crate) fn count(&self, key: Actor, now: Timestamp) -> Left {
        // A panic while it was held leaves a map that is still a map.
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX && !keys.contains_key(&key) {
            keys.clear();
        }
        let window = keys.entry(key).or_insert(Window { began_at: now, used: 0 });
        // A clock that has jumped back would keep a window for longer than it is.
        if now.since(window.began_at) >= WINDOW || now < window.began_at {
            *window = Window { began_at: now, used: 0 };
        }
        let is_within = window.used < self.per_window;
        window.used = window.used.saturating_add(1);
        let rest = WINDOW.saturating_sub(now.since(window.began_at));
        Left {
            per_window: self.per_window,
            requests: self.per_window.saturating_sub(window.used),
            resets_in_s: rest.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
            is_within,
        }
    }
}

impl Told {
    pub(crate) fn tell(&self, left: Left) {
        // There is one caller of a request, and so one answer to this.
        let _ = self.0.set(left);
    }

    /// Adds what was told to an answer.
    pub(crate) fn write(&self, answer: &mut Response) {
        let Some(left) = self.0.get() else { return };
        let window = WINDOW.as_secs();
        let policy = format!("\"default\";q={};w={window}", left.per_window);
        let now = format!("\"default\";r={};t={}", left.requests, left.resets_in_s);
        for (name, value) in [(RATELIMIT_POLICY, policy), (RATELIMIT, now)] {
            let value = HeaderValue::try_from(value).expect("digits, letters and quotes");
            answer.headers_mut().insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use postback_domain::ids::{KeyId, PortalTokenId};

    use super::*;

    const KEY: Actor = Actor::Key(KeyId::from_bits(1));

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_window_has_so_many_requests() {
        let quotas = Quotas::new(2);
        let mut told = Vec::new();
        for millis in [0, 500, 59_999, 60_000] {
            let left = quotas.count(KEY, at(millis));
            told.push((left.requests, left.resets_in_s, left.is_within));
        }
        assert_eq!(told, [(1, 60, true), (0, 60, true), (0, 1, false), (1, 60, true)]);
        for other in [Actor::Key(KeyId::from_bits(2)), Actor::Portal(PortalTokenId::from_bits(1))] {
            assert!(quotas.count(other, at(60_000)).is_within, "each for itself");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_keeps_nobody_out() {
        let quotas = Quotas::new(1);
        assert!(quotas.count(KEY, at(100_000)).is_within);
        assert!(!quotas.count(KEY, at(100_001)).is_within);
        assert!(quotas.count(KEY, at(5)).is_within);
    }

    #[test]
    fn it_is_told_in_two_headers() {
        let told = Told::default();
        let mut answer = Response::default();
        told.write(&mut answer);
        assert!(answer.headers().is_empty(), "of nobody whose key is known");
        told.tell(Quotas::new(3000).count(KEY, at(0)));
        told.write(&mut answer);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"default\";q=3000;w=60");
        assert_eq!(answer.headers()["ratelimit"], "\"default\";r=2999;t=60");
    }
}
