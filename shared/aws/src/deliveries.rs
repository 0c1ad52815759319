//! The state machine's conditional writes, one row each. A claim is one write that says under
//! which condition a delivery is due; what it means when that does not hold is for
//! [`message::read`] to say. A settlement carries its [`Fence`] over as its condition.
//!
//! [`Fence`]: postback_domain::delivery::Fence

mod settle;
mod turns;
mod wake;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use postback_domain::delivery::log::{self, Attempt};
use postback_domain::delivery::message::{self, Message, Reading, Receipt};
use postback_domain::delivery::{Claim, Delivery, Lease, Progress, Settlement, State, WaitsFor};
use postback_domain::ids::{DeliveryId, EndpointId};
use postback_domain::time::Timestamp;
use postback_domain::turns::{RateLimit, Turn};
use postback_engine::ports::store::{Claimed, Claiming, Reopening, Settled};
use postback_engine::ports::{Deliveries, Unavailable};

use crate::item::{Item, number, text, texts, time};
use crate::keys::{self, WORK_ORDER};
use crate::rows::delivery::{self, CHANGING, HELD, LEASE, LOG, ROUND, STATE, TRIES};
use crate::store::DynamoStore;
use crate::table::{in_time, unavailable};
use crate::update::Update;

impl Deliveries for DynamoStore {
    async fn claim(
        &self,
        message: Message,
        receipt: Option<Receipt>,
        now: Timestamp,
        lease: Lease,
    ) -> Result<Claiming, Unavailable> {
        let row = match self.take_lease(&message, now, lease).await? {
            Changed::To(row) => row,
            Changed::Not(None) => return Ok(Claiming::Overtaken),
            Changed::Not(Some(row)) => {
                let delivery = delivery::delivery(&row)?;
                return Ok(
                    match message::read(&delivery, &message, receipt.as_ref(), now, lease) {
                        Reading::Unannounced => {
                            self.announce(delivery, receipt, now).await?;
                            Claiming::Exhausted
                        }
                        Reading::Exhausted => Claiming::Exhausted,
                        Reading::Redriven => Claiming::Redriven { round: delivery.round },
                        Reading::Overtaken => Claiming::Overtaken,
                        // It cannot be due, or the write would have been made.
                        Reading::InFlight | Reading::Due(_) => Claiming::InFlight,
                    },
                );
            }
        };
        let Delivery { id, event_id, endpoint_id, round, tries, progress, .. } =
            delivery::delivery(&row)?;
        let Some(endpoint_id) = endpoint_id else { return Ok(Claiming::Overtaken) };
        let waits_for = match progress {
            Progress::Pending { waits_for, .. } => waits_for,
            _ => WaitsFor::Try,
        };
        let claim = Claim::won(id, round, tries, lease).of_one_that(waits_for);
        Ok(Claiming::Claimed(Claimed { claim, event_id, endpoint_id }))
    }

    async fn settle(
        &self,
        settlement: Settlement,
        receipt: Option<Receipt>,
    ) -> Result<Settled, Unavailable> {
        in_time(self.settle_now(settlement, receipt)).await
    }

    async fn reopen(
        &self,
        id: DeliveryId,
        from_round: Option<u32>,
        due_at: Timestamp,
    ) -> Result<Reopening, Unavailable> {
        in_time(self.reopen_now(id, from_round, due_at)).await
    }

    async fn take_turn(
        &self,
        endpoint: EndpointId,
        limit: RateLimit,
        now: Timestamp,
    ) -> Result<Turn, Unavailable> {
        in_time(self.take_turn_now(endpoint, limit, now)).await
    }

    async fn wake(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Message>, Unavailable> {
        in_time(self.wake_now(endpoint, now, limit)).await
    }
}

/// What a conditional update did.
pub(crate) enum Changed {
    /// The row as it is since.
    To(Item),
    /// The condition did not hold; the row as it is, if there is one.
    Not(Option<Item>),
}

impl DynamoStore {
    async fn take_lease(
        &self,
        message: &Message,
        now: Timestamp,
        lease: Lease,
    ) -> Result<Changed, Unavailable> {
        let update = Update::default()
            .set(LEASE, time(lease.until))
            .set(WORK_ORDER, text(keys::order_of(lease.until)))
            .if_is(STATE, text(State::Pending.as_str()))
            .if_is(ROUND, number(message.round))
            .if_is(TRIES, number(message.tries))
            .if_absent_or_at_most(LEASE, time(now));
        self.change(message.delivery, update).await
    }

    /// Keeps the receipt with a delivery that ended outside of the queue, which takes the row off
    /// the due index. Unless somebody else has, or it was reopened: what that means for a message
    /// is told when it comes again.
    async fn announce(
        &self,
        delivery: Delivery,
        receipt: Option<Receipt>,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let Progress::Failed { reason, .. } = delivery.progress else { return Ok(()) };
        let ended_by = receipt.map(|receipt| receipt.id);
        let told =
            Delivery { progress: Progress::Failed { at: now, reason, ended_by }, ..delivery };
        let update = standing(&told, now.plus(self.retention))
            .if_is(STATE, text(State::Failed.as_str()))
            .if_is(ROUND, number(told.round))
            .if_absent(delivery::ENDED_BY);
        self.change(told.id, update).await.map(drop)
    }

    pub(crate) async fn change(
        &self,
        id: DeliveryId,
        update: Update,
    ) -> Result<Changed, Unavailable> {
        let request = update
            .on(&self.table, &keys::delivery(id))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(answer) => Ok(Changed::To(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Changed::Not(failed.item.clone()))
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Reads, decides, and writes under the condition that nothing has changed meanwhile; again
    /// if it has.
    async fn reopen_now(
        &self,
        id: DeliveryId,
        from_round: Option<u32>,
        due_at: Timestamp,
    ) -> Result<Reopening, Unavailable> {
        loop {
            let Some(row) = self.table.get(&keys::delivery(id)).await? else {
                return Ok(Reopening::Unknown);
            };
            let delivery = delivery::delivery(&row)?;
            let moved_on = from_round.is_some_and(|round| round != delivery.round);
            if moved_on || matches!(delivery.progress, Progress::Pending { .. }) {
                return Ok(Reopening::StillPending);
            }
            let Some(reopened) = delivery.reopened(due_at) else {
                return Ok(Reopening::NothingToSend);
            };
            // It is owed, so it stays.
            let update = standing(&reopened, due_at)
                .remove(HELD)
                .set(LOG, texts(shortened(delivery::log(&row)?).iter().map(delivery::log_line)))
                .if_is(STATE, text(delivery.state().as_str()))
                .if_is(ROUND, number(delivery.round));
            if let Changed::To(_) = self.change(id, update).await? {
                return Ok(Reopening::Reopened(Message {
                    merchant: reopened.merchant_id,
                    delivery: id,
                    round: reopened.round,
                    tries: reopened.tries,
                }));
            }
        }
    }
}

/// Sets every attribute that depends on where a delivery stands, and removes those that it does
/// not have there. The log stays.
pub(crate) fn standing(delivery: &Delivery, expires: Timestamp) -> Update {
    let set = delivery::changing(delivery, expires);
    let gone = CHANGING.into_iter().filter(|name| *name != LOG && !set.contains_key(*name));
    gone.fold(Update::default(), Update::remove).set_all(set.clone())
}

/// A log only outgrows its limit by being reopened, so that is where it is cut.
fn shortened(attempts: Vec<Attempt>) -> Vec<Attempt> {
    let mut kept = Vec::with_capacity(attempts.len());
    attempts.into_iter().for_each(|attempt| log::push(&mut kept, attempt));
    kept
}
