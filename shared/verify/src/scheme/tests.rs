use serde_json::{Value, json};

use super::*;

/// A record with everything in order, to break in one place at a time.
fn good() -> Value {
    json!({
        "kind": "hmac", "hash": "sha256", "msg": "{ts}.{body}",
        "sig": [{"from": "header:S", "enc": "hex", "split": ",", "kv": ["v1"], "single": ["t"]}],
        "ts": {"from": "sig:t", "unit": "s", "tol": 300},
        "id": ["json:/id"], "type": ["json:/type", "=.", "header:X-Type"],
    })
}

fn good_token() -> Value {
    json!({"kind": "token", "sig": [{"from": "header:S", "enc": "text"}]})
}

/// Sets the value at a JSON pointer; `null` takes the field away.
fn with(mut record: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = record.pointer_mut(parent).expect("a parent").as_object_mut().expect("an object");
    match value {
        Value::Null => drop(parent.remove(key)),
        value => drop(parent.insert(key.to_owned(), value)),
    }
    record
}

#[track_caller]
fn check(record: Value, field: &str, rule: &str) {
    let error = Scheme::parse(&record.to_string()).expect_err("a broken record");
    assert_eq!(error.field(), field, "{error}");
    assert!(error.rule().contains(rule), "{error}");
}

/// Breaks the good record in one place.
#[track_caller]
fn broken(pointer: &str, value: Value, field: &str, rule: &str) {
    check(with(good(), pointer, value), field, rule);
}

#[test]
fn accepts_and_keeps_a_record() {
    let text = good().to_string();
    let scheme = Scheme::parse(&text).expect("a good record");
    assert_eq!(scheme.as_json(), text);
    assert!(scheme.covers_body() && scheme.has_time() && scheme.checks_age_by_default());
    assert!(scheme.config_names().is_empty());
    assert_eq!(*scheme.ack(), Ack { status: 200, content_type: None, body: String::new() });
    let token = Scheme::parse(&good_token().to_string()).expect("a good record");
    assert!(!token.covers_body() && !token.has_time() && !token.checks_age_by_default());
}

#[test]
fn refuses_what_is_no_record() {
    for (text, rule) in
        [("", "must be JSON"), ("[]", "must be an object"), ("{\"kind\":", "must be JSON")]
    {
        let error = Scheme::parse(text).expect_err(text);
        assert_eq!(error.field(), "scheme");
        assert!(error.rule().contains(rule), "{error}");
    }
    let long = format!("{{\"kind\":\"{}\"}}", "x".repeat(SCHEME_BYTES_MAX));
    assert_eq!(Scheme::parse(&long).expect_err("too long").field(), "scheme");
    check(json!({}), "kind", "is missing");
}

#[test]
fn refuses_bad_public_key_schemes() {
    let rsa = with(good(), "/kind", json!("rsa"));
    Scheme::parse(&rsa.to_string()).expect("a good record");
    for hash in ["sha1", "md5"] {
        check(with(rsa.clone(), "/hash", json!(hash)), "hash", "sha256 or sha512 for `rsa`");
    }
    check(with(rsa.clone(), "/key", json!({"enc": "hex"})), "key", "means nothing for `rsa`");
    check(with(rsa.clone(), "/msg", json!("{ts}{secret}")), "msg", "which is a public key");
    check(with(rsa, "/msg", json!("{ts}[[{secret}]]")), "msg", "which is a public key");
}

#[test]
fn refuses_bad_batches() {
    let batch = |record| with(record, "/each", json!("/items"));
    assert!(Scheme::parse(&batch(good()).to_string()).expect("a good record").is_batch());
    broken("/item", json!("/item"), "item", "means nothing without `each`");
    broken("/each", json!("items"), "each", "must start with `/`");
    check(with(batch(good()), "/item", json!("item")), "item", "must start with `/`");
    check(
        with(batch(good()), "/id", json!(["header:Id"])),
        "id",
        "all items of a request are one event",
    );
    Scheme::parse(&with(batch(good()), "/id", json!([])).to_string()).expect("ids are hashes");
    let apart = with(batch(good()), "/msg", json!("{ts}{json:/a}{body}"));
    check(apart, "msg", "holds {body} although items are signed one by one");
    let apart = with(batch(good()), "/sig/0/from", json!("json:/sig"));
    check(apart, "msg", "holds {body} although items are signed one by one");
}

