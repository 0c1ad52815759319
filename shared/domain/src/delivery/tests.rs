//! The state machine as tables: from where, with what, to where.

use std::time::Duration;

use super::message::{Message, Reading, Receipt, read};
use super::retry::{Jitter, RetryPolicy};
use super::*;
use crate::delivery::log::Attempt;
use crate::delivery::verdict::Outcome;
use crate::event::{EventType, ProviderEventId};
use crate::ids::SourceId;
use crate::limits::{SHELVED_MAX, TURN_LATE_MAX};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LEASE: Lease = Lease { until: Timestamp::from_millis(1_060_000) };
const MIDDLE: Jitter = Jitter::from_bits(u32::MAX / 2);

fn event() -> Event {
    Event {
        id: EventId::derive(SourceId::from_bits(1), &ProviderEventId::new("evt_1")),
        source_id: SourceId::from_bits(1),
        merchant_id: MerchantId::from_bits(2),
        provider_event_id: ProviderEventId::new("evt_1"),
        event_type: EventType::new("charge.refunded"),
        received_at: NOW,
        addressee: None,
        content_type: None,
        body: "{}".into(),
    }
}

fn delivery(round: u32, tries: u8, progress: Progress) -> Delivery {
    let opened = Delivery::open(&event(), &Plan(vec![EndpointId::from_bits(3)]), NOW, Some(LEASE));
    Delivery { round, tries, progress, ..opened[0].clone() }
}

fn attempt(outcome: Outcome) -> Attempt {
    Attempt {
        number: 1,
        round: 1,
        at: NOW,
        duration_ms: 12,
        outcome,
        status: None,
        detail: None,
        response_excerpt: None,
    }
}

#[test]
fn opens_one_claimed_delivery_per_endpoint() {
    let endpoints = [EndpointId::from_bits(3), EndpointId::from_bits(4)];
    let opened = Delivery::open(&event(), &Plan(endpoints.to_vec()), NOW, Some(LEASE));
    assert_eq!(opened.len(), 2);
    for (row, endpoint) in opened.iter().zip(endpoints) {
        assert_eq!(row.endpoint_id, Some(endpoint));
        assert_eq!((row.round, row.tries), (1, 0));
        assert_eq!(
            row.progress,
            Progress::Pending { due_at: LEASE.until, lease: Some(LEASE), waits_for: WaitsFor::Try }
        );
    }
}

#[test]
fn nobody_wants_it() {
    let opened = Delivery::open(&event(), &Plan(vec![]), NOW, Some(LEASE));
    assert_eq!(opened.len(), 1);
    assert_eq!((opened[0].endpoint_id, opened[0].state()), (None, State::NotApply));
    assert_eq!(opened[0].reopened(NOW), None);
}

#[test]
fn attempts_end_where_the_policy_says() {
    let policy = RetryPolicy::default();
    let at = |seconds| NOW.plus(Duration::from_secs(seconds));
    let gone = Next::Failed { at: NOW, reason: FailedReason::EndpointGone };
    let used = Next::Failed { at: NOW, reason: FailedReason::TriesUsed };
    for (tries_before, outcome, tries_after, next) in [
        (0, Outcome::Accepted, 1, Next::Success { at: NOW }),
        (6, Outcome::Accepted, 7, Next::Success { at: NOW }),
        (1, Outcome::ServerError, 2, Next::Retry { due_at: at(60) }),
        (5, Outcome::TimedOut, 6, Next::Retry { due_at: at(86_400) }),
        (6, Outcome::ServerError, 7, used),
        (6, Outcome::AddressRefused, 7, used),
        (0, Outcome::Gone, 1, gone),
        (3, Outcome::NotSent, 3, Next::Wait { due_at: at(60) }),
        (6, Outcome::NotSent, 6, Next::Wait { due_at: at(60) }),
    ] {
        let claim = Claim::won(
            delivery(1, 0, Progress::NotApply { at: NOW, addressee: None }).id,
            1,
            tries_before,
            LEASE,
        );
        let settlement =
            claim.finish(outcome.verdict(None), &policy, MIDDLE, attempt(outcome), NOW);
        let case = format!("try {} ended {outcome}", tries_before + 1);
        assert_eq!(settlement.tries, tries_after, "{case}");
        let close = match (settlement.next, next) {
            (Next::Retry { due_at: a }, Next::Retry { due_at: b }) => {
                a.since(b).max(b.since(a)) <= Duration::from_millis(1)
            }
            (a, b) => a == b,
        };
        assert!(close, "{case}: {:?}, not {next:?}", settlement.next);
        assert_eq!(settlement.attempt.is_some(), outcome != Outcome::NotSent, "{case}");
    }
}

