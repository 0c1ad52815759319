//! API keys, and the tokens that they and portal tokens are presented as. What is kept of a token is
//! a digest: a stolen database opens nothing.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{KeyId, MerchantId, PortalTokenId};
use crate::text::Label;
use crate::time::Timestamp;
use postback_verify::Secret;

/// A merchant's key, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Drawn at random; part of the token, so that a key is found without trying all.
    pub id: KeyId,
    /// Whose it is.
    pub merchant_id: MerchantId,
    /// For people.
    pub name: Label,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Of the whole token.
    pub digest: TokenDigest,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it opens nothing; unless said otherwise, never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it opens something at this time.
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// GET of what happened and of endpoints.
    Read,
    /// Everything else there.
    Write,
    /// Fetching and acknowledging what was given up, and nothing else. `Read` and `Write` allow
    /// that as well.
    Pull,
    /// The merchant itself, its keys, its portal tokens and its audit, whatever the method; nothing
    /// that the other scopes open.
    Admin,
}

/// SHA-256 of a token. The token has 256 random bits, so a plain hash cannot be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// The digest of a token as presented.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// The id of what is presented as a token.
pub trait TokenId: Copy + Display + FromStr {
    /// What the id itself begins with.
    const ID_PREFIX: &'static str;
    /// What its tokens begin with, so that whoever finds one knows what it opens.
    const TOKEN_PREFIX: &'static str;
}

impl TokenId for KeyId {
    const ID_PREFIX: &'static str = Self::PREFIX;
    const TOKEN_PREFIX: &'static str = "pbk_";
}

impl TokenId for PortalTokenId {
    const ID_PREFIX: &'static str = Self::PREFIX;
    const TOKEN_PREFIX: &'static str = "pbp_";
}

/// A key or portal token as its owner presents it: `pbk_` or `pbp_`, its id, `_`, 256 random bits,
/// both in hex.
pub struct Token<I = KeyId> {
    id: I,
    text: Secret,
}

impl<I: TokenId> Token<I> {
    /// A new token for `id`.
    pub fn mint(id: I, random: [u8; 32]) -> Self {
        let id_text = id.to_string();
        let digits = id_text.split_once('_').map_or("", |(_, digits)| digits);
        let mut text = format!("{}{digits}_", I::TOKEN_PREFIX);
        for byte in random {
            text += &format!("{byte:02x}");
        }
        Self { id, text: Secret::new(text) }
    }

    /// What it names; whether it is that is for the digest to say.
    pub fn id(&self) -> I {
        self.id
    }

    /// What to keep of it.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.text.expose())
    }

    /// The text, to be shown once.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }
}

impl<I: Display> fmt::Debug for Token<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.id)
    }
}

/// A text that is not a token. Says nothing else, because the text may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("token must look like pbk_<32 hex digits>_<64 hex digits>, or pbp_ of a portal")]
pub struct TokenError;

impl<I: TokenId> FromStr for Token<I> {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let rest = text.strip_prefix(I::TOKEN_PREFIX).ok_or(TokenError)?;
        let (id, random) = rest.split_once('_').ok_or(TokenError)?;
        let id = format!("{}_{id}", I::ID_PREFIX).parse().map_err(|_| TokenError)?;
        if random.len() != 64 || !random.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TokenError);
        }
        Ok(Self { id, text: Secret::new(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_and_read_back() {
        let token = Token::mint(KeyId::from_bits(7), [0xab; 32]);
        let read: Token = token.expose().parse().unwrap();
        assert_eq!(read.id(), KeyId::from_bits(7));
        assert_eq!(read.digest(), token.digest());
        assert!(!format!("{read:?}").contains("abab"));
    }

    #[test]
    fn no_token_is_taken_for_one_of_another_kind() {
        let key = Token::mint(KeyId::from_bits(7), [0xab; 32]);
        let portal = Token::mint(PortalTokenId::from_bits(7), [0xab; 32]);
        assert!(key.expose().starts_with("pbk_") && portal.expose().starts_with("pbp_"));
        assert!(key.expose().parse::<Token<PortalTokenId>>().is_err());
        assert!(portal.expose().parse::<Token>().is_err());
        let read: Token<PortalTokenId> = portal.expose().parse().unwrap();
        assert_eq!((read.id(), read.digest()), (portal.id(), portal.digest()));
        assert_ne!(key.digest(), portal.digest());
    }

    #[test]
    fn refuses_other_texts() {
        for bad in ["", "pbk_", "pbk_1_2", "whsec_abc", "pbk_00000000000000000000000000000007_zz"] {
            assert!(bad.parse::<Token>().is_err(), "{bad:?}");
        }
    }
}
