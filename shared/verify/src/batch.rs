//! Requests that carry several events: a JSON array in the body whose elements are the items.
//!
//! Every JSON pointer of such a scheme is read from the item, not from the body. If that holds for
//! the signature or for a part of the signed text, the items are signed one by one; otherwise one
//! signature covers the request, and the items only say where the events are.

use std::ops::Range;

use crate::json::{Pointers, Slot, elements};

/// Items in one request. The largest documented batch has 250 (GoCardless).
pub const ITEMS_MAX: usize = 1024;

/// Where the items are.
#[derive(Debug)]
pub(crate) struct Batch {
    each: Place,
    /// Inside of an element; without it the element is the item.
    item: Option<Place>,
    /// Whether every item has a signature of its own.
    pub(crate) is_signed_apart: bool,
}

/// One JSON value that is taken as it is written.
#[derive(Debug)]
struct Place {
    pointers: Pointers,
    slot: Slot,
}

impl Batch {
    /// The error is the name of the field and the rule that is broken.
    pub(crate) fn parse(
        each: &str,
        item: Option<&str>,
        is_signed_apart: bool,
    ) -> Result<Self, (&'static str, String)> {
        Ok(Self {
            each: Place::parse(each).map_err(|rule| ("each", rule))?,
            item: item.map(Place::parse).transpose().map_err(|rule| ("item", rule))?,
            is_signed_apart,
        })
    }

    /// Where the bytes of each item are; nothing if the body is not JSON with 1 to [`ITEMS_MAX`] of
    /// them there, or says twice what they are.
    pub(crate) fn items(&self, body: &[u8]) -> Option<Vec<Range<usize>>> {
        let elements = elements(self.each.written(body)?, ITEMS_MAX)?;
        let items: Option<Vec<_>> = match &self.item {
            None => Some(elements),
            Some(item) => {
                elements.into_iter().map(|element| item.written(element.as_bytes())).collect()
            }
        };
        let items = items.filter(|items| !items.is_empty())?;
        let place = |item: &str| {
            let start = item.as_ptr().addr() - body.as_ptr().addr();
            start..start + item.len()
        };
        Some(items.into_iter().map(place).collect())
    }
}

impl Place {
    fn parse(pointer: &str) -> Result<Self, String> {
        let mut pointers = Pointers::default();
        let slot = pointers.add(pointer)?;
        Ok(Self { pointers, slot })
    }

    fn written<'b>(&self, json: &'b [u8]) -> Option<&'b str> {
        let values = self.pointers.read_written(json).ok()?;
        if values.ambiguous() { None } else { values.written(self.slot) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item: Option<&str>, body: &str, expected: Option<&[&str]>) {
        let batch = Batch::parse("/list", item, false).expect("pointers");
        let items = batch.items(body.as_bytes());
        let items: Option<Vec<&str>> =
            items.map(|items| items.into_iter().map(|item| &body[item]).collect());
        assert_eq!(items.as_deref(), expected, "{body}");
    }

    #[test]
    fn items_are_the_bytes_as_written() {
        check(
            None,
            r#"{"list":[{"a": 1} ,2,"\u0041"]}"#,
            Some(&[r#"{"a": 1}"#, "2", r#""\u0041""#]),
        );
        let wrapped = "{\"list\":[\n{\"Item\" : { \"id\":1 }},\n{\"x\":0,\"Item\":[2]}]}";
        check(Some("/Item"), wrapped, Some(&["{ \"id\":1 }", "[2]"]));
    }

    #[test]
    fn what_is_no_batch_is_none() {
        for body in [
            "",
            "{",
            "[]",
            r#"{"list":[]}"#,
            r#"{"list":{"0":1}}"#,
            r#"{"list":"[1]"}"#,
            r#"{"list":null}"#,
            r#"{"list":[1],"list":[1]}"#,
            r#"{"list":[1]} x"#,
            r#"{"list":[1,]}"#,
        ] {
            check(None, body, None);
        }
        check(Some("/Item"), r#"{"list":[{"Item":1},{"Other":1}]}"#, None);
        check(Some("/Item"), r#"{"list":[{"Item":1,"Item":1}]}"#, None);
        let of = |count: usize| format!(r#"{{"list":[{}]}}"#, vec!["1"; count].join(","));
        check(None, &of(ITEMS_MAX), Some(&["1"; ITEMS_MAX]));
        check(None, &of(ITEMS_MAX + 1), None);
    }
}
