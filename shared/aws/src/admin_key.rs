//! The operator's key, kept in Secrets Manager and read at cold start. Only its digest stays.

use aws_sdk_secretsmanager::Client;
use postback_domain::key::TokenDigest;

use crate::clients::CallFailed;

/// Below this a key could be guessed.
const CHARACTERS_MIN: usize = 16;

/// A key that cannot be read or used.
#[derive(Debug, thiserror::Error)]
pub enum AdminKeyError {
    /// No such secret, no right to read it, or no answer.
    #[error("cannot read the admin key")]
    Unreadable(#[source] CallFailed),
    /// The secret is binary.
    #[error("admin key must be a text, and the secret holds none")]
    NoText,
    /// The secret is too short to be one.
    #[error("admin key must have at least {CHARACTERS_MIN} characters")]
    TooShort,
}

/// The digest of the key that is the text of this secret. White space around it is not part of it:
/// no HTTP header can end with it, and files that secrets are made of often do.
///
/// # Errors
/// When the secret cannot be read, or is no key.
pub async fn read(client: &Client, secret_arn: &str) -> Result<TokenDigest, AdminKeyError> {
    let answer = client.get_secret_value().secret_id(secret_arn).send().await;
    let answer = answer.map_err(|error| AdminKeyError::Unreadable(CallFailed::of(&error)))?;
    let key = answer.secret_string.as_deref().ok_or(AdminKeyError::NoText)?.trim();
    if key.chars().count() < CHARACTERS_MIN {
        return Err(AdminKeyError::TooShort);
    }
    Ok(TokenDigest::of(key))
}
