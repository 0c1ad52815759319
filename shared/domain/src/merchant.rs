//! A tenant: owns endpoints, API keys and everything that hangs on them.

use crate::delivery::retry::RetryPolicy;
use crate::ids::MerchantId;
use crate::text::Label;
use crate::time::Timestamp;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Drawn at random.
    pub id: MerchantId,
    /// For people.
    pub name: Label,
    /// What the platform calls this merchant; unique when set.
    pub external_id: Option<Label>,
    /// How its endpoints are retried, unless they say otherwise.
    pub retry_policy: Option<RetryPolicy>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Counts changes; a write names the revision it saw.
    pub revision: u32,
}
