//! Records of administrative acts: there if and only if the change is.

use postback_domain::audit::{Action, Actor, Object, Origin, Record, Snapshot};
use postback_domain::endpoint::Endpoint;
use postback_domain::ids::{AuditId, KeyId, MerchantId, PortalTokenId, SourceId};
use postback_domain::limits::AUDIT_VIEW_BYTES_MAX;
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_engine::ports::audit::AuditFilter;
use postback_engine::ports::history::{Cursor, PageRequest};

use super::recoveries::order;
use crate::WholeStore;
use crate::world::*;

const OTHER: MerchantId = MerchantId::from_bits(0xb);

/// The ids of a page of what the filter takes.
async fn listed(store: &impl WholeStore, filter: AuditFilter) -> Vec<AuditId> {
    let page = store.list_audit(filter, first(100)).await.unwrap();
    assert!(page.next.is_none());
    page.rows.iter().map(|record| record.id).collect()
}

async fn all(store: &impl WholeStore) -> Vec<AuditId> {
    listed(store, AuditFilter::default()).await
}

/// A record of this number, made so many seconds after the first.
fn numbered(number: u32) -> Record {
    let id = AuditId::from_bits(u128::from(number) << 64);
    Record { id, at: at(number.into()), ..act() }
}

/// One for each of the writes that there are, none twice, and there at once.
pub async fn every_change_leaves_its_record(store: impl WholeStore) {
    let acts: Vec<Record> = (1..=15).map(numbered).collect();
    let mut left = acts.iter().cloned();
    let mut next = || left.next().unwrap();
    let (key, token, source_id) =
        (KeyId::from_bits(1), PortalTokenId::from_bits(1), SourceId::from_bits(5));
    let shop = Merchant { id: MERCHANT, ..merchant(0) };
    store.create_merchant(shop.clone(), next()).await.unwrap();
    assert_eq!(all(&store).await, [acts[0].id]);
    store.replace_merchant(Merchant { revision: 2, ..shop }, next()).await.unwrap();
    store.create_key(crate::world::key(1), next()).await.unwrap();
    store.delete_key(MERCHANT, key, next()).await.unwrap();
    store.create_portal_token(portal_token(1), next()).await.unwrap();
    store.delete_portal_token(MERCHANT, token, next()).await.unwrap();
    store.create_source(source(5), next()).await.unwrap();
    store.replace_source(Source { revision: 2, ..source(5) }, next()).await.unwrap();
    store.delete_source(source_id, next()).await.unwrap();
    store.create_endpoint(endpoint(1), next()).await.unwrap();
    store.replace_endpoint(Endpoint { revision: 2, ..endpoint(1) }, next()).await.unwrap();
    store.create_recovery(order(1), next()).await.unwrap();
    store.cancel_recovery(order(1).id, at(1), next()).await.unwrap();
    store.delete_endpoint(MERCHANT, end(1), next()).await.unwrap();
    store.record(next()).await.unwrap();
    let expected: Vec<_> = acts.iter().rev().map(|record| record.id).collect();
    assert_eq!(all(&store).await, expected);
    let merchants = AuditFilter { merchant: Some(MERCHANT), ..AuditFilter::default() };
    assert_eq!(listed(&store, merchants).await, expected);
}

