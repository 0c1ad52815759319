//! Who did what, when, from where, and what it changed: one record of every administrative act. What
//! deliveries do by themselves is not in it; their log says that.
//!
//! Invariants: a record holds a noun as the API shows it, which never has a secret in it; its size is
//! bounded, whatever somebody sends; what the words of [`Action`] mean never changes, because
//! records are kept for longer than code.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::str::FromStr;

use crate::ids::{AuditId, DeliveryId, EndpointId, KeyId, MerchantId, PortalTokenId, SourceId};
use crate::limits::{AUDIT_USER_AGENT_BYTES_MAX, AUDIT_VIEW_BYTES_MAX};
use crate::time::Timestamp;

/// An administrative act, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The same for every try of one request, so that a request leaves one record.
    pub id: AuditId,
    /// When the request was begun.
    pub at: Timestamp,
    /// Whose key it came with.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// The merchant that it concerns; none if it concerns several.
    pub merchant_id: Option<MerchantId>,
    /// What it was done to; none if that is no single thing.
    pub object: Option<Object>,
    /// Where the request came from.
    pub origin: Origin,
    /// What the answer called the request.
    pub request_id: String,
    /// The object as it was; none if it was not there, or if that says nothing.
    pub before: Option<Snapshot>,
    /// The object as it was made; none if it is gone, or if that was not known yet.
    pub after: Option<Snapshot>,
}

/// Whose key a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The operator's.
    Operator,
    /// A merchant's.
    Key(KeyId),
    /// A portal token.
    Portal(PortalTokenId),
}

/// Something that has an id and can be administered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A merchant.
    Merchant(MerchantId),
    /// One of its keys.
    Key(KeyId),
    /// One of its portal tokens.
    PortalToken(PortalTokenId),
    /// A source, also where one of its secrets was changed.
    Source(SourceId),
    /// An endpoint, also where its secret was changed or an order was given for it.
    Endpoint(EndpointId),
    /// A delivery.
    Delivery(DeliveryId),
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address that it was sent from, as the network says and no header.
    pub ip: Option<IpAddr>,
    /// What its sender calls itself, cut to [`AUDIT_USER_AGENT_BYTES_MAX`].
    pub user_agent: Option<String>,
}

/// The address that a request was sent from, as whoever took it from the network hands it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// A noun as the API showed it: a JSON object, of at most [`AUDIT_VIEW_BYTES_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(String);

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What was done, as `noun.verb`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

actions! {
    /// A merchant was added.
    MerchantCreated = "merchant.created",
    /// A merchant was changed.
    MerchantUpdated = "merchant.updated",
    /// A key was added.
    KeyCreated = "key.created",
    /// A key was revoked.
    KeyDeleted = "key.deleted",
    /// A portal token was minted.
    PortalTokenCreated = "portal_token.created",
    /// A portal token was revoked.
    PortalTokenDeleted = "portal_token.deleted",
    /// A source was added.
    SourceCreated = "source.created",
    /// A source was changed.
    SourceUpdated = "source.updated",
    /// A source was removed.
    SourceDeleted = "source.deleted",
    /// A source got a new secret beside the old ones; `after` is of the secret.
    SourceSecretCreated = "source.secret_created",
    /// One of a source's secrets was removed; `before` is of the secret.
    SourceSecretDeleted = "source.secret_deleted",
    /// An endpoint was added.
    EndpointCreated = "endpoint.created",
    /// An endpoint was changed, or switched on or off.
    EndpointUpdated = "endpoint.updated",
    /// An endpoint was removed.
    EndpointDeleted = "endpoint.deleted",
    /// An endpoint got a new secret beside the old one; `after` says until when both sign.
    EndpointSecretRotated = "endpoint.secret_rotated",
    /// An endpoint was to be sent again what it missed; `after` is of the order.
    RecoveryCreated = "recovery.created",
    /// Such an order was stopped; `before` is how far it had come.
    RecoveryCancelled = "recovery.cancelled",
    /// A delivery was to be tried again; `before` is as it had ended.
    DeliveryRetried = "delivery.retried",
    /// Dead letters were to be tried again; `after` says which.
    DeadLettersRedriven = "dead_letters.redriven",
}

/// A text that is none of the words it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct WordError(&'static str);

impl Origin {
    /// A mapped address is shown as the IPv4 one that it is.
    pub fn new(address: Option<ClientAddress>, user_agent: Option<&str>) -> Self {
        Self {
            ip: address.map(|ClientAddress(ip)| ip.to_canonical()),
            user_agent: user_agent.map(|text| {
                let end = text.floor_char_boundary(AUDIT_USER_AGENT_BYTES_MAX);
                text[..end].to_owned()
            }),
        }
    }
}

