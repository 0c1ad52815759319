//! What verification costs beside the hash that it cannot do without: a Stripe event of 2 KB.
//!
//! `cargo bench -p postback-bench --bench verify`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit as _, Mac as _};
use postback_verify::{Config, Preset, Request, Secret, Signed, Tolerance, UnixTime, preset};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const AT: UnixTime = UnixTime::from_secs(1_790_000_000);
const SECRET: &str = "whsec_7hIHAW5hp4uZIU69sDGnQjGgzigG7qMB";

/// Bytes of the event.
const BYTES: usize = 2048;

fn signed(preset: &Preset) -> Signed {
    let sample = preset.sample(None).expect("a sample");
    let request = sample.request("1Abc", AT).expect("a good id");
    let mut event: Value = serde_json::from_str(&request.body).expect("JSON");
    let missing = BYTES - event.to_string().len();
    let description = &mut event["data"]["object"]["metadata"]["note"];
    *description = "x".repeat(missing - ",\"note\":\"\"".len()).into();
    let body = event.to_string().into_bytes();
    assert_eq!(body.len(), BYTES);
    let input = postback_verify::SignInput {
        body: &body,
        query: &request.query,
        headers: &request.headers,
        secret: &Secret::new(SECRET),
        config: &Config::default(),
        timestamp: AT,
    };
    preset.scheme.sign(&input).expect("signed")
}

fn verification(criterion: &mut Criterion) {
    let stripe = preset("stripe").expect("a preset");
    let sent = signed(stripe);
    let request = Request { query: &sent.query, headers: &sent.headers, body: &sent.body };
    let (secrets, config) = ([Secret::new(SECRET)], Config::default());
    let rotated = [Secret::new("whsec_another"), Secret::new(SECRET)];

    let mut group = criterion.benchmark_group("stripe event of 2 KB");
    group.throughput(Throughput::Bytes(BYTES as u64));
    group.bench_function("bare sha256", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(&sent.body)));
    });
    group.bench_function("bare hmac", |bencher| {
        bencher.iter(|| {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
            mac.update(b"1790000000.");
            mac.update(black_box(&sent.body));
            mac.finalize()
        });
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let verified = stripe.scheme.verify(
                black_box(&request),
                &secrets,
                &config,
                Tolerance::SchemeDefault,
                AT,
            );
            assert!(verified.is_ok());
        });
    });
    group.bench_function("verify with the second of two secrets", |bencher| {
        bencher.iter(|| {
            let verified = stripe.scheme.verify(
                black_box(&request),
                &rotated,
                &config,
                Tolerance::SchemeDefault,
                AT,
            );
            assert!(verified.is_ok());
        });
    });
    group.bench_function("identify", |bencher| {
        bencher.iter(|| stripe.scheme.identify(black_box(&request)));
    });
    group.bench_function("verify and identify", |bencher| {
        bencher.iter(|| {
            let request = black_box(&request);
            let verified =
                stripe.scheme.verify(request, &secrets, &config, Tolerance::SchemeDefault, AT);
            (verified.is_ok(), stripe.scheme.identify(request))
        });
    });
    group.finish();
}

/// What a stranger may send, at the limits that stand in front of a verifier: a body of 256 KiB, a
/// header of 16 KiB. The time grows with the bytes and with nothing else.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refused at the limits");
    let secrets = [Secret::new("0011")];
    let body_bytes = 256 * 1024;
    let nested = [vec![b'['; body_bytes / 2], vec![b']'; body_bytes / 2]].concat();
    let commas = ",".repeat(16 * 1024);
    let cases: [(&str, &str, &str, &str, Vec<u8>); 5] = [
        ("wrong signature over the body", "github", "X-Hub-Signature-256", "sha256=00", Vec::new()),
        ("header of commas", "stripe", "Stripe-Signature", &commas, Vec::new()),
        ("nested json", "adyen", "X-Any", "", nested),
        ("form of empty pairs", "braintree", "X-Any", "", vec![b'&'; body_bytes]),
        ("form of escapes", "braintree", "X-Any", "", b"%41=%41&".repeat(body_bytes / 8)),
    ];
    for (name, preset_name, header, value, body) in cases {
        let scheme = &preset(preset_name).expect("a preset").scheme;
        let config: Config = scheme.config_names().iter().map(|name| (name.clone(), "x")).collect();
        let body = if body.is_empty() { vec![b'x'; body_bytes] } else { body };
        let value = value.replace("=00", &format!("={}", "00".repeat(32)));
        let headers = [(header, value)];
        let request = Request { query: "", headers: &headers, body: &body };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let request = black_box(&request);
                let outcome = scheme.verify(request, &secrets, &config, Tolerance::Unchecked, AT);
                assert!(outcome.is_err());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, verification, hostile);
criterion_main!(benches);
