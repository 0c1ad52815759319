use super::*;
use crate::time::Tolerance;

/// Stands for the MD5 of `b` and the secret in what is expected below.
const DIGEST: &str = "{digest}";

/// Signs the body `b` with a scheme, expects these parts of the request, and that the scheme
/// accepts its own signature.
#[track_caller]
fn check(scheme: &str, headers: &[(&str, &str)], query: &str, body: &str) {
    check_body(scheme, "b", headers, query, body);
}

#[track_caller]
fn check_body(scheme: &str, body: &str, headers: &[(&str, &str)], query: &str, new_body: &str) {
    let scheme = Scheme::parse(scheme).expect("scheme");
    let (secret, config) = (Secret::new("user:secret"), Config::from([("mode", "te")]));
    let timestamp = UnixTime::from_millis(1_790_000_000_500);
    let given = [("Sig".to_owned(), "replaced".to_owned())];
    let input = SignInput {
        body: body.as_bytes(),
        query: "q=1",
        headers: &given[..usize::from(headers.iter().any(|(name, _)| *name == "Sig"))],
        secret: &secret,
        config: &config,
        timestamp,
    };
    let signed = scheme.sign(&input).expect("signed");
    let digest = crate::encoding::to_hex(crate::digest::Hash::Md5.of(b"buser:secret").as_bytes());
    let fill = |text: &str| text.replace(DIGEST, &digest);
    let expected: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), fill(value))).collect();
    assert_eq!(signed.headers, expected);
    assert_eq!(signed.query, fill(query));
    assert_eq!(String::from_utf8_lossy(&signed.body), fill(new_body));
    let request = Request { query: &signed.query, headers: &signed.headers, body: &signed.body };
    let verified = scheme.verify(&request, &[secret], &config, Tolerance::SchemeDefault, timestamp);
    assert!(verified.is_ok(), "{verified:?}");
}

fn digest(place: &str, rest: &str) -> String {
    format!(r#"{{"kind":"digest","hash":"md5","msg":"b{{secret}}","sig":[{{{place}}}]{rest}}}"#)
}

#[test]
fn composes_every_form() {
    let in_header = |rest: &str| digest(&format!(r#""from":"header:Sig","enc":"hex"{rest}"#), "");
    let check_header =
        |rest: &str, value: &str| check(&in_header(rest), &[("Sig", value)], "q=1", "b");
    check_header("", "{digest}");
    check_header(r#","prefix":"sha=""#, "sha={digest}");
    check_header(r#","suffix_sep":"\u0023\u0023\u0023""#, "{digest}###1");
    check_header(r#","take":["/",2]"#, "1/1/{digest}");
    check_header(r#","split":",","prefix":"v1=""#, "v1={digest}");
    check_header(r#","split":";","kv":["s","h"],"kvsep":":""#, "s:{digest}");
    check_header(r#","split":" ","kv":["s"],"single":["n"]"#, "n=1790000000 s={digest}");
}

#[test]
fn puts_signatures_everywhere() {
    check(&digest(r#""from":"query:a sig","enc":"hex""#, ""), &[], "q=1&a%20sig={digest}", "b");
    check(&digest(r#""from":"form:sig","enc":"hex""#, ""), &[], "q=1", "b&sig={digest}");
    let moded = digest(
        r#""from":"form:sig","enc":"hex","split":"&","kv":["$mode"],"kvsep":"|""#,
        r#","config":["mode"]"#,
    );
    check(&moded, &[], "q=1", "b&sig=te%7C{digest}");
    let in_body = digest(r#""from":"json:/sig","enc":"hex""#, "");
    let [before, after] = [r#"{"sig":"{{signature}}"}"#, r#"{"sig":"{digest}"}"#];
    check_body(&in_body, before, &[], "q=1", after);
}

#[test]
fn sends_the_timestamp_where_it_belongs() {
    let keyed = |unit: &str, from: &str, sig: &str| {
        format!(
            r#"{{"kind":"hmac","hash":"md5","msg":"{{ts}}","sig":[{{"from":"header:Sig",{sig}}}],
            "ts":{{"from":"{from}","unit":"{unit}","opaque":true}}}}"#
        )
    };
    for (unit, text) in
        [("s", "1790000000"), ("ms", "1790000000500"), ("rfc3339", "2026-09-21T14:13:20Z")]
    {
        let mac = {
            let mut mac = crate::digest::Hash::Md5.keyed(b"user:secret");
            mac.update(text.as_bytes());
            crate::encoding::to_hex(mac.finish().as_bytes())
        };
        let plain = r#""enc":"hex""#;
        check(&keyed(unit, "header:Time", plain), &[("Time", text), ("Sig", &mac)], "q=1", "b");
        let query = format!("q=1&ts={}", text.replace(':', "%3A"));
        check(&keyed(unit, "query:ts", plain), &[("Sig", &mac)], &query, "b");
        let pairs = r#""enc":"hex","split":",","kv":["v1"],"single":["t"]"#;
        let value = format!("t={text},v1={mac}");
        check(&keyed(unit, "sig:t", pairs), &[("Sig", &value)], "q=1", "b");
        let first = r#""enc":"hex","split":",","positional":"t""#;
        let value = format!("{text},{mac}");
        check(&keyed(unit, "sig:t", first), &[("Sig", &value)], "q=1", "b");
    }
}

#[test]
fn sends_credentials() {
    let token = r#"{"kind":"token","sig":[{"from":"header:X-Token","enc":"text"}]}"#;
    check(token, &[("X-Token", "user:secret")], "q=1", "b");
    let bearer = r#"{"kind":"token",
        "sig":[{"from":"header:Authorization","enc":"text","prefix":"Bearer "}]}"#;
    check(bearer, &[("Authorization", "Bearer user:secret")], "q=1", "b");
    let basic = r#"{"kind":"basic","sig":[{"from":"header:Authorization","enc":"text"}]}"#;
    check(basic, &[("Authorization", "Basic dXNlcjpzZWNyZXQ=")], "q=1", "b");
}

#[test]
fn says_why_it_cannot_sign() {
    let sign = |scheme: &str, secret: &str| {
        let secret = Secret::new(secret);
        let input = SignInput {
            body: b"{}",
            query: "",
            headers: &[],
            secret: &secret,
            config: &Config::default(),
            timestamp: UnixTime::from_secs(0),
        };
        Scheme::parse(scheme).expect("scheme").sign(&input).expect_err("not signed")
    };
    let hmac = |key: &str, msg: &str, rest: &str| {
        format!(
            r#"{{"kind":"hmac","hash":"md5","key":{{"enc":"{key}"}},"msg":"{msg}",
            "sig":[{{"from":"header:Sig","enc":"hex"}}]{rest}}}"#
        )
    };
    assert_eq!(sign(&hmac("hex", "{body}", ""), "x"), SecretError::NotHex.into());
    assert_eq!(sign(&hmac("utf8", "{body}", ""), ""), SecretError::Empty.into());
    assert_eq!(sign(&hmac("utf8", "{header:id}", ""), "x"), Refusal::MissingInput.into());
    let configured = hmac("utf8", "{config:url}{body}", r#","config":["url"]"#);
    assert_eq!(sign(&configured, "x"), Refusal::MissingConfig.into());
    let in_body = digest(r#""from":"json:/sig","enc":"hex""#, "");
    assert_eq!(sign(&in_body, "x"), SignError::NoPlaceInBody);
}
