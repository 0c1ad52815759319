use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

use postback_contract::world::{endpoint, source};
use postback_domain::endpoint::{OffReason, Switch};
use tokio::task::yield_now;

use super::*;

/// A clock that is set by hand.
#[derive(Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Relaxed))
    }
}

/// A cache in front of a table that counts how often it is read.
struct World {
    clock: Arc<HandClock>,
    cache: Cache,
    reads: AtomicUsize,
}

impl World {
    fn new() -> Self {
        let clock = Arc::<HandClock>::default();
        clock.0.store(1_790_000_000_000, Relaxed);
        Self {
            cache: Cache::new(Arc::clone(&clock) as _, AGE_MAX),
            clock,
            reads: AtomicUsize::new(0),
        }
    }

    fn wait(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Relaxed);
    }

    /// A read that answers with this, after others had their chance to ask.
    async fn read<T>(&self, answer: Option<T>) -> Result<Option<T>, Unavailable> {
        self.reads.fetch_add(1, Relaxed);
        yield_now().await;
        Ok(answer)
    }

    /// Asks for source `number`, which the table has if it is below 100.
    async fn source(&self, number: u128, age_max: Duration) -> Option<u128> {
        let kept = (number < 100).then(|| Arc::new(source(number)));
        let (id, read) = (SourceId::from_bits(number), self.read(kept));
        let source = self.cache.get_or_read(|shelves| &mut shelves.sources, id, age_max, read);
        source.await.unwrap().map(|_| number)
    }

    async fn endpoint(&self, switch: Switch) {
        let endpoint = Endpoint { switch, ..endpoint(1) };
        let (id, read) = (endpoint.id, self.read(Some(Arc::new(endpoint))));
        let answer = self.cache.get_or_read(|shelves| &mut shelves.endpoints, id, AGE_MAX, read);
        assert_eq!(answer.await.unwrap().unwrap().switch, switch);
    }

    async fn endpoints_of(&self, endpoints: &[u128]) {
        let list: Endpoints = endpoints.iter().map(|number| Arc::new(endpoint(*number))).collect();
        let (id, read) = (MerchantId::from_bits(1), self.read(Some(list)));
        let answer = self.cache.get_or_read(|shelves| &mut shelves.endpoints_of, id, AGE_MAX, read);
        assert_eq!(answer.await.unwrap().unwrap().len(), endpoints.len());
    }

    /// How often the table was read since this was last asked.
    fn reads(&self) -> usize {
        self.reads.swap(0, Relaxed)
    }
}

#[tokio::test]
async fn an_answer_lives_for_a_minute() {
    let world = World::new();
    assert_eq!(world.source(5, AGE_MAX).await, Some(5));
    world.wait(59_999);
    assert_eq!(world.source(5, AGE_MAX).await, Some(5));
    assert_eq!(world.reads(), 1);
    world.wait(1);
    assert_eq!(world.source(5, AGE_MAX).await, Some(5));
    assert_eq!(world.reads(), 1);
    // It was read again, so it lives for another minute.
    world.wait(59_999);
    world.source(5, AGE_MAX).await;
    assert_eq!(world.reads(), 0);
}

#[tokio::test]
async fn a_fresh_answer_is_read_once_a_second() {
    let world = World::new();
    world.source(5, AGE_MAX).await;
    for _ in 0..3 {
        world.wait(1000);
        for _ in 0..50 {
            world.source(5, FRESH_AGE_MAX).await;
        }
        world.wait(999);
        world.source(5, FRESH_AGE_MAX).await;
    }
    assert_eq!(world.reads(), 4);
}

