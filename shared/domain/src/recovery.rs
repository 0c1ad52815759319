//! WHAT IS SENT AGAIN? A merchant has an endpoint sent what it missed in a span of time: an order for
//! many, carried out in steps by whoever has the time, at a pace that the endpoint can bear.
//!
//! A step looks at a page of rows, newest first. What it makes due stays due whatever dies next; the
//! place is kept after the page, so a page may be looked at twice, and finds then that its rows have
//! moved on. What ended after the order was given is left alone: it has had its round.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::{Delivery, State};
use crate::endpoint::Endpoint;
use crate::ids::{EndpointId, MerchantId, RecoveryId};
use crate::limits::RECOVERY_AHEAD_MAX;
use crate::text::Label;
use crate::time::Timestamp;

/// An order, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Drawn at random.
    pub id: RecoveryId,
    /// Whose it is.
    pub merchant_id: MerchantId,
    /// What is sent again.
    pub endpoint_id: EndpointId,
    /// Created at this time or later.
    pub since: Timestamp,
    /// Created before this time.
    pub until: Timestamp,
    /// Where to look, one after the other.
    pub places: Vec<Place>,
    /// Deliveries made due in a second.
    pub per_second: u32,
    /// When the order was given.
    pub created_at: Timestamp,
    /// How far it has come.
    pub standing: Standing,
    /// What was found so far.
    pub counts: Counts,
}

/// Where to look for what was missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The endpoint's deliveries in this state; of NOT_APPLY, the merchant's.
    State(State),
    /// Events for a merchant that was not known, and that the platform calls so.
    Addressed(Label),
}

/// Whether it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Standing {
    /// There is more to look at.
    Running {
        /// Which of its places.
        place: usize,
        /// Where in it, in the store's words; at its beginning without.
        cursor: Option<String>,
        /// When the next one may be due.
        next_due_at: Timestamp,
    },
    /// Everything was looked at.
    Done {
        /// When.
        at: Timestamp,
    },
    /// Somebody stopped it. What it has made due stays due.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Its endpoint was deleted.
    EndpointGone {
        /// When that was seen.
        at: Timestamp,
    },
}

/// What was found. After a crash they may be less than what was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that were looked at.
    pub looked_at: u64,
    /// Deliveries that are due again, or for the first time.
    pub recovered: u64,
    /// How far back it has come.
    pub reached: Option<Timestamp>,
}

impl Recovery {
    /// Where to look next; `None` once it has ended.
    pub fn place(&self) -> Option<(&Place, Option<&str>)> {
        let Standing::Running { place, cursor, .. } = &self.standing else { return None };
        Some((self.places.get(*place)?, cursor.as_deref()))
    }

    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        matches!(self.standing, Standing::Running { .. })
    }

    /// When it ended.
    pub fn finished_at(&self) -> Option<Timestamp> {
        match self.standing {
            Standing::Running { .. } => None,
            Standing::Done { at } | Standing::Cancelled { at } | Standing::EndpointGone { at } => {
                Some(at)
            }
        }
    }

    /// Whether a row is to be sent to the endpoint.
    pub fn takes(&self, row: &Delivery, endpoint: &Endpoint) -> bool {
        match row.state() {
            State::Pending => false,
            State::NotApply => endpoint.wants(&row.event_type),
            State::Success | State::Failed => {
                row.finished_at().is_some_and(|at| at <= self.created_at)
            }
        }
    }

    /// When the next delivery is due, which takes that moment for it. Times are to the millisecond,
    /// so what lies between two is rounded up: the pace is what the endpoint can bear.
    pub fn take_turn(&mut self, now: Timestamp) -> Timestamp {
        let interval = Duration::from_millis(1000_u64.div_ceil(u64::from(self.per_second.max(1))));
        let Standing::Running { next_due_at, .. } = &mut self.standing else { return now };
        let due_at = now.max(*next_due_at);
        *next_due_at = due_at.plus(interval);
        due_at
    }

    /// Whether enough is due for now.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        let Standing::Running { next_due_at, .. } = self.standing else { return false };
        next_due_at.since(now) >= RECOVERY_AHEAD_MAX
    }

    /// Goes on behind a page, which ends at `cursor` or is the last of its place.
    pub fn advance(&mut self, page_end: Option<String>, now: Timestamp) {
        let Standing::Running { place, cursor, .. } = &mut self.standing else { return };
        match page_end {
            Some(end) => *cursor = Some(end),
            None if *place + 1 < self.places.len() => {
                (*place, *cursor) = (*place + 1, None);
            }
            None => self.standing = Standing::Done { at: now },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn at(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn order(per_second: u32) -> Recovery {
        Recovery {
            id: RecoveryId::from_bits(1),
            merchant_id: MerchantId::from_bits(2),
            endpoint_id: EndpointId::from_bits(3),
            since: Timestamp::from_millis(0),
            until: NOW,
            places: vec![Place::State(State::Failed), Place::State(State::NotApply)],
            per_second,
            created_at: NOW,
            standing: Standing::Running { place: 0, cursor: None, next_due_at: NOW },
            counts: Counts::default(),
        }
    }

    #[test]
    fn turns_keep_the_pace_and_no_longer_ahead_than_allowed() {
        let mut order = order(4);
        let turns: Vec<_> = (0..5).map(|_| order.take_turn(NOW).since(NOW).as_millis()).collect();
        assert_eq!(turns, [0, 250, 500, 750, 1000]);
        assert_eq!(order.take_turn(at(60)), at(60), "what was not used is not made up for");
        assert!(!order.is_ahead(at(60)));
        while !order.is_ahead(at(60)) {
            order.take_turn(at(60));
        }
        let ahead = order.take_turn(at(60)).since(at(60));
        assert_eq!(ahead, RECOVERY_AHEAD_MAX);
        assert!(!order.is_ahead(at(61)));
    }

    #[test]
    fn no_pace_is_faster_than_asked() {
        for (per_second, millis) in [(1, 1000), (3, 334), (50, 20), (600, 2), (999, 2), (1000, 1)] {
            let mut order = order(per_second);
            order.take_turn(NOW);
            assert_eq!(order.take_turn(NOW).since(NOW).as_millis(), millis, "{per_second}");
        }
    }

    #[test]
    fn places_are_gone_through_one_after_the_other() {
        let mut order = order(1);
        let failed = Place::State(State::Failed);
        assert_eq!(order.place(), Some((&failed, None)));
        order.advance(Some("a".to_owned()), NOW);
        assert_eq!(order.place(), Some((&failed, Some("a"))));
        order.advance(None, NOW);
        assert_eq!(order.place(), Some((&Place::State(State::NotApply), None)));
        order.advance(None, at(5));
        assert_eq!((order.place(), order.finished_at()), (None, Some(at(5))));
        order.advance(Some("late".to_owned()), at(9));
        assert_eq!(order.finished_at(), Some(at(5)));
    }

    #[test]
    fn an_order_survives_being_kept() {
        let kept = serde_json::to_string(&order(7)).unwrap();
        assert_eq!(serde_json::from_str::<Recovery>(&kept).unwrap(), order(7));
    }
}
