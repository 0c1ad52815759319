use super::*;
use serde_json::{Value, json};

use crate::problem::FieldProblem;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(2_000);

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

fn create(body: Value) -> Result<Endpoint, FieldProblem> {
    let new = New {
        id: EndpointId::from_bits(1),
        merchant: MerchantId::from_bits(2),
        secret: SigningSecret::mint([7; 32]),
        now: NOW,
    };
    fields(body, |fields| endpoint(fields, new, Destinations::PublicHttps))
}

fn plain() -> Endpoint {
    create(json!({"url": "https://shop.example/hooks"})).unwrap()
}

#[test]
fn the_plainest_endpoint_takes_everything() {
    let endpoint = plain();
    assert_eq!(endpoint.event_types, [EventFilter::Every]);
    assert_eq!(endpoint.switch, Switch::On);
    assert_eq!(endpoint.timeout, AttemptTimeout::default());
    assert_eq!((endpoint.revision, endpoint.secrets.len()), (1, 1));
}

#[test]
fn an_endpoint_may_be_created_switched_off() {
    let endpoint = create(json!({"url": "https://shop.example/", "enabled": false})).unwrap();
    assert_eq!(endpoint.switch, Switch::Off { since: NOW, reason: OffReason::Asked });
}

#[test]
fn refusals_name_the_field() {
    for (changes, code, field) in [
        (json!({"url": null}), "invalid_field", "url"),
        (json!({"url": "http://shop.example/"}), "invalid_field", "url"),
        (json!({"url": "https://10.0.0.1/"}), "invalid_field", "url"),
        (json!({"event_types": []}), "invalid_field", "event_types"),
        (json!({"event_types": ["a b"]}), "invalid_field", "event_types"),
        (json!({"event_types": vec!["a"; 51]}), "invalid_field", "event_types"),
        (json!({"description": "a\nb"}), "invalid_field", "description"),
        (json!({"enabled": null}), "invalid_field", "enabled"),
        (json!({"enabled": "yes"}), "invalid_field", "enabled"),
        (json!({"retry_policy": {"waits_s": [0]}}), "invalid_field", "retry_policy"),
        (json!({"timeout_s": 0}), "invalid_field", "timeout_s"),
        (json!({"timeout_s": 31}), "invalid_field", "timeout_s"),
        (json!({"headers": {"host": "hidden"}}), "invalid_field", "headers"),
        (json!({"headers": {"x-a": "hidden", "X-A": "hidden"}}), "invalid_field", "headers"),
        (json!({"headers": {"x-a": "hidden\r\n"}}), "invalid_field", "headers"),
        (json!({"rate_limit_per_s": 0}), "invalid_field", "rate_limit_per_s"),
        (json!({"rate_limit_per_s": 1001}), "invalid_field", "rate_limit_per_s"),
        (json!({"rate_limit_per_s": "5"}), "invalid_field", "rate_limit_per_s"),
        (json!({"secret": "whsec_a"}), "unknown_field", "secret"),
    ] {
        let mut body = json!({"url": "https://shop.example/"});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = create(body).expect_err(&changes.to_string());
        assert_eq!((refused.code, refused.field.as_str()), (code, field), "{changes}");
        assert!(!refused.detail.contains("hidden"), "{}", refused.detail);
    }
    assert_eq!(create(json!({})).unwrap_err().code, "missing_field");
}

#[test]
fn what_is_not_called_has_nothing_to_say_of_calls() {
    let pull = create(json!({"kind": "pull", "event_types": ["charge.*"]})).unwrap();
    assert!(pull.is_pull());
    for (changes, field) in [
        (json!({"url": "https://shop.example/"}), "url"),
        (json!({"enabled": true}), "enabled"),
        (json!({"retry_policy": {"waits_s": [1]}}), "retry_policy"),
        (json!({"timeout_s": 5}), "timeout_s"),
        (json!({"rate_limit_per_s": 5}), "rate_limit_per_s"),
        (json!({"headers": {"x-a": "1"}}), "headers"),
    ] {
        let change =
            fields(changes.clone(), |fields| Change::read(fields, Destinations::PublicHttps));
        let refused = change.unwrap().apply(&mut pull.clone(), LATER).unwrap_err();
        assert!(matches!(&refused, Problem::Field(of) if of.field == field), "{refused:?}");
        let mut body = changes;
        body["kind"] = json!("pull");
        assert_eq!(create(body).unwrap_err().field, field);
    }
    assert_eq!(create(json!({"kind": "post"})).unwrap_err().field, "kind");
}

#[test]
fn a_patch_changes_what_it_names() {
    let header = |value| vec![ExtraHeader::parse("x-key", value).unwrap()];
    let before = Endpoint {
        event_types: vec!["charge.*".parse().unwrap()],
        description: Label::parse("Old").ok(),
        retry_policy: RetryPolicy::from_secs(&[1.0]).ok(),
        timeout: AttemptTimeout::from_secs(3).unwrap(),
        rate_limit: RateLimit::per_second(2.0).ok(),
        headers: header("old"),
        ..plain()
    };
    let kind = EndpointUrl::parse("https://new.example/", Destinations::PublicHttps);
    let kind = kind.map(Kind::Push).unwrap();
    let off = Switch::Off { since: LATER, reason: OffReason::Asked };
    for (body, expected) in [
        (json!({}), before.clone()),
        (json!({"url": "https://new.example/"}), Endpoint { kind, ..before.clone() }),
        (
            json!({"event_types": null}),
            Endpoint { event_types: vec![EventFilter::Every], ..before.clone() },
        ),
        (json!({"description": null}), Endpoint { description: None, ..before.clone() }),
        (json!({"enabled": false}), Endpoint { switch: off, ..before.clone() }),
        (json!({"enabled": true}), before.clone()),
        (json!({"retry_policy": null}), Endpoint { retry_policy: None, ..before.clone() }),
        (
            json!({"timeout_s": null}),
            Endpoint { timeout: AttemptTimeout::default(), ..before.clone() },
        ),
        (json!({"rate_limit_per_s": null}), Endpoint { rate_limit: None, ..before.clone() }),
        (
            json!({"rate_limit_per_s": 0.5}),
            Endpoint { rate_limit: RateLimit::per_second(0.5).ok(), ..before.clone() },
        ),
        (
            json!({"headers": {"X-Key": "new"}}),
            Endpoint { headers: header("new"), ..before.clone() },
        ),
        (json!({"headers": null}), Endpoint { headers: vec![], ..before.clone() }),
    ] {
        let mut after = before.clone();
        let change = fields(body.clone(), |fields| Change::read(fields, Destinations::PublicHttps));
        change.unwrap().apply(&mut after, LATER).unwrap();
        assert_eq!(after, Endpoint { revision: 2, ..expected }, "{body}");
    }
}

#[test]
fn switching_keeps_what_is_worth_knowing() {
    let gone = Switch::Off { since: NOW, reason: OffReason::Gone };
    let asked = Switch::Off { since: LATER, reason: OffReason::Asked };
    for (switch, enabled, expected) in [
        (Switch::On, None, Switch::On),
        (Switch::On, Some(true), Switch::On),
        (Switch::On, Some(false), asked),
        (gone, None, gone),
        (gone, Some(false), gone),
        (gone, Some(true), Switch::On),
    ] {
        assert_eq!(switched(switch, enabled, LATER), expected, "{switch:?} {enabled:?}");
    }
}
