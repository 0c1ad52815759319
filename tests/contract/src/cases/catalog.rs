//! What people set up, as the API writes it.

use postback_domain::endpoint::Endpoint;
use postback_domain::ids::{KeyId, MerchantId, PortalTokenId, SourceId};
use postback_domain::key::ApiKey;
use postback_domain::limits::ENDPOINTS_PER_MERCHANT_MAX;
use postback_domain::merchant::Merchant;
use postback_domain::portal::PortalToken;
use postback_domain::source::Source;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::PageRequest;

use crate::WholeStore;
use crate::world::*;

const OTHER: MerchantId = MerchantId::from_bits(0xb);

async fn setup(store: &impl WholeStore) {
    for id in [MERCHANT, OTHER] {
        store.create_merchant(Merchant { id, ..merchant(0) }, act()).await.unwrap();
    }
    store.create_source(source(5), act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    store.create_key(key(1), act()).await.unwrap();
}

fn refused(result: Result<(), CatalogError>) -> &'static str {
    match result {
        Ok(()) => "written",
        Err(CatalogError::ExternalIdTaken) => "taken",
        Err(CatalogError::NotFound) => "not found",
        Err(CatalogError::Stale) => "stale",
        Err(CatalogError::LimitReached { .. }) => "limit",
        Err(CatalogError::IdTaken) => "there",
        Err(CatalogError::Unavailable(error)) => panic!("{error:?}"),
    }
}

/// Nothing hangs on a merchant that is not there.
pub async fn owners_must_exist(store: impl WholeStore) {
    assert_eq!(refused(store.create_key(key(1), act()).await), "not found");
    assert_eq!(refused(store.create_source(source(1), act()).await), "not found");
    assert_eq!(refused(store.create_endpoint(endpoint(1), act()).await), "not found");
    assert!(store.read_key(KeyId::from_bits(1)).await.unwrap().is_none());
}

/// Whoever creates again what is there hears that, before he hears of any limit: it may be his own
/// work, and its answer was lost.
pub async fn what_is_there_is_not_created_again(store: impl WholeStore) {
    setup(&store).await;
    let named = Merchant { external_id: Some(label("acct_1")), ..merchant(1) };
    store.create_merchant(named.clone(), act()).await.unwrap();
    for number in 2..=ENDPOINTS_PER_MERCHANT_MAX as u128 {
        store.create_endpoint(endpoint(number), act()).await.unwrap();
    }
    assert_eq!(refused(store.create_merchant(named.clone(), act()).await), "there");
    assert_eq!(refused(store.create_key(key(1), act()).await), "there");
    assert_eq!(refused(store.create_source(source(5), act()).await), "there");
    assert_eq!(refused(store.create_endpoint(endpoint(1), act()).await), "there");
    assert_eq!(refused(store.create_endpoint(endpoint(500), act()).await), "limit");

    assert_eq!(store.list_keys(MERCHANT, first(10)).await.unwrap().rows, [key(1)]);
    assert_eq!(store.list_sources(None, first(10)).await.unwrap().rows, [source(5)]);
    assert_eq!(store.read_merchant(named.id).await.unwrap(), Some(named));
    store.delete_endpoint(MERCHANT, end(1), act()).await.unwrap();
    assert_eq!(refused(store.create_endpoint(endpoint(500), act()).await), "written");
}

/// Of two writers that read the same revision, one wins.
pub async fn a_stale_replacement_is_refused(store: impl WholeStore) {
    setup(&store).await;
    let next = Merchant { id: MERCHANT, name: label("New"), revision: 2, ..merchant(0) };
    assert_eq!(refused(store.replace_merchant(next.clone(), act()).await), "written");
    assert_eq!(refused(store.replace_merchant(next.clone(), act()).await), "stale");
    assert_eq!(store.read_merchant(MERCHANT).await.unwrap(), Some(next));

    let next = Source { revision: 2, ..source(5) };
    assert_eq!(refused(store.replace_source(next.clone(), act()).await), "written");
    assert_eq!(refused(store.replace_source(next, act()).await), "stale");

    let next = Endpoint { revision: 2, ..endpoint(1) };
    assert_eq!(refused(store.replace_endpoint(next.clone(), act()).await), "written");
    assert_eq!(refused(store.replace_endpoint(next, act()).await), "stale");

    let nobody = Merchant { revision: 2, ..merchant(404) };
    assert_eq!(refused(store.replace_merchant(nobody, act()).await), "not found");
    let nothing = Source { revision: 2, ..source(404) };
    assert_eq!(refused(store.replace_source(nothing, act()).await), "not found");
    let nowhere = Endpoint { revision: 2, ..endpoint(404) };
    assert_eq!(refused(store.replace_endpoint(nowhere, act()).await), "not found");
}

/// One merchant an external id, on creation and on change; keeping one's own is no conflict.
pub async fn external_ids_are_unique(store: impl WholeStore) {
    let external_id = Some(label("acct_1"));
    let first = Merchant { external_id: external_id.clone(), ..merchant(1) };
    assert_eq!(refused(store.create_merchant(first.clone(), act()).await), "written");
    let second = Merchant { external_id: external_id.clone(), ..merchant(2) };
    assert_eq!(refused(store.create_merchant(second.clone(), act()).await), "taken");
    assert_eq!(refused(store.create_merchant(merchant(2), act()).await), "written");
    let second = Merchant { revision: 2, ..second };
    assert_eq!(refused(store.replace_merchant(second, act()).await), "taken");
    let first = Merchant { revision: 2, ..first };
    assert_eq!(refused(store.replace_merchant(first, act()).await), "written");
}

