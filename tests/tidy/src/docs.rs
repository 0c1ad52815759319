//! What the pages say about the repository is true of it.

use std::collections::BTreeSet;

use crate::repository::{files, keeps, lines, read, root};

/// The top level is fixed; what starts with a dot belongs to a program that looks for it there.
const FOLDERS: [&str; 4] = ["functions", "shared", "infra", "tests"];

#[test]
fn the_top_level_has_only_its_four_folders() {
    let folders: BTreeSet<_> =
        files().filter_map(|file| file.split_once('/')).map(|(folder, _)| folder).collect();
    let is_known = |folder: &&&str| FOLDERS.contains(*folder) || folder.starts_with('.');
    let breaches = folders.iter().filter(|folder| !is_known(folder)).collect();
    keeps(&format!("the folders at the top are {}", FOLDERS.join(", ")), breaches);
}

#[test]
fn paths_in_pages_exist() {
    let mut breaches = Vec::new();
    for page in files().filter(|file| file.ends_with(".md")) {
        // A crate's own page may speak of its own folders.
        let folder = root().join(page.rsplit_once('/').map_or("", |(folder, _)| folder));
        for (number, line) in lines(&read(page)) {
            let is_broken =
                |path: &&str| !root().join(path).exists() && !folder.join(path).exists();
            let broken = paths(line).filter(is_broken);
            breaches.extend(broken.map(|path| format!("{page}:{number}: `{path}`")));
        }
    }
    keeps("a path that a page names exists", breaches);
}

/// The page that everybody reads first must name some, or the rule above sees nothing.
#[test]
fn pages_that_map_the_repository_name_paths() {
    for page in ["README.md", "shared/docs/architecture.md"] {
        let count = lines(&read(page)).flat_map(|(_, line)| paths(line)).count();
        assert!(count >= 10, "`{page}` names {count} paths");
    }
}

/// What stands in backticks and looks like a path of this repository.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let is_plain = !text.contains([' ', '*', '{', '<', '$', '…']);
        let begins_at_top = text.split_once('/').is_some_and(|(folder, _)| {
            FOLDERS.contains(&folder) || [".ci", ".cargo", ".config"].contains(&folder)
        });
        is_plain && begins_at_top
    })
}

#[test]
fn paths_are_told_from_other_code() {
    let found = |line| paths(line).collect::<Vec<_>>();
    assert_eq!(
        found("see `shared/a.rs`, `tests/run` and `cargo run`"),
        ["shared/a.rs", "tests/run"]
    );
    assert!(found("`/v1/endpoints`, `a/b`, `shared/*/Cargo.toml`, shared/a.rs").is_empty());
}