/// Whatever the reason.
pub async fn what_is_refused_leaves_none(store: impl WholeStore) {
    let shop = Merchant { id: MERCHANT, external_id: Some(label("acct_1")), ..merchant(0) };
    assert!(store.create_endpoint(endpoint(1), act()).await.is_err(), "no merchant");
    store.create_merchant(shop.clone(), act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    let before = all(&store).await;
    assert_eq!(before.len(), 2);

    let same_name = Merchant { external_id: shop.external_id.clone(), ..merchant(1) };
    assert!(store.create_merchant(same_name, act()).await.is_err(), "external id taken");
    assert!(store.create_merchant(shop.clone(), act()).await.is_err(), "there");
    assert!(store.create_endpoint(endpoint(1), act()).await.is_err(), "there");
    assert!(store.replace_merchant(Merchant { revision: 7, ..shop }, act()).await.is_err());
    let stale = Endpoint { revision: 7, ..endpoint(1) };
    assert!(store.replace_endpoint(stale, act()).await.is_err());
    assert!(store.delete_endpoint(OTHER, end(1), act()).await.is_err(), "another merchant's");
    assert!(store.delete_key(MERCHANT, KeyId::from_bits(9), act()).await.is_err());
    let none = PortalTokenId::from_bits(9);
    assert!(store.delete_portal_token(MERCHANT, none, act()).await.is_err());
    assert!(store.delete_source(SourceId::from_bits(9), act()).await.is_err());
    assert!(store.cancel_recovery(order(1).id, NOW, act()).await.unwrap().is_none());
    assert_eq!(all(&store).await, before);

    store.create_recovery(order(1), act()).await.unwrap();
    store.cancel_recovery(order(1).id, NOW, act()).await.unwrap();
    let before = all(&store).await;
    assert!(store.create_recovery(order(1), act()).await.is_err(), "there");
    store.cancel_recovery(order(1).id, NOW, act()).await.unwrap();
    assert_eq!(all(&store).await, before, "it was stopped once");
}

/// The largest one too.
pub async fn every_field_of_a_record_survives(store: impl WholeStore) {
    let long = format!("{{\"a\":\"{}\"}}", "é".repeat(AUDIT_VIEW_BYTES_MAX / 2 - 4));
    let long = Snapshot::new(long).unwrap();
    let full = Record {
        actor: Actor::Key(KeyId::from_bits(3)),
        action: Action::EndpointUpdated,
        object: Some(end(1).into()),
        origin: Origin {
            ip: Some("2001:db8::7".parse().unwrap()),
            user_agent: Some("curl/8.9 “é”".to_owned()),
        },
        before: Some(long.clone()),
        after: Some(long),
        ..numbered(2)
    };
    let bare = Record { merchant_id: None, ..numbered(1) };
    let portal = Record { actor: Actor::Portal(PortalTokenId::from_bits(3)), ..numbered(3) };
    for record in [&bare, &full, &portal] {
        store.record(record.clone()).await.unwrap();
    }
    let page = store.list_audit(AuditFilter::default(), first(10)).await.unwrap();
    assert_eq!(page.rows, [portal, full, bare]);
}

/// What is done again under the same request is not recorded again.
pub async fn the_first_record_of_an_id_stands(store: impl WholeStore) {
    let one = Record { after: Snapshot::new("{\"matched\":2}".to_owned()), ..numbered(1) };
    store.record(one.clone()).await.unwrap();
    let again = Record { after: Snapshot::new("{\"matched\":1}".to_owned()), ..numbered(1) };
    store.record(again).await.unwrap();
    let page = store.list_audit(AuditFilter::default(), first(10)).await.unwrap();
    assert_eq!(page.rows, [one]);
}

/// A page at a time until there is no more, whatever is added in between.
pub async fn records_are_newest_first_and_paged(store: impl WholeStore) {
    for number in 1..=5 {
        store.record(numbered(number)).await.unwrap();
    }
    let filter = AuditFilter { merchant: Some(MERCHANT), ..AuditFilter::default() };
    for filter in [AuditFilter::default(), filter] {
        let (mut request, mut seen) = (first(2), Vec::new());
        for added in 6.. {
            let page = store.list_audit(filter.clone(), request).await.unwrap();
            assert!(page.rows.len() <= 2);
            seen.extend(page.rows.iter().map(|record| record.id));
            store.record(numbered(added)).await.unwrap();
            match page.next {
                None => break,
                cursor => request = PageRequest { limit: 2, cursor },
            }
        }
        let seen: Vec<_> = seen.iter().filter(|id| **id <= numbered(5).id).collect();
        assert_eq!(
            seen,
            [5, 4, 3, 2, 1].map(|number| numbered(number).id).iter().collect::<Vec<_>>()
        );
    }
    let unreadable = PageRequest { limit: 2, cursor: Some(Cursor("no cursor".to_owned())) };
    assert!(store.list_audit(AuditFilter::default(), unreadable).await.unwrap().rows.is_empty());
}

/// `tenants_never_meet`, and every other field of a filter.
pub async fn records_are_filtered(store: impl WholeStore) {
    let key = Actor::Key(KeyId::from_bits(3));
    let records = [
        Record { merchant_id: None, ..numbered(1) },
        Record { merchant_id: Some(OTHER), object: Some(end(1).into()), ..numbered(2) },
        Record { object: Some(end(1).into()), actor: key, ..numbered(3) },
        Record { object: Some(SourceId::from_bits(1).into()), ..numbered(4) },
        Record { action: Action::KeyDeleted, object: Some(MERCHANT.into()), ..numbered(5) },
    ];
    for record in &records {
        store.record(record.clone()).await.unwrap();
    }
    let (filter, object) = (AuditFilter::default, Object::from(end(1)));
    for (filter, expected) in [
        (filter(), &[5, 4, 3, 2, 1][..]),
        (AuditFilter { merchant: Some(MERCHANT), ..filter() }, &[5, 4, 3]),
        (AuditFilter { merchant: Some(OTHER), ..filter() }, &[2]),
        (AuditFilter { merchant: Some(MerchantId::from_bits(0xc)), ..filter() }, &[]),
        (AuditFilter { object: Some(object), ..filter() }, &[3, 2]),
        (AuditFilter { object: Some(MERCHANT.into()), ..filter() }, &[5]),
        (AuditFilter { object: Some(object), merchant: Some(OTHER), ..filter() }, &[2]),
        (AuditFilter { actor: Some(key), ..filter() }, &[3]),
        (AuditFilter { actor: Some(key), merchant: Some(OTHER), ..filter() }, &[]),
        (AuditFilter { actor: Some(Actor::Operator), ..filter() }, &[5, 4, 2, 1]),
        (AuditFilter { action: Some(Action::KeyDeleted), ..filter() }, &[5]),
        (AuditFilter { since: Some(at(3)), ..filter() }, &[5, 4, 3]),
        (AuditFilter { until: Some(at(3)), ..filter() }, &[2, 1]),
        (AuditFilter { since: Some(at(2)), until: Some(at(4)), ..filter() }, &[3, 2]),
        (AuditFilter { since: Some(at(4)), until: Some(at(2)), ..filter() }, &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|number| numbered(*number).id).collect();
        assert_eq!(listed(&store, filter.clone()).await, expected, "{filter:?}");
    }
}

/// However few of many it takes, its pages come to an end, and nothing is left out or seen twice.
pub async fn a_narrow_question_finds_what_is_far_back(store: impl WholeStore) {
    for number in 1..=40 {
        let is_rare = number % 13 == 0;
        let action = if is_rare { Action::MerchantUpdated } else { Action::EndpointUpdated };
        store.record(Record { action, ..numbered(number) }).await.unwrap();
    }
    let filter = AuditFilter { action: Some(Action::MerchantUpdated), ..AuditFilter::default() };
    let (mut request, mut seen) = (first(1), Vec::new());
    loop {
        let page = store.list_audit(filter.clone(), request).await.unwrap();
        assert!(page.rows.len() <= 1);
        seen.extend(page.rows.iter().map(|record| record.id));
        match page.next {
            None => break,
            cursor => request = PageRequest { limit: 1, cursor },
        }
    }
    assert_eq!(seen, [39, 26, 13].map(|number| numbered(number).id));
}
