//! Short texts that people give to things, with their limits.

use serde::{Deserialize, Serialize};

use crate::limits::NAME_BYTES_MAX;

/// A name, a description or an id of the caller's own: not empty, bounded, one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Label(String);

/// A text that is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing in it.
    #[error("text must not be empty")]
    Empty,
    /// Too long.
    #[error("text of {0} bytes must have at most {NAME_BYTES_MAX}")]
    TooLong(usize),
    /// Line breaks and the like would break logs, headers and tables.
    #[error("text must not contain control characters")]
    ControlCharacter,
}

impl Label {
    /// The only way in.
    ///
    /// # Errors
    /// When the text is empty, longer than [`NAME_BYTES_MAX`], or has control characters.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LabelError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(LabelError::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(LabelError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_ordinary_text_and_refuses_the_rest() {
        assert_eq!(Label::parse(" Café Zürich ").unwrap().as_str(), "Café Zürich");
        assert_eq!(Label::parse("  "), Err(LabelError::Empty));
        assert_eq!(Label::parse("a\nb"), Err(LabelError::ControlCharacter));
        assert_eq!(Label::parse(&"x".repeat(201)), Err(LabelError::TooLong(201)));
    }
}
