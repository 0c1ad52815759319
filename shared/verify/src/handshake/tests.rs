use super::*;
use crate::preset;
use crate::time::{Tolerance, UnixTime};
use crate::{Refusal, SignInput};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// A rule inside of a scheme that is otherwise plain.
fn scheme(handshake: &str) -> Scheme {
    let record = format!(
        r#"{{"kind":"hmac","hash":"sha1","sig":[{{"from":"header:Sig","enc":"hex"}}],
        "msg":"{{body}}","handshakes":[{handshake}]}}"#
    );
    Scheme::parse(&record).expect("scheme")
}

#[track_caller]
fn check(handshake: &str, method: Method, query: &str, body: &str, is_verified: bool, hit: bool) {
    let headers = [("X-Event", "ping"), ("X-Twice", "1"), ("X-Twice", "1")];
    let request = Request { query, headers: &headers, body: body.as_bytes() };
    let secrets = [Secret::new("s")];
    let answer =
        scheme(handshake).handshake(method, &request, &secrets, &Config::default(), is_verified);
    assert_eq!(answer.is_some(), hit, "{handshake}: {query} {body}");
}

/// An unsigned POST with this body.
#[track_caller]
fn check_body(condition: &str, body: &str, hit: bool) {
    let handshake = format!(r#"{{"unsigned":true,"when":[{condition}]}}"#);
    check(&handshake, Method::Post, "", body, false, hit);
    check(&handshake, Method::Get, "", body, false, false);
}

#[test]
fn every_condition() {
    let empty = r#"{"from":"body","is":""}"#;
    check_body(empty, "", true);
    check_body(empty, " ", false);
    check_body(r#"{"from":"body","is":"{}"}"#, "{}", true);
    let woo = r#"{"from":"body","digits_after":"webhook_id="}"#;
    for (body, hit) in [
        ("webhook_id=17", true),
        ("webhook_id=", false),
        ("webhook_id=1x", false),
        ("webhook_id=1&a=b", false),
        ("a=b&webhook_id=1", false),
        (r#"{"note":"&webhook_id=1&"}"#, false),
    ] {
        check_body(woo, body, hit);
    }
    let there = r#"{"from":"json:/message","present":true}"#;
    let both = format!(r#"{there},{{"from":"json:/type","present":false}}"#);
    for (body, hit) in [
        (r#"{"message":"hello"}"#, true),
        (r#"{"message":"hello","type":"x"}"#, false),
        (r#"{"message":null}"#, false),
        ("{}", false),
        ("not json", false),
        (r#"{"message":1,"message":2}"#, false),
    ] {
        check_body(&both, body, hit);
    }
    check_body(r#"{"from":"header:X-Event","is":"ping"}"#, "", true);
    check_body(r#"{"from":"header:x-event","is":"push"}"#, "", false);
    check_body(r#"{"from":"header:X-Twice","present":true}"#, "", false);
    check_body(r#"{"from":"form:a","is":"b c"}"#, "a=b+c", true);
    let hex = r#"{"unsigned":true,"method":"GET","when":[{"from":"query:q","hex":[2,4]}]}"#;
    for (query, hit) in
        [("q=ab", true), ("q=ab01", true), ("q=a", false), ("q=ab012", false), ("q=AB", false)]
    {
        check(hex, Method::Get, query, "", false, hit);
        check(hex, Method::Post, query, "", true, false);
    }
}

#[test]
fn what_must_be_signed_must_be() {
    let signed = r#"{"when":[{"from":"header:X-Event","is":"ping"}]}"#;
    check(signed, Method::Post, "", "", false, false);
    check(signed, Method::Post, "", "", true, true);
}

/// `bt_challenge` of the documentation's form; the answer is what Braintree's libraries make.
#[test]
fn braintrees_challenge_is_signed_and_never_taken_back_as_an_event() {
    let braintree = &preset("braintree").expect("braintree").scheme;
    let config = Config::from([("public_key", "integration_public_key")]);
    let secrets = [Secret::new("integration_private_key"), Secret::new("old")];
    let challenge = "20f9f8ed05f77439fe955c977e4c8a53";
    let query = format!("bt_challenge={challenge}");
    let none = [("", ""); 0];
    let asked = Request { query: &query, headers: &none, body: b"" };
    let answer = braintree.handshake(Method::Get, &asked, &secrets, &config, false);
    let answer = answer.expect("a handshake");
    assert_eq!(answer.body, "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4");
    assert_eq!((answer.status, answer.content_type.as_deref()), (200, Some("text/plain")));

    let (_, signature) = answer.body.split_once('|').expect("key and signature");
    for payload in [challenge.to_owned(), format!("{challenge}%0A")] {
        let body =
            format!("bt_signature=integration_public_key%7C{signature}&bt_payload={payload}");
        let forged = Request { query: "", headers: &none, body: body.as_bytes() };
        let outcome = braintree.verify(&forged, &secrets, &config, Tolerance::SchemeDefault, NOW);
        assert_eq!(outcome, Err(Refusal::SignatureMismatch), "{payload}");
    }
    // A payload, on the other hand, is never taken for a challenge.
    let input = SignInput {
        body: b"bt_payload=PHhtbD48L3htbD4=",
        query: "",
        headers: &[],
        secret: &secrets[0],
        config: &config,
        timestamp: NOW,
    };
    let signed = braintree.sign(&input).expect("signed");
    let request = Request { query: "", headers: &signed.headers, body: &signed.body };
    assert!(braintree.verify(&request, &secrets, &config, Tolerance::SchemeDefault, NOW).is_ok());
}

#[test]
fn no_secret_no_answer() {
    let braintree = &preset("braintree").expect("braintree").scheme;
    let request = Request {
        query: "bt_challenge=20f9f8ed05f77439fe955c",
        headers: &[("", ""); 0],
        body: b"",
    };
    let config = Config::from([("public_key", "p")]);
    let none: [Secret; 0] = [];
    assert!(braintree.handshake(Method::Get, &request, &none, &config, false).is_none());
    let secrets = [Secret::new("s")];
    let no_config = Config::default();
    assert!(braintree.handshake(Method::Get, &request, &secrets, &no_config, false).is_none());
}
