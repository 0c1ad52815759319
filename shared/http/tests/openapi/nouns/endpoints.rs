//! `/v1/endpoints`

use postback_domain::limits::{
    ATTEMPT_TIMEOUT, ATTEMPT_TIMEOUT_MAX, EVENT_TYPE_BYTES_MAX, FILTERS_PER_ENDPOINT_MAX,
    HEADERS_PER_ENDPOINT_MAX, RATE_LIMIT_MAX, RATE_LIMIT_MIN, SIGNING_OVERLAP, SIGNING_OVERLAP_MAX,
    URL_BYTES_MAX,
};
use serde_json::{Value, json};

use super::{Noun, page_of, refine};
use crate::operation::Content::{Nothing, Page, View};
use crate::operation::{Input, Operation, change, example_id, optional};
use crate::schema::{event_filter, event_type, flag, label, list as list_of, retry_policy, whole};

const FILE: &str = "api/endpoints.rs";
const VIEW: &str = "EndpointView";

pub(super) fn noun() -> Noun {
    let secret = || json!({"pattern": "^whsec_[A-Za-z0-9+/=]+$"});
    Noun {
        tag: "Endpoints",
        about: "Where a merchant's events go, and which each wants. Every request to one is signed \
            after Standard Webhooks with the endpoint's secret. One of the kind `pull` is not called: \
            what it is owed waits under `/v1/failed` until the merchant fetches it.",
        operations: vec![create(), list(), read(), patch(), delete(), rotate(), test()],
        refinements: vec![
            refine(VIEW, "kind", json!({"enum": ["push", "pull"]})),
            refine(VIEW, "url", json!({"format": "uri"})),
            refine(VIEW, "secret", secret()),
            refine("RotatedView", "secret", secret()),
            refine("HealthView", "reason", json!({"enum": ["asked", "gone"]})),
        ],
    }
}

fn create() -> Operation {
    let mut inputs = vec![change("kind", kind(), KIND_ABOUT), change("url", url(), URL_ABOUT)];
    inputs.extend(chosen());
    Operation::new("POST /v1/endpoints", "createEndpoint", "Create an endpoint")
        .about("The only answer that shows the secret.")
        .of_one_merchant()
        .body(
            inputs,
            [
                ("the least", json!({"url": "https://shop.example/hooks"})),
                ("all fields", json!({
                    "url": "https://shop.example/hooks", "event_types": ["charge.*", "payout.paid"],
                    "description": "orders", "enabled": true, "timeout_s": 10,
                    "retry_policy": {"waits_s": [5, 60]}, "headers": {"x-api-key": "an example"},
                })),
                ("without a URL", json!({"kind": "pull", "event_types": ["charge.*"]})),
            ],
        )
        .rule(json!({"oneOf": [
            {"required": ["url"], "properties": {"kind": {"const": "push"}}},
            {
                "required": ["kind"],
                "properties": {
                    "kind": {"const": "pull"}, "url": false, "enabled": false,
                    "retry_policy": {"type": "null"}, "timeout_s": {"type": "null"},
                    "rate_limit_per_s": {"type": "null"},
                    "headers": {"type": "null"},
                },
            },
        ]}))
        .answers(201, "The endpoint, with its secret, shown this once.", View(FILE, VIEW))
        .example(shown_once())
        .tagged()
        .codes(["limit_reached"])
}

