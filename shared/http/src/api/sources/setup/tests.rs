use super::*;
use postback_domain::rotation::Owner;
use postback_domain::source::SourceSecret;
use serde_json::{Value, json};

use crate::problem::FieldProblem;

const MERCHANT: &str = "mch_00000000000000000000000000000001";

fn fields<T>(
    body: Value,
    parse: impl FnOnce(&mut Fields) -> Result<T, Problem>,
) -> Result<T, FieldProblem> {
    let read = Fields::read(body.as_object().expect("an object").clone(), parse);
    read.map_err(|problem| match problem {
        Problem::Field(field) => field,
        other => panic!("{other:?} is not about a field"),
    })
}

fn create(body: Value) -> Result<Source, FieldProblem> {
    let (id, now) = (SourceId::from_bits(1), Timestamp::from_millis(0));
    fields(body, |fields| source(fields, id, now))
}

fn stripe() -> Source {
    create(json!({"merchant_id": MERCHANT, "preset": "stripe", "secrets": ["whsec_a"]})).unwrap()
}

fn own() -> Value {
    json!({
        "kind": "hmac", "hash": "sha256", "sig": [{"from": "header:s", "enc": "hex"}],
        "msg": "{config:url}{body}", "config": ["url"],
    })
}

#[test]
fn sources_are_created_from_a_preset_or_a_scheme() {
    let source = stripe();
    assert_eq!((source.revision, source.secrets.len()), (1, 1));
    assert_eq!(source.tolerance, Tolerance::SchemeDefault);
    let source = create(json!({
        "merchant_id": MERCHANT, "scheme": own(), "secrets": ["a", "b"], "name": "Own",
        "config": {"url": "https://shop.example/"}, "tolerance_s": null,
    }));
    let source = source.unwrap();
    assert_eq!(source.tolerance, Tolerance::Unchecked);
    assert_eq!(source.config.get("url"), Some("https://shop.example/"));
}

#[test]
fn what_could_never_verify_is_refused_by_field() {
    for (changes, code, field) in [
        (json!({"merchant_id": null}), "missing_field", "merchant_id"),
        (json!({"preset": "strype"}), "unknown_preset", "preset"),
        (json!({"preset": null}), "invalid_field", "preset"),
        (json!({"scheme": own()}), "invalid_field", "scheme"),
        (json!({"preset": null, "scheme": "own"}), "invalid_field", "preset"),
        (json!({"secrets": []}), "invalid_field", "secrets"),
        (json!({"secrets": null}), "invalid_field", "secrets"),
        (json!({"secrets": [""]}), "invalid_field", "secrets"),
        (json!({"secrets": ["a", "b", "c", "d", "e", "f"]}), "invalid_field", "secrets"),
        (
            json!({"preset": "standard-webhooks", "secrets": ["hidden!"]}),
            "invalid_field",
            "secrets",
        ),
        (json!({"secrets": [{"hidden": 1}]}), "invalid_field", "secrets"),
        (json!({"config": {"url": "x"}}), "invalid_field", "config"),
        (json!({"config": []}), "invalid_field", "config"),
        (json!({"tolerance_s": 0}), "invalid_field", "tolerance_s"),
        (json!({"tolerance_s": 604_801}), "invalid_field", "tolerance_s"),
        (json!({"tolerance_s": 1.5}), "invalid_field", "tolerance_s"),
        (json!({"preset": "shopify", "tolerance_s": 300}), "invalid_field", "tolerance_s"),
        (json!({"secret": "a"}), "unknown_field", "secret"),
    ] {
        let mut body = json!({"merchant_id": MERCHANT, "preset": "stripe", "secrets": ["a"]});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = create(body).expect_err(&changes.to_string());
        assert_eq!((refused.code, refused.field.as_str()), (code, field), "{changes}");
        assert!(!refused.detail.contains("hidden"), "{}", refused.detail);
    }
    let bare = json!({"merchant_id": MERCHANT, "secrets": ["a"]});
    assert_eq!(create(bare).unwrap_err().field, "preset");
    let bare = json!({"merchant_id": MERCHANT, "preset": "stripe"});
    assert_eq!(create(bare).unwrap_err().field, "secrets");
}

#[test]
fn a_patch_changes_what_it_names() {
    let patched = |mut source: Source, body: Value| {
        let change = fields(body, Change::read)?;
        change.apply(&mut source, Timestamp::from_millis(0)).map(|()| source).map_err(|problem| {
            match problem {
                Problem::Field(field) => field,
                other => panic!("{other:?} is not about a field"),
            }
        })
    };
    let before = Source { name: Label::parse("Old").ok(), ..stripe() };
    let next = |source: Source| Source { revision: 2, ..source };
    let within = |secs| Tolerance::Within(Duration::from_secs(secs));
    for (body, expected) in [
        (json!({}), before.clone()),
        (json!({"name": null}), Source { name: None, ..before.clone() }),
        (
            json!({"secrets": ["new", "old"]}),
            Source {
                secrets: SourceSecret::set(
                    Owner::source(before.id, 2),
                    Timestamp::from_millis(0),
                    ["new", "old"].map(Secret::new),
                ),
                ..before.clone()
            },
        ),
        (json!({"tolerance_s": 60}), Source { tolerance: within(60), ..before.clone() }),
        (
            json!({"tolerance_s": null}),
            Source { tolerance: Tolerance::Unchecked, ..before.clone() },
        ),
        (json!({"config": null}), before.clone()),
    ] {
        assert_eq!(patched(before.clone(), body.clone()), Ok(next(expected)), "{body}");
    }
    // The secrets that stay must fit the scheme that comes.
    let refused = patched(before.clone(), json!({"preset": "svix"})).unwrap_err();
    assert_eq!(refused.field, "secrets");
    let refused = patched(before, json!({"merchant_id": MERCHANT})).unwrap_err();
    assert_eq!((refused.code, refused.field.as_str()), ("unknown_field", "merchant_id"));
}
