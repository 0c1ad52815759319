//! The due index. It is read as it was a moment ago: a row may have moved on, which the condition
//! of [`push_forward`](DueIndex::push_forward) finds out.

use std::pin::pin;
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use futures_util::stream::{self, StreamExt as _};
use postback_domain::limits::PORT_CALL_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::store::Due;
use postback_engine::ports::{DueIndex, Unavailable};

use crate::clients::Patience;
use crate::item::{number, text};
use crate::keys::{self, WORK, WORK_ORDER, WORK_SHARD, WORK_SHARDS};
use crate::rows;
use crate::rows::delivery::{ROUND, TRIES};
use crate::store::DynamoStore;
use crate::table::unavailable;
use crate::update::Update;

/// Rows of a shard that are pushed forward side by side. A push costs the index two write units,
/// as its sort key changes, and a partition takes a thousand of them a second: eight in flight at
/// ten milliseconds are somewhat more than that, so a shard that is throttled is so by its own
/// backlog, and the SDK's pauses slow it down.
const PUSHES_AT_ONCE: usize = 8;

/// How long new pushes are begun, so that the last one ends within a port call.
const PUSHING_MAX: Duration = PORT_CALL_MAX.saturating_sub(Patience::BEHIND.operation);

impl DueIndex for DynamoStore {
    fn shards(&self) -> u16 {
        WORK_SHARDS
    }

    async fn due(
        &self,
        shard: u16,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Unavailable> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let wanted = i32::try_from(limit - rows.len()).unwrap_or(i32::MAX);
            let request = self.table.client.query().table_name(&self.table.name).index_name(WORK);
            let answer = request
                .key_condition_expression("#shard = :shard AND #order < :before")
                .expression_attribute_names("#shard", WORK_SHARD)
                .expression_attribute_names("#order", WORK_ORDER)
                .expression_attribute_values(":shard", text(keys::due_shard(shard)))
                .expression_attribute_values(":before", text(keys::order_of(before)))
                .limit(wanted)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(unavailable)?;
            for entry in answer.items.iter().flatten() {
                rows.push(rows::delivery::due(entry)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }

    async fn push_forward(&self, rows: Vec<Due>, to: Timestamp) -> Result<Vec<Due>, Unavailable> {
        let pushes = stream::iter(rows)
            .take_until(tokio::time::sleep(PUSHING_MAX))
            .map(|row| self.push_one_forward(row, to))
            .buffered(PUSHES_AT_ONCE);
        let mut pushes = pin!(pushes);
        let (mut won, mut failed, mut first_error) = (Vec::new(), 0_usize, None);
        while let Some(pushed) = pushes.next().await {
            match pushed {
                Ok(row) => won.extend(row),
                Err(error) => {
                    failed += 1;
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            // Those that were won must be sent; the others are overdue still.
            Some(error) if won.is_empty() => Err(error),
            Some(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    rows = failed,
                    "{failed} overdue deliveries could not be claimed; they stay overdue"
                );
                Ok(won)
            }
            None => Ok(won),
        }
    }
}

impl DynamoStore {
    async fn push_one_forward(&self, row: Due, to: Timestamp) -> Result<Option<Due>, Unavailable> {
        let message = row.message;
        let update = Update::default()
            .set(WORK_ORDER, text(keys::order_of(to)))
            .if_is(WORK_SHARD, text(keys::due_shard_of(message.delivery)))
            .if_is(WORK_ORDER, text(keys::order_of(row.due_at)))
            .if_is(ROUND, number(message.round))
            .if_is(TRIES, number(message.tries));
        match update.on(&self.table, &keys::delivery(message.delivery)).send().await {
            Ok(_) => Ok(Some(row)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(unavailable(error)),
            },
        }
    }
}
