//! Records how an attempt ended.
//!
//! The SDK's own retries are off here. A write that was made and whose answer was lost would, made
//! again by the SDK, fail its condition, and a delivery that we have just ended would look like one
//! that somebody else holds: its message would be deleted where it should bounce. So the requests
//! are counted, and after a doubtful one a failed condition is read against what we wrote.

use std::time::Duration;

use aws_sdk_dynamodb::config::Config;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use postback_domain::delivery::message::Receipt;
use postback_domain::delivery::{Delivery, Next, Progress, Settlement, State, Via, WaitsFor};
use postback_engine::ports::Unavailable;
use postback_engine::ports::store::Settled;

use super::standing;
use crate::item::{Item, number, text, texts, time};
use crate::keys::{self, WORK_ORDER};
use crate::rows::delivery::{self, LEASE, LOG, ROUND, STATE, TRIES, TURN};
use crate::store::DynamoStore;
use crate::table::unavailable;
use crate::update::Update;

/// Before the second request, and twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two requests.
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl DynamoStore {
    /// Asks until it is told; the caller sets the time.
    pub(super) async fn settle_now(
        &self,
        settlement: Settlement,
        receipt: Option<Receipt>,
    ) -> Result<Settled, Unavailable> {
        let (mut pause, mut doubtful) = (FIRST_PAUSE, false);
        loop {
            match self.settle_once(&settlement, receipt.as_ref()).await? {
                Written::Made => return Ok(Settled::Recorded),
                Written::Refused(Some(row)) if doubtful && is_ours(&row, &settlement)? => {
                    return Ok(Settled::Recorded);
                }
                Written::Refused(_) => return Ok(Settled::Overtaken),
                Written::Doubtful(error) => {
                    doubtful = true;
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        delivery.id = %settlement.delivery,
                        "asking again whether {} was settled",
                        settlement.delivery
                    );
                    tokio::time::sleep(pause).await;
                    pause = PAUSE_MAX.min(2 * pause);
                }
            }
        }
    }

    async fn settle_once(
        &self,
        settlement: &Settlement,
        receipt: Option<&Receipt>,
    ) -> Result<Written, Unavailable> {
        let Some(update) = self.update_for(settlement, receipt).await? else {
            return Ok(Written::Refused(None));
        };
        let fence = settlement.fence;
        let request = update
            .if_is(STATE, text(State::Pending.as_str()))
            .if_is(ROUND, number(fence.round))
            .if_is(TRIES, number(fence.tries))
            .if_is(LEASE, time(fence.lease.until))
            .on(&self.table, &keys::delivery(settlement.delivery))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(Config::builder().retry_config(RetryConfig::disabled()));
        match request.send().await {
            Ok(_) => Ok(Written::Made),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Written::Refused(failed.item.clone()))
                }
                _ if is_lasting(&error) => Err(unavailable(error)),
                _ => Ok(Written::Doubtful(unavailable(error))),
            },
        }
    }

    /// The change itself, without its condition; `None` if there is no such delivery.
    async fn update_for(
        &self,
        settlement: &Settlement,
        receipt: Option<&Receipt>,
    ) -> Result<Option<Update>, Unavailable> {
        let update = match settlement.next {
            Next::Retry { due_at } | Next::Wait { due_at } => Update::default()
                .set(TRIES, number(settlement.tries))
                .set(WORK_ORDER, text(keys::order_of(due_at)))
                .remove(LEASE)
                .remove(TURN),
            Next::QueueUp { turn } => Update::default()
                .set(WORK_ORDER, text(keys::order_of(turn)))
                .set(TURN, time(turn))
                .remove(LEASE),
            // An end moves the row to other lists, whose names are made of what does not change.
            // For the usual end that costs no read: success is in none of them.
            Next::Success { at } => Update::default()
                .set(STATE, text(State::Success.as_str()))
                .set(TRIES, number(settlement.tries))
                .set(delivery::VIA, crate::item::word(&Via::Push))
                .set(delivery::FINISHED, time(at))
                .set(crate::table::EXPIRES, number(at.plus(self.retention).as_secs()))
                .remove(LEASE)
                .remove(TURN)
                .remove(keys::WORK_SHARD)
                .remove(WORK_ORDER),
            Next::Failed { at, reason } => {
                let ended_by = receipt.map(|receipt| receipt.id.clone());
                let progress = Progress::Failed { at, reason, ended_by };
                match self.moved(settlement, progress).await? {
                    Some(failed) => standing(&failed, at.plus(self.retention)),
                    None => return Ok(None),
                }
            }
            Next::Shelve { until } => {
                let progress = Progress::Pending {
                    due_at: until,
                    lease: None,
                    waits_for: WaitsFor::Fetch(until),
                };
                match self.moved(settlement, progress).await? {
                    // It is owed, so it stays.
                    Some(shelved) => standing(&shelved, until),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(match &settlement.attempt {
            Some(attempt) => update.append(LOG, texts([delivery::log_line(attempt)])),
            None => update,
        }))
    }
}

impl DynamoStore {
    /// The delivery as the settlement leaves it; `None` if there is none.
    async fn moved(
        &self,
        settlement: &Settlement,
        progress: Progress,
    ) -> Result<Option<Delivery>, Unavailable> {
        let row = self.table.get(&keys::delivery(settlement.delivery)).await?;
        let Some(row) = row else { return Ok(None) };
        let (round, tries) = (settlement.fence.round, settlement.tries);
        Ok(Some(Delivery { round, tries, progress, ..delivery::delivery(&row)? }))
    }
}

/// What one request did.
enum Written {
    Made,
    /// The condition did not hold; the row as it is, if there is one.
    Refused(Option<Item>),
    /// It may have been made or not.
    Doubtful(Unavailable),
}

/// Whether asking again is pointless: the service has understood the request and refused it, for
/// another reason than that it is busy. Any answer of 5xx passes, whatever it says: it may come
/// from a proxy. So does one of 2xx that could not be read, whose write was made.
fn is_lasting(error: &SdkError<UpdateItemError, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(answer) => {
            let is_refusal = (400..500).contains(&answer.raw().status().as_u16());
            let is_busy = answer.err().code().is_some_and(|code| BUSY.contains(&code));
            is_refusal && !is_busy
        }
        _ => false,
    }
}

/// Refusals of DynamoDB that pass.
const BUSY: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
];

/// Whether the row is as this settlement leaves it, its attempt the last one in the log.
fn is_ours(row: &Item, settlement: &Settlement) -> Result<bool, Unavailable> {
    let delivery = delivery::delivery(row)?;
    let same_place = match (settlement.next, &delivery.progress) {
        (Next::Success { at }, Progress::Success { at: ended, .. })
        | (Next::Failed { at, .. }, Progress::Failed { at: ended, .. }) => at == *ended,
        (
            Next::Retry { due_at } | Next::Wait { due_at },
            Progress::Pending { due_at: due, lease: None, waits_for: WaitsFor::Try },
        ) => due_at == *due,
        (Next::Shelve { until }, Progress::Pending { lease: None, waits_for, .. }) => {
            WaitsFor::Fetch(until) == *waits_for
        }
        (Next::QueueUp { turn }, Progress::Pending { lease: None, waits_for, .. }) => {
            WaitsFor::Turn(turn) == *waits_for
        }
        _ => false,
    };
    let same_try = (delivery.round, delivery.tries) == (settlement.fence.round, settlement.tries);
    let attempts = delivery::log(row)?;
    let logged = match &settlement.attempt {
        Some(attempt) => attempts.last() == Some(attempt),
        None => true,
    };
    Ok(same_place && same_try && logged)
}
