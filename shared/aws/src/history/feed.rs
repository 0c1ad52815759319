//! Reads several lists of an index as one, newest first, some entries at a time.
//!
//! The newest `n` entries of all lists are among the newest `n` of each. So a round asks every list
//! for `n`, puts what comes into order, and answers with the first `n`; the next round begins below
//! the last of them. A list that has little of what is looked for is not read to its end in one
//! round: all lists are then taken as far as the one that came least far.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use postback_domain::limits::CLOCK_DRIFT_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::history::{DeliveryFilter, EventFilter};

use crate::item::{Item, Reader, text, time};
use crate::keys::{self, LIST, LIST_ORDER, LISTED, WORK, WORK_ORDER, WORK_SHARD};
use crate::store::DynamoStore;
use crate::table::unavailable;

/// Lists that are read side by side.
const LISTS_AT_ONCE: usize = 32;

/// Pages of a megabyte that are read of one list in one round, where a filter drops most of them.
const PAGES_MAX: usize = 4;

/// Before and after every order of a list.
const LOWEST: &str = "0";
const HIGHEST: &str = "~";

/// An index that has lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    name: &'static str,
    list: &'static str,
    order: &'static str,
}

impl Index {
    pub(super) const LISTED: Self = Self { name: LISTED, list: LIST, order: LIST_ORDER };
    pub(super) const WORK: Self = Self { name: WORK, list: WORK_SHARD, order: WORK_ORDER };
}

/// Several lists, read as one.
#[derive(Debug)]
pub(super) struct Feed {
    index: Index,
    lists: Vec<String>,
    /// The lowest order that is looked at.
    low: String,
    /// The highest.
    high: String,
    /// Past the first round, the order of the last entry.
    seen_to: Option<String>,
    filter: Filter,
    round: usize,
    ended: bool,
}

/// What entries must have, checked by the table so that the others are not sent.
#[derive(Debug, Default)]
struct Filter {
    conditions: Vec<&'static str>,
    names: Vec<(&'static str, &'static str)>,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Filter {
    fn with(
        mut self,
        condition: &'static str,
        name: (&'static str, &'static str),
        value: Option<(&'static str, AttributeValue)>,
    ) -> Self {
        if let Some(value) = value {
            self.conditions.push(condition);
            self.names.push(name);
            self.values.push(value);
        }
        self
    }
}

/// What was read of one list.
struct Newest {
    entries: Vec<Item>,
    /// The order down to which it was read, if that is not its end.
    stopped_at: Option<String>,
}

impl Feed {
    /// Events that the filter takes. Lists go by when an event was admitted, filters by when it was
    /// received, which is earlier by as long as it waited in its queue.
    pub(super) fn of_events(
        filter: &EventFilter,
        lists: Vec<String>,
        start: Option<String>,
        limit: usize,
    ) -> Self {
        let (source, kind) = (filter.source, filter.event_type.as_ref());
        let entries = Filter::default()
            .with(
                "#source = :source",
                ("#source", "source"),
                source.map(|id| (":source", text(id.to_string()))),
            )
            .with(
                "#type = :type",
                ("#type", "type"),
                kind.map(|kind| (":type", text(kind.as_str()))),
            )
            .with(
                "#received >= :since",
                ("#received", "received"),
                filter.since.map(|at| (":since", time(at))),
            )
            .with(
                "#received < :until",
                ("#received", "received"),
                filter.until.map(|at| (":until", time(at))),
            );
        let since = filter.since.map(|at| at.minus(CLOCK_DRIFT_MAX));
        Self::new(Index::LISTED, lists, since, None, start, limit, entries)
    }

    /// Events that have deliveries which the filter may take.
    pub(super) fn of_deliveries(
        filter: &DeliveryFilter,
        lists: Vec<String>,
        start: Option<String>,
        limit: usize,
    ) -> Self {
        let (endpoint, kind) = (filter.endpoint, filter.event_type.as_ref());
        let entries = Filter::default()
            .with(
                "contains(#plan, :endpoint)",
                ("#plan", "plan"),
                endpoint.map(|id| (":endpoint", text(id.to_string()))),
            )
            .with(
                "#type = :type",
                ("#type", "type"),
                kind.map(|kind| (":type", text(kind.as_str()))),
            );
        Self::new(Index::LISTED, lists, filter.since, filter.until, start, limit, entries)
    }

    /// Deliveries that have ended, each with an entry of its own.
    pub(super) fn of_ended(
        index: Index,
        filter: &DeliveryFilter,
        lists: Vec<String>,
        start: Option<String>,
        limit: usize,
    ) -> Self {
        Self::new(index, lists, filter.since, filter.until, start, limit, Filter::default())
    }

    fn new(
        index: Index,
        lists: Vec<String>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        start: Option<String>,
        limit: usize,
        filter: Filter,
    ) -> Self {
        let low = since.map_or_else(|| LOWEST.to_owned(), keys::order_of);
        // The time alone sorts before the time with an id, so this excludes what happened at it.
        let until = until.map_or_else(|| HIGHEST.to_owned(), keys::order_of);
        let high = start.map_or_else(|| until.clone(), |start| start.min(until.clone()));
        // One more row tells that there is a next page, and the first may have been seen.
        let round = limit + 2;
        Self { index, lists, low, high, seen_to: None, filter, round, ended: false }
    }

    /// The entries of the next round, of which there may be none; `None` at the end of all lists.
    pub(super) async fn next(
        &mut self,
        store: &DynamoStore,
    ) -> Result<Option<Vec<Item>>, Unavailable> {
        if self.ended || self.low > self.high {
            return Ok(None);
        }
        self.round(store).await.map(Some)
    }

    /// How far it has come.
    pub(super) fn seen_to(&self) -> Option<&str> {
        self.seen_to.as_deref()
    }

    /// An entry's place in its list.
    pub(super) fn order_of<'e>(&self, entry: &'e Item) -> Result<&'e str, Unavailable> {
        Ok(Reader::new(entry)?.text(self.index.order)?)
    }

