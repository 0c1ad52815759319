use super::*;
use crate::sign::{SignInput, Signed};

const NOW: UnixTime = UnixTime::from_millis(1_790_000_000_999);
const BODY: &[u8] = br#"{"id":"evt_1","type":"paid","signed_at":1790000000}"#;

const TIMED: &str = r#"{"kind":"hmac","hash":"sha256",
    "sig":[{"from":"header:Sig","enc":"hex","split":",","kv":["v1"],"single":["t"]}],
    "msg":"{ts}.{body}","ts":{"from":"sig:t","unit":"s","tol":300}}"#;
const TIMED_MS: &str = r#"{"kind":"hmac","hash":"sha256","sig":[{"from":"header:Sig","enc":"hex"}],
    "msg":"{ts}.{body}","ts":{"from":"header:Time","unit":"ms","tol":300}}"#;
const PLAIN: &str = r#"{"kind":"hmac","hash":"sha256",
    "sig":[{"from":"header:Sig","enc":"hex","split":","}],"msg":"{body}",
    "id":["header:Event-Id"],"type":["header:Event-Type"]}"#;
const ANY_LINE: &str = r#"{"kind":"hmac","hash":"sha256",
    "sig":[{"from":"header:Sig","enc":"hex","repeat":"any"}],"msg":"{body}"}"#;
const TWO_PLACES: &str = r#"{"kind":"hmac","hash":"sha256",
    "sig":[{"from":"header:Sig","enc":"hex"},{"from":"header:Sig-Next","enc":"hex"}],
    "msg":"{body}"}"#;
const BEARER: &str = r#"{"kind":"token",
    "sig":[{"from":"header:Authorization","enc":"text","prefix":"Bearer "}]}"#;
const BASIC: &str = r#"{"kind":"basic","sig":[{"from":"header:Authorization","enc":"text"}]}"#;
const MODE: &str = r#"{"kind":"hmac","hash":"sha256",
    "sig":[{"from":"header:Sig","enc":"hex","split":",","kv":["$mode"]}],
    "msg":"{config:url}{body}","config":["mode","url"]}"#;
const IN_BODY: &str = r#"{"kind":"digest","hash":"sha512",
    "sig":[{"from":"json:/sig","enc":"hex"}],"msg":"{json:/amount}{secret}"}"#;
const HEX_KEY: &str = r#"{"kind":"hmac","hash":"sha256","key":{"enc":"hex"},
    "sig":[{"from":"header:Sig","enc":"hex"}],"msg":"{body}"}"#;

/// A scheme, a request it accepts, and knobs to turn.
struct Case {
    scheme: Scheme,
    request: Signed,
    secrets: Vec<Secret>,
    config: Config,
    tolerance: Tolerance,
    now: UnixTime,
}

impl Case {
    fn new(scheme: &str) -> Self {
        Self::with_body(scheme, BODY)
    }

    fn with_body(scheme: &str, body: &[u8]) -> Self {
        let scheme = Scheme::parse(scheme).expect("scheme");
        let config: Config = scheme.config_names().iter().map(|name| (name.clone(), "x")).collect();
        let secret = scheme.make_secret(&[3; 32]).expect("a scheme that signs");
        let input = SignInput {
            body,
            query: "",
            headers: &[],
            secret: &secret,
            config: &config,
            timestamp: NOW,
        };
        let request = scheme.sign(&input).expect("signed");
        let case = Self {
            scheme,
            request,
            secrets: vec![secret],
            config,
            tolerance: Tolerance::SchemeDefault,
            now: NOW,
        };
        assert_eq!(case.verify(), Ok(0), "the untouched case");
        case
    }

    fn verify(&self) -> Result<usize, Refusal> {
        let Signed { headers, query, body } = &self.request;
        let request = Request { query, headers, body };
        self.scheme
            .verify(&request, &self.secrets, &self.config, self.tolerance, self.now)
            .map(|verified| verified.secret_indexes().next().expect("one matched"))
    }

