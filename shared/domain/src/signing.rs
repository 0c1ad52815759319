//! How a merchant knows that a request came from us: Standard Webhooks, symmetric version `v1`
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//! The signed text is `{webhook-id}.{unix seconds}.{body}`; the body is streamed, never copied.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::time::Timestamp;
use postback_verify::Secret;

/// An endpoint's secret, `whsec_` and base64 of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret(Secret);

/// A text that is not a signing secret. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signing secret must be `whsec_` and base64 of 24 to 64 bytes")]
pub struct SigningSecretError;

const PREFIX: &str = "whsec_";

impl SigningSecret {
    /// A new secret of 256 random bits.
    pub fn mint(random: [u8; 32]) -> Self {
        Self(Secret::new(format!("{PREFIX}{}", STANDARD.encode(random))))
    }

    /// Reads a secret, for instance one kept in a store or brought along from another system.
    ///
    /// # Errors
    /// When it is not `whsec_` and base64 of 24 to 64 bytes, the lengths that the specification
    /// asks for.
    pub fn parse(text: &str) -> Result<Self, SigningSecretError> {
        let key = decode(text).ok_or(SigningSecretError)?;
        if !(24..=64).contains(&key.len()) {
            return Err(SigningSecretError);
        }
        Ok(Self(Secret::new(text)))
    }

    /// The text, to be shown once and to be stored.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// One element of the `webhook-signature` header.
    pub fn sign(&self, webhook_id: &str, at: Timestamp, body: &[u8]) -> String {
        let key = decode(self.0.expose()).expect("parsed or minted secrets decode");
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of every length");
        mac.update(webhook_id.as_bytes());
        mac.update(b".");
        mac.update(at.as_secs().to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The whole `webhook-signature` header: one element per live secret, so that a merchant may
/// verify with the old or the new one during a rotation.
pub fn signature_header<'s>(
    secrets: impl IntoIterator<Item = &'s SigningSecret>,
    webhook_id: &str,
    at: Timestamp,
    body: &[u8],
) -> String {
    let signed = secrets.into_iter().map(|secret| secret.sign(webhook_id, at, body));
    let elements: Vec<_> = signed.collect();
    elements.join(" ")
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.strip_prefix(PREFIX)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn matches_the_published_example() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_millis(1_614_265_330_000);
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn every_live_secret_signs_and_nothing_shows_them() {
        let secrets = [SigningSecret::mint([1; 32]), SigningSecret::mint([2; 32])];
        let header = signature_header(&secrets, "evt_1", Timestamp::from_millis(0), b"\xff\x00");
        assert_eq!(header.split(' ').count(), 2);
        assert_eq!(format!("{secrets:?}").matches("redacted").count(), 2);
        assert_eq!(SigningSecret::parse(secrets[0].expose()), Ok(secrets[0].clone()));
    }

    #[test]
    fn refuses_weak_or_malformed_secrets() {
        for bad in ["", "whsec_", "whsec_!!!!", "secret", "whsec_c2hvcnQ="] {
            assert_eq!(SigningSecret::parse(bad), Err(SigningSecretError), "{bad:?}");
        }
    }
}
