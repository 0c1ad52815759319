//! What a store keeps of a request is of no use to whoever reads the store. An answer may hold a
//! key that is kept nowhere else but as a digest, so answer and seed are sealed (ChaCha20-Poly1305,
//! RFC 8439) with a key made of the sender's API key and the idempotency key: both are kept as
//! digests at most, and an API key has 256 random bits. The record's id and the fingerprint are
//! made with the API key too, so they tell nothing of an idempotency key or a body that could be
//! guessed.

use axum::http::{Method, Uri};
use hmac::{Hmac, KeyInit, Mac};
use postback_domain::idempotency::{Fingerprint, RecordId};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

/// What a nonce has. It is drawn at random: a key seals two or three things in its life.
pub(super) const NONCE_BYTES: usize = NONCE_LEN;

/// What is sealed; one cannot be passed off as the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    Seed,
    Answer,
}

/// Seals and opens what is kept of one request.
pub(super) struct Sealer {
    token: Hmac<Sha256>,
    id: RecordId,
    key: LessSafeKey,
}

impl Sealer {
    /// For whoever presents this API key, and this idempotency key with it.
    pub(super) fn new(token: &str, idempotency_key: &str) -> Self {
        let token = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("keys have any length");
        let id = RecordId(digest(&token, "id", &[idempotency_key.as_bytes()]));
        let key = digest(&token, "key", &[idempotency_key.as_bytes()]);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a digest has 32 bytes");
        Self { token, id, key: LessSafeKey::new(key) }
    }

    /// Under what the request is kept.
    pub(super) fn id(&self) -> RecordId {
        self.id
    }

    /// Of what is asked for, to the byte.
    pub(super) fn fingerprint(&self, method: &Method, uri: &Uri, body: &[u8]) -> Fingerprint {
        let query = uri.query().unwrap_or_default();
        let parts = [method.as_str().as_bytes(), uri.path().as_bytes(), query.as_bytes(), body];
        Fingerprint(digest(&self.token, "request", &parts))
    }

    /// The nonce, and `plain` sealed.
    pub(super) fn seal(&self, kept: Kept, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Vec<u8> {
        let mut sealed = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(kept.name()),
                &mut sealed,
            )
            .expect("what is kept is far below 256 GiB");
        [&nonce[..], &sealed].concat()
    }

    /// What was sealed; none if it was not sealed by the like of us, or is damaged.
    pub(super) fn open(&self, kept: Kept, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(kept.name()), &mut plain).ok()?.len();
        plain.truncate(opened);
        Some(plain)
    }
}

impl Kept {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Seed => b"seed",
            Self::Answer => b"answer",
        }
    }
}

/// Each part after its length, so that no two lists of parts look alike.
fn digest(token: &Hmac<Sha256>, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = token.clone().chain_update(b"postback idempotency ").chain_update(purpose);
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

    #[test]
    fn what_is_sealed_is_opened_by_the_same_sender_alone() {
        let sealer = Sealer::new("pbk_a", "order-1");
        let sealed = sealer.seal(Kept::Answer, NONCE, b"a secret that is shown once");
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(!text.contains("secret") && !text.contains("shown"), "{text}");
        let again = Sealer::new("pbk_a", "order-1");
        assert_eq!(again.open(Kept::Answer, &sealed).unwrap(), b"a secret that is shown once");
        assert_eq!(again.id(), sealer.id());
        for other in [Sealer::new("pbk_b", "order-1"), Sealer::new("pbk_a", "order-2")] {
            assert_eq!(other.open(Kept::Answer, &sealed), None);
            assert_ne!(other.id(), sealer.id());
        }
        assert_eq!(sealer.open(Kept::Seed, &sealed), None, "an answer is no seed");
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(sealer.open(Kept::Answer, &flipped), None, "bit flipped in byte {at}");
            assert_eq!(sealer.open(Kept::Answer, &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn every_part_of_a_request_counts() {
        let sealer = Sealer::new("pbk_a", "order-1");
        let of = |method: &Method, uri: &str, body: &str| {
            sealer.fingerprint(method, &uri.parse().unwrap(), body.as_bytes()).0
        };
        let one = of(&Method::POST, "/v1/endpoints?merchant_id=a", "{}");
        assert_eq!(of(&Method::POST, "/v1/endpoints?merchant_id=a", "{}"), one);
        for other in [
            of(&Method::PUT, "/v1/endpoints?merchant_id=a", "{}"),
            of(&Method::POST, "/v1/endpoint?merchant_id=a", "{}"),
            of(&Method::POST, "/v1/endpoints?merchant_id=b", "{}"),
            of(&Method::POST, "/v1/endpoints", "merchant_id=a{}"),
            of(&Method::POST, "/v1/endpoints?merchant_id=a", "{ }"),
        ] {
            assert_ne!(other, one);
        }
        let other = Sealer::new("pbk_b", "order-1");
        let uri = "/v1/endpoints?merchant_id=a".parse().unwrap();
        assert_ne!(other.fingerprint(&Method::POST, &uri, b"{}").0, one);
    }
}