    /// The value of a header that is there once.
    fn header(&mut self, name: &str) -> &mut String {
        let header = self.request.headers.iter_mut().find(|(known, _)| known == name);
        &mut header.expect("the header").1
    }

    fn add_header(&mut self, name: &str, value: &str) {
        self.request.headers.push((name.to_owned(), value.to_owned()));
    }
}

/// Turns one knob of an accepted case and expects this outcome.
#[track_caller]
fn check(scheme: &str, turn: impl FnOnce(&mut Case), expected: Result<usize, Refusal>) {
    let mut case = Case::new(scheme);
    turn(&mut case);
    assert_eq!(case.verify(), expected);
}

#[test]
fn any_secret_may_match() {
    let other = || Secret::new("other");
    check(PLAIN, |case| case.secrets.insert(0, other()), Ok(1));
    check(PLAIN, |case| case.secrets.push(other()), Ok(0));
    check(PLAIN, |case| case.secrets = vec![other()], Err(Refusal::SignatureMismatch));
    check(PLAIN, |case| case.secrets.clear(), Err(Refusal::NoUsableSecret));
    check(PLAIN, |case| case.secrets = vec![Secret::new("")], Err(Refusal::NoUsableSecret));
    check(BEARER, |case| case.secrets = vec![Secret::new("")], Err(Refusal::NoUsableSecret));
    // "other" is no hexadecimal key: it is passed over, and refused only when it stands alone.
    check(HEX_KEY, |case| case.secrets.insert(0, other()), Ok(1));
    check(HEX_KEY, |case| case.secrets = vec![other()], Err(Refusal::NoUsableSecret));
}

#[test]
fn age_is_checked_last_and_both_ways() {
    let at = |secs_ago: i64| UnixTime::from_secs(1_790_000_000_u64.saturating_add_signed(secs_ago));
    check(TIMED, |case| case.now = at(300), Ok(0));
    check(TIMED, |case| case.now = at(301), Err(Refusal::StaleTimestamp));
    check(TIMED, |case| case.now = at(-300), Ok(0));
    check(TIMED, |case| case.now = at(-301), Err(Refusal::FutureTimestamp));
    // A sender of whole seconds is not held to the fraction of ours.
    check(TIMED, |case| case.now = UnixTime::from_millis(1_790_000_300_999), Ok(0));
    check(TIMED_MS, |case| case.now = UnixTime::from_millis(1_790_000_300_999), Ok(0));
    let late = UnixTime::from_millis(1_790_000_301_000);
    check(TIMED_MS, |case| case.now = late, Err(Refusal::StaleTimestamp));
    check(TIMED, |case| (case.now, case.tolerance) = (at(9999), Tolerance::Unchecked), Ok(0));
    let strict = Tolerance::Within(Duration::ZERO);
    check(TIMED, |case| (case.now, case.tolerance) = (at(0), strict), Ok(0));
    check(TIMED, |case| (case.now, case.tolerance) = (at(1), strict), Err(Refusal::StaleTimestamp));
    // With a wrong signature the clock says nothing.
    let turn = |case: &mut Case| {
        case.now = at(9999);
        case.secrets = vec![Secret::new("other")];
    };
    check(TIMED, turn, Err(Refusal::SignatureMismatch));
}

#[test]
fn timestamps_are_digits_only() {
    for text in ["", "+1790000000", "-5", "1790000000.0", "1 790", "0x10", "１７９", "now"] {
        let turn = |case: &mut Case| *case.header("Time") = text.to_owned();
        check(TIMED_MS, turn, Err(Refusal::MalformedTimestamp));
    }
    // Too large for any clock is a number all the same; it is just not the one that was signed.
    let turn = |case: &mut Case| *case.header("Time") = "9".repeat(40);
    check(TIMED_MS, turn, Err(Refusal::SignatureMismatch));
    assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(decimal(b"18446744073709551616"), Some(u64::MAX));
    let turn = |case: &mut Case| case.request.headers.retain(|(name, _)| name != "Time");
    check(TIMED_MS, turn, Err(Refusal::MissingTimestamp));
    let turn = |case: &mut Case| case.add_header("time", "1790000000999");
    check(TIMED_MS, turn, Err(Refusal::DuplicateHeader));
}

