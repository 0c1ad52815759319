//! The attempts of a delivery, as a merchant reads them.

use serde::{Deserialize, Serialize};

use super::verdict::Outcome;
use crate::limits::ATTEMPT_LOG_MAX;
use crate::time::Timestamp;

/// One HTTP request made for a delivery, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which try of its round; the first is 1.
    pub number: u8,
    /// Which round; the first is 1.
    pub round: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// How it went.
    pub outcome: Outcome,
    /// The HTTP status, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The beginning of the answer's body; only of failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_excerpt: Option<String>,
}

/// Adds an attempt to a log, dropping the oldest beyond [`ATTEMPT_LOG_MAX`].
pub fn push(log: &mut Vec<Attempt>, attempt: Attempt) {
    let surplus = (log.len() + 1).saturating_sub(ATTEMPT_LOG_MAX);
    log.drain(..surplus);
    log.push(attempt);
}
