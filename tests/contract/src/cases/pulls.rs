//! What was given up, as its merchant fetches it.

use std::collections::HashSet;
use std::sync::Arc;

use postback_domain::delivery::message::Message;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::delivery::{FailedReason, Next, Progress, State, Via, WaitsFor};
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::limits::SHELVED_MAX;
use postback_engine::ports::pulls::Acknowledged;
use postback_engine::ports::store::{Claimed, Claiming, Due, Reopening};

use crate::WholeStore;
use crate::world::*;

const OTHER: MerchantId = MerchantId::from_bits(0xb);

/// A delivery that was given up, and the message that would have made its last try.
async fn failed(store: &impl WholeStore, name: &str) -> Message {
    let message = delivery(store, name).await;
    let claim = claimed(store, message, NOW).await;
    store.settle(give_up(claim, NOW), receipt(name, NOW)).await.unwrap();
    message
}

async fn state_of(store: &impl WholeStore, id: DeliveryId) -> State {
    store.read_delivery(id).await.unwrap().unwrap().delivery.state()
}

/// Oldest first, as many as wanted, of one merchant, and only what has FAILED.
pub async fn what_was_given_up_can_be_fetched_by_its_merchant(store: impl WholeStore) {
    let mut ids = HashSet::new();
    for name in ["a", "b", "c"] {
        ids.insert(failed(&store, name).await.delivery);
    }
    delivery(&store, "pending").await;
    let done = delivery(&store, "done").await;
    let claim = claimed(&store, done, NOW).await;
    store.settle(end_with(claim, Outcome::Accepted, NOW), None).await.unwrap();
    admit(&store, &event("unwanted"), &[]).await;

    let found = store.fetchable(MERCHANT, 10, NOW).await.unwrap();
    assert_eq!(found.iter().copied().collect::<HashSet<_>>(), ids);
    assert_eq!(found.len(), 3);
    assert_eq!(store.fetchable(MERCHANT, 2, NOW).await.unwrap(), found[..2]);
    assert_eq!(store.fetchable(OTHER, 10, NOW).await.unwrap(), []);
    let held = store.hold(found[0], NOW, at(60)).await.unwrap().unwrap();
    assert_eq!((held.id, held.state()), (found[0], State::Failed));
    assert_eq!(store.hold(done.delivery, NOW, at(60)).await.unwrap(), None);
    assert_eq!(store.hold(DeliveryId::from_bits(404), NOW, at(60)).await.unwrap(), None);
}

/// Of many who want the same one gets it.
pub async fn fetchers_get_disjoint_shares(store: impl WholeStore) {
    let id = failed(&store, "a").await.delivery;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.hold(id, NOW, at(60)).await.unwrap() })
        })
        .collect();
    let mut held = 0;
    for task in tasks {
        held += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(held, 1);
    assert_eq!(store.fetchable(MERCHANT, 10, NOW).await.unwrap(), []);
}

/// A hold ends by itself, at the moment that was said.
pub async fn what_is_not_acknowledged_comes_back(store: impl WholeStore) {
    let id = failed(&store, "a").await.delivery;
    store.hold(id, NOW, at(60)).await.unwrap().unwrap();
    assert_eq!(store.fetchable(MERCHANT, 10, at(59)).await.unwrap(), []);
    assert_eq!(store.hold(id, at(59), at(99)).await.unwrap(), None);
    assert_eq!(state_of(&store, id).await, State::Failed, "a hold is no state");
    assert_eq!(store.fetchable(MERCHANT, 10, at(60)).await.unwrap(), [id]);
    assert!(store.hold(id, at(60), at(120)).await.unwrap().is_some());
    assert_eq!(store.fetchable(MERCHANT, 10, at(61)).await.unwrap(), []);
}

