//! `/v1/deliveries`

use serde_json::{Value, json};

use super::{Noun, page_of};
use crate::operation::Content::{Page, View};
use crate::operation::{Operation, change, example_id};
use crate::schema::{event_type, id, state, time};

const FILE: &str = "api/deliveries.rs";
const VIEW: &str = "DeliveryView";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Deliveries",
        about: "What is owed to whom, and how each attempt went.",
        operations: vec![list(), read(), retry()],
        refinements: Vec::new(),
    }
}

fn list() -> Operation {
    Operation::new("GET /v1/deliveries", "listDeliveries", "List deliveries")
        .about("Deliveries that all of the parameters fit, newest first.")
        .of_merchants()
        .query([
            change("state", state(), "In this state."),
            change("endpoint_id", id("end"), "To this endpoint."),
            change("event_type", event_type(), "Of an event of exactly this type."),
            change("since", time(), "Created at this time or later."),
            change("until", time(), "Created before this time."),
        ])
        .paged()
        .answers(200, "A page of deliveries.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn read() -> Operation {
    Operation::new("GET /v1/deliveries/{delivery_id}", "readDelivery", "Read a delivery")
        .about("With the log of its attempts.")
        .of_merchants()
        .answers(200, "The delivery.", View(FILE, VIEW))
        .example({
            let mut delivery = example();
            delivery["attempt_log"] = json!([{
                "number": 1, "round": 1, "at": "2026-09-21T14:13:20.040Z", "duration_ms": 87,
                "outcome": "accepted", "status": 200,
            }]);
            delivery
        })
}

fn retry() -> Operation {
    Operation::new("POST /v1/deliveries/{delivery_id}/retry", "retryDelivery", "Retry a delivery")
        .about(
            "Opens a delivery that has ended for a fresh round of tries, the first of them now. \
             One that was a `SUCCESS` is sent again. The body is not read.",
        )
        .of_merchants()
        .answers(202, "The delivery, pending again.", View(FILE, VIEW))
        .example({
            let mut delivery = example();
            delivery["state"] = "PENDING".into();
            delivery["round"] = 2.into();
            delivery["attempts"] = 0.into();
            delivery["next_attempt_at"] = "2026-09-22T08:00:00.000Z".into();
            delivery["finished_at"] = Value::Null;
            delivery["via"] = Value::Null;
            delivery
        })
        .codes(["delivery_pending", "nothing_to_send"])
}

fn example() -> Value {
    json!({
        "id": example_id("dlv"), "merchant_id": example_id("mch"), "event_id": example_id("evt"),
        "event_type": "charge.refunded", "endpoint_id": example_id("end"), "state": "SUCCESS",
        "round": 1, "attempts": 1, "next_attempt_at": null,
        "created_at": "2026-09-21T14:13:20.000Z", "finished_at": "2026-09-21T14:13:20.127Z",
        "via": "push", "failed_reason": null, "not_apply_reason": null, "addressee": null,
    })
}
