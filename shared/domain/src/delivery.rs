//! One event owed to one endpoint, and the state machine it lives in.
//!
//! ```text
//!            open                      claim                    finish
//! (planned) ──────► PENDING, leased ◄───────── PENDING, due ◄──────────┐
//!                        │ 2xx ──► SUCCESS                             │
//!                        │ else, tries left ───────────────────────────┘
//!                        └ last try, or gone ──► FAILED ──reopen──► PENDING, round + 1
//! PENDING, in line: its endpoint may be called only so often, so it waits for its turn
//! PENDING, shelved: its endpoint fetches, so nobody sends it ── fetched ──► SUCCESS
//!                                                            └ never ────► FAILED
//! NOT_APPLY: no endpoint wanted the event
//! ```
//!
//! What correctness rests on: a [`Claim`] is won by one conditional write and names the lease it
//! set; a [`Settlement`] is recorded only while that lease is still the delivery's. Queues and
//! timers may lose, repeat and reorder what they carry; they only save time.

mod claim;
pub mod log;
pub mod message;
pub mod retry;
pub mod verdict;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use claim::{Claim, Fence, InLine, Lease, Next, Settlement};

use crate::event::{Event, EventType, Plan};
use crate::ids::{DeliveryId, EndpointId, EventId, MerchantId};
use crate::text::Label;
use crate::time::Timestamp;
use message::MessageId;

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
        /// What for.
        waits_for: WaitsFor,
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

/// What a PENDING delivery waits for. Claims leave it alone, so that whoever looks at a delivery too
/// early, or for the second time, finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// To be tried when it is due.
    Try,
    /// Its turn at an endpoint that may be called only so often, which it has and which comes then.
    Turn(Timestamp),
    /// Its merchant to fetch it, until then.
    Fetch(Timestamp),
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
    /// The merchant, whose endpoint is not called, has not fetched it in
    /// [`SHELVED_MAX`](crate::limits::SHELVED_MAX).
    NotFetched,
}

/// What a merchant's word that it has fetched a delivery does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// The delivery is a SUCCESS via pull.
    Ended,
    /// It was a SUCCESS before.
    AlreadyEnded,
    /// It was reopened since it was fetched and is being pushed again.
    Pending,
    /// There is no such delivery of this merchant, or it was never owed to anybody.
    Unknown,
}

impl Delivery {
    /// What it does if this merchant says that it has got it, be it held or not: `Ended` is for the
    /// store to carry out.
    pub fn acknowledged_by(&self, merchant: MerchantId) -> Acknowledged {
        if self.merchant_id != merchant {
            return Acknowledged::Unknown;
        }
        match self.progress {
            Progress::Success { .. } => Acknowledged::AlreadyEnded,
            Progress::Pending { waits_for: WaitsFor::Try | WaitsFor::Turn(_), .. } => {
                Acknowledged::Pending
            }
            Progress::NotApply { .. } => Acknowledged::Unknown,
            Progress::Failed { .. } | Progress::Pending { waits_for: WaitsFor::Fetch(_), .. } => {
                Acknowledged::Ended
            }
        }
    }

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
        let pending = || Progress::Pending { due_at, lease, waits_for: WaitsFor::Try };
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
            progress: Progress::Pending { due_at, lease: None, waits_for: WaitsFor::Try },
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
            progress: Progress::Pending { due_at, lease: None, waits_for: WaitsFor::Try },
            ..self.clone()
        })
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
