//! Checks what a merchant got, the way a careful merchant would.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::receiver::Receipt;
use crate::sign;

/// The ids and counters that came with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `webhook-id`, the event's id.
    pub event_id: String,
    /// `postback-delivery-id`.
    pub delivery_id: String,
    /// `postback-event-type`.
    pub event_type: String,
    /// `postback-provider-event-id`.
    pub provider_event_id: String,
    /// `postback-attempt`.
    pub attempt: u32,
}

/// Verifies the signature of a receipt with the merchant's secret, and reads its headers.
///
/// A body that is text is verified by the reference library of Standard Webhooks too. It cannot
/// verify other bodies, because it reads them as text first.
///
/// # Panics
/// When a header is missing or wrong, or the signature does not match.
#[track_caller]
pub fn verify(receipt: &Receipt, secret: &str) -> Webhook {
    let headers = &receipt.headers;
    assert_eq!(receipt.method, "POST");
    let id = headers.the("webhook-id");
    let at = headers.the("webhook-timestamp").parse().expect("webhook-timestamp is in seconds");
    let signatures: Vec<&str> = headers.the("webhook-signature").split(' ').collect();
    let expected = sign::standard_webhooks(secret, id, at, &receipt.body);
    assert!(signatures.contains(&&*expected), "no signature of {signatures:?} matches");
    if std::str::from_utf8(&receipt.body).is_ok() {
        let reference = standardwebhooks::Webhook::new(secret).expect("the secret is well formed");
        reference.verify(&receipt.body, &header_map(receipt)).expect("the signature matches");
    }
    let received_at = headers.the("postback-received-at");
    assert!(is_utc_time(received_at), "postback-received-at `{received_at}`");
    let webhook = Webhook {
        event_id: id.to_owned(),
        delivery_id: headers.the("postback-delivery-id").to_owned(),
        event_type: headers.the("postback-event-type").to_owned(),
        provider_event_id: headers.the("postback-provider-event-id").to_owned(),
        attempt: headers.the("postback-attempt").parse().expect("postback-attempt is a number"),
    };
    assert!(is_id(&webhook.event_id, "evt"), "{webhook:?}");
    assert!(is_id(&webhook.delivery_id, "dlv"), "{webhook:?}");
    webhook
}

/// Whether a text is an id with this prefix.
pub fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    rest.is_some_and(|rest| rest.len() >= 16 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether a text is a time of RFC 3339 in UTC, such as `2026-01-31T09:05:07.123Z`.
pub fn is_utc_time(text: &str) -> bool {
    let Some((date, time)) = text.strip_suffix('Z').and_then(|rest| rest.split_once('T')) else {
        return false;
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let digits = |text: &str, lengths: &[usize], separator: char| {
        let parts: Vec<&str> = text.split(separator).collect();
        parts.len() == lengths.len()
            && parts.iter().zip(lengths).all(|(part, length)| part.len() == *length)
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(date, &[4, 2, 2], '-')
        && digits(time, &[2, 2, 2], ':')
        && digits(fraction, &[fraction.len()], '.')
        && !fraction.is_empty()
}

fn header_map(receipt: &Receipt) -> HeaderMap {
    let headers = receipt.headers.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().expect("header names are tokens");
        (name, HeaderValue::from_str(value).expect("header values are visible"))
    });
    headers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        for good in ["2026-01-31T09:05:07Z", "2026-01-31T09:05:07.123Z"] {
            assert!(is_utc_time(good), "{good}");
        }
        for bad in [
            "",
            "2026-01-31T09:05:07",
            "2026-01-31 09:05:07Z",
            "2026-1-31T09:05:07Z",
            "2026-01-31T09:05:07.Z",
            "2026-01-31T09:05:07+00:00",
            "1767225600",
        ] {
            assert!(!is_utc_time(bad), "{bad}");
        }
    }

    #[test]
    fn ids_have_their_prefix() {
        assert!(is_id("evt_0123456789abcdef0123456789abcdef", "evt"));
        for bad in ["evt_", "dlv_0123456789abcdef", "0123456789abcdef", "evt_0123456789ab-def"] {
            assert!(!is_id(bad, "evt"), "{bad}");
        }
    }
}
