//! Turns at an endpoint that may be called only so often: one row with the time from which on the
//! next turn is free. A line that nobody stands in is set to now by one write; in one that somebody
//! stands in, the time is moved on by another, however many do so at once.
//!
//! A write whose answer is lost is made again by the SDK, and then a turn is taken that nobody
//! uses. That is a call less, never one too many.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use postback_domain::ids::EndpointId;
use postback_domain::limits::LINE_MAX;
use postback_domain::time::Timestamp;
use postback_domain::turns::{RateLimit, Turn};
use postback_engine::ports::Unavailable;

use crate::item::{Item, Reader, number, time};
use crate::keys;
use crate::store::DynamoStore;
use crate::table::{EXPIRES, unavailable};

const FREE: &str = "free";

impl DynamoStore {
    pub(super) async fn take_turn_now(
        &self,
        endpoint: EndpointId,
        limit: RateLimit,
        now: Timestamp,
    ) -> Result<Turn, Unavailable> {
        let next = now.plus(limit.interval());
        // A line is of no use to anybody who comes when all of its turns are over.
        let expires = number(now.plus(2 * LINE_MAX).as_secs());
        loop {
            let first = self.line(
                endpoint,
                "SET #free = :next, #expires = :expires",
                "attribute_not_exists(#free) OR #free <= :now",
                [(":next", time(next)), (":now", time(now)), (":expires", expires.clone())],
            );
            if first.await?.is_ok() {
                return Ok(Turn::At(now));
            }
            let interval = number(limit.interval().as_millis());
            let end = time(now.plus(LINE_MAX));
            let behind = self.line(
                endpoint,
                "SET #free = #free + :interval, #expires = :expires",
                "#free > :now AND #free <= :end",
                [
                    (":interval", interval),
                    (":now", time(now)),
                    (":end", end),
                    (":expires", expires.clone()),
                ],
            );
            match behind.await? {
                Ok(line) => {
                    let free = Reader::new(&line)?.time(FREE)?;
                    return Ok(Turn::At(free.minus(limit.interval())));
                }
                Err(Some(line)) if Reader::new(&line)?.time(FREE)? > now.plus(LINE_MAX) => {
                    return Ok(Turn::Full);
                }
                // Everybody in it is gone by now, or it is: we are the first.
                Err(_) => {}
            }
        }
    }

    /// The line after an update, or, where the condition does not hold, as it is.
    async fn line<const LEN: usize>(
        &self,
        endpoint: EndpointId,
        update: &str,
        condition: &str,
        values: [(&str, AttributeValue); LEN],
    ) -> Result<Result<Item, Option<Item>>, Unavailable> {
        let mut request = self.table.client.update_item().table_name(&self.table.name);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        let updated = request
            .set_key(Some(keys::line(endpoint).to_item()))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_names("#free", FREE)
            .expression_attribute_names("#expires", EXPIRES)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(answer) => Ok(Ok(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(failed.item.clone()))
                }
                _ => Err(unavailable(error)),
            },
        }
    }
}
