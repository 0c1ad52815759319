//! Reads the values at a fixed set of JSON pointers (RFC 6901) in one pass over a body.
//!
//! The pointers become a tree once, when a scheme is parsed. A pass walks that tree and skips
//! everything beside it, so no document tree is built and time is linear in the body. Recursion is
//! as deep as the deepest pointer ([`POINTER_DEPTH_MAX`]), however deep the document is.
//!
//! - Strings are decoded, numbers are the literal in the body (`10.50` stays `10.50`), booleans are
//!   `true` and `false`. `null`, objects and arrays count as absent.
//! - The whole body must be one JSON document in UTF-8 without a byte-order mark.
//! - Where a value is wanted as it is written, it is its bytes, whatever kind of value it is.
//! - A key given twice: the last one wins, as in the parsers of browsers, Node, Python and Ruby, so
//!   what is read here is what the merchant will read. [`Values::ambiguous`] says that it happened.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Reference tokens in one pointer.
pub(crate) const POINTER_DEPTH_MAX: usize = 16;

/// Different pointers in one set; the walk keeps one bit for each.
pub(crate) const POINTERS_MAX: usize = 64;

/// A set of pointers, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pointers {
    written: Vec<String>,
    root: Node,
}

/// The place of one pointer in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// What one pass found.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    values: Vec<Option<Cow<'a, str>>>,
    /// Values are kept as they are written.
    as_written: bool,
    ambiguous: bool,
}

/// The body is not one JSON document.
#[derive(Debug)]
pub(crate) struct NotJson;

#[derive(Clone, Debug, Default)]
struct Node {
    children: Vec<Child>,
    slot: Option<Slot>,
}

#[derive(Clone, Debug)]
struct Child {
    key: String,
    /// The key read as an array index.
    index: Option<usize>,
    node: Node,
}

impl Pointers {
    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The text of a pointer of this set.
    pub(crate) fn written_as(&self, slot: Slot) -> &str {
        &self.written[slot.0]
    }

    /// Adds a pointer such as `/data/0/id`; the same pointer twice takes one slot. The error is the
    /// rule that is broken.
    pub(crate) fn add(&mut self, pointer: &str) -> Result<Slot, String> {
        let tokens = pointer
            .strip_prefix('/')
            .ok_or_else(|| format!("json pointer `{pointer}` must start with `/`"))?;
        if let Some(known) = self.written.iter().position(|known| known == pointer) {
            return Ok(Slot(known));
        }
        if tokens.split('/').count() > POINTER_DEPTH_MAX {
            return Err(format!("json pointer `{pointer}` is deeper than {POINTER_DEPTH_MAX}"));
        }
        if self.written.len() == POINTERS_MAX {
            return Err(format!("more than {POINTERS_MAX} different json pointers"));
        }
        let tokens =
            tokens.split('/').map(unescape).collect::<Option<Vec<_>>>().ok_or_else(|| {
                format!("json pointer `{pointer}` has a `~` that is neither `~0` nor `~1`")
            })?;
        let slot = Slot(self.written.len());
        self.written.push(pointer.to_owned());
        tokens.into_iter().fold(&mut self.root, Node::child).slot = Some(slot);
        Ok(slot)
    }

    /// One pass over `body`.
    pub(crate) fn read<'a>(&self, body: &'a [u8]) -> Result<Values<'a>, NotJson> {
        self.pass(body, false)
    }

    /// One pass over `body` for [`Values::written`].
    pub(crate) fn read_written<'a>(&self, body: &'a [u8]) -> Result<Values<'a>, NotJson> {
        self.pass(body, true)
    }

    fn pass<'a>(&self, body: &'a [u8], as_written: bool) -> Result<Values<'a>, NotJson> {
        // Skipped strings are not checked for UTF-8 by the parser, and a document with a broken one
        // is not JSON; checking first also lets the parser trust the text.
        let text = std::str::from_utf8(body).map_err(|_| NotJson)?;
        let values = vec![None; self.written.len()];
        let mut values = Values { values, as_written, ambiguous: false };
        read_node(&self.root, text, &mut values)?;
        Ok(values)
    }
}

