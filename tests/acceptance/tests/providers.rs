//! Every provider's requests through the whole stack, over a raw socket: what is signed becomes
//! events, and nothing else does. And the command line, which signs and explains from the same data.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use postback_acceptance::api::{Merchant, text};
use postback_acceptance::binary;
use postback_acceptance::client::Request;
use postback_acceptance::clock::eventually;
use postback_acceptance::sign::sha256_hex;
use postback_acceptance::stack::Stack;
use postback_vectors::Vector;
use serde_json::{Value, json};

/// One connection of a provider, and what must be found in it.
struct Source {
    id: String,
    path: String,
    expected: BTreeSet<String>,
}

/// Everything that a source is set up with.
type Setup = (Vec<String>, BTreeMap<String, String>, Option<u64>);

/// The clock here is the world's, long after the vectors' own. So the age is checked only where it
/// is why a request must be refused.
fn setup(vector: &Vector) -> Setup {
    let reason = vector.reason_code.as_deref();
    let is_too_old = matches!(reason, Some("stale_timestamp" | "future_timestamp"));
    let tolerance = vector.tolerance_s.filter(|_| is_too_old);
    (vector.secrets.clone(), vector.config.clone(), tolerance)
}

fn create(stack: &Stack, merchant: &Merchant, preset: &str, setup: &Setup) -> Source {
    let (secrets, config, tolerance_s) = setup;
    let source = json!({
        "merchant_id": merchant.id, "preset": preset, "secrets": secrets, "config": config,
        "tolerance_s": tolerance_s,
    });
    let source = stack.admin().post("/v1/sources", &source).ok();
    let id = text(&source, "id");
    Source { path: format!("/in/{id}"), id, expected: BTreeSet::new() }
}

fn request(source: &Source, vector: &Vector) -> Request {
    let target = match vector.url.split_once('?') {
        Some((_, query)) => format!("{}?{query}", source.path),
        None => source.path.clone(),
    };
    let request = Request::new(&vector.method, &target);
    let headers = vector.headers.iter();
    headers
        .fold(request, |request, (name, value)| request.header(name, value.clone()))
        .body(vector.body())
}

/// What a vector's events are called, the hash of the bytes where the provider gives no name.
fn names(vector: &Vector) -> impl Iterator<Item = String> {
    vector.events().into_iter().map(|event| event.id.unwrap_or_else(|| sha256_hex(&event.body)))
}

/// What may be lost on the way through a gateway: lines of a header, bytes that are no text, a query.
/// A deployed stack gets one request of each kind from each provider; the others say nothing new of
/// it, and it may be slow.
fn kind(vector: &Vector) -> (bool, bool, bool, bool) {
    let is_text = String::from_utf8(vector.body()).is_ok();
    let reason = vector.reason_code.as_deref();
    let is_repeated = reason == Some("duplicate_header");
    (vector.is_accepted(), is_repeated, is_text, vector.query().is_empty())
}

fn check(stack: &Stack, preset: &str, vectors: &[Vector]) {
    let merchant = stack.merchant();
    let mut sources: BTreeMap<String, Source> = BTreeMap::new();
    for vector in vectors {
        let setup = setup(vector);
        let source = sources
            .entry(format!("{setup:?}"))
            .or_insert_with(|| create(stack, &merchant, preset, &setup));
        let answer = stack.client().send(&request(source, vector));
        let is_answered = vector.is_accepted() || vector.is_handshake();
        let expected = if is_answered { 200 } else { 401 };
        assert_eq!(answer.status, expected, "{} ({})", vector.id, vector.description);
        if vector.is_accepted() && !vector.is_handshake() {
            source.expected.extend(names(vector));
        }
    }
    for source in sources.values() {
        let events = eventually(&format!("the events of {preset}"), || {
            let events = stack.admin().list(&format!("/v1/events?source_id={}", source.id));
            let is_all = events.len() >= source.expected.len();
            if is_all { Ok(events) } else { Err(format!("{} events", events.len())) }
        });
        let found: BTreeSet<_> =
            events.iter().map(|event| text(event, "provider_event_id")).collect();
        assert_eq!(found, source.expected, "{preset}");
    }
}

#[test]
fn every_vector_over_the_socket() {
    let stack = Stack::up();
    let mut by_preset: BTreeMap<String, Vec<Vector>> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for vector in postback_vectors::all() {
        let is_first = kinds.insert((vector.provider.clone(), kind(&vector)));
        if is_first || !stack.is_deployed() {
            by_preset.entry(vector.provider.clone()).or_default().push(vector);
        }
    }
    assert_eq!(by_preset.len(), 68);
    for (preset, vectors) in by_preset {
        check(&stack, &preset, &vectors);
    }
}

