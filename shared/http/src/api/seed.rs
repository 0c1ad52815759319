//! What a request draws at random: the id, the key or secret, and the moment of what it creates.
//! All of it comes from one seed, so that a request whose seed is kept (`idempotency`) and that is
//! carried out again creates the same, or finds that it has.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hmac::{Hmac, KeyInit, Mac};
use postback_domain::delivery::Delivery;
use postback_domain::ids::AuditId;
use postback_domain::limits::CLOCK_DRIFT_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::Entropy;
use postback_engine::ports::catalog::CatalogError;
use sha2::Sha256;

use super::{Api, ApiPorts};
use crate::problem::Problem;

/// The seed of one request. Holds the secrets that will come of it, so it has no `Debug`.
#[derive(Clone)]
pub(crate) struct Seed {
    bytes: [u8; 32],
    at: Timestamp,
    is_again: bool,
}

impl Seed {
    /// Of a request that was begun at this time, and is carried out again if `is_again`: somebody
    /// may have done all of it or a part.
    pub(super) fn new(bytes: [u8; 32], at: Timestamp, is_again: bool) -> Self {
        Self { bytes, at, is_again }
    }

    /// The id of what the request creates.
    pub(crate) fn id_bits(&self) -> u128 {
        let drawn = self.drawn(b"id");
        let (first, _) = drawn.split_first_chunk().expect("32 bytes begin with 16");
        u128::from_be_bytes(*first)
    }

    /// The key or secret of what the request creates.
    pub(crate) fn key_bytes(&self) -> [u8; 32] {
        self.drawn(b"key")
    }

    /// The id of the record of the request.
    pub(crate) fn record_id(&self) -> AuditId {
        let drawn = self.drawn(b"record");
        let (first, _) = drawn.split_first_chunk().expect("32 bytes begin with 16");
        AuditId::from_bytes(*first)
    }

    /// When the request was begun.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether somebody may have done all of it or a part before.
    pub(crate) fn is_again(&self) -> bool {
        self.is_again
    }

    /// What a creation came to. One that is there already, under an id of this seed, is our own
    /// work: its worker died before it could answer.
    pub(crate) fn created(&self, written: Result<(), CatalogError>) -> Result<(), Problem> {
        match written {
            Err(CatalogError::IdTaken) if self.is_again => Ok(()),
            // Whatever is created hangs on a merchant, or is one.
            written => written.map_err(|error| Problem::of_write(error, "merchant")),
        }
    }

    /// Whether this request may have reopened the delivery already, which has ended since or not.
    /// In doubt it has: one more round would send the event once more.
    pub(crate) fn may_have_reopened(&self, delivery: &Delivery) -> bool {
        let ended_before = |at: Timestamp| at.plus(CLOCK_DRIFT_MAX) <= self.at;
        self.is_again && !delivery.finished_at().is_some_and(ended_before)
    }

    fn drawn(&self, what: &[u8]) -> [u8; 32] {
        let hash = Hmac::<Sha256>::new_from_slice(&self.bytes).expect("keys have any length");
        hash.chain_update(what).finalize().into_bytes().into()
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Seed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        let new = || Self::new(api.entropy().key_bytes(), api.now(), false);
        // Kept, so that all who ask draw from the same.
        Ok(parts.extensions.get_or_insert_with(new).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(0);

    #[test]
    fn the_same_seed_draws_the_same_and_another_one_another() {
        let (one, two) = (Seed::new([1; 32], AT, true), Seed::new([2; 32], AT, true));
        assert_eq!(one.id_bits(), one.clone().id_bits());
        assert_eq!(one.key_bytes(), one.clone().key_bytes());
        assert_ne!(one.id_bits(), two.id_bits());
        assert_ne!(one.key_bytes(), two.key_bytes());
        assert_ne!(one.key_bytes()[..16], one.id_bits().to_be_bytes(), "an id tells no key");
        assert_ne!(one.key_bytes()[..16], *one.record_id().as_bytes(), "nor does a record's");
    }

    #[test]
    fn an_id_that_is_taken_is_ours_if_the_request_is_carried_out_again() {
        let taken = || Err(CatalogError::IdTaken);
        assert!(Seed::new([1; 32], AT, true).created(taken()).is_ok());
        assert!(Seed::new([1; 32], AT, false).created(taken()).is_err());
        assert!(Seed::new([1; 32], AT, true).created(Err(CatalogError::NotFound)).is_err());
    }
}
