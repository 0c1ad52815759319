//! The events the generator posts: Stripe's shape, Stripe's signature, one number inside each.
//!
//! All events of a scenario are the same bytes but for twelve digits in the event id. The receiver
//! can therefore compare every body it gets with the one that was sent, byte for byte, for the
//! price of a `memcmp`. Signatures are computed before the clock starts; Stripe's scheme allows
//! them to be five minutes old.

use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::Failure;

/// Stripe's HMAC: SHA-256 with the whole secret string as key.
pub(crate) type HmacSha256 = Hmac<Sha256>;

const NUMBER_DIGITS: usize = 12;
const BEFORE_NUMBER: &str = r#"{"id":"evt_bench"#;
const AFTER_NUMBER: &str = concat!(
    r#"","object":"event","created":1767225600,"type":"payment_intent.succeeded","#,
    r#""data":{"object":{"id":"pi_3Pb","amount":1999,"currency":"eur","description":""#,
);
const END: &str = r#""}}}"#;

/// The shortest body that still holds the fields of an event.
pub(crate) const BODY_BYTES_MIN: usize =
    BEFORE_NUMBER.len() + NUMBER_DIGITS + AFTER_NUMBER.len() + END.len();

/// The body of every event of a scenario, but for its number.
#[derive(Clone, Debug)]
pub(crate) struct EventTemplate {
    body: Vec<u8>,
}

/// Requests ready to be written to a socket, but for number and signature.
#[derive(Debug)]
pub(crate) struct SignedRequests {
    request: Vec<u8>,
    signature_at: usize,
    number_at: usize,
    numbers: Range<u64>,
    signatures: Vec<[u8; 64]>,
}

impl EventTemplate {
    /// A body of exactly `body_bytes`.
    ///
    /// # Errors
    /// Where `body_bytes` is below [`BODY_BYTES_MIN`].
    pub(crate) fn of_length(body_bytes: usize) -> Result<Self, Failure> {
        let Some(padding_bytes) = body_bytes.checked_sub(BODY_BYTES_MIN) else {
            let rule = format!("an event of {body_bytes} bytes is below {BODY_BYTES_MIN}");
            return Err(Failure::new(rule));
        };
        let mut body = Vec::with_capacity(body_bytes);
        body.extend_from_slice(BEFORE_NUMBER.as_bytes());
        body.extend_from_slice(&[b'0'; NUMBER_DIGITS]);
        body.extend_from_slice(AFTER_NUMBER.as_bytes());
        body.extend(padding().take(padding_bytes));
        body.extend_from_slice(END.as_bytes());
        Ok(Self { body })
    }

    /// Length of every body.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// The number in `body`, if `body` is, byte for byte, an event made from this template.
    pub(crate) fn number_in(&self, body: &[u8]) -> Option<u64> {
        let (start, end) = (BEFORE_NUMBER.len(), BEFORE_NUMBER.len() + NUMBER_DIGITS);
        let same = body.len() == self.body.len()
            && body[..start] == self.body[..start]
            && body[end..] == self.body[end..];
        if !same {
            return None;
        }
        body[start..end].iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
        })
    }
}

