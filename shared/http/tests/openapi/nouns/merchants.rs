//! `/v1/merchants`

use serde_json::{Value, json};

use super::{Noun, page_of};
use crate::operation::Content::{Page, View};
use crate::operation::{Input, Operation, change, example_id, optional, required};
use crate::schema::{label, retry_policy};

const FILE: &str = "api/merchants.rs";
const VIEW: &str = "MerchantView";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Merchants",
        about: "Tenants, set up by the operator. A merchant owns endpoints, keys and everything \
            that hangs on them.",
        operations: vec![create(), list(), read(), patch()],
        refinements: Vec::new(),
    }
}

fn create() -> Operation {
    Operation::new("POST /v1/merchants", "createMerchant", "Create a merchant")
        .about("Sets up a tenant. It can do nothing until it has a key.")
        .body(
            [
                required("name", label(), "A name for people."),
                external_id("What the platform calls this merchant; no two have the same."),
                policy(),
            ],
            [
                ("the least", json!({"name": "Shoe shop"})),
                (
                    "all fields",
                    json!({
                        "name": "Shoe shop", "external_id": "shop-1042",
                        "retry_policy": {"waits_s": [5, 60, 600, 3600]},
                    }),
                ),
            ],
        )
        .answers(201, "The merchant.", View(FILE, VIEW))
        .example(example())
        .tagged()
        .codes(["external_id_taken"])
}

fn list() -> Operation {
    Operation::new("GET /v1/merchants", "listMerchants", "List merchants")
        .about("All merchants, newest first.")
        .paged()
        .answers(200, "A page of merchants.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn read() -> Operation {
    Operation::new("GET /v1/merchants/{merchant_id}", "readMerchant", "Read a merchant")
        .answers(200, "The merchant.", View(FILE, VIEW))
        .example(example())
        .tagged()
}

fn patch() -> Operation {
    Operation::new("PATCH /v1/merchants/{merchant_id}", "changeMerchant", "Change a merchant")
        .about("Changes what the body names and leaves the rest. Null clears a field.")
        .body(
            [
                change("name", label(), "A name for people."),
                external_id("What the platform calls this merchant; null: nothing of its own."),
                policy(),
            ],
            [
                ("another name", json!({"name": "Shoes and more"})),
                ("patience as usual again", json!({"retry_policy": null})),
            ],
        )
        .answers(200, "The merchant as it is now.", View(FILE, VIEW))
        .example(example())
        .tagged()
        .codes(["changed_meanwhile", "external_id_taken"])
}

fn external_id(about: &str) -> Input {
    optional("external_id", label(), about)
}

fn policy() -> Input {
    optional(
        "retry_policy",
        retry_policy(),
        "How deliveries to its endpoints are tried again, unless an endpoint says otherwise. \
         Without one: after 5 s, 1 min, 10 min, 1 h, 6 h and 24 h.",
    )
}

fn example() -> Value {
    json!({
        "id": example_id("mch"), "name": "Shoe shop", "external_id": "shop-1042",
        "retry_policy": {"waits_s": [5, 60, 600, 3600]},
        "created_at": "2026-09-21T14:13:20.000Z",
    })
}
