//! What was given up, and what waits for no other way, as its merchant fetches it.

use std::future::Future;

pub use postback_domain::delivery::Acknowledged;
use postback_domain::delivery::Delivery;
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::time::Timestamp;

use super::Unavailable;

/// What can be fetched, and who is fetching it: FAILED deliveries, and PENDING ones that are shelved
/// because their endpoint is not called. A hold is no state: a FAILED delivery stays FAILED, in
/// every list and open to a redrive, and nobody else fetches it until the hold ends.
pub trait Pulls: Send + Sync {
    /// What a merchant can fetch and nobody holds, those opened first, at most `limit`. May be
    /// stale, which `hold` finds out.
    fn fetchable(
        &self,
        merchant: MerchantId,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<DeliveryId>, Unavailable>> + Send;

    /// Holds a delivery until then, if it can be fetched and nobody holds it, and answers with it.
    /// Of several callers at once one gets it.
    fn hold(
        &self,
        id: DeliveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<Delivery>, Unavailable>> + Send;

    /// Ends a delivery of this merchant that can be fetched as fetched, be it held or not.
    fn acknowledge(
        &self,
        merchant: MerchantId,
        id: DeliveryId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Acknowledged, Unavailable>> + Send;
}