impl Snapshot {
    /// None if it is too long.
    pub fn new(json: String) -> Option<Self> {
        (json.len() <= AUDIT_VIEW_BYTES_MAX).then_some(Self(json))
    }

    /// As a store has it. The limit may have been another one then.
    pub fn kept(json: String) -> Self {
        Self(json)
    }

    /// The object.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or(WordError("an action such as `endpoint.updated`"))
    }
}

const OPERATOR: &str = "operator";

impl Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str(OPERATOR),
            Self::Key(id) => id.fmt(f),
            Self::Portal(id) => id.fmt(f),
        }
    }
}

impl FromStr for Actor {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let operator = || (text == OPERATOR).then_some(Self::Operator);
        let key = || text.parse().map(Self::Key).ok();
        let portal = || text.parse().map(Self::Portal).ok();
        let rule = WordError("`operator` or the id of a key or portal token");
        operator().or_else(key).or_else(portal).ok_or(rule)
    }
}

impl Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(id) => id.fmt(f),
            Self::Key(id) => id.fmt(f),
            Self::PortalToken(id) => id.fmt(f),
            Self::Source(id) => id.fmt(f),
            Self::Endpoint(id) => id.fmt(f),
            Self::Delivery(id) => id.fmt(f),
        }
    }
}

impl FromStr for Object {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let found = match text.split_once('_').map_or("", |(prefix, _)| prefix) {
            MerchantId::PREFIX => text.parse().map(Self::Merchant),
            KeyId::PREFIX => text.parse().map(Self::Key),
            PortalTokenId::PREFIX => text.parse().map(Self::PortalToken),
            SourceId::PREFIX => text.parse().map(Self::Source),
            EndpointId::PREFIX => text.parse().map(Self::Endpoint),
            _ => text.parse().map(Self::Delivery),
        };
        found.map_err(|_| WordError("an id such as `end_` and 32 hex digits"))
    }
}

macro_rules! objects {
    ($($id:ident => $variant:ident,)*) => {
        $(impl From<$id> for Object {
            fn from(id: $id) -> Self {
                Self::$variant(id)
            }
        })*
    };
}

objects! {
    MerchantId => Merchant,
    KeyId => Key,
    PortalTokenId => PortalToken,
    SourceId => Source,
    EndpointId => Endpoint,
    DeliveryId => Delivery,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of years ago are read with these words.
    #[test]
    fn words_are_read_back_and_have_one_form() {
        for action in Action::ALL {
            assert_eq!(action.to_string().parse(), Ok(*action));
            let (noun, verb) = action.as_str().split_once('.').unwrap();
            assert!(!noun.is_empty() && !verb.is_empty());
        }
        for actor in [
            Actor::Operator,
            Actor::Key(KeyId::from_bits(7)),
            Actor::Portal(PortalTokenId::from_bits(7)),
        ] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for object in [
            MerchantId::from_bits(7).into(),
            KeyId::from_bits(7).into(),
            PortalTokenId::from_bits(7).into(),
            SourceId::from_bits(7).into(),
            EndpointId::from_bits(7).into(),
            Object::from(DeliveryId::from_bits(7)),
        ] {
            assert_eq!(object.to_string().parse(), Ok(object));
        }
        for bad in ["", "key", "key_1", "evt_00000000000000000000000000000007", "endpoint"] {
            assert!(bad.parse::<Actor>().is_err() && bad.parse::<Object>().is_err(), "{bad}");
            assert!(bad.parse::<Action>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_caller_says_of_itself_is_cut() {
        let long = "é".repeat(AUDIT_USER_AGENT_BYTES_MAX);
        let address = ClientAddress("::ffff:192.0.2.7".parse().unwrap());
        let origin = Origin::new(Some(address), Some(&long));
        assert_eq!(origin.ip.unwrap().to_string(), "192.0.2.7");
        assert_eq!(origin.user_agent.unwrap().len(), AUDIT_USER_AGENT_BYTES_MAX);
        assert_eq!(Origin::new(None, None), Origin::default());
    }

    #[test]
    fn a_snapshot_has_a_limit() {
        assert!(Snapshot::new("x".repeat(AUDIT_VIEW_BYTES_MAX)).is_some());
        assert!(Snapshot::new("x".repeat(AUDIT_VIEW_BYTES_MAX + 1)).is_none());
    }
}
