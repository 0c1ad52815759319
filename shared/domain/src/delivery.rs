//! One event owed to one endpoint, and the state machine it lives in.
//!
//! ```text
//!            open                      claim                    finish
//! (planned) ──────► PENDING, leased ◄───────── PENDING, due ◄──────────┐
//!                        │ 2xx ──► SUCCESS                             │
//!                        │ else, tries left ───────────────────────────┘
//!                        └ last try, or gone ──► FAILED ──reopen──► PENDING, round + 1
//! PENDING, shelved: its endpoint fetches, so nobody sends it ── fetched ──► SUCCESS
//!                                                            └ never ────► FAILED
//! NOT_APPLY: no endpoint wanted the event
//! ```
//!
//! What correctness rests on: a [`Claim`] is won by one conditional write and names the lease it
//! set; a [`Settlement`] is recorded only while that lease is still the delivery's. Queues and
//! timers may lose, repeat and reorder what they carry; they only save time.

pub mod log;
pub mod message;
pub mod retry;
pub mod verdict;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventType, Plan};
use crate::ids::{DeliveryId, EndpointId, EventId, MerchantId};
use crate::limits::{CLOCK_DRIFT_MAX, OWN_FAULT_WAIT, PARKED_RECHECK, SHELVED_MAX};
use crate::text::Label;
use crate::time::Timestamp;
use log::Attempt;
use message::MessageId;
use retry::{Jitter, RetryPolicy};
use verdict::Verdict;

/// A delivery as kept, without its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Derived from the event and the endpoint.
    pub id: DeliveryId,
    /// What is owed.
    pub event_id: EventId,
    /// Whose it is.
    pub merchant_id: MerchantId,
    /// Whom it is owed to; nobody in NOT_APPLY.
    pub endpoint_id: Option<EndpointId>,
    /// Of the event, for lists and filters.
    pub event_type: EventType,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Starts at 1; a reopening starts the next.
    pub round: u32,
    /// Used in this round.
    pub tries: u8,
    /// Where it stands.
    pub progress: Progress,
}

/// Where a delivery stands, and what only that state has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Owed.
    Pending {
        /// When somebody should look at it next: the next try, or the end of the lease.
        due_at: Timestamp,
        /// Set while an attempt is being made, and left behind by a worker that died.
        lease: Option<Lease>,
        /// Until when it waits for its merchant to fetch it, if that is how it goes out.
        shelved: Option<Timestamp>,
    },
    /// Done.
    Success {
        /// When.
        at: Timestamp,
        /// How.
        via: Via,
    },
    /// Given up; in the dead-letter queue, in the merchant's pull list and in a metric.
    Failed {
        /// When; of one that ended outside of the queue, when its first message came.
        at: Timestamp,
        /// Why.
        reason: FailedReason,
        /// The queue message whose receipt ended it, or was the first to come since; a later
        /// message with another id can only come from a redrive.
        ended_by: Option<MessageId>,
    },
    /// No endpoint wanted the event.
    NotApply {
        /// When that was decided.
        at: Timestamp,
        /// Whom the event was for, in the platform's words, if that was the reason: no merchant was
        /// known by them.
        addressee: Option<Label>,
    },
}

/// The state alone, as listed and filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Owed.
    Pending,
    /// Done.
    Success,
    /// Given up.
    Failed,
    /// Nobody wanted it.
    NotApply,
}

/// How a merchant got an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// We posted it.
    Push,
    /// The merchant fetched it.
    Pull,
}

/// Why a delivery was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedReason {
    /// Every try of the round was used.
    TriesUsed,
    /// The endpoint answered 410, or was deleted.
    EndpointGone,
    /// The merchant, whose endpoint is not called, has not fetched it in [`SHELVED_MAX`].
    NotFetched,
}

/// A hold on a delivery while one attempt is made. Its end is later than that of every lease
/// before it, so it also serves as the fence: whoever holds an older one is overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// When others may take over.
    pub until: Timestamp,
}

