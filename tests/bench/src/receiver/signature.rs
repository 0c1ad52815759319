//! Standard Webhooks signatures, checked as a merchant would.
//!
//! Written from the specification rather than with the product's own code, so that a mistake in
//! the product's signing shows.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;

use crate::error::{Doing, Failure};
use crate::events::{HmacSha256, keyed};
use crate::wire::Head;

/// The secret of one endpoint, ready to verify with.
pub(crate) struct EndpointSecret(HmacSha256);

impl EndpointSecret {
    /// Parses `whsec_` and base64, as the API returns it.
    ///
    /// # Errors
    /// Where `text` is not that; the text itself is not repeated.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let encoded = text.strip_prefix("whsec_");
        let encoded = encoded.ok_or_else(|| {
            Failure::new("the secret of the new endpoint does not begin with `whsec_`")
        })?;
        let key = STANDARD.decode(encoded);
        let key = key.doing(|| "the secret of the new endpoint is not base64".to_owned())?;
        Ok(Self(keyed(&key)))
    }

    /// Whether one of the signatures of the request is that of `webhook-id.webhook-timestamp.body`.
    pub(super) fn signed(&self, head: &Head<'_>, body: &[u8]) -> bool {
        let headers = (
            head.header(b"webhook-id"),
            head.header(b"webhook-timestamp"),
            head.header(b"webhook-signature"),
        );
        let (Some(id), Some(timestamp), Some(signatures)) = headers else { return false };
        let mut mac = self.0.clone();
        for part in [id, b".", timestamp, b".", body] {
            mac.update(part);
        }
        signatures.split(|byte| *byte == b' ').any(|signature| {
            let encoded = signature.strip_prefix(b"v1,");
            let claimed = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
            claimed.is_some_and(|claimed| mac.clone().verify_slice(&claimed).is_ok())
        })
    }
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\n\
        webhook-timestamp: 1614265330\r\n\
        webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[track_caller]
    fn check(headers: &str, body: &[u8], good: bool) {
        let bytes = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
        let head = Head::parse(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!(EndpointSecret::parse(SECRET).unwrap().signed(&head, body), good, "{headers}");
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        check(SIGNED, BODY, true);
    }

    #[test]
    fn any_of_several_signatures_will_do() {
        check(&SIGNED.replace("v1,g0", "v1,AAAA v1a,BBBB v1,g0"), BODY, true);
    }

    #[test]
    fn other_bytes_ids_times_and_schemes_do_not_verify() {
        check(SIGNED, br#"{"test": 2432232315}"#, false);
        check(&SIGNED.replace("msg_p5", "msg_p6"), BODY, false);
        check(&SIGNED.replace("1614265330", "1614265331"), BODY, false);
        check(&SIGNED.replace("v1,", "v2,"), BODY, false);
        check(&SIGNED.replace("webhook-id", "other-id"), BODY, false);
        check("webhook-id: x", BODY, false);
    }

    #[test]
    fn a_malformed_secret_is_refused_without_being_repeated() {
        for text in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64 at all"] {
            let refusal = EndpointSecret::parse(text).unwrap_err().chain();
            assert!(!refusal.contains("MfKQ") && !refusal.contains("base64 at"), "{refusal}");
        }
    }
}
