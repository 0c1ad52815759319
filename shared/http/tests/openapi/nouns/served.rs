//! What needs no key: is it up, and what is it?

use serde_json::json;

use super::Noun;
use crate::operation::Content::Other;
use crate::operation::Operation;
use crate::schema::object;

pub(super) fn noun() -> Noun {
    Noun {
        tag: "About",
        about: "Is it up, and what can it do?",
        operations: vec![health(), document(), page(), script()],
        refinements: Vec::new(),
    }
}

fn health() -> Operation {
    let status = json!({"type": "string", "enum": ["ok"], "description": "Always `ok`."});
    Operation::new("GET /healthz", "readHealth", "Is it up?")
        .about("Says that the process serves. Says nothing of the store.")
        .answers(
            200,
            "It serves.",
            Other("application/json", object([("status".to_owned(), status, true)])),
        )
        .example(json!({"status": "ok"}))
}

fn document() -> Operation {
    let schema = json!({"type": "object", "description": "An OpenAPI 3.1 document."});
    Operation::new("GET /openapi.json", "readDocument", "This document").answers(
        200,
        "This document.",
        Other("application/json", schema),
    )
}

fn page() -> Operation {
    Operation::new("GET /docs", "readPage", "This document for people")
        .about("A page that shows this document. It loads nothing from anywhere else.")
        .answers(200, "The page.", Other("text/html", json!({"type": "string"})))
}

fn script() -> Operation {
    Operation::new("GET /docs/renderer.js", "readRenderer", "The page's script")
        .about("What draws the page; compressed with gzip, whatever was asked for.")
        .answers(200, "The script.", Other("text/javascript", json!({"type": "string"})))
}