/// What a write must still find to be valid: the delivery PENDING, in this round, with these tries
/// used, under this very lease. Whether the lease has run out does not matter as long as nobody has
/// taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The round the claim was made in.
    pub round: u32,
    /// The tries used when the claim was made.
    pub tries: u8,
    /// The lease that the claim set.
    pub lease: Lease,
}

/// The right to make one attempt. Consumed by what ends it, so an attempt cannot end twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    delivery: DeliveryId,
    fence: Fence,
    shelved: Option<Timestamp>,
}

/// How an attempt ended, ready to be recorded in one conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What the write must find.
    pub fence: Fence,
    /// Used in this round, this attempt included.
    pub tries: u8,
    /// Where the delivery goes.
    pub next: Next,
    /// What to add to its log; nothing when no request was made.
    pub attempt: Option<Attempt>,
}

/// Where a delivery goes from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ends well.
    Success {
        /// When.
        at: Timestamp,
    },
    /// Waits for the next try.
    Retry {
        /// Until when.
        due_at: Timestamp,
    },
    /// Waits without having used a try.
    Wait {
        /// Until when.
        due_at: Timestamp,
    },
    /// Waits to be fetched.
    Shelve {
        /// Until when.
        until: Timestamp,
    },
    /// Is given up.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: FailedReason,
    },
}

impl Delivery {
    /// One delivery per planned endpoint, leased to whoever makes the first try, or due now;
    /// without any endpoint, the row that says that nobody wanted the event.
    pub fn open(event: &Event, plan: &Plan, now: Timestamp, lease: Option<Lease>) -> Vec<Self> {
        let row = |endpoint_id, progress| Self {
            id: DeliveryId::derive(event.id, endpoint_id),
            event_id: event.id,
            merchant_id: event.merchant_id,
            endpoint_id,
            event_type: event.event_type.clone(),
            created_at: now,
            round: 1,
            tries: 0,
            progress,
        };
        if plan.0.is_empty() {
            let addressee = event.addressee.clone();
            return vec![row(None, Progress::NotApply { at: now, addressee })];
        }
        let due_at = lease.map_or(now, |lease| lease.until);
        let pending = || Progress::Pending { due_at, lease, shelved: None };
        plan.0.iter().map(|endpoint| row(Some(*endpoint), pending())).collect()
    }

    /// The state alone.
    pub fn state(&self) -> State {
        match self.progress {
            Progress::Pending { .. } => State::Pending,
            Progress::Success { .. } => State::Success,
            Progress::Failed { .. } => State::Failed,
            Progress::NotApply { .. } => State::NotApply,
        }
    }

    /// When it ended, if it has.
    pub fn finished_at(&self) -> Option<Timestamp> {
        match self.progress {
            Progress::Pending { .. } => None,
            Progress::Success { at, .. }
            | Progress::Failed { at, .. }
            | Progress::NotApply { at, .. } => Some(at),
        }
    }

    /// The delivery that takes the place of a row that says that nobody wanted the event: owed to an
    /// endpoint after all, of this merchant, and due at this time. It is as old as that row, so that
    /// it is where people look for it. `None` for anything else than such a row.
    #[must_use]
    pub fn owed_to(
        &self,
        merchant: MerchantId,
        endpoint: EndpointId,
        due_at: Timestamp,
    ) -> Option<Self> {
        matches!(self.progress, Progress::NotApply { .. }).then(|| Self {
            id: DeliveryId::derive(self.event_id, Some(endpoint)),
            merchant_id: merchant,
            endpoint_id: Some(endpoint),
            progress: Progress::Pending { due_at, lease: None, shelved: None },
            ..self.clone()
        })
    }

    /// A fresh round for a delivery that has ended, due at this time. `None` for one that is still
    /// owed, or that is owed to nobody: there is nothing to send again.
    #[must_use]
    pub fn reopened(&self, due_at: Timestamp) -> Option<Self> {
        let ended = match self.progress {
            Progress::Success { .. } | Progress::Failed { .. } => true,
            Progress::Pending { .. } | Progress::NotApply { .. } => false,
        };
        (ended && self.endpoint_id.is_some()).then(|| Self {
            round: self.round.saturating_add(1),
            tries: 0,
            progress: Progress::Pending { due_at, lease: None, shelved: None },
            ..self.clone()
        })
    }
}

