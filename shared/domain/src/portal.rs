//! Portal tokens: what opens a merchant's part of the API to its people in a browser. A platform
//! that has recognised somebody mints one and hands it to the page. It ends by itself, soon.

use crate::ids::{MerchantId, PortalTokenId};
use crate::key::{Scope, TokenDigest};
use crate::time::Timestamp;

/// A portal token, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalToken {
    /// Drawn at random; part of the token.
    pub id: PortalTokenId,
    /// The one merchant whose objects it opens.
    pub merchant_id: MerchantId,
    /// Of the whole token.
    pub digest: TokenDigest,
    /// When it was minted.
    pub created_at: Timestamp,
    /// From when on it opens nothing. A store may remove it then.
    pub expires_at: Timestamp,
}

impl PortalToken {
    /// What every one of them may do.
    pub const SCOPES: [Scope; 2] = [Scope::Read, Scope::Write];

    /// Whether it opens something at this time.
    pub fn is_live(&self, at: Timestamp) -> bool {
        at < self.expires_at
    }
}
