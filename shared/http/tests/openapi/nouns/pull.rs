//! `/v1/account` and `/v1/failed`

use postback_domain::limits::{PULL_HOLD, PULL_HOLD_MAX, PULL_ROWS, PULL_ROWS_MAX};
use serde_json::json;

use super::{Noun, refine};
use crate::operation::Content::View;
use crate::operation::{Operation, example_id, optional, required};
use crate::schema::{id, list, whole};

const FILE: &str = "api/pull.rs";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Pull",
        about: "A merchant whose endpoint could not be reached, or is not called at all, fetches what \
            it is owed, and acknowledges it.",
        operations: vec![account(), claim(), acknowledge()],
        refinements: vec![refine("ItemView", "body_base64", json!({"contentEncoding": "base64"}))],
    }
}

fn account() -> Operation {
    Operation::new("GET /v1/account", "readAccount", "Is there something to fetch?")
        .of_one_merchant()
        .opens_to_pull()
        .answers(200, "The merchant, as far as it matters here.", View(FILE, "AccountView"))
        .example(json!({
            "merchant_id": example_id("mch"), "name": "Shoe shop", "external_id": null,
            "has_failed_deliveries": true,
        }))
}

fn claim() -> Operation {
    let limit = format!("How many to fetch at most; {PULL_ROWS} unless said otherwise.");
    let hold = format!(
        "How long they are held for whoever fetched them, in seconds; {} unless said otherwise.",
        PULL_HOLD.as_secs()
    );
    Operation::new("POST /v1/failed/claim", "claimFailed", "Fetch failed deliveries")
        .about(
            "Fetches `FAILED` deliveries, and `PENDING` ones to endpoints of the kind `pull`, \
             oldest first, and holds them, so that nobody else fetches the same. What is not acknowledged by then can be fetched again. Each has \
             the headers and the bytes that a push would have had, so that the same code checks \
             its signature.",
        )
        .of_one_merchant()
        .opens_to_pull()
        .body(
            [
                optional("limit", whole(1..=PULL_ROWS_MAX as u64), &limit),
                optional("lease_s", whole(1..=PULL_HOLD_MAX.as_secs()), &hold),
            ],
            [("as usual", json!({})), ("many, for long", json!({"limit": 100, "lease_s": 3600}))],
        )
        .answers(200, "What was fetched; nothing is an empty list.", View(FILE, "ClaimView"))
        .example(json!({
            "data": [{
                "delivery_id": example_id("dlv"), "event_id": example_id("evt"),
                "event_type": "charge.refunded",
                "headers": {
                    "content-type": "application/json", "webhook-id": example_id("evt"),
                    "webhook-timestamp": "1790000000",
                    "webhook-signature": "v1,q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=",
                },
                "body_base64": "eyJpZCI6ImV2dF8xIn0=",
            }],
            "has_more": false, "lease_until": "2026-09-21T14:18:20.000Z",
        }))
}

fn acknowledge() -> Operation {
    Operation::new("POST /v1/failed/ack", "acknowledgeFailed", "Acknowledge failed deliveries")
        .about("Ends deliveries as a `SUCCESS` via `pull`. Naming one twice does no harm.")
        .of_one_merchant()
        .opens_to_pull()
        .body(
            [required(
                "delivery_ids",
                list(1..=PULL_ROWS_MAX, id("dlv")),
                "Those that the merchant has got.",
            )],
            [("one of them", json!({"delivery_ids": [example_id("dlv")]}))],
        )
        .answers(200, "What became of each.", View(FILE, "AckView"))
        .example(json!({"acknowledged": [example_id("dlv")], "pending": [], "unknown": []}))
}
