//! Finds the `postback` binary to start, and builds it when there is none or it is out of date.
//!
//! Cargo builds the binaries of a package for its own tests only, so a test of another package may
//! find yesterday's `postback` beside it and pass or fail for code that is gone. Cargo leaves a
//! list of what a binary was made of next to it (`postback.d`, in make's format); a file in there
//! that is newer than the binary means that it must be built again.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The binary under test.
///
/// # Panics
/// When it is not there and cannot be built.
pub fn path() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match env::var_os("POSTBACK_BIN") {
        Some(path) => {
            assert!(Path::new(&path).is_file(), "POSTBACK_BIN {} is no file", path.display());
            path.into()
        }
        None => built(),
    })
}

fn built() -> PathBuf {
    let test = env::current_exe().expect("a process knows its executable");
    let folder = profile_folder(&test)
        .unwrap_or_else(|| panic!("{} is not in a cargo target directory", test.display()));
    let binary = folder.join(format!("postback{}", env::consts::EXE_SUFFIX));
    if !is_fresh(&binary) {
        build(folder);
    }
    binary
}

/// `target/debug` of `target/debug/deps/lifecycle-0123`.
fn profile_folder(test: &Path) -> Option<&Path> {
    let deps = test.parent()?;
    (deps.file_name()? == "deps").then(|| deps.parent())?
}

fn is_fresh(binary: &Path) -> bool {
    let (Some(built), Ok(list)) =
        (modified(binary), fs::read_to_string(binary.with_extension("d")))
    else {
        return false;
    };
    let sources = sources_of(&list);
    !sources.is_empty()
        && sources.iter().all(|source| modified(source).is_some_and(|changed| changed <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// The files behind the colon of a make rule, where a space in a name is written `\ `.
fn sources_of(rule: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = rule.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let names = sources.replace("\\ ", "\0");
    names.split_whitespace().map(|name| name.replace('\0', " ").into()).collect()
}

fn build(folder: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder.parent().expect("a profile's folder lies in the target directory");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "postback", "--bin", "postback"])
        .args(["--profile", profile, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()
        .unwrap_or_else(|error| panic!("cannot run cargo: {error}"));
    assert!(status.success(), "cargo could not build postback: {status}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_lies_two_folders_up() {
        let folder = profile_folder(Path::new("/t/release/deps/lifecycle-01ab"));
        assert_eq!(folder, Some(Path::new("/t/release")));
        assert_eq!(profile_folder(Path::new("/usr/bin/lifecycle")), None);
    }

    #[test]
    fn sources_may_have_spaces() {
        let sources = sources_of("/t/postback: /a/main.rs /b\\ c/lib.rs\n/a/main.rs:\n");
        assert_eq!(sources, [PathBuf::from("/a/main.rs"), PathBuf::from("/b c/lib.rs")]);
        assert!(sources_of("").is_empty());
    }

    #[test]
    fn a_binary_is_fresh_while_no_source_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let (binary, source) = (folder.path().join("postback"), folder.path().join("main.rs"));
        assert!(!is_fresh(&binary), "it is not there");
        for file in [&source, &binary] {
            fs::write(file, "").unwrap();
        }
        assert!(!is_fresh(&binary), "nobody knows what it was made of");
        fs::write(binary.with_extension("d"), format!("x: {}\n", source.display())).unwrap();
        assert!(is_fresh(&binary));
        let later = modified(&binary).unwrap() + std::time::Duration::from_secs(1);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_fresh(&binary), "its source is newer");
        fs::remove_file(&source).unwrap();
        assert!(!is_fresh(&binary), "its source is gone");
    }
}
