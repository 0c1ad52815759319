//! `/v1/sources` and their secrets

use postback_domain::limits::{SECRET_OVERLAP, SECRET_OVERLAP_MAX, SECRETS_PER_SOURCE_MAX};
use postback_domain::source::TOLERANCE_MAX;
use postback_verify::presets;
use serde_json::{Value, json};

use super::{Noun, page_of, refine};
use crate::operation::Content::{Nothing, Page, View};
use crate::operation::{Input, Operation, change, example_id, optional, required};
use crate::schema::{id, label, list as list_of, secret as secret_text, texts_by_name, whole};

const FILE: &str = "api/sources.rs";
const VIEW: &str = "SourceView";
const SECRETS: &str = "api/sources/secrets.rs";

pub(super) fn noun() -> Noun {
    Noun {
        tag: "Sources",
        about: "Provider connections, set up by the operator. A source says how its provider \
            signs and whom its events are for. Secrets go in and never come out.",
        operations: vec![
            create(),
            list(),
            read(),
            patch(),
            delete(),
            add_secret(),
            list_secrets(),
            delete_secret(),
        ],
        refinements: vec![refine(VIEW, "ingest_url", json!({"format": "uri"}))],
    }
}

fn create() -> Operation {
    Operation::new("POST /v1/sources", "createSource", "Create a source")
        .about(
            "Either `preset` or `scheme` says how the provider signs. A source that could never \
             verify a request is refused here.",
        )
        .body(
            [
                required("merchant_id", id("mch"), "Whom its events are for; stays so."),
                required("secrets", secrets(), SECRETS_ABOUT),
                preset(),
                scheme(),
                merchant_from(),
                name(),
                config(),
                tolerance(),
            ],
            [
                (
                    "a preset",
                    json!({
                        "merchant_id": example_id("mch"), "preset": "stripe", "name": "Stripe EU",
                        "secrets": ["whsec_an_example"], "tolerance_s": 300,
                    }),
                ),
                (
                    "a scheme of one's own",
                    json!({
                        "merchant_id": example_id("mch"), "secrets": ["an example"],
                        "scheme": own_scheme(), "config": {"url": "https://hooks.example/in"},
                    }),
                ),
            ],
        )
        .rule(json!({"oneOf": [{"required": ["preset"]}, {"required": ["scheme"]}]}))
        .answers(201, "The source; its provider posts to `ingest_url`.", View(FILE, VIEW))
        .example(example())
        .tagged()
        .codes(["not_found", "unknown_preset"])
}

fn list() -> Operation {
    Operation::new("GET /v1/sources", "listSources", "List sources")
        .about("All sources, newest first.")
        .query([change("merchant_id", id("mch"), "Of this merchant alone.")])
        .paged()
        .answers(200, "A page of sources.", Page(FILE, VIEW))
        .example(page_of(example()))
}

fn read() -> Operation {
    Operation::new("GET /v1/sources/{source_id}", "readSource", "Read a source")
        .answers(200, "The source.", View(FILE, VIEW))
        .example(example())
        .tagged()
}

fn patch() -> Operation {
    Operation::new("PATCH /v1/sources/{source_id}", "changeSource", "Change a source")
        .about(
            "Changes what the body names and leaves the rest. The whole must fit together \
             afterwards: secrets and configuration to the scheme. `secrets` replaces all secrets \
             at once; to change one while the provider goes on, add it under `/secrets`.",
        )
        .body(
            [
                change("secrets", secrets(), SECRETS_ABOUT),
                preset(),
                scheme(),
                merchant_from(),
                name(),
                config(),
                tolerance(),
            ],
            [
                ("another name", json!({"name": "Stripe Europe"})),
                ("no age check", json!({"tolerance_s": null})),
            ],
        )
        .rule(json!({"not": {"required": ["preset", "scheme"]}}))
        .answers(200, "The source as it is now.", View(FILE, VIEW))
        .example(example())
        .tagged()
        .codes(["changed_meanwhile", "unknown_preset"])
}

fn delete() -> Operation {
    Operation::new("DELETE /v1/sources/{source_id}", "deleteSource", "Delete a source")
        .about("Its ingest URL answers 404 from now on. Events that were accepted stay.")
        .answers(204, "It is gone.", Nothing)
}

