//! `/v1/merchants/{id}/portal-tokens`

use postback_domain::limits::{PORTAL_TTL_MAX, PORTAL_TTL_MIN};
use serde_json::{Value, json};

use super::{Noun, refine};
use crate::operation::Content::{Nothing, View};
use crate::operation::{Operation, example_id, optional};
use crate::schema::whole;

const FILE: &str = "api/portal.rs";
const VIEW: &str = "PortalTokenView";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Portal tokens",
        about: "What lets a merchant's people in for a while, from a browser. One opens what the \
            scopes `read` and `write` open, of its merchant alone, and ends by itself.",
        operations: vec![create(), delete()],
        refinements: vec![refine(
            VIEW,
            "token",
            json!({"pattern": "^pbp_[0-9a-f]{32}_[0-9a-f]{64}$"}),
        )],
    }
}

fn create() -> Operation {
    let ttl = whole(PORTAL_TTL_MIN.as_secs()..=PORTAL_TTL_MAX.as_secs());
    Operation::new(
        "POST /v1/merchants/{merchant_id}/portal-tokens",
        "createPortalToken",
        "Mint a portal token",
    )
    .about("The only answer that shows the token.")
    .body(
        [optional("ttl_s", ttl, "How long it is good, in seconds. Without this, an hour.")],
        [("for a visit", json!({})), ("for ten minutes", json!({"ttl_s": 600}))],
    )
    .answers(201, "The token, shown this once.", View(FILE, VIEW))
    .example(example())
}

fn delete() -> Operation {
    Operation::new(
        "DELETE /v1/merchants/{merchant_id}/portal-tokens/{token_id}",
        "deletePortalToken",
        "Revoke a portal token",
    )
    .about("It opens nothing from now on.")
    .answers(204, "It is gone.", Nothing)
}

fn example() -> Value {
    json!({
        "id": example_id("ptk"), "merchant_id": example_id("mch"),
        "created_at": "2026-09-21T14:13:20.000Z", "expires_at": "2026-09-21T15:13:20.000Z",
        "token": format!("{}_{}", example_id("pbp"), "0123456789abcdef".repeat(4)),
    })
}
