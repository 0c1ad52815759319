//! Which requests are events.

use std::time::Duration;

use bytes::Bytes;
use postback_domain::rotation::Owner;
use postback_domain::source::{SchemeChoice, Source, SourceSecret, Tolerance};
use postback_domain::time::Timestamp;
use postback_engine::accept::{AcceptError, Accepted, Incoming, Received};
use postback_engine::ports::catalog::Catalog;
use postback_engine::take_in::FirstTries;
use postback_verify::{Config, Secret, Signed, UnixTime, preset};

use crate::world::{Fault, SOURCE, Step, World, act};

const SECRET: &str = "whsec_the_one_the_provider_signs_with";

async fn source(world: &World, secrets: &[&str]) -> Source {
    let source = Source {
        id: SOURCE,
        merchant_id: world.merchant,
        merchant_from: None,
        name: None,
        scheme: SchemeChoice::preset("stripe").expect("a preset"),
        secrets: set(1, world.now(), secrets),
        config: Config::default(),
        tolerance: Tolerance::SchemeDefault,
        created_at: world.now(),
        revision: 1,
    };
    world.embedded.create_source(source.clone(), act()).await.expect("a fresh store");
    source
}

fn set(revision: u32, at: Timestamp, secrets: &[&str]) -> Vec<SourceSecret> {
    let owner = Owner::source(SOURCE, revision);
    SourceSecret::set(owner, at, secrets.iter().copied().map(Secret::new))
}

/// A `charge.refunded` of Stripe's, signed now.
fn signed(world: &World, secret: &str) -> Signed {
    let stripe = preset("stripe").expect("a preset");
    let sample = stripe.sample(Some("charge.refunded")).expect("a sample");
    let at = UnixTime::from_millis(u64::try_from(world.now().as_millis()).expect("after 1970"));
    stripe
        .signed_sample(sample, "1Abc", &Secret::new(secret), &Config::default(), at)
        .expect("the secret fits")
}

async fn receive(world: &World, signed: &Signed) -> Result<Received, AcceptError> {
    let incoming = Incoming {
        query: &signed.query,
        headers: &signed.headers,
        content_type: Some("application/json; charset=utf-8"),
        body: &Bytes::from(signed.body.clone()),
    };
    world.engine.accept(SOURCE, incoming).await
}

/// What is no handshake.
async fn accept(world: &World, signed: &Signed) -> Result<Accepted, AcceptError> {
    match receive(world, signed).await? {
        Received::Events(accepted) => Ok(accepted),
        Received::Handshake(ack) => panic!("a handshake: {ack:?}"),
    }
}

#[tokio::test]
async fn a_signed_request_is_an_event_and_reaches_the_merchant() {
    let world = World::new().await;
    world.endpoint("shop").await;
    source(&world, &[SECRET]).await;
    let request = signed(&world, SECRET);

    let accepted = accept(&world, &request).await.unwrap();

    let [event] = accepted.events.as_slice() else { panic!("one event: {accepted:?}") };
    assert_eq!((event.source_id, event.merchant_id), (SOURCE, world.merchant));
    assert_eq!(event.provider_event_id.as_str(), "evt_1Abc");
    assert_eq!(event.event_type.as_str(), "charge.refunded");
    assert_eq!(event.received_at, world.now());
    assert_eq!(event.content_type.as_deref(), Some("application/json; charset=utf-8"));
    assert_eq!(event.body, request.body);
    assert_eq!(accepted.ack().status, 200);

    let taken = world.take_in_as((**event).clone(), FirstTries::Mine).await.unwrap();
    world.make_first_attempts(taken).await;
    let requests = world.sender().requests_to(world.endpoint_id("shop"));
    assert_eq!(requests[0].event.body, request.body);
}

#[tokio::test]
async fn the_same_event_signed_again_is_the_same_event() {
    let world = World::new().await;
    source(&world, &[SECRET]).await;
    let first = accept(&world, &signed(&world, SECRET)).await.unwrap();
    world.advance_secs(3600);
    let second = accept(&world, &signed(&world, SECRET)).await.unwrap();
    assert_eq!(first.events[0].id, second.events[0].id);
}

#[tokio::test]
async fn a_source_that_is_not_there_is_unknown() {
    let world = World::new().await;
    let refused = accept(&world, &signed(&world, SECRET)).await.unwrap_err();
    assert!(matches!(refused, AcceptError::UnknownSource), "{refused:?}");
}

