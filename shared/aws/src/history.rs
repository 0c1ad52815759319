//! What happened, as the API reads it. A row read by its id is as it is now; lists come from the
//! `listed` and `work` indexes and may be some moments behind.
//!
//! Deliveries are not listed one by one: an event's entry has its plan, and what follows from it
//! is read by key. Only those that ended as FAILED or NOT_APPLY are listed themselves, because they
//! are few and looked for among many.

mod feed;
mod page;

use std::collections::HashMap;
use std::sync::Arc;

use postback_domain::delivery::{Delivery, State};
use postback_domain::event::Event;
use postback_domain::ids::{DeliveryId, EventId, MerchantId};
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::ports::history::{
    DeliveryFilter, DeliveryRecord, EventFilter, EventSummary, History, Page, PageRequest,
};

use crate::item::{Item, Reader};
use crate::keys::{self, LIST_SHARDS, WORK_SHARDS};
use crate::rows::{delivery, event};
use crate::store::DynamoStore;
use crate::table::{SK, in_time};
use feed::{Feed, Index};
use page::{PageBuilder, Position};

/// Merchants whose lists an operator's list of everything is put together from: the newest ones,
/// if there are more.
const MERCHANTS_MAX: usize = 1000;

/// How much of the index one call looks through for a page that is hard to fill. The page is then
/// shorter than asked, and its cursor goes on from there.
const ROUNDS_MAX: usize = 40;

impl History for DynamoStore {
    /// Without a merchant it reads every merchant's lists, which is for people, not for programs.
    async fn list_events(
        &self,
        filter: EventFilter,
        request: PageRequest,
    ) -> Result<Page<EventSummary>, Unavailable> {
        in_time(self.events_page(filter, request)).await
    }

    async fn read_event(
        &self,
        id: EventId,
    ) -> Result<Option<(EventSummary, Arc<Event>)>, Unavailable> {
        in_time(self.event_with_deliveries(id)).await
    }

    /// Without a merchant, and in any state but FAILED, it reads every merchant's lists.
    async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        request: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        in_time(self.deliveries_page(filter, request)).await
    }

    async fn read_delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>, Unavailable> {
        let Some(row) = self.table.get(&keys::delivery(id)).await? else { return Ok(None) };
        let (delivery, attempts) = (delivery::delivery(&row)?, delivery::log(&row)?);
        Ok(Some(DeliveryRecord { delivery, attempts }))
    }
}

impl DynamoStore {
    async fn event_with_deliveries(
        &self,
        id: EventId,
    ) -> Result<Option<(EventSummary, Arc<Event>)>, Unavailable> {
        let Some(row) = self.table.get(&keys::event(id)).await? else { return Ok(None) };
        let mut summary = event::summary(&row)?;
        let ids = event::deliveries_of(id, &event::plan(&row)?);
        let mut rows = self.deliveries(ids.iter().copied()).await?;
        summary.deliveries = ids.iter().filter_map(|id| rows.remove(id)).collect();
        Ok(Some((summary, Arc::new(event::event(&row)?))))
    }

    async fn events_page(
        &self,
        filter: EventFilter,
        request: PageRequest,
    ) -> Result<Page<EventSummary>, Unavailable> {
        let Some(mut page) = PageBuilder::new(&request) else { return Ok(page::empty()) };
        let lists = self.event_lists(filter.merchant).await?;
        let mut feed = Feed::of_events(&filter, lists, page.start(), request.limit);
        for _ in 0..ROUNDS_MAX {
            let Some(entries) = feed.next(self).await? else { return Ok(page.finish(None)) };
            let plans = entries.iter().map(|entry| {
                let (summary, plan) = (event::summary(entry)?, event::plan(entry)?);
                Ok((summary.id, event::deliveries_of(summary.id, &plan), summary))
            });
            let plans = plans.collect::<Result<Vec<_>, crate::item::Damaged>>()?;
            let ids = plans.iter().flat_map(|(_, ids, _)| ids.iter().copied());
            let mut rows = self.deliveries(ids).await?;
            for (entry, (_, ids, summary)) in entries.iter().zip(plans) {
                let deliveries = ids.iter().filter_map(|id| rows.remove(id)).collect();
                let position = Position::new(feed.order_of(entry)?, 0);
                page.offer(position, EventSummary { deliveries, ..summary });
            }
            if page.is_full() {
                return Ok(page.finish(None));
            }
        }
        Ok(page.finish(feed.seen_to()))
    }