#[test]
fn elements_are_taken_apart() {
    let rewrite = |change: fn(&str) -> String| {
        move |case: &mut Case| {
            let value = case.header("Sig");
            *value = change(value);
        }
    };
    check(TIMED, rewrite(|v| v.replace(',', " ,\t ")), Ok(0));
    check(TIMED, rewrite(|v| format!(",,{v},,v2=00,v0=zz,novalue,=,")), Ok(0));
    check(TIMED, rewrite(|v| format!("v1=zz,{v},v1=00")), Ok(0));
    check(TIMED, rewrite(str::to_uppercase), Err(Refusal::MalformedSignature));
    check(TIMED, rewrite(|v| format!("{v},t=1")), Err(Refusal::MalformedSignature));
    check(TIMED, rewrite(|v| v.replace("v1", "v0")), Err(Refusal::MalformedSignature));
    check(TIMED, rewrite(|v| v.replace("t=", "u=")), Err(Refusal::MalformedSignature));
    check(PLAIN, rewrite(str::to_uppercase), Ok(0));
    check(PLAIN, rewrite(|_| String::new()), Err(Refusal::MalformedSignature));
    check(PLAIN, rewrite(|_| " , ,".to_owned()), Err(Refusal::MalformedSignature));
    check(PLAIN, rewrite(|_| "00".to_owned()), Err(Refusal::SignatureMismatch));
}

#[test]
fn signatures_are_counted() {
    let before = |count: usize| {
        move |case: &mut Case| {
            let value = case.header("Sig");
            *value = format!("{}{value}", format!("{},", "00".repeat(32)).repeat(count));
        }
    };
    check(PLAIN, before(SIGNATURES_MAX - 1), Ok(0));
    check(PLAIN, before(SIGNATURES_MAX), Err(Refusal::MalformedSignature));
    let lines = |count: usize| {
        move |case: &mut Case| (0..count).for_each(|_| case.add_header("sig", &"00".repeat(32)))
    };
    check(ANY_LINE, lines(SIGNATURES_MAX - 1), Ok(0));
    check(ANY_LINE, lines(SIGNATURES_MAX), Err(Refusal::MalformedSignature));
}

#[test]
fn places_and_lines_are_alternatives() {
    let second_line = |case: &mut Case| case.add_header("SIG", "00");
    check(ANY_LINE, second_line, Ok(0));
    check(PLAIN, second_line, Err(Refusal::DuplicateHeader));
    check(TWO_PLACES, |case| case.add_header("Sig-Next", "garbage"), Ok(0));
    check(TWO_PLACES, |case| case.request.headers[0].0 = "Sig-Next".to_owned(), Ok(0));
    check(TWO_PLACES, |case| case.request.headers.clear(), Err(Refusal::MissingSignature));
}

#[test]
fn the_id_must_be_unambiguous() {
    let turn = |names: &'static [&'static str]| {
        move |case: &mut Case| names.iter().for_each(|name| case.add_header(name, "a"))
    };
    check(PLAIN, turn(&["Event-Id"]), Ok(0));
    check(PLAIN, turn(&["Event-Id", "event-id"]), Err(Refusal::DuplicateHeader));
    check(PLAIN, turn(&["Event-Type", "event-type"]), Ok(0));
}

