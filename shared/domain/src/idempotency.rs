//! A request that must take effect once, however often it is sent: what the header
//! `Idempotency-Key` asks for (IETF draft-ietf-httpapi-idempotency-key-header-07).
//!
//! Two things are kept of it for a day. The answer, so that it can be given again. And, from the
//! beginning, a seed: everything that the request draws at random (ids, keys, secrets) comes from
//! it, so that a request whose worker died after its effect and before its answer, made again,
//! draws the same and finds its own work done. Seed and answer are opaque here: the caller seals
//! them, and only whoever sends the request again can open them.

use crate::limits::{IDEMPOTENCY_HOLD, IDEMPOTENCY_KEPT};
use crate::time::Timestamp;

/// Under what a record is kept: a digest of who asks and of the key that he chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId(pub [u8; 32]);

/// A digest of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Under what it is kept.
    pub id: RecordId,
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// What its random numbers come from, sealed.
    pub seed: Vec<u8>,
    /// When it was first begun.
    pub begun_at: Timestamp,
    /// Until when whoever began it last has it for himself.
    pub held_until: Timestamp,
    /// Its answer, sealed, once it has one.
    pub answer: Option<Vec<u8>>,
}

/// What a record means for somebody who sends the request (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Its time is over; the key is free for any request.
    Ended,
    /// The key belongs to another request.
    OtherRequest,
    /// The answer is there.
    Answered,
    /// Somebody is at it.
    Running,
    /// Whoever was at it died, or let go of it: begin it again, from its seed.
    Abandoned,
}

impl Record {
    /// A request that is begun now.
    pub fn begin(id: RecordId, fingerprint: Fingerprint, seed: Vec<u8>, now: Timestamp) -> Self {
        let held_until = now.plus(IDEMPOTENCY_HOLD);
        Self { id, fingerprint, seed, begun_at: now, held_until, answer: None }
    }

    /// When the record is over. A store may remove it then, and must not heed it any more.
    pub fn ends_at(&self) -> Timestamp {
        self.begun_at.plus(IDEMPOTENCY_KEPT)
    }

    /// What this record means for whoever asks for the same, or another thing, under its id.
    pub fn read(&self, fingerprint: Fingerprint, now: Timestamp) -> Reading {
        if self.ends_at() <= now {
            Reading::Ended
        } else if self.fingerprint != fingerprint {
            Reading::OtherRequest
        } else if self.answer.is_some() {
            Reading::Answered
        } else if self.held_until > now {
            Reading::Running
        } else {
            Reading::Abandoned
        }
    }

    /// The same request, begun again.
    #[must_use]
    pub fn held_again(self, now: Timestamp) -> Self {
        Self { held_until: now.plus(IDEMPOTENCY_HOLD), ..self }
    }
}

/// When a record that is over `now` was begun at the latest.
pub fn ended_before(now: Timestamp) -> Timestamp {
    now.minus(IDEMPOTENCY_KEPT)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_record_is_read_by_its_time_its_request_and_its_answer() {
        let mine = Fingerprint([1; 32]);
        let record = Record::begin(RecordId([7; 32]), mine, vec![1], NOW);
        let answered = Record { answer: Some(vec![2]), ..record.clone() };
        let (held, day) = (IDEMPOTENCY_HOLD, IDEMPOTENCY_KEPT);
        let moment = Duration::from_millis(1);
        for (name, record, fingerprint, after, expected) in [
            ("at once", &record, mine, Duration::ZERO, Reading::Running),
            ("held", &record, mine, held - moment, Reading::Running),
            ("given up", &record, mine, held, Reading::Abandoned),
            ("answered", &answered, mine, Duration::ZERO, Reading::Answered),
            ("answered long ago", &answered, mine, day - moment, Reading::Answered),
            ("over", &answered, mine, day, Reading::Ended),
            ("over, unanswered", &record, mine, day, Reading::Ended),
            ("other", &record, Fingerprint([2; 32]), Duration::ZERO, Reading::OtherRequest),
            ("other, answered", &answered, Fingerprint([2; 32]), held, Reading::OtherRequest),
            ("other, over", &answered, Fingerprint([2; 32]), day, Reading::Ended),
        ] {
            assert_eq!(record.read(fingerprint, NOW.plus(after)), expected, "{name}");
            let is_over = record.begun_at <= ended_before(NOW.plus(after));
            assert_eq!(is_over, expected == Reading::Ended, "{name}");
        }
    }

    #[test]
    fn what_is_begun_again_keeps_its_beginning() {
        let record = Record::begin(RecordId([7; 32]), Fingerprint([1; 32]), vec![1], NOW);
        let later = NOW.plus(IDEMPOTENCY_HOLD);
        let again = record.clone().held_again(later);
        assert_eq!(again.read(record.fingerprint, later), Reading::Running);
        assert_eq!((again.seed, again.begun_at), (record.seed.clone(), NOW));
        assert_eq!(again.held_until, later.plus(IDEMPOTENCY_HOLD));
    }
}