/// Held or not: what was got was got. Its log stays, and the last message of its round is dropped.
pub async fn an_acknowledgement_ends_it_via_pull(store: impl WholeStore) {
    let message = failed(&store, "a").await;
    let id = message.delivery;
    let did = store.acknowledge(MERCHANT, id, at(5)).await.unwrap();
    assert_eq!(did, Acknowledged::Ended);
    let record = store.read_delivery(id).await.unwrap().unwrap();
    assert_eq!(record.delivery.progress, Progress::Success { at: at(5), via: Via::Pull });
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(store.fetchable(MERCHANT, 10, at(99)).await.unwrap(), []);
    let again = store.acknowledge(MERCHANT, id, at(6)).await.unwrap();
    assert_eq!(again, Acknowledged::AlreadyEnded);
    let record = store.read_delivery(id).await.unwrap().unwrap();
    assert_eq!(record.delivery.finished_at(), Some(at(5)), "the first one counts");
    // Out of the dead letters, with a new id: nothing is owed any more.
    let claiming = claim_with(&store, message, receipt("redriven", at(7)), at(7)).await;
    assert!(matches!(claiming, Claiming::Overtaken), "{claiming:?}");
}

/// A delivery to an endpoint that is not called, shelved at `NOW`, and its message.
async fn shelved(store: &impl WholeStore, name: &str) -> Message {
    let message = delivery(store, name).await;
    let claim = claimed(store, message, NOW).await;
    store.settle(claim.shelve(NOW), receipt(name, NOW)).await.unwrap();
    message
}

/// It is PENDING and fetched all the same, among what was given up, by its age. Nothing wakes it,
/// and a message that comes twice finds that it waits.
pub async fn what_is_shelved_can_be_fetched(store: impl WholeStore) {
    let (first, second) = (shelved(&store, "a").await, failed(&store, "b").await);
    let mut found = store.fetchable(MERCHANT, 10, NOW).await.unwrap();
    assert_eq!(found.len(), 2);
    found.retain(|id| *id != second.delivery);
    assert_eq!(found, [first.delivery]);
    let until = NOW.plus(SHELVED_MAX);
    let waiting =
        Progress::Pending { due_at: until, lease: None, waits_for: WaitsFor::Fetch(until) };
    let standing = || async { store.read_delivery(first.delivery).await.unwrap().unwrap() };
    assert_eq!(standing().await.delivery.progress, waiting);
    assert_eq!(store.wake(end(1), at(1), 10).await.unwrap(), []);
    let again = claimed(&store, first, at(2)).await;
    store.settle(again.shelve(at(2)), None).await.unwrap();
    assert_eq!(standing().await.delivery.progress, waiting);

    let held = store.hold(first.delivery, at(3), at(60)).await.unwrap().unwrap();
    assert_eq!((held.id, held.state()), (first.delivery, State::Pending));
    assert_eq!(store.fetchable(MERCHANT, 10, at(3)).await.unwrap(), [second.delivery]);
    let did = store.acknowledge(MERCHANT, first.delivery, at(4)).await.unwrap();
    assert_eq!(did, Acknowledged::Ended);
    let fetched = Progress::Success { at: at(4), via: Via::Pull };
    assert_eq!(standing().await.delivery.progress, fetched);
    assert_eq!(store.fetchable(MERCHANT, 10, at(99)).await.unwrap(), [second.delivery]);
    for shard in 0..store.shards() {
        assert_eq!(store.due(shard, until.plus(SHELVED_MAX), 10).await.unwrap(), []);
    }
}

/// Nothing that is owed ends in silence: when its time is over it is due, given up, and fetched
/// nevertheless.
pub async fn what_nobody_fetches_is_given_up(store: impl WholeStore) {
    let message = shelved(&store, "a").await;
    let (until, later) = (NOW.plus(SHELVED_MAX), at(1).plus(SHELVED_MAX));
    let mut due = Vec::new();
    for shard in 0..store.shards() {
        due.extend(store.due(shard, later, 10).await.unwrap());
    }
    assert_eq!(due, [Due { message, due_at: until }]);
    let claim = claimed(&store, message, later).await;
    assert_eq!(store.fetchable(MERCHANT, 10, later).await.unwrap(), [message.delivery]);
    store.settle(claim.shelve(later), receipt("last", later)).await.unwrap();
    let record = store.read_delivery(message.delivery).await.unwrap().unwrap();
    let Progress::Failed { reason, .. } = record.delivery.progress else { panic!("{record:?}") };
    assert_eq!(reason, FailedReason::NotFetched);
    assert_eq!(store.fetchable(MERCHANT, 10, later).await.unwrap(), [message.delivery]);
    let reopened = store.reopen(message.delivery, None, later).await.unwrap();
    let Reopening::Reopened(fresh) = reopened else { panic!("{reopened:?}") };
    let claim = claimed(&store, fresh, later).await;
    let next = claim.shelve(later).next;
    assert_eq!(
        next,
        Next::Shelve { until: later.plus(SHELVED_MAX) },
        "another round, another time"
    );
}