#[tokio::test]
async fn nothing_is_remembered_for_seconds() {
    let world = World::new();
    for _ in 0..50 {
        assert_eq!(world.source(404, AGE_MAX).await, None);
    }
    assert_eq!(world.reads(), 1);
    world.wait(4_999);
    world.source(404, AGE_MAX).await;
    assert_eq!(world.reads(), 0);
    world.wait(1);
    world.source(404, AGE_MAX).await;
    assert_eq!(world.reads(), 1);

    world.endpoints_of(&[]).await;
    world.wait(5_000);
    world.endpoints_of(&[1]).await;
    world.wait(5_000);
    world.endpoints_of(&[1]).await;
    assert_eq!(world.reads(), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_off_is_looked_at_every_time() {
    let world = World::new();
    let off = Switch::Off { since: Timestamp::from_millis(0), reason: OffReason::Asked };
    world.endpoint(off).await;
    world.endpoint(off).await;
    world.endpoint(Switch::On).await;
    world.endpoint(Switch::On).await;
    assert_eq!(world.reads(), 3);
}

/// In both directions: what was read "later" is of unknown age.
#[tokio::test]
async fn a_clock_that_jumps_keeps_nothing_for_ever() {
    for back in [1, 3_600_000, 1_790_000_000_000, i64::MAX / 2] {
        let world = World::new();
        world.source(5, AGE_MAX).await;
        world.source(404, AGE_MAX).await;
        assert_eq!(world.reads(), 2);
        world.wait(-back);
        world.source(5, AGE_MAX).await;
        world.source(404, AGE_MAX).await;
        assert_eq!(world.reads(), 2, "{back} ms back");
        // From here on it is remembered again.
        world.source(5, AGE_MAX).await;
        world.source(404, AGE_MAX).await;
        assert_eq!(world.reads(), 0, "{back} ms back");
    }
}

#[tokio::test]
async fn a_change_empties_it() {
    let world = World::new();
    world.source(5, AGE_MAX).await;
    world.source(404, AGE_MAX).await;
    drop(world.cache.changing());
    world.source(5, AGE_MAX).await;
    world.source(404, AGE_MAX).await;
    assert_eq!(world.reads(), 4);
}

/// A read that our own change overtakes answers its caller, and nobody after.
#[tokio::test]
async fn what_was_read_before_a_change_is_not_kept_after_it() {
    let world = World::new();
    let id = SourceId::from_bits(5);
    let changing = world.cache.changing();
    let read = async {
        let answer = Arc::new(source(5));
        drop(changing);
        Ok(Some(answer))
    };
    let overtaken = world.cache.get_or_read(|shelves| &mut shelves.sources, id, AGE_MAX, read);
    assert!(overtaken.await.unwrap().is_some());
    world.source(5, AGE_MAX).await;
    assert_eq!(world.reads(), 1);
}

#[tokio::test]
async fn of_those_who_miss_the_same_one_reads() {
    let world = World::new();
    let asking = (0..50).map(|_| world.source(5, AGE_MAX));
    futures_util::future::join_all(asking).await;
    assert_eq!(world.reads(), 1);
    world.wait(1_000);
    let asking = (0..50).map(|_| world.source(5, FRESH_AGE_MAX));
    futures_util::future::join_all(asking).await;
    assert_eq!(world.reads(), 1);
}

/// The next in turn reads for itself.
#[tokio::test]
async fn a_failed_read_is_not_remembered() {
    let world = World::new();
    let read = async { Err(Unavailable::new("the table", "down")) };
    let id = SourceId::from_bits(5);
    let failed = world.cache.get_or_read(|shelves| &mut shelves.sources, id, AGE_MAX, read);
    let (failed, found) = futures_util::future::join(failed, world.source(5, AGE_MAX)).await;
    assert!(failed.is_err());
    assert_eq!((found, world.reads()), (Some(5), 1));
}

#[tokio::test]
async fn made_up_ids_are_bounded_and_crowd_nothing_out() {
    let world = World::new();
    world.source(5, AGE_MAX).await;
    for number in 0..3 * ENTRIES_MAX as u128 {
        world.source(1_000 + number, AGE_MAX).await;
    }
    world.reads();
    world.source(5, AGE_MAX).await;
    assert_eq!(world.reads(), 0);
    let shelves = world.cache.shelves();
    assert!(shelves.sources.nothing.len() <= ENTRIES_MAX);
}

#[test]
fn a_shelf_is_bounded() {
    let mut shelf = Shelf::default();
    let now = Timestamp::from_millis(0);
    for number in 0..3 * ENTRIES_MAX {
        shelf.put(number, Some(number), now);
        shelf.put(number, Some(number), now);
        assert!((1..=ENTRIES_MAX).contains(&shelf.found.len()));
    }
    // What is there no longer leaves the other map, and the other way round.
    shelf.put(1, Some(1), now);
    shelf.put(1, None, now);
    assert!(!shelf.found.contains_key(&1) && shelf.nothing.contains_key(&1));
    shelf.put(1, Some(1), now);
    assert!(shelf.found.contains_key(&1) && !shelf.nothing.contains_key(&1));
}
