//! Points in time as this crate sees them: numbers given by the caller. No clock is read here.

use std::time::Duration;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    millis: u64,
}

/// How far a request's timestamp may be from the clock.
///
/// Matters only to schemes with a readable timestamp ([`Scheme::has_time`](crate::Scheme::has_time));
/// every other scheme ignores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tolerance {
    /// What the scheme record says in `ts.tol`, which may be "do not check".
    #[default]
    SchemeDefault,
    /// This far into the past and into the future, both ends included.
    Within(Duration),
    /// The age is not checked; a replay is caught by its event id alone.
    Unchecked,
}

impl UnixTime {
    /// From whole seconds; saturates after about 584 million years.
    pub const fn from_secs(secs: u64) -> Self {
        Self { millis: secs.saturating_mul(1000) }
    }

    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.millis / 1000
    }

    /// Milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// Reads RFC 3339 such as `2026-09-21T12:00:00.5+02:00`, with any number of decimals, which
    /// count to the millisecond. Nothing before 1970.
    pub(crate) fn of_rfc3339(text: &[u8]) -> Option<Self> {
        let (date_time, rest) = text.split_at_checked("2026-09-21T12:00:00".len())?;
        let [
            year @ ..,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T' | b't',
            h1,
            h2,
            b':',
            n1,
            n2,
            b':',
            s1,
            s2,
        ] = date_time
        else {
            return None;
        };
        let two = |high: &u8, low: &u8| decimal(&[*high, *low]);
        let (month, day) = (two(m1, m2)?, two(d1, d2)?);
        let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
        // A leap second is the first of the next minute, as clocks that know none have it.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let days = days_from_civil(decimal(year)?, month, day)?;
        let (millis, offset) = fraction_millis(rest)?;
        let secs = days * 86_400 + hour * 3600 + minute * 60 + second;
        let secs = secs.checked_add_signed(-offset_secs(offset)?)?;
        Some(Self::from_millis(secs * 1000 + millis))
    }

    /// RFC 3339 in UTC to the second, for signing with schemes that want it: `2026-09-21T12:00:00Z`.
    pub(crate) fn to_rfc3339(self) -> String {
        let (days, secs_of_day) = (self.as_secs() / 86_400, self.as_secs() % 86_400);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (secs_of_day / 3600, secs_of_day / 60 % 60, secs_of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A number of ASCII digits and nothing else. One too large to hold is as far in the future as can
/// be said.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// The milliseconds of `.5` and what is behind it; none if there are no decimals.
fn fraction_millis(text: &[u8]) -> Option<(u64, &[u8])> {
    let [b'.', decimals @ ..] = text else { return Some((0, text)) };
    let count = decimals.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let (decimals, rest) = decimals.split_at(count);
    let digit = |nth: usize| decimals.get(nth).map_or(0, |digit| u64::from(digit - b'0'));
    (count > 0).then(|| (digit(0) * 100 + digit(1) * 10 + digit(2), rest))
}

/// Seconds east of Greenwich.
fn offset_secs(text: &[u8]) -> Option<i64> {
    match text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (decimal(&[*h1, *h2])?, decimal(&[*m1, *m2])?);
            let secs = (hours * 3600 + minutes * 60).cast_signed();
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -secs } else { secs })
        }
        _ => None,
    }
}

/// Days from 1970-01-01 to a Gregorian date; the reverse of [`civil_from_days`], which also knows
/// which dates there are.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year_from_march, month_from_march) =
        if month > 2 { (year, month.checked_sub(3)?) } else { (year.checked_sub(1)?, month + 9) };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * DAYS_PER_400_YEARS + day_of_era).checked_sub(DAYS_FROM_YEAR_0_MARCH)?;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

const DAYS_FROM_YEAR_0_MARCH: u64 = 719_468;
const DAYS_PER_400_YEARS: u64 = 146_097;

/// Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the
/// leap day is the last of its year and every month but it starts at a fixed offset.
fn civil_from_days(days_since_epoch: u64) -> (u64, u64, u64) {
    let days = days_since_epoch + DAYS_FROM_YEAR_0_MARCH;
    let (era, day_of_era) = (days / DAYS_PER_400_YEARS, days % DAYS_PER_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339() {
        let read = |text: &str| UnixTime::of_rfc3339(text.as_bytes()).map(UnixTime::as_millis);
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-09-21T14:13:20Z", 1_790_000_000_000),
            ("2026-09-21t16:13:20.5+02:00", 1_790_000_000_500),
            ("2026-09-21T08:43:20.123456789-05:30", 1_790_000_000_123),
            ("2026-09-21T14:13:20+00:00", 1_790_000_000_000),
            ("2024-02-29T00:00:00z", 1_709_164_800_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ] {
            assert_eq!(read(text), Some(millis), "{text}");
        }
        for text in [
            "",
            "1790000000",
            "2026-09-21",
            "2026-09-21T14:13:20",
            "2026-09-21 14:13:20Z",
            "2026-09-21T14:13Z",
            "2026-09-21T14:13:20.Z",
            "2026-09-21T14:13:20Z ",
            "2026-09-21T24:00:00Z",
            "2026-09-21T14:60:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-09-31T00:00:00Z",
            "2026-09-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "0000-01-01T00:00:00Z",
            "2026-09-21T14:13:20+24:00",
            "2026-09-21T14:13:20+2:00",
            "+026-09-21T14:13:20Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        for secs in [0, 951_782_400, 951_868_799, 1_790_000_000, 4_107_542_400] {
            let at = UnixTime::from_secs(secs);
            assert_eq!(UnixTime::of_rfc3339(at.to_rfc3339().as_bytes()), Some(at));
        }
    }

    #[test]
    fn renders_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(UnixTime::from_secs(secs).to_rfc3339(), text);
        }
    }
}
