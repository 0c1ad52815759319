//! Between nouns and rows. A row has the noun's fields as attributes; what is left out is absent.
//! Lists of texts are lists; what has more structure is JSON in a text. What a row holds is often
//! a secret, so an error names the attribute and the rule, and never the value.

use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::ids::MerchantId;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::item::{Damaged, Item, Reader, text};
use crate::keys::ALONE;
use crate::table::{Key, Table};

pub(super) const MERCHANT: &str = "merchant";
pub(super) const CREATED: &str = "created";
pub(super) const REVISION: &str = "revision";
pub(super) const RETRY_POLICY: &str = "retry_policy";

/// What is kept as one row under its id.
pub(crate) trait Noun: Sized {
    /// Its id.
    type Id: Copy + Display + FromStr;

    /// Its id.
    fn id(&self) -> Self::Id;

    /// Every attribute but the key.
    fn attributes(&self) -> Item;

    /// Reads a row.
    fn of(id: Self::Id, row: Reader<'_>) -> Result<Self, Damaged>;
}

/// A noun that is changed by replacing it.
pub(super) trait Replaceable: Noun {
    /// What a replacement sets, or removes when the noun lacks it. Whatever else the row has
    /// stays: what never changes, what is counted there, what a newer version has added.
    const CHANGING: &'static [&'static str];

    /// Counts changes.
    fn revision(&self) -> u32;
}

/// Where a noun is kept.
pub(super) fn place(id: impl Display) -> Key {
    Key { pk: id.to_string(), sk: ALONE.to_owned() }
}

/// A noun as kept now.
pub(crate) async fn read<N: Noun>(table: &Table, id: N::Id) -> Result<Option<N>, Unavailable> {
    let Some(row) = table.get(&place(id)).await? else { return Ok(None) };
    Ok(Some(N::of(id, Reader::new(&row)?)?))
}

/// Whose a noun is and when it was created: what its place in the lists is made of. The noun itself
/// may be damaged.
pub(super) async fn owner<I: Display>(
    table: &Table,
    id: I,
) -> Result<(MerchantId, Timestamp), CatalogError> {
    let row = table.get(&place(id)).await?.ok_or(CatalogError::NotFound)?;
    let owner = Reader::new(&row).and_then(|row| Ok((merchant(row)?, row.time(CREATED)?)));
    Ok(owner.map_err(Unavailable::from)?)
}

/// The attributes of a row, put together one by one.
#[derive(Debug, Default)]
pub(super) struct Attributes(Item);

impl Attributes {
    pub(super) fn with(self, name: &str, value: AttributeValue) -> Self {
        self.with_some(name, Some(value))
    }

    pub(super) fn with_some(mut self, name: &str, value: Option<AttributeValue>) -> Self {
        self.0.extend(value.map(|value| (name.to_owned(), value)));
        self
    }

    pub(super) fn item(self) -> Item {
        self.0
    }
}

pub(super) fn merchant(row: Reader<'_>) -> Result<MerchantId, Damaged> {
    row.text(MERCHANT)?.parse().map_err(|_| Damaged::new(MERCHANT, "not an id"))
}

pub(super) fn label_text(label: &Label) -> AttributeValue {
    text(label.as_str())
}

pub(super) fn label(row: Reader<'_>, name: &str) -> Result<Label, Damaged> {
    optional_label(row, name)?.ok_or_else(|| Damaged::new(name, "missing"))
}

pub(super) fn optional_label(row: Reader<'_>, name: &str) -> Result<Option<Label>, Damaged> {
    let label = row.optional_text(name)?.map(Label::parse).transpose();
    label.map_err(|_| Damaged::new(name, "not one short line"))
}

pub(super) fn retry_policy(row: Reader<'_>) -> Result<Option<RetryPolicy>, Damaged> {
    optional_json(row, RETRY_POLICY)
}

pub(super) fn json(value: &impl Serialize) -> AttributeValue {
    text(serde_json::to_string(value).expect("texts and finite numbers have a JSON form"))
}

pub(super) fn optional_json<T: DeserializeOwned>(
    row: Reader<'_>,
    name: &str,
) -> Result<Option<T>, Damaged> {
    let value = row.optional_text(name)?.map(serde_json::from_str).transpose();
    value.map_err(|_| Damaged::new(name, "not the JSON that it should be"))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Debug;

    use super::*;
    use crate::item::{SCHEMA, SCHEMA_ATTRIBUTE, number};

    /// The whole row of a noun.
    pub(in crate::catalog) fn row<N: Noun>(noun: &N) -> Item {
        let mut row = place(noun.id()).to_item();
        row.extend(noun.attributes());
        row
    }

    /// What `row` says.
    pub(in crate::catalog) fn read_back<N: Noun>(id: N::Id, row: &Item) -> Result<N, String> {
        let noun = Reader::new(row).and_then(|row| N::of(id, row));
        noun.map_err(|damaged| damaged.to_string())
    }

    /// Every field of `rich` survives; `plain`, which has no optional field, is read from the
    /// attributes `needed` alone, which is what the oldest version wrote; a newer version's row is
    /// refused; and damage is told without telling a value.
    pub(in crate::catalog) fn check_row<N: Noun + PartialEq + Debug>(
        rich: &N,
        plain: &N,
        needed: &[&str],
    ) {
        let written = row(rich);
        assert_eq!(read_back(rich.id(), &written).as_ref(), Ok(rich));

        let mut oldest = row(plain);
        oldest.retain(|name, _| needed.contains(&name.as_str()));
        assert_eq!(oldest.len(), needed.len(), "{oldest:?}");
        assert_eq!(read_back(plain.id(), &oldest).as_ref(), Ok(plain));

        let mut newer = written.clone();
        newer.insert(SCHEMA_ATTRIBUTE.to_owned(), number(SCHEMA + 1));
        let refused = read_back::<N>(rich.id(), &newer).unwrap_err();
        assert!(refused.starts_with("attribute `schema` of an item is"), "{refused}");

        for name in rich.attributes().keys() {
            let mut damaged = written.clone();
            damaged.insert(name.clone(), text("hush\n"));
            // A few attributes may be any text.
            if let Err(told) = read_back::<N>(rich.id(), &damaged) {
                assert!(told.starts_with(&format!("attribute `{name}` of an item is")), "{told}");
                assert!(!told.contains("hush"), "{told}");
            }
            let mut mistyped = written.clone();
            mistyped.insert(name.clone(), AttributeValue::Bool(true));
            assert!(read_back::<N>(rich.id(), &mistyped).is_err(), "{name} is a boolean");
        }
    }

    /// A replacement forgets no attribute, and touches none that stays.
    pub(in crate::catalog) fn check_replacement<N: Replaceable>(rich: &N, staying: &[&str]) {
        let attributes = rich.attributes();
        let every: BTreeSet<_> = attributes.keys().map(String::as_str).collect();
        let known: BTreeSet<_> = N::CHANGING.iter().chain(staying).copied().collect();
        assert!(every.is_subset(&known), "{every:?}");
        assert!(staying.iter().all(|name| !N::CHANGING.contains(name)));
    }
}
