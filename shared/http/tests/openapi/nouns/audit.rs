//! `/v1/audit`

use postback_domain::audit::Action;
use serde_json::{Value, json};

use super::{Noun, page_of, refine};
use crate::operation::Content::Page;
use crate::operation::{Operation, change, example_id};
use crate::schema::time;

const FILE: &str = "api/audit.rs";
const VIEW: &str = "RecordView";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Audit",
        about: "Who did what, from where, and what it changed: one record of every administrative \
            act, written together with the change. Secrets are in none.",
        operations: vec![list()],
        refinements: vec![
            refine(VIEW, "action", actions()),
            refine(VIEW, "object_id", object()),
            refine(VIEW, "request_id", json!({"pattern": "^req_[0-9a-f]{16}$"})),
            refine("ActorView", "kind", json!({"enum": ["operator", "key", "portal"]})),
            refine("ActorView", "id", json!({"pattern": "^(key|ptk)_[0-9a-f]{32}$"})),
        ],
    }
}

fn list() -> Operation {
    let (mut action, mut object_id) = (actions(), object());
    action["type"] = "string".into();
    object_id["type"] = "string".into();
    let actor = json!({"type": "string", "pattern": "^(operator|(key|ptk)_[0-9a-f]{32})$"});
    Operation::new("GET /v1/audit", "listAudit", "List audit records")
        .about(
            "Records that all of the parameters fit, newest first. A merchant's administrator sees \
             what concerns its merchant, also what the operator did, but not from where the \
             operator did it, nor what is in a source. A page may be shorter than asked for and \
             still have a `next`.",
        )
        .of_merchants()
        .query([
            change("actor", actor, "Of what came with this key or portal token, or `operator`."),
            change("action", action, "Of this action."),
            change("object_id", object_id, "Of what was done to this."),
            change("since", time(), "Of this time or later."),
            change("until", time(), "Of before this time."),
        ])
        .paged()
        .answers(200, "A page of records.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn actions() -> Value {
    json!({"enum": Action::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>()})
}

fn object() -> Value {
    json!({"pattern": "^(mch|key|ptk|src|end|dlv)_[0-9a-f]{32}$"})
}

fn example() -> Value {
    json!({
        "id": example_id("aud"), "at": "2026-09-21T14:13:20.000Z",
        "actor": {"kind": "key", "id": example_id("key")}, "action": "merchant.updated",
        "merchant_id": example_id("mch"), "object_id": example_id("mch"),
        "from": {"ip": "192.0.2.7", "user_agent": "curl/8.9.1"},
        "request_id": "req_3188ebe1e0cd539c", "before": {"name": "Shoe shop"},
        "after": {"name": "Shoes and more"},
    })
}
