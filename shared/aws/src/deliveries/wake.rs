//! Makes an endpoint's waiting deliveries due. There is no index by endpoint, because it would cost
//! every event a write for the sake of an endpoint that is switched on again now and then; the due
//! index is searched instead, whose entries name their endpoint.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use postback_domain::delivery::State;
use postback_domain::delivery::message::Message;
use postback_domain::ids::EndpointId;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::store::Due;

use super::Changed;
use crate::item::{Item, number, text};
use crate::keys::{self, WORK, WORK_ORDER, WORK_SHARD, WORK_SHARDS};
use crate::rows::delivery::{self, ENDPOINT, LEASE, ROUND, SHELVED, STATE, TRIES};
use crate::store::DynamoStore;
use crate::table::unavailable;
use crate::update::Update;

/// Rows that are made due side by side.
const AT_ONCE: usize = 32;

impl DynamoStore {
    pub(super) async fn wake_now(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Message>, Unavailable> {
        let mut woken = Vec::new();
        for shard in 0..WORK_SHARDS {
            let mut start = None;
            loop {
                let (waiting, next) = self.waiting(endpoint, shard, now, start).await?;
                for some in waiting.chunks(AT_ONCE) {
                    let room = limit - woken.len();
                    if room == 0 {
                        return Ok(woken);
                    }
                    let some = &some[..room.min(some.len())];
                    let made = some.iter().map(|due| self.make_due(*due, now));
                    let mut failed = None;
                    for (due, made) in some.iter().zip(join_all(made).await) {
                        match made {
                            Ok(true) => woken.push(due.message),
                            Ok(false) => {}
                            Err(error) => failed = Some(error),
                        }
                    }
                    match failed {
                        Some(error) if woken.is_empty() => return Err(error),
                        Some(error) => {
                            // What was made due must be sent; the rest waits for its own time.
                            tracing::warn!(
                                error = &error as &dyn std::error::Error,
                                endpoint.id = %endpoint,
                                "not every delivery to {endpoint} was woken"
                            );
                            return Ok(woken);
                        }
                        None => {}
                    }
                }
                start = next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(woken)
    }

    /// One page of the endpoint's entries that are due later than now, and where the next begins.
    async fn waiting(
        &self,
        endpoint: EndpointId,
        shard: u16,
        now: Timestamp,
        start: Option<Item>,
    ) -> Result<(Vec<Due>, Option<Item>), Unavailable> {
        let request = self.table.client.query().table_name(&self.table.name).index_name(WORK);
        let answer = request
            .key_condition_expression("#shard = :shard AND #order > :now")
            .filter_expression("#endpoint = :endpoint")
            .expression_attribute_names("#shard", WORK_SHARD)
            .expression_attribute_names("#order", WORK_ORDER)
            .expression_attribute_names("#endpoint", ENDPOINT)
            .expression_attribute_values(":shard", text(keys::due_shard(shard)))
            .expression_attribute_values(":now", text(keys::order_of(now)))
            .expression_attribute_values(":endpoint", AttributeValue::S(endpoint.to_string()))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(unavailable)?;
        let entries = answer.items.unwrap_or_default();
        let waiting = entries.iter().map(delivery::due).collect::<Result<_, _>>()?;
        Ok((waiting, answer.last_evaluated_key))
    }

    /// Whether it was waiting still, and not in somebody's hands.
    async fn make_due(&self, due: Due, now: Timestamp) -> Result<bool, Unavailable> {
        let update = Update::default()
            .set(WORK_ORDER, text(keys::order_of(now)))
            .if_is(STATE, text(State::Pending.as_str()))
            .if_is(ROUND, number(due.message.round))
            .if_is(TRIES, number(due.message.tries))
            .if_is(WORK_ORDER, text(keys::order_of(due.due_at)))
            .if_absent(LEASE)
            .if_absent(SHELVED);
        Ok(matches!(self.change(due.message.delivery, update).await?, Changed::To(_)))
    }
}
