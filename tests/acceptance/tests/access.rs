//! Who may do what through the API, and what it never tells anybody.

use postback_acceptance::api::{Caller, Merchant, text};
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use serde_json::{Value, json};

/// Everything that one merchant has, by path.
struct Property {
    merchant: Merchant,
    /// Routes of the operator alone.
    admin_paths: Vec<(&'static str, String)>,
    /// Routes about this merchant, for its own administrators too.
    steward_paths: Vec<(&'static str, String)>,
    /// Routes of the merchant that name one of its objects.
    own_paths: Vec<(&'static str, String)>,
}

/// A merchant with one of everything.
fn property(stack: &Stack) -> Property {
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    let delivery = merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    let (event_id, delivery_id) = (text(&delivery, "event_id"), text(&delivery, "id"));
    let keys = stack.admin().list(&format!("/v1/merchants/{}/keys", merchant.id));
    let key_id = text(&keys[0], "id");
    let merchant_path = format!("/v1/merchants/{}", merchant.id);
    let source_path = format!("/v1/sources/{}", source.id);
    let endpoint_path = format!("/v1/endpoints/{}", endpoint.id);
    Property {
        admin_paths: vec![
            ("POST", "/v1/merchants".to_owned()),
            ("GET", "/v1/merchants".to_owned()),
            ("POST", "/v1/sources".to_owned()),
            ("GET", "/v1/sources".to_owned()),
            ("GET", source_path.clone()),
            ("PATCH", source_path.clone()),
            ("DELETE", source_path),
            ("GET", "/v1/presets".to_owned()),
            ("GET", "/v1/dead-letters".to_owned()),
            ("POST", "/v1/dead-letters/redrive".to_owned()),
        ],
        steward_paths: vec![
            ("GET", merchant_path.clone()),
            ("PATCH", merchant_path.clone()),
            ("POST", format!("{merchant_path}/keys")),
            ("GET", format!("{merchant_path}/keys")),
            ("DELETE", format!("{merchant_path}/keys/{key_id}")),
            ("POST", format!("{merchant_path}/portal-tokens")),
            ("GET", format!("/v1/audit?merchant_id={}", merchant.id)),
        ],
        own_paths: vec![
            ("GET", endpoint_path.clone()),
            ("PATCH", endpoint_path.clone()),
            ("GET", format!("/v1/events/{event_id}")),
            ("GET", format!("/v1/deliveries/{delivery_id}")),
            ("POST", format!("/v1/deliveries/{delivery_id}/retry")),
            ("DELETE", endpoint_path),
        ],
        merchant,
    }
}

#[test]
fn keys_open_what_they_should_and_nothing_else() {
    let stack = Stack::up();
    let own = property(&stack);
    let other = property(&stack);
    let lists = ["/v1/endpoints", "/v1/events", "/v1/deliveries"];
    let call = |caller: &Caller, (method, path): &(&str, String)| {
        let body = (*method != "GET" && *method != "DELETE").then(|| json!({}));
        caller.call(method, path, body.as_ref())
    };

    let almost = format!("{}x", own.merchant.key);
    let last = if own.merchant.key.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &own.merchant.key[..own.merchant.key.len() - 1]);
    let wrong_keys =
        [None, Some(""), Some("nonsense"), Some(&*almost), Some(&*changed), Some("pbk_1_2")];
    let all = own.admin_paths.iter().chain(&own.steward_paths).chain(&own.own_paths);
    for route in all.clone() {
        for key in wrong_keys {
            let answer = call(&stack.caller(key), route);
            assert_eq!(answer.problem(401), "unauthenticated", "{route:?} with {key:?}");
        }
    }
    for route in &own.admin_paths {
        assert_eq!(call(&own.merchant.api, route).problem(403), "admin_only", "{route:?}");
    }
    for route in &own.steward_paths {
        assert_eq!(call(&own.merchant.api, route).problem(403), "scope_missing", "{route:?}");
    }
    // Another merchant's objects are as absent as those that never were.
    for route in &other.own_paths {
        let answer = call(&own.merchant.api, route);
        assert_eq!(answer.problem(404), "not_found", "{route:?}");
        let (method, path) = route;
        let absent = zeroed(path);
        let answer_to_absent = call(&own.merchant.api, &(*method, absent));
        assert_eq!(answer.body, answer_to_absent.body, "{route:?}");
    }
    for path in lists {
        let rows = own.merchant.api.list(path);
        assert_eq!(rows.len(), 1, "{path} shows its own and no other's: {rows:?}");
        let answer = own.merchant.api.get(&format!("{path}?merchant_id={}", other.merchant.id));
        answer.problem(404);
        // The operator may look at either.
        for merchant in [&own.merchant, &other.merchant] {
            let seen = stack.admin().list(&format!("{path}?merchant_id={}", merchant.id));
            assert_eq!(seen, merchant.api.list(path), "{path}");
        }
    }
    // After all of this the other merchant's things are as they were.
    for route in other.own_paths.iter().filter(|(method, _)| *method == "GET") {
        call(&other.merchant.api, route).expect(200);
    }
}

/// The same path with an id that nothing has.
fn zeroed(path: &str) -> String {
    let id = |part: &str| match part.split_once('_') {
        Some((prefix, digits)) => format!("{prefix}_{}", "0".repeat(digits.len())),
        None => part.to_owned(),
    };
    path.split('/').map(id).collect::<Vec<_>>().join("/")
}

#[test]
fn a_deleted_key_opens_nothing() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let admin = stack.admin();
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    let second = admin.post(&keys, &json!({"name": "second"})).expect(201).json();
    let caller = stack.caller(Some(&text(&second, "key")));
    caller.get("/v1/endpoints").expect(200);
    let path = format!("{keys}/{}", text(&second, "id"));
    admin.delete(&path).expect(204);
    assert_eq!(caller.get("/v1/endpoints").problem(401), "unauthenticated");
    admin.delete(&path).problem(404);
    merchant.api.get("/v1/endpoints").expect(200);
}

#[test]
fn scopes_bound_a_key() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    let create = |scopes: Value| {
        let key = json!({"name": "scoped", "scopes": scopes});
        let key = stack.admin().post(&keys, &key).expect(201).json();
        stack.caller(Some(&text(&key, "key")))
    };
    let (reader, writer) = (create(json!(["read"])), create(json!(["write"])));
    let endpoint = json!({"url": "https://shop.example/hooks"});
    reader.get("/v1/endpoints").expect(200);
    assert_eq!(reader.post("/v1/endpoints", &endpoint).problem(403), "scope_missing");
    writer.post("/v1/endpoints", &endpoint).expect(201);
    assert_eq!(writer.get("/v1/endpoints").problem(403), "scope_missing");
}

