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

    /// RFC 3339 in UTC to the second, for signing with schemes that want it: `2026-09-21T12:00:00Z`.
    pub(crate) fn to_rfc3339(self) -> String {
        let (days, secs_of_day) = (self.as_secs() / 86_400, self.as_secs() % 86_400);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (secs_of_day / 3600, secs_of_day / 60 % 60, secs_of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the
/// leap day is the last of its year and every month but it starts at a fixed offset.
fn civil_from_days(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_FROM_YEAR_0_MARCH: u64 = 719_468;
    const DAYS_PER_400_YEARS: u64 = 146_097;
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
