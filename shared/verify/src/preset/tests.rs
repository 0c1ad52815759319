use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::*;
use crate::identify::IdOrigin;
use crate::input::Input;
use crate::request::Request;
use crate::time::Tolerance;

const AT: UnixTime = UnixTime::from_secs(1_790_000_000);

fn config_of(preset: &Preset) -> Config {
    preset
        .scheme
        .config_names()
        .iter()
        .map(|name| (name.clone(), format!("value-of-{name}")))
        .collect()
}

/// Every preset with every sample, signed with a secret of its own.
fn signed_samples() -> Vec<(&'static Preset, &'static Sample, Secret, Config, Signed)> {
    let signed = presets().iter().flat_map(|preset| {
        preset.samples.iter().map(move |sample| {
            let (secret, config) = (secret_of(preset, 7), config_of(preset));
            let signed = sign(preset, sample, "sample_1", &secret, &config);
            (preset, sample, secret, config, signed)
        })
    });
    signed.collect()
}

/// A secret that [`sign`] signs with if `number` is 7.
fn secret_of(preset: &Preset, number: u8) -> Secret {
    let public_key = if number == 7 {
        include_str!("../../tests/data/keys/rsa_2048.pub.pem")
    } else {
        include_str!("../../tests/data/keys/rsa_1024.pub.pem")
    };
    preset.scheme.make_secret(&[number; 32]).unwrap_or_else(|| Secret::new(public_key))
}

fn sign(preset: &Preset, sample: &Sample, id: &str, secret: &Secret, config: &Config) -> Signed {
    match preset.signed_sample(sample, id, secret, config, AT) {
        Ok(signed) => signed,
        Err(SampleError::Sign(SignError::PublicKey)) => sign_privately(preset, sample, id),
        Err(error) => panic!("{}: {error:?}", preset.name),
    }
}

#[expect(clippy::disallowed_methods, reason = "blinds the private key; the signature is the same")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

/// As the provider does, who has the private key.
fn sign_privately(preset: &Preset, sample: &Sample, id: &str) -> Signed {
    let pem = include_str!("../../tests/data/keys/rsa_2048.pk8.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(base64).expect("base64");
    let key = RsaKeyPair::from_pkcs8(&der).expect("a private key");
    let SampleRequest { mut headers, query, body, .. } = sample.request(id, AT).expect("a sample");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &random(), body.as_bytes(), &mut signature).expect("signed");
    let Input::Header(name) = &preset.scheme.places[0].from else { panic!("not in a header") };
    headers.push((name.clone(), STANDARD.encode(signature)));
    Signed { headers, query, body: body.into_bytes() }
}

fn request(signed: &Signed) -> Request<'_> {
    Request { query: &signed.query, headers: &signed.headers, body: &signed.body }
}

#[test]
fn every_file_is_embedded_and_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets");
    let on_disk: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for json in files::PRESETS {
        let name = &serde_json::from_str::<serde_json::Value>(json).expect("JSON")["name"];
        Preset::parse(json).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let embedded: BTreeSet<_> =
        presets().iter().map(|preset| format!("{}.json", preset.name)).collect();
    assert_eq!(embedded, on_disk);
    assert_eq!(embedded.len(), files::PRESETS.len());
}

#[test]
fn presets_are_found_by_name() {
    for name in [
        "chargebee",
        "github",
        "paystack",
        "razorpay",
        "shopify",
        "standard-webhooks",
        "stripe",
        "svix",
        "woovi-hmac",
        "xendit",
    ] {
        assert_eq!(preset(name).expect(name).name, name);
    }
    assert!(preset("Stripe").is_none());
    assert!(presets().is_sorted_by(|left, right| left.name < right.name));
}

#[test]
fn descriptions_agree_with_the_schemes() {
    for preset in presets() {
        let name = &preset.name;
        assert_eq!(preset.covers_body, preset.scheme.covers_body(), "{name}: covers_body");
        assert_eq!(
            preset.replay_protection,
            preset.scheme.checks_age_by_default(),
            "{name}: replay_protection"
        );
        assert!(preset.docs.starts_with("https://"), "{name}: docs");
        assert!(!preset.title.is_empty() && !preset.samples.is_empty(), "{name}");
        assert!(preset.expects.ends_with('.'), "{name}: expects");
        let letters: Vec<_> = preset.confidence.split(' ').collect();
        assert!(
            letters.len() == 3 && letters.iter().all(|l| ["V", "D", "O", "S", "?"].contains(l)),
            "{name}: confidence"
        );
        assert!(
            preset.covers_body || !preset.caveats.is_empty(),
            "{name}: what is not signed needs a caveat"
        );
    }
}

