use super::*;
use crate::preset::preset;
use crate::sign::Signed;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// A sample of a preset, signed with the secret.
fn signed(name: &str, secret: &str, config: &Config) -> Signed {
    let preset = preset(name).expect("a preset");
    let sample = preset.sample(None).expect("a sample");
    preset.signed_sample(sample, "1", &Secret::new(secret), config, NOW).expect("signed")
}

fn explain(name: &str, signed: &Signed, secret: &str, config: &Config) -> Explanation {
    let request = Request { query: &signed.query, headers: &signed.headers, body: &signed.body };
    let scheme = &preset(name).expect("a preset").scheme;
    let secrets = [Secret::new(secret)];
    scheme.explain(&request, &secrets, config, Tolerance::SchemeDefault, NOW)
}

/// The first step that does not hold, and the hints.
#[track_caller]
fn check(explanation: &Explanation, failing: Option<&str>, hint: Option<&str>) {
    let failed = explanation.steps.iter().find(|step| !step.holds).map(|step| step.name);
    assert_eq!(failed, failing, "{explanation:#?}");
    assert_eq!(explanation.outcome.is_ok(), failing.is_none(), "{explanation:#?}");
    match hint {
        None => assert!(explanation.hints.is_empty(), "{explanation:#?}"),
        Some(hint) => {
            let found = explanation.hints.iter().any(|found| found.contains(hint));
            assert!(found, "{hint}: {explanation:#?}");
        }
    }
}

fn plain(name: &str, signed: &Signed, secret: &str) -> Explanation {
    explain(name, signed, secret, &Config::default())
}

#[test]
fn every_step_of_a_good_request_holds() {
    let none = Config::default();
    let stripe = signed("stripe", "whsec_a", &none);
    let explanation = plain("stripe", &stripe, "whsec_a");
    check(&explanation, None, None);
    let names: Vec<_> = explanation.steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["secrets", "signature", "timestamp", "signed text", "match", "age"]);
    assert!(explanation.steps[2].detail.contains("1790000000"), "{explanation:#?}");

    let adyen = signed("adyen", "00ff", &none);
    let explanation = plain("adyen", &adyen, "00ff");
    check(&explanation, None, None);
    assert!(explanation.steps.iter().any(|step| step.name == "items"), "{explanation:#?}");
}

#[test]
fn the_failing_step_is_named() {
    let none = Config::default();
    let good = signed("stripe", "whsec_a", &none);
    check(&plain("stripe", &good, "whsec_b"), Some("match"), Some("another secret"));
    let mut without = good.clone();
    without.headers.retain(|(name, _)| name != "Stripe-Signature");
    let explanation = plain("stripe", &without, "whsec_a");
    assert!(explanation.steps[1].detail.contains("`Stripe-Signature` is not in the request"));
    assert_eq!(explanation.outcome, Err(Refusal::MissingSignature));
    let mut twice = good.clone();
    twice.headers.extend(good.headers.last().cloned());
    check(&plain("stripe", &twice, "whsec_a"), Some("signature"), None);
    let mut old = good.clone();
    for (name, value) in &mut old.headers {
        if name == "Stripe-Signature" {
            *value = value.replace("t=1790000000", "t=then");
        }
    }
    check(&plain("stripe", &old, "whsec_a"), Some("timestamp"), None);

    check(&plain("adyen", &signed("adyen", "00ff", &none), "00f"), Some("secrets"), None);
    let square = signed("square", "s", &Config::from([("url", "https://a.example/x")]));
    check(&plain("square", &square, "s"), Some("config"), None);
    let mut empty = signed("adyen", "00ff", &none);
    empty.body = b"{}".to_vec();
    check(&plain("adyen", &empty, "00ff"), Some("items"), None);
}

#[test]
fn a_request_of_another_time_is_only_old() {
    let good = signed("stripe", "whsec_a", &Config::default());
    let request = Request { query: "", headers: &good.headers, body: &good.body };
    let later = UnixTime::from_secs(1_790_000_301);
    let secrets = [Secret::new("whsec_a")];
    let scheme = &preset("stripe").expect("stripe").scheme;
    let explanation =
        scheme.explain(&request, &secrets, &Config::default(), Tolerance::SchemeDefault, later);
    check(&explanation, Some("age"), Some("only the time is wrong"));
}

#[test]
fn what_is_often_mistaken_is_found() {
    let none = Config::default();
    let mut longer = signed("github", "s", &none);
    longer.body.push(b'\n');
    check(&plain("github", &longer, "s"), Some("match"), Some("without the line break"));
    let mut indented = signed("github", "s", &none);
    let json: serde_json::Value = serde_json::from_slice(&indented.body).expect("JSON");
    let compact = indented.body.clone();
    indented.body = serde_json::to_vec_pretty(&json).expect("JSON");
    // Only if the order of the keys survives what wrote it.
    if json.to_string().as_bytes() == compact {
        check(&plain("github", &indented, "s"), Some("match"), Some("without white space"));
    }

    let good = signed("github", "s", &none);
    check(&plain("github", &good, "\"s\""), Some("match"), Some("without the quotes"));
    let token = signed("xendit", "Token", &none);
    check(&plain("xendit", &token, "TOKEN"), Some("match"), Some("another secret"));
    let token = signed("xendit", "token", &none);
    check(&plain("xendit", &token, "Token"), Some("match"), Some("in lower case"));

    let svix = signed("svix", "whsec_c2VjcmV0", &none);
    let polar = signed("standard-webhooks", "whsec_c2VjcmV0", &none);
    let explanation = plain("polar", &polar, "whsec_c2VjcmV0");
    check(&explanation, Some("match"), Some("taken as base64 after `whsec_`"));
    check(&explanation, Some("match"), Some("verifies as `standard-webhooks`"));
    let explanation = plain("stripe", &svix, "whsec_c2VjcmV0");
    assert!(explanation.hints.iter().any(|hint| hint.contains("`svix`")), "{explanation:#?}");

    let square = signed("square", "s", &Config::from([("url", "https://a.example/x/")]));
    let given = Config::from([("url", "https://a.example/x")]);
    let explanation = explain("square", &square, "s", &given);
    check(&explanation, Some("match"), Some("config `url` = `https://a.example/x/`"));
    let live = signed("paymongo", "s", &Config::from([("mode", "li")]));
    let explanation = explain("paymongo", &live, "s", &Config::from([("mode", "te")]));
    assert!(explanation.hints.iter().any(|hint| hint.contains("`mode` = `li`")));
}

/// Whatever is explained can be shown to a colleague.
#[test]
fn secrets_and_credentials_are_not_shown() {
    for name in ["stripe", "xendit", "chargebee", "pagbank", "belvo", "midtrans"] {
        let preset = preset(name).expect("a preset");
        let secret = preset.scheme.make_secret(&[7; 32]).expect("a secret");
        let good = signed(name, secret.expose(), &Config::default());
        for given in [secret.expose(), "user:another_one"] {
            let text = format!("{:?}", plain(name, &good, given));
            for hidden in [secret.expose(), "another_one"] {
                assert!(!text.contains(hidden), "{name}: {text}");
            }
        }
    }
}

#[test]
fn long_values_are_cut_in_the_middle() {
    let text = format!("front{}back", "x".repeat(1000));
    let cut = shown(text.as_bytes());
    assert!(cut.starts_with("front") && cut.ends_with("back") && cut.chars().count() < 260);
    assert_eq!(shown(b"a\n\xff\0"), "a\\n\u{fffd}\\u{0}");
}