#[test]
fn refuses_a_body_of_two_forms() {
    for (pointer, value, field) in
        [("/msg", "{form:a}{json:/b}{ts}", "msg"), ("/sig/0/from", "form:sig", "sig")]
    {
        let both = with(with(good(), "/msg", json!("{ts}{json:/b}")), pointer, json!(value));
        check(both, field, "as a form and as JSON");
    }
    let batch = with(with(good(), "/each", json!("/a")), "/msg", json!("{ts}{form:b}"));
    check(batch, "msg", "as a form and as JSON");
}

#[test]
fn refuses_bad_handshakes() {
    let when = json!([{"from": "body", "is": ""}]);
    let one = |rule: Value| with(good(), "/handshakes", json!([rule]));
    Scheme::parse(&one(json!({"when": when})).to_string()).expect("a good record");
    broken("/handshakes", json!({}), "handshakes", "a list of at most 16 objects");
    broken("/handshakes", json!(["ping"]), "handshakes[0]", "must be an object");
    let path = |rest: &str| format!("handshakes[0].{rest}");
    for (rule, field, complaint) in [
        (json!({}), "when", "1 to 16 conditions"),
        (json!({"when": []}), "when", "1 to 16 conditions"),
        (json!({"when": when, "path": "/"}), "path", "not a field"),
        (json!({"when": when, "method": "PUT"}), "method", "`PUT` is not one of GET, POST"),
        (json!({"when": when, "method": "GET"}), "unsigned", "must be true for GET"),
        (json!({"when": [{"from": "body"}]}), "when[0].from", "exactly one of is, present"),
        (
            json!({"when": [{"from": "body", "is": "", "present": true}]}),
            "when[0].from",
            "exactly one of is, present",
        ),
        (json!({"when": [{"is": ""}]}), "when[0].from", "is missing"),
        (json!({"when": [{"from": "cookie:a", "is": ""}]}), "when[0].from", "is not header:"),
        (json!({"when": [{"from": "body", "is": 1}]}), "when[0].is", "must be a text"),
        (json!({"when": [{"from": "body", "like": 1}]}), "when[0].from", "exactly one of"),
        (json!({"when": [{"from": "body", "present": 1}]}), "when[0].present", "true or false"),
        (json!({"when": [{"from": "body", "hex": 20}]}), "when[0].hex", "least and the greatest"),
        (json!({"when": [{"from": "body", "hex": [0, 2]}]}), "when[0].hex", "least and the"),
        (json!({"when": [{"from": "body", "hex": [3, 2]}]}), "when[0].hex", "least and the"),
        (json!({"when": [{"from": "header:A", "present": false}]}), "when", "one condition that"),
        (json!({"when": when, "answer": {"status": 500}}), "answer.status", "from 0 to 299"),
        (
            json!({"when": when, "answer": {"content_type": "a\nb", "body": "x"}}),
            "answer.content_type",
            "printable ASCII",
        ),
        (
            json!({"when": when, "answer": {"content_type": "a/b", "body": "{signature}"}}),
            "answer.body",
            "exactly if there is `sign`",
        ),
        (
            json!({"when": when, "answer": {"content_type": "a/b", "body": "{body}"}}),
            "answer.body",
            "unknown placeholder `{body}`",
        ),
        (
            json!({"when": when, "answer": {"sign": "{body}"}}),
            "answer.sign",
            "one input that `when` limits by `hex`",
        ),
        (
            json!({"when": [{"from": "query:q", "hex": [20, 32]}],
                "answer": {"sign": "x{query:q}", "content_type": "a/b", "body": "{signature}"}}),
            "answer.sign",
            "one input that `when` limits by `hex`",
        ),
    ] {
        check(one(rule), &path(field), complaint);
    }
    let unlisted = json!({"when": when, "answer": {"content_type": "a/b", "body": "{config:key}"}});
    check(one(unlisted), "config", "`key` is used and not listed");
    let challenge = json!([{"when": [{"from": "query:q", "hex": [20, 32]}],
        "answer": {"sign": "{query:q}", "content_type": "a/b", "body": "{signature}"}}]);
    let token = with(good_token(), "/handshakes", challenge);
    check(token, "handshakes[0].answer.sign", "a `kind` that signs with a shared secret");
}

