//! What was given up, and what is shelved, as its merchant fetches it. A hold is an attribute of the
//! row, which the `listed` index has as well, so that what is held is not read again and again.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use postback_domain::delivery::{Delivery, Progress, State, Via};
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::limits::PULL_ROWS_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::pulls::{Acknowledged, Pulls};

use crate::deliveries::{Changed, standing};
use crate::item::{Item, Reader, number, text, time};
use crate::keys::{self, LIST, LIST_ORDER, LIST_SHARDS, LISTED};
use crate::rows::delivery::{self, HELD, ROUND, SHELVED, STATE};
use crate::store::DynamoStore;
use crate::table::{SK, in_time, unavailable};
use crate::update::Update;

/// Entries of a list that are read at once: enough for the largest claim where nothing is held, and
/// not the megabyte that a query reads unless told, for a claim of ten.
const PAGE_ROWS: i32 = 128;

const _: () = assert!(PAGE_ROWS as usize > PULL_ROWS_MAX);

impl Pulls for DynamoStore {
    async fn fetchable(
        &self,
        merchant: MerchantId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, Unavailable> {
        in_time(async {
            let lists = (0..LIST_SHARDS).flat_map(|shard| {
                let failed = keys::ended_list(merchant, State::Failed, shard);
                failed.into_iter().chain([keys::shelf(merchant, shard)])
            });
            let found = try_join_all(lists.map(|list| self.oldest(list, limit, now))).await?;
            let mut entries: Vec<_> = found.into_iter().flatten().collect();
            entries.sort();
            Ok(entries.into_iter().take(limit).map(|(_, id)| id).collect())
        })
        .await
    }

    async fn hold(
        &self,
        id: DeliveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>, Unavailable> {
        let update = Update::default()
            .set(HELD, time(until))
            .if_is_or_there(STATE, text(State::Failed.as_str()), SHELVED)
            .if_absent_or_at_most(HELD, time(now));
        match in_time(self.change(id, update)).await? {
            Changed::To(row) => Ok(Some(delivery::delivery(&row)?)),
            Changed::Not(_) => Ok(None),
        }
    }

    async fn acknowledge(
        &self,
        merchant: MerchantId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Acknowledged, Unavailable> {
        in_time(self.acknowledge_now(merchant, id, now)).await
    }
}

impl DynamoStore {
    /// The first entries of a list that are not held, with their orders. Looks on until there are
    /// enough or no more; a list of which so much is held that this takes too long is an error, not
    /// an end.
    async fn oldest(
        &self,
        list: String,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(String, DeliveryId)>, Unavailable> {
        let mut found = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let request = self.table.client.query().table_name(&self.table.name);
            let answer = request
                .index_name(LISTED)
                .key_condition_expression("#list = :list")
                .filter_expression("attribute_not_exists(#held) OR #held <= :now")
                .expression_attribute_names("#list", LIST)
                .expression_attribute_names("#held", HELD)
                .expression_attribute_values(":list", AttributeValue::S(list.clone()))
                .expression_attribute_values(":now", time(now))
                .limit(PAGE_ROWS)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(unavailable)?;
            for entry in answer.items.into_iter().flatten() {
                let entry = Reader::new(&entry)?;
                found.push((entry.text(LIST_ORDER)?.to_owned(), entry.parsed(SK)?));
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= limit {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Reads, decides, and writes under the condition that nothing has changed meanwhile; again if
    /// it has.
    async fn acknowledge_now(
        &self,
        merchant: MerchantId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Acknowledged, Unavailable> {
        loop {
            let Some(row) = self.table.get(&keys::delivery(id)).await? else {
                return Ok(Acknowledged::Unknown);
            };
            let delivery = delivery::delivery(&row)?;
            let did = delivery.acknowledged_by(merchant);
            if did != Acknowledged::Ended {
                return Ok(did);
            }
            let before = delivery.state();
            let progress = Progress::Success { at: now, via: Via::Pull };
            let ended = Delivery { progress, ..delivery };
            let update = standing(&ended, now.plus(self.retention))
                .remove(HELD)
                .if_is_or_there(STATE, text(State::Failed.as_str()), SHELVED)
                .if_is(STATE, text(before.as_str()))
                .if_is(ROUND, number(ended.round));
            if let Changed::To(_) = self.change(id, update).await? {
                return Ok(did);
            }
        }
    }
}
