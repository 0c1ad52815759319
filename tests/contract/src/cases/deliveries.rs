//! Claiming, settling, reopening.

use std::sync::Arc;
use std::time::Duration;

use postback_domain::delivery::message::Message;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::delivery::{FailedReason, InLine, Progress, State, Via, WaitsFor};
use postback_domain::ids::DeliveryId;
use postback_domain::limits::{ATTEMPT_LOG_MAX, LINE_MAX};
use postback_domain::turns::{RateLimit, Turn};
use postback_engine::ports::store::{Claiming, Reopening, Settled};

use crate::WholeStore;
use crate::world::*;

async fn progress(store: &impl WholeStore, id: DeliveryId) -> Progress {
    store.read_delivery(id).await.unwrap().unwrap().delivery.progress
}

/// `attempts_never_overlap`.
pub async fn one_of_many_claims_wins(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { claim(&*store, message, NOW).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Claiming::Claimed(claimed) => {
                won += 1;
                assert_eq!(claimed.event_id, event("e").id);
                assert_eq!(claimed.endpoint_id, end(1));
            }
            other => assert_eq!(other, Claiming::InFlight),
        }
    }
    assert_eq!(won, 1);
}

/// A dead worker's delivery is attempted again, and its ghost changes nothing.
pub async fn a_lease_that_ran_out_is_taken_over(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let ghost = claimed(&store, message, NOW).await;
    assert_eq!(claim(&store, message, at(59)).await, Claiming::InFlight);
    let heir = claimed(&store, message, at(60)).await;
    assert_eq!(heir.number(), 1, "an attempt that was never recorded is no try");
    let late = end_with(ghost, Outcome::Accepted, at(61));
    assert_eq!(store.settle(late, None).await.unwrap(), Settled::Overtaken);
    let good = end_with(heir, Outcome::Accepted, at(62));
    assert_eq!(store.settle(good, None).await.unwrap(), Settled::Recorded);
    assert_eq!(log(&store, message.delivery).await.len(), 1);
}

/// Messages from another round or try, and about nothing, are overtaken.
pub async fn a_claim_must_name_round_and_try(store: impl WholeStore) {
    let good = delivery(&store, "e").await;
    for bad in [
        Message { round: 2, ..good },
        Message { tries: 1, ..good },
        Message { delivery: DeliveryId::from_bits(404), ..good },
    ] {
        assert_eq!(claim(&store, bad, NOW).await, Claiming::Overtaken, "{bad:?}");
    }
    claimed(&store, good, NOW).await;
}

/// SUCCESS, via push, with the attempt in the log.
pub async fn success_is_recorded_with_its_attempt(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    let settlement = end_with(claim, Outcome::Accepted, at(1));
    let attempt = settlement.attempt.clone().unwrap();
    assert_eq!(store.settle(settlement, None).await.unwrap(), Settled::Recorded);
    let record = store.read_delivery(message.delivery).await.unwrap().unwrap();
    assert_eq!(record.delivery.progress, Progress::Success { at: at(1), via: Via::Push });
    assert_eq!((record.delivery.round, record.delivery.tries), (1, 1));
    assert_eq!(record.attempts, [attempt]);
    assert_eq!(self::claim(&store, message, at(2)).await, Claiming::Overtaken);
}

/// PENDING again, without a lease, at the policy's time.
pub async fn a_retry_is_due_and_can_be_claimed(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    let settlement = end_with(claim, Outcome::TimedOut, NOW);
    assert_eq!(store.settle(settlement, None).await.unwrap(), Settled::Recorded);
    // The first step is 5 s, and the case's jitter takes a fifth off.
    let due_at = at(4);
    let expected = Progress::Pending { due_at, lease: None, waits_for: WaitsFor::Try };
    assert_eq!(progress(&store, message.delivery).await, expected);
    let next = Message { tries: 1, ..message };
    assert_eq!(claimed(&store, next, due_at).await.number(), 2);
}

/// A disabled endpoint or a fault of ours leaves tries and log alone.
pub async fn waiting_uses_no_try(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    assert_eq!(store.settle(claim.park(NOW), None).await.unwrap(), Settled::Recorded);
    let record = store.read_delivery(message.delivery).await.unwrap().unwrap();
    assert_eq!((record.delivery.tries, record.attempts.len()), (0, 0));
    assert_eq!(record.delivery.state(), State::Pending);
    assert_eq!(claimed(&store, message, at(1)).await.number(), 1);
}

