//! Values on the command line, from text.

use std::time::Duration;

use jiff::SignedDuration;
use postback_domain::time::Timestamp;
use postback_engine::ports::Clock as _;
use postback_engine::ports::clock::SystemClock;
use postback_verify::{Tolerance, UnixTime};

/// Reads `5m`, `90s`, `1h 30m`; from one second to one day.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "must be a duration such as 30s or 5m".to_owned())?;
    let duration = Duration::try_from(span).map_err(|_| "must not be negative".to_owned())?;
    let range = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    if range.contains(&duration) { Ok(duration) } else { Err("must be from 1s to 24h".to_owned()) }
}

/// Reads a duration, or `none`.
pub(super) fn tolerance(text: &str) -> Result<Tolerance, String> {
    if text == "none" { Ok(Tolerance::Unchecked) } else { duration(text).map(Tolerance::Within) }
}

/// Reads `2026-09-21T12:00:00Z` or `1790000000`.
pub(super) fn moment(text: &str) -> Result<UnixTime, String> {
    let secs = text.parse().map(UnixTime::from_secs).ok();
    let millis = || {
        let time: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok().map(UnixTime::from_millis)
    };
    secs.or_else(millis).ok_or("must be RFC 3339 or seconds since 1970".to_owned())
}

pub(crate) fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads `2026-09-21T12:00:00Z`, or `2h` as two hours ago.
pub(crate) fn when(text: &str) -> Result<Timestamp, String> {
    before(text, SystemClock.now())
}

fn before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let ago = match days {
        Some(days) => Some(Duration::from_secs(u64::from(days) * 24 * 3600)),
        None => text.parse::<SignedDuration>().ok().and_then(|ago| ago.try_into().ok()),
    };
    let ago = ago.ok_or("must be RFC 3339, or how long ago, such as 2h or 3d")?;
    Ok(now.minus(ago))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at = UnixTime::from_secs(1_790_000_000);
        assert_eq!(moment("1790000000"), Ok(at));
        assert_eq!(moment("2026-09-21T14:13:20Z"), Ok(at));
        assert_eq!(moment("2026-09-21T16:13:20.000+02:00"), Ok(at));
        for bad in ["", "yesterday", "-1", "1969-12-31T23:59:59Z"] {
            assert!(moment(bad).is_err(), "{bad:?}");
        }
        assert_eq!(tolerance("none"), Ok(Tolerance::Unchecked));
        assert_eq!(tolerance("5m"), Ok(Tolerance::Within(Duration::from_secs(300))));
    }

    #[test]
    fn durations() {
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for bad in ["", "5", "0s", "-5m", "500ms", "25h", "soon"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_or_how_long_ago() {
        let time: Timestamp = "2026-09-21T12:00:00Z".parse().unwrap();
        assert_eq!(before("2026-09-21T12:00:00Z", Timestamp::MAX), Ok(time));
        for (text, minutes) in [("2h", 120), ("3d", 3 * 24 * 60), ("90m", 90)] {
            let ago = time.since(before(text, time).unwrap());
            assert_eq!(ago.as_secs(), minutes * 60, "{text}");
        }
        for bad in ["", "yesterday", "3x", "-2h", "99999999999999d"] {
            assert!(before(bad, time).is_err(), "{bad:?}");
        }
    }
}
