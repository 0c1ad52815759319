//! What was given up, as its merchant fetches it.

use std::future::Future;

use postback_domain::delivery::Delivery;
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::time::Timestamp;

use super::Unavailable;

/// FAILED deliveries and who is fetching them. A hold is no state: the delivery stays FAILED, in
/// every list and open to a redrive, and nobody else fetches it until the hold ends.
pub trait Pulls: Send + Sync {
    /// FAILED deliveries of a merchant that nobody holds, those opened first, at most `limit`. May
    /// be stale, which `hold` finds out.
    fn fetchable(
        &self,
        merchant: MerchantId,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<DeliveryId>, Unavailable>> + Send;

    /// Holds a delivery until then, if it is FAILED and nobody holds it, and answers with it. Of
    /// several callers at once one gets it.
    fn hold(
        &self,
        id: DeliveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<Delivery>, Unavailable>> + Send;

    /// Ends a FAILED delivery of this merchant as fetched, be it held or not.
    fn acknowledge(
        &self,
        merchant: MerchantId,
        id: DeliveryId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Acknowledged, Unavailable>> + Send;
}

/// What an acknowledgement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// The delivery is a SUCCESS via pull.
    Ended,
    /// It was a SUCCESS before.
    AlreadyEnded,
    /// It was reopened since it was fetched and is being pushed again.
    Pending,
    /// There is no such delivery of this merchant, or it was never owed to anybody.
    Unknown,
}