#[test]
fn refuses_unknown_fields_and_words() {
    broken("/preset", json!("stripe"), "preset", "not a field of the vocabulary");
    broken("/sig/0/encoding", json!("hex"), "sig[0].encoding", "not a field");
    broken("/ts/tolerance", json!(300), "ts.tolerance", "not a field");
    broken(
        "/kind",
        json!("hmacs"),
        "kind",
        "`hmacs` is not one of hmac, digest, token, basic, rsa",
    );
    broken("/hash", json!("sha384"), "hash", "`sha384` is not one of sha256, sha512, sha1, md5");
    broken("/hash", json!(256), "hash", "must be a text");
    broken(
        "/sig/0/enc",
        json!("base32"),
        "sig[0].enc",
        "is not one of hex, base64, base64-hex, text",
    );
    broken("/ts/unit", json!("us"), "ts.unit", "is not one of s, ms, rfc3339");
    broken("/key", json!({"enc": "pem"}), "key.enc", "is not one of utf8, base64, hex");
    broken("/key", json!({"salt": "x"}), "key.salt", "not a field");
    broken("/key", json!({"prehash": "sha3"}), "key.prehash", "is not one of");
    broken("/ack", json!({"code": 200}), "ack.code", "not a field");
}

#[test]
fn refuses_bad_signature_places() {
    broken("/sig", json!([]), "sig", "a list of 1 to 16 places");
    broken("/sig", json!("header:S"), "sig", "a list of 1 to 16 places");
    broken("/sig", json!(["header:S"]), "sig[0]", "must be an object");
    broken("/sig/0/from", Value::Null, "sig[0].from", "is missing");
    broken("/sig/0/from", json!("cookie:s"), "sig[0].from", "`cookie:s` is not header:");
    broken("/sig/0/from", json!("header:a b"), "sig[0].from", "`a b` is not a header name");
    broken("/sig/0/from", json!("json:sig"), "sig[0].from", "must start with `/`");
    broken("/sig/0/enc", Value::Null, "sig[0].enc", "is missing");
    broken("/sig/0/enc", json!("text"), "sig[0].enc", "for fixed credentials only");
    broken("/sig/0/split", json!(", "), "sig[0].split", "one ASCII character");
    broken("/sig/0/split", json!("ü"), "sig[0].split", "one ASCII character");
    broken("/sig/0/kv", json!("v1"), "sig[0].kv", "a list of at most 16 texts");
    broken("/sig/0/kv", json!([""]), "sig[0].kv", "a list of at most 16 texts");
    broken("/sig/0/kv", Value::Null, "sig[0].single", "means nothing without `kv`");
    broken("/sig/0/positional", json!("t"), "sig[0].positional", "cannot stand beside `kv`");
    broken("/sig/0/prefix", json!("x".repeat(257)), "sig[0].prefix", "a text of 1 to 256 bytes");
    broken("/sig/0/take", json!(["/"]), "sig[0].take", "a separator and a part number");
    broken("/sig/0/take", json!(["/", 16]), "sig[0].take", "below 16");
    broken("/sig/0/skip_unknown", json!(true), "sig[0].skip_unknown", "without `prefix`");
    broken("/sig/0/skip_unknown", json!("yes"), "sig[0].skip_unknown", "must be true or false");
    broken("/sig/0/repeat", json!("all"), "sig[0].repeat", "is not one of reject, any");
    let bare = with(with(good(), "/sig/0/kv", Value::Null), "/sig/0/single", Value::Null);
    check(with(bare.clone(), "/sig/0/kvsep", json!("=")), "sig[0].kvsep", "without `kv`");
    let positional = with(bare.clone(), "/sig/0/positional", json!("t"));
    check(with(positional, "/sig/0/split", Value::Null), "sig[0].positional", "needs `split`");
    check(with(bare, "/sig/0/positional", json!("time")), "sig[0].positional", "is not one of t");
    let query = with(good(), "/sig/0/from", json!("query:s"));
    check(with(query, "/sig/0/repeat", json!("any")), "sig[0].repeat", "no header");
}

