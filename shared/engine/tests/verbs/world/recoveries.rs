//! The ports that only orders to recover need, in front of the same faults.

use std::sync::Arc;

use postback_domain::audit::Record;
use postback_domain::delivery::Delivery;
use postback_domain::delivery::message::Message;
use postback_domain::event::Event;
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, RecoveryId};
use postback_domain::recovery::Recovery;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{
    DeliveryFilter, DeliveryRecord, EventFilter, EventSummary, History, Page, PageRequest,
};
use postback_engine::ports::recoveries::Recoveries;

use super::store::{FaultyStore, Step};

impl History for FaultyStore {
    async fn list_events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<EventSummary>, Unavailable> {
        self.pass(Step::Other, self.inner.list_events(filter, page)).await
    }

    async fn read_event(
        &self,
        id: EventId,
    ) -> Result<Option<(EventSummary, Arc<Event>)>, Unavailable> {
        self.pass(Step::Other, self.inner.read_event(id)).await
    }

    async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        self.pass(Step::Other, self.inner.list_deliveries(filter, page)).await
    }

    async fn read_delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>, Unavailable> {
        self.pass(Step::Other, self.inner.read_delivery(id)).await
    }
}

impl Recoveries for FaultyStore {
    async fn create_recovery(
        &self,
        recovery: Recovery,
        record: Record,
    ) -> Result<(), CatalogError> {
        self.inner.create_recovery(recovery, record).await
    }

    async fn read_recovery(&self, id: RecoveryId) -> Result<Option<Recovery>, Unavailable> {
        self.pass(Step::Other, self.inner.read_recovery(id)).await
    }

    async fn running_recoveries(&self, limit: usize) -> Result<Vec<RecoveryId>, Unavailable> {
        self.pass(Step::Other, self.inner.running_recoveries(limit)).await
    }

    async fn hold_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Recovery>, Unavailable> {
        self.pass(Step::Other, self.inner.hold_recovery(id, now, until)).await
    }

    async fn keep_recovery(
        &self,
        recovery: Recovery,
        held: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<bool, Unavailable> {
        self.pass(Step::KeepRecovery, self.inner.keep_recovery(recovery, held, next)).await
    }

    async fn cancel_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        record: Record,
    ) -> Result<Option<Recovery>, Unavailable> {
        self.pass(Step::Other, self.inner.cancel_recovery(id, now, record)).await
    }

    async fn addressed_to(
        &self,
        addressee: Label,
        since: Timestamp,
        until: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        self.pass(Step::Other, self.inner.addressed_to(addressee, since, until, page)).await
    }

    async fn owe(
        &self,
        row: Delivery,
        merchant: MerchantId,
        endpoint: EndpointId,
        due_at: Timestamp,
    ) -> Result<Option<Message>, Unavailable> {
        self.pass(Step::Reopen, self.inner.owe(row, merchant, endpoint, due_at)).await
    }
}