fn add_secret() -> Operation {
    let overlap_about = format!(
        "How long the secrets before it stay good, in seconds; {} unless said otherwise. Null: \
         for good. 0: not at all.",
        SECRET_OVERLAP.as_secs()
    );
    Operation::new("POST /v1/sources/{source_id}/secrets", "addSourceSecret", "Rotate a secret")
        .about(
            "Adds a secret. Those before it stay good for a while, so that nothing is refused \
             while the provider changes over.",
        )
        .body(
            [
                required("secret", secret_text(), "The new secret, as the provider shows it."),
                optional("overlap_s", whole(0..=SECRET_OVERLAP_MAX.as_secs()), &overlap_about),
            ],
            [
                ("for three days", json!({"secret": "whsec_the_next_one"})),
                ("at once", json!({"secret": "whsec_the_one_after", "overlap_s": 0})),
            ],
        )
        .answers(201, "What is known of the new secret.", View(SECRETS, "SecretView"))
        .example(secret())
        .codes(["changed_meanwhile", "limit_reached", "secret_known"])
}

fn list_secrets() -> Operation {
    Operation::new("GET /v1/sources/{source_id}/secrets", "listSourceSecrets", "List secrets")
        .about(
            "What is known of the secrets, newest first, all in one answer: `next` is always \
             null. `last_used_at` tells when an old one can go.",
        )
        .query([])
        .answers(200, "All secrets of the source.", Page(SECRETS, "SecretView"))
        .example(page_of(secret()))
}

fn delete_secret() -> Operation {
    Operation::new(
        "DELETE /v1/sources/{source_id}/secrets/{secret_id}",
        "deleteSourceSecret",
        "Delete a secret",
    )
    .about("What is signed with it is refused from now on.")
    .answers(204, "It is gone.", Nothing)
    .codes(["changed_meanwhile", "last_secret"])
}

const SECRETS_ABOUT: &str = "What the provider signs with, as it shows it: a text, or a public key \
    as PEM where the preset says `public_key`. All of them are good. Never shown again.";

fn secrets() -> Value {
    list_of(1..=SECRETS_PER_SOURCE_MAX, secret_text())
}

fn preset() -> Input {
    let names: Vec<_> = presets().iter().map(|preset| preset.name.as_str()).collect();
    let schema = json!({"type": "string", "enum": names});
    change("preset", schema, "The name of a preset. Not beside `scheme`.")
}

fn scheme() -> Input {
    let record = json!({"type": "object"});
    change(
        "scheme",
        record,
        "A scheme of one's own, in the vocabulary of the presets (`shared/verify/README.md`). Not \
         beside `preset`. A mistake is told by its field, such as `scheme.sig[0].from`.",
    )
}

fn merchant_from() -> Input {
    let field = json!({"type": "string", "pattern": "^(json:/|form:.)"});
    optional(
        "merchant_from",
        field,
        "Where an event says whom it is for, by a merchant's `external_id`: `json:/pointer` or \
         `form:NAME`, in the body, which must be signed as a whole. What names nobody is for \
         `merchant_id`; what names somebody unknown ends as `NOT_APPLY` and can be recovered.",
    )
}

fn name() -> Input {
    optional("name", label(), "A name for people.")
}

fn config() -> Input {
    optional(
        "config",
        texts_by_name(),
        "What the scheme needs beside secrets, by name: the names in `config` of the preset.",
    )
}

fn tolerance() -> Input {
    optional(
        "tolerance_s",
        whole(1..=TOLERANCE_MAX.as_secs()),
        "How far a signed time may be from our clock, in seconds. Null: not checked. Without \
         this, what the scheme suggests. Only where the scheme signs a time.",
    )
}

fn own_scheme() -> Value {
    json!({
        "kind": "hmac", "hash": "sha256", "sig": [{"from": "header:X-Sign", "enc": "hex"}],
        "msg": "{config:url}{body}", "config": ["url"], "id": ["json:/id"],
    })
}

fn example() -> Value {
    let id = example_id("src");
    json!({
        "id": id, "merchant_id": example_id("mch"), "merchant_from": null, "name": "Stripe EU",
        "preset": "stripe",
        "secrets_count": 1, "config": {}, "tolerance_s": 300,
        "ingest_url": format!("https://hooks.platform.example/in/{id}"),
        "created_at": "2026-09-21T14:13:20.000Z",
    })
}

fn secret() -> Value {
    json!({
        "id": example_id("sec"), "created_at": "2026-09-21T14:13:20.000Z", "expires_at": null,
        "last_used_at": null,
    })
}
