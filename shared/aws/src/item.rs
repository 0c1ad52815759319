//! Between items and values. Whatever an item holds that no value can be made of is damage,
//! reported with the attribute's name and never guessed at.
//!
//! Items grow: an attribute that came with a later version is optional when read, so that rows of
//! an older deploy stay readable. What a newer deploy wrote in a way this one cannot understand has
//! a higher [`SCHEMA`] and is refused, which leaves the message in its queue until the older worker
//! is gone.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The version of the items that this code writes, under [`SCHEMA_ATTRIBUTE`]. An item without one
/// is of version 1.
pub(crate) const SCHEMA: u32 = 1;

/// Where an item that is not of version 1 says so.
pub(crate) const SCHEMA_ATTRIBUTE: &str = "schema";

/// A row of the table, or an entry of an index.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("attribute `{attribute}` of an item is {what}")]
pub(crate) struct Damaged {
    attribute: String,
    what: String,
}

impl Damaged {
    pub(crate) fn new(attribute: &str, what: impl Display) -> Self {
        Self { attribute: attribute.to_owned(), what: what.to_string() }
    }
}

impl From<Damaged> for Unavailable {
    fn from(damaged: Damaged) -> Self {
        Self::new("a row of the table", damaged)
    }
}

type Read<T> = Result<T, Damaged>;

/// Reads an item's attributes by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a Item);

impl<'a> Reader<'a> {
    /// # Errors
    /// When a newer version has written the item.
    pub(crate) fn new(item: &'a Item) -> Read<Self> {
        let reader = Self(item);
        match reader.optional_number::<u32>(SCHEMA_ATTRIBUTE)? {
            Some(schema) if schema > SCHEMA => Err(Damaged::new(
                SCHEMA_ATTRIBUTE,
                format!("{schema}, and {SCHEMA} is the newest known"),
            )),
            _ => Ok(reader),
        }
    }

    pub(crate) fn text(self, name: &str) -> Read<&'a str> {
        self.optional_text(name)?.ok_or_else(|| Damaged::new(name, "missing"))
    }

    pub(crate) fn optional_text(self, name: &str) -> Read<Option<&'a str>> {
        let wrong = |_: &AttributeValue| Damaged::new(name, "not a text");
        self.0.get(name).map(|value| value.as_s().map(String::as_str).map_err(wrong)).transpose()
    }

    /// A name or the like.
    pub(crate) fn optional_label(self, name: &str) -> Read<Option<Label>> {
        let label = self.optional_text(name)?.map(Label::parse).transpose();
        label.map_err(|error| Damaged::new(name, error))
    }

    /// A text that says more than a text.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(self, name: &str) -> Read<T> {
        self.text(name)?.parse().map_err(|error| Damaged::new(name, error))
    }

    pub(crate) fn optional_parsed<T: FromStr<Err: Display>>(self, name: &str) -> Read<Option<T>> {
        self.optional_text(name)?
            .map(|text| text.parse().map_err(|error| Damaged::new(name, error)))
            .transpose()
    }

    pub(crate) fn number<T: FromStr>(self, name: &str) -> Read<T> {
        self.optional_number(name)?.ok_or_else(|| Damaged::new(name, "missing"))
    }

    pub(crate) fn optional_number<T: FromStr>(self, name: &str) -> Read<Option<T>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let number = value.as_n().ok().and_then(|number| number.parse().ok());
        number.map(Some).ok_or_else(|| Damaged::new(name, "not a number of its range"))
    }

    pub(crate) fn time(self, name: &str) -> Read<Timestamp> {
        self.number(name).map(Timestamp::from_millis)
    }

    pub(crate) fn optional_time(self, name: &str) -> Read<Option<Timestamp>> {
        Ok(self.optional_number(name)?.map(Timestamp::from_millis))
    }

    pub(crate) fn bytes(self, name: &str) -> Read<&'a [u8]> {
        self.optional_bytes(name)?.ok_or_else(|| Damaged::new(name, "missing"))
    }

    pub(crate) fn optional_bytes(self, name: &str) -> Read<Option<&'a [u8]>> {
        let wrong = |_: &AttributeValue| Damaged::new(name, "not binary");
        self.0.get(name).map(|value| value.as_b().map(Blob::as_ref).map_err(wrong)).transpose()
    }

    /// A text that is one of a type's words.
    pub(crate) fn word<T: DeserializeOwned>(self, name: &str) -> Read<T> {
        let word = Value::String(self.text(name)?.to_owned());
        serde_json::from_value(word).map_err(|error| Damaged::new(name, error))
    }

    /// A list of texts; a missing one is empty.
    pub(crate) fn texts(self, name: &str) -> Read<Vec<&'a str>> {
        let Some(value) = self.0.get(name) else { return Ok(Vec::new()) };
        let wrong = || Damaged::new(name, "not a list of texts");
        let list = value.as_l().map_err(|_| wrong())?;
        list.iter().map(|text| text.as_s().map(String::as_str).map_err(|_| wrong())).collect()
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// The word that [`Reader::word`] reads.
pub(crate) fn word(value: &impl Serialize) -> AttributeValue {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => text(word),
        other => unreachable!("words are enums without fields, not {other:?}"),
    }
}

pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn time(value: Timestamp) -> AttributeValue {
    number(value.as_millis())
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(crate) fn texts<T: Into<String>>(values: impl IntoIterator<Item = T>) -> AttributeValue {
    AttributeValue::L(values.into_iter().map(text).collect())
}