async fn check_refused(world: &World, case: &str, request: &Signed) {
    let answer = accept(world, request).await;
    assert!(matches!(answer, Err(AcceptError::Refused(_))), "{case}: {answer:?}");
}

#[tokio::test]
async fn what_its_secrets_did_not_sign_is_refused() {
    let world = World::new().await;
    source(&world, &[SECRET]).await;
    check_refused(&world, "another secret", &signed(&world, "whsec_another")).await;

    let mut changed = signed(&world, SECRET);
    let last = changed.body.len() - 1;
    changed.body[last] ^= 1;
    check_refused(&world, "one bit of the body", &changed).await;

    let mut unsigned = signed(&world, SECRET);
    unsigned.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("stripe-signature"));
    check_refused(&world, "no signature", &unsigned).await;

    let old = signed(&world, SECRET);
    world.advance_secs(301);
    check_refused(&world, "older than the tolerance", &old).await;
}

#[tokio::test]
async fn any_secret_of_a_source_will_do() {
    let world = World::new().await;
    source(&world, &["whsec_old", SECRET]).await;
    accept(&world, &signed(&world, SECRET)).await.unwrap();
    accept(&world, &signed(&world, "whsec_old")).await.unwrap();
}

#[tokio::test]
async fn an_expired_secret_is_good_for_nothing() {
    let world = World::new().await;
    let mut with_end = source(&world, &[SECRET, "whsec_old"]).await;
    with_end.secrets[1].expires_at = Some(world.now().plus(Duration::from_secs(60)));
    with_end.revision = 2;
    world.embedded.replace_source(with_end.clone(), act()).await.unwrap();
    let accepted = accept(&world, &signed(&world, "whsec_old")).await.unwrap();
    assert_eq!(accepted.secrets, [with_end.secrets[1].id]);
    world.advance_secs(60);
    check_refused(&world, "the old one", &signed(&world, "whsec_old")).await;
    let accepted = accept(&world, &signed(&world, SECRET)).await.unwrap();
    assert_eq!(accepted.secrets, [with_end.secrets[0].id]);
}

/// Once an hour for each secret; what could not be noted is noted with a later event.
#[tokio::test]
async fn the_use_of_a_secret_is_noted_now_and_then() {
    let world = World::new().await;
    let ids = source(&world, &[SECRET, "whsec_old"]).await.secrets;
    let ids: Vec<_> = ids.into_iter().map(|secret| secret.id).collect();
    let uses = async || {
        let mut uses = world.embedded.secret_uses(SOURCE).await.unwrap();
        uses.sort_by_key(|(_, at)| *at);
        uses
    };
    let begun = world.now();
    world.engine.note_use(SOURCE, &ids[..1]).await;
    world.advance_secs(3599);
    world.engine.note_use(SOURCE, &ids).await;
    assert_eq!(uses().await, [(ids[0], begun), (ids[1], world.now())]);

    world.advance_secs(1);
    world.store().breaks(Step::NoteUse, Fault::Refused);
    world.engine.note_use(SOURCE, &ids[..1]).await;
    assert_eq!(uses().await[0], (ids[0], begun));
    world.engine.note_use(SOURCE, &ids[..1]).await;
    assert!(uses().await.contains(&(ids[0], world.now())));
}

/// A worker that has the source from before the rotation in its cache.
#[tokio::test]
async fn a_rotated_secret_does_not_wait_for_the_cache() {
    let world = World::new().await;
    let before = source(&world, &["whsec_old"]).await;
    world.store().keep_stale(before.clone());
    let request = signed(&world, SECRET);
    check_refused(&world, "nobody has rotated yet", &request).await;

    let secrets = set(2, world.now(), &["whsec_old", SECRET]);
    let rotated = Source { secrets, revision: 2, ..before };
    world.embedded.replace_source(rotated, act()).await.unwrap();

    accept(&world, &request).await.unwrap();
    check_refused(&world, "a forger", &signed(&world, "whsec_forged")).await;
}

#[tokio::test]
async fn a_source_deleted_since_it_was_cached_verifies_nothing_new() {
    let world = World::new().await;
    let before = source(&world, &[SECRET]).await;
    world.store().keep_stale(before);
    world.embedded.delete_source(SOURCE, act()).await.unwrap();
    let refused = accept(&world, &signed(&world, "whsec_another")).await.unwrap_err();
    assert!(matches!(refused, AcceptError::UnknownSource), "{refused:?}");
}
