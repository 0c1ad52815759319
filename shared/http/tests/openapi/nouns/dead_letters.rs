//! `/v1/dead-letters`

use postback_domain::limits::{REDRIVE_ROWS, REDRIVE_ROWS_MAX};
use serde_json::json;

use super::{Noun, page_of};
use crate::operation::Content::{Page, View};
use crate::operation::{Input, Operation, change, example_id, optional};
use crate::schema::{event_type, flag, id, list as list_of, time, whole};

const FILE: &str = "api/dead_letters.rs";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Dead letters",
        about: "What was given up, of all merchants, and its way back.",
        operations: vec![list(), redrive()],
        refinements: Vec::new(),
    }
}

fn list() -> Operation {
    Operation::new("GET /v1/dead-letters", "listDeadLetters", "List dead letters")
        .about("`FAILED` deliveries, newest first.")
        .query([
            change("merchant_id", id("mch"), "Of this merchant alone."),
            change("endpoint_id", id("end"), "To this endpoint."),
            change("event_type", event_type(), "Of an event of exactly this type."),
            change("since", time(), "Created at this time or later."),
            change("until", time(), "Created before this time."),
        ])
        .paged()
        .answers(200, "A page of deliveries.", Page("api/deliveries.rs", "DeliveryView"))
        .example(page_of(json!({
            "id": example_id("dlv"), "merchant_id": example_id("mch"),
            "event_id": example_id("evt"), "event_type": "charge.refunded",
            "endpoint_id": example_id("end"), "state": "FAILED", "round": 1, "attempts": 7,
            "next_attempt_at": null, "created_at": "2026-09-21T14:13:20.000Z",
            "finished_at": "2026-09-22T21:24:25.000Z", "via": null, "failed_reason": "tries_used",
            "not_apply_reason": null, "addressee": null,
        })))
}

fn redrive() -> Operation {
    let ids_about = format!(
        "These and no others, as far as the rest of the body takes them; at most \
         {REDRIVE_ROWS_MAX}. Without it, all that the rest takes."
    );
    let limit_about = format!(
        "How many at most; {REDRIVE_ROWS} unless said otherwise, and as many as are named where \
         `delivery_ids` names some."
    );
    Operation::new("POST /v1/dead-letters/redrive", "redriveDeadLetters", "Redrive dead letters")
        .about(
            "Opens `FAILED` deliveries for a fresh round of tries. A dry run unless `dry_run` is \
             false. With more than `limit`, or when the search takes long, ask again.",
        )
        .body(
            [
                optional("merchant_id", id("mch"), "Of this merchant."),
                optional("endpoint_id", id("end"), "To this endpoint."),
                optional("event_type", event_type(), "Of an event of exactly this type."),
                optional("since", time(), "Created at this time or later."),
                optional("until", time(), "Created before this time."),
                optional("delivery_ids", list_of(1..=REDRIVE_ROWS_MAX, id("dlv")), &ids_about),
                limit(&limit_about),
                optional(
                    "dry_run",
                    flag(),
                    "True unless said otherwise: find them and do nothing.",
                ),
            ],
            [
                ("what would come back", json!({"endpoint_id": example_id("end")})),
                (
                    "these two",
                    json!({
                        "delivery_ids": [
                            example_id("dlv"), "dlv_0198c2f04d7a4be39d1c5a6f7b8e9d02",
                        ],
                        "dry_run": false,
                    }),
                ),
            ],
        )
        .answers(200, "What was done, or would be.", View(FILE, "Redriven"))
        .example(json!({
            "matched": 1, "redriven": 1, "delivery_ids": [example_id("dlv")], "dry_run": false,
        }))
}

fn limit(about: &str) -> Input {
    optional("limit", whole(1..=REDRIVE_ROWS_MAX as u64), about)
}
