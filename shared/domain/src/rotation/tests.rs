use super::*;
use crate::ids::SourceId;

const DAY: Duration = Duration::from_secs(86_400);
const COUNT_MAX: usize = 5;

fn at(days: u32) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(DAY * days)
}

fn owner(revision: u32) -> Owner {
    Owner::source(SourceId::from_bits(1), revision)
}

fn set(secrets: &[&'static str]) -> Vec<Dated<&'static str>> {
    Dated::set(owner(1), at(0), secrets.iter().copied())
}

/// Rotates on this day, in a revision of its own.
fn rotate(
    secrets: &mut Vec<Dated<&'static str>>,
    secret: &'static str,
    overlap: Option<Duration>,
    day: u32,
) -> Result<(), RotationError> {
    let rotation = Rotation { secret, overlap, count_max: COUNT_MAX };
    rotation.apply(secrets, owner(100 + day), at(day))
}

fn live_on(secrets: &[Dated<&'static str>], day: u32) -> Vec<&'static str> {
    live(secrets, at(day)).map(|secret| secret.secret).collect()
}

#[test]
fn a_rotation_overlaps_and_ends() {
    let mut secrets = set(&["one"]);
    rotate(&mut secrets, "two", Some(3 * DAY), 10).expect("room");
    assert_eq!((secrets[0].created_at, secrets[0].expires_at), (at(10), None));
    assert_eq!(live_on(&secrets, 10), ["two", "one"]);
    assert_eq!(live_on(&secrets, 12), ["two", "one"]);
    assert_eq!(live_on(&secrets, 13), ["two"]);

    // The end that was set stands, and is not put off by a longer overlap.
    rotate(&mut secrets, "three", Some(30 * DAY), 11).expect("room");
    assert_eq!(live_on(&secrets, 12), ["three", "two", "one"]);
    assert_eq!(live_on(&secrets, 13), ["three", "two"]);

    // What has expired makes room; without an end the old ones stay.
    rotate(&mut secrets, "four", None, 14).expect("room");
    assert_eq!(secrets.len(), 3);
    assert_eq!(live_on(&secrets, 40), ["four", "three", "two"]);
    assert_eq!(live_on(&secrets, 41), ["four", "three"]);
    let ids: std::collections::HashSet<_> = secrets.iter().map(|secret| secret.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn no_overlap_is_an_end_at_once() {
    let mut secrets = set(&["one"]);
    rotate(&mut secrets, "two", Some(Duration::ZERO), 1).expect("room");
    assert_eq!(live_on(&secrets, 1), ["two"]);
}

#[test]
fn rotation_refuses_what_is_known_and_what_is_too_much() {
    let mut secrets = set(&["1", "2", "3", "4"]);
    let known = secrets[1].id;
    assert_eq!(rotate(&mut secrets, "2", None, 1), Err(RotationError::Known(known)));
    rotate(&mut secrets, "5", None, 1).expect("room");
    assert_eq!(rotate(&mut secrets, "6", None, 1), Err(RotationError::Full(COUNT_MAX)));
    assert_eq!(secrets.len(), COUNT_MAX);
}

#[test]
fn the_last_lasting_secret_stays() {
    let mut secrets = set(&["one"]);
    let first = secrets[0].id;
    assert_eq!(remove(&mut secrets, first), Err(RotationError::Last));
    rotate(&mut secrets, "two", Some(DAY), 1).expect("room");
    let second = secrets[0].id;
    assert_eq!(remove(&mut secrets, second), Err(RotationError::Last), "the other one expires");
    assert_eq!(remove(&mut secrets, first), Ok(()));
    assert_eq!(remove(&mut secrets, first), Err(RotationError::Unknown));
    assert_eq!(live_on(&secrets, 1), ["two"]);
}

#[test]
fn replacing_keeps_the_ids_of_those_that_stay() {
    let mut secrets = set(&["one", "two"]);
    let [one, two] = [secrets[0].id, secrets[1].id];
    rotate(&mut secrets, "three", Some(DAY), 1).expect("room");
    replace(&mut secrets, owner(3), at(2), vec!["four", "two"]);
    assert_eq!(live_on(&secrets, 100), ["four", "two"]);
    assert_eq!(secrets[1].id, two);
    assert!(secrets[0].id != one && secrets[0].created_at == at(2));
}

#[test]
fn terms_belong_to_their_secrets() {
    let mut secrets = set(&["one", "two"]);
    rotate(&mut secrets, "three", Some(DAY), 1).expect("room");
    let text = |secret: &&'static str| *secret;
    let join = |terms, texts| Terms::join(terms, texts, text, owner(3), at(0));
    let kept = serde_json::to_string(&Terms::of(&secrets, text)).expect("JSON");
    assert!(!kept.contains("three"), "{kept}");
    let terms = || serde_json::from_str::<Option<Terms>>(&kept).expect("terms");
    assert_eq!(join(terms(), vec!["three", "one", "two"]), secrets);

    // Written by a version that knows no terms: everything is good for ever.
    for other in [vec!["only"], vec!["three", "two", "one"], vec!["three", "one", "tw", "o"]] {
        assert_eq!(join(terms(), other.clone()), Dated::set(owner(3), at(0), other.clone()));
        assert_eq!(join(None, other.clone()), Dated::set(owner(3), at(0), other));
    }
}
