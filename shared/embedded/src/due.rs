//! The due index: the durable queue. One shard, because one process sweeps it.

use postback_domain::time::Timestamp;
use postback_engine::ports::store::Due;
use postback_engine::ports::{DueIndex, Unavailable};
use rusqlite::{Connection, Result, Row, params};

use crate::deliveries::message;
use crate::place;
use crate::rows::time;
use crate::store::EmbeddedStore;
use crate::writer::Kind;

impl DueIndex for EmbeddedStore {
    fn shards(&self) -> u16 {
        1
    }

    async fn due(
        &self,
        _shard: u16,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Unavailable> {
        self.readers.read(move |connection| due(connection, before, limit)).await
    }

    async fn push_forward(&self, rows: Vec<Due>, to: Timestamp) -> Result<Vec<Due>, Unavailable> {
        self.writer
            .write(Kind::Progress, move |connection| push_forward(connection, &rows, to))
            .await
    }
}

fn due(connection: &Connection, before: Timestamp, limit: usize) -> Result<Vec<Due>> {
    connection
        .prepare_cached(
            "SELECT id, merchant_id, round, tries, due_at FROM deliveries
             WHERE state = 'PENDING' AND due_at < ?1 ORDER BY due_at LIMIT ?2",
        )?
        .query_map(params![before.as_millis(), limit], row)?
        .collect()
}

fn push_forward(connection: &Connection, rows: &[Due], to: Timestamp) -> Result<Vec<Due>> {
    let mut push = connection.prepare_cached(
        "UPDATE deliveries SET due_at = ?1
         WHERE seq = ?2 AND state = 'PENDING' AND round = ?3 AND tries = ?4 AND due_at = ?5",
    )?;
    let mut won = Vec::with_capacity(rows.len());
    for row in rows {
        let Due { message, due_at } = *row;
        let changed = push.execute(params![
            to.as_millis(),
            place::of_delivery(connection, message.delivery)?,
            message.round,
            message.tries,
            due_at.as_millis(),
        ])?;
        if changed == 1 {
            won.push(*row);
        }
    }
    Ok(won)
}

fn row(row: &Row<'_>) -> Result<Due> {
    Ok(Due { message: message(row)?, due_at: time(row, "due_at")? })
}
