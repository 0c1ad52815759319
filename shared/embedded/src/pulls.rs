//! FAILED deliveries as their merchant fetches them.

use postback_domain::delivery::{Delivery, Progress, Via};
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::pulls::{Acknowledged, Pulls};
use rusqlite::{Connection, Result, params};

use crate::deliveries::read;
use crate::rows::to_word;
use crate::store::EmbeddedStore;
use crate::writer::Kind;

impl Pulls for EmbeddedStore {
    async fn fetchable(
        &self,
        merchant: MerchantId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, Unavailable> {
        self.readers.read(move |connection| fetchable(connection, merchant, limit, now)).await
    }

    async fn hold(
        &self,
        id: DeliveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>, Unavailable> {
        self.writer.write(Kind::Progress, move |connection| hold(connection, id, now, until)).await
    }

    async fn acknowledge(
        &self,
        merchant: MerchantId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Acknowledged, Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| acknowledge(connection, merchant, id, now))
            .await
    }
}

fn fetchable(
    connection: &Connection,
    merchant: MerchantId,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<DeliveryId>> {
    connection
        .prepare_cached(
            "SELECT id FROM deliveries
             WHERE state = 'FAILED' AND merchant_id = ?1
               AND (held_until IS NULL OR held_until <= ?3)
             ORDER BY seq LIMIT ?2",
        )?
        .query_map(params![merchant.as_bytes(), limit, now.as_millis()], |row| {
            row.get("id").map(DeliveryId::from_bytes)
        })?
        .collect()
}

fn hold(
    connection: &Connection,
    id: DeliveryId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Delivery>> {
    let Some((seq, delivery)) = read(connection, id)? else { return Ok(None) };
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries SET held_until = ?2
             WHERE seq = ?1 AND state = 'FAILED' AND (held_until IS NULL OR held_until <= ?3)",
        )?
        .execute(params![seq, until.as_millis(), now.as_millis()])?;
    Ok((changed == 1).then_some(delivery))
}

fn acknowledge(
    connection: &Connection,
    merchant: MerchantId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<Acknowledged> {
    let found = read(connection, id)?.filter(|(_, delivery)| delivery.merchant_id == merchant);
    let Some((seq, delivery)) = found else { return Ok(Acknowledged::Unknown) };
    match delivery.progress {
        Progress::Success { .. } => return Ok(Acknowledged::AlreadyEnded),
        Progress::Pending { .. } => return Ok(Acknowledged::Pending),
        Progress::NotApply { .. } => return Ok(Acknowledged::Unknown),
        Progress::Failed { .. } => {}
    }
    connection
        .prepare_cached(
            "UPDATE deliveries
             SET state = 'SUCCESS', via = ?2, finished_at = ?3, failed_reason = NULL,
                 ended_by = NULL, held_until = NULL
             WHERE seq = ?1",
        )?
        .execute(params![seq, to_word::<Via>(&Via::Pull)?, now.as_millis()])?;
    Ok(Acknowledged::Ended)
}
