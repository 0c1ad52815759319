//! What a queue carries about a delivery, and what to do with it when it arrives.
//!
//! A message is a hint: "look at this delivery, it should be at this try of this round". It may
//! come late, twice, or never.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Claim, Delivery, Lease, Progress};
use crate::ids::{DeliveryId, MerchantId};
use crate::limits::REDRIVE_MARGIN;
use crate::time::Timestamp;

/// A hint that a delivery is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Whose it is. A shared queue keeps merchants out of each other's way by it; nothing else
    /// reads it.
    pub merchant: MerchantId,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The round it was in when the message was sent.
    pub round: u32,
    /// The tries it had used when the message was sent.
    pub tries: u8,
}

/// A queue's id of a message; the same on every receipt, new on every send.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub String);

/// How a message reached us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The queue's id of it.
    pub id: MessageId,
    /// When it was sent, by the queue's clock.
    pub sent_at: Timestamp,
}

/// What a message means for the delivery as it stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    /// The delivery is due and free: set this lease and make the attempt.
    Due(Claim),
    /// Somebody else is making the attempt right now, or will be found dead by the sweep.
    InFlight,
    /// The delivery has moved on: another round or try, SUCCESS by pull or by hand.
    Overtaken,
    /// Used up by this very message, which the queue must now move to its dead-letter queue.
    Exhausted,
    /// Given up outside of the queue, and this is the first message to come for it: keep it as the
    /// one that ended the delivery, as of now, and have the queue move it to its dead-letter queue.
    Unannounced,
    /// Given up earlier, and sent back by an operator since: reopen, then claim.
    Redriven,
}

/// Reads `message` against the delivery as it stands.
///
/// FAILED deliveries are told apart by the receipt: the message that ended the delivery keeps its
/// id while the queue bounces it towards the dead-letter queue, and a late duplicate of an earlier
/// try was sent before the end, or, by a sweep that stalled, within [`REDRIVE_MARGIN`] after it.
/// Only a redrive sends a new message later. What is mistaken for one of ours bounces into the
/// dead-letter queue, where the operator finds it again.
///
/// A delivery that was given up outside of the queue has no such message. Until one has come for it
/// none can have been redriven, so the first one is taken for it, whenever it was sent, and the
/// margin begins anew.
pub fn read(
    delivery: &Delivery,
    message: &Message,
    receipt: Option<&Receipt>,
    now: Timestamp,
    lease: Lease,
) -> Reading {
    match &delivery.progress {
        Progress::Pending { lease: held, waits_for, .. } => {
            if (delivery.round, delivery.tries) != (message.round, message.tries) {
                return Reading::Overtaken;
            }
            if held.is_some_and(|held| held.until > now) {
                return Reading::InFlight;
            }
            let claim = Claim::won(delivery.id, delivery.round, delivery.tries, lease);
            Reading::Due(claim.of_one_that(*waits_for))
        }
        Progress::Failed { at, ended_by, .. } => match (ended_by, receipt) {
            (None, Some(_)) => Reading::Unannounced,
            (Some(ended_by), Some(receipt))
                if *ended_by != receipt.id && receipt.sent_at > at.plus(REDRIVE_MARGIN) =>
            {
                Reading::Redriven
            }
            (_, None) | (Some(_), Some(_)) => Reading::Exhausted,
        },
        Progress::Success { .. } | Progress::NotApply { .. } => Reading::Overtaken,
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
