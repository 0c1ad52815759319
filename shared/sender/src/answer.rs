//! Reads what a receiver answers, as far as it matters: the status, Retry-After, and of a failure
//! the first few kilobytes.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::response::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use postback_domain::delivery::retry::parse_retry_after;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::limits::RESPONSE_EXCERPT_BYTES_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::sender::Answer;

use crate::failure::Failure;

/// What has arrived of an answer. Lives outside the future that fills it, so that nothing which
/// has arrived is lost when time runs out.
#[derive(Debug, Default)]
pub(crate) struct Received {
    head: Option<Head>,
    /// The beginning of the body; of a failure only.
    beginning: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    outcome: Outcome,
    retry_after: Option<Duration>,
}

impl Received {
    /// Whether there is a status yet.
    pub(crate) fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// Takes the head in. A date in Retry-After is read against `at`.
    pub(crate) fn read_head(&mut self, parts: &Parts, at: Timestamp) {
        let status = parts.status.as_u16();
        let outcome = Outcome::of_status(status);
        let retry_after = match outcome {
            Outcome::Accepted => None,
            _ => parts
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| parse_retry_after(text, at)),
        };
        self.head = Some(Head { status, outcome, retry_after });
    }

    /// Reads the body to its end, or until it is longer than we keep. The rest of a longer one is
    /// not worth a byte of traffic: dropping the body here closes the connection, unless what is
    /// left of it has already arrived.
    pub(crate) async fn read_body(&mut self, mut body: Incoming) -> Result<(), hyper::Error> {
        let keep = self.head.is_some_and(|head| head.outcome != Outcome::Accepted);
        let mut seen_bytes = 0;
        while seen_bytes <= RESPONSE_EXCERPT_BYTES_MAX {
            let Some(frame) = body.frame().await else { break };
            // Trailers are of no interest, but may follow.
            let Ok(data) = frame?.into_data() else { continue };
            if keep {
                let room = RESPONSE_EXCERPT_BYTES_MAX.saturating_sub(seen_bytes);
                self.beginning.extend_from_slice(&data[..data.len().min(room)]);
            }
            seen_bytes += data.len();
        }
        Ok(())
    }

    /// The answer for the engine. `ended` says how reading ended.
    ///
    /// A failure that the receiver has named stays what it is, even if the rest of its answer never
    /// came. A success must be complete: a receiver that breaks off in the middle of saying so may
    /// not have kept what we sent.
    pub(crate) fn conclude(self, ended: Result<(), Failure>) -> Answer {
        let named = self.head.map(|head| head.outcome);
        let (outcome, detail) = match (named, ended) {
            (Some(outcome), Ok(())) => (outcome, own_words(outcome)),
            (Some(outcome), Err(_)) if outcome != Outcome::Accepted => {
                (outcome, own_words(outcome))
            }
            (_, Err(failure)) => (failure.outcome, Some(failure.detail.into_owned())),
            (None, Ok(())) => unreachable!("reading ends well only after a head"),
        };
        Answer {
            outcome,
            status: self.head.map(|head| head.status),
            retry_after: self.head.and_then(|head| head.retry_after),
            detail,
            excerpt: excerpt(&self.beginning),
        }
    }
}

/// What a merchant may not guess from the status alone.
fn own_words(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Redirected => {
            Some("redirects are not followed; set the endpoint to the final url".to_owned())
        }
        _ => None,
    }
}

/// Text that is safe to show: valid UTF-8, no control characters but line breaks and tabs, and as
/// JSON no longer than promised, although a replacement is longer than the byte it replaces.
fn excerpt(beginning: &[u8]) -> Option<String> {
    let mut bytes = 0;
    let text: String = String::from_utf8_lossy(beginning)
        .chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c })
        .take_while(|c| {
            bytes += c.len_utf8() + usize::from(matches!(c, '"' | '\\' | '\n' | '\t'));
            bytes <= RESPONSE_EXCERPT_BYTES_MAX
        })
        .collect();
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<&str>) {
        assert_eq!(excerpt(bytes).as_deref(), expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn excerpts_are_safe_to_show() {
        check(b"", None);
        check(b" \r\n\0", None);
        check(b"no such order", Some("no such order"));
        check(b"a\r\n\tb\x1b[31m\x00\x7f", Some("a \n\tb [31m  "));
        check("caf\u{e9}\u{85}".as_bytes(), Some("caf\u{e9} "));
        check(b"caf\xe9", Some("caf\u{fffd}"));
    }

    #[test]
    fn excerpts_are_bounded_after_replacement_and_escaping_too() {
        let text = excerpt(&[b'"'; RESPONSE_EXCERPT_BYTES_MAX]).unwrap();
        assert_eq!(text.len(), RESPONSE_EXCERPT_BYTES_MAX / 2);
        let text = excerpt(&[0xff; RESPONSE_EXCERPT_BYTES_MAX]).unwrap();
        assert!(text.len() <= RESPONSE_EXCERPT_BYTES_MAX && text.len() > 4000, "{}", text.len());
        let text = excerpt(&[b'x'; RESPONSE_EXCERPT_BYTES_MAX]).unwrap();
        assert_eq!(text.len(), RESPONSE_EXCERPT_BYTES_MAX);
    }
}
