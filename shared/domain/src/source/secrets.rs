//! The secrets of a source. A provider's secret is changed while requests signed with the old one
//! are still on their way or come again, so for a while both are good.

use std::time::Duration;

use postback_verify::Secret;
use serde::{Deserialize, Serialize};

use super::Source;
use crate::ids::{SecretId, SourceId};
use crate::limits::SECRETS_PER_SOURCE_MAX;
use crate::time::Timestamp;

/// One of the secrets that may have signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSecret {
    /// What it is called where it cannot be shown. Says nothing of the secret.
    pub id: SecretId,
    /// The secret itself.
    pub secret: Secret,
    /// When it was set.
    pub created_at: Timestamp,
    /// From when on it is good for nothing; unless changed, for ever.
    pub expires_at: Option<Timestamp>,
}

/// A change of secrets that would lock a source out or give it more than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretChangeError {
    /// It is there already, under this id.
    #[error("secret is one of the source's already, as {0}")]
    Known(SecretId),
    /// The source has as many as it may.
    #[error("source has {SECRETS_PER_SOURCE_MAX} secrets; delete one first")]
    Full,
    /// There is no such secret.
    #[error("source has no such secret")]
    Unknown,
    /// Nothing would verify any more, now or when the others expire.
    #[error("secret is the last one that does not expire; add its successor first")]
    Last,
}

impl SourceSecret {
    /// Secrets that are set together. Their ids are derived from the source and its revision, so a
    /// request that is carried out again sets the same.
    pub fn set(
        source: SourceId,
        revision: u32,
        at: Timestamp,
        secrets: impl IntoIterator<Item = Secret>,
    ) -> Vec<Self> {
        let numbered = (0..).zip(secrets);
        let set = numbered.map(|(number, secret)| Self {
            id: SecretId::derive(source, revision, number),
            secret,
            created_at: at,
            expires_at: None,
        });
        set.collect()
    }

    /// Whether it is good for something at this time.
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }
}

impl Source {
    /// The secrets that may have signed a request of this time.
    pub fn live_secrets(&self, at: Timestamp) -> impl Iterator<Item = &SourceSecret> {
        self.secrets.iter().filter(move |secret| secret.is_live(at))
    }

    /// Replaces all secrets at once, for the revision to come. One that stays keeps its id, and
    /// does not expire any more.
    pub fn replace_secrets(&mut self, secrets: Vec<Secret>, at: Timestamp) {
        let mut set = SourceSecret::set(self.id, self.revision.saturating_add(1), at, secrets);
        for new in &mut set {
            if let Some(known) = self.secrets.iter().find(|known| known.secret == new.secret) {
                *new = SourceSecret { expires_at: None, ..known.clone() };
            }
        }
        self.secrets = set;
    }

    /// Adds a secret, for the revision to come; the others expire when `overlap` is over, if it
    /// ends. Those that have expired already are dropped.
    ///
    /// # Errors
    /// When it is there already, or when there are too many.
    pub fn rotate_secret(
        &mut self,
        secret: Secret,
        overlap: Option<Duration>,
        at: Timestamp,
    ) -> Result<&SourceSecret, SecretChangeError> {
        let mut kept: Vec<_> = self.live_secrets(at).cloned().collect();
        if let Some(known) = kept.iter().find(|known| known.secret == secret) {
            return Err(SecretChangeError::Known(known.id));
        }
        if kept.len() >= SECRETS_PER_SOURCE_MAX {
            return Err(SecretChangeError::Full);
        }
        if let Some(overlap) = overlap {
            let end = at.plus(overlap);
            for old in &mut kept {
                old.expires_at = Some(old.expires_at.map_or(end, |sooner| sooner.min(end)));
            }
        }
        let new = SourceSecret::set(self.id, self.revision.saturating_add(1), at, [secret]);
        self.secrets = new.into_iter().chain(kept).collect();
        Ok(&self.secrets[0])
    }

    /// Takes a secret away.
    ///
    /// # Errors
    /// When it is not there, or when nothing would be left that verifies for good.
    pub fn drop_secret(&mut self, id: SecretId) -> Result<(), SecretChangeError> {
        let position = self.secrets.iter().position(|secret| secret.id == id);
        let position = position.ok_or(SecretChangeError::Unknown)?;
        let mut others = self.secrets.iter().filter(|secret| secret.id != id);
        if !others.any(|other| other.expires_at.is_none()) {
            return Err(SecretChangeError::Last);
        }
        self.secrets.remove(position);
        Ok(())
    }
}

/// What a store keeps of secrets beside the secrets themselves, in the same order. It names the
/// revision it was written with: beside the secrets of another one, which a version of the code
/// that knows no terms has written, it is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretTerms {
    revision: u32,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Term {
    id: SecretId,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl SecretTerms {
    /// Of this source's secrets.
    pub fn of(source: &Source) -> Self {
        let terms = source.secrets.iter().map(|secret| Term {
            id: secret.id,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        });
        Self { revision: source.revision, terms: terms.collect() }
    }

    /// The secrets of a source of this revision, which was created at this time.
    pub fn join(
        terms: Option<Self>,
        secrets: Vec<Secret>,
        source: SourceId,
        revision: u32,
        created_at: Timestamp,
    ) -> Vec<SourceSecret> {
        let is_of = |terms: &Self| terms.revision == revision && terms.terms.len() == secrets.len();
        match terms.filter(is_of) {
            None => SourceSecret::set(source, revision, created_at, secrets),
            Some(Self { terms, .. }) => {
                let joined = terms.into_iter().zip(secrets).map(|(term, secret)| SourceSecret {
                    id: term.id,
                    secret,
                    created_at: term.created_at,
                    expires_at: term.expires_at,
                });
                joined.collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
