use serde_json::{Value, json};

use super::*;

fn request(envelope: Value) -> Request<Bytes> {
    let envelope: GatewayRequest = serde_json::from_value(envelope).unwrap();
    envelope.into_http().unwrap()
}

fn v1(mut fields: Value) -> Request<Bytes> {
    let envelope = fields.as_object_mut().unwrap();
    envelope.entry("version").or_insert(json!("1.0"));
    envelope.entry("httpMethod").or_insert(json!("POST"));
    envelope.entry("path").or_insert(json!("/in/src"));
    request(fields)
}

fn v2(mut fields: Value) -> Request<Bytes> {
    let envelope = fields.as_object_mut().unwrap();
    envelope.entry("version").or_insert(json!("2.0"));
    envelope.entry("rawPath").or_insert(json!("/v1/events"));
    envelope
        .entry("requestContext")
        .or_insert(json!({"stage": "$default", "http": {"method": "GET"}}));
    request(fields)
}

#[test]
fn repeated_headers_stay_apart_and_in_order() {
    let request = v1(json!({
        "headers": {"X-Signature": "second", "Host": "hooks.example"},
        "multiValueHeaders": {"X-Signature": ["first", "second"], "Host": ["hooks.example"]},
    }));
    let signatures = request.headers().get_all("x-signature").iter().collect::<Vec<_>>();
    assert_eq!(signatures, ["first", "second"]);
    assert_eq!(request.headers().get_all("host").iter().count(), 1);
}

#[test]
fn a_header_that_is_not_ascii_takes_nothing_with_it() {
    let request = v1(json!({
        "multiValueHeaders": {"x-name": ["Zoë"], "x-broken": ["a\nb"], "ä": ["c"], "x-ok": ["d"]},
    }));
    let value = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    assert_eq!(value("x-name"), Some("Zoë".as_bytes()));
    assert_eq!(value("x-broken"), None);
    assert_eq!(value("x-ok"), Some(b"d".as_slice()));
    assert_eq!(request.headers().len(), 2);
}

#[test]
fn bodies_are_the_bytes_that_were_sent() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let encoded = BASE64.encode(&every_byte);
    for (body, is_base64, expected) in [
        (Value::Null, false, Vec::new()),
        (json!(""), false, Vec::new()),
        (json!(""), true, Vec::new()),
        (json!("{\"a\": \"é\"}\r\n"), false, "{\"a\": \"é\"}\r\n".as_bytes().to_vec()),
        (json!("aGk="), false, b"aGk=".to_vec()),
        (json!("aGk="), true, b"hi".to_vec()),
        (json!(encoded), true, every_byte),
    ] {
        let fields = json!({"body": body, "isBase64Encoded": is_base64});
        assert_eq!(*v1(fields.clone()).body(), expected, "{fields}");
        assert_eq!(*v2(fields.clone()).body(), expected, "{fields}");
    }
}

#[test]
fn a_query_of_1_0_is_encoded_again() {
    for (fields, expected) in [
        (json!({}), None),
        (json!({"multiValueQueryStringParameters": null, "queryStringParameters": null}), None),
        (json!({"multiValueQueryStringParameters": {}}), None),
        (
            json!({
                "queryStringParameters": {"a": "2"},
                "multiValueQueryStringParameters": {"a": ["1", "2"]},
            }),
            Some("a=1&a=2"),
        ),
        (json!({"queryStringParameters": {"data.id": "7"}}), Some("data.id=7")),
        (
            json!({"multiValueQueryStringParameters": {"a&b=": ["c d+e", "é%41", ""]}}),
            Some("a%26b%3D=c%20d%2Be&a%26b%3D=%C3%A9%2541&a%26b%3D="),
        ),
    ] {
        assert_eq!(v1(fields.clone()).uri().query(), expected, "{fields}");
    }
}

#[test]
fn parameters_keep_their_order() {
    let envelope = r#"{"httpMethod": "POST", "path": "/in/src",
        "multiValueQueryStringParameters": {"b": ["1", "2"], "a": ["3"]}}"#;
    let envelope: GatewayRequest = serde_json::from_str(envelope).unwrap();
    assert_eq!(envelope.into_http().unwrap().uri().query(), Some("b=1&b=2&a=3"));
}