/// To anybody else there is no such delivery; nor can be got what nobody was owed.
pub async fn only_its_merchant_acknowledges(store: impl WholeStore) {
    let id = failed(&store, "a").await.delivery;
    let did = store.acknowledge(OTHER, id, NOW).await.unwrap();
    assert_eq!(did, Acknowledged::Unknown);
    assert_eq!(state_of(&store, id).await, State::Failed);
    let nowhere = DeliveryId::from_bits(404);
    let did = store.acknowledge(MERCHANT, nowhere, NOW).await.unwrap();
    assert_eq!(did, Acknowledged::Unknown);
}

/// Whoever is first ends it: what was reopened is no longer fetched, nor acknowledged, and a hold
/// from before keeps nothing back when it fails once more.
pub async fn a_push_in_between_wins(store: impl WholeStore) {
    let id = failed(&store, "a").await.delivery;
    store.hold(id, NOW, at(60)).await.unwrap().unwrap();
    let Reopening::Reopened(fresh) = store.reopen(id, None, at(1)).await.unwrap() else {
        panic!("a hold keeps no redrive out")
    };
    assert_eq!(store.acknowledge(MERCHANT, id, at(1)).await.unwrap(), Acknowledged::Pending);
    assert_eq!(store.hold(id, at(1), at(9)).await.unwrap(), None);
    let Claiming::Claimed(Claimed { claim, .. }) = claim(&store, fresh, at(1)).await else {
        panic!("{fresh:?} must be free")
    };
    store.settle(give_up(claim, at(2)), receipt("again", at(1))).await.unwrap();
    assert_eq!(store.fetchable(MERCHANT, 10, at(2)).await.unwrap(), [id]);
    let Reopening::Reopened(fresh) = store.reopen(id, None, at(3)).await.unwrap() else {
        panic!("it had failed")
    };
    let claim = claimed(&store, fresh, at(3)).await;
    store.settle(end_with(claim, Outcome::Accepted, at(4)), None).await.unwrap();
    assert_eq!(store.acknowledge(MERCHANT, id, at(5)).await.unwrap(), Acknowledged::AlreadyEnded);
    let record = store.read_delivery(id).await.unwrap().unwrap();
    assert_eq!(record.delivery.progress, Progress::Success { at: at(4), via: Via::Push });
}

/// The message of a delivery that ended outside of the queue is told of its end, and whoever
/// fetches the delivery keeps it meanwhile.
pub async fn a_receipt_that_comes_late_leaves_the_hold(store: impl WholeStore) {
    let message = delivery(&store, "a").await;
    let claim = claimed(&store, message, NOW).await;
    store.settle(give_up(claim, NOW), None).await.unwrap();
    store.hold(message.delivery, NOW, at(60)).await.unwrap().unwrap();
    let claiming = claim_with(&store, message, receipt("late", NOW), at(1)).await;
    assert!(matches!(claiming, Claiming::Exhausted), "{claiming:?}");
    assert_eq!(store.fetchable(MERCHANT, 10, at(2)).await.unwrap(), []);
    let record = store.read_delivery(message.delivery).await.unwrap().unwrap();
    let Progress::Failed { reason, .. } = record.delivery.progress else { panic!("{record:?}") };
    assert_eq!(reason, FailedReason::TriesUsed);
}