#[test]
fn signed_samples_verify_and_identify() {
    for (preset, sample, secret, config, signed) in signed_samples() {
        let name = format!("{} {}", preset.name, sample.event_type);
        let request = request(&signed);
        let other = secret_of(preset, 8);
        let secrets = [other.clone(), secret];
        let verified =
            preset.scheme.verify(&request, &secrets, &config, Tolerance::SchemeDefault, AT);
        let matched = verified.map(|verified| verified.secret_indexes().collect::<Vec<_>>());
        assert_eq!(matched, Ok(vec![1]), "{name}");
        let refused =
            preset.scheme.verify(&request, &[other], &config, Tolerance::SchemeDefault, AT);
        assert_eq!(refused, Err(crate::Refusal::SignatureMismatch), "{name}");

        let identity = preset.scheme.identify(&request).remove(0);
        assert_eq!(identity.event_type, sample.event_type, "{name}");
        let expected = sample.request("sample_1", AT).expect("a sample").provider_event_id;
        match expected {
            Some(id) => assert_eq!(identity.provider_event_id, id, "{name}"),
            None => assert_eq!(identity.id_origin, IdOrigin::BodyHash, "{name}"),
        }
    }
}

#[test]
fn another_id_is_another_event() {
    for (preset, sample, secret, config, signed) in signed_samples() {
        let again = |id| sign(preset, sample, id, &secret, &config);
        assert_eq!(again("sample_1"), signed, "{}", preset.name);
        let ids = |signed: &Signed| -> Vec<String> {
            let identities = preset.scheme.identify(&request(signed)).into_iter();
            identities.map(|identity| identity.provider_event_id).collect()
        };
        let (first, second) = (ids(&signed), ids(&again("sample_2")));
        let different: BTreeSet<_> = first.iter().chain(&second).collect();
        assert_eq!(different.len(), first.len() + second.len(), "{}: {first:?}", preset.name);
        for id in ["", "a b", "a\"", "ü", &"x".repeat(65)] {
            let refused = preset.signed_sample(sample, id, &secret, &config, AT);
            assert_eq!(refused, Err(SampleError::Id { id: id.to_owned() }));
        }
    }
}

#[test]
fn samples_look_real() {
    for (preset, sample, _, _, signed) in signed_samples() {
        let name = format!("{} {}", preset.name, sample.event_type);
        assert!((300..16_384).contains(&signed.body.len()), "{name}: {}", signed.body.len());
        let text = String::from_utf8(signed.body.clone()).expect("UTF-8");
        assert!(!text.contains("{{"), "{name}: a placeholder is left");
        let is_json = signed
            .headers
            .iter()
            .any(|(name, value)| name == "Content-Type" && value.starts_with("application/json"));
        if is_json {
            serde_json::from_str::<serde_json::Value>(&text).expect("a JSON body");
        }
    }
    let stripe = preset("stripe").expect("stripe");
    for event_type in ["payment_intent.succeeded", "charge.refunded", "charge.dispute.created"] {
        assert_eq!(stripe.sample(Some(event_type)).expect(event_type).event_type, event_type);
    }
    assert!(stripe.sample(Some("no.such")).is_none());
    assert_eq!(stripe.sample(None).expect("the first").event_type, "payment_intent.succeeded");
}

#[test]
fn any_changed_byte_is_refused() {
    for (preset, sample, secret, config, signed) in signed_samples() {
        let name = format!("{} {}", preset.name, sample.event_type);
        let secrets = [secret];
        let accepts = |signed: &Signed| {
            let request = request(signed);
            let verified =
                preset.scheme.verify(&request, &secrets, &config, Tolerance::SchemeDefault, AT);
            verified.is_ok()
        };
        if preset.covers_body {
            for position in 0..signed.body.len() {
                let mut tampered = signed.clone();
                tampered.body[position] ^= 1;
                assert!(!accepts(&tampered), "{name}: body byte {position}");
            }
            let mut longer = signed.clone();
            longer.body.push(b'\n');
            assert!(!accepts(&longer), "{name}: longer body");
        }
        // The signature headers are those that signing added.
        let given = sample.request("sample_1", AT).expect("a sample").headers;
        for index in
            (0..signed.headers.len()).filter(|index| !given.contains(&signed.headers[*index]))
        {
            let (header, value) = &signed.headers[index];
            for position in read_part(preset, value) {
                let mut tampered = signed.clone();
                let mut bytes = value.clone().into_bytes();
                bytes[position] ^= 1;
                tampered.headers[index].1 = String::from_utf8(bytes).expect("ASCII");
                assert!(!accepts(&tampered), "{name}: {header} byte {position}");
            }
            let mut without = signed.clone();
            without.headers.remove(index);
            assert!(!accepts(&without), "{name}: without {header}");
            let mut twice = signed.clone();
            twice.headers.push(signed.headers[index].clone());
            assert_eq!(accepts(&twice), may_repeat(preset, header), "{name}: {header} twice");
        }
    }
}

/// The part of a signature header that verification reads: Worldpay puts the name of the key and
/// the algorithm in front of it, PhonePe the number of the key behind it.
fn read_part(preset: &Preset, value: &str) -> Range<usize> {
    let place = &preset.scheme.places[0];
    let take = place.take.as_ref();
    let start = take.map_or(0, |take| value.rfind(&take.separator).expect("a separator") + 1);
    let suffix = place.suffix_separator.as_ref();
    start..suffix.map_or(value.len(), |suffix| value.find(suffix).expect("a separator"))
}

/// Whether the scheme looks at every line of this header.
fn may_repeat(preset: &Preset, header: &str) -> bool {
    preset
        .scheme
        .places
        .iter()
        .any(|place| place.any_line && place.from == Input::Header(header.to_owned()))
}
