//! API keys. What is kept of a key is a digest: a stolen database opens nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{KeyId, MerchantId};
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
    /// GET.
    Read,
    /// Everything else.
    Write,
    /// Fetching and acknowledging what was given up, and nothing else. `Read` and `Write` allow
    /// that as well.
    Pull,
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

/// A key as its owner presents it: `pbk_<key id>_<256 random bits>`, both in hex.
pub struct Token {
    id: KeyId,
    text: Secret,
}

impl Token {
    /// A new token for the key `id`.
    pub fn mint(id: KeyId, random: [u8; 32]) -> Self {
        let id_digits = u128::from_be_bytes(*id.as_bytes());
        let mut text = format!("pbk_{id_digits:032x}_");
        for byte in random {
            text += &format!("{byte:02x}");
        }
        Self { id, text: Secret::new(text) }
    }

    /// The key it names; whether it is that key is for the digest to say.
    pub fn key_id(&self) -> KeyId {
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

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.id)
    }
}

/// A text that is not a token. Says nothing else, because the text may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("api key must look like pbk_<32 hex digits>_<64 hex digits>")]
pub struct TokenError;

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (id, random) =
            text.strip_prefix("pbk_").and_then(|rest| rest.split_once('_')).ok_or(TokenError)?;
        let id = format!("{}_{id}", KeyId::PREFIX).parse().map_err(|_| TokenError)?;
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
        assert_eq!(read.key_id(), KeyId::from_bits(7));
        assert_eq!(read.digest(), token.digest());
        assert!(!format!("{read:?}").contains("abab"));
    }

    #[test]
    fn refuses_other_texts() {
        for bad in ["", "pbk_", "pbk_1_2", "whsec_abc", "pbk_00000000000000000000000000000007_zz"] {
            assert!(bad.parse::<Token>().is_err(), "{bad:?}");
        }
    }
}
