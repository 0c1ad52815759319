//! Events: written once. The event is put first, with its plan; its deliveries after it, each
//! under the condition that it is not there. Whoever dies in between leaves a plan that the
//! message's next receipt carries out.

use std::sync::Arc;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use futures_util::future::try_join_all;
use postback_domain::delivery::message::Message;
use postback_domain::delivery::{Claim, Delivery, Lease, Progress};
use postback_domain::event::{Event, Plan};
use postback_domain::ids::EventId;
use postback_domain::limits::CONFLICTS_KEPT_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::store::{Admission, Admitted};
use postback_engine::ports::{Events, Unavailable};

use crate::item::{Item, Reader, number};
use crate::keys;
use crate::rows;
use crate::rows::event::CONFLICTS;
use crate::store::DynamoStore;
use crate::table::{EXPIRES, PK, in_time, unavailable};

impl Events for DynamoStore {
    async fn admit(
        &self,
        event: Arc<Event>,
        plan: Plan,
        lease: Option<Lease>,
        now: Timestamp,
    ) -> Result<Admitted, Unavailable> {
        in_time(self.admit_now(&event, plan, lease, now)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Unavailable> {
        let Some(row) = self.table.get(&keys::event(id)).await? else { return Ok(None) };
        Ok(Some(Arc::new(rows::event::event(&row)?)))
    }
}

impl DynamoStore {
    async fn admit_now(
        &self,
        event: &Event,
        plan: Plan,
        lease: Option<Lease>,
        now: Timestamp,
    ) -> Result<Admitted, Unavailable> {
        let row = rows::event::row(event, &plan, now, now.plus(self.retention));
        let (admission, plan) = match self.put_new(row).await? {
            Put::New => (Admission::New, plan),
            Put::There(there) => {
                if rows::event::event(&there)?.body != event.body {
                    self.keep_conflict(event, now).await?;
                    return Ok(Admitted {
                        admission: Admission::Conflict,
                        claims: Vec::new(),
                        unclaimed: Vec::new(),
                    });
                }
                (Admission::Repeat, rows::event::plan(&there)?)
            }
        };
        let deliveries = Delivery::open(event, &plan, now, lease);
        let opened = deliveries.into_iter().map(|delivery| self.open(delivery, now));
        let mut admitted = Admitted { admission, claims: Vec::new(), unclaimed: Vec::new() };
        for delivery in try_join_all(opened).await?.into_iter().flatten() {
            let Delivery { id, merchant_id: merchant, round, tries, .. } = delivery;
            match (delivery.progress, delivery.endpoint_id) {
                (Progress::Pending { lease: Some(lease), .. }, Some(endpoint)) => {
                    admitted.claims.push((Claim::won(id, round, tries, lease), endpoint));
                }
                (Progress::Pending { .. }, _) => {
                    admitted.unclaimed.push(Message { merchant, delivery: id, round, tries });
                }
                _ => {}
            }
        }
        Ok(admitted)
    }

    /// The delivery, if this very call has opened it.
    async fn open(
        &self,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<Option<Delivery>, Unavailable> {
        let expires = now.plus(self.retention);
        let (opened, standing) = match self.put_new(rows::delivery::row(&delivery, expires)).await?
        {
            Put::New => (true, delivery),
            Put::There(row) => (false, rows::delivery::delivery(&row)?),
        };
        if let Progress::NotApply { addressee: Some(addressee), .. } = &standing.progress {
            // Also of a row that was there: whoever put it may have died before he came to this.
            let mut entry = keys::addressed(addressee, &standing).to_item();
            entry.insert(EXPIRES.to_owned(), number(expires.as_secs()));
            let put = self.table.client.put_item().table_name(&self.table.name);
            put.set_item(Some(entry)).send().await.map_err(unavailable)?;
        }
        Ok(opened.then_some(standing))
    }

    /// An answer that is lost and asked for again finds the row of the first request and calls it
    /// there. For an event that is a repeat, which completes its plan; for a delivery it is one
    /// that somebody else has opened, which the sweep has attempted when its lease has run out.
    pub(crate) async fn put_new(&self, row: Item) -> Result<Put, Unavailable> {
        let request = self.table.client.put_item().table_name(&self.table.name);
        let request = request
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Put::New),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    failed.item.clone().map(Put::There).ok_or_else(|| unavailable(error))
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Counts a conflict, and keeps its bytes if they are among the first.
    async fn keep_conflict(&self, event: &Event, now: Timestamp) -> Result<(), Unavailable> {
        let request = self.table.client.update_item().table_name(&self.table.name);
        let counted = request
            .set_key(Some(keys::event(event.id).to_item()))
            .update_expression("ADD #conflicts :one")
            .expression_attribute_names("#conflicts", CONFLICTS)
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(unavailable)?;
        let count = Reader::new(&counted.attributes.unwrap_or_default())?.number(CONFLICTS)?;
        if count <= CONFLICTS_KEPT_MAX {
            let row = rows::event::conflict(event, count, now.plus(self.retention));
            self.put_new(row).await?;
        }
        Ok(())
    }
}

/// What became of a row that is put once.
pub(crate) enum Put {
    New,
    There(Item),
}
