//! Orders to be sent again what was missed, and the two steps that only they take.

use std::future::Future;

use postback_domain::audit::Record;
use postback_domain::delivery::Delivery;
use postback_domain::delivery::message::Message;
use postback_domain::ids::{EndpointId, MerchantId, RecoveryId};
use postback_domain::recovery::Recovery;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;

use super::Unavailable;
use super::catalog::CatalogError;
use super::history::{Page, PageRequest};

/// Orders and how far they have come. Whoever goes on with one holds it meanwhile. A hold is for
/// economy: two who go on with one order at once do the same work, and nothing is sent twice.
pub trait Recoveries: Send + Sync {
    /// Keeps a new order and the record of it, or neither; `IdTaken` if there is one with its id.
    fn create_recovery(
        &self,
        recovery: Recovery,
        record: Record,
    ) -> impl Future<Output = Result<(), CatalogError>> + Send;

    /// An order as kept now.
    fn read_recovery(
        &self,
        id: RecoveryId,
    ) -> impl Future<Output = Result<Option<Recovery>, Unavailable>> + Send;

    /// Orders that go on, the newest first, at most `limit`; be they held or not.
    fn running_recoveries(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RecoveryId>, Unavailable>> + Send;

    /// Holds an order until then, if it goes on and nobody holds it, and answers with it.
    fn hold_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<Recovery>, Unavailable>> + Send;

    /// Keeps how far an order has come, if the caller's hold, which ends at `held`, is still its
    /// hold, and holds it until `next` from then on, or lets it go. Answers whether it was kept.
    fn keep_recovery(
        &self,
        recovery: Recovery,
        held: Timestamp,
        next: Option<Timestamp>,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Stops an order that goes on, held or not, and answers with what it is then. The record is
    /// kept if it was stopped by this.
    fn cancel_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        record: Record,
    ) -> impl Future<Output = Result<Option<Recovery>, Unavailable>> + Send;

    /// NOT_APPLY rows of events for a merchant that was not known and that the platform calls so,
    /// newest first, of this span of time.
    fn addressed_to(
        &self,
        addressee: Label,
        since: Timestamp,
        until: Timestamp,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Delivery>, Unavailable>> + Send;

    /// Puts a delivery to this endpoint, due then, into the place of a NOT_APPLY row, and makes the
    /// event this merchant's if it was filed elsewhere. Answers with a message for it if this very
    /// call has opened it. `row` may be stale; where it is gone, nothing happens.
    fn owe(
        &self,
        row: Delivery,
        merchant: MerchantId,
        endpoint: EndpointId,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<Option<Message>, Unavailable>> + Send;
}
