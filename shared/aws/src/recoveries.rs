//! Orders to be sent again what was missed, and how nobody's event becomes somebody's.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use postback_domain::audit::Record;
use postback_domain::delivery::message::Message;
use postback_domain::delivery::{Delivery, Progress, State};
use postback_domain::ids::{DeliveryId, EndpointId, MerchantId, RecoveryId};
use postback_domain::recovery::{Recovery, Standing};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Cursor, Page, PageRequest};
use postback_engine::ports::recoveries::Recoveries;

use crate::catalog::{read, recoveries as kept};
use crate::events::Put;
use crate::item::{Reader, text, texts};
use crate::keys::{self, LIST};
use crate::rows::delivery;
use crate::rows::event::{ADDRESSEE, MERCHANT, PLAN};
use crate::store::DynamoStore;
use crate::table::{PK, SK, in_time, unavailable};
use crate::update::Update;

impl Recoveries for DynamoStore {
    async fn create_recovery(
        &self,
        recovery: Recovery,
        record: Record,
    ) -> Result<(), CatalogError> {
        in_time(kept::create(&self.table, &recovery, &record)).await
    }

    async fn read_recovery(&self, id: RecoveryId) -> Result<Option<Recovery>, Unavailable> {
        in_time(read(&self.table, id)).await
    }

    async fn running_recoveries(&self, limit: usize) -> Result<Vec<RecoveryId>, Unavailable> {
        in_time(kept::running(&self.table, limit)).await
    }

    async fn hold_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Recovery>, Unavailable> {
        in_time(async {
            if !kept::hold(&self.table, id, now, until).await? {
                return Ok(None);
            }
            let recovery: Option<Recovery> = read(&self.table, id).await?;
            Ok(recovery.filter(Recovery::is_running))
        })
        .await
    }

    async fn keep_recovery(
        &self,
        recovery: Recovery,
        held: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<bool, Unavailable> {
        let expires = recovery.created_at.plus(self.retention);
        in_time(kept::keep(&self.table, &recovery, Some(held), next, expires, None)).await
    }

    /// Whoever is at it finds that it has lost its hold.
    async fn cancel_recovery(
        &self,
        id: RecoveryId,
        now: Timestamp,
        record: Record,
    ) -> Result<Option<Recovery>, Unavailable> {
        in_time(async {
            loop {
                let recovery: Option<Recovery> = read(&self.table, id).await?;
                let Some(mut recovery) = recovery else { return Ok(None) };
                if !recovery.is_running() {
                    return Ok(Some(recovery));
                }
                recovery.standing = Standing::Cancelled { at: now };
                let expires = now.plus(self.retention);
                let kept = kept::keep(&self.table, &recovery, None, None, expires, Some(&record));
                if kept.await? {
                    return Ok(Some(recovery));
                }
            }
        })
        .await
    }

    async fn addressed_to(
        &self,
        addressee: Label,
        since: Timestamp,
        until: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        in_time(self.addressed_page(addressee, since, until, page)).await
    }

    async fn owe(
        &self,
        row: Delivery,
        merchant: MerchantId,
        endpoint: EndpointId,
        due_at: Timestamp,
    ) -> Result<Option<Message>, Unavailable> {
        in_time(self.owe_now(row, merchant, endpoint, due_at)).await
    }
}

impl DynamoStore {
    /// A cursor is the order of the last entry, written so that it needs no quoting.
    async fn addressed_page(
        &self,
        addressee: Label,
        since: Timestamp,
        until: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        let before = match &page.cursor {
            // What happened at `until` sorts behind the bare time.
            None => keys::order_of(until),
            Some(Cursor(order)) => order.replacen('.', "#", 1).min(keys::order_of(until)),
        };
        let limit = i32::try_from(page.limit).unwrap_or(i32::MAX);
        let request = self.table.client.query().table_name(&self.table.name);
        let answer = request
            .consistent_read(true)
            .key_condition_expression("#pk = :list AND #sk BETWEEN :since AND :before")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":list", text(keys::addressed_list(&addressee)))
            .expression_attribute_values(":since", AttributeValue::S(keys::order_of(since)))
            .expression_attribute_values(":before", AttributeValue::S(before.clone()))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(unavailable)?;
        let mut ids: Vec<DeliveryId> = Vec::new();
        let mut last = None;
        for entry in answer.items.iter().flatten() {
            let order = Reader::new(entry)?.text(SK)?;
            // The cursor's own, which the last page had.
            if order == before {
                continue;
            }
            let id = order.split_once('#').and_then(|(_, id)| id.parse::<DeliveryId>().ok());
            ids.extend(id);
            last = Some(order.to_owned());
        }
        let rows = self.table.get_all(ids.iter().copied().map(keys::delivery).collect()).await?;
        let mut found: Vec<Delivery> =
            rows.iter().map(delivery::delivery).collect::<Result<_, _>>()?;
        found.retain(|row| row.state() == State::NotApply);
        found.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        let next = match (&answer.last_evaluated_key, last) {
            (Some(_), Some(order)) => Some(Cursor(order.replacen('#', ".", 1))),
            _ => None,
        };
        Ok(Page { rows: found, next })
    }

    /// The event's plan first, under which a repeat of it would open the same delivery; then the
    /// delivery; then the row whose place it takes. Whoever dies in between leaves that row, and it
    /// is found again.
    async fn owe_now(
        &self,
        row: Delivery,
        merchant: MerchantId,
        endpoint: EndpointId,
        due_at: Timestamp,
    ) -> Result<Option<Message>, Unavailable> {
        let Some(owed) = row.owed_to(merchant, endpoint, due_at) else { return Ok(None) };
        if !self.plan_also(&row, &owed, endpoint).await? {
            return Ok(None);
        }
        // It is owed, so it stays.
        let put = self.put_new(delivery::row(&owed, due_at)).await?;
        let Progress::NotApply { addressee, .. } = &row.progress else { return Ok(None) };
        let delete = self.table.client.delete_item().table_name(&self.table.name);
        let gone = delete.set_key(Some(keys::delivery(row.id).to_item()));
        gone.send().await.map_err(unavailable)?;
        if let Some(addressee) = addressee {
            let delete = self.table.client.delete_item().table_name(&self.table.name);
            let gone = delete.set_key(Some(keys::addressed(addressee, &row).to_item()));
            gone.send().await.map_err(unavailable)?;
        }
        let (delivery, round, tries) = (owed.id, owed.round, owed.tries);
        Ok(match put {
            Put::New => Some(Message { merchant, delivery, round, tries }),
            Put::There(_) => None,
        })
    }

    /// Adds the endpoint to the event's plan, and makes the event its merchant's. Answers whether
    /// the event is there.
    async fn plan_also(
        &self,
        row: &Delivery,
        owed: &Delivery,
        endpoint: EndpointId,
    ) -> Result<bool, Unavailable> {
        let mut update = Update::default()
            .append(PLAN, texts([endpoint.to_string()]))
            .if_there_without(PLAN, text(endpoint.to_string()));
        if row.merchant_id != owed.merchant_id {
            let list = keys::events_list_of(owed.merchant_id, owed.event_id);
            update = update
                .set(MERCHANT, text(owed.merchant_id.to_string()))
                .set(LIST, text(list))
                .remove(ADDRESSEE);
        }
        let request = update
            .on(&self.table, &keys::event(row.event_id))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // It has it already, from a time that somebody died behind; or it is gone.
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(failed.item.is_some())
                }
                _ => Err(unavailable(error)),
            },
        }
    }
}
