//! Notes that a source's secret was used, so that an operator sees when the old one of a rotation
//! can go. A note is for people and never worth an event: it is made after the event is safe, at
//! most once in a while, and one that fails is made with a later event.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use postback_domain::ids::{SecretId, SourceId};
use postback_domain::limits::SECRET_USE_NOTED_EVERY;
use postback_domain::time::Timestamp;

use crate::Engine;
use crate::ports::store::Configuration;
use crate::ports::{Clock, Ports};

/// Secrets remembered as noted. When there are more, all are forgotten and noted once again.
const NOTED_MAX: usize = 10_000;

/// When this process noted which secret last.
#[derive(Debug, Default)]
pub(crate) struct Noted(Mutex<HashMap<SecretId, Timestamp>>);

impl<P: Ports> Engine<P> {
    /// Notes that these secrets of a source have signed something by now.
    pub async fn note_use(&self, source: SourceId, secrets: &[SecretId]) {
        let now = self.ports.clock().now();
        for secret in secrets.iter().copied().filter(|secret| self.noted.is_due(*secret, now)) {
            if let Err(error) = self.ports.store().note_secret_use(source, secret, now).await {
                self.noted.forget(secret);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source.id = %source,
                    "could not note the use of {secret} of {source}"
                );
            }
        }
    }
}

impl Noted {
    /// Whether it is time for a note; if so, this is taken for it.
    fn is_due(&self, secret: SecretId, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| *at <= now && now.since(*at) < SECRET_USE_NOTED_EVERY;
        if noted.get(&secret).is_some_and(is_recent) {
            return false;
        }
        if noted.len() >= NOTED_MAX {
            noted.clear();
        }
        noted.insert(secret, now);
        true
    }

    fn forget(&self, secret: SecretId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&secret);
    }
}
