//! Reads a JSON object field by field, so that every complaint names its field, and nothing that
//! was not asked for passes unnoticed.

use serde_json::{Map, Value};

/// Bytes in a short text.
const TEXT_BYTES_MAX: usize = 256;

/// A scheme record that breaks a rule of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scheme field `{field}`: {rule}")]
pub struct SchemeError {
    field: String,
    rule: String,
}

/// An object some of whose fields are still unread.
pub(super) struct Fields {
    path: String,
    unread: Map<String, Value>,
}

impl SchemeError {
    pub(super) fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }

    /// Where: the path of the field, such as `sig[0].enc`; `scheme` for the record as a whole.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The rule that is broken.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl Fields {
    pub(super) fn new(path: impl Into<String>, value: Value) -> Result<Self, SchemeError> {
        let path = path.into();
        match value {
            Value::Object(unread) => Ok(Self { path, unread }),
            _ => Err(SchemeError::new(path, "must be an object")),
        }
    }

    /// The full path of one of these fields.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn error(&self, key: &str, rule: impl Into<String>) -> SchemeError {
        SchemeError::new(self.path(key), rule)
    }

    /// The value of a field; `null` counts as left out.
    pub(super) fn value(&mut self, key: &str) -> Option<Value> {
        self.unread.remove(key).filter(|value| !value.is_null())
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Option<Fields>, SchemeError> {
        self.value(key).map(|value| Fields::new(self.path(key), value)).transpose()
    }

    /// A short text: a word, a name, a separator.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, SchemeError> {
        self.text_within(key, TEXT_BYTES_MAX)
    }

    /// A text of 1 to `max` bytes.
    pub(super) fn text_within(
        &mut self,
        key: &str,
        max: usize,
    ) -> Result<Option<String>, SchemeError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) if (1..=max).contains(&text.len()) => Ok(Some(text)),
            Some(_) => Err(self.error(key, format!("must be a text of 1 to {max} bytes"))),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool, SchemeError> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.error(key, "must be true or false")),
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn number(&mut self, key: &str, max: u64) -> Result<Option<u64>, SchemeError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = value.as_u64().filter(|number| *number <= max);
        let rule = || self.error(key, format!("must be a whole number from 0 to {max}"));
        number.map(Some).ok_or_else(rule)
    }

    /// A list of at most `max` texts; left out means empty.
    pub(super) fn texts(&mut self, key: &str, max: usize) -> Result<Vec<String>, SchemeError> {
        let rule = || self.error(key, format!("must be a list of at most {max} texts"));
        let list = match self.unread.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) if list.len() <= max => list
                .iter()
                .map(|item| {
                    item.as_str()
                        .filter(|text| (1..=TEXT_BYTES_MAX).contains(&text.len()))
                        .map(str::to_owned)
                })
                .collect::<Option<_>>()
                .ok_or_else(rule)?,
            Some(_) => return Err(rule()),
        };
        self.unread.remove(key);
        Ok(list)
    }

    /// One of a closed list of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, SchemeError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        chosen.map(Some).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.error(key, format!("`{text}` is not one of {}", words.join(", ")))
        })
    }

    /// Refuses fields that mean nothing here.
    pub(super) fn refuse(&self, keys: &[&str], why: &str) -> Result<(), SchemeError> {
        match keys.iter().find(|key| self.unread.get(**key).is_some_and(|value| !value.is_null())) {
            Some(key) => Err(self.error(key, why)),
            None => Ok(()),
        }
    }

    /// Refuses whatever nobody asked for.
    pub(super) fn finish(self) -> Result<(), SchemeError> {
        match self.unread.keys().next() {
            Some(key) => Err(self.error(key, "is not a field of the vocabulary")),
            None => Ok(()),
        }
    }
}
