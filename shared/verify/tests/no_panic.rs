//! Nothing a sender or an operator gives may panic: damaged requests of every preset, and damaged
//! scheme records. The generator has a fixed seed, so a failure repeats.

use std::panic::{AssertUnwindSafe, catch_unwind};

use postback_verify::{
    Config, Preset, Refusal, Request, Scheme, Secret, SignInput, Signed, Tolerance, UnixTime,
    preset, presets,
};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Changes a few bytes: flips, cuts, insertions of what parsers care about, repetitions.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        const INTERESTING: &[&[u8]] = &[
            b",",
            b"=",
            b";",
            b" ",
            b"\"",
            b"\\",
            b"\\u",
            b"{",
            b"}",
            b"[",
            b"]",
            b"[[",
            b"]]",
            b"{ts}",
            b"%",
            b"%4",
            b"&",
            b"|",
            b"/",
            b"###",
            b"\xff",
            b"\xc3",
            b"\0",
            b":",
            b"~",
            b"t=",
            b"v1=",
            b"v1,",
            b"Basic ",
            b"99999999999999999999",
            b"-1",
            b"null",
            b"1e999",
            b"\xef\xbb\xbf",
        ];
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => {
                    let piece = self.pick(INTERESTING);
                    bytes.splice(at..at, piece.iter().copied());
                }
                3 => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend(tail);
                }
                _ => {
                    let end = (at + self.below(8)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
            bytes.truncate(64 * 1024);
        }
    }

    fn damage_text(&mut self, text: &mut String) {
        let mut bytes = std::mem::take(text).into_bytes();
        self.damage(&mut bytes);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
}

fn config_of(scheme: &Scheme) -> Config {
    scheme.config_names().iter().map(|name| (name.clone(), "te")).collect()
}

fn signed(preset: &Preset) -> (Signed, Vec<Secret>, Config) {
    let (secret, config) = (preset.scheme.make_secret(&[9; 32]), config_of(&preset.scheme));
    let signed = preset
        .signed_sample(&preset.samples[0], "fuzz", &secret, &config, NOW)
        .expect("samples can be signed");
    (signed, vec![Secret::new("\u{fc}"), secret], config)
}

#[test]
fn damaged_requests() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut accepted, mut refused) = (0_u32, std::collections::BTreeSet::new());
    for preset in presets() {
        let (original, secrets, config) = signed(preset);
        for round in 0..1500 {
            let mut query = original.query.clone();
            let mut body = original.body.clone();
            let mut headers: Vec<(String, Vec<u8>)> = original
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
                .collect();
            match random.below(6) {
                0 => random.damage_text(&mut query),
                1 => random.damage(&mut body),
                2 => drop(headers.remove(random.below(headers.len()))),
                3 => headers.push(headers[random.below(headers.len())].clone()),
                _ => {
                    let index = random.below(headers.len());
                    random.damage(&mut headers[index].1);
                }
            }
            let request = Request { query: &query, headers: &headers, body: &body };
            let tolerance = random.pick(&[Tolerance::SchemeDefault, Tolerance::Unchecked]);
            let now = random.pick(&[NOW, UnixTime::from_secs(0), UnixTime::from_millis(u64::MAX)]);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let identity = preset.scheme.identify(&request);
                assert!(!identity.provider_event_id.is_empty() && !identity.event_type.is_empty());
                preset.scheme.verify(&request, &secrets, &config, tolerance, now)
            }));
            match outcome {
                Ok(Ok(_)) => accepted += 1,
                Ok(Err(refusal)) => drop(refused.insert(refusal.code())),
                Err(_) => panic!("{} panicked in round {round}", preset.name),
            }
        }
    }
    // The damage must be mild enough to reach deep and hard enough to matter.
    assert!(accepted > 1000, "only {accepted} accepted");
    let unreached: Vec<_> = Refusal::ALL
        .iter()
        .filter(|refusal| !refusal.is_misconfiguration())
        .map(|refusal| refusal.code())
        .filter(|code| !refused.contains(code))
        .collect();
    assert!(unreached.is_empty(), "never refused with {unreached:?}");
}

#[test]
fn damaged_schemes() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (stripe, ..) = signed(preset("stripe").expect("stripe"));
    let headers = [("X-Any".to_owned(), "1".to_owned())];
    let mut parsed = 0_u32;
    for preset in presets() {
        for round in 0..500 {
            let mut text = preset.scheme.as_json().to_owned();
            random.damage_text(&mut text);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let Ok(scheme) = Scheme::parse(&text) else { return false };
                let (secret, config) = (scheme.make_secret(&[1; 32]), config_of(&scheme));
                let input = SignInput {
                    body: &stripe.body,
                    query: "q=1",
                    headers: &headers,
                    secret: &secret,
                    config: &config,
                    timestamp: NOW,
                };
                let signed = scheme.sign(&input).unwrap_or_else(|_| stripe.clone());
                let Signed { headers, query, body } = &signed;
                let request = Request { query, headers, body };
                let secrets = [secret];
                let _ = scheme.verify(&request, &secrets, &config, Tolerance::SchemeDefault, NOW);
                let _ = scheme.identify(&request);
                true
            }));
            match outcome {
                Ok(did_parse) => parsed += u32::from(did_parse),
                Err(_) => panic!("{} panicked in round {round}: {text}", preset.name),
            }
        }
    }
    assert!(parsed > 100, "only {parsed} damaged records still parse");
}
