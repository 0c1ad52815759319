//! Which event types an endpoint wants: `*`, `charge.*`, or `charge.refunded`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::EventType;
use crate::limits::EVENT_TYPE_BYTES_MAX;

/// One event-type filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventFilter {
    /// `*`: everything, events without a type included.
    Every,
    /// `charge.*`: everything that starts with `charge.`.
    Prefix(String),
    /// This type and no other.
    Exact(String),
}

/// A text that is not an event-type filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "event type filter `{0}` must be a type, `prefix.*` or `*`, at most {EVENT_TYPE_BYTES_MAX} bytes"
)]
pub struct EventFilterError(String);

impl EventFilter {
    /// Whether an event of this type passes.
    pub fn takes(&self, event_type: &EventType) -> bool {
        match self {
            Self::Every => true,
            Self::Prefix(prefix) => event_type.as_str().starts_with(prefix.as_str()),
            Self::Exact(exact) => event_type.as_str() == exact,
        }
    }
}

impl FromStr for EventFilter {
    type Err = EventFilterError;

    fn from_str(text: &str) -> Result<Self, EventFilterError> {
        let refuse = || EventFilterError(text.chars().take(64).collect());
        if text == "*" {
            return Ok(Self::Every);
        }
        let (stem, is_prefix) = match text.strip_suffix(".*") {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        let plain = !stem.is_empty()
            && text.len() <= EVENT_TYPE_BYTES_MAX
            && !stem.chars().any(|c| c == '*' || c.is_control() || c.is_whitespace());
        match (plain, is_prefix) {
            (false, _) => Err(refuse()),
            (true, true) => Ok(Self::Prefix(format!("{stem}."))),
            (true, false) => Ok(Self::Exact(stem.to_owned())),
        }
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Exact(exact) => f.write_str(exact),
        }
    }
}

impl TryFrom<String> for EventFilter {
    type Error = EventFilterError;

    fn try_from(text: String) -> Result<Self, EventFilterError> {
        text.parse()
    }
}

impl From<EventFilter> for String {
    fn from(filter: EventFilter) -> Self {
        filter.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, event_type: &str, takes: bool) {
        let parsed: EventFilter = filter.parse().unwrap();
        assert_eq!(parsed.takes(&EventType::new(event_type)), takes, "{filter} on {event_type}");
        assert_eq!(parsed.to_string(), filter);
    }

    #[test]
    fn takes_what_it_says() {
        check("*", "charge.refunded", true);
        check("*", "unknown", true);
        check("charge.*", "charge.refunded", true);
        check("charge.*", "charge.dispute.created", true);
        check("charge.*", "charge", false);
        check("charge.*", "charger.refunded", false);
        check("charge.refunded", "charge.refunded", true);
        check("charge.refunded", "charge.refunded.v2", false);
        check("OPENPIX:CHARGE_COMPLETED", "OPENPIX:CHARGE_COMPLETED", true);
    }

    #[test]
    fn refuses_what_would_never_match() {
        for bad in ["", ".*", "**", "a*b", "charge*", "a b", "a.*.*", "a\n"] {
            assert!(bad.parse::<EventFilter>().is_err(), "{bad:?}");
        }
    }
}
