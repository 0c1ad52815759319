//! One id type per noun. An id is 128 bits, shown as a prefix and 32 hex digits
//! (`evt_0190…`), so that an operator can find a row with `hex(id)` in any database shell.
//!
//! Ids of events and deliveries are derived, never drawn: a replay after a crash lands on the
//! same rows, which is what makes admission idempotent.
//!
//! ```compile_fail
//! use postback_domain::ids::{EventId, DeliveryId};
//! fn attempt(_: DeliveryId) {}
//! attempt(EventId::from_bits(1)); // an event is not a delivery
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::event::ProviderEventId;

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("id `{text}` must be `{prefix}_` and 32 hex digits")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The text before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// An id of these 128 bits; draw them at random for nouns that are created, not derived.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits.to_be_bytes())
            }

            /// The id as stored.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id as stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{:032x}"), u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($prefix, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A tenant.
    MerchantId,
    "mch"
);
id!(
    /// One provider connection.
    SourceId,
    "src"
);
id!(
    /// One fact a provider told us.
    EventId,
    "evt"
);
id!(
    /// A merchant's URL and how to call it.
    EndpointId,
    "end"
);
id!(
    /// One event owed to one endpoint.
    DeliveryId,
    "dlv"
);
id!(
    /// A merchant's API key.
    KeyId,
    "key"
);
id!(
    /// A merchant's order to be sent again what it missed.
    RecoveryId,
    "rec"
);
id!(
    /// One of the secrets that a source verifies with.
    SecretId,
    "sec"
);

id!(
    /// A short-lived token of a merchant's people in the portal.
    PortalTokenId,
    "ptk"
);
id!(
    /// A record of an administrative act.
    AuditId,
    "aud"
);

impl SecretId {
    /// The secret that `owner` has had in this place since this revision.
    pub fn derive(owner: &[u8; 16], revision: u32, number: u32) -> Self {
        let parts = [&owner[..], &revision.to_be_bytes(), &number.to_be_bytes()];
        Self(digest(b"secret", &parts))
    }
}

impl EventId {
    /// The event that `source` calls `provider_event_id`.
    pub fn derive(source: SourceId, provider_event_id: &ProviderEventId) -> Self {
        Self(digest(b"event", &[&source.0, provider_event_id.as_str().as_bytes()]))
    }
}

impl DeliveryId {
    /// The delivery of `event` to `endpoint`; without an endpoint, the row that says that nobody
    /// wanted the event.
    ///
    /// The first half is the event's own, so that a store finds a delivery through its event.
    pub fn derive(event: EventId, endpoint: Option<EndpointId>) -> Self {
        let endpoint = endpoint.map_or([0; 16], |endpoint| endpoint.0);
        let mut id = digest(b"delivery", &[&event.0, &endpoint]);
        id[..8].copy_from_slice(&event.0[..8]);
        Self(id)
    }
}

/// The first 128 bits of SHA-256 over length-prefixed parts, so that no two lists of parts run
/// together into the same text.
fn digest(kind: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix(kind);
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}

fn parse(prefix: &'static str, text: &str) -> Result<[u8; 16], IdError> {
    let refuse = || IdError { text: text.chars().take(64).collect(), prefix };
    let digits =
        text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(refuse)?;
    // One spelling an id: `from_str_radix` alone would take a sign and upper case too.
    let one_spelling = digits.len() == 32
        && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !one_spelling {
        return Err(refuse());
    }
    u128::from_str_radix(digits, 16).map(u128::to_be_bytes).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_and_read_back() {
        let id = EndpointId::from_bits(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "end_00000000000000000123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn refuses_what_is_not_exactly_an_id() {
        let good = EventId::from_bits(10).to_string();
        for bad in [
            "",
            "evt",
            "evt_",
            "evt_12",
            &good.replace("evt", "dlv"),
            &good.to_uppercase(),
            &good.replace("0000a", "0000A"),
            &good.replace("evt_0", "evt_+"),
            &format!("{good}0"),
            &format!(" {good}"),
        ] {
            assert!(bad.parse::<EventId>().is_err(), "{bad:?} must not be an event id");
        }
    }

    #[test]
    fn derived_ids_depend_on_every_part() {
        let id = |text: &str| ProviderEventId::new(text);
        let event = |source, text| EventId::derive(SourceId::from_bits(source), &id(text));
        assert_eq!(event(1, "evt_1"), event(1, "evt_1"));
        assert_ne!(event(1, "evt_1"), event(2, "evt_1"));
        assert_ne!(event(1, "evt_1"), event(1, "evt_2"));

        let delivery =
            |event, end: Option<u128>| DeliveryId::derive(event, end.map(EndpointId::from_bits));
        let first = event(1, "evt_1");
        assert_ne!(delivery(first, Some(1)), delivery(first, Some(2)));
        assert_ne!(delivery(first, Some(1)), delivery(first, None));
        assert_ne!(delivery(first, Some(1)), delivery(event(1, "evt_2"), Some(1)));

        let secret = |source, revision, number| {
            SecretId::derive(SourceId::from_bits(source).as_bytes(), revision, number)
        };
        assert_eq!(secret(1, 1, 0), secret(1, 1, 0));
        assert_ne!(secret(1, 1, 0), secret(2, 1, 0));
        assert_ne!(secret(1, 1, 0), secret(1, 2, 0));
        assert_ne!(secret(1, 1, 0), secret(1, 1, 1));
    }
}
