//! An event as a row, and as an entry of the `listed` index. Written once; only the count of
//! conflicts is ever changed.

use bytes::Bytes;
use postback_domain::event::{Event, EventType, Plan, ProviderEventId};
use postback_domain::ids::{DeliveryId, EndpointId, EventId};
use postback_domain::time::Timestamp;
use postback_engine::ports::history::EventSummary;

use crate::item::{Damaged, Item, Reader, bytes, number, text, texts, time};
use crate::keys::{self, LIST, LIST_ORDER};
use crate::packing;
use crate::table::{EXPIRES, SK};

pub(crate) const CONFLICTS: &str = "conflicts";

pub(crate) const MERCHANT: &str = "merchant";
pub(crate) const PLAN: &str = "plan";
/// Whom it is for, where no merchant was known by that.
pub(crate) const ADDRESSEE: &str = "addressee";

const SOURCE: &str = "source";
const PROVIDER_ID: &str = "provider_id";
const TYPE: &str = "type";
const RECEIVED: &str = "received";
const CONTENT_TYPE: &str = "content_type";
const BODY: &str = "body";
const SIZE: &str = "size";

/// The row of an event that is admitted now.
pub(crate) fn row(event: &Event, plan: &Plan, now: Timestamp, expires: Timestamp) -> Item {
    let key = keys::event(event.id);
    let mut row = key.to_item();
    let mut put = |name: &str, value| row.insert(name.to_owned(), value);
    put(MERCHANT, text(event.merchant_id.to_string()));
    if let Some(addressee) = &event.addressee {
        put(ADDRESSEE, text(addressee.as_str()));
    }
    put(SOURCE, text(event.source_id.to_string()));
    put(PROVIDER_ID, text(event.provider_event_id.as_str()));
    put(TYPE, text(event.event_type.as_str()));
    put(RECEIVED, time(event.received_at));
    if let Some(content_type) = &event.content_type {
        put(CONTENT_TYPE, text(content_type));
    }
    put(PLAN, texts(plan.0.iter().map(EndpointId::to_string)));
    put(BODY, bytes(packing::pack(&event.body)));
    put(SIZE, number(event.body.len()));
    put(LIST, text(keys::events_list_of(event.merchant_id, event.id)));
    put(LIST_ORDER, text(keys::order_with(now, &key.sk)));
    put(EXPIRES, number(expires.as_secs()));
    row
}

/// Reads a row.
pub(crate) fn event(row: &Item) -> Result<Event, Damaged> {
    let row = Reader::new(row)?;
    let body = packing::unpack(BODY, row.bytes(BODY)?, row.number(SIZE)?)?;
    Ok(Event {
        id: row.parsed(SK)?,
        source_id: row.parsed(SOURCE)?,
        merchant_id: row.parsed(MERCHANT)?,
        addressee: row.optional_label(ADDRESSEE)?,
        provider_event_id: ProviderEventId::new(row.text(PROVIDER_ID)?),
        event_type: EventType::new(row.text(TYPE)?),
        received_at: row.time(RECEIVED)?,
        content_type: row.optional_text(CONTENT_TYPE)?.map(str::to_owned),
        body: Bytes::from(body),
    })
}

/// Reads the plan of a row or of an entry.
pub(crate) fn plan(row: &Item) -> Result<Plan, Damaged> {
    let endpoints = Reader::new(row)?.texts(PLAN)?;
    let endpoints = endpoints.into_iter().map(|id| id.parse().map_err(|e| Damaged::new(PLAN, e)));
    endpoints.collect::<Result<_, _>>().map(Plan)
}

/// What a row or an entry says of its event, without its deliveries.
pub(crate) fn summary(row: &Item) -> Result<EventSummary, Damaged> {
    let row = Reader::new(row)?;
    let list = row.text(LIST)?;
    Ok(EventSummary {
        id: row.parsed(SK)?,
        source_id: row.parsed(SOURCE)?,
        merchant_id: keys::merchant_of_list(list).ok_or_else(|| Damaged::new(LIST, "no list"))?,
        provider_event_id: ProviderEventId::new(row.text(PROVIDER_ID)?),
        event_type: EventType::new(row.text(TYPE)?),
        received_at: row.time(RECEIVED)?,
        size_bytes: row.number(SIZE)?,
        conflicts: row.optional_number(CONFLICTS)?.unwrap_or(0),
        deliveries: Vec::new(),
    })
}

/// The deliveries of an event with this plan, in its order.
pub(crate) fn deliveries_of(event: EventId, plan: &Plan) -> Vec<DeliveryId> {
    if plan.0.is_empty() {
        return vec![DeliveryId::derive(event, None)];
    }
    plan.0.iter().map(|endpoint| DeliveryId::derive(event, Some(*endpoint))).collect()
}

/// Another body that came under the id of `event`, the `number`th.
pub(crate) fn conflict(event: &Event, number: u32, expires: Timestamp) -> Item {
    let mut row = keys::conflict(event.id, number).to_item();
    row.insert(RECEIVED.to_owned(), time(event.received_at));
    row.insert(BODY.to_owned(), bytes(packing::pack(&event.body)));
    row.insert(SIZE.to_owned(), self::number(event.body.len()));
    row.insert(EXPIRES.to_owned(), self::number(expires.as_secs()));
    row
}
