//! `/v1/merchants/{id}/keys`

use serde_json::{Value, json};

use super::{Noun, page_of, refine};
use crate::operation::Content::{Nothing, Page, View};
use crate::operation::{Operation, example_id, optional, required};
use crate::schema::{label, list as list_of, time};

const FILE: &str = "api/keys.rs";
const VIEW: &str = "KeyView";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Keys",
        about: "A merchant's API keys. The key itself is in the answer that creates it and \
            nowhere else.",
        operations: vec![create(), list(), delete()],
        refinements: vec![refine(
            VIEW,
            "key",
            json!({"pattern": "^pbk_[0-9a-f]{32}_[0-9a-f]{64}$"}),
        )],
    }
}

fn create() -> Operation {
    let scope = json!({"type": "string", "enum": ["read", "write", "pull", "admin"]});
    Operation::new("POST /v1/merchants/{merchant_id}/keys", "createKey", "Create a key")
        .about("The only answer that shows the key.")
        .body(
            [
                required("name", label(), "A name for people, such as where the key is used."),
                optional(
                    "scopes",
                    list_of(1..=4, scope),
                    "What it opens: `read` for GET, `write` for the rest, `pull` for fetching \
                     and acknowledging what could not be delivered, `admin` for the merchant \
                     itself, its keys, portal tokens and audit, and nothing else. Without this, \
                     `read` and `write`, which open pulling as well.",
                ),
                optional(
                    "expires_at",
                    time(),
                    "From when on it opens nothing; a time to come. Without this, never.",
                ),
            ],
            [
                ("reads and writes", json!({"name": "backend"})),
                (
                    "pulls for a while",
                    json!({
                        "name": "laptop", "scopes": ["pull"], "expires_at": "2099-12-31T00:00:00Z",
                    }),
                ),
            ],
        )
        .answers(201, "The key, shown this once.", View(FILE, VIEW))
        .example(shown_once())
}

fn list() -> Operation {
    Operation::new("GET /v1/merchants/{merchant_id}/keys", "listKeys", "List keys")
        .about("What is known of the keys; not they themselves.")
        .paged()
        .answers(200, "A page of keys.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn delete() -> Operation {
    Operation::new("DELETE /v1/merchants/{merchant_id}/keys/{key_id}", "deleteKey", "Delete a key")
        .about("It opens nothing from now on.")
        .answers(204, "It is gone.", Nothing)
}

fn example() -> Value {
    json!({
        "id": example_id("key"), "merchant_id": example_id("mch"), "name": "backend",
        "scopes": ["read", "write"], "created_at": "2026-09-21T14:13:20.000Z",
        "expires_at": null, "last_used_at": "2026-09-22T08:00:00.000Z",
    })
}

fn shown_once() -> Value {
    let mut key = example();
    key["last_used_at"] = Value::Null;
    let digits = example_id("pbk");
    key["key"] = format!("{digits}_{}", "0123456789abcdef".repeat(4)).into();
    key
}