#[test]
fn refuses_bad_timestamps() {
    broken("/ts/from", Value::Null, "ts.from", "is missing");
    broken("/ts/from", json!("now"), "ts.from", "is not header:");
    broken("/ts/from", json!("sig:ts"), "ts.from", "needs `ts` in `sig[0].single`");
    broken("/ts/unit", Value::Null, "ts.unit", "is missing");
    broken("/ts/tol", json!(-1), "ts.tol", "a whole number from 0 to 604800");
    broken("/ts/tol", json!(1.5), "ts.tol", "a whole number");
    broken("/ts/tol", json!(604_801), "ts.tol", "a whole number");
    broken("/ts/opaque", json!(true), "ts.tol", "for an opaque timestamp");
    broken("/ts", Value::Null, "msg", "holds {ts}, and there is no `ts`");
    broken("/msg", json!("{body}"), "ts", "not part of the signed text");
    broken("/msg", json!("[[{ts}]]{body}"), "ts", "not part of the signed text");
    broken("/sig/0/repeat", json!("any"), "ts.from", "cannot stand beside `repeat` `any`");
    let place = good()["sig"][0].clone();
    broken("/sig", json!([place, place]), "ts.from", "exactly one place");
    let in_body = with(good(), "/ts/from", json!("json:/signedAt"));
    let in_body = with(in_body, "/msg", json!("{body}"));
    Scheme::parse(&in_body.to_string()).expect("a timestamp in the signed body");
    let in_query = with(in_body, "/ts/from", json!("query:ts"));
    check(in_query, "ts", "not part of the signed text");
}

#[test]
fn refuses_bad_texts() {
    broken("/msg", Value::Null, "msg", "is missing");
    broken("/msg", json!(""), "msg", "must be a text of 1 to 4096 bytes");
    broken("/msg", json!("{ts}{bdy}"), "msg", "unknown placeholder `{bdy}`");
    broken("/msg", json!("{ts"), "msg", "`{` without `}`");
    broken("/msg_alt", json!("{ts"), "msg_alt", "`{` without `}`");
    broken("/msg_alt", json!("{body}"), "ts", "not part of the signed text");
    let untimed = with(good(), "/ts", Value::Null);
    check(with(untimed.clone(), "/msg", json!("x{secret}")), "msg", "something of the request");
    check(with(untimed, "/msg", json!("[[{body}]]")), "msg", "something of the request");
    let digest = with(good(), "/kind", json!("digest"));
    check(digest.clone(), "msg", "must hold {secret}");
    let keyed = with(digest, "/key", json!({"enc": "hex"}));
    check(keyed, "key", "means nothing for a digest");
}

#[test]
fn refuses_bad_credentials() {
    for (field, value) in [
        ("hash", json!("sha256")),
        ("key", json!({})),
        ("msg", json!("{body}")),
        ("ts", json!({"from": "header:T", "unit": "s"})),
    ] {
        let record = with(good_token(), &format!("/{field}"), value);
        check(record, field, "means nothing for a fixed credential");
    }
    check(with(good_token(), "/sig/0/enc", json!("hex")), "sig[0].enc", "must be `text`");
    let basic = with(good_token(), "/kind", json!("basic"));
    check(with(basic, "/sig/0/prefix", json!("Basic ")), "sig[0].prefix", "RFC 7617");
}

#[test]
fn refuses_bad_selectors() {
    broken("/id", json!("json:/id"), "id", "a list of at most 16 texts");
    broken("/id", json!(["/id"]), "id", "is not header:");
    broken("/id", json!(["=constant"]), "id", "must select something");
    broken("/type", json!(["json:type"]), "type", "must start with `/`");
}

#[test]
fn refuses_bad_config() {
    broken("/config", json!(["url"]), "config", "`url` is listed and not used");
    broken("/msg", json!("{config:url}{ts}"), "config", "`url` is used and not listed");
    broken("/sig/0/kv", json!(["$mode"]), "config", "`mode` is used and not listed");
    let listed = with(good(), "/sig/0/kv", json!(["$mode"]));
    let scheme = Scheme::parse(&with(listed, "/config", json!(["mode"])).to_string());
    assert_eq!(scheme.expect("a good record").config_names(), ["mode"]);
}

#[test]
fn refuses_bad_answers() {
    broken("/ack", json!({"status": 302}), "ack.status", "from 0 to 299");
    broken("/ack", json!({"status": 199}), "ack.status", "from 200 to 299");
    broken("/ack", json!({"body": "ok"}), "ack.content_type", "is needed beside `body`");
    let ack = json!({"status": 202, "content_type": "text/plain", "body": "[accepted]"});
    let scheme = Scheme::parse(&with(good(), "/ack", ack).to_string()).expect("a good record");
    assert_eq!(scheme.ack().status, 202);
    assert_eq!(scheme.ack().body, "[accepted]");
}
