//! `/v1/events`

use serde_json::{Value, json};

use super::{Noun, page_of, refine};
use crate::operation::Content::{Page, View};
use crate::operation::{Operation, change, example_id};
use crate::schema::{event_type, id, time};

const FILE: &str = "api/events.rs";
const VIEW: &str = "EventView";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Events",
        about: "What providers told us, and what became of it.",
        operations: vec![list(), read()],
        refinements: vec![refine(VIEW, "body_base64", json!({"contentEncoding": "base64"}))],
    }
}

fn list() -> Operation {
    Operation::new("GET /v1/events", "listEvents", "List events")
        .about("Events that all of the parameters fit, newest first.")
        .of_merchants()
        .query([
            change("source_id", id("src"), "From this source."),
            change("type", event_type(), "Of exactly this type."),
            change("since", time(), "Received at this time or later."),
            change("until", time(), "Received before this time."),
        ])
        .paged()
        .answers(200, "A page of events.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn read() -> Operation {
    let body = json!({"type": "string", "enum": ["body"]});
    Operation::new("GET /v1/events/{event_id}", "readEvent", "Read an event")
        .of_merchants()
        .query([change("include", body, "`body`: the exact bytes as well.")])
        .answers(200, "The event.", View(FILE, VIEW))
        .example({
            let mut event = example();
            event["content_type"] = "application/json".into();
            event["body_base64"] = "eyJpZCI6ImV2dF8xIn0=".into();
            event
        })
}

fn example() -> Value {
    json!({
        "id": example_id("evt"), "merchant_id": example_id("mch"), "source_id": example_id("src"),
        "provider_event_id": "evt_1", "type": "charge.refunded",
        "received_at": "2026-09-21T14:13:20.000Z", "size_bytes": 14, "conflicts": 0,
        "state": "SUCCESS",
        "deliveries": [
            {"id": example_id("dlv"), "endpoint_id": example_id("end"), "state": "SUCCESS"},
        ],
    })
}
