//! What there is of a kind, in order of creation: a partition a list, an entry a noun. An entry
//! holds nothing but its place; the nouns are fetched by id and put back into that order.

use std::collections::HashMap;
use std::fmt::Display;

use postback_domain::audit::Object;
use postback_domain::ids::MerchantId;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::history::{Cursor, Page, PageRequest};

use super::noun::{Noun, place};
use crate::item::{Damaged, Item, Reader, text};
use crate::keys;
use crate::table::{Key, PK, SK, Table, unavailable};

/// The partition of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List(String);

impl List {
    pub(super) fn merchants() -> Self {
        Self("list#merchants".to_owned())
    }

    pub(super) fn sources() -> Self {
        Self("list#sources".to_owned())
    }

    pub(super) fn sources_of(merchant: MerchantId) -> Self {
        Self(format!("list#sources#{merchant}"))
    }

    /// Of those that go on.
    pub(super) fn recoveries() -> Self {
        Self("list#recoveries".to_owned())
    }

    pub(super) fn keys_of(merchant: MerchantId) -> Self {
        Self(format!("list#keys#{merchant}"))
    }

    pub(super) fn endpoints_of(merchant: MerchantId) -> Self {
        Self(format!("list#endpoints#{merchant}"))
    }

    pub(super) fn audit() -> Self {
        Self("list#audit".to_owned())
    }

    pub(super) fn audit_of_merchant(merchant: MerchantId) -> Self {
        Self(format!("list#audit#{merchant}"))
    }

    pub(super) fn audit_of_object(object: Object) -> Self {
        Self(format!("list#audit#of#{object}"))
    }

    /// Its partition key.
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Where a noun is listed.
    pub(super) fn entry(&self, created: Timestamp, id: impl Display) -> Key {
        Key { pk: self.0.clone(), sk: keys::order_with(created, &id.to_string()) }
    }
}

/// Newest first.
pub(super) async fn page<N: Noun>(
    table: &Table,
    list: List,
    request: PageRequest,
) -> Result<Page<N>, Unavailable> {
    let before = match request.cursor.as_ref().map(order_of::<N>) {
        None => None,
        Some(Some(order)) => Some(order),
        Some(None) => return Ok(Page { rows: Vec::new(), next: None }),
    };
    // One entry more than asked tells whether there is another page.
    let one_more = request.limit.saturating_add(1);
    let mut orders = entries(table, &list, Direction::NewestFirst { before }, one_more).await?;
    let mut next = None;
    if orders.len() > request.limit {
        orders.truncate(request.limit);
        next = orders.last().map(|order| cursor_of(order));
    }
    Ok(Page { rows: nouns(table, &orders).await?, next })
}

/// The whole list, oldest first.
pub(super) async fn all<N: Noun>(table: &Table, list: List) -> Result<Vec<N>, Unavailable> {
    let orders = entries(table, &list, Direction::OldestFirst, usize::MAX).await?;
    nouns(table, &orders).await
}

/// A cursor is the place of the last entry seen, written so that it needs no quoting in a URL.
pub(super) fn cursor_of(order: &str) -> Cursor {
    Cursor(order.replace('#', "."))
}

/// The place that a cursor names, if it is one of a list of this kind.
pub(super) fn order_of<N: Noun>(cursor: &Cursor) -> Option<String> {
    let (created, id) = cursor.0.split_once('.')?;
    let id: N::Id = id.parse().ok()?;
    let order = keys::order_with(keys::time_of(created)?, &id.to_string());
    (cursor_of(&order) == *cursor).then_some(order)
}

enum Direction {
    NewestFirst { before: Option<String> },
    OldestFirst,
}

/// The places of a list's entries as they are now, at most `limit`.
async fn entries(
    table: &Table,
    list: &List,
    direction: Direction,
    limit: usize,
) -> Result<Vec<String>, Unavailable> {
    let (newest_first, before) = match direction {
        Direction::NewestFirst { before } => (true, before),
        Direction::OldestFirst => (false, None),
    };
    let mut orders = Vec::new();
    let mut start = None;
    loop {
        let wanted = i32::try_from(limit - orders.len()).unwrap_or(i32::MAX);
        let mut request = table
            .client
            .query()
            .table_name(&table.name)
            .consistent_read(true)
            .key_condition_expression("#pk = :list")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":list", text(&list.0))
            .scan_index_forward(!newest_first)
            .limit(wanted)
            .set_exclusive_start_key(start);
        if let Some(before) = &before {
            request = request
                .key_condition_expression("#pk = :list AND #sk < :before")
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":before", text(before));
        }
        let answer = request.send().await.map_err(unavailable)?;
        for entry in answer.items.iter().flatten() {
            orders.push(Reader::new(entry)?.text(SK)?.to_owned());
        }
        start = answer.last_evaluated_key;
        if start.is_none() || orders.len() >= limit {
            return Ok(orders);
        }
    }
}

/// The nouns of these entries, in their order. One that was deleted since is left out.
pub(super) async fn nouns<N: Noun>(
    table: &Table,
    orders: &[String],
) -> Result<Vec<N>, Unavailable> {
    let ids: Vec<N::Id> = orders.iter().map(|order| id_of(order)).collect::<Result<_, _>>()?;
    let rows = table.get_all(ids.iter().map(place).collect()).await?;
    let rows: HashMap<String, Item> = rows.into_iter().filter_map(by_key).collect();
    let found = ids.into_iter().filter_map(|id| rows.get(&id.to_string()).map(|row| (id, row)));
    let nouns = found.map(|(id, row)| N::of(id, Reader::new(row)?));
    Ok(nouns.collect::<Result<_, _>>()?)
}

fn by_key(row: Item) -> Option<(String, Item)> {
    let key = row.get(PK)?.as_s().ok()?.clone();
    Some((key, row))
}

fn id_of<I: std::str::FromStr>(order: &str) -> Result<I, Damaged> {
    let id = order.split_once('#').and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(|| Damaged::new(SK, "no place in a list"))
}

#[cfg(test)]
mod tests {
    use postback_contract::world::NOW;
    use postback_domain::endpoint::Endpoint;
    use postback_domain::ids::{EndpointId, SourceId};

    use super::*;

    #[test]
    fn a_cursor_is_a_place_in_a_list_of_its_kind() {
        let end = EndpointId::from_bits(7);
        let order = List::merchants().entry(NOW, end).sk;
        let cursor = cursor_of(&order);
        assert!(cursor.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte)));
        assert_eq!(order_of::<Endpoint>(&cursor), Some(order.clone()));
        assert_eq!(id_of::<EndpointId>(&order).unwrap(), end);
        let source = cursor_of(&List::sources().entry(NOW, SourceId::from_bits(7)).sk);
        for unreadable in [
            "",
            ".",
            "7",
            "zzz",
            &order,
            &source.0,
            &cursor.0[1..],
            &cursor.0[..30],
            &format!("{}0", cursor.0),
            &format!("0{}", cursor.0),
            &cursor.0.replacen('1', "+", 1),
            &format!("é{}", &cursor.0[2..]),
        ] {
            assert_eq!(order_of::<Endpoint>(&Cursor(unreadable.to_owned())), None, "{unreadable}");
        }
    }

    #[test]
    fn entries_sort_by_time_and_then_by_id() {
        let at =
            |ms, id| List::merchants().entry(Timestamp::from_millis(ms), MerchantId::from_bits(id));
        let entries = [at(-1, 3), at(0, 4), at(5, 2), at(10, 1), at(10, 2)];
        assert!(entries.is_sorted(), "{entries:?}");
    }
}
