//! The state machine's conditional writes. The rules are the domain's: a claim reads the row and
//! asks [`message::read`], a settlement carries its [`Fence`] over as the condition of the update.
//!
//! [`Fence`]: postback_domain::delivery::Fence

use std::time::Duration;

use postback_domain::delivery::log::{self, Attempt};
use postback_domain::delivery::message::{self, Message, Reading, Receipt};
use postback_domain::delivery::{Delivery, FailedReason, Lease, Next, Progress, Settlement, Via};
use postback_domain::ids::{DeliveryId, EndpointId, MerchantId};
use postback_domain::limits::PORT_CALL_MAX;
use postback_domain::time::Timestamp;
use postback_domain::turns::{self, RateLimit, Turn};
use postback_engine::ports::store::{Claimed, Claiming, Reopening, Settled};
use postback_engine::ports::{Deliveries, Unavailable};
use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::place;
use crate::rows::{self, DELIVERY_COLUMNS, log_line, to_word};
use crate::store::EmbeddedStore;
use crate::writer::Kind;

/// Between two tries to record what a merchant has answered.
const SETTLE_AGAIN: Duration = Duration::from_millis(500);

impl Deliveries for EmbeddedStore {
    async fn claim(
        &self,
        message: Message,
        receipt: Option<Receipt>,
        now: Timestamp,
        lease: Lease,
    ) -> Result<Claiming, Unavailable> {
        self.writer
            .write(Kind::Progress, move |connection| {
                claim(connection, &message, receipt.as_ref(), now, lease)
            })
            .await
    }

    /// An answer that was not recorded is asked for again, so it is worth waiting for a disk that
    /// is full for a moment: as long as the lease leaves room.
    async fn settle(
        &self,
        settlement: Settlement,
        receipt: Option<Receipt>,
    ) -> Result<Settled, Unavailable> {
        let mut patience = PORT_CALL_MAX.div_duration_f64(SETTLE_AGAIN) as u32;
        loop {
            let (settlement, receipt) = (settlement.clone(), receipt.clone());
            let settled = self
                .writer
                .write(Kind::Progress, move |connection| {
                    settle(connection, &settlement, receipt.as_ref())
                })
                .await;
            if settled.is_ok() || patience == 0 {
                return settled;
            }
            patience -= 1;
            tokio::time::sleep(SETTLE_AGAIN).await;
        }
    }

    async fn reopen(
        &self,
        id: DeliveryId,
        from_round: Option<u32>,
        due_at: Timestamp,
    ) -> Result<Reopening, Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| reopen(connection, id, from_round, due_at))
            .await
    }

    async fn take_turn(
        &self,
        endpoint: EndpointId,
        limit: RateLimit,
        now: Timestamp,
    ) -> Result<Turn, Unavailable> {
        self.writer
            .write(Kind::Progress, move |connection| take_turn(connection, endpoint, limit, now))
            .await
    }

    async fn wake(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Message>, Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| wake(connection, endpoint, now, limit))
            .await
    }
}

fn claim(
    connection: &Connection,
    message: &Message,
    receipt: Option<&Receipt>,
    now: Timestamp,
    lease: Lease,
) -> Result<Claiming> {
    let Some((seq, delivery)) = read(connection, message.delivery)? else {
        return Ok(Claiming::Overtaken);
    };
    match message::read(&delivery, message, receipt, now, lease) {
        Reading::InFlight => Ok(Claiming::InFlight),
        Reading::Overtaken => Ok(Claiming::Overtaken),
        Reading::Exhausted => Ok(Claiming::Exhausted),
        Reading::Unannounced => {
            connection
                .prepare_cached(
                    "UPDATE deliveries SET ended_by = ?2, finished_at = ?3 WHERE seq = ?1",
                )?
                .execute(params![seq, receipt.map(|by| by.id.0.as_str()), now.as_millis()])?;
            Ok(Claiming::Exhausted)
        }
        Reading::Redriven => Ok(Claiming::Redriven { round: delivery.round }),
        Reading::Due(claim) => {
            let Some(endpoint_id) = delivery.endpoint_id else { return Ok(Claiming::Overtaken) };
            connection
                .prepare_cached(
                    "UPDATE deliveries SET lease_until = ?2, due_at = ?2 WHERE seq = ?1",
                )?
                .execute(params![seq, lease.until.as_millis()])?;
            Ok(Claiming::Claimed(Claimed { claim, event_id: delivery.event_id, endpoint_id }))
        }
    }
}

