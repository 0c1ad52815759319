//! What a function is told by its environment. Everything is read before anything fails, so that
//! one look at the log names every variable that is missing or cannot be used.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use postback_domain::endpoint::Destinations;

use crate::cache::AGE_MAX;

/// How long events and deliveries are kept, unless the stack says otherwise.
pub const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// Reads variables and remembers what was wrong with them.
///
/// A variable that cannot be used reads as something harmless that nobody gets to see, because
/// [`Variables::finish`] then fails.
pub struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

/// Variables that are missing or cannot be used, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment cannot be used: {}", .0.join("; "))]
pub struct EnvironmentError(Vec<String>);

/// The retention that a stack may ask for, in days: longer than the default policy's tries take, and
/// with time for an operator to redrive what they came to.
const RETENTION_DAYS: RangeInclusive<u64> = 7..=3650;

impl<'a> Variables<'a> {
    /// The variables of this process.
    pub fn of_process() -> Variables<'static> {
        Variables { lookup: &|name| std::env::var(name).ok(), faults: Vec::new() }
    }

    /// Variables from elsewhere.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, faults: Vec::new() }
    }

    /// A variable that must be there.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is missing"));
            String::new()
        })
    }

    /// A variable that may be missing; an empty one counts as missing.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// `true` or `false`; `false` when it is missing.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.optional(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                self.faults.push(format!("{name} `{other}` must be true or false"));
                false
            }
        }
    }

    /// A [`Variables::flag`] that also allows private addresses and plain http.
    pub fn destinations(&mut self, name: &str) -> Destinations {
        if self.flag(name) { Destinations::AlsoPrivate } else { Destinations::PublicHttps }
    }

    /// A whole number of days from 7 to 3650.
    pub fn days(&mut self, name: &str, default: Duration) -> Duration {
        let days = self.whole(name, RETENTION_DAYS);
        days.map_or(default, |days| Duration::from_secs(days * 24 * 3600))
    }

    /// How long configuration is remembered: whole seconds up to a minute, which is the default.
    pub fn memory(&mut self) -> Duration {
        let seconds = self.whole("POSTBACK_CACHE_SECONDS", 0..=AGE_MAX.as_secs());
        seconds.map_or(AGE_MAX, Duration::from_secs)
    }

    fn whole(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.optional(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (from, to) = (range.start(), range.end());
            self.faults.push(format!("{name} `{text}` must be a whole number from {from} to {to}"));
        }
        number
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When a variable was missing or could not be used.
    pub fn finish(self) -> Result<(), EnvironmentError> {
        if self.faults.is_empty() { Ok(()) } else { Err(EnvironmentError(self.faults)) }
    }
}

impl fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").field("faults", &self.faults).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "NAME" => "postback",
            "EMPTY" => "",
            "YES" => "true",
            "NO" => "false",
            "MAYBE" => "maybe",
            "SEVEN" => "7",
            "TOO_MANY" => "3651",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn what_is_there_is_read() {
        let mut variables = Variables::new(&lookup);
        assert_eq!(variables.required("NAME"), "postback");
        assert_eq!(variables.optional("EMPTY"), None);
        assert_eq!(["YES", "NO", "MISSING"].map(|name| variables.flag(name)), [true, false, false]);
        assert_eq!(variables.days("SEVEN", DAY), 7 * DAY);
        assert_eq!(variables.days("MISSING", DAY), DAY);
        assert_eq!(variables.finish(), Ok(()));
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let mut variables = Variables::new(&lookup);
        variables.required("MISSING");
        variables.required("EMPTY");
        variables.flag("MAYBE");
        variables.days("TOO_MANY", DAY);
        variables.days("NAME", DAY);
        assert_eq!(
            variables.finish().unwrap_err().to_string(),
            "environment cannot be used: MISSING is missing; EMPTY is missing; \
             MAYBE `maybe` must be true or false; \
             TOO_MANY `3651` must be a whole number from 7 to 3650; \
             NAME `postback` must be a whole number from 7 to 3650"
        );
    }
}
