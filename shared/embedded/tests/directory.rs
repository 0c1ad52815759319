//! What a data directory goes through: restarts, rivals, damage.

use std::fs;
use std::path::Path;

use postback_contract::world::*;
use postback_domain::delivery::{Progress, WaitsFor};
use postback_embedded::{EmbeddedStore, OpenError};
use postback_engine::ports::history::History as _;
use postback_engine::ports::store::DueIndex as _;

fn open(path: &Path) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(path, at(5))
}

fn message(error: &OpenError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[tokio::test]
async fn a_second_start_goes_on_where_the_first_ended() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let claim = admit(&store, &event("e"), &[1]).await.claims.remove(0).0;
    store.keep_setting("name", b"value".to_vec()).await.unwrap();
    drop(store);

    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the database and the lock, no log: {left:?}");

    let store = open(directory.path()).unwrap();
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some(&b"value"[..]));
    let delivery = store.read_delivery(claim.delivery()).await.unwrap().unwrap().delivery;
    let due_now = Progress::Pending { due_at: at(5), lease: None, waits_for: WaitsFor::Try };
    assert_eq!(delivery.progress, due_now, "the lease ended with the process that held it");
    assert_eq!(store.due(0, at(6), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let _first = open(directory.path()).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let store = open(&path).unwrap();
    admit(&store, &event("e"), &[1]).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    for file in fs::read_dir(&path).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_file_in_its_place_is_a_clear_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open(file.path()).unwrap_err();
    assert!(message(&error).contains("cannot be used"), "{}", message(&error));
}

#[test]
fn a_damaged_database_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("postback.db"), [0x5a; 8192]).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(message(&error).contains("not a database"), "{}", message(&error));
}

#[test]
fn a_newer_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("postback.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
}
