//! `/in/{source_id}`

use postback_domain::limits::BODY_BYTES_MAX;
use serde_json::json;

use super::Noun;
use crate::operation::Content::Other;
use crate::operation::Operation;

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Ingest",
        about: "Where providers post. The signature is the key.",
        operations: vec![take(), greet()],
        refinements: Vec::new(),
    }
}

fn take() -> Operation {
    let about =
        format!("The provider's bytes, in whatever format it has, at most {BODY_BYTES_MAX}.");
    Operation::new("POST /in/{source_id}", "takeEvent", "Take an event in")
        .about(
            "Verifies the provider's signature over the exact bytes, and answers once the event \
             will survive whatever happens next. A repeat is answered like the first. Which \
             headers or parameters have the signature is the provider's; `GET /v1/presets` names \
             their descriptions. A request that is a handshake is answered as the provider wants \
             it, and is no event.",
        )
        .raw_body(json!({
            "required": true, "description": about,
            "content": {"*/*": {"schema": {}}},
        }))
        .answers_any(
            "Accepted, with the status and the body that the provider expects: mostly 200 and none.",
            Other("*/*", json!({})),
        )
        .codes([
            "unreadable_body",
            "signature_refused",
            "not_found",
            "body_too_large",
            "unavailable",
        ])
}

fn greet() -> Operation {
    Operation::new("GET /in/{source_id}", "greetProvider", "Answer a handshake")
        .about(
            "Some providers begin with a GET that has to be answered in a certain way. For the \
             other sources, and for none, there is no such method.",
        )
        .answers_any("The answer that the provider wants.", Other("*/*", json!({})))
        .codes(["method_not_allowed", "unavailable"])
}
