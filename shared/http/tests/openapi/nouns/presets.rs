//! `/v1/presets`

use serde_json::json;

use super::{Noun, page_of};
use crate::operation::Content::Page;
use crate::operation::Operation;

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Presets",
        about: "The providers whose signature scheme is known.",
        operations: vec![list()],
        refinements: Vec::new(),
    }
}

fn list() -> Operation {
    Operation::new("GET /v1/presets", "listPresets", "List presets")
        .about(
            "All of them in one answer: they come with this version of Postback, so `next` is \
             always null. `preset` of a source is the `name` of one.",
        )
        .query([])
        .answers(200, "All presets.", Page("api/presets.rs", "PresetView"))
        .example(page_of(json!({
            "name": "stripe", "title": "Stripe", "docs": "https://docs.stripe.com/webhooks",
            "confidence": "VVD", "config": [], "covers_body": true, "replay_protection": true,
            "expects": "any 2xx, quickly", "batch": false, "public_key": false, "caveats": [],
            "event_types": ["charge.refunded", "payment_intent.succeeded"],
        })))
}
