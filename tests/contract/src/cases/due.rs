//! The due index, in all of its shards.

use postback_domain::delivery::message::Message;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::time::Timestamp;
use postback_engine::ports::store::{Due, Settled};

use crate::WholeStore;
use crate::world::*;

async fn due(store: &impl WholeStore, before: Timestamp, limit: usize) -> Vec<Due> {
    let mut rows = Vec::new();
    for shard in 0..store.shards() {
        let shard_rows = store.due(shard, before, limit).await.unwrap();
        assert!(shard_rows.is_sorted_by_key(|row| row.due_at));
        assert!(shard_rows.len() <= limit);
        rows.extend(shard_rows);
    }
    rows
}

/// A delivery that waits until `seconds`.
async fn waiting(store: &impl WholeStore, name: &str, seconds: u64) -> Message {
    let message = delivery(store, name).await;
    let claim = claimed(store, message, at(seconds)).await;
    store.settle(claim.release(at(seconds)), None).await.unwrap();
    message
}

/// Earliest first, strictly before the given time.
pub async fn rows_come_by_due_time_and_only_when_due(store: impl WholeStore) {
    let (late, early) = (waiting(&store, "late", 9).await, waiting(&store, "early", 3).await);
    assert_eq!(due(&store, at(3), 10).await, []);
    let first = Due { message: early, due_at: at(3) };
    assert_eq!(due(&store, at(9), 10).await, [first]);
    let mut both = due(&store, at(10), 10).await;
    both.sort_by_key(|row| row.due_at);
    assert_eq!(both, [first, Due { message: late, due_at: at(9) }]);
}

/// SUCCESS, FAILED and NOT_APPLY are nobody's work any more.
pub async fn ended_rows_are_not_due(store: impl WholeStore) {
    let done = delivery(&store, "done").await;
    let claim = claimed(&store, done, NOW).await;
    store.settle(end_with(claim, Outcome::Accepted, NOW), None).await.unwrap();
    let failed = delivery(&store, "failed").await;
    let claim = claimed(&store, failed, NOW).await;
    store.settle(give_up(claim, NOW), receipt("m-1", NOW)).await.unwrap();
    admit(&store, &event("unwanted"), &[]).await;
    assert_eq!(due(&store, at(1_000_000), 10).await, []);
}

/// A worker that died is found by the sweep.
pub async fn a_claimed_row_is_due_at_the_end_of_its_lease(store: impl WholeStore) {
    admit(&store, &event("first try"), &[1]).await;
    let message = delivery(&store, "retry").await;
    claimed(&store, message, NOW).await;
    assert_eq!(due(&store, LEASE.until, 10).await, []);
    let rows = due(&store, at(61), 10).await;
    assert_eq!(rows.iter().map(|row| row.due_at).collect::<Vec<_>>(), [LEASE.until; 2]);
}

/// A pushed row goes to one sweep, and is not due again before the push.
pub async fn one_of_two_sweeps_gets_a_row(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let rows = due(&store, at(1), 10).await;
    assert_eq!(rows, [Due { message, due_at: NOW }]);
    assert_eq!(store.push_forward(rows.clone(), at(300)).await.unwrap(), rows);
    assert_eq!(store.push_forward(rows, at(300)).await.unwrap(), []);
    assert_eq!(due(&store, at(300), 10).await, []);
    assert_eq!(due(&store, at(301), 10).await.len(), 1);
    claimed(&store, message, at(2)).await;
}

/// A stale row of the index does not disturb an attempt.
pub async fn a_row_that_moved_on_is_not_pushed(store: impl WholeStore) {
    let message = delivery(&store, "e").await;
    let rows = due(&store, at(1), 10).await;
    let claim = claimed(&store, message, NOW).await;
    assert_eq!(store.push_forward(rows, at(300)).await.unwrap(), []);
    let settlement = end_with(claim, Outcome::Accepted, at(1));
    assert_eq!(store.settle(settlement, None).await.unwrap(), Settled::Recorded);
}
