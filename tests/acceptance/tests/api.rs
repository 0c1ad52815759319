//! What the API takes, how it refuses the rest, and how it shows what was set up.

use postback_acceptance::api::text;
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::is_id;
use serde_json::{Value, json};

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
        assert_eq!(answer.problem(422), code, "{body}: {answer:?}");
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
        assert_eq!(merchant.api.get(path).problem(422), code, "{path}");
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
        assert_eq!(answer.problem(status), code, "{answer:?}");
    }
    for (method, path, status, code) in [
        ("GET", "/", 404, "no_such_route"),
        ("GET", "/v1", 404, "no_such_route"),
        ("GET", "/v1/nonsense", 404, "no_such_route"),
        ("GET", "/v1/endpoints/", 404, "no_such_route"),
        ("GET", "/v1/endpoints/end_1", 404, "not_found"),
        ("GET", "/v1/endpoints/%ff%00", 404, "not_found"),
        ("PUT", "/v1/endpoints", 405, "method_not_allowed"),
        ("DELETE", "/v1/events", 405, "method_not_allowed"),
    ] {
        let answer = merchant.api.call(method, path, None);
        assert_eq!(answer.problem(status), code, "{answer:?}");
        assert_eq!(answer.headers.get("allow").is_some(), status == 405, "{answer:?}");
    }
    // A gateway may decode the slashes, which makes it another path, or leave them to us.
    let answer = merchant.api.call("GET", "/v1/endpoints/..%2f..%2fmerchants", None);
    assert!(["not_found", "no_such_route"].contains(&answer.problem(404).as_str()), "{answer:?}");
    let anonymous = stack.caller(None);
    anonymous.get("/healthz").expect(200);
    for twice in
        [merchant.api.request("GET", "/v1/events"), stack.admin().request("GET", "/v1/events")]
    {
        // A proxy may have read the other one.
        let request = twice.header("authorization", format!("Bearer {}", merchant.key));
        assert_eq!(merchant.api.send(&request).problem(401), "unauthenticated");
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
    admin.post("/v1/merchants", &twin).problem(409);
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
    admin.get(&path).problem(404);
    let body = b"{}";
    source.send(&source.signed("", "", body)).expect(404);

    let presets = admin.get("/v1/presets").expect(200).text();
    for preset in ["stripe", "standard-webhooks", "github", "shopify", "razorpay"] {
        assert!(presets.contains(&format!("\"{preset}\"")), "{preset} in {presets}");
    }
}
