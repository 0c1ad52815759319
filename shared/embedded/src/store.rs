//! The handle that everything else is a method of.

use std::path::Path;
use std::sync::Arc;

use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use rusqlite::{Connection, OptionalExtension, params};

use crate::cache::Cache;
use crate::directory::{Directory, OpenError};
use crate::reader::Readers;
use crate::writer::{Kind, Writer};
use crate::{schema, writer};

/// A data directory, open. Cheap to clone. Dropping the last clone waits until everything
/// handed over is written and the files are closed.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    // Fields are dropped in this order: the writer closes last, and leaves one file behind.
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    pub(crate) cache: Arc<Cache>,
    _directory: Arc<Directory>,
}

impl EmbeddedStore {
    /// Opens a data directory, makes it if it is not there, and takes it for this process alone.
    /// Attempts that a dead process left behind are due at once.
    ///
    /// # Errors
    /// When another process has it, when it cannot be read and written, when the database is
    /// damaged or newer than this program.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let directory = Directory::lock(path)?;
        let database = directory.database();
        let mut connection = Connection::open(&database)?;
        writer::configure(&connection)?;
        schema::migrate(&mut connection)?;
        release_leases_of_the_dead(&connection, now)?;
        let cache = Arc::new(Cache::default());
        let writer = Writer::start(connection, Arc::clone(&cache))
            .map_err(|source| OpenError::Unusable { directory: path.to_owned(), source })?;
        let readers = Readers::start(&database)?;
        Ok(Self { readers, writer, cache, _directory: Arc::new(directory) })
    }

    /// A setting of this installation, such as the digest of its admin key.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn setting(&self, name: &'static str) -> Result<Option<Vec<u8>>, Unavailable> {
        self.readers
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT value FROM settings WHERE name = ?1")?
                    .query_row(params![name], |row| row.get(0))
                    .optional()
            })
            .await
    }

    /// Keeps a setting of this installation.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn keep_setting(
        &self,
        name: &'static str,
        value: Vec<u8>,
    ) -> Result<(), Unavailable> {
        self.writer
            .write(Kind::Promise, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)",
                    )?
                    .execute(params![name, value])
                    .map(drop)
            })
            .await
    }
}

/// We hold the directory's lock, so whoever held these leases is dead, and waiting for them to run
/// out would only delay the merchants.
fn release_leases_of_the_dead(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .execute(
            "UPDATE deliveries SET lease_until = NULL, due_at = min(due_at, ?1)
             WHERE state = 'PENDING' AND lease_until IS NOT NULL",
            params![now.as_millis()],
        )
        .map(drop)
}
