//! Who may do what through the API, how it refuses, how it lists, and what it never tells.

use std::collections::HashSet;

use postback_acceptance::api::{Caller, Merchant, text};
use postback_acceptance::client::Answer;
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::{is_id, is_utc_time};
use serde_json::{Value, json};

/// The stable code of a refusal, after a look at its form (RFC 9457).
#[track_caller]
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.headers.the("content-type"), "application/problem+json", "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{answer:?}");
    assert!(problem["type"].is_string() && problem["title"].is_string(), "{answer:?}");
    let code = text(&problem, "code");
    let is_stable = !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    assert!(is_stable, "`{code}` is for machines");
    code
}

/// Everything that one merchant has, by path.
struct Property {
    merchant: Merchant,
    /// Routes of the operator about this merchant.
    admin_paths: Vec<(&'static str, String)>,
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
            ("GET", merchant_path.clone()),
            ("PATCH", merchant_path.clone()),
            ("POST", format!("{merchant_path}/keys")),
            ("GET", format!("{merchant_path}/keys")),
            ("DELETE", format!("{merchant_path}/keys/{key_id}")),
            ("POST", "/v1/sources".to_owned()),
            ("GET", "/v1/sources".to_owned()),
            ("GET", source_path.clone()),
            ("PATCH", source_path.clone()),
            ("DELETE", source_path),
            ("GET", "/v1/presets".to_owned()),
            ("GET", "/v1/dead-letters".to_owned()),
            ("POST", "/v1/dead-letters/redrive".to_owned()),
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
    let all = own.admin_paths.iter().chain(&own.own_paths);
    for route in all.clone() {
        for key in wrong_keys {
            let answer = call(&stack.caller(key), route);
            assert_eq!(problem(&answer, 401), "unauthenticated", "{route:?} with {key:?}");
        }
    }
    for route in &own.admin_paths {
        assert_eq!(problem(&call(&own.merchant.api, route), 403), "admin_only", "{route:?}");
    }
    // Another merchant's objects are as absent as those that never were.
    for route in &other.own_paths {
        let answer = call(&own.merchant.api, route);
        assert_eq!(problem(&answer, 404), "not_found", "{route:?}");
        let (method, path) = route;
        let absent = zeroed(path);
        let answer_to_absent = call(&own.merchant.api, &(*method, absent));
        assert_eq!(answer.body, answer_to_absent.body, "{route:?}");
    }
    for path in lists {
        let rows = own.merchant.api.list(path);
        assert_eq!(rows.len(), 1, "{path} shows its own and no other's: {rows:?}");
        let answer = own.merchant.api.get(&format!("{path}?merchant_id={}", other.merchant.id));
        problem(&answer, 404);
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
    assert_eq!(problem(&caller.get("/v1/endpoints"), 401), "unauthenticated");
    problem(&admin.delete(&path), 404);
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
    assert_eq!(problem(&reader.post("/v1/endpoints", &endpoint), 403), "scope_missing");
    writer.post("/v1/endpoints", &endpoint).expect(201);
    assert_eq!(problem(&writer.get("/v1/endpoints"), 403), "scope_missing");
}

#[test]
fn bad_input_is_refused_by_name() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let admin = stack.admin();
    let url = "https://shop.example/hooks";
    let endpoint = text(&merchant.api.post("/v1/endpoints", &json!({"url": url})).ok(), "id");
    let endpoint = format!("/v1/endpoints/{endpoint}");
    let source = |fields: Value| {
        let mut source =
            json!({"merchant_id": merchant.id, "preset": "stripe", "secrets": ["s3cret"]});
        for (name, value) in fields.as_object().expect("rows give objects") {
            match value {
                Value::Null => drop(source.as_object_mut().expect("an object").remove(name)),
                value => source[name] = value.clone(),
            }
        }
        source
    };
    let long = "x".repeat(300);
    let as_admin = [
        ("POST", "/v1/merchants", json!({}), "missing_field"),
        ("POST", "/v1/merchants", json!({"name": null}), "missing_field"),
        ("POST", "/v1/merchants", json!({"name": ""}), "invalid_field"),
        ("POST", "/v1/merchants", json!({"name": 7}), "invalid_field"),
        ("POST", "/v1/merchants", json!({"name": long}), "invalid_field"),
        ("POST", "/v1/merchants", json!({"name": "a", "nmae": "b"}), "unknown_field"),
        (
            "POST",
            "/v1/merchants",
            json!({"name": "a", "retry_policy": {"waits_s": [-1]}}),
            "invalid_field",
        ),
        (
            "POST",
            "/v1/merchants",
            json!({"name": "a", "retry_policy": {"waits_s": vec![1; 20]}}),
            "invalid_field",
        ),
        ("POST", "/v1/sources", source(json!({"preset": "no-such-preset"})), "unknown_preset"),
        ("POST", "/v1/sources", source(json!({"secrets": []})), "invalid_field"),
        ("POST", "/v1/sources", source(json!({"secrets": null})), "missing_field"),
        ("POST", "/v1/sources", source(json!({"secrets": "one"})), "invalid_field"),
        ("POST", "/v1/sources", source(json!({"secrets": vec!["s"; 6]})), "invalid_field"),
        ("POST", "/v1/sources", source(json!({"tolerance_s": -1})), "invalid_field"),
        ("POST", "/v1/sources", source(json!({"merchant_id": "mch_1"})), "invalid_field"),
        ("POST", "/v1/sources", source(json!({"colour": "red"})), "unknown_field"),
        ("POST", "/v1/dead-letters/redrive", json!({"dryrun": false}), "unknown_field"),
        ("POST", "/v1/endpoints", json!({"url": url}), "missing_field"),
    ];
    let as_merchant = [
        ("POST", "/v1/endpoints", json!({}), "missing_field"),
        ("POST", "/v1/endpoints", json!({"url": "shop.example"}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": "ftp://shop.example/"}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": "https://u:p@shop.example/"}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "event_types": []}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "event_types": ["a*b"]}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "event_types": "*"}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "timeout_s": 0}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "timeout_s": 31}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "headers": {"host": "x"}}), "invalid_field"),
        (
            "POST",
            "/v1/endpoints",
            json!({"url": url, "headers": {"x": "a\r\nb: c"}}),
            "invalid_field",
        ),
        ("POST", "/v1/endpoints", json!({"url": url, "retry_policy": [5]}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "enabled": "yes"}), "invalid_field"),
        ("POST", "/v1/endpoints", json!({"url": url, "health": "good"}), "unknown_field"),
        ("PATCH", &endpoint, json!({"url": null}), "invalid_field"),
        ("PATCH", &endpoint, json!({"url": "nonsense"}), "invalid_field"),
        ("PATCH", &endpoint, json!({"id": "end_1"}), "unknown_field"),
        ("PATCH", &endpoint, json!({"enabled": null}), "invalid_field"),
    ];
    let callers = [(&admin, as_admin), (&merchant.api, as_merchant)];
    for (caller, (method, path, body, code)) in
        callers.into_iter().flat_map(|(caller, rows)| rows.map(|row| (caller, row)))
    {
        let answer = caller.call(method, path, Some(&body));
        assert_eq!(problem(&answer, 422), code, "{body}: {answer:?}");
        assert!(!answer.text().contains("s3cret"), "{answer:?}");
    }

    for (path, code) in [
        ("/v1/deliveries?state=DONE", "invalid_field"),
        ("/v1/deliveries?since=yesterday", "invalid_field"),
        ("/v1/deliveries?endpoint_id=dlv_1", "invalid_field"),
        ("/v1/deliveries?limit=0", "invalid_field"),
        ("/v1/deliveries?limit=201", "invalid_field"),
        ("/v1/deliveries?stat=FAILED", "unknown_field"),
        ("/v1/deliveries?limit=1&limit=2", "invalid_field"),
    ] {
        assert_eq!(problem(&merchant.api.get(path), 422), code, "{path}");
    }
    let seen = merchant.api.get(&endpoint).expect(200).json();
    assert_eq!(seen["url"], url, "what was refused changed nothing");
    assert_eq!(merchant.api.list("/v1/endpoints").len(), 1, "and created nothing");
}

#[test]
fn bodies_and_routes_that_are_not_there() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let bodies: [(&[u8], &str, u16, &str); 9] = [
        (b"", "application/json", 400, "malformed_json"),
        (b"{", "application/json", 400, "malformed_json"),
        (b"{\"url\": \"https://a.example\"} x", "application/json", 400, "malformed_json"),
        (b"{\"url\": \"\xff\xfe\"}", "application/json", 400, "malformed_json"),
        (b"[]", "application/json", 400, "malformed_json"),
        (b"null", "application/json; charset=utf-8", 400, "malformed_json"),
        (&[b'['; 30_000], "application/json", 400, "malformed_json"),
        (
            b"url=https://a.example",
            "application/x-www-form-urlencoded",
            415,
            "unsupported_media_type",
        ),
        (&[b' '; 65_537], "application/json", 413, "body_too_large"),
    ];
    for (body, content_type, status, code) in bodies {
        let request = merchant.api.request("POST", "/v1/endpoints");
        let answer = merchant.api.send(&request.header("content-type", content_type).body(body));
        assert_eq!(problem(&answer, status), code, "{answer:?}");
    }
    for (method, path, status, code) in [
        ("GET", "/", 404, "no_such_route"),
        ("GET", "/v1", 404, "no_such_route"),
        ("GET", "/v1/nonsense", 404, "no_such_route"),
        ("GET", "/v1/endpoints/", 404, "no_such_route"),
        ("GET", "/v1/endpoints/end_1", 404, "not_found"),
        ("GET", "/v1/endpoints/%ff%00", 404, "not_found"),
        ("GET", "/v1/endpoints/..%2f..%2fmerchants", 404, "not_found"),
        ("PUT", "/v1/endpoints", 405, "method_not_allowed"),
        ("DELETE", "/v1/events", 405, "method_not_allowed"),
    ] {
        let answer = merchant.api.call(method, path, None);
        assert_eq!(problem(&answer, status), code, "{answer:?}");
        assert_eq!(answer.headers.get("allow").is_some(), status == 405, "{answer:?}");
    }
    let anonymous = stack.caller(None);
    anonymous.get("/healthz").expect(200);
    for twice in
        [merchant.api.request("GET", "/v1/events"), stack.admin().request("GET", "/v1/events")]
    {
        // A proxy may have read the other one.
        let request = twice.header("authorization", format!("Bearer {}", merchant.key));
        assert_eq!(problem(&merchant.api.send(&request), 401), "unauthenticated");
    }
}

#[test]
fn what_is_set_up_is_shown_as_given() {
    let stack = Stack::up();
    let admin = stack.admin();
    let external_id = postback_acceptance::clock::unique();
    let merchant = stack.merchant_with(json!({
        "external_id": external_id, "retry_policy": {"waits_s": [5, 0.25]},
    }));
    let path = format!("/v1/merchants/{}", merchant.id);
    let seen = admin.get(&path).expect(200).json();
    assert_eq!(
        (&seen["name"], &seen["external_id"], &seen["retry_policy"]),
        (&json!("Acceptance"), &json!(external_id), &json!({"waits_s": [5, 0.25]}))
    );
    assert!(is_id(&text(&seen, "id"), "mch"));
    let twin = json!({"name": "twin", "external_id": external_id});
    problem(&admin.post("/v1/merchants", &twin), 409);
    let renamed = admin.patch(&path, &json!({"name": "Renamed", "retry_policy": null})).expect(200);
    assert_eq!(
        (&renamed.json()["name"], &renamed.json()["external_id"]),
        (&json!("Renamed"), &json!(external_id))
    );
    assert!(admin.get(&path).json()["retry_policy"].is_null());

    let given = json!({
        "url": "https://shop.example/hooks?shop=1", "event_types": ["charge.*", "payout.paid"],
        "description": "The shop", "enabled": false, "timeout_s": 7,
        "retry_policy": {"waits_s": [1, 60]},
    });
    let created = merchant.api.post("/v1/endpoints", &given).expect(201).json();
    let path = format!("/v1/endpoints/{}", text(&created, "id"));
    let read = merchant.api.get(&path).expect(200).json();
    for (field, value) in given.as_object().expect("an object") {
        assert_eq!(created[field], *value, "{field}");
        assert_eq!(read[field], *value, "{field}");
    }
    assert!(text(&created, "secret").starts_with("whsec_"));
    assert!(is_id(&text(&read, "id"), "end") && !read["health"].is_null(), "{read}");
    let change = json!({"description": null, "event_types": ["*"], "enabled": true});
    merchant.api.patch(&path, &change).expect(200);
    let changed = merchant.api.get(&path).expect(200).json();
    assert_eq!((&changed["event_types"], &changed["enabled"]), (&json!(["*"]), &json!(true)));
    assert!(changed["description"].is_null());
    assert_eq!((&changed["timeout_s"], &changed["url"]), (&json!(7), &given["url"]));

    let source = merchant.source(Provider::Stripe);
    let path = format!("/v1/sources/{}", source.id);
    let seen = admin.get(&path).expect(200).json();
    assert_eq!((&seen["merchant_id"], &seen["preset"]), (&json!(merchant.id), &json!("stripe")));
    assert!(text(&seen, "ingest_url").ends_with(&format!("/in/{}", source.id)), "{seen}");
    admin.delete(&path).expect(204);
    problem(&admin.get(&path), 404);
    let body = b"{}";
    source.send(&source.signed("", "", body)).expect(404);

    let presets = admin.get("/v1/presets").expect(200).text();
    for preset in ["stripe", "standard-webhooks", "github", "shopify", "razorpay"] {
        assert!(presets.contains(&format!("\"{preset}\"")), "{preset} in {presets}");
    }
}

#[test]
fn pages_show_every_row_once() {
    const ROWS: usize = 23;
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let settings = json!({"retry_policy": {"waits_s": []}});
    let endpoint = merchant.endpoint(&receiver, settings.clone());
    let source = merchant.source(Provider::Stripe);
    for number in 0..ROWS {
        source.deliver(&format!("evt_{number}"), "charge.refunded");
    }
    for number in 0..ROWS {
        merchant.wait_for(&format!("evt_{number}"), &endpoint, "FAILED");
        if number > 0 {
            merchant.endpoint_at("https://shop.example/", json!({"event_types": ["never"]}));
            merchant.source(Provider::Stripe);
        }
    }
    let admin = stack.admin();
    let of = format!("?merchant_id={}", merchant.id);
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    for _ in 1..ROWS {
        admin.post(&keys, &json!({"name": "more"})).ok();
    }
    let lists = [
        (&merchant.api, "/v1/events".to_owned()),
        (&merchant.api, "/v1/deliveries".to_owned()),
        (&merchant.api, "/v1/deliveries?state=FAILED".to_owned()),
        (&merchant.api, "/v1/endpoints".to_owned()),
        (&admin, format!("/v1/sources{of}")),
        (&admin, format!("/v1/dead-letters{of}")),
        (&admin, keys),
    ];
    for (caller, path) in &lists {
        let ids = |rows: &[Value]| rows.iter().map(|row| text(row, "id")).collect::<Vec<_>>();
        let whole = ids(&caller.list(path));
        assert_eq!(whole.len(), ROWS, "{path}");
        for limit in [1, 7, ROWS - 1, ROWS, ROWS + 1] {
            let paged = ids(&caller.list_in_pages_of(limit, path, || {}));
            assert_eq!(paged, whole, "{path} in pages of {limit}");
        }
    }
    // Newest first, and what comes in between does not shift the pages.
    let mut late = 0;
    let whole = merchant.api.list("/v1/events");
    let first = text(&whole[0], "provider_event_id");
    assert_eq!(first, format!("evt_{}", ROWS - 1));
    let rows = merchant.api.list_in_pages_of(5, "/v1/events", || {
        source.deliver(&format!("evt_late_{late}"), "charge.refunded");
        late += 1;
    });
    let seen: HashSet<String> = rows.iter().map(|row| text(row, "id")).collect();
    for row in &whole {
        assert!(seen.contains(&text(row, "id")), "{row} was skipped");
    }
}

#[test]
fn lists_are_narrowed_by_what_is_asked() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let (good, bad) = (Receiver::accepting(), Receiver::always(Reply::status(500)));
    let good = (merchant.endpoint(&good, json!({})), good);
    let settings = json!({"event_types": ["charge.*"], "retry_policy": {"waits_s": []}});
    let bad = (merchant.endpoint(&bad, settings), bad);
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    merchant.wait_for("evt_1", &bad.0, "FAILED");
    merchant.wait_for("evt_1", &good.0, "SUCCESS");
    source.deliver("evt_2", "payout.paid");
    let second = merchant.wait_for("evt_2", &good.0, "SUCCESS");
    let created_at = text(&second, "created_at");
    assert!(is_utc_time(&created_at));
    for (query, count) in [
        (String::new(), 3),
        ("?state=SUCCESS".to_owned(), 2),
        ("?state=FAILED".to_owned(), 1),
        ("?state=PENDING".to_owned(), 0),
        ("?state=NOT_APPLY".to_owned(), 0),
        (format!("?endpoint_id={}", good.0.id), 2),
        (format!("?endpoint_id={}&state=FAILED", good.0.id), 0),
        ("?event_type=charge.refunded".to_owned(), 2),
        ("?event_type=charge".to_owned(), 0),
        (format!("?since={created_at}"), 1),
        (format!("?until={created_at}"), 2),
        ("?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z".to_owned(), 0),
    ] {
        let rows = merchant.api.list(&format!("/v1/deliveries{query}"));
        assert_eq!(rows.len(), count, "{query}: {rows:#?}");
    }
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