/// A settlement that is sent twice counts once.
pub async fn a_settlement_is_recorded_once(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    let settlement = end_with(claim, Outcome::ServerError, NOW);
    assert_eq!(store.settle(settlement.clone(), None).await.unwrap(), Settled::Recorded);
    assert_eq!(store.settle(settlement, None).await.unwrap(), Settled::Overtaken);
    assert_eq!(log(&store, message.delivery).await.len(), 1);
}

/// What matters is whether somebody took over, not what the clock says.
pub async fn a_late_settlement_counts_if_nobody_took_over(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    let settlement = end_with(claim, Outcome::Accepted, at(3600));
    assert_eq!(store.settle(settlement, None).await.unwrap(), Settled::Recorded);
}

/// The last message of a delivery goes to the dead-letter queue; one that comes back from there
/// reopens it; a duplicate of an earlier one does neither.
pub async fn the_message_that_ended_it_bounces_and_a_later_one_redrives(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    let settled = store.settle(give_up(claim, at(10)), receipt("m-1", NOW)).await.unwrap();
    assert_eq!(settled, Settled::Recorded);
    let failed = Progress::Failed {
        at: at(10),
        reason: FailedReason::TriesUsed,
        ended_by: receipt("m-1", NOW).map(|receipt| receipt.id),
    };
    assert_eq!(progress(&store, message.delivery).await, failed);
    for (why, id, sent_at, expected) in [
        ("bounces", "m-1", NOW, Claiming::Exhausted),
        ("late duplicate", "m-0", at(9), Claiming::Exhausted),
        ("sent by a sweep that stalled", "m-2", at(130), Claiming::Exhausted),
        ("sent back", "m-2", at(131), Claiming::Redriven { round: 1 }),
    ] {
        let got = claim_with(&store, message, receipt(id, sent_at), at(132)).await;
        assert_eq!(got, expected, "{why}");
    }
    assert_eq!(progress(&store, message.delivery).await, failed, "reading changes nothing");
}

/// What ended outside of the queue has no message of its own. The first to come is taken for it, and
/// only what is sent well after that is a redrive.
pub async fn the_first_message_after_an_end_outside_the_queue_bounces(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    store.settle(give_up(claim, at(1)), None).await.unwrap();
    for (why, id, sent_at, now, expected) in [
        ("the first, found by a sweep", "m-1", at(300), at(301), Claiming::Exhausted),
        ("it bounces", "m-1", at(300), at(700), Claiming::Exhausted),
        ("another, lost for long", "m-2", at(2), at(701), Claiming::Exhausted),
        ("sent by a sweep that stalled", "m-3", at(421), at(702), Claiming::Exhausted),
        ("sent back", "m-4", at(422), at(703), Claiming::Redriven { round: 1 }),
    ] {
        let got = claim_with(&store, message, receipt(id, sent_at), now).await;
        assert_eq!(got, expected, "{why}");
    }
    let ended_by = receipt("m-1", NOW).map(|receipt| receipt.id);
    let expected = Progress::Failed { at: at(301), reason: FailedReason::TriesUsed, ended_by };
    assert_eq!(progress(&store, message.delivery).await, expected);
}

/// Two redrives of one message reopen its delivery once.
pub async fn one_of_two_redrives_reopens(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let claim = claimed(&store, message, NOW).await;
    store.settle(give_up(claim, at(1)), None).await.unwrap();
    let reopened = Message { round: 2, tries: 0, ..message };
    let first = store.reopen(message.delivery, Some(1), at(2)).await.unwrap();
    assert_eq!(first, Reopening::Reopened(reopened));
    let second = store.reopen(message.delivery, Some(1), at(2)).await.unwrap();
    assert_eq!(second, Reopening::StillPending);
    claimed(&store, reopened, at(3)).await;
}

/// What is owed is not reopened, what nobody wanted neither, and what never was is unknown.
pub async fn reopening_needs_an_end(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let pending = store.reopen(message.delivery, None, NOW).await.unwrap();
    assert_eq!(pending, Reopening::StillPending);
    let unwanted = event("unwanted");
    admit(&store, &unwanted, &[]).await;
    let unwanted = DeliveryId::derive(unwanted.id, None);
    assert_eq!(store.reopen(unwanted, None, NOW).await.unwrap(), Reopening::NothingToSend);
    let nothing = DeliveryId::from_bits(404);
    assert_eq!(store.reopen(nothing, None, NOW).await.unwrap(), Reopening::Unknown);
}

