//! The embedded store keeps the contract.

#![expect(clippy::unwrap_used, reason = "a store that does not open ends its test")]

use postback_contract::world::NOW;
use postback_embedded::EmbeddedStore;
use tempfile::TempDir;

async fn fresh_store() -> (EmbeddedStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path(), NOW).unwrap();
    (store, directory)
}

postback_contract::suite!(fresh_store);
