//! Secrets and the keys made of them. Neither ever appears in `Debug` output or in an error.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::same;
use crate::encoding;
use crate::public_key::PublicKey;
use crate::scheme::Scheme;
use crate::scheme::record::{Algorithm, KeyEncoding, KeyRule, Kind, SignedText};

/// Bytes in a secret. Providers issue well under 200; the PEM of the largest RSA key taken has
/// about 1,500.
pub const SECRET_BYTES_MAX: usize = 8 * 1024;

/// A signing secret, a token, `user:password` or a PEM public key, as the provider shows it.
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
    #[error("secret must consist of hexadecimal digits only")]
    NotHex,
    /// The same, and one digit is missing or too many.
    #[error("secret has an odd number of hexadecimal digits: it is cut short or has one too many")]
    OddHex,
    /// HTTP Basic needs a user and a password.
    #[error("secret must have the form `user:password`")]
    NotUserAndPassword,
    /// No provider issues such a secret; it was pasted with something around it.
    #[error("secret must not begin or end with white space")]
    SurroundingBlanks,
    /// The scheme takes a public key.
    #[error("secret must be a public key in PEM: `-----BEGIN PUBLIC KEY-----` and so on")]
    NotPem,
    /// PEM of something else, or damaged.
    #[error("secret is PEM and holds no RSA public key that can be read")]
    NotPublicKey,
    /// A private key has no business here.
    #[error("secret is a private key; the scheme needs the public one, and nobody else this one")]
    PrivateKey,
    /// The key is inside of it.
    #[error(
        "secret is a certificate; the scheme needs the public key in it: `openssl x509 -pubkey`"
    )]
    Certificate,
    /// A public key of another kind.
    #[error("secret is a public key, but not of RSA")]
    NotRsa,
    /// Shorter keys can be broken, longer ones cost too much.
    #[error("secret must be an RSA key of 1024 to 8192 bits")]
    KeySize,
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
        if text.trim() != text && !self.takes_public_key() {
            return Err(SecretError::SurroundingBlanks);
        }
        match &self.kind {
            Kind::Signed(SignedText { algorithm: Algorithm::Hmac(key), .. }) => {
                key.derive(secret).map(drop)
            }
            Kind::Signed(SignedText { algorithm: Algorithm::Rsa(_), .. }) => {
                PublicKey::parse(text).map(drop)
            }
            Kind::Basic if !text.contains(':') => Err(SecretError::NotUserAndPassword),
            Kind::Signed(SignedText { algorithm: Algorithm::Digest, .. })
            | Kind::Token
            | Kind::Basic => Ok(()),
        }
    }

    /// Whether a secret is a provider's public key: requests can be verified with it and not be
    /// made.
    pub fn takes_public_key(&self) -> bool {
        matches!(&self.kind, Kind::Signed(SignedText { algorithm: Algorithm::Rsa(_), .. }))
    }

    /// A well-formed secret for tests and demonstrations, made of the caller's randomness. There is
    /// none for a scheme that [takes a public key](Self::takes_public_key).
    pub fn make_secret(&self, random: &[u8; 32]) -> Option<Secret> {
        let hex = encoding::to_hex(random);
        let text = match &self.kind {
            Kind::Basic => format!("postback:{hex}"),
            Kind::Token => hex,
            Kind::Signed(signed) => match &signed.algorithm {
                Algorithm::Rsa(_) => return None,
                Algorithm::Hmac(KeyRule { encoding: KeyEncoding::Base64, strip, .. }) => {
                    format!("{}{}", strip.as_deref().unwrap_or_default(), STANDARD.encode(random))
                }
                Algorithm::Hmac(_) | Algorithm::Digest => hex,
            },
        };
        Some(Secret(text))
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
                let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
                let error = if is_hex { SecretError::OddHex } else { SecretError::NotHex };
                encoding::from_hex(text.as_bytes()).ok_or(error)?.into()
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
