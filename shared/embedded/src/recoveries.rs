//! Orders to be sent again what was missed, as rows.

use postback_domain::audit::Record;
use postback_domain::delivery::Delivery;
use postback_domain::delivery::message::Message;
use postback_domain::ids::{EndpointId, MerchantId, RecoveryId};
use postback_domain::recovery::{Recovery, Standing};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Page, PageRequest};
use postback_engine::ports::recoveries::Recoveries;
use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::audit;
use crate::catalog::page;
use crate::deliveries::read as read_delivery;
use crate::rows::{self, DELIVERY_COLUMNS, json, to_json};
use crate::store::EmbeddedStore;
use crate::writer::Kind;

impl Recoveries for EmbeddedStore {
    async fn create_recovery(
        &self,
        recovery: Recovery,
        record: Record,
    ) -> std::result::Result<(), CatalogError> {
        let created = self
            .writer
            .write(Kind::Promise, move |connection| create(connection, &recovery, &record));
        if created.await? { Ok(()) } else { Err(CatalogError::IdTaken) }
    }

    async fn read_recovery(
        &self,
        id: RecoveryId,
    ) -> std::result::Result<Option<Recovery>, Unavailable> {
        self.readers.read(move |connection| read(connection, id)).await
    }

    async fn running_recoveries(
        &self,
        limit: usize,
    ) -> std::result::Result<Vec<RecoveryId>, Unavailable> {
        self.readers.read(move |connection| running(connection, limit)).await
    }

    async fn hold_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> std::result::Result<Option<Recovery>, Unavailable> {
        self.writer.write(Kind::Progress, move |connection| hold(connection, id, now, until)).await
    }

    async fn keep_recovery(
        &self,
        recovery: Recovery,
        held: Timestamp,
        next: Option<Timestamp>,
    ) -> std::result::Result<bool, Unavailable> {
        self.writer
            .write(Kind::Progress, move |connection| keep(connection, &recovery, held, next))
            .await
    }

    async fn cancel_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        record: Record,
    ) -> std::result::Result<Option<Recovery>, Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| cancel(connection, id, now, &record))
            .await
    }

    async fn addressed_to(
        &self,
        addressee: Label,
        since: Timestamp,
        until: Timestamp,
        request: PageRequest,
    ) -> std::result::Result<Page<Delivery>, Unavailable> {
        let sql = format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries
             WHERE addressee = ?3 AND seq < ?1 AND created_at >= ?4 AND created_at < ?5
             ORDER BY seq DESC LIMIT ?2"
        );
        let span = [since, until].map(Timestamp::as_millis);
        self.readers
            .read(move |connection| {
                let values: [&dyn rusqlite::ToSql; 3] = [&addressee.as_str(), &span[0], &span[1]];
                page(connection, &sql, &request, &values, rows::delivery)
            })
            .await
    }

    async fn owe(
        &self,
        row: Delivery,
        merchant: MerchantId,
        endpoint: EndpointId,
        due_at: Timestamp,
    ) -> std::result::Result<Option<Message>, Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| {
                owe(connection, &row, merchant, endpoint, due_at)
            })
            .await
    }
}

fn create(connection: &Connection, recovery: &Recovery, record: &Record) -> Result<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO recoveries (id, is_running, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![recovery.id.as_bytes(), recovery.is_running(), to_json(recovery)?])?;
    if inserted == 1 {
        audit::add(connection, record)?;
    }
    Ok(inserted == 1)
}

fn read(connection: &Connection, id: RecoveryId) -> Result<Option<Recovery>> {
    connection
        .prepare_cached("SELECT record FROM recoveries WHERE id = ?1")?
        .query_row(params![id.as_bytes()], |row| json(row, "record"))
        .optional()
}

fn running(connection: &Connection, limit: usize) -> Result<Vec<RecoveryId>> {
    connection
        .prepare_cached("SELECT id FROM recoveries WHERE is_running ORDER BY seq DESC LIMIT ?1")?
        .query_map(params![limit], |row| row.get("id").map(RecoveryId::from_bytes))?
        .collect()
}

fn hold(
    connection: &Connection,
    id: RecoveryId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Recovery>> {
    connection
        .prepare_cached(
            "UPDATE recoveries SET held_until = ?2
             WHERE id = ?1 AND is_running AND (held_until IS NULL OR held_until <= ?3)
             RETURNING record",
        )?
        .query_row(params![id.as_bytes(), until.as_millis(), now.as_millis()], |row| {
            json(row, "record")
        })
        .optional()
}

fn keep(
    connection: &Connection,
    recovery: &Recovery,
    held: Timestamp,
    next: Option<Timestamp>,
) -> Result<bool> {
    connection
        .prepare_cached(
            "UPDATE recoveries SET record = ?2, is_running = ?3, held_until = ?4
             WHERE id = ?1 AND is_running AND held_until = ?5",
        )?
        .execute(params![
            recovery.id.as_bytes(),
            to_json(recovery)?,
            recovery.is_running(),
            next.map(Timestamp::as_millis),
            held.as_millis(),
        ])
        .map(|changed| changed == 1)
}

fn cancel(
    connection: &Connection,
    id: RecoveryId,
    now: Timestamp,
    record: &Record,
) -> Result<Option<Recovery>> {
    let Some(mut recovery) = read(connection, id)? else { return Ok(None) };
    if recovery.is_running() {
        recovery.standing = Standing::Cancelled { at: now };
        connection
            .prepare_cached(
                "UPDATE recoveries SET record = ?2, is_running = 0, held_until = NULL
                 WHERE id = ?1",
            )?
            .execute(params![id.as_bytes(), to_json(&recovery)?])?;
        audit::add(connection, record)?;
    }
    Ok(Some(recovery))
}

/// One transaction, so the row itself becomes the delivery.
fn owe(
    connection: &Connection,
    row: &Delivery,
    merchant: MerchantId,
    endpoint: EndpointId,
    due_at: Timestamp,
) -> Result<Option<Message>> {
    let Some((seq, row)) = read_delivery(connection, row.id)? else { return Ok(None) };
    let Some(owed) = row.owed_to(merchant, endpoint, due_at) else { return Ok(None) };
    connection
        .prepare_cached(
            "UPDATE deliveries
             SET id = ?2, merchant_id = ?3, endpoint_id = ?4, state = 'PENDING', due_at = ?5,
                 finished_at = NULL, addressee = NULL
             WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            owed.id.as_bytes(),
            merchant.as_bytes(),
            endpoint.as_bytes(),
            due_at.as_millis(),
        ])?;
    connection
        .prepare_cached("UPDATE events SET merchant_id = ?2, addressee = NULL WHERE id = ?1")?
        .execute(params![owed.event_id.as_bytes(), merchant.as_bytes()])?;
    let (delivery, round, tries) = (owed.id, owed.round, owed.tries);
    Ok(Some(Message { merchant, delivery, round, tries }))
}