#[test]
fn waiting_uses_no_try_and_logs_nothing() {
    let claim = || Claim::won(DeliveryId::from_bits(9), 2, 4, LEASE);
    for settlement in [claim().park(NOW), claim().release(NOW), claim().endpoint_gone(NOW)] {
        assert_eq!((settlement.tries, settlement.attempt), (4, None));
        assert_eq!(settlement.fence, Fence { round: 2, tries: 4, lease: LEASE });
    }
}

#[test]
fn messages_are_hints() {
    let due = |lease| Progress::Pending { due_at: NOW, lease, waits_for: WaitsFor::Try };
    let dead = Some(Lease { until: NOW });
    let live = Some(Lease { until: NOW.plus(Duration::from_millis(1)) });
    let failed = |by: Option<&str>| Progress::Failed {
        at: NOW,
        reason: FailedReason::TriesUsed,
        ended_by: by.map(|id| MessageId(id.to_owned())),
    };
    let sent = |id: &str, at_ms| {
        Some(Receipt { id: MessageId(id.to_owned()), sent_at: Timestamp::from_millis(at_ms) })
    };
    let (before, after) = (999_999, 1_120_001);
    let claim = Reading::Due(Claim::won(delivery(1, 2, due(None)).id, 1, 2, LEASE));

    for (name, row, receipt, expected) in [
        ("due and free", delivery(1, 2, due(None)), None, claim),
        (
            "left by a dead worker",
            delivery(1, 2, due(dead)),
            None,
            Reading::Due(Claim::won(delivery(1, 2, due(None)).id, 1, 2, LEASE)),
        ),
        ("held", delivery(1, 2, due(live)), None, Reading::InFlight),
        ("later try", delivery(1, 3, due(None)), None, Reading::Overtaken),
        ("later round", delivery(2, 2, due(None)), None, Reading::Overtaken),
        (
            "fetched",
            delivery(1, 2, Progress::Success { at: NOW, via: Via::Pull }),
            sent("b", after),
            Reading::Overtaken,
        ),
        ("bouncing", delivery(1, 7, failed(Some("a"))), sent("a", before), Reading::Exhausted),
        (
            "late duplicate",
            delivery(1, 7, failed(Some("a"))),
            sent("b", before),
            Reading::Exhausted,
        ),
        (
            "sent by a sweep that stalled",
            delivery(1, 7, failed(Some("a"))),
            sent("b", 1_120_000),
            Reading::Exhausted,
        ),
        (
            "bounced with a fast clock",
            delivery(1, 7, failed(Some("a"))),
            sent("a", after),
            Reading::Exhausted,
        ),
        ("redriven", delivery(1, 7, failed(Some("a"))), sent("b", after), Reading::Redriven),
        (
            "the first since it ended inline",
            delivery(1, 7, failed(None)),
            sent("b", before),
            Reading::Unannounced,
        ),
        (
            "the first, and late",
            delivery(1, 7, failed(None)),
            sent("b", after),
            Reading::Unannounced,
        ),
        ("no receipt", delivery(1, 7, failed(None)), None, Reading::Exhausted),
    ] {
        let message = Message { merchant: row.merchant_id, delivery: row.id, round: 1, tries: 2 };
        assert_eq!(read(&row, &message, receipt.as_ref(), NOW, LEASE), expected, "{name}");
    }
}

#[test]
fn reopening_starts_a_fresh_round() {
    let failed = Progress::Failed { at: NOW, reason: FailedReason::TriesUsed, ended_by: None };
    let done = Progress::Success { at: NOW, via: Via::Push };
    for row in [delivery(1, 7, failed), delivery(1, 1, done)] {
        let reopened = row.reopened(NOW).unwrap();
        assert_eq!((reopened.round, reopened.tries), (2, 0));
        assert_eq!(
            reopened.progress,
            Progress::Pending { due_at: NOW, lease: None, waits_for: WaitsFor::Try }
        );
    }
    assert_eq!(
        delivery(1, 1, Progress::Pending { due_at: NOW, lease: None, waits_for: WaitsFor::Try })
            .reopened(NOW),
        None
    );
}

