//! Requests, by the shape of the scheme they go to.

use std::collections::{BTreeMap, BTreeSet};

use postback_vectors::Vector;
use postback_verify::{
    Config, Method, Preset, Refusal, Request, Secret, Tolerance, UnixTime, preset, presets,
};
use serde_json::Value;

use crate::{Random, damage, fuzz};

/// What a scheme is like, for whoever takes its requests apart. The first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    /// Items with a signature each, in the body.
    Batch,
    /// A provider's public key.
    PublicKey,
    /// HTTP Basic.
    Basic,
    /// A fixed credential.
    Token,
    /// A hash with the secret in the text.
    Digest,
    /// Fields of a form.
    Form,
    /// Fields of JSON, of the query, configured values.
    Composed,
    /// Timestamp and signatures in one header.
    Pairs,
    /// Timestamp in a header of its own, or in the body.
    Timestamp,
    /// The body and nothing else.
    Body,
}

const SHAPES: [Shape; 10] = [
    Shape::Batch,
    Shape::PublicKey,
    Shape::Basic,
    Shape::Token,
    Shape::Digest,
    Shape::Form,
    Shape::Composed,
    Shape::Pairs,
    Shape::Timestamp,
    Shape::Body,
];

fn shape_of(preset: &Preset) -> Shape {
    let record: Value = serde_json::from_str(preset.scheme.as_json()).expect("JSON");
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let (kind, msg) = (text("kind"), text("msg"));
    let time = record["ts"]["from"].as_str().unwrap_or_default();
    let place = record["sig"][0]["from"].as_str().unwrap_or_default();
    match kind {
        "rsa" => Shape::PublicKey,
        "basic" => Shape::Basic,
        "token" => Shape::Token,
        "digest" => Shape::Digest,
        _ if preset.scheme.is_batch() => Shape::Batch,
        _ if place.starts_with("form:") || msg.contains("{form:") => Shape::Form,
        _ if ["{json:", "{query:", "{config:"].iter().any(|part| msg.contains(part)) => {
            Shape::Composed
        }
        _ if time.starts_with("sig:") => Shape::Pairs,
        _ if !time.is_empty() => Shape::Timestamp,
        _ => Shape::Body,
    }
}

/// A vector, made ready.
struct Seed {
    preset: &'static Preset,
    secrets: Vec<Secret>,
    config: Config,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// Some secret has signed this body, be the request accepted or not.
    is_signed: bool,
}

impl Seed {
    fn of(vector: &Vector) -> Self {
        let headers = vector.headers.iter();
        Self {
            preset: preset(&vector.provider).expect("a preset"),
            secrets: vector.secrets.iter().map(Secret::new).collect(),
            config: vector.config.clone().into_iter().collect(),
            query: vector.query().to_owned(),
            headers: headers.map(|(name, value)| (name.clone(), value.clone().into())).collect(),
            body: vector.body(),
            is_signed: vector.reason_code.as_deref() != Some(Refusal::SignatureMismatch.code()),
        }
    }
}

fn seeds(shape: Shape) -> Vec<Seed> {
    let vectors = postback_vectors::all();
    let seeds = vectors.iter().map(Seed::of).filter(|seed| shape_of(seed.preset) == shape);
    seeds.collect()
}

/// Damages one thing of a request, or puts another request's in its place.
fn damaged(seed: &Seed, other: &Seed, random: &mut Random) -> Seed {
    let (mut query, mut headers) = (seed.query.clone(), seed.headers.clone());
    let mut body = seed.body.clone();
    match random.below(9) {
        0 => damage::text(&mut query, random),
        1 | 2 => damage::bytes(&mut body, random),
        3 => drop(headers.remove(random.below(headers.len()))),
        4 => headers.push(random.pick(&headers).clone()),
        5 => headers.push(random.pick(&other.headers).clone()),
        6 => body.clone_from(&other.body),
        _ => {
            let index = random.below(headers.len());
            damage::bytes(&mut headers[index].1, random);
        }
    }
    let (secrets, config) = (seed.secrets.clone(), seed.config.clone());
    Seed { preset: seed.preset, secrets, config, query, headers, body, is_signed: false }
}

fn check(shape: Shape) {
    let seeds = seeds(shape);
    // Nothing but what was signed may be accepted of a scheme that covers the body.
    let signed: BTreeMap<&str, BTreeSet<&[u8]>> = presets()
        .iter()
        .map(|preset| {
            let of_preset =
                seeds.iter().filter(|seed| seed.is_signed && seed.preset.name == preset.name);
            (preset.name.as_str(), of_preset.map(|seed| seed.body.as_slice()).collect())
        })
        .collect();
    let (mut accepted, mut refused) = (0_u32, BTreeSet::new());
    fuzz(&format!("{shape:?}"), |random| {
        let (seed, other) = (random.pick(&seeds), random.pick(&seeds));
        let Seed { preset, secrets, config, query, headers, body, .. } =
            damaged(seed, other, random);
        let request = Request { query: &query, headers: &headers, body: &body };
        let tolerance = *random.pick(&[Tolerance::SchemeDefault, Tolerance::Unchecked]);
        let now = [UnixTime::from_secs(1_790_000_000), UnixTime::from_millis(u64::MAX)];
        let now = *random.pick(&[now[0], now[0], now[0], now[1], UnixTime::from_secs(0)]);
        let outcome = preset.scheme.verify(&request, &secrets, &config, tolerance, now);
        for identity in preset.scheme.identify(&request) {
            assert!(!identity.provider_event_id.is_empty() && !identity.event_type.is_empty());
            assert!(body.get(identity.bytes).is_some());
        }
        for method in [Method::Get, Method::Post] {
            let is_verified = outcome.is_ok();
            let _ = preset.scheme.handshake(method, &request, &secrets, &config, is_verified);
        }
        match outcome {
            Ok(_) => {
                accepted += 1;
                let is_signed = signed[preset.name.as_str()].contains(body.as_slice());
                assert!(is_signed || !preset.covers_body, "{} took a forged body", preset.name);
            }
            Err(refusal) => drop(refused.insert(refusal.code())),
        }
    });
    assert!(accepted > 100, "only {accepted} accepted");
    assert!(refused.contains(Refusal::SignatureMismatch.code()), "refused with {refused:?}");
    assert!(refused.contains(Refusal::MissingSignature.code()), "refused with {refused:?}");
}

#[test]
fn every_shape_is_a_target_and_has_its_presets() {
    let mut counts: BTreeMap<Shape, u32> = BTreeMap::new();
    for preset in presets() {
        *counts.entry(shape_of(preset)).or_default() += 1;
    }
    assert!(counts.keys().eq(SHAPES.iter()), "{counts:?}");
    assert_eq!(counts.values().sum::<u32>(), 68, "{counts:?}");
}

#[test]
fn batch() {
    check(Shape::Batch);
}

#[test]
fn public_key() {
    check(Shape::PublicKey);
}

#[test]
fn basic() {
    check(Shape::Basic);
}

#[test]
fn token() {
    check(Shape::Token);
}

#[test]
fn digest() {
    check(Shape::Digest);
}

#[test]
fn form() {
    check(Shape::Form);
}

#[test]
fn composed() {
    check(Shape::Composed);
}

#[test]
fn pairs() {
    check(Shape::Pairs);
}

#[test]
fn timestamp() {
    check(Shape::Timestamp);
}

#[test]
fn body() {
    check(Shape::Body);
}
