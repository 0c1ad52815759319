//! Between rows of the flow and nouns: one file a noun.

pub(crate) mod delivery;
pub(crate) mod event;
