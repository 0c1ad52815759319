//! Orders to be sent again what was missed, as rows. Those that go on are in a list; the row and its
//! entry there are written together, so none goes on unseen.

use postback_domain::audit::Record;
use postback_domain::ids::RecoveryId;
use postback_domain::recovery::Recovery;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::PageRequest;

use super::Written;
use super::lists::{self, List};
use super::noun::{Attributes, Noun, json, optional_json, place};
use super::write::{Refusal, Together, update_if};
use crate::item::{Damaged, Item, Reader, number, text, time};
use crate::table::Table;

const RECORD: &str = "record";
/// While it goes on.
const RUNNING: &str = "running";

pub(crate) async fn create(table: &Table, recovery: &Recovery, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.create(recovery);
    together.put(List::recoveries().entry(recovery.created_at, recovery.id));
    together.commit().await
}

/// Newest first.
pub(crate) async fn running(table: &Table, limit: usize) -> Result<Vec<RecoveryId>, Unavailable> {
    let request = PageRequest { limit, cursor: None };
    let page = lists::page::<Recovery>(table, List::recoveries(), request).await?;
    Ok(page.rows.into_iter().map(|recovery| recovery.id).collect())
}

/// Sets until when somebody is at it, `held`. Answers whether that is the caller.
pub(crate) async fn hold(
    table: &Table,
    id: RecoveryId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Unavailable> {
    let condition = "attribute_exists(#running) AND (attribute_not_exists(#held) OR #held <= :now)";
    let values = [(":until", time(until)), (":now", time(now))];
    update_if(table, &place(id), "SET #held = :until", condition, values).await
}

/// Replaces the record of an order that goes on, under the hold that ends at `held`, or whoever has
/// it. One that has ended with it leaves the list, and may be removed at `expires`. There is a
/// record of it if somebody asked for it.
pub(crate) async fn keep(
    table: &Table,
    recovery: &Recovery,
    held: Option<Timestamp>,
    next: Option<Timestamp>,
    expires: Timestamp,
    record: Option<&Record>,
) -> Result<bool, Unavailable> {
    let mut values = vec![(":record", json(recovery))];
    let mut expression = "SET #record = :record".to_owned();
    if let Some(next) = next {
        expression += ", #held = :next";
        values.push((":next", time(next)));
    }
    if !recovery.is_running() {
        expression += ", #expires = :expires";
        values.push((":expires", number(expires.as_secs())));
    }
    let removed = match (next, recovery.is_running()) {
        (Some(_), true) => "",
        (None, true) => " REMOVE #held",
        (_, false) => " REMOVE #held, #running",
    };
    expression += removed;
    let condition = match held {
        Some(held) => {
            values.push((":held", time(held)));
            "attribute_exists(#running) AND #held = :held"
        }
        None => "attribute_exists(#running)",
    };
    let mut together =
        record.map_or_else(|| Together::by_itself(table), |it| Together::on(table, it));
    together.update(place(recovery.id), &expression, (condition, Refusal::Stale), values);
    if !recovery.is_running() {
        together.delete(List::recoveries().entry(recovery.created_at, recovery.id));
    }
    match together.commit().await {
        Ok(()) => Ok(true),
        Err(CatalogError::Unavailable(unavailable)) => Err(unavailable),
        Err(_) => Ok(false),
    }
}

impl Noun for Recovery {
    type Id = RecoveryId;

    fn id(&self) -> RecoveryId {
        self.id
    }

    fn attributes(&self) -> Item {
        Attributes::default()
            .with(RECORD, json(self))
            .with_some(RUNNING, self.is_running().then(|| text("yes")))
            .item()
    }

    fn of(_: RecoveryId, row: Reader<'_>) -> Result<Self, Damaged> {
        optional_json(row, RECORD)?.ok_or_else(|| Damaged::new(RECORD, "missing"))
    }
}
