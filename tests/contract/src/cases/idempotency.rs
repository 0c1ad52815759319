//! Requests that must take effect once.

use std::sync::Arc;
use std::time::Duration;

use postback_domain::idempotency::{Fingerprint, Record, RecordId};
use postback_domain::limits::{IDEMPOTENCY_HOLD, IDEMPOTENCY_KEPT};
use postback_domain::time::Timestamp;
use postback_engine::ports::idempotency::Begun;

use crate::WholeStore;
use crate::world::*;

const ID: RecordId = RecordId([1; 32]);
const ASKED: Fingerprint = Fingerprint([2; 32]);

/// The usual request, begun at this time, with a seed of its own.
fn request(seed: u8, at: Timestamp) -> Record {
    Record::begin(ID, ASKED, vec![seed; 60], at)
}

async fn begin(store: &impl WholeStore, seed: u8, at: Timestamp) -> Begun {
    store.begin(request(seed, at)).await.unwrap()
}

fn later() -> Timestamp {
    NOW.plus(IDEMPOTENCY_HOLD)
}

/// Of those who send a request side by side, one carries it out.
pub async fn one_of_many_holds_a_request(store: impl WholeStore) {
    let store = Arc::new(store);
    let all = (0..8).map(|seed| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { begin(&*store, seed, NOW).await })
    });
    let (mut held, mut running) = (0, 0);
    for begun in all.collect::<Vec<_>>() {
        match begun.await.unwrap() {
            Begun::Held(_) => held += 1,
            Begun::Running => running += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((held, running), (1, 7));
    let other = Record::begin(RecordId([9; 32]), ASKED, vec![0], NOW);
    assert_eq!(store.begin(other.clone()).await.unwrap(), Begun::Held(other));
}

/// Once there is an answer, everybody gets it, for a day, and only under the same request.
pub async fn an_answer_is_given_again(store: impl WholeStore) {
    let held = request(1, NOW);
    assert_eq!(begin(&store, 1, NOW).await, Begun::Held(held.clone()));
    let answer: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    store.keep_answer(&held, answer.clone()).await.unwrap();
    let just_before = NOW.plus(IDEMPOTENCY_KEPT - Duration::from_millis(1));
    for at in [NOW, later(), just_before] {
        assert_eq!(begin(&store, 2, at).await, Begun::Answered(answer.clone()));
    }
    let other = Record { fingerprint: Fingerprint([3; 32]), ..request(2, NOW) };
    assert_eq!(store.begin(other).await.unwrap(), Begun::OtherRequest);
}

/// Whoever takes over from a worker that died goes on from the same seed, as of the same moment.
pub async fn an_abandoned_request_is_begun_again_from_its_seed(store: impl WholeStore) {
    begin(&store, 1, NOW).await;
    let other = Record { fingerprint: Fingerprint([3; 32]), ..request(2, later()) };
    assert_eq!(store.begin(other).await.unwrap(), Begun::OtherRequest);
    let expected = request(1, NOW).held_again(later());
    assert_eq!(begin(&store, 2, later()).await, Begun::Held(expected.clone()));
    assert_eq!(begin(&store, 3, later()).await, Begun::Running);
    store.keep_answer(&expected, vec![7]).await.unwrap();
    assert_eq!(begin(&store, 3, later()).await, Begun::Answered(vec![7]));
}

/// What ended in a fault of ours may be sent again at once, and goes on from the same seed.
pub async fn a_request_that_is_let_go_is_begun_again_at_once(store: impl WholeStore) {
    begin(&store, 1, NOW).await;
    store.let_go(&request(1, NOW)).await.unwrap();
    let expected = request(1, NOW).held_again(at(1));
    assert_eq!(begin(&store, 2, at(1)).await, Begun::Held(expected));
}

/// What changed nothing leaves nothing behind.
pub async fn a_request_that_is_forgotten_leaves_its_id_free(store: impl WholeStore) {
    begin(&store, 1, NOW).await;
    store.forget(&request(1, NOW)).await.unwrap();
    let other = Record { fingerprint: Fingerprint([3; 32]), ..request(2, at(1)) };
    assert_eq!(store.begin(other.clone()).await.unwrap(), Begun::Held(other));
}

/// A worker that comes back after its hold has been taken over does not disturb the other one.
pub async fn a_late_answer_changes_nothing(store: impl WholeStore) {
    let late = request(1, NOW);
    begin(&store, 1, NOW).await;
    let Begun::Held(heir) = begin(&store, 2, later()).await else { panic!("abandoned") };
    store.keep_answer(&late, vec![1]).await.unwrap();
    store.let_go(&late).await.unwrap();
    store.forget(&late).await.unwrap();
    assert_eq!(begin(&store, 3, later()).await, Begun::Running);
    store.keep_answer(&heir, vec![2]).await.unwrap();
    store.let_go(&heir).await.unwrap();
    store.forget(&heir).await.unwrap();
    store.keep_answer(&heir, vec![3]).await.unwrap();
    assert_eq!(begin(&store, 3, later()).await, Begun::Answered(vec![2]), "the first one stands");
}

/// After a day the id is free, for any request.
pub async fn a_record_ends(store: impl WholeStore) {
    begin(&store, 1, NOW).await;
    store.keep_answer(&request(1, NOW), vec![7]).await.unwrap();
    let next_day = NOW.plus(IDEMPOTENCY_KEPT);
    let other = Record { fingerprint: Fingerprint([3; 32]), ..request(2, next_day) };
    assert_eq!(store.begin(other.clone()).await.unwrap(), Begun::Held(other));
}
