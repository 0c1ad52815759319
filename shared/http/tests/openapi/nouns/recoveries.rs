//! `/v1/endpoints/{id}/recover` and `/v1/recoveries`

use postback_domain::limits::{RECOVERY_PACE, RECOVERY_PACE_MAX};
use serde_json::{Value, json};

use super::{Noun, refine};
use crate::operation::Content::View;
use crate::operation::{Operation, example_id, optional, required};
use crate::schema::{list, time, whole};

const FILE: &str = "api/recoveries.rs";
const VIEW: &str = "RecoveryView";

pub(super) fn noun() -> Noun {
    let statuses = json!({"enum": ["running", "done", "cancelled", "endpoint_gone"]});
    Noun {
        tag: "Recoveries",
        about: "Orders to send an endpoint again what it missed in a span of time. An order goes \
            on by itself, whatever becomes of whoever gave it.",
        operations: vec![create(), read(), cancel()],
        refinements: vec![refine(VIEW, "status", statuses)],
    }
}

fn create() -> Operation {
    let ended = json!({"type": "string", "enum": ["SUCCESS", "FAILED", "NOT_APPLY"]});
    let pace = format!("How many are sent in a second; {RECOVERY_PACE} unless said otherwise.");
    Operation::new(
        "POST /v1/endpoints/{endpoint_id}/recover",
        "recoverEndpoint",
        "Send again what was missed",
    )
    .about(
        "Opens deliveries to this endpoint that have ended for a fresh round of tries, and makes \
         deliveries of events that nobody wanted and that it wants now; also of events for a \
         merchant that was not known, if this one is known by that `external_id` now. The newest \
         come first. What ended after the order was given is left alone, so nothing is sent twice \
         by one order. Small orders are done when the answer is there.",
    )
    .of_one_merchant()
    .body(
        [
            required("since", time(), "What was created at this time or later."),
            optional("until", time(), "And before this time; now unless said otherwise."),
            optional(
                "states",
                list(1..=3, ended),
                "What to send again; `FAILED` and `NOT_APPLY` unless said otherwise.",
            ),
            optional("per_second", whole(1..=u64::from(RECOVERY_PACE_MAX)), &pace),
        ],
        [
            ("since this morning", json!({"since": "2026-09-21T06:00:00Z"})),
            (
                "everything of an hour, slowly",
                json!({
                    "since": "2026-09-21T06:00:00Z", "until": "2026-09-21T07:00:00Z",
                    "states": ["SUCCESS", "FAILED", "NOT_APPLY"], "per_second": 5,
                }),
            ),
        ],
    )
    .answers(202, "The order; `location` is where to look at it.", View(FILE, VIEW))
    .example(example())
    .located()
}

fn read() -> Operation {
    Operation::new("GET /v1/recoveries/{recovery_id}", "readRecovery", "Read a recovery")
        .about("How far it has come.")
        .of_merchants()
        .answers(200, "The order as it stands.", View(FILE, VIEW))
        .example(example())
}

fn cancel() -> Operation {
    Operation::new(
        "POST /v1/recoveries/{recovery_id}/cancel",
        "cancelRecovery",
        "Cancel a recovery",
    )
    .about(
        "Stops an order that is running. What it has made due stays due; one that has ended stays \
         as it is. The body is not read.",
    )
    .of_merchants()
    .answers(200, "The order as it stands.", View(FILE, VIEW))
    .example({
        let mut order = example();
        order["status"] = "cancelled".into();
        order["finished_at"] = "2026-09-21T14:15:00.000Z".into();
        order
    })
}

fn example() -> Value {
    json!({
        "id": example_id("rec"), "merchant_id": example_id("mch"),
        "endpoint_id": example_id("end"), "since": "2026-09-21T06:00:00.000Z",
        "until": "2026-09-21T14:13:20.000Z", "states": ["FAILED", "NOT_APPLY"], "per_second": 50,
        "status": "running", "looked_at": 700, "recovered": 612,
        "reached_at": "2026-09-21T11:02:07.311Z", "created_at": "2026-09-21T14:13:20.000Z",
        "finished_at": null,
    })
}