    async fn round(&mut self, store: &DynamoStore) -> Result<Vec<Item>, Unavailable> {
        let lists = stream::iter(self.lists.clone());
        let lists = lists.map(async |list| self.newest(store, &list).await);
        let lists: Vec<_> = lists.buffer_unordered(LISTS_AT_ONCE).try_collect().await?;
        // Below this some list has not been looked at.
        let floor = lists.iter().filter_map(|list| list.stopped_at.clone()).max();
        let is_above = |order: &String| floor.as_ref().is_none_or(|floor| order >= floor);
        let is_new = |order: &String| self.seen_to.as_ref().is_none_or(|seen| order < seen);
        let mut entries = Vec::new();
        for entry in lists.into_iter().flat_map(|list| list.entries) {
            let order = self.order_of(&entry)?.to_owned();
            if is_above(&order) && is_new(&order) {
                entries.push((order, entry));
            }
        }
        entries.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        let is_cut = entries.len() > self.round;
        self.ended = floor.is_none() && !is_cut;
        entries.truncate(self.round);
        let last = entries.last().map(|(order, _)| order.clone());
        if let Some(order) = if is_cut { last } else { floor.or(last) } {
            self.high.clone_from(&order);
            self.seen_to = Some(order);
        }
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The newest entries of one list, as many as a round has, or those of some pages.
    async fn newest(&self, store: &DynamoStore, list: &str) -> Result<Newest, Unavailable> {
        let (mut found, mut start) = (Vec::new(), None);
        for page in 1.. {
            let mut request = store.table.client.query().table_name(&store.table.name);
            request = request
                .index_name(self.index.name)
                .key_condition_expression("#list = :list AND #order BETWEEN :low AND :high")
                .expression_attribute_names("#list", self.index.list)
                .expression_attribute_names("#order", self.index.order)
                .expression_attribute_values(":list", text(list))
                .expression_attribute_values(":low", text(&self.low))
                .expression_attribute_values(":high", text(&self.high))
                .scan_index_forward(false)
                .set_exclusive_start_key(start);
            if self.filter.conditions.is_empty() {
                request = request.limit(i32::try_from(self.round).unwrap_or(i32::MAX));
            } else {
                // A limit would count what the filter drops; a page of 1 MB does not.
                request = request.filter_expression(self.filter.conditions.join(" AND "));
                for (placeholder, name) in &self.filter.names {
                    request = request.expression_attribute_names(*placeholder, *name);
                }
                for (placeholder, value) in &self.filter.values {
                    request = request.expression_attribute_values(*placeholder, value.clone());
                }
            }
            let answer = request.send().await.map_err(unavailable)?;
            found.extend(answer.items.into_iter().flatten());
            start = answer.last_evaluated_key;
            if found.len() >= self.round {
                found.truncate(self.round);
                let stopped_at = found.last().map(|last| self.order_of(last)).transpose()?;
                let stopped_at = stopped_at.map(str::to_owned);
                return Ok(Newest { entries: found, stopped_at });
            }
            let Some(last) = &start else {
                return Ok(Newest { entries: found, stopped_at: None });
            };
            if page == PAGES_MAX {
                let stopped_at = Some(self.order_of(last)?.to_owned());
                return Ok(Newest { entries: found, stopped_at });
            }
        }
        unreachable!("the pages are counted")
    }
}
