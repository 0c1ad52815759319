//! Every preset against the vectors of its provider: outcome, reason, ids, types and bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use postback_vectors::{ExpectedEvent, Vector};
use postback_verify::{
    Config, IdOrigin, Identity, Preset, Request, Secret, Tolerance, UNKNOWN_TYPE, UnixTime, preset,
    presets,
};

/// Checks one vector; the error says what differs.
fn check(vector: &Vector, preset: &Preset) -> Result<(), String> {
    let body = vector.body();
    let request = Request { query: vector.query(), headers: &vector.headers, body: &body };
    let secrets: Vec<_> = vector.secrets.iter().map(Secret::new).collect();
    let config: Config = vector.config.clone().into_iter().collect();
    for secret in &secrets {
        preset.scheme.check_secret(secret).map_err(|error| error.to_string())?;
    }
    preset.scheme.check_config(&config).map_err(|error| error.to_string())?;
    let within = |secs| Tolerance::Within(Duration::from_secs(secs));
    let tolerance = vector.tolerance_s.map_or(Tolerance::Unchecked, within);
    let now = UnixTime::from_secs(vector.now);
    let outcome = preset.scheme.verify(&request, &secrets, &config, tolerance, now);
    let got = outcome.map_err(|refusal| refusal.code()).map(drop);
    let wanted = match &vector.reason_code {
        None if vector.is_accepted() => Ok(()),
        Some(code) if !vector.is_accepted() => Err(code.as_str()),
        _ => return Err("a reason exactly where it is refused".to_owned()),
    };
    if got != wanted {
        return Err(format!("expected {wanted:?}, got {got:?}"));
    }
    if got.is_err() {
        return Ok(());
    }
    let (identities, events) = (preset.scheme.identify(&request), vector.events());
    if identities.len() != events.len() {
        return Err(format!("{} events, not {}", identities.len(), events.len()));
    }
    identities.iter().zip(&events).try_for_each(|(got, wanted)| same(got, wanted, &body))
}

fn same(got: &Identity, wanted: &ExpectedEvent, body: &[u8]) -> Result<(), String> {
    let id = match got.id_origin {
        IdOrigin::Provider => Some(&got.provider_event_id),
        IdOrigin::BodyHash if got.provider_event_id.len() == 64 => None,
        IdOrigin::BodyHash => return Err("fallback id is no SHA-256".to_owned()),
    };
    if id != wanted.id.as_ref() {
        return Err(format!("expected id {:?}, got {id:?}", wanted.id));
    }
    let event_type = wanted.event_type.as_deref().unwrap_or(UNKNOWN_TYPE);
    if got.event_type != event_type {
        return Err(format!("expected type {event_type}, got {}", got.event_type));
    }
    let bytes = &body[got.bytes.clone()];
    let (bytes, wanted) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&wanted.body));
    if bytes == wanted { Ok(()) } else { Err(format!("expected bytes {wanted}, got {bytes}")) }
}

#[test]
fn every_vector_holds() {
    let mut counts = BTreeMap::new();
    let mut failures = Vec::new();
    for vector in postback_vectors::all() {
        let preset = preset(&vector.provider).unwrap_or_else(|| panic!("no {}", vector.provider));
        *counts.entry(preset.name.as_str()).or_insert(0) += 1;
        if let Err(difference) = check(&vector, preset) {
            failures.push(format!("{} ({}): {difference}", vector.id, vector.description));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    for preset in presets() {
        let count = counts.get(preset.name.as_str()).copied().unwrap_or(0);
        assert!(count >= 8, "{} vectors for {}", count, preset.name);
    }
}

#[test]
fn the_copy_has_not_drifted() {
    if let Some((copy, original)) = postback_vectors::copy_and_original() {
        assert!(copy == original, "tests/data/vectors.json differs from the set it is a copy of");
    }
}