#[test]
fn a_query_of_2_0_stays_as_it_came() {
    for (raw, expected) in [
        ("", None),
        ("a=1&a=2&b=%2B+%20", Some("a=1&a=2&b=%2B+%20")),
        ("a=%zz&&=&flag", Some("a=%zz&&=&flag")),
        ("a=\"é\"", Some("a=%22%C3%A9%22")),
    ] {
        let fields = json!({"rawQueryString": raw, "queryStringParameters": {"a": "joined,wrong"}});
        assert_eq!(v2(fields).uri().query(), expected, "{raw}");
    }
}

#[test]
fn paths_lose_their_stage_and_nothing_else() {
    for (stage, path, expected) in [
        (json!("$default"), "/in/src_1", "/in/src_1"),
        (json!("prod"), "/prod/in/src_1", "/in/src_1"),
        (json!("prod"), "/products/in", "/products/in"),
        (json!("prod"), "/in/prod/x", "/in/prod/x"),
        (json!(null), "/a b/é", "/a%20b/%C3%A9"),
        (json!("$default"), "/a%2Fb?c#d", "/a%2Fb%3Fc%23d"),
        (json!("$default"), "//double", "//double"),
    ] {
        let first = v1(json!({"path": path, "requestContext": {"stage": stage}}));
        assert_eq!(first.uri().path(), expected, "{path}");
        let context = json!({"stage": stage, "http": {"method": "GET"}});
        let second = v2(json!({"rawPath": path, "requestContext": context}));
        assert_eq!(second.uri().path(), expected, "{path}");
    }
}

#[test]
fn cookies_of_2_0_are_one_header() {
    let request = v2(json!({"headers": {"accept": "a, b"}, "cookies": ["a=1", "b=2"]}));
    assert_eq!(request.headers()["cookie"], "a=1; b=2");
    assert_eq!(request.headers()["accept"], "a, b");
}

#[test]
fn what_is_no_request_is_told_apart() {
    for (envelope, expected) in [
        (json!({}), "payload has no method, so it is no request of an HTTP API"),
        (json!({"httpMethod": "GET"}), "payload has no path, so it is no request of an HTTP API"),
        (
            json!({"httpMethod": "GET", "path": "in"}),
            "payload has no path, so it is no request of an HTTP API",
        ),
        (
            json!({"version": "2.0", "rawPath": "/", "requestContext": {}}),
            "payload has no method, so it is no request of an HTTP API",
        ),
        (
            json!({"httpMethod": "GET", "path": "/", "body": "%", "isBase64Encoded": true}),
            "body of the request is not base64",
        ),
    ] {
        let read: GatewayRequest = serde_json::from_value(envelope.clone()).unwrap();
        assert_eq!(read.into_http().unwrap_err().to_string(), expected, "{envelope}");
    }
}

/// Not the address that a header tells.
#[test]
fn the_sender_is_who_the_gateway_saw() {
    let forwarded = json!({"x-forwarded-for": "203.0.113.9"});
    let of_v1 = |identity: Value| {
        let context = json!({"identity": identity});
        v1(json!({"headers": forwarded, "requestContext": context}))
    };
    let of_v2 = |mut http: Value| {
        http["method"] = json!("GET");
        v2(json!({"headers": forwarded, "requestContext": {"http": http}}))
    };
    let sender = |request: &Request<Bytes>| {
        request.extensions().get::<ClientAddress>().map(|address| address.0.to_string())
    };
    for address in ["192.0.2.7", "2001:db8::7"] {
        assert_eq!(sender(&of_v1(json!({"sourceIp": address}))).as_deref(), Some(address));
        assert_eq!(sender(&of_v2(json!({"sourceIp": address}))).as_deref(), Some(address));
    }
    for unknown in [json!({}), json!({"sourceIp": null}), json!({"sourceIp": "test-invoke"})] {
        assert_eq!(sender(&of_v1(unknown.clone())), None);
        assert_eq!(sender(&of_v2(unknown)), None);
    }
}
