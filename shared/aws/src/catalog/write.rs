//! Writes that belong together: all of them are made, or none.
//!
//! A request whose answer is lost is sent again by the SDK under the same token, and DynamoDB
//! remembers a token for ten minutes, so a success is never told as a refusal. That is why even a
//! replacement, which is a single write, is a transaction.
//!
//! Two transactions at one row do not wait for each other: one of them is cancelled. Nobody was
//! refused then, so it is tried again here, under a new token. What was refused is told by
//! position: the order of the writes is the order in which refusals count.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use postback_domain::audit::Record;
use postback_domain::ids::MerchantId;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use tokio::time::sleep;

use super::noun::{Noun, Replaceable, place};
use super::{Written, audit};
use crate::item::{Item, number, text};
use crate::table::{Key, Table, unavailable};

const THERE: &str = "attribute_exists(#pk)";
const NOT_THERE: &str = "attribute_not_exists(#pk)";

/// What it means that the condition of a write does not hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// The row is not there.
    NotFound,
    /// The row is not there, or somebody else has changed it.
    Stale,
    /// The row is not there, or it counts as many as there may be.
    Full { what: &'static str, limit: usize },
    /// Another merchant has the external id.
    ExternalIdTaken,
    /// There is one with this id.
    IdTaken,
}

/// Writes that are made together, with the record of the act that they are, if they are one.
#[derive(Debug)]
pub(super) struct Together<'a> {
    table: &'a Table,
    record: Option<&'a Record>,
    writes: Vec<Write>,
}

/// One of them.
#[derive(Debug)]
struct Write {
    key: Key,
    deed: Deed,
    condition: Option<(&'static str, Refusal)>,
    /// By placeholder, for both expressions.
    values: Item,
}

#[derive(Debug)]
enum Deed {
    Put(Item),
    Delete,
    Update(String),
    Check,
}

/// Replaces the revision before the noun's, and touches nothing else of its row.
pub(super) async fn replace<N: Replaceable>(table: &Table, noun: &N, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.replace(noun);
    together.commit().await
}

impl<'a> Together<'a> {
    pub(super) fn on(table: &'a Table, record: &'a Record) -> Self {
        Self { table, record: Some(record), writes: Vec::new() }
    }

    /// What is done by itself, at nobody's word.
    pub(super) fn by_itself(table: &'a Table) -> Self {
        Self { table, record: None, writes: Vec::new() }
    }

    /// Writes a row whatever there was.
    pub(super) fn put(&mut self, key: Key) {
        self.put_with(key, Item::new());
    }

    /// Writes a row that has more than its key.
    pub(super) fn put_with(&mut self, key: Key, attributes: Item) {
        let mut row = key.to_item();
        row.extend(attributes);
        self.add(key, Deed::Put(row), None, Item::new());
    }

    /// Writes a row that must not be there.
    pub(super) fn put_new(&mut self, key: Key, attributes: Item, taken: Refusal) {
        let mut row = key.to_item();
        row.extend(attributes);
        self.add(key, Deed::Put(row), Some((NOT_THERE, taken)), Item::new());
    }

    /// Writes the row of a new noun.
    pub(super) fn create<N: Noun>(&mut self, noun: &N) {
        self.put_new(place(noun.id()), noun.attributes(), Refusal::IdTaken);
    }

    /// Deletes a row if it is there.
    pub(super) fn delete(&mut self, key: Key) {
        self.add(key, Deed::Delete, None, Item::new());
    }

    /// Deletes a row that must be there and be this merchant's.
    pub(super) fn delete_owned(&mut self, key: Key, merchant: MerchantId) {
        let values = Item::from([(":merchant".to_owned(), text(merchant.to_string()))]);
        let owned = ("#merchant = :merchant", Refusal::NotFound);
        self.add(key, Deed::Delete, Some(owned), values);
    }

    /// Only if a row is there.
    pub(super) fn check_there(&mut self, key: Key) {
        self.add(key, Deed::Check, Some((THERE, Refusal::NotFound)), Item::new());
    }

    /// Updates a row under a condition.
    pub(super) fn update(
        &mut self,
        key: Key,
        expression: &str,
        condition: (&'static str, Refusal),
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.add(key, Deed::Update(expression.to_owned()), Some(condition), values);
    }

    /// Replaces the revision before the noun's: sets what the noun has, removes what it lacks.
    pub(super) fn replace<N: Replaceable>(&mut self, noun: &N) {
        let mut attributes = noun.attributes();
        let (mut set, mut removed, mut values) = (Vec::new(), Vec::new(), Item::new());
        for name in N::CHANGING {
            match attributes.remove(*name) {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    values.insert(format!(":{name}"), value);
                }
                None => removed.push(format!("#{name}")),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !removed.is_empty() {
            expression += &format!(" REMOVE {}", removed.join(", "));
        }
        let previous = i64::from(noun.revision()) - 1;
        values.insert(":previous".to_owned(), number(previous));
        let unchanged = ("#revision = :previous", Refusal::Stale);
        self.add(place(noun.id()), Deed::Update(expression), Some(unchanged), values);
    }

    /// Makes the writes. The record comes last, so that a refusal is told of what was asked for.
    pub(super) async fn commit(mut self) -> Written {
        if let Some(record) = self.record {
            audit::add(&mut self, record);
        }
        let keys: Vec<&Key> = self.writes.iter().map(|write| &write.key).collect();
        let mut waits = waits(&keys);
        let requests = self.writes.iter().map(|write| write.request(&self.table.name));
        let requests: Vec<_> = requests
            .collect::<Result<_, _>>()
            .map_err(|error| Unavailable::new("the table", error))?;
        loop {
            let request = self.table.client.transact_write_items();
            let Err(error) = request.set_transact_items(Some(requests.clone())).send().await else {
                return Ok(());
            };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons()
                }
                _ => &[],
            };
            if let Some(position) = reasons.iter().position(is_refusal) {
                return Err(self.refused(position).await?);
            }
            match waits.next() {
                Some(wait) if reasons.iter().any(is_passing) => sleep(wait).await,
                _ => return Err(unavailable(error).into()),
            }
        }
    }

