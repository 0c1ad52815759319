//! The one error of the harness: what it was doing, and why that did not work.
//!
//! A harness has no caller who could recover, only a reader who wants to know what to change;
//! so an error is a sentence with its cause, not a set of cases.

use std::error::Error;
use std::fmt;

/// Why a measurement could not be made.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure with no deeper cause: `what` names the value and the rule it breaks.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }

    /// The whole chain of causes in one line, for the edge that prints it.
    pub(crate) fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Says what was being done when an error of another kind came up.
pub(crate) trait Doing<T> {
    /// Turns the error into a [`Failure`] whose text is `what()` and whose cause is the error.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|cause| Failure { what: what(), cause: Some(cause.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_every_cause_once() {
        let inner: Result<(), _> = Err(std::io::Error::other("disk on fire"));
        let outer = inner.doing(|| "cannot read the log".to_owned()).unwrap_err();
        assert_eq!(outer.chain(), "cannot read the log: disk on fire");
        assert_eq!(Failure::new("plain").chain(), "plain");
    }
}