impl<'a> Values<'a> {
    /// What stands at a pointer, if it is a string, a number or a boolean.
    pub(crate) fn get(&self, slot: Slot) -> Option<&Cow<'a, str>> {
        self.values[slot.0].as_ref()
    }

    /// What stands at a pointer, byte by byte.
    pub(crate) fn written(&self, slot: Slot) -> Option<&'a str> {
        match self.values[slot.0] {
            Some(Cow::Borrowed(written)) if self.as_written => Some(written),
            _ => None,
        }
    }

    /// Whether some key on the way to a pointer was given twice in one object.
    pub(crate) fn ambiguous(&self) -> bool {
        self.ambiguous
    }
}

impl Node {
    fn child(&mut self, key: String) -> &mut Node {
        let position = self.children.iter().position(|child| child.key == key);
        let position = position.unwrap_or_else(|| {
            let index = array_index(&key);
            self.children.push(Child { key, index, node: Node::default() });
            self.children.len() - 1
        });
        &mut self.children[position].node
    }

    fn clear(&self, values: &mut Values<'_>) {
        if let Some(Slot(slot)) = self.slot {
            values.values[slot] = None;
        }
        self.children.iter().for_each(|child| child.node.clear(values));
    }
}

/// The elements of an array as they are written; nothing if it is none or has more than `max`.
pub(crate) fn elements(array: &str, max: usize) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    (elements.len() <= max).then(|| elements.into_iter().map(RawValue::get).collect())
}

fn unescape(token: &str) -> Option<String> {
    let mut pieces = token.split('~');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (plain, rest) = match piece.as_bytes().first()? {
            b'0' => ('~', &piece[1..]),
            b'1' => ('/', &piece[1..]),
            _ => return None,
        };
        text.push(plain);
        text.push_str(rest);
    }
    Some(text)
}

fn array_index(token: &str) -> Option<usize> {
    let is_index = token.bytes().all(|byte| byte.is_ascii_digit())
        && (token == "0" || !token.starts_with('0'));
    is_index.then(|| token.parse().ok()).flatten()
}

fn read_node<'a>(node: &Node, json: &'a str, values: &mut Values<'a>) -> Result<(), NotJson> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Inner { node, values }.deserialize(&mut deserializer).map_err(|_| NotJson)?;
    deserializer.end().map_err(|_| NotJson)
}

/// A value some pointer goes to or through.
struct Visit<'n, 'v, 'de> {
    node: &'n Node,
    values: &'v mut Values<'de>,
}

impl<'de> DeserializeSeed<'de> for Visit<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { node, values } = self;
        let Some(Slot(slot)) = node.slot else {
            return Inner { node, values }.deserialize(deserializer);
        };
        let raw = <&'de RawValue as serde::Deserialize>::deserialize(deserializer)?.get();
        values.values[slot] = if values.as_written { Some(raw.into()) } else { scalar(raw) };
        // Rare: one pointer is the beginning of another. The value is then walked a second time.
        if !node.children.is_empty() && raw.starts_with(['{', '[']) {
            read_node(node, raw, values).map_err(|NotJson| not_json())?;
        }
        Ok(())
    }
}

fn not_json<E: serde::de::Error>() -> E {
    E::custom("not json")
}

fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' if raw.contains('\\') => serde_json::from_str(raw).ok().map(Cow::Owned),
        b'"' => raw.get(1..raw.len() - 1).map(Cow::Borrowed),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// A value that only leads to pointers.
struct Inner<'n, 'v, 'de> {
    node: &'n Node,
    values: &'v mut Values<'de>,
}

impl<'de> DeserializeSeed<'de> for Inner<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { node, values } = self;
        let mut seen = 0_u64;
        while let Some(position) = map.next_key_seed(Key(&node.children))? {
            let Some(position) = position else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let child = &node.children[position].node;
            if seen & 1 << position != 0 {
                values.ambiguous = true;
                child.clear(values);
            }
            seen |= 1 << position;
            map.next_value_seed(Visit { node: child, values })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { node, values } = self;
        for index in 0.. {
            let wanted = node.children.iter().find(|child| child.index == Some(index));
            let more = match wanted {
                Some(child) => {
                    seq.next_element_seed(Visit { node: &child.node, values })?.is_some()
                }
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// An object key, read as the position of the child it names.
struct Key<'n>(&'n [Child]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|child| child.key == key))
    }
}

#[cfg(test)]
mod tests;