    async fn refused(&self, position: usize) -> Result<CatalogError, Unavailable> {
        let write = self.writes.get(position);
        let refused = write.and_then(|write| Some((&write.key, write.condition?.1)));
        let Some((key, refusal)) = refused else {
            return Err(Unavailable::new("the table", "a write without a condition was refused"));
        };
        let told = match refusal {
            Refusal::NotFound => CatalogError::NotFound,
            Refusal::ExternalIdTaken => CatalogError::ExternalIdTaken,
            Refusal::IdTaken => CatalogError::IdTaken,
            // The answer could bring the row along, secrets and all, into an error's text.
            Refusal::Stale | Refusal::Full { .. } if self.table.get(key).await?.is_none() => {
                CatalogError::NotFound
            }
            Refusal::Stale => CatalogError::Stale,
            Refusal::Full { what, limit } => CatalogError::LimitReached { what, limit },
        };
        Ok(told)
    }

    fn add(
        &mut self,
        key: Key,
        deed: Deed,
        condition: Option<(&'static str, Refusal)>,
        values: Item,
    ) {
        self.writes.push(Write { key, deed, condition, values });
    }
}

impl Write {
    fn request(&self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let condition = self.condition.map(|(expression, _)| expression);
        let update = if let Deed::Update(expression) = &self.deed { expression } else { "" };
        let names = some(names_in(&[update, condition.unwrap_or_default()]));
        let (key, values) = (Some(self.key.to_item()), some(self.values.clone()));
        let request = TransactWriteItem::builder();
        let request = match &self.deed {
            Deed::Put(row) => request.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(row.clone()))
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Deed::Delete => request.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(key)
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Deed::Update(expression) => request.update(
                Update::builder()
                    .table_name(table)
                    .set_key(key)
                    .update_expression(expression)
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Deed::Check => request.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(key)
                    .set_condition_expression(condition.map(str::to_owned))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
        };
        Ok(request.build())
    }
}

/// Updates one row outside of a transaction, and answers whether the condition held. For changes
/// that are as good when they were made before.
pub(super) async fn update_if<const LEN: usize>(
    table: &Table,
    key: &Key,
    update: &str,
    condition: &str,
    values: [(&str, AttributeValue); LEN],
) -> Result<bool, Unavailable> {
    let values: Item = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut waits = waits(&[key]);
    loop {
        let request = table.client.update_item().table_name(&table.name);
        let request = request
            .set_key(Some(key.to_item()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(some(names_in(&[update, condition])))
            .set_expression_attribute_values(some(values.clone()));
        let Err(error) = request.send().await else { return Ok(true) };
        match (error.as_service_error(), waits.next()) {
            (Some(UpdateItemError::ConditionalCheckFailedException(_)), _) => return Ok(false),
            (Some(UpdateItemError::TransactionConflictException(_)), Some(wait)) => {
                sleep(wait).await;
            }
            _ => return Err(unavailable(error)),
        }
    }
}

fn is_refusal(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// What stood in the way passes.
fn is_passing(reason: &CancellationReason) -> bool {
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reason.code().is_some_and(|code| passing.contains(&code))
}

/// How long to wait before each further try: about 3 s in all, within what a call may take. Writers
/// at one row mostly write other rows too, which is what spreads them.
fn waits(keys: &[&Key]) -> impl Iterator<Item = Duration> + use<> {
    let mut hash = DefaultHasher::new();
    keys.hash(&mut hash);
    let spread = hash.finish().to_be_bytes();
    (0_u32..).zip(spread).take(7).map(|(number, spread)| {
        let longest = Duration::from_millis(25) * 2_u32.pow(number);
        longest / 2 + longest / 2 * u32::from(spread) / 256
    })
}

/// Every `#name` stands for the attribute `name`, since many names are reserved words.
fn names_in(expressions: &[&str]) -> HashMap<String, String> {
    let after = expressions.iter().flat_map(|expression| expression.split('#').skip(1));
    let names = after
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next());
    names.map(|name| (format!("#{name}"), name.to_owned())).collect()
}

/// DynamoDB takes no empty map of names or values.
fn some<V>(map: HashMap<String, V>) -> Option<HashMap<String, V>> {
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests;
