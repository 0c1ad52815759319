//! What happened, as the API reads it.

use std::future::Future;
use std::sync::Arc;

use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::{Delivery, State};
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, SourceId};
use postback_domain::time::Timestamp;

use super::Unavailable;

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows at most.
    pub limit: usize,
    /// Where the last page ended; the beginning without one.
    pub cursor: Option<Cursor>,
}

/// Where a page ended, in words of the adapter that made it. Unreadable ones mean an empty page,
/// never an error of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// Which deliveries. Every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of this merchant; all merchants for an operator.
    pub merchant: Option<MerchantId>,
    /// In this state.
    pub state: Option<State>,
    /// To this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Of exactly this type.
    pub event_type: Option<EventType>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
}

/// Which events. Every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this merchant; all merchants for an operator.
    pub merchant: Option<MerchantId>,
    /// From this source.
    pub source: Option<SourceId>,
    /// Of exactly this type.
    pub event_type: Option<EventType>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
}

/// An event without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// Which event.
    pub id: EventId,
    /// Where it came in.
    pub source_id: SourceId,
    /// Whose it is.
    pub merchant_id: MerchantId,
    /// What the provider calls it.
    pub provider_event_id: ProviderEventId,
    /// What kind of fact it is.
    pub event_type: EventType,
    /// When we took it in.
    pub received_at: Timestamp,
    /// How many bytes its body has.
    pub size_bytes: u64,
    /// How often the provider sent other bytes under the same id.
    pub conflicts: u32,
    /// What became of it.
    pub deliveries: Vec<Delivery>,
}

/// A delivery with its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Where it stands.
    pub delivery: Delivery,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// What happened, as the API reads it. What is read by its id is as it is now; a list may be some
/// moments behind (that of the FAILED ones of all merchants: until the queue has heard of them), and an operator's list of everything shows the events of merchants that are
/// there. A page may be shorter than asked for and still not be the last: the cursor says.
pub trait History: Send + Sync {
    /// Events, newest first.
    fn list_events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<EventSummary>, Unavailable>> + Send;

    /// One event and what became of it.
    fn read_event(
        &self,
        id: EventId,
    ) -> impl Future<Output = Result<Option<(EventSummary, Arc<Event>)>, Unavailable>> + Send;

    /// Deliveries, newest first.
    fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Delivery>, Unavailable>> + Send;

    /// One delivery with its log.
    fn read_delivery(
        &self,
        id: DeliveryId,
    ) -> impl Future<Output = Result<Option<DeliveryRecord>, Unavailable>> + Send;
}