/// A reopened delivery remembers, within bounds, what happened before.
pub async fn reopening_keeps_the_log(store: impl WholeStore) {
    let mut message = delivery(&store, "e").await;
    for round in 0..60 {
        let claim = claimed(&store, message, at(round)).await;
        store.settle(give_up(claim, at(round)), None).await.unwrap();
        match store.reopen(message.delivery, None, at(round)).await.unwrap() {
            Reopening::Reopened(next) => message = next,
            other => panic!("round {round}: {other:?}"),
        }
    }
    let rounds: Vec<_> = log(&store, message.delivery).await.iter().map(|a| a.round).collect();
    assert_eq!(rounds.len(), ATTEMPT_LOG_MAX);
    assert_eq!(rounds.last(), Some(&60), "the newest are kept");
}

/// Switching an endpoint on wakes what waits for it, and nothing else.
pub async fn waking_makes_waiting_deliveries_due(store: impl WholeStore) {
    let park = async |name: &str, endpoint: u128| {
        let admitted = admit_at(&store, &event(name), &[endpoint], None).await;
        let message = admitted.unclaimed[0];
        let claim = claimed(&store, message, NOW).await;
        store.settle(claim.park(NOW), None).await.unwrap();
        message
    };
    let mut waiting = vec![park("a", 1).await, park("b", 1).await, park("c", 1).await];
    park("other", 2).await;
    admit(&store, &event("in flight"), &[1]).await;
    let mut woken = store.wake(end(1), at(1), 2).await.unwrap();
    assert_eq!(woken.len(), 2, "no more than asked for");
    woken.extend(store.wake(end(1), at(1), 2).await.unwrap());
    woken.sort_by_key(|message| message.delivery);
    waiting.sort_by_key(|message| message.delivery);
    assert_eq!(woken, waiting);
    assert_eq!(store.wake(end(1), at(1), 2).await.unwrap(), []);
    let due_at = NOW.plus(Duration::from_secs(1));
    let due = Progress::Pending { due_at, lease: None, waits_for: WaitsFor::Try };
    assert_eq!(progress(&store, waiting[0].delivery).await, due);
}

/// Of many who come at once each gets a turn of its own, and the limit holds for all of them.
pub async fn turns_are_given_out_once(store: impl WholeStore) {
    let limit = RateLimit::per_second(4.0).unwrap();
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.take_turn(end(1), limit, NOW).await.unwrap() })
        })
        .collect();
    let mut turns = Vec::new();
    for task in tasks {
        let Turn::At(turn) = task.await.unwrap() else { panic!("a line of twelve is short") };
        turns.push(turn.since(NOW).as_millis());
    }
    turns.sort_unstable();
    assert_eq!(turns, (0..12).map(|number| number * 250).collect::<Vec<_>>());
    assert_eq!(store.take_turn(end(2), limit, NOW).await.unwrap(), Turn::At(NOW), "another line");
    assert_eq!(store.take_turn(end(1), limit, at(60)).await.unwrap(), Turn::At(at(60)));

    let slow = RateLimit::per_second(0.1).unwrap();
    let mut given = 0;
    while let Turn::At(_) = store.take_turn(end(3), slow, NOW).await.unwrap() {
        given += 1;
    }
    assert_eq!(given, LINE_MAX.as_secs() / 10 + 1);
    assert_eq!(store.take_turn(end(3), slow, at(9)).await.unwrap(), Turn::Full);
    let last = NOW.plus(LINE_MAX).plus(Duration::from_secs(10));
    assert_eq!(store.take_turn(end(3), slow, at(10)).await.unwrap(), Turn::At(last));
}

/// It is due then, whoever looks before finds that it waits, and a try ends the wait.
pub async fn a_turn_is_waited_for(store: impl WholeStore) {
    let message = delivery(&store, "a").await;
    let claim = claimed(&store, message, NOW).await;
    assert_eq!(claim.turn(NOW), InLine::NeedsTurn);
    store.settle(claim.queue_up(at(9)), None).await.unwrap();
    let standing = || async { store.read_delivery(message.delivery).await.unwrap().unwrap() };
    let waits = WaitsFor::Turn(at(9));
    let waiting = Progress::Pending { due_at: at(9), lease: None, waits_for: waits };
    assert_eq!(standing().await.delivery.progress, waiting);

    let early = claimed(&store, message, at(1)).await;
    assert_eq!(early.turn(at(1)), InLine::Waits(at(9)));
    store.settle(early.queue_up(at(9)), None).await.unwrap();
    assert_eq!(standing().await.delivery.progress, waiting);
    let claim = claimed(&store, message, at(9)).await;
    assert_eq!(claim.turn(at(9)), InLine::HasTurn);
    store.settle(end_with(claim, Outcome::ServerError, at(10)), None).await.unwrap();
    let Progress::Pending { waits_for, .. } = standing().await.delivery.progress else {
        panic!("there are tries left")
    };
    assert_eq!(waits_for, WaitsFor::Try);
}
