//! Secrets and the keys made of them. Neither ever appears in `Debug` output or in an error.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::same;
use crate::encoding;
use crate::scheme::Scheme;
use crate::scheme::record::{KeyEncoding, KeyRule, Kind};

/// Bytes in a secret. Providers issue well under 200; PEM keys, which come later, stay below this.
pub const SECRET_BYTES_MAX: usize = 8 * 1024;

/// A signing secret, a token or `user:password`, as the provider shows it.
///
/// Compares in constant time and shows nothing of itself in `Debug`.
#[derive(Clone)]
pub struct Secret(String);

/// A secret that cannot work with a scheme. Says what is wrong and never what the secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing in it, or nothing after the scheme's prefix.
    #[error("secret is empty")]
    Empty,
    /// Longer than [`SECRET_BYTES_MAX`].
    #[error("secret is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    /// The scheme takes the key as base64.
    #[error("secret must be base64 in the standard alphabet with padding")]
    NotBase64,
    /// The scheme takes the key as hexadecimal digits.
    #[error("secret must be an even number of hexadecimal digits")]
    NotHex,
    /// HTTP Basic needs a user and a password.
    #[error("secret must have the form `user:password`")]
    NotUserAndPassword,
    /// Header values are trimmed, so such a token can never match.
    #[error("secret must not begin or end with a space or a tab")]
    SurroundingBlanks,
}

impl Secret {
    /// Takes the text as it is; [`Scheme::check_secret`] says whether it fits a scheme.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for storing it encrypted or signing with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl Scheme {
    /// Whether a secret has the form this scheme needs, for checking it when it is configured.
    ///
    /// # Errors
    /// [`SecretError`] says which rule of the form is broken.
    pub fn check_secret(&self, secret: &Secret) -> Result<(), SecretError> {
        let text = secret.expose();
        if text.len() > SECRET_BYTES_MAX {
            return Err(SecretError::TooLong);
        }
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        match &self.kind {
            Kind::Signed(signed) => match &signed.key {
                Some(key) => key.derive(secret).map(drop),
                None => Ok(()),
            },
            Kind::Token if text.trim_matches([' ', '\t']) != text => {
                Err(SecretError::SurroundingBlanks)
            }
            Kind::Token => Ok(()),
            Kind::Basic if !text.contains(':') => Err(SecretError::NotUserAndPassword),
            Kind::Basic => Ok(()),
        }
    }

    /// A well-formed secret for tests and demonstrations, made of the caller's randomness.
    pub fn make_secret(&self, random: &[u8; 32]) -> Secret {
        let hex = encoding::to_hex(random);
        let key = match &self.kind {
            Kind::Signed(signed) => signed.key.as_ref(),
            Kind::Token | Kind::Basic => None,
        };
        Secret(match (&self.kind, key) {
            (Kind::Basic, _) => format!("postback:{hex}"),
            (_, Some(KeyRule { encoding: KeyEncoding::Base64, strip, .. })) => {
                format!("{}{}", strip.as_deref().unwrap_or_default(), STANDARD.encode(random))
            }
            _ => hex,
        })
    }
}

impl KeyRule {
    /// The MAC key a secret stands for.
    pub(crate) fn derive<'s>(&self, secret: &'s Secret) -> Result<Cow<'s, [u8]>, SecretError> {
        let text = secret.expose();
        let text =
            self.strip.as_deref().and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        let key: Cow<'s, [u8]> = match self.encoding {
            KeyEncoding::Text => text.as_bytes().into(),
            KeyEncoding::Base64 => {
                STANDARD.decode(text).map_err(|_| SecretError::NotBase64)?.into()
            }
            KeyEncoding::Hex => {
                encoding::from_hex(text.as_bytes()).ok_or(SecretError::NotHex)?.into()
            }
        };
        match self.prehash {
            _ if key.is_empty() => Err(SecretError::Empty),
            Some(hash) => Ok(hash.of(&key).as_bytes().to_vec().into()),
            None => Ok(key),
        }
    }
}

#[cfg(test)]
mod tests;
