//! A disk of a chosen size, in memory, for tests that fill it up or make it read-only. Needs the
//! right to mount, which root has in most containers and CI machines.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::stack::scratch_folder;

/// A mounted disk. Unmounted when dropped, so drop what uses it first.
#[derive(Debug)]
pub struct Tmpfs {
    folder: TempDir,
}

impl Tmpfs {
    /// Mounts an empty disk of this size. `None`, with a note, when mounting is not permitted.
    pub fn mount(size_mib: u32) -> Option<Self> {
        let folder = scratch_folder();
        let options = format!("size={size_mib}m");
        match mount(&["-t", "tmpfs", "-o", &options, "postback-acceptance"], folder.path()) {
            Ok(()) => Some(Self { folder }),
            Err(error) => {
                eprintln!("skipped: this test needs a disk of its own, and {error}");
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it larger.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn grow(&self, size_mib: u32) {
        let options = format!("remount,size={size_mib}m");
        mount(&["-o", &options], self.path()).expect("what was mounted can be mounted anew");
    }

    /// Lets nobody write to it, not even root.
    ///
    /// # Panics
    /// When that fails, for instance because a file is open for writing.
    #[track_caller]
    pub fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], self.path()).expect("what was mounted can be mounted anew");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazy, so that a process that is still ending does not keep the mount for good.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path().display());
        }
    }
}

fn mount(arguments: &[&str], at: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(at).output();
    let output = output.map_err(|error| format!("mount cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("mount says: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
