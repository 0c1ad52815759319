use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::identify::IdOrigin;
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

/// Every preset with every sample, signed with a made secret.
fn signed_samples() -> Vec<(&'static Preset, &'static Sample, Secret, Config, Signed)> {
    let signed = presets().iter().flat_map(|preset| {
        preset.samples.iter().map(move |sample| {
            let secret = preset.scheme.make_secret(&[7; 32]);
            let config = config_of(preset);
            let signed = preset
                .signed_sample(sample, "sample_1", &secret, &config, AT)
                .unwrap_or_else(|error| panic!("{}: {error:?}", preset.name));
            (preset, sample, secret, config, signed)
        })
    });
    signed.collect()
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
        let other = preset.scheme.make_secret(&[8; 32]);
        let secrets = [other.clone(), secret];
        let verified =
            preset.scheme.verify(&request, &secrets, &config, Tolerance::SchemeDefault, AT);
        assert_eq!(verified.map(|verified| verified.secret_index), Ok(1), "{name}");
        let refused =
            preset.scheme.verify(&request, &[other], &config, Tolerance::SchemeDefault, AT);
        assert_eq!(refused, Err(crate::Refusal::SignatureMismatch), "{name}");

        let identity = preset.scheme.identify(&request);
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
        let again = |id| preset.signed_sample(sample, id, &secret, &config, AT).expect("signed");
        assert_eq!(again("sample_1"), signed, "{}", preset.name);
        let identify = |signed: &Signed| preset.scheme.identify(&request(signed)).provider_event_id;
        assert_ne!(identify(&again("sample_2")), identify(&signed), "{}", preset.name);
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
            for position in signed_from(preset, value)..value.len() {
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

/// Where the part of a signature header begins that verification reads: Worldpay puts the name of
/// the key and the algorithm in front of it.
fn signed_from(preset: &Preset, value: &str) -> usize {
    let take = preset.scheme.places[0].take.as_ref();
    take.map_or(0, |take| value.rfind(&take.separator).expect("a separator") + 1)
}

/// Whether the scheme looks at every line of this header.
fn may_repeat(preset: &Preset, header: &str) -> bool {
    preset
        .scheme
        .places
        .iter()
        .any(|place| place.any_line && place.from == crate::input::Input::Header(header.to_owned()))
}
