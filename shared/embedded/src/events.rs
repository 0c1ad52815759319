//! Admitting an event: dedupe, keep, open its deliveries, in one transaction.

use std::sync::Arc;

use bytes::Bytes;
use postback_domain::delivery::message::Message;
use postback_domain::delivery::{Claim, Delivery, Lease, Progress};
use postback_domain::event::{Event, EventType, Plan};
use postback_domain::ids::{EventId, MerchantId};
use postback_domain::limits::CONFLICTS_KEPT_MAX;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::store::{Admission, Admitted};
use postback_engine::ports::{Events, Unavailable};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::place;
use crate::rows::{optional_text, provider_event_id, source_id, time};
use crate::store::EmbeddedStore;
use crate::writer::Kind;

impl Events for EmbeddedStore {
    async fn admit(
        &self,
        event: Arc<Event>,
        plan: Plan,
        lease: Option<Lease>,
        now: Timestamp,
    ) -> Result<Admitted, Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| admit(connection, &event, &plan, lease, now))
            .await
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Unavailable> {
        self.readers
            .read(move |connection| read(connection, id))
            .await
            .map(|event| event.map(Arc::new))
    }
}

fn admit(
    connection: &Connection,
    event: &Event,
    plan: &Plan,
    lease: Option<Lease>,
    now: Timestamp,
) -> Result<Admitted> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events (id, source_id, merchant_id, provider_event_id, event_type,
                                 received_at, content_type, body, addressee)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            event.id.as_bytes(),
            event.source_id.as_bytes(),
            event.merchant_id.as_bytes(),
            event.provider_event_id.as_str(),
            event.event_type.as_str(),
            event.received_at.as_millis(),
            event.content_type,
            &event.body[..],
            event.addressee.as_ref().map(Label::as_str),
        ])?;
    if inserted == 0 {
        // The first transaction opened the whole plan, so a repeat has nothing to complete.
        let admission = repeat_or_conflict(connection, event)?;
        return Ok(Admitted { admission, claims: Vec::new(), unclaimed: Vec::new() });
    }
    let mut admitted =
        Admitted { admission: Admission::New, claims: Vec::new(), unclaimed: Vec::new() };
    let event_seq = connection.last_insert_rowid();
    for (number, delivery) in (0..).zip(Delivery::open(event, plan, now, lease)) {
        insert(connection, place::of_new(event_seq, number), &delivery)?;
        let (id, round, tries) = (delivery.id, delivery.round, delivery.tries);
        match (&delivery.progress, delivery.endpoint_id) {
            (Progress::Pending { lease: Some(lease), .. }, Some(endpoint)) => {
                admitted.claims.push((Claim::won(id, round, tries, *lease), endpoint));
            }
            (Progress::Pending { .. }, _) => {
                admitted.unclaimed.push(Message {
                    merchant: delivery.merchant_id,
                    delivery: id,
                    round,
                    tries,
                });
            }
            _ => {}
        }
    }
    Ok(admitted)
}

fn insert(connection: &Connection, seq: i64, delivery: &Delivery) -> Result<()> {
    let (due_at, lease_until) = match delivery.progress {
        Progress::Pending { due_at, lease, .. } => {
            (Some(due_at.as_millis()), lease.map(|lease| lease.until.as_millis()))
        }
        _ => (None, None),
    };
    let addressee = match &delivery.progress {
        Progress::NotApply { addressee, .. } => addressee.as_ref().map(Label::as_str),
        _ => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO deliveries (seq, id, event_id, merchant_id, endpoint_id, event_type,
                                     created_at, state, round, tries, due_at, lease_until,
                                     finished_at, addressee)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            seq,
            delivery.id.as_bytes(),
            delivery.event_id.as_bytes(),
            delivery.merchant_id.as_bytes(),
            delivery.endpoint_id.as_ref().map(|id| id.as_bytes().as_slice()),
            delivery.event_type.as_str(),
            delivery.created_at.as_millis(),
            delivery.state().as_str(),
            delivery.round,
            delivery.tries,
            due_at,
            lease_until,
            delivery.finished_at().map(Timestamp::as_millis),
            addressee,
        ])
        .map(drop)
}

fn repeat_or_conflict(connection: &Connection, event: &Event) -> Result<Admission> {
    let same: bool = connection
        .prepare_cached("SELECT body = ?2 FROM events WHERE id = ?1")?
        .query_row(params![event.id.as_bytes(), &event.body[..]], |row| row.get(0))?;
    if same {
        return Ok(Admission::Repeat);
    }
    let count: u32 = connection
        .prepare_cached(
            "UPDATE events SET conflicts = conflicts + 1 WHERE id = ?1 RETURNING conflicts",
        )?
        .query_row(params![event.id.as_bytes()], |row| row.get(0))?;
    if count <= CONFLICTS_KEPT_MAX {
        connection
            .prepare_cached(
                "INSERT INTO conflicts (event_id, received_at, body) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![
                event.id.as_bytes(),
                event.received_at.as_millis(),
                &event.body[..]
            ])?;
    }
    Ok(Admission::Conflict)
}

fn read(connection: &Connection, id: EventId) -> Result<Option<Event>> {
    connection
        .prepare_cached("SELECT * FROM events WHERE id = ?1")?
        .query_row(params![id.as_bytes()], event)
        .optional()
}

/// Reads a whole row of `events`.
pub(crate) fn event(row: &Row<'_>) -> Result<Event> {
    Ok(Event {
        id: EventId::from_bytes(row.get("id")?),
        source_id: source_id(row, "source_id")?,
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        addressee: optional_text(row, "addressee")?,
        provider_event_id: provider_event_id(row)?,
        event_type: EventType::new(&row.get::<_, String>("event_type")?),
        received_at: time(row, "received_at")?,
        content_type: row.get("content_type")?,
        body: Bytes::from(row.get::<_, Vec<u8>>("body")?),
    })
}
