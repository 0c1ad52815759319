//! What happened, as the API reads it. Lists go by `seq`, newest first, so a cursor stays right
//! while rows are added.

use std::fmt::Write as _;
use std::sync::Arc;

use postback_domain::delivery::{Delivery, State};
use postback_domain::event::{Event, EventType};
use postback_domain::ids::{DeliveryId, EventId, MerchantId};
use postback_engine::ports::Unavailable;
use postback_engine::ports::history::{
    DeliveryFilter, DeliveryRecord, EventFilter, EventSummary, History, Page, PageRequest,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, ToSql, params};

use crate::catalog::page;
use crate::events::event;
use crate::place;
use crate::rows::{self, DELIVERY_COLUMNS, provider_event_id, source_id, time};
use crate::store::EmbeddedStore;

impl History for EmbeddedStore {
    async fn list_events(
        &self,
        filter: EventFilter,
        request: PageRequest,
    ) -> Result<Page<EventSummary>, Unavailable> {
        self.readers.read(move |connection| list_events(connection, &filter, &request)).await
    }

    async fn read_event(
        &self,
        id: EventId,
    ) -> Result<Option<(EventSummary, Arc<Event>)>, Unavailable> {
        self.readers.read(move |connection| read_event(connection, id)).await
    }

    async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        request: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        self.readers.read(move |connection| list_deliveries(connection, &filter, &request)).await
    }

    async fn read_delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>, Unavailable> {
        self.readers.read(move |connection| read_delivery(connection, id)).await
    }
}

fn list_events(
    connection: &Connection,
    filter: &EventFilter,
    request: &PageRequest,
) -> Result<Page<EventSummary>> {
    let merchant = filter.merchant.as_ref().map(|id| id.as_bytes().as_slice());
    let source = filter.source.as_ref().map(|id| id.as_bytes().as_slice());
    let event_type = filter.event_type.as_ref().map(EventType::as_str);
    let since = filter.since.map(|time| time.as_millis());
    let until = filter.until.map(|time| time.as_millis());
    let mut narrow = Narrow::default();
    narrow.by("merchant_id =", &merchant);
    narrow.by("source_id =", &source);
    narrow.by("event_type =", &event_type);
    narrow.by("received_at >=", &since);
    narrow.by("received_at <", &until);
    let sql = format!(
        "SELECT seq, id, source_id, merchant_id, provider_event_id, event_type, received_at,
                conflicts, length(body) AS size_bytes
         FROM events WHERE seq < ?1 {} ORDER BY seq DESC LIMIT ?2",
        narrow.sql
    );
    let mut page = page(connection, &sql, request, &narrow.values, summary)?;
    for row in &mut page.rows {
        row.deliveries = deliveries_of(connection, row.id)?;
    }
    Ok(page)
}

fn read_event(connection: &Connection, id: EventId) -> Result<Option<(EventSummary, Arc<Event>)>> {
    let found = connection
        .prepare_cached("SELECT *, length(body) AS size_bytes FROM events WHERE id = ?1")?
        .query_row(params![id.as_bytes()], |row| Ok((summary(row)?, Arc::new(event(row)?))))
        .optional()?;
    let Some((mut summary, event)) = found else { return Ok(None) };
    summary.deliveries = deliveries_of(connection, id)?;
    Ok(Some((summary, event)))
}

fn list_deliveries(
    connection: &Connection,
    filter: &DeliveryFilter,
    request: &PageRequest,
) -> Result<Page<Delivery>> {
    let merchant = filter.merchant.as_ref().map(|id| id.as_bytes().as_slice());
    let endpoint = filter.endpoint.as_ref().map(|id| id.as_bytes().as_slice());
    let event_type = filter.event_type.as_ref().map(EventType::as_str);
    let since = filter.since.map(|time| time.as_millis());
    let until = filter.until.map(|time| time.as_millis());
    let mut narrow = Narrow::default();
    narrow.by("merchant_id =", &merchant);
    narrow.by("endpoint_id =", &endpoint);
    narrow.by("event_type =", &event_type);
    narrow.by("created_at >=", &since);
    narrow.by("created_at <", &until);
    if let Some(state) = filter.state {
        // Spelled out, because a sparse index is used only where its condition stands in the text.
        narrow.sql += state_condition(state);
    }
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE seq < ?1 {} ORDER BY seq DESC LIMIT ?2",
        narrow.sql
    );
    page(connection, &sql, request, &narrow.values, rows::delivery)
}

fn read_delivery(connection: &Connection, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
    let Some(seq) = place::of_delivery(connection, id)? else { return Ok(None) };
    let sql = format!("SELECT {DELIVERY_COLUMNS}, attempt_log FROM deliveries WHERE seq = ?1");
    let record = |row: &Row<'_>| {
        Ok(DeliveryRecord { delivery: rows::delivery(row)?, attempts: rows::log(row)? })
    };
    connection.prepare_cached(&sql)?.query_row(params![seq], record).optional()
}

fn deliveries_of(connection: &Connection, event: EventId) -> Result<Vec<Delivery>> {
    let Some(event_seq) = place::of_event_id(connection, event)? else { return Ok(Vec::new()) };
    let (first, last) = place::of_event(event_seq);
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq"
    );
    connection.prepare_cached(&sql)?.query_map(params![first, last], rows::delivery)?.collect()
}

fn summary(row: &Row<'_>) -> Result<EventSummary> {
    Ok(EventSummary {
        id: EventId::from_bytes(row.get("id")?),
        source_id: source_id(row, "source_id")?,
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        provider_event_id: provider_event_id(row)?,
        event_type: EventType::new(&row.get::<_, String>("event_type")?),
        received_at: time(row, "received_at")?,
        size_bytes: row.get("size_bytes")?,
        conflicts: row.get("conflicts")?,
        deliveries: Vec::new(),
    })
}

fn state_condition(state: State) -> &'static str {
    match state {
        State::Pending => " AND state = 'PENDING'",
        State::Success => " AND state = 'SUCCESS'",
        State::Failed => " AND state = 'FAILED'",
        State::NotApply => " AND state = 'NOT_APPLY'",
    }
}

/// Conditions beside the page's own, which are `?1` and `?2`.
#[derive(Default)]
pub(crate) struct Narrow<'a> {
    pub(crate) sql: String,
    pub(crate) values: Vec<&'a dyn ToSql>,
}

impl<'a> Narrow<'a> {
    pub(crate) fn by<T: ToSql>(&mut self, condition: &str, value: &'a Option<T>) {
        if let Some(value) = value {
            let number = self.values.len() + 3;
            write!(self.sql, " AND {condition} ?{number}").expect("a string takes all");
            self.values.push(value);
        }
    }
}
