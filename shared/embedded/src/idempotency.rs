//! Requests that must take effect once, as rows. A begin reads, decides and writes in one
//! transaction, and takes a few rows along whose time is over.

use postback_domain::idempotency::{Fingerprint, Reading, Record, RecordId, ended_before};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::idempotency::{Begun, Idempotency};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::rows::time;
use crate::store::EmbeddedStore;
use crate::writer::Kind;

/// Rows that one begin removes at most. Each begin adds one, so there are never many.
const REMOVED_MAX: usize = 10;

impl Idempotency for EmbeddedStore {
    async fn begin(&self, record: Record) -> Result<Begun, Unavailable> {
        self.writer.write(Kind::Promise, move |connection| begin(connection, &record)).await
    }

    async fn keep_answer(&self, held: &Record, answer: Vec<u8>) -> Result<(), Unavailable> {
        let (id, held_until) = (held.id, held.held_until);
        self.writer
            .write(Kind::Promise, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE idempotency SET answer = ?3
                         WHERE id = ?1 AND held_until = ?2 AND answer IS NULL",
                    )?
                    .execute(params![id.0, held_until.as_millis(), answer])
                    .map(drop)
            })
            .await
    }

    async fn let_go(&self, held: &Record) -> Result<(), Unavailable> {
        let (id, held_until) = (held.id, held.held_until);
        self.writer
            .write(Kind::Progress, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE idempotency SET held_until = 0
                         WHERE id = ?1 AND held_until = ?2 AND answer IS NULL",
                    )?
                    .execute(params![id.0, held_until.as_millis()])
                    .map(drop)
            })
            .await
    }

    async fn forget(&self, held: &Record) -> Result<(), Unavailable> {
        let (id, held_until) = (held.id, held.held_until);
        self.writer
            .write(Kind::Progress, move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM idempotency
                         WHERE id = ?1 AND held_until = ?2 AND answer IS NULL",
                    )?
                    .execute(params![id.0, held_until.as_millis()])
                    .map(drop)
            })
            .await
    }
}

fn begin(connection: &Connection, offered: &Record) -> Result<Begun> {
    let now = offered.begun_at;
    remove_ended(connection, now)?;
    let there = connection
        .prepare_cached("SELECT * FROM idempotency WHERE id = ?1")?
        .query_row(params![offered.id.0], record)
        .optional()?;
    let held = match there {
        None => offered.clone(),
        Some(there) => match there.read(offered.fingerprint, now) {
            Reading::Ended => offered.clone(),
            Reading::Abandoned => there.held_again(now),
            Reading::OtherRequest => return Ok(Begun::OtherRequest),
            Reading::Running => return Ok(Begun::Running),
            Reading::Answered => return Ok(Begun::Answered(there.answer.unwrap_or_default())),
        },
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (id, fingerprint, seed, begun_at, held_until)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            held.id.0,
            held.fingerprint.0,
            held.seed,
            held.begun_at.as_millis(),
            held.held_until.as_millis(),
        ])?;
    Ok(Begun::Held(held))
}

fn remove_ended(connection: &Connection, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE id IN
                 (SELECT id FROM idempotency WHERE begun_at <= ?1 ORDER BY begun_at LIMIT ?2)",
        )?
        .execute(params![ended_before(now).as_millis(), REMOVED_MAX])
        .map(drop)
}

fn record(row: &Row<'_>) -> Result<Record> {
    Ok(Record {
        id: RecordId(row.get("id")?),
        fingerprint: Fingerprint(row.get("fingerprint")?),
        seed: row.get("seed")?,
        begun_at: time(row, "begun_at")?,
        held_until: time(row, "held_until")?,
        answer: row.get("answer")?,
    })
}