fn settle(
    connection: &Connection,
    settlement: &Settlement,
    receipt: Option<&Receipt>,
) -> Result<Settled> {
    let Some(seq) = place::of_delivery(connection, settlement.delivery)? else {
        return Ok(Settled::Overtaken);
    };
    let fence = settlement.fence;
    let line = settlement.attempt.as_ref().map(log_line).transpose()?;
    let (mut due_at, mut shelved, mut turn_at) = (None, None, None);
    let (mut finished_at, mut via, mut reason, mut ended_by) = (None, None, None, None);
    let state = match settlement.next {
        Next::Success { at } => {
            finished_at = Some(at);
            via = Some(to_word::<Via>(&Via::Push)?);
            "SUCCESS"
        }
        Next::Retry { due_at: at } | Next::Wait { due_at: at } => {
            due_at = Some(at);
            "PENDING"
        }
        Next::QueueUp { turn } => {
            (due_at, turn_at) = (Some(turn), Some(turn));
            "PENDING"
        }
        Next::Shelve { until } => {
            (due_at, shelved) = (Some(until), Some(until));
            "PENDING"
        }
        Next::Failed { at, reason: why } => {
            finished_at = Some(at);
            reason = Some(to_word::<FailedReason>(&why)?);
            ended_by = receipt.map(|receipt| receipt.id.0.as_str());
            "FAILED"
        }
    };
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries
             SET state = ?1, tries = ?2, due_at = ?3, lease_until = NULL, finished_at = ?4,
                 via = ?5, failed_reason = ?6, ended_by = ?7, attempt_log = attempt_log || ?8,
                 shelved_until = ?13, turn_at = ?14
             WHERE seq = ?9 AND state = 'PENDING' AND round = ?10 AND tries = ?11
               AND lease_until = ?12",
        )?
        .execute(params![
            state,
            settlement.tries,
            due_at.map(Timestamp::as_millis),
            finished_at.map(Timestamp::as_millis),
            via,
            reason,
            ended_by,
            line.unwrap_or_default(),
            seq,
            fence.round,
            fence.tries,
            fence.lease.until.as_millis(),
            shelved.map(Timestamp::as_millis),
            turn_at.map(Timestamp::as_millis),
        ])?;
    Ok(if changed == 1 { Settled::Recorded } else { Settled::Overtaken })
}

fn reopen(
    connection: &Connection,
    id: DeliveryId,
    from_round: Option<u32>,
    due_at: Timestamp,
) -> Result<Reopening> {
    let Some((seq, delivery)) = read(connection, id)? else { return Ok(Reopening::Unknown) };
    let moved_on = from_round.is_some_and(|round| round != delivery.round);
    if moved_on || matches!(delivery.progress, Progress::Pending { .. }) {
        return Ok(Reopening::StillPending);
    }
    let Some(reopened) = delivery.reopened(due_at) else { return Ok(Reopening::NothingToSend) };
    connection
        .prepare_cached(
            "UPDATE deliveries
             SET state = 'PENDING', round = ?2, tries = ?3, due_at = ?4, lease_until = NULL,
                 finished_at = NULL, via = NULL, failed_reason = NULL, ended_by = NULL,
                 held_until = NULL, attempt_log = ?5
             WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            reopened.round,
            reopened.tries,
            due_at.as_millis(),
            shortened_log(connection, seq)?,
        ])?;
    Ok(Reopening::Reopened(Message {
        merchant: reopened.merchant_id,
        delivery: id,
        round: reopened.round,
        tries: reopened.tries,
    }))
}

/// A log only outgrows its limit by being reopened, so that is where it is cut.
fn shortened_log(connection: &Connection, seq: i64) -> Result<String> {
    let attempts = connection
        .prepare_cached("SELECT attempt_log FROM deliveries WHERE seq = ?1")?
        .query_row(params![seq], rows::log)?;
    let mut kept: Vec<Attempt> = Vec::with_capacity(attempts.len());
    attempts.into_iter().for_each(|attempt| log::push(&mut kept, attempt));
    kept.iter().map(log_line).collect()
}

fn take_turn(
    connection: &Connection,
    endpoint: EndpointId,
    limit: RateLimit,
    now: Timestamp,
) -> Result<Turn> {
    let free = connection
        .prepare_cached("SELECT free_at FROM lines WHERE endpoint_id = ?1")?
        .query_row(params![endpoint.as_bytes()], |row| row.get(0).map(Timestamp::from_millis))
        .optional()?;
    let (turn, free) = turns::take(free, limit, now);
    connection
        .prepare_cached("INSERT OR REPLACE INTO lines (endpoint_id, free_at) VALUES (?1, ?2)")?
        .execute(params![endpoint.as_bytes(), free.unwrap_or(now).as_millis()])?;
    Ok(turn)
}

fn wake(
    connection: &Connection,
    endpoint: EndpointId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Message>> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET due_at = ?2
             WHERE seq IN (SELECT seq FROM deliveries
                           WHERE state = 'PENDING' AND due_at > ?2 AND lease_until IS NULL
                             AND shelved_until IS NULL AND endpoint_id = ?1
                           ORDER BY due_at LIMIT ?3)
             RETURNING id, merchant_id, round, tries",
        )?
        .query_map(params![endpoint.as_bytes(), now.as_millis(), limit], message)?
        .collect()
}

/// Reads the columns id, merchant_id, round and tries.
pub(crate) fn message(row: &rusqlite::Row<'_>) -> Result<Message> {
    Ok(Message {
        merchant: MerchantId::from_bytes(row.get("merchant_id")?),
        delivery: DeliveryId::from_bytes(row.get("id")?),
        round: row.get("round")?,
        tries: row.get("tries")?,
    })
}

pub(crate) fn read(connection: &Connection, id: DeliveryId) -> Result<Option<(i64, Delivery)>> {
    let Some(seq) = place::of_delivery(connection, id)? else { return Ok(None) };
    connection
        .prepare_cached(&format!("SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE seq = ?1"))?
        .query_row(params![seq], |row| Ok((seq, rows::delivery(row)?)))
        .optional()
}
