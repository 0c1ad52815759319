//! What people are told of each noun, one file a noun as in `src/api`.
//!
//! A new route is one more [`Operation`] in its noun's file; a new field of a body is one more
//! input there; a new field of a view comes by itself, with its comment.

mod audit;
mod dead_letters;
mod deliveries;
mod endpoints;
mod events;
mod ingest;
mod keys;
mod merchants;
mod portal;
mod presets;
mod pull;
mod recoveries;
mod served;
mod sources;

use serde_json::{Value, json};

use crate::operation::Operation;
use crate::views::Refinement;

/// A noun, its operations in the order of a first reading.
pub(crate) struct Noun {
    pub(crate) tag: &'static str,
    pub(crate) about: &'static str,
    pub(crate) operations: Vec<Operation>,
    /// What is known of fields of its views beyond their types.
    pub(crate) refinements: Vec<Refinement>,
}

impl Noun {
    pub(crate) fn as_tag(&self) -> Value {
        json!({"name": self.tag, "description": self.about})
    }
}

/// All of them.
pub(crate) fn nouns() -> Vec<Noun> {
    vec![
        merchants::noun(),
        keys::noun(),
        portal::noun(),
        presets::noun(),
        sources::noun(),
        ingest::noun(),
        endpoints::noun(),
        events::noun(),
        deliveries::noun(),
        pull::noun(),
        recoveries::noun(),
        dead_letters::noun(),
        audit::noun(),
        served::noun(),
    ]
}

/// A field of a view that has this schema as well.
fn refine(view: &'static str, field: &'static str, schema: Value) -> Refinement {
    Refinement { view, field, schema }
}

/// An example of a page with one row.
fn page_of(row: Value) -> Value {
    json!({"data": [row], "next": null})
}
