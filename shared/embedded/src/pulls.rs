//! What was given up, and what is shelved, as its merchant fetches it.

use postback_domain::delivery::{Delivery, Via};
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::pulls::{Acknowledged, Pulls};
use rusqlite::{Connection, Result, params};

use crate::deliveries::read;
use crate::rows::to_word;
use crate::store::EmbeddedStore;
use crate::writer::Kind;

/// Two sparse indexes, read side by side in their own order and no further than asked.
const FETCHABLE: &str = "
    SELECT seq, id FROM deliveries
    WHERE state = 'FAILED' AND merchant_id = ?1 AND (held_until IS NULL OR held_until <= ?3)
    UNION ALL
    SELECT seq, id FROM deliveries
    WHERE shelved_until IS NOT NULL AND merchant_id = ?1
      AND (held_until IS NULL OR held_until <= ?3)
    ORDER BY seq LIMIT ?2";

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
        .prepare_cached(FETCHABLE)?
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
             WHERE seq = ?1 AND (state = 'FAILED' OR shelved_until IS NOT NULL)
               AND (held_until IS NULL OR held_until <= ?3)",
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
    let Some((seq, delivery)) = read(connection, id)? else { return Ok(Acknowledged::Unknown) };
    let did = delivery.acknowledged_by(merchant);
    if did != Acknowledged::Ended {
        return Ok(did);
    }
    connection
        .prepare_cached(
            "UPDATE deliveries
             SET state = 'SUCCESS', via = ?2, finished_at = ?3, failed_reason = NULL,
                 ended_by = NULL, held_until = NULL, shelved_until = NULL, due_at = NULL,
                 lease_until = NULL
             WHERE seq = ?1",
        )?
        .execute(params![seq, to_word::<Via>(&Via::Pull)?, now.as_millis()])?;
    Ok(did)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorting all that a merchant has to fetch would pass every other test.
    #[test]
    fn what_can_be_fetched_is_found_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {FETCHABLE}")).unwrap();
        let plan = explain.query_map([None::<i64>; 3], |row| row.get("detail")).unwrap();
        let plan: Vec<String> = plan.map(Result::unwrap).collect();
        for index in ["deliveries_failed", "deliveries_shelved"] {
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
