use postback_verify::Config;

use super::*;
use crate::ids::MerchantId;
use crate::source::{SchemeChoice, Tolerance};

const DAY: Duration = Duration::from_secs(86_400);

fn at(days: u32) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(DAY * days)
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn source(secrets: &[&str]) -> Source {
    let id = SourceId::from_bits(1);
    let secrets = secrets.iter().copied().map(secret);
    Source {
        id,
        merchant_id: MerchantId::from_bits(2),
        name: None,
        scheme: SchemeChoice::preset("stripe").expect("a preset"),
        secrets: SourceSecret::set(id, 1, at(0), secrets),
        config: Config::default(),
        tolerance: Tolerance::SchemeDefault,
        created_at: at(0),
        revision: 1,
    }
}

fn live(source: &Source, days: u32) -> Vec<&str> {
    source.live_secrets(at(days)).map(|secret| secret.secret.expose()).collect()
}

#[test]
fn a_rotation_overlaps_and_ends() {
    let mut source = source(&["one"]);
    let new = source.rotate_secret(secret("two"), Some(3 * DAY), at(10)).expect("room").clone();
    assert_eq!((new.created_at, new.expires_at), (at(10), None));
    assert_eq!(live(&source, 10), ["two", "one"]);
    assert_eq!(live(&source, 12), ["two", "one"]);
    assert_eq!(live(&source, 13), ["two"]);
    source.revision = 2;

    // The end that was set stands, and is not put off by a longer overlap.
    source.rotate_secret(secret("three"), Some(30 * DAY), at(11)).expect("room");
    assert_eq!(live(&source, 12), ["three", "two", "one"]);
    assert_eq!(live(&source, 13), ["three", "two"]);
    source.revision = 3;

    // What has expired makes room; without an end the old ones stay.
    source.rotate_secret(secret("four"), None, at(14)).expect("room");
    assert_eq!(source.secrets.len(), 3);
    assert_eq!(live(&source, 40), ["four", "three", "two"]);
    assert_eq!(live(&source, 41), ["four", "three"]);
    let ids: std::collections::HashSet<_> = source.secrets.iter().map(|secret| secret.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn no_overlap_is_an_end_at_once() {
    let mut source = source(&["one"]);
    source.rotate_secret(secret("two"), Some(Duration::ZERO), at(1)).expect("room");
    assert_eq!(live(&source, 1), ["two"]);
}

#[test]
fn rotation_refuses_what_is_known_and_what_is_too_much() {
    let mut source = source(&["1", "2", "3", "4"]);
    let known = source.secrets[1].id;
    let refused = source.rotate_secret(secret("2"), None, at(1)).map(drop);
    assert_eq!(refused, Err(SecretChangeError::Known(known)));
    source.rotate_secret(secret("5"), None, at(1)).expect("room");
    let refused = source.rotate_secret(secret("6"), None, at(1)).map(drop);
    assert_eq!(refused, Err(SecretChangeError::Full));
    assert_eq!(source.secrets.len(), SECRETS_PER_SOURCE_MAX);
}

#[test]
fn the_last_lasting_secret_stays() {
    let mut source = source(&["one"]);
    let first = source.secrets[0].id;
    assert_eq!(source.drop_secret(first), Err(SecretChangeError::Last));
    let second = source.rotate_secret(secret("two"), Some(DAY), at(1)).expect("room").id;
    assert_eq!(source.drop_secret(second), Err(SecretChangeError::Last), "the other one expires");
    assert_eq!(source.drop_secret(first), Ok(()));
    assert_eq!(source.drop_secret(first), Err(SecretChangeError::Unknown));
    assert_eq!(live(&source, 1), ["two"]);
}

#[test]
fn replacing_keeps_the_ids_of_those_that_stay() {
    let mut source = source(&["one", "two"]);
    let [one, two] = [source.secrets[0].id, source.secrets[1].id];
    source.rotate_secret(secret("three"), Some(DAY), at(1)).expect("room");
    source.revision = 2;
    source.replace_secrets(vec![secret("four"), secret("two")], at(2));
    assert_eq!(live(&source, 100), ["four", "two"]);
    assert_eq!(source.secrets[1].id, two);
    assert!(source.secrets[0].id != one && source.secrets[0].created_at == at(2));
}

#[test]
fn terms_belong_to_their_revision() {
    let mut source = source(&["one", "two"]);
    source.rotate_secret(secret("three"), Some(DAY), at(1)).expect("room");
    source.revision = 2;
    let texts = || source.secrets.iter().map(|secret| secret.secret.clone()).collect::<Vec<_>>();
    let join = |terms, secrets, revision| {
        SecretTerms::join(terms, secrets, source.id, revision, source.created_at)
    };
    let kept = serde_json::to_string(&SecretTerms::of(&source)).expect("JSON");
    assert!(!kept.contains("three"), "{kept}");
    let terms = || serde_json::from_str::<Option<SecretTerms>>(&kept).expect("terms");
    assert_eq!(join(terms(), texts(), 2), source.secrets);

    // Written by a version that knows no terms: everything is good for ever.
    for secrets in [join(terms(), texts(), 3), join(None, texts(), 3)] {
        assert_eq!(secrets, SourceSecret::set(source.id, 3, source.created_at, texts()));
    }
    assert_eq!(join(terms(), vec![secret("only")], 2).len(), 1);
}