/// `tenants_never_meet`.
pub async fn other_merchants_are_not_touched(store: impl WholeStore) {
    setup(&store).await;
    assert!(store.read_endpoint(OTHER, end(1)).await.unwrap().is_none());
    assert_eq!(refused(store.delete_endpoint(OTHER, end(1), act()).await), "not found");
    assert_eq!(refused(store.delete_key(OTHER, KeyId::from_bits(1), act()).await), "not found");
    assert!(store.list_endpoints(OTHER, first(10)).await.unwrap().rows.is_empty());
    assert!(store.list_keys(OTHER, first(10)).await.unwrap().rows.is_empty());
    assert!(store.list_sources(Some(OTHER), first(10)).await.unwrap().rows.is_empty());
    assert_eq!(store.list_sources(None, first(10)).await.unwrap().rows, [source(5)]);
    assert!(store.read_endpoint(MERCHANT, end(1)).await.unwrap().is_some());
}

/// Deleting is at once and once.
pub async fn deleted_things_are_gone(store: impl WholeStore) {
    setup(&store).await;
    for expected in ["written", "not found"] {
        assert_eq!(refused(store.delete_endpoint(MERCHANT, end(1), act()).await), expected);
        assert_eq!(refused(store.delete_key(MERCHANT, KeyId::from_bits(1), act()).await), expected);
        assert_eq!(refused(store.delete_source(SourceId::from_bits(5), act()).await), expected);
    }
    assert!(store.read_key(KeyId::from_bits(1)).await.unwrap().is_none());
    assert!(store.read_source(SourceId::from_bits(5)).await.unwrap().is_none());
}

/// A merchant's fan-out has a limit; other merchants are not affected by it.
pub async fn endpoints_are_limited(store: impl WholeStore) {
    setup(&store).await;
    for number in 2..=ENDPOINTS_PER_MERCHANT_MAX as u128 {
        assert_eq!(refused(store.create_endpoint(endpoint(number), act()).await), "written");
    }
    assert_eq!(refused(store.create_endpoint(endpoint(500), act()).await), "limit");
    let other = Endpoint { merchant_id: OTHER, ..endpoint(500) };
    assert_eq!(refused(store.create_endpoint(other, act()).await), "written");
}

/// When a key was last used is kept with it.
pub async fn keys_are_touched(store: impl WholeStore) {
    setup(&store).await;
    assert_eq!(store.read_key(KeyId::from_bits(1)).await.unwrap(), Some(key(1)));
    store.touch_key(KeyId::from_bits(1), at(9)).await.unwrap();
    let touched = ApiKey { last_used_at: Some(at(9)), ..key(1) };
    assert_eq!(store.read_key(KeyId::from_bits(1)).await.unwrap(), Some(touched));
    store.touch_key(KeyId::from_bits(404), at(9)).await.unwrap();
    let ending = ApiKey { expires_at: Some(at(60)), ..key(2) };
    store.create_key(ending.clone(), act()).await.unwrap();
    assert_eq!(store.read_key(ending.id).await.unwrap(), Some(ending));
}

/// A portal token opens something until it is deleted or has expired, and is no key.
pub async fn portal_tokens_are_kept_until_they_end(store: impl WholeStore) {
    let id = PortalTokenId::from_bits(1);
    assert_eq!(refused(store.create_portal_token(portal_token(1), act()).await), "not found");
    setup(&store).await;
    assert_eq!(refused(store.create_portal_token(portal_token(1), act()).await), "written");
    assert_eq!(refused(store.create_portal_token(portal_token(1), act()).await), "there");
    assert_eq!(store.read_portal_token(id).await.unwrap(), Some(portal_token(1)));
    assert_eq!(store.list_keys(MERCHANT, first(10)).await.unwrap().rows, [key(1)]);
    assert!(store.read_key(KeyId::from_bits(1)).await.unwrap().is_some(), "ids are of a kind");

    // One that is minted later takes none away that is still good.
    let later = PortalToken { created_at: at(3599), expires_at: at(9000), ..portal_token(2) };
    assert_eq!(refused(store.create_portal_token(later.clone(), act()).await), "written");
    assert_eq!(store.read_portal_token(id).await.unwrap(), Some(portal_token(1)));

    assert_eq!(refused(store.delete_portal_token(OTHER, id, act()).await), "not found");
    for expected in ["written", "not found"] {
        assert_eq!(refused(store.delete_portal_token(MERCHANT, id, act()).await), expected);
    }
    assert!(store.read_portal_token(id).await.unwrap().is_none());
    assert_eq!(store.read_portal_token(later.id).await.unwrap(), Some(later));
}

/// Newest first, a page at a time, until there is no more.
pub async fn lists_are_newest_first_and_paged(store: impl WholeStore) {
    for number in 1..=5 {
        store.create_merchant(merchant(number), act()).await.unwrap();
    }
    let (mut request, mut seen) = (first(2), Vec::new());
    loop {
        let page = store.list_merchants(request.clone()).await.unwrap();
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.iter().map(|merchant| merchant.id));
        match page.next {
            None => break,
            cursor => request = PageRequest { limit: 2, cursor },
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1].map(MerchantId::from_bits));
}
