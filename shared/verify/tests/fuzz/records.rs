//! What operators give: scheme records, secrets, configured values.

use postback_vectors::Vector;
use postback_verify::{
    Config, Method, Request, Scheme, Secret, SignInput, Tolerance, UnixTime, presets,
};

use serde_json::Value;

use crate::{Random, damage, fuzz};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn secret_of(scheme: &Scheme) -> Secret {
    let public_key = || Secret::new(include_str!("../data/keys/rsa_1024.pub.pem"));
    scheme.make_secret(&[9; 32]).unwrap_or_else(public_key)
}

fn config_of(scheme: &Scheme) -> Config {
    scheme.config_names().iter().map(|name| (name.clone(), "te")).collect()
}

/// Half of them lose a few bytes somewhere, which mostly ends their being JSON. The others have one
/// value damaged, replaced by another one of the record, or taken away.
fn damaged(record: &str, random: &mut Random) -> String {
    let mut text = record.to_owned();
    if random.below(2) == 0 {
        damage::text(&mut text, random);
        return text;
    }
    let mut record: Value = serde_json::from_str(record).expect("JSON");
    let places = places(&record, String::new());
    let (place, other) = (random.pick(&places), random.pick(&places));
    let other = record.pointer(other).expect("a place").clone();
    let value = record.pointer_mut(place).expect("a place");
    match value {
        Value::String(text) if random.below(3) > 0 => damage::text(text, random),
        value if random.below(2) == 0 => *value = other,
        value => *value = Value::Null,
    }
    record.to_string()
}

/// The pointer of every value inside.
fn places(value: &Value, pointer: String) -> Vec<String> {
    let inside: Vec<String> = match value {
        Value::Array(list) => (0..list.len())
            .flat_map(|index| places(&list[index], format!("{pointer}/{index}")))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| places(value, format!("{pointer}/{key}")))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let itself = (!pointer.is_empty()).then_some(pointer);
    itself.into_iter().chain(inside).collect()
}

/// One that still parses signs, verifies, identifies and shakes hands without a panic.
#[test]
fn scheme_records() {
    let vectors = postback_vectors::all();
    let (mut parsed, mut verified) = (0_u32, 0_u32);
    fuzz("scheme_records", |random| {
        let record = damaged(random.pick(presets()).scheme.as_json(), random);
        let Ok(scheme) = Scheme::parse(&record) else { return };
        parsed += 1;
        let vector: &Vector = random.pick(&vectors);
        let (secret, config, body) = (secret_of(&scheme), config_of(&scheme), vector.body());
        let input = SignInput {
            body: &body,
            query: vector.query(),
            headers: &vector.headers,
            secret: &secret,
            config: &config,
            timestamp: NOW,
        };
        let signed = scheme.sign(&input);
        let (query, headers, body) = match &signed {
            Ok(signed) => (signed.query.as_str(), &signed.headers, &signed.body),
            Err(_) => (vector.query(), &vector.headers, &body),
        };
        let request = Request { query, headers, body };
        let secrets = [secret];
        let outcome = scheme.verify(&request, &secrets, &config, Tolerance::SchemeDefault, NOW);
        verified += u32::from(outcome.is_ok());
        assert!(!scheme.identify(&request).is_empty());
        for method in [Method::Get, Method::Post] {
            let _ = scheme.handshake(method, &request, &secrets, &config, outcome.is_ok());
        }
    });
    assert!(parsed > 600 && verified > 400, "{parsed} records parse, {verified} verify");
}

/// Whatever a secret is, its form is judged, and the error does not show it.
#[test]
fn secrets() {
    let vectors = postback_vectors::all();
    let mut usable = 0_u32;
    fuzz("secrets", |random| {
        let vector = random.pick(&vectors);
        let preset = postback_verify::preset(&vector.provider).expect("a preset");
        let mut text = random.pick(&vector.secrets).clone();
        damage::text(&mut text, random);
        let secret = Secret::new(text.clone());
        match preset.scheme.check_secret(&secret) {
            Ok(()) => usable += 1,
            // An error may name the form that the secret should have.
            Err(_) if text.len() < 24 || text.contains("BEGIN") => {}
            Err(error) => assert!(!error.to_string().contains(&text)),
        }
        let body = vector.body();
        let request = Request { query: vector.query(), headers: &vector.headers, body: &body };
        let config: Config = vector.config.clone().into_iter().collect();
        let _ = preset.scheme.verify(&request, &[secret], &config, Tolerance::Unchecked, NOW);
    });
    assert!(usable > 1000, "{usable} damaged secrets are still usable");
}
