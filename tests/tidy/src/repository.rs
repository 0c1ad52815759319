//! The repository's files, and how a broken rule is reported.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static FILES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut files = listed_by_git().unwrap_or_else(|| walked(root()));
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files
});

/// Where the repository begins.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let tidy = Path::new(env!("CARGO_MANIFEST_DIR"));
        tidy.ancestors().nth(2).expect("tests/tidy is two below the root").to_owned()
    });
    &ROOT
}

/// Every file that is or is about to be in the repository, from the root, with `/`.
pub(crate) fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(String::as_str)
}

/// The text of a file.
pub(crate) fn read(file: &str) -> String {
    let text = std::fs::read_to_string(root().join(file));
    text.unwrap_or_else(|error| panic!("`{file}` cannot be read: {error}"))
}

/// The text of every file that has one, with the file's name.
pub(crate) fn texts() -> impl Iterator<Item = (&'static str, String)> {
    files().filter_map(|file| Some((file, std::fs::read_to_string(root().join(file)).ok()?)))
}

/// The lines of a text, counted from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Fails unless nothing breaks the rule.
#[track_caller]
pub(crate) fn keeps(rule: &str, breaches: Vec<impl Display>) {
    let list: String = breaches.iter().map(|breach| format!("\n  {breach}")).collect();
    assert!(breaches.is_empty(), "{rule}; broken by:{list}\n");
}

/// Those that were added, and those that are new and not ignored.
fn listed_by_git() -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8(output.stdout).ok()?;
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

/// In an unpacked archive, which is no work tree of git.
fn walked(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let ignored = ["target", "postback-data", ".git", ".venv", "__pycache__"];
    let kept = entries.filter(|entry| !ignored.iter().any(|name| entry.file_name() == *name));
    kept.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => walked(&entry.path()),
        _ => {
            let path = entry.path();
            let path = path.strip_prefix(root()).expect("below the root");
            vec![path.to_string_lossy().replace('\\', "/")]
        }
    })
    .collect()
}

#[test]
fn both_ways_of_listing_find_this_file() {
    let walked = walked(root());
    let listed = listed_by_git().unwrap_or_else(|| walked.clone());
    for files in [walked, listed] {
        assert!(files.iter().any(|file| file == "tests/tidy/src/repository.rs"));
        assert!(!files.iter().any(|file| file.starts_with("target/")));
    }
}
