//! The right to make one attempt, and what comes of it.

use std::time::Duration;

use super::log::Attempt;
use super::retry::{self, Jitter, RetryPolicy};
use super::verdict::Verdict;
use super::{FailedReason, WaitsFor};
use crate::ids::DeliveryId;
use crate::limits::{
    CLOCK_DRIFT_MAX, OWN_FAULT_WAIT, PARKED_RECHECK, SHELVED_MAX, TURN_EARLY_MAX, TURN_LATE_MAX,
};
use crate::time::Timestamp;

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
    waits_for: WaitsFor,
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
    /// Waits for its turn.
    QueueUp {
        /// When it comes.
        turn: Timestamp,
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

impl Claim {
    /// The claim that the write of `lease` won. Only a store that has made that write may say so.
    pub fn won(delivery: DeliveryId, round: u32, tries: u8, lease: Lease) -> Self {
        Self { delivery, fence: Fence { round, tries, lease }, waits_for: WaitsFor::Try }
    }

    /// The claim of a delivery that waited for this.
    #[must_use]
    pub fn of_one_that(self, waits_for: WaitsFor) -> Self {
        Self { waits_for, ..self }
    }

    /// Whether it may be attempted now at an endpoint that takes turns.
    pub fn turn(&self, now: Timestamp) -> InLine {
        match self.waits_for {
            WaitsFor::Turn(turn) if turn > now.plus(TURN_EARLY_MAX) => InLine::Waits(turn),
            WaitsFor::Turn(turn) if now.since(turn) <= TURN_LATE_MAX => InLine::HasTurn,
            WaitsFor::Try | WaitsFor::Turn(_) | WaitsFor::Fetch(_) => InLine::NeedsTurn,
        }
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
        let next = match self.waits_for {
            WaitsFor::Fetch(until) if until <= now => {
                Next::Failed { at: now, reason: FailedReason::NotFetched }
            }
            WaitsFor::Fetch(until) => Next::Shelve { until },
            WaitsFor::Try | WaitsFor::Turn(_) => Next::Shelve { until: now.plus(SHELVED_MAX) },
        };
        self.without_a_try(next)
    }

    /// Gives the delivery back until its turn has come. Uses no try.
    pub fn queue_up(self, turn: Timestamp) -> Settlement {
        self.without_a_try(Next::QueueUp { turn })
    }

    /// Gives the delivery back because so many wait for their turns that it gets none now. Uses no
    /// try.
    pub fn come_again(self, at: Timestamp) -> Settlement {
        self.without_a_try(Next::Wait { due_at: at })
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

/// How a claim stands in the line before an endpoint that takes turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InLine {
    /// It is its turn.
    HasTurn,
    /// It has a turn, which is still to come.
    Waits(Timestamp),
    /// It has none, or has missed it: those who come late together must not go together.
    NeedsTurn,
}
