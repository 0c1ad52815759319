//! What is in the database of an act, seen from outside of the store.

#![expect(clippy::unwrap_used, reason = "a store that does not open ends its test")]

use postback_contract::world::*;
use postback_domain::merchant::Merchant;
use postback_embedded::EmbeddedStore;
use postback_engine::ports::catalog::{Catalog as _, CatalogError};
use rusqlite::Connection;

/// The same database as an operator with a shell has it.
fn shell(directory: &std::path::Path) -> Connection {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let mut databases = files.filter(|path| path.extension().is_some_and(|end| end == "db"));
    Connection::open(databases.next().expect("a database")).unwrap()
}

/// Neither is ever there without the other.
#[tokio::test]
async fn a_change_whose_record_cannot_be_kept_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path(), NOW).unwrap();
    let shop = Merchant { id: MERCHANT, ..merchant(0) };
    store.create_merchant(shop.clone(), act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();

    shell(directory.path()).execute_batch("ALTER TABLE audit RENAME TO elsewhere").unwrap();
    let unavailable = |result| matches!(result, Err(CatalogError::Unavailable(_)));
    assert!(unavailable(store.create_merchant(merchant(1), act()).await));
    let next = Merchant { name: label("New"), revision: 2, ..shop.clone() };
    assert!(unavailable(store.replace_merchant(next, act()).await));
    assert!(unavailable(store.delete_endpoint(MERCHANT, end(1), act()).await));
    assert!(store.read_merchant(merchant(1).id).await.unwrap().is_none());
    assert_eq!(store.read_merchant(MERCHANT).await.unwrap(), Some(shop));
    assert!(store.read_endpoint(MERCHANT, end(1)).await.unwrap().is_some());

    shell(directory.path()).execute_batch("ALTER TABLE elsewhere RENAME TO audit").unwrap();
    store.create_merchant(merchant(1), act()).await.unwrap();
    let readable = "SELECT action || ' ' || merchant_id FROM audit_readable LIMIT 1";
    let read: String = shell(directory.path()).query_row(readable, [], |row| row.get(0)).unwrap();
    assert_eq!(read, format!("endpoint.updated {MERCHANT}"));
}

/// Those that have ended go when another is minted, so that none pile up.
#[tokio::test]
async fn portal_tokens_do_not_pile_up() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path(), NOW).unwrap();
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();
    for number in 1..=3 {
        let mut token = portal_token(u128::from(number));
        token.created_at = at(number * 3600);
        token.expires_at = at((number + 1) * 3600);
        store.create_portal_token(token, act()).await.unwrap();
    }
    let count = "SELECT count(*) FROM portal_tokens";
    let count: u32 = shell(directory.path()).query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}