#[test]
fn credentials_compare_exactly() {
    let set = |change: fn(&str) -> String| {
        move |case: &mut Case| {
            let value = case.header("Authorization");
            *value = change(value);
        }
    };
    let malformed = || Err(Refusal::MalformedSignature);
    check(BEARER, set(|v| v.replace("Bearer", "bEARER")), Ok(0));
    check(BEARER, set(|v| format!(" {v}\t")), Ok(0));
    check(BEARER, set(|v| v.replace("Bearer", "Basic")), malformed());
    check(BEARER, set(|_| "Bearer ".to_owned()), malformed());
    check(BEARER, set(|v| format!("{v}x")), Err(Refusal::SignatureMismatch));
    check(BEARER, set(|v| v.replace('3', "4")), Err(Refusal::SignatureMismatch));
    check(BASIC, set(|v| v.replace("Basic ", "BASIC   ")), Ok(0));
    check(BASIC, set(|v| v.replace("Basic ", "Basic")), malformed());
    check(BASIC, set(|v| v.replace('=', "")), malformed());
    // base64 of "user" and of "user:".
    check(BASIC, set(|_| "Basic dXNlcg==".to_owned()), malformed());
    check(BASIC, set(|_| "Basic dXNlcjo=".to_owned()), Err(Refusal::SignatureMismatch));
}

#[test]
fn configured_inputs_are_needed() {
    let missing = || Err(Refusal::MissingConfig);
    check(MODE, |case| case.config = Config::from([("mode", "x")]), missing());
    check(MODE, |case| case.config = Config::from([("url", "x")]), missing());
    let other = Config::from([("mode", "x"), ("url", "y")]);
    check(MODE, |case| case.config = other, Err(Refusal::SignatureMismatch));
    let other = Config::from([("mode", "y"), ("url", "x")]);
    check(MODE, |case| case.config = other, Err(Refusal::MalformedSignature));
}

#[test]
fn signed_json_must_be_unambiguous() {
    let body = br#"{"amount":10.50,"sig":"{{signature}}"}"#;
    let case = |change: fn(String) -> String| {
        let mut case = Case::with_body(IN_BODY, body);
        let text = String::from_utf8(case.request.body).expect("UTF-8");
        case.request.body = change(text).into_bytes();
        case.verify()
    };
    assert_eq!(case(|text| text.replace(",", " ,\n")), Ok(0));
    assert_eq!(case(|text| text.replace("10.50", "10.5")), Err(Refusal::SignatureMismatch));
    assert_eq!(case(|text| text.replace("{\"a", "{\"amount\":1,\"a")), Err(Refusal::MalformedBody));
    assert_eq!(case(|text| text.replace("amount", "sum")), Err(Refusal::MissingInput));
    assert_eq!(case(|text| text.replace("\"sig\"", "\"gis\"")), Err(Refusal::MissingSignature));
    assert_eq!(case(|text| text + "}"), Err(Refusal::MalformedBody));
}

#[test]
fn any_bytes_can_be_signed() {
    for body in [&b""[..], b"\xef\xbb\xbf{}", b"\x00\xff\xfe", b"not json"] {
        let case = Case::with_body(PLAIN, body);
        let Signed { headers, query, body } = &case.request;
        let identity = case.scheme.identify(&Request { query, headers, body }).remove(0);
        assert_eq!(identity.event_type, "unknown");
        assert_eq!(identity.provider_event_id.len(), 64);
    }
}

#[test]
fn an_alternative_text_counts() {
    let scheme = |msg, alternative| {
        format!(
            r#"{{"kind":"hmac","hash":"sha1","key":{{"prehash":"sha1"}},
            "sig":[{{"from":"header:Sig","enc":"hex"}}],"msg":"{msg}","msg_alt":"{alternative}"}}"#
        )
    };
    let mut case = Case::new(&scheme("{body}", "{body}+"));
    case.scheme = Scheme::parse(&scheme("{body}+", "{body}")).expect("scheme");
    assert_eq!(case.verify(), Ok(0));
    case.scheme = Scheme::parse(&scheme("{body}+", "{body}-")).expect("scheme");
    assert_eq!(case.verify(), Err(Refusal::SignatureMismatch));
}