#[test]
fn secrets_are_shown_once_and_never_again() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let header_value = format!("header-secret-{}", postback_acceptance::clock::unique());
    let settings = json!({
        "headers": {"x-api-key": header_value}, "retry_policy": {"waits_s": [0.05]},
    });
    let endpoint = merchant.endpoint(&receiver, settings);
    let sources = [Provider::Stripe, Provider::StandardWebhooks, Provider::GitHub]
        .map(|provider| merchant.source(provider));
    for source in &sources {
        let body = br#"{"id":"evt_1","type":"charge.refunded"}"#;
        source.send(&source.signed("evt_1", "charge.refunded", body)).expect(200);
        source.send(&source.signed("evt_1", "charge.refunded", body).body("{}")).expect(401);
    }
    let delivery = merchant.wait_for("evt_1", &endpoint, "FAILED");
    let change = json!({"description": "changed"});
    let endpoint_path = format!("/v1/endpoints/{}", endpoint.id);
    let changed = merchant.api.patch(&endpoint_path, &change).expect(200);

    let admin = stack.admin();
    let merchant_path = format!("/v1/merchants/{}", merchant.id);
    let of = format!("?merchant_id={}", merchant.id);
    let mut answers = vec![changed];
    answers.extend(
        [
            "/v1/merchants".to_owned(),
            merchant_path.clone(),
            format!("{merchant_path}/keys"),
            format!("/v1/sources{of}"),
            format!("/v1/sources/{}", sources[0].id),
            format!("/v1/dead-letters{of}"),
            "/v1/presets".to_owned(),
            "/healthz".to_owned(),
        ]
        .map(|path| admin.get(&path).expect(200)),
    );
    answers.extend(
        [
            "/v1/endpoints".to_owned(),
            endpoint_path,
            "/v1/events".to_owned(),
            format!("/v1/events/{}", text(&delivery, "event_id")),
            "/v1/deliveries".to_owned(),
            format!("/v1/deliveries/{}", text(&delivery, "id")),
        ]
        .map(|path| merchant.api.get(&path).expect(200)),
    );

    let mut secrets = vec![
        stack.admin_key().to_owned(),
        merchant.key.clone(),
        endpoint.secret.clone(),
        header_value,
    ];
    secrets.extend(sources.iter().map(|source| source.secret.clone()));
    // The part that matters, should only the prefix be hidden.
    secrets
        .extend(sources.iter().map(|source| source.secret[source.secret.len() / 2..].to_owned()));
    secrets.push(endpoint.secret[10..].to_owned());
    secrets.push(merchant.key[merchant.key.len() / 2..].to_owned());
    let logs = stack.logs().unwrap_or_default();
    for secret in &secrets {
        for answer in &answers {
            assert!(!answer.text().contains(secret), "a secret is in {answer:?}");
        }
        assert!(!logs.contains(secret), "a secret is in the log");
    }
    // Bodies do not belong into logs either.
    assert!(!logs.contains("charge.refunded\"}"), "a body is in the log");
}