fn list() -> Operation {
    Operation::new("GET /v1/endpoints", "listEndpoints", "List endpoints")
        .about("The endpoints of one merchant, newest first.")
        .of_one_merchant()
        .paged()
        .answers(200, "A page of endpoints.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn read() -> Operation {
    Operation::new("GET /v1/endpoints/{endpoint_id}", "readEndpoint", "Read an endpoint")
        .of_one_merchant()
        .query([])
        .answers(200, "The endpoint.", View(FILE, VIEW))
        .example(example())
        .tagged()
}

fn patch() -> Operation {
    let mut inputs = vec![change("url", url(), URL_ABOUT)];
    inputs.extend(chosen());
    Operation::new("PATCH /v1/endpoints/{endpoint_id}", "changeEndpoint", "Change an endpoint")
        .about(
            "Changes what the body names and leaves the rest. Null brings back what a field is \
             when nobody says otherwise. Switching an endpoint on has what waited for it tried \
             at once.",
        )
        .of_one_merchant()
        .body(
            inputs,
            [
                ("switch it off", json!({"enabled": false})),
                ("every event again", json!({"event_types": null})),
            ],
        )
        .answers(200, "The endpoint as it is now.", View(FILE, VIEW))
        .example(example())
        .tagged()
        .codes(["changed_meanwhile"])
}

fn delete() -> Operation {
    Operation::new("DELETE /v1/endpoints/{endpoint_id}", "deleteEndpoint", "Delete an endpoint")
        .about("What it was still owed ends as `FAILED`, and can be pulled.")
        .of_one_merchant()
        .answers(204, "It is gone.", Nothing)
}

fn rotate() -> Operation {
    let about = format!(
        "How long the secret before it goes on signing beside the new one, in seconds; {} unless \
         said otherwise. 0: not at all.",
        SIGNING_OVERLAP.as_secs()
    );
    Operation::new(
        "POST /v1/endpoints/{endpoint_id}/secret/rotate",
        "rotateEndpointSecret",
        "Rotate the secret",
    )
    .about(
        "A new signing secret, shown in this answer and nowhere else. While both are good, \
         requests have a signature of each.",
    )
    .of_one_merchant()
    .body(
        [optional("overlap_s", whole(0..=SIGNING_OVERLAP_MAX.as_secs()), &about)],
        [("as usual", json!({})), ("within the hour", json!({"overlap_s": 3600}))],
    )
    .answers(200, "The new secret.", View("api/endpoints/rotation.rs", "RotatedView"))
    .example(json!({
        "id": example_id("end"), "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "previous_expires_at": "2026-09-22T14:13:20.000Z",
    }))
    .codes(["changed_meanwhile", "limit_reached", "secret_known"])
}

fn test() -> Operation {
    Operation::new("POST /v1/endpoints/{endpoint_id}/test", "testEndpoint", "Test an endpoint")
        .about(
            "Sends one signed request, and answers with how it was answered. Where a provider of \
             the merchant's has a sample of this type, it is that one. It is in no list and is \
             not tried again.",
        )
        .of_one_merchant()
        .body(
            [optional(
                "event_type",
                event_type(),
                "The type of the event; `postback.test` unless said otherwise.",
            )],
            [("anything", json!({})), ("a refund", json!({"event_type": "charge.refunded"}))],
        )
        .codes(["not_called"])
        .answers(200, "How it went.", View("api/endpoints/trial.rs", "TrialView"))
        .example(json!({
            "accepted": false, "event_id": example_id("evt"), "event_type": "charge.refunded",
            "attempt": {
                "number": 1, "round": 1, "at": "2026-09-21T14:13:20.000Z", "duration_ms": 41,
                "outcome": "server_error", "status": 500, "response_excerpt": "no such table",
            },
        }))
}

const KIND_ABOUT: &str = "How events get there: we `push` them to `url`, or the merchant fetches them by \
    `pull`, and nothing that is said of calls may be given. `push` unless said otherwise; stays so.";

fn kind() -> Value {
    json!({"type": "string", "enum": ["push", "pull"]})
}

const URL_ABOUT: &str = "Where to post to: https, the name of a public host, port 443 or one from 1024 on that is no \
     other protocol's, no credentials and no fragment.";

fn url() -> Value {
    json!({"type": "string", "format": "uri", "minLength": 1, "maxLength": URL_BYTES_MAX})
}

/// What may be chosen at any time.
fn chosen() -> Vec<Input> {
    let timeout_about = format!(
        "How long an attempt may take in all, in seconds; {} unless said otherwise.",
        ATTEMPT_TIMEOUT.as_secs()
    );
    let types_about = format!(
        "Which events it wants: `*` for all, `charge.*` for a family, `charge.refunded` for \
         itself; each of at most {EVENT_TYPE_BYTES_MAX} bytes. Every event unless said otherwise."
    );
    vec![
        optional(
            "event_types",
            list_of(1..=FILTERS_PER_ENDPOINT_MAX, event_filter()),
            &types_about,
        ),
        optional("description", label(), "A word for people."),
        change(
            "enabled",
            flag(),
            "Whether it is called. What it is owed waits for it while it is not.",
        ),
        optional(
            "retry_policy",
            retry_policy(),
            "How deliveries to it are tried again; as its merchant's unless said otherwise.",
        ),
        optional("timeout_s", whole(1..=ATTEMPT_TIMEOUT_MAX.as_secs()), &timeout_about),
        optional(
            "rate_limit_per_s",
            json!({"type": "number", "minimum": RATE_LIMIT_MIN, "maximum": RATE_LIMIT_MAX}),
            "How often it is called in a second at most, to the thousandth; what comes faster waits \
             for its turn, without using a try. As often as there is something to send unless said \
             otherwise.",
        ),
        optional("headers", headers(), HEADERS_ABOUT),
    ]
}

const HEADERS_ABOUT: &str = "Headers to send along, such as a key for the merchant's gateway. Names \
    are letters, digits, `-` and `_`, values printable ASCII; names of Postback's and of HTTP's own \
    are refused. Values are never shown again.";

fn headers() -> Value {
    json!({
        "type": "object",
        "maxProperties": HEADERS_PER_ENDPOINT_MAX,
        "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "additionalProperties": {"type": "string", "pattern": "^[ -~]{1,1024}$"},
    })
}

fn example() -> Value {
    json!({
        "id": example_id("end"), "merchant_id": example_id("mch"), "kind": "push",
        "url": "https://shop.example/hooks", "event_types": ["charge.*", "payout.paid"],
        "description": "orders", "enabled": true, "retry_policy": {"waits_s": [5, 60]},
        "timeout_s": 10, "rate_limit_per_s": null, "header_names": ["x-api-key"], "health": {"status": "enabled"},
        "created_at": "2026-09-21T14:13:20.000Z",
    })
}

fn shown_once() -> Value {
    let mut endpoint = example();
    endpoint["secret"] = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into();
    endpoint
}