impl SignedRequests {
    /// Signs every event of `numbers` with Stripe's scheme at `timestamp` (seconds since 1970).
    pub(crate) fn sign(
        template: &EventTemplate,
        host: &str,
        path: &str,
        secret: &str,
        timestamp: u64,
        numbers: Range<u64>,
    ) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: Stripe/1.0\r\n\
             content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
             stripe-signature: t={timestamp},v1=",
            template.body_bytes()
        );
        let mut request = head.into_bytes();
        let signature_at = request.len();
        request.extend_from_slice(&[b'0'; 64]);
        request.extend_from_slice(b"\r\n\r\n");
        let body_at = request.len();
        request.extend_from_slice(&template.body);
        let number_at = body_at + BEFORE_NUMBER.len();

        let mut keyed = keyed(secret.as_bytes());
        keyed.update(format!("{timestamp}.").as_bytes());
        let mut body = template.body.clone();
        let sign_one = |number| {
            write_number(&mut body[BEFORE_NUMBER.len()..], number);
            let mut mac = keyed.clone();
            mac.update(&body);
            hex(mac.finalize().into_bytes().into())
        };
        let signatures = numbers.clone().map(sign_one).collect();
        Self { request, signature_at, number_at, numbers, signatures }
    }

    /// The numbers that were signed.
    pub(crate) fn numbers(&self) -> Range<u64> {
        self.numbers.clone()
    }

    /// A copy of the request that [`Self::fill`] can make into that of any event.
    pub(crate) fn blank(&self) -> Vec<u8> {
        self.request.clone()
    }

    /// Makes `request`, a copy of [`Self::blank`], the request of event `number`.
    pub(crate) fn fill(&self, number: u64, request: &mut [u8]) {
        let index = usize::try_from(number - self.numbers.start).expect("numbers fit in memory");
        let signature = &mut request[self.signature_at..self.signature_at + 64];
        signature.copy_from_slice(&self.signatures[index]);
        write_number(&mut request[self.number_at..], number);
    }
}

/// An HMAC with its key set, to be cloned for each message.
pub(crate) fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("an hmac takes a key of any length")
}

fn write_number(at: &mut [u8], mut number: u64) {
    for digit in at[..NUMBER_DIGITS].iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a remainder of ten is one digit");
        number /= 10;
    }
}

/// Text without pattern, so that neither a compressor nor a branch predictor finds it easier than
/// a real payment. Always the same, so that runs compare.
fn padding() -> impl Iterator<Item = u8> {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        LETTERS[usize::try_from(state >> 58).expect("six bits fit")]
    })
}

fn hex(bytes: [u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Head;

    fn body_of(template: &EventTemplate, number: u64) -> Vec<u8> {
        let requests = SignedRequests::sign(template, "h", "/in/s", "k", 1, number..number + 1);
        let mut request = requests.blank();
        requests.fill(number, &mut request);
        let head = Head::parse(&request).unwrap().unwrap();
        assert_eq!(head.message_bytes(), request.len());
        request[head.head_bytes..].to_vec()
    }

    #[test]
    fn bodies_have_their_length_and_are_json() {
        for body_bytes in [BODY_BYTES_MIN, 256, 2048, 20_480] {
            let template = EventTemplate::of_length(body_bytes).unwrap();
            let body = body_of(&template, 42);
            assert_eq!(body.len(), body_bytes);
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["id"], "evt_bench000000000042");
            assert_eq!(json["type"], "payment_intent.succeeded");
            assert_eq!(json["data"]["object"]["amount"], 1999);
        }
        assert!(EventTemplate::of_length(BODY_BYTES_MIN - 1).is_err());
    }

    #[test]
    fn the_number_is_read_back_and_any_other_byte_is_noticed() {
        let template = EventTemplate::of_length(256).unwrap();
        for number in [0, 7, 123_456_789_012, 999_999_999_999] {
            assert_eq!(template.number_in(&body_of(&template, number)), Some(number));
        }
        let body = body_of(&template, 7);
        for at in 0..body.len() {
            let mut other = body.clone();
            other[at] ^= 0x80;
            assert_eq!(template.number_in(&other), None, "byte {at}");
        }
        assert_eq!(template.number_in(&body[..255]), None);
        assert_eq!(template.number_in(&[]), None);
    }

    /// The expected value was computed with Python's `hmac`, over `"{t}.{body}"`.
    #[test]
    fn the_signature_is_stripes() {
        let template = EventTemplate::of_length(BODY_BYTES_MIN).unwrap();
        let requests =
            SignedRequests::sign(&template, "h", "/in/s", "whsec_k", 1_790_000_000, 5..8);
        let mut request = requests.blank();
        requests.fill(7, &mut request);
        let head = Head::parse(&request).unwrap().unwrap();
        let header = String::from_utf8(head.header(b"stripe-signature").unwrap().to_vec()).unwrap();
        assert_eq!(
            header,
            "t=1790000000,v1=5583b770988a81fcd9c31e302853fa074233fbd0dfed93d4e2c3e5064f72f102"
        );
    }
}
