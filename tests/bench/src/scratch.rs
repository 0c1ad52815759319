//! The folder under which a run keeps its data, gone when the run is over.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Failure};

/// A folder that is removed when this is dropped, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    keep: bool,
}

impl Scratch {
    /// Creates `folder`, which must not be there yet.
    ///
    /// # Errors
    /// Where it is there, or cannot be created.
    pub(crate) fn create(folder: PathBuf, keep: bool) -> Result<Self, Failure> {
        let parent = folder.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).doing(|| format!("cannot create {}", parent.display()))?;
        fs::create_dir(&folder).doing(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { folder, keep })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is left to the reader of the directory above.
            let _removed = fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_removed_unless_kept_and_never_taken_from_somebody_else() {
        let name = format!("postback-bench-test-{}-scratch", std::process::id());
        let folder = std::env::temp_dir().join(name);
        for keep in [false, true] {
            let scratch = Scratch::create(folder.clone(), keep).unwrap();
            fs::write(scratch.path().join("file"), "x").unwrap();
            assert!(Scratch::create(folder.clone(), false).is_err());
            drop(scratch);
            assert_eq!(folder.exists(), keep);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