#[test]
fn nobodys_event_becomes_somebodys() {
    let (merchant, endpoint) = (MerchantId::from_bits(7), EndpointId::from_bits(8));
    let nobodys = Delivery::open(&event(), &Plan(Vec::new()), NOW, None).remove(0);
    let due_at = NOW.plus(Duration::from_secs(9));
    let owed = nobodys.owed_to(merchant, endpoint, due_at).unwrap();
    assert_eq!(owed.id, DeliveryId::derive(event().id, Some(endpoint)));
    assert_eq!((owed.merchant_id, owed.endpoint_id), (merchant, Some(endpoint)));
    assert_eq!((owed.round, owed.tries, owed.created_at), (1, 0, NOW));
    assert_eq!(owed.progress, Progress::Pending { due_at, lease: None, waits_for: WaitsFor::Try });
    assert_eq!(owed.owed_to(merchant, endpoint, due_at), None);
}

#[test]
fn states_are_spelled_one_way() {
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    assert!("pending".parse::<State>().is_err());
}

#[test]
fn an_attempt_begins_only_if_its_lease_outlives_it() {
    let claim = Claim::won(DeliveryId::from_bits(9), 1, 0, LEASE);
    let before_the_end = |ms| LEASE.until.minus(Duration::from_millis(ms));
    for (timeout_s, now, begins) in [
        (15, NOW, true),
        (30, NOW, true),
        (30, before_the_end(35_000), true),
        (30, before_the_end(34_999), false),
        (1, before_the_end(6_000), true),
        (1, before_the_end(5_999), false),
        (1, LEASE.until, false),
        (1, LEASE.until.plus(Duration::from_secs(3600)), false),
    ] {
        let leaves = claim.leaves_time_for(Duration::from_secs(timeout_s), now);
        assert_eq!(leaves, begins, "{timeout_s} s at {now}");
    }
}

#[test]
fn what_is_not_fetched_in_time_is_given_up() {
    let at = |seconds| NOW.plus(Duration::from_secs(seconds));
    let days = SHELVED_MAX.as_secs();
    let shelve = |until| Next::Shelve { until };
    for (waits_for, now, next) in [
        (WaitsFor::Try, NOW, shelve(at(days))),
        // Looked at before its time: by a message that came twice.
        (WaitsFor::Fetch(at(days)), at(1), shelve(at(days))),
        (WaitsFor::Fetch(at(days)), at(days - 1), shelve(at(days))),
        (
            WaitsFor::Fetch(at(9)),
            at(9),
            Next::Failed { at: at(9), reason: FailedReason::NotFetched },
        ),
        (
            WaitsFor::Fetch(at(9)),
            at(10),
            Next::Failed { at: at(10), reason: FailedReason::NotFetched },
        ),
    ] {
        let claim = Claim::won(DeliveryId::from_bits(9), 2, 4, LEASE).of_one_that(waits_for);
        let settlement = claim.shelve(now);
        assert_eq!(settlement.next, next, "{waits_for:?} at {now}");
        assert_eq!((settlement.tries, settlement.attempt), (4, None));
    }
}

#[test]
fn a_claim_remembers_the_shelf() {
    let shelved = Progress::Pending { due_at: NOW, lease: None, waits_for: WaitsFor::Fetch(NOW) };
    let row = delivery(1, 0, shelved);
    let message = Message { merchant: row.merchant_id, delivery: row.id, round: 1, tries: 0 };
    let Reading::Due(claim) = read(&row, &message, None, NOW, LEASE) else { panic!("is due") };
    let failed = Next::Failed { at: NOW, reason: FailedReason::NotFetched };
    assert_eq!(claim.shelve(NOW).next, failed);
}

#[test]
fn a_turn_is_kept_and_can_be_missed() {
    let at = |millis: i64| Timestamp::from_millis(NOW.as_millis() + millis);
    let (turn, late) = (at(60_000), TURN_LATE_MAX.as_millis() as i64);
    for (waits_for, now, in_line) in [
        (WaitsFor::Try, NOW, InLine::NeedsTurn),
        (WaitsFor::Turn(turn), NOW, InLine::Waits(turn)),
        (WaitsFor::Turn(turn), at(60_000), InLine::HasTurn),
        (WaitsFor::Turn(turn), at(60_000 + late), InLine::HasTurn),
        (WaitsFor::Turn(turn), at(60_001 + late), InLine::NeedsTurn),
    ] {
        let claim = Claim::won(DeliveryId::from_bits(9), 2, 4, LEASE).of_one_that(waits_for);
        assert_eq!(claim.turn(now), in_line, "{waits_for:?} at {now}");
        let settlement = claim.queue_up(turn);
        assert_eq!((settlement.tries, settlement.next), (4, Next::QueueUp { turn }));
    }
}
