//! What people have set up, kept in memory: every event needs its source and its merchant's
//! endpoints. Any change of configuration empties the cache, which is simple, right, and cheap
//! because changes are rare and a look-up costs microseconds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postback_domain::endpoint::Endpoint;
use postback_domain::ids::{EndpointId, MerchantId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_domain::text::Label;

/// Entries of one kind; a full map is emptied rather than managed.
const ENTRIES_MAX: usize = 10_000;

/// Sources, merchants and endpoints that were looked up since the last change.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// Counts the changes. What was read before a change must not be kept after it.
    generation: u64,
    pub(crate) sources: HashMap<SourceId, Arc<Source>>,
    pub(crate) merchants: HashMap<MerchantId, Arc<Merchant>>,
    /// By their external ids.
    pub(crate) called: HashMap<Label, MerchantId>,
    pub(crate) endpoints: HashMap<EndpointId, Arc<Endpoint>>,
    pub(crate) endpoints_of: HashMap<MerchantId, Arc<[Arc<Endpoint>]>>,
}

/// Proof of when a read began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generation(u64);

impl Cache {
    /// What the cache holds, and the generation to read under if it does not.
    pub(crate) fn look<T>(&self, find: impl FnOnce(&Inner) -> Option<T>) -> Result<T, Generation> {
        let inner = self.inner();
        find(&inner).ok_or(Generation(inner.generation))
    }

    /// Keeps what was read, unless something changed meanwhile.
    pub(crate) fn keep<K: Eq + Hash, V>(
        &self,
        read_under: Generation,
        map: impl FnOnce(&mut Inner) -> &mut HashMap<K, V>,
        key: K,
        value: V,
    ) {
        let mut inner = self.inner();
        if inner.generation == read_under.0 {
            let map = map(&mut inner);
            if map.len() >= ENTRIES_MAX {
                map.clear();
            }
            map.insert(key, value);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        *inner = Inner { generation: inner.generation + 1, ..Inner::default() };
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held leaves maps that are still maps.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
