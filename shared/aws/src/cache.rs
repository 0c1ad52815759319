//! What people have set up, kept in memory for a minute at most: every event needs its source, its
//! merchant's endpoints and one of them. A change that this process makes empties the cache, which
//! is simple, right, and cheap because changes are rare; changes that others make are seen when
//! what was read before them is too old.
//!
//! Invariants: what was read before a change of our own is not kept after it. Nothing is kept
//! longer because a clock jumps. What the senders of requests can choose, namely ids that do not
//! exist, is bounded and crowds nothing else out. Of callers who miss the same entry, one reads.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postback_domain::endpoint::Endpoint;
use postback_domain::ids::{EndpointId, MerchantId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_domain::time::Timestamp;
use postback_engine::ports::{Clock, Unavailable};

/// How old an answer may be, unless an installation says less.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(60);

/// How old an answer may be that says that there is nothing: whoever has been told so sets it up
/// next.
const NOTHING_AGE_MAX: Duration = Duration::from_secs(5);

/// How old an answer may be for those who ask for a fresh one.
pub(crate) const FRESH_AGE_MAX: Duration = Duration::from_secs(1);

/// Entries of one kind; a full shelf is emptied rather than managed.
const ENTRIES_MAX: usize = 2_000;

/// How many entries can be read side by side.
const TURNS: usize = 64;

/// A merchant's external id, hashed: what events say may be long, and there may be many of it.
pub(crate) type Name = [u8; 32];

/// A merchant's endpoints, as the engine reads them.
pub(crate) type Endpoints = Arc<[Arc<Endpoint>]>;

/// Sources, merchants and endpoints that were read lately.
pub(crate) struct Cache {
    clock: Arc<dyn Clock>,
    /// How old any answer may be.
    memory: Duration,
    shelves: Mutex<Shelves>,
    /// Held while reading; by the hash of a key, so two keys may share one.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// One shelf a kind.
#[derive(Default)]
pub(crate) struct Shelves {
    /// Counts our own changes.
    generation: u64,
    pub(crate) sources: Shelf<SourceId, Arc<Source>>,
    pub(crate) merchants: Shelf<MerchantId, Arc<Merchant>>,
    /// By their external ids.
    pub(crate) called: Shelf<Name, MerchantId>,
    pub(crate) endpoints: Shelf<EndpointId, Arc<Endpoint>>,
    pub(crate) endpoints_of: Shelf<MerchantId, Endpoints>,
}

/// Answers of one kind, by what was asked for.
pub(crate) struct Shelf<K, V> {
    found: HashMap<K, (Timestamp, V)>,
    nothing: HashMap<K, Timestamp>,
}

/// When a read began, and after which change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    generation: u64,
    at: Timestamp,
}

/// While it lives, something is being changed; once it is gone, nothing read before is kept.
#[must_use]
pub(crate) struct Changing<'a>(&'a Cache);

/// What an answer is worth as it ages.
pub(crate) trait Ages: Clone {
    /// How old it may be when it is given from memory.
    fn age_max(&self) -> Duration {
        AGE_MAX
    }
}

impl Ages for Arc<Source> {}

impl Ages for Arc<Merchant> {}

impl Ages for MerchantId {}

impl Ages for Arc<Endpoint> {
    /// One that is off is looked at every time: switching it on wakes what waits for it at once,
    /// and whoever still took it for off would put that back to sleep for an hour.
    fn age_max(&self) -> Duration {
        if self.is_enabled() { AGE_MAX } else { Duration::ZERO }
    }
}

impl Ages for Endpoints {
    fn age_max(&self) -> Duration {
        if self.is_empty() { NOTHING_AGE_MAX } else { AGE_MAX }
    }
}

impl Cache {
    /// Remembers answers for as long as they may be old, and no longer than `memory`.
    pub(crate) fn new(clock: Arc<dyn Clock>, memory: Duration) -> Self {
        let turns = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { clock, memory, shelves: Mutex::default(), turns }
    }