    async fn deliveries_page(
        &self,
        filter: DeliveryFilter,
        request: PageRequest,
    ) -> Result<Page<Delivery>, Unavailable> {
        let Some(mut page) = PageBuilder::new(&request) else { return Ok(page::empty()) };
        let mut feed = match (filter.state, filter.merchant) {
            (Some(State::Failed), None) => {
                let lists = (0..WORK_SHARDS).map(keys::failed_shard).collect();
                Feed::of_ended(Index::WORK, &filter, lists, page.start(), request.limit)
            }
            (Some(state @ (State::Failed | State::NotApply)), Some(merchant)) => {
                let shards = 0..LIST_SHARDS;
                let lists = shards.filter_map(|shard| keys::ended_list(merchant, state, shard));
                let lists = lists.collect();
                Feed::of_ended(Index::LISTED, &filter, lists, page.start(), request.limit)
            }
            (_, merchant) => {
                let lists = self.event_lists(merchant).await?;
                Feed::of_deliveries(&filter, lists, page.start(), request.limit)
            }
        };
        for _ in 0..ROUNDS_MAX {
            let Some(entries) = feed.next(self).await? else { return Ok(page.finish(None)) };
            let mut wanted = Vec::new();
            for entry in &entries {
                let order = feed.order_of(entry)?;
                let ids = delivery_ids(entry)?.into_iter().enumerate().rev();
                wanted.extend(ids.map(|(number, id)| (Position::new(order, number), id)));
            }
            let mut rows = self.deliveries(wanted.iter().map(|(_, id)| *id)).await?;
            for (position, id) in wanted {
                if let Some(row) = rows.remove(&id).filter(|row| takes(&filter, row)) {
                    page.offer(position, row);
                }
            }
            if page.is_full() {
                return Ok(page.finish(None));
            }
        }
        Ok(page.finish(feed.seen_to()))
    }

    /// The lists that hold a merchant's events, or everybody's.
    async fn event_lists(&self, merchant: Option<MerchantId>) -> Result<Vec<String>, Unavailable> {
        let merchants = match merchant {
            Some(merchant) => vec![merchant],
            None => self.merchant_ids().await?,
        };
        let lists = |id| (0..LIST_SHARDS).map(move |shard| keys::events_list(id, shard));
        Ok(merchants.into_iter().flat_map(lists).collect())
    }

    async fn merchant_ids(&self) -> Result<Vec<MerchantId>, Unavailable> {
        let mut request = PageRequest { limit: MERCHANTS_MAX, cursor: None };
        let mut ids = Vec::new();
        while ids.len() < MERCHANTS_MAX {
            let page = self.list_merchants(request.clone()).await?;
            ids.extend(page.rows.iter().map(|merchant| merchant.id));
            match page.next {
                None => break,
                next => request.cursor = next,
            }
        }
        Ok(ids)
    }

    /// Deliveries by id. One that is not there yet, because its event is being admitted right now,
    /// is left out.
    async fn deliveries(
        &self,
        ids: impl Iterator<Item = DeliveryId>,
    ) -> Result<HashMap<DeliveryId, Delivery>, Unavailable> {
        let rows = self.table.get_all(ids.map(keys::delivery).collect()).await?;
        let deliveries = rows.iter().map(|row| {
            let delivery = delivery::delivery(row)?;
            Ok((delivery.id, delivery))
        });
        deliveries.collect()
    }
}

/// The deliveries that an entry leads to: its own, or those of its event.
fn delivery_ids(entry: &Item) -> Result<Vec<DeliveryId>, Unavailable> {
    let id = Reader::new(entry)?.text(SK)?;
    match id.parse::<EventId>() {
        Ok(event) => Ok(event::deliveries_of(event, &event::plan(entry)?)),
        Err(_) => Ok(vec![Reader::new(entry)?.parsed(SK)?]),
    }
}

/// The entry's index may be behind, and an event's deliveries are not all alike, so rows are asked
/// again.
fn takes(filter: &DeliveryFilter, row: &Delivery) -> bool {
    filter.merchant.is_none_or(|merchant| row.merchant_id == merchant)
        && filter.state.is_none_or(|state| row.state() == state)
        && filter.endpoint.is_none_or(|endpoint| row.endpoint_id == Some(endpoint))
        && filter.event_type.as_ref().is_none_or(|event_type| row.event_type == *event_type)
        && filter.since.is_none_or(|since| row.created_at >= since)
        && filter.until.is_none_or(|until| row.created_at < until)
}