impl Claim {
    /// The claim that the write of `lease` won. Only a store that has made that write may say so.
    pub fn won(delivery: DeliveryId, round: u32, tries: u8, lease: Lease) -> Self {
        Self { delivery, fence: Fence { round, tries, lease }, shelved: None }
    }

    /// The claim of a delivery that waits to be fetched until then.
    #[must_use]
    pub fn of_shelved(self, until: Option<Timestamp>) -> Self {
        Self { shelved: until, ..self }
    }

    /// Which delivery.
    pub fn delivery(&self) -> DeliveryId {
        self.delivery
    }

    /// The round it was made in.
    pub fn round(&self) -> u32 {
        self.fence.round
    }

    /// Which try of the round this is; the first is 1.
    pub fn number(&self) -> u8 {
        self.fence.tries.saturating_add(1)
    }

    /// Whether an attempt that begins now and takes all of `timeout` ends before the lease does,
    /// by a clock that is as wrong as may be. One that might not must not begin: somebody else
    /// could take over while it is in flight.
    pub fn leaves_time_for(&self, timeout: Duration, now: Timestamp) -> bool {
        now.plus(timeout).plus(CLOCK_DRIFT_MAX) <= self.fence.lease.until
    }

    /// Ends the attempt.
    pub fn finish(
        self,
        verdict: Verdict,
        policy: &RetryPolicy,
        jitter: Jitter,
        attempt: Attempt,
        now: Timestamp,
    ) -> Settlement {
        let tries = self.number();
        let next = match verdict {
            Verdict::Accepted => Next::Success { at: now },
            Verdict::Gone => Next::Failed { at: now, reason: FailedReason::EndpointGone },
            Verdict::TryAgain { retry_after } => {
                match retry::wait(policy, tries, retry_after, jitter) {
                    Some(wait) => Next::Retry { due_at: now.plus(wait) },
                    None => Next::Failed { at: now, reason: FailedReason::TriesUsed },
                }
            }
            // Nothing was sent, so there is no attempt to log; our own log has the fault.
            Verdict::NotATry => {
                return self.without_a_try(Next::Wait { due_at: now.plus(OWN_FAULT_WAIT) });
            }
        };
        Settlement { tries, next, attempt: Some(attempt), ..self.without_a_try(next) }
    }

    /// Gives the delivery back because its endpoint is off. Uses no try.
    pub fn park(self, now: Timestamp) -> Settlement {
        self.without_a_try(Next::Wait { due_at: now.plus(PARKED_RECHECK) })
    }

    /// Leaves the delivery for its merchant to fetch, because its endpoint is not called. One that
    /// was left so and that nobody has come for in time is given up: what is owed must end, and be
    /// heard of. Uses no try.
    pub fn shelve(self, now: Timestamp) -> Settlement {
        let next = match self.shelved {
            Some(until) if until <= now => {
                Next::Failed { at: now, reason: FailedReason::NotFetched }
            }
            Some(until) => Next::Shelve { until },
            None => Next::Shelve { until: now.plus(SHELVED_MAX) },
        };
        self.without_a_try(next)
    }

    /// Gives the delivery back, due at once, because there is no time left for an attempt. Uses no
    /// try.
    pub fn release(self, now: Timestamp) -> Settlement {
        self.without_a_try(Next::Wait { due_at: now })
    }

    /// Gives the delivery up because its endpoint was deleted. Uses no try.
    pub fn endpoint_gone(self, now: Timestamp) -> Settlement {
        self.without_a_try(Next::Failed { at: now, reason: FailedReason::EndpointGone })
    }

    fn without_a_try(self, next: Next) -> Settlement {
        Settlement {
            delivery: self.delivery,
            fence: self.fence,
            tries: self.fence.tries,
            next,
            attempt: None,
        }
    }
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Success, Self::Failed, Self::NotApply];

    /// Its name, spelled so everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::NotApply => "NOT_APPLY",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state `{0}` must be PENDING, SUCCESS, FAILED or NOT_APPLY")]
pub struct StateError(String);

impl FromStr for State {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, StateError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StateError(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests;
