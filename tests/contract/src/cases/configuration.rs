//! What people have set up, as the engine reads it.

use std::time::Duration;

use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::endpoint::{AttemptTimeout, Endpoint, ExtraHeader, Kind, OffReason, Switch};
use postback_domain::ids::{EndpointId, MerchantId, SecretId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::signing::SigningSecret;
use postback_domain::source::{SchemeChoice, Source, SourceSecret, Tolerance};
use postback_engine::ports::store::Freshness;
use postback_verify::Config;

use crate::WholeStore;
use crate::world::*;

async fn setup(store: &impl WholeStore) {
    store
        .create_merchant(postback_domain::merchant::Merchant { id: MERCHANT, ..merchant(0) }, act())
        .await
        .unwrap();
    store.create_source(source(5), act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    store.create_endpoint(endpoint(2), act()).await.unwrap();
}

async fn endpoints(store: &impl WholeStore) -> Vec<EndpointId> {
    store.endpoints_of(MERCHANT).await.unwrap().iter().map(|endpoint| endpoint.id).collect()
}

/// By id, and a merchant's endpoints in order of creation.
pub async fn what_was_written_is_read(store: impl WholeStore) {
    setup(&store).await;
    for freshness in [Freshness::Cached, Freshness::Fresh] {
        let found = store.source(SourceId::from_bits(5), freshness).await.unwrap().unwrap();
        assert_eq!(*found, source(5));
        assert!(store.source(SourceId::from_bits(404), freshness).await.unwrap().is_none());
    }
    assert_eq!(*store.endpoint(end(1)).await.unwrap().unwrap(), endpoint(1));
    assert!(store.endpoint(end(404)).await.unwrap().is_none());
    assert_eq!(endpoints(&store).await, [end(1), end(2)]);
    assert!(store.endpoints_of(MerchantId::from_bits(404)).await.unwrap().is_empty());
    assert_eq!(store.merchant(MERCHANT).await.unwrap().unwrap().id, MERCHANT);
}

/// Nothing is lost or rounded on the way.
pub async fn every_field_survives(store: impl WholeStore) {
    setup(&store).await;
    let policy = RetryPolicy::from_secs(&[0.25, 86_400.0]).unwrap();
    let mut rich = endpoint(3);
    rich.event_types = vec!["charge.*".parse().unwrap(), "payout.paid".parse().unwrap()];
    rich.description = Some(label("Café – “quoted” \\ 'x'"));
    rich.switch = Switch::Off { since: at(5), reason: OffReason::Gone };
    rich.retry_policy = Some(policy.clone());
    rich.timeout = AttemptTimeout::from_secs(3).unwrap();
    rich.headers = vec![ExtraHeader::parse("x-gateway-key", "a=b; \"c\"").unwrap()];
    let mut old = rich.secrets[0].clone();
    old.secret = SigningSecret::mint([8; 32]);
    old.expires_at = Some(at(60));
    rich.secrets.push(old);
    store.create_endpoint(rich.clone(), act()).await.unwrap();
    assert_eq!(*store.endpoint(rich.id).await.unwrap().unwrap(), rich);

    let own = r#"{"kind":"hmac","hash":"sha256","sig":[{"from":"header:x-sig","enc":"hex"}],"msg":"{body}"}"#;
    for (number, tolerance) in
        [(6, Tolerance::Unchecked), (7, Tolerance::Within(Duration::from_millis(1500)))]
    {
        let rich = Source {
            merchant_from: Some("json:/data/account".parse().unwrap()),
            name: Some(label("Main account")),
            scheme: SchemeChoice::own(own).unwrap(),
            secrets: rotated(number),
            config: Config::from([("url", "https://x.example/?a=b")]),
            tolerance,
            ..source(number)
        };
        store.create_source(rich.clone(), act()).await.unwrap();
        let found = store.source(rich.id, Freshness::Cached).await.unwrap().unwrap();
        assert_eq!(*found, rich);
    }

    let mut rich = merchant(0xb);
    rich.external_id = Some(label("acct_1"));
    rich.retry_policy = Some(policy);
    store.create_merchant(rich.clone(), act()).await.unwrap();
    assert_eq!(*store.merchant(rich.id).await.unwrap().unwrap(), rich);

    let pull = Endpoint { kind: Kind::Pull, ..endpoint(4) };
    store.create_endpoint(pull.clone(), act()).await.unwrap();
    assert_eq!(*store.endpoint(pull.id).await.unwrap().unwrap(), pull);
}

/// By the name as it is now, to the letter.
pub async fn merchants_are_found_by_their_external_ids(store: impl WholeStore) {
    let acct = label("acct_1");
    assert_eq!(store.merchant_called(&acct).await.unwrap(), None);
    let named = Merchant { external_id: Some(acct.clone()), ..merchant(0xb) };
    store.create_merchant(named.clone(), act()).await.unwrap();
    assert_eq!(store.merchant_called(&acct).await.unwrap(), Some(named.id));
    assert_eq!(store.merchant_called(&acct).await.unwrap(), Some(named.id), "remembered");
    assert_eq!(store.merchant_called(&label("ACCT_1")).await.unwrap(), None);
    let renamed = Merchant { external_id: Some(label("acct_2")), revision: 2, ..named.clone() };
    store.replace_merchant(renamed, act()).await.unwrap();
    assert_eq!(store.merchant_called(&acct).await.unwrap(), None);
    assert_eq!(store.merchant_called(&label("acct_2")).await.unwrap(), Some(named.id));
}

fn rotated(number: u128) -> Vec<SourceSecret> {
    let mut secrets = secrets(number, &["new \"one\"", "old", "older"]);
    secrets[1].expires_at = Some(at(60));
    secrets[2].expires_at = Some(at(0));
    secrets[2].created_at = at(0).minus(Duration::from_secs(86_400));
    secrets
}

/// When a secret was last used is noted beside the source, and never goes back.
pub async fn uses_of_secrets_are_noted(store: impl WholeStore) {
    setup(&store).await;
    let id = SourceId::from_bits(5);
    let [first, other] = [1, 2].map(|number| SecretId::derive(id.as_bytes(), 9, number));
    assert_eq!(store.secret_uses(id).await.unwrap(), []);
    store.note_secret_use(id, first, at(5)).await.unwrap();
    store.note_secret_use(id, other, at(6)).await.unwrap();
    store.note_secret_use(id, first, at(9)).await.unwrap();
    store.note_secret_use(id, first, at(7)).await.unwrap();
    let mut uses = store.secret_uses(id).await.unwrap();
    uses.sort_by_key(|(_, at)| *at);
    assert_eq!(uses, [(other, at(6)), (first, at(9))]);
    assert_eq!(*store.source(id, Freshness::Fresh).await.unwrap().unwrap(), source(5));

    let next = Source { revision: 2, ..source(5) };
    store.replace_source(next, act()).await.unwrap();
    assert_eq!(store.secret_uses(id).await.unwrap().len(), 2);
    store.delete_source(id, act()).await.unwrap();
    assert_eq!(store.secret_uses(id).await.unwrap(), []);
}

/// The writer of a change sees it at once.
pub async fn changes_are_seen_at_once(store: impl WholeStore) {
    setup(&store).await;
    assert_eq!(endpoints(&store).await, [end(1), end(2)]);
    store.create_endpoint(endpoint(3), act()).await.unwrap();
    assert_eq!(endpoints(&store).await, [end(1), end(2), end(3)]);
    store.delete_endpoint(MERCHANT, end(2), act()).await.unwrap();
    assert_eq!(endpoints(&store).await, [end(1), end(3)]);
    assert!(store.endpoint(end(2)).await.unwrap().is_none());

    store.source(SourceId::from_bits(5), Freshness::Cached).await.unwrap();
    let rotated = Source { secrets: secrets(5, &["two"]), revision: 2, ..source(5) };
    store.replace_source(rotated.clone(), act()).await.unwrap();
    let seen = store.source(rotated.id, Freshness::Fresh).await.unwrap().unwrap();
    assert_eq!(seen.secrets, rotated.secrets);
}

/// The first reason stands.
pub async fn switching_off_happens_once(store: impl WholeStore) {
    setup(&store).await;
    store.switch_off(end(1), OffReason::Gone, at(1)).await.unwrap();
    store.switch_off(end(1), OffReason::Asked, at(2)).await.unwrap();
    store.switch_off(end(404), OffReason::Gone, at(1)).await.unwrap();
    let off = store.endpoint(end(1)).await.unwrap().unwrap();
    assert_eq!(off.switch, Switch::Off { since: at(1), reason: OffReason::Gone });
    assert_eq!(off.revision, 2, "a change counts, so that a stale PATCH cannot undo it");
    assert_eq!(store.endpoint(end(2)).await.unwrap().unwrap().switch, Switch::On);
}