fn postback(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(binary::path()).args(arguments).output().expect("postback runs");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}

fn presets() -> Vec<Value> {
    let (_, listed) = postback(&["presets", "--json"]);
    serde_json::from_str::<Value>(&listed).expect("JSON").as_array().expect("a list").clone()
}

/// From the same data that verifies; where only the provider can sign, it says so. `send` goes by
/// the name in the URL, which a stack may not be reached by.
#[test]
fn send_signs_for_every_provider_with_a_shared_secret() {
    let Some(stack) = Stack::own() else { return };
    let merchant = stack.merchant();
    let presets = presets();
    assert_eq!(presets.len(), 68);
    for preset in &presets {
        let name = text(preset, "name");
        let config: BTreeMap<String, String> = preset["config"]
            .as_array()
            .expect("names")
            .iter()
            .map(|name| (name.as_str().expect("a name").to_owned(), "te".to_owned()))
            .collect();
        let public_key = include_str!("../../../shared/verify/tests/data/keys/rsa_2048.pub.pem");
        // Hexadecimal digits, base64, text and `user:password` would each be right for some.
        let fits = ["00112233445566778899aabbccddeeff", "user:password", public_key];
        let taken = fits.into_iter().find_map(|secret| {
            let source = json!({
                "merchant_id": merchant.id, "preset": name, "secrets": [secret], "config": config,
            });
            let answer = stack.admin().post("/v1/sources", &source);
            (answer.status == 201).then(|| (secret, answer.ok()))
        });
        let (secret, source) = taken.unwrap_or_else(|| panic!("no secret fits {name}"));
        let url = text(&source, "ingest_url");
        let mut arguments = vec!["send", "--preset", &name, "--secret", secret];
        let pairs: Vec<String> =
            config.iter().map(|(name, value)| format!("{name}={value}")).collect();
        arguments.extend(pairs.iter().flat_map(|pair| ["--config", pair.as_str()]));
        arguments.push(&url);
        let (sent, told) = postback(&arguments);
        if preset["public_key"] == true {
            assert!(!sent && told.contains("only the provider has"), "{name}: {told}");
        } else {
            assert!(sent, "{name}: {told}");
        }
    }
}

/// What verifies is accepted with the ids that the API would show; what does not is explained.
#[test]
fn verify_agrees_with_the_vectors_and_explains() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.display().to_string()
    };
    let vectors = postback_vectors::all();
    let mut counts: BTreeMap<(&str, bool), u32> = BTreeMap::new();
    for vector in &vectors {
        // A few of each provider and outcome: a process each takes its time.
        let count = counts.entry((vector.provider.as_str(), vector.is_accepted())).or_default();
        *count += 1;
        if *count > 3 {
            continue;
        }
        let mut head = format!("POST {} HTTP/1.1\r\n", vector.url);
        for (name, value) in &vector.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let request = file("request", &[head.as_bytes(), b"\r\n", &vector.body()].concat());
        let secrets: Vec<String> = (0..)
            .zip(&vector.secrets)
            .map(|(number, secret)| file(&format!("secret{number}"), secret.as_bytes()))
            .collect();
        let at = vector.now.to_string();
        let tolerance =
            vector.tolerance_s.map_or_else(|| "none".to_owned(), |secs| format!("{secs}s"));
        let mut arguments = vec![
            "verify",
            "--json",
            "--preset",
            &vector.provider,
            "--request",
            &request,
            "--at",
            &at,
            "--tolerance",
            &tolerance,
        ];
        arguments.extend(secrets.iter().flat_map(|file| ["--secret-file", file.as_str()]));
        let pairs: Vec<String> =
            vector.config.iter().map(|(name, value)| format!("{name}={value}")).collect();
        arguments.extend(pairs.iter().flat_map(|pair| ["--config", pair.as_str()]));
        let (accepted, told) = postback(&arguments);
        let report: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
        assert_eq!(accepted, vector.is_accepted(), "{}: {told}", vector.id);
        assert_eq!(report["refusal"], json!(vector.reason_code), "{}", vector.id);
        let steps = report["steps"].as_array().expect("steps");
        if accepted {
            let ids = report["events"].as_array().expect("events").iter();
            let ids: Vec<_> = ids.map(|event| text(event, "id")).collect();
            assert_eq!(ids, names(vector).collect::<Vec<_>>(), "{}", vector.id);
            assert!(steps.iter().any(|step| step["holds"] == true), "{told}");
        } else {
            assert!(steps.iter().any(|step| step["holds"] == false), "{}: {told}", vector.id);
        }
    }
}
