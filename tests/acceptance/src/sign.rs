//! Signs requests as providers do, written from the providers' documents and not from the
//! product's presets. Sources of the schemes: docs.stripe.com/webhooks,
//! docs.github.com/webhooks, standardwebhooks.com, developer.gocardless.com.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::client::Request;
use crate::clock;

/// A provider that signs what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// `Stripe-Signature: t=,v1=`, a tolerance of five minutes; id and type in the body.
    Stripe,
    /// `X-Hub-Signature-256` over the raw body; id and type in headers.
    GitHub,
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`; id in a header, type in the body.
    StandardWebhooks,
    /// `Webhook-Signature` over the raw body, which is a batch: id and type in each event of it.
    GoCardless,
}

impl Provider {
    /// The name of the preset.
    pub fn preset(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::GitHub => "github",
            Self::StandardWebhooks => "standard-webhooks",
            Self::GoCardless => "gocardless",
        }
    }

    /// A secret of the form that this provider hands out, made of `seed`.
    pub fn secret(self, seed: &str) -> String {
        let key = Sha256::digest(seed.as_bytes());
        match self {
            // Stripe's prefix is part of the key; it is not base64.
            Self::Stripe => format!("whsec_{}", hex(&key)),
            Self::GitHub | Self::GoCardless => hex(&key),
            Self::StandardWebhooks => format!("whsec_{}", STANDARD.encode(key)),
        }
    }

    /// A correctly signed POST of `body` to `path`, as of now. `id` and `event_type` go where the
    /// provider has them, if that is in headers.
    pub fn request(
        self,
        secret: &str,
        path: &str,
        id: &str,
        event_type: &str,
        body: &[u8],
    ) -> Request {
        self.request_at(clock::unix_seconds(), secret, path, id, event_type, body)
    }

    /// The same, signed at another time, in seconds since 1970.
    pub fn request_at(
        self,
        at: u64,
        secret: &str,
        path: &str,
        id: &str,
        event_type: &str,
        body: &[u8],
    ) -> Request {
        let request =
            Request::new("POST", path).header("content-type", "application/json").body(body);
        match self {
            Self::Stripe => {
                let mac = hmac_sha256(secret.as_bytes(), &[at.to_string().as_bytes(), b".", body]);
                request.header("Stripe-Signature", format!("t={at},v1={}", hex(&mac)))
            }
            Self::GitHub => {
                let mac = hmac_sha256(secret.as_bytes(), &[body]);
                request
                    .header("X-GitHub-Delivery", id)
                    .header("X-GitHub-Event", event_type)
                    .header("X-Hub-Signature-256", format!("sha256={}", hex(&mac)))
            }
            Self::GoCardless => {
                let mac = hmac_sha256(secret.as_bytes(), &[body]);
                request.header("Webhook-Signature", hex(&mac))
            }
            Self::StandardWebhooks => request
                .header("webhook-id", id)
                .header("webhook-timestamp", at.to_string())
                .header("webhook-signature", standard_webhooks(secret, id, at, body)),
        }
    }
}

/// One element of a Standard Webhooks signature header.
///
/// # Panics
/// When the secret is not `whsec_` and base64.
pub fn standard_webhooks(secret: &str, id: &str, at: u64, body: &[u8]) -> String {
    let key = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let key = key.expect("a Standard Webhooks secret is `whsec_` and base64");
    let mac = hmac_sha256(&key, &[id.as_bytes(), b".", at.to_string().as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(mac))
}

/// The SHA-256 of some bytes, in hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 4231, test case 2.
    #[test]
    fn hmac_is_the_published_one() {
        let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let published = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&mac), published);
    }

    #[test]
    fn standard_webhooks_matches_the_reference_library() {
        let secret = Provider::StandardWebhooks.secret("seed");
        let reference = standardwebhooks::Webhook::new(&secret).unwrap();
        let expected = reference.sign("msg_1", 1_700_000_000, b"{}").unwrap();
        assert_eq!(standard_webhooks(&secret, "msg_1", 1_700_000_000, b"{}"), expected);
    }

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn github_matches_its_documentation() {
        let mac = hmac_sha256(b"It's a Secret to Everybody", &[b"Hello, World!"]);
        let published = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(hex(&mac), published);
    }
}
