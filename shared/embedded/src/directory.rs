//! A data directory: made if need be, owned by one process, readable by its user alone.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "lock";
const DATABASE_FILE: &str = "postback.db";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Two processes would break the promise that one attempt is in flight at most.
    #[error("data directory `{}` is in use by another postback process", .0.display())]
    InUse(PathBuf),
    /// Not a directory, not writable, no space.
    #[error("data directory `{}` cannot be used", directory.display())]
    Unusable {
        /// Which one.
        directory: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Written by a later version.
    #[error("database has schema {found}, this postback knows up to {known}; use a newer postback")]
    Newer {
        /// The version found.
        found: usize,
        /// The newest version known.
        known: usize,
    },
    /// The file is no database, is damaged, or cannot be read or written.
    #[error(
        "database `{DATABASE_FILE}` cannot be opened; restore it from a backup if it is damaged"
    )]
    Database(#[from] rusqlite::Error),
}

/// A locked data directory. The lock ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    pub(crate) fn lock(path: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { directory: path.to_owned(), source };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        private_directory(&mut builder);
        builder.create(path).map_err(unusable)?;
        let lock = private_file(&path.join(LOCK_FILE)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // SQLite would make it readable for all; its journal files copy these permissions.
        private_file(&path.join(DATABASE_FILE)).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn private_directory(builder: &mut DirBuilder) {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    #[cfg(not(unix))]
    let _ = builder;
}