    /// An empty one by the same clock.
    pub(crate) fn emptied(&self, memory: Duration) -> Self {
        Self::new(Arc::clone(&self.clock), memory)
    }

    /// The answer as remembered, if it is no older than `age_max` and no older than it may be;
    /// what `read` answers otherwise. `read` must not ask the cache itself.
    pub(crate) async fn get_or_read<K: Copy + Eq + Hash, V: Ages>(
        &self,
        shelf: fn(&mut Shelves) -> &mut Shelf<K, V>,
        key: K,
        age_max: Duration,
        read: impl Future<Output = Result<Option<V>, Unavailable>>,
    ) -> Result<Option<V>, Unavailable> {
        let age_max = age_max.min(self.memory);
        let remembered = || shelf(&mut self.shelves()).get(key, age_max, self.clock.now());
        if let Some(answer) = remembered() {
            return Ok(answer);
        }
        let _turn = self.turns[turn_of(key)].lock().await;
        // Whoever had the turn before may have read it.
        if let Some(answer) = remembered() {
            return Ok(answer);
        }
        let begun = self.begin();
        let answer = read.await?;
        self.keep(begun, shelf, key, answer.clone());
        Ok(answer)
    }

    /// To be called before a read, for [`keep`](Self::keep).
    pub(crate) fn begin(&self) -> Begun {
        let at = self.clock.now();
        Begun { generation: self.shelves().generation, at }
    }

    /// Remembers what was read, unless we have changed something meanwhile.
    pub(crate) fn keep<K: Eq + Hash, V>(
        &self,
        begun: Begun,
        shelf: fn(&mut Shelves) -> &mut Shelf<K, V>,
        key: K,
        answer: Option<V>,
    ) {
        let mut shelves = self.shelves();
        if shelves.generation == begun.generation {
            shelf(&mut shelves).put(key, answer, begun.at);
        }
    }

    /// To be called before a change and held until its answer is there, whatever it is: a write
    /// that failed, or was given up, may have been made.
    pub(crate) fn changing(&self) -> Changing<'_> {
        Changing(self)
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // A panic while it was held leaves maps that are still maps.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut shelves = self.0.shelves();
        *shelves = Shelves { generation: shelves.generation + 1, ..Shelves::default() };
    }
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { found: HashMap::new(), nothing: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Shelf<K, V> {
    fn get(&self, key: K, age_max: Duration, now: Timestamp) -> Option<Option<V>>
    where
        V: Ages,
    {
        if let Some((read_at, answer)) = self.found.get(&key) {
            let young = is_younger(*read_at, age_max.min(answer.age_max()), now);
            return young.then(|| Some(answer.clone()));
        }
        let read_at = self.nothing.get(&key)?;
        is_younger(*read_at, age_max.min(NOTHING_AGE_MAX), now).then_some(None)
    }

    fn put(&mut self, key: K, answer: Option<V>, read_at: Timestamp) {
        match answer {
            Some(answer) => {
                self.nothing.remove(&key);
                make_room(&mut self.found, &key);
                self.found.insert(key, (read_at, answer));
            }
            None => {
                self.found.remove(&key);
                make_room(&mut self.nothing, &key);
                self.nothing.insert(key, read_at);
            }
        }
    }
}

fn make_room<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: &K) {
    if map.len() >= ENTRIES_MAX && !map.contains_key(key) {
        map.clear();
    }
}

/// What was read at a time that is still to come was read by a clock that has jumped back since:
/// how old it is cannot be known.
fn is_younger(read_at: Timestamp, than: Duration, now: Timestamp) -> bool {
    read_at <= now && now.since(read_at) < than
}

fn turn_of(key: impl Hash) -> usize {
    let mut hash = DefaultHasher::new();
    key.hash(&mut hash);
    hash.finish() as usize % TURNS
}

#[cfg(test)]
mod tests;
