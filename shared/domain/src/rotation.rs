//! Secrets that change while the old one is still in use: a provider's, with which it goes on
//! signing what is on its way, and an endpoint's, with which a merchant goes on verifying until it
//! has deployed the new one. For a while both are good.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{EndpointId, SecretId, SourceId};
use crate::time::Timestamp;

/// A secret with its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated<S> {
    /// What it is called where it cannot be shown. Says nothing of the secret.
    pub id: SecretId,
    /// The secret itself.
    pub secret: S,
    /// When it was set.
    pub created_at: Timestamp,
    /// From when on it is good for nothing; unless changed, for ever.
    pub expires_at: Option<Timestamp>,
}

/// Whose secrets they are, in the revision that sets them. Ids are derived from it, so a request
/// that is carried out again sets the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The owner's id.
    pub id: [u8; 16],
    /// The revision to come.
    pub revision: u32,
}

/// A rotation, to be applied to the secrets of an owner.
#[derive(Debug, Clone)]
pub struct Rotation<S> {
    /// The new secret.
    pub secret: S,
    /// How long the others stay good; without an end, until they are deleted.
    pub overlap: Option<Duration>,
    /// How many there may be.
    pub count_max: usize,
}

/// A change of secrets that would lock somebody out or keep too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// It is there already, under this id.
    #[error("secret is one of these already, as {0}")]
    Known(SecretId),
    /// There are as many as there may be.
    #[error("there are {0} secrets already; delete one first, or wait until one expires")]
    Full(usize),
    /// There is no such secret.
    #[error("no such secret")]
    Unknown,
    /// Nothing would be good any more, now or when the others expire.
    #[error("secret is the last one that does not expire; add its successor first")]
    Last,
}

impl Owner {
    /// A source in this revision.
    pub fn source(id: SourceId, revision: u32) -> Self {
        Self { id: *id.as_bytes(), revision }
    }

    /// An endpoint in this revision.
    pub fn endpoint(id: EndpointId, revision: u32) -> Self {
        Self { id: *id.as_bytes(), revision }
    }
}

impl<S> Dated<S> {
    /// Secrets that are set together.
    pub fn set(owner: Owner, at: Timestamp, secrets: impl IntoIterator<Item = S>) -> Vec<Self> {
        let numbered = (0..).zip(secrets);
        let set = numbered.map(|(number, secret)| Self {
            id: SecretId::derive(&owner.id, owner.revision, number),
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

/// Those that are good at this time.
pub fn live<S>(secrets: &[Dated<S>], at: Timestamp) -> impl Iterator<Item = &Dated<S>> {
    secrets.iter().filter(move |secret| secret.is_live(at))
}

impl<S: Clone + PartialEq> Rotation<S> {
    /// Adds the new secret in front; the others end with the overlap, if that ends, and not later
    /// than they would have. Those that have expired already are dropped.
    ///
    /// # Errors
    /// When it is there already, or when there are too many.
    pub fn apply(
        self,
        secrets: &mut Vec<Dated<S>>,
        owner: Owner,
        at: Timestamp,
    ) -> Result<(), RotationError> {
        let mut kept: Vec<_> = live(secrets, at).cloned().collect();
        if let Some(known) = kept.iter().find(|known| known.secret == self.secret) {
            return Err(RotationError::Known(known.id));
        }
        if kept.len() >= self.count_max {
            return Err(RotationError::Full(kept.len()));
        }
        if let Some(overlap) = self.overlap {
            let end = at.plus(overlap);
            for old in &mut kept {
                old.expires_at = Some(old.expires_at.map_or(end, |sooner| sooner.min(end)));
            }
        }
        *secrets = Dated::set(owner, at, [self.secret]).into_iter().chain(kept).collect();
        Ok(())
    }
}

/// Replaces all secrets at once. One that stays keeps its id, and does not expire any more.
pub fn replace<S: Clone + PartialEq>(
    secrets: &mut Vec<Dated<S>>,
    owner: Owner,
    at: Timestamp,
    all: Vec<S>,
) {
    let mut set = Dated::set(owner, at, all);
    for new in &mut set {
        if let Some(known) = secrets.iter().find(|known| known.secret == new.secret) {
            *new = Dated { expires_at: None, ..known.clone() };
        }
    }
    *secrets = set;
}

/// Takes a secret away.
///
/// # Errors
/// When it is not there, or when nothing would be left that is good for ever.
pub fn remove<S>(secrets: &mut Vec<Dated<S>>, id: SecretId) -> Result<(), RotationError> {
    let position = secrets.iter().position(|secret| secret.id == id);
    let position = position.ok_or(RotationError::Unknown)?;
    let mut others = secrets.iter().filter(|secret| secret.id != id);
    if !others.any(|other| other.expires_at.is_none()) {
        return Err(RotationError::Last);
    }
    secrets.remove(position);
    Ok(())
}

/// What a store keeps of secrets beside the secrets themselves, in the same order. It names the
/// secrets that it was written with: beside others, which a version of the code that knows no terms
/// has written, it is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// A digest, which tells nothing to whoever reads it: the secrets stand beside it.
    of: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Term {
    id: SecretId,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl Terms {
    /// Of these secrets, each with its text as it is stored.
    pub fn of<S>(secrets: &[Dated<S>], text: fn(&S) -> &str) -> Self {
        let terms = secrets.iter().map(|secret| Term {
            id: secret.id,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        });
        let texts = secrets.iter().map(|secret| text(&secret.secret));
        Self { of: digest(texts), terms: terms.collect() }
    }

    /// The secrets of an owner that was created at this time.
    pub fn join<S>(
        terms: Option<Self>,
        secrets: Vec<S>,
        text: fn(&S) -> &str,
        owner: Owner,
        created_at: Timestamp,
    ) -> Vec<Dated<S>> {
        let is_of = |terms: &Self| {
            terms.terms.len() == secrets.len() && terms.of == digest(secrets.iter().map(text))
        };
        match terms.filter(is_of) {
            None => Dated::set(owner, created_at, secrets),
            Some(Self { terms, .. }) => {
                let joined = terms.into_iter().zip(secrets).map(|(term, secret)| Dated {
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

/// Of texts in their order; the lengths keep them apart.
fn digest<'s>(texts: impl Iterator<Item = &'s str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
