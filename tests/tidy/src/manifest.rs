//! Manifests as Cargo reads them, with the line of each dependency.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use crate::repository::read;

/// A member of the workspace.
pub(crate) struct Member {
    /// Its folder, from the root.
    pub(crate) folder: String,
    pub(crate) name: String,
    /// Its manifest as plain values.
    pub(crate) manifest: Table,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as a member declares it.
pub(crate) struct Dependency {
    /// The crate's own name, also where it is renamed.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// `folder/Cargo.toml:line`.
    pub(crate) place: String,
    /// Whether its version is the workspace's.
    pub(crate) is_inherited: bool,
    /// Whether a comment stands above it or beside it.
    pub(crate) has_comment: bool,
}

/// When a dependency is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With the member: `[dependencies]` and `[build-dependencies]`.
    Normal,
    /// With its tests only.
    Dev,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sections {
    #[serde(default)]
    dependencies: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    build_dependencies: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Spanned<Value>>,
    /// By platform, with sections of their own.
    #[serde(default)]
    target: BTreeMap<String, Sections>,
}

/// The root's manifest.
pub(crate) static WORKSPACE: LazyLock<Table> = LazyLock::new(|| parse("Cargo.toml"));

/// Every member, in the root's order.
pub(crate) static MEMBERS: LazyLock<Vec<Member>> = LazyLock::new(|| {
    let members = WORKSPACE["workspace"]["members"].as_array().expect("a list of members");
    let folders = members.iter().map(|member| member.as_str().expect("a folder"));
    folders.map(member).collect()
});

/// The workspace's table of dependencies.
pub(crate) fn table() -> &'static Table {
    WORKSPACE["workspace"]["dependencies"].as_table().expect("a table of dependencies")
}

/// Reads a TOML file.
pub(crate) fn parse(file: &str) -> Table {
    read(file).parse().unwrap_or_else(|error| panic!("`{file}` cannot be parsed: {error}"))
}

fn member(folder: &str) -> Member {
    let file = format!("{folder}/Cargo.toml");
    let (text, manifest) = (read(&file), parse(&file));
    let all: Sections =
        toml::from_str(&text).unwrap_or_else(|error| panic!("`{file}` cannot be parsed: {error}"));
    let mut dependencies = Vec::new();
    let mut open = vec![all];
    while let Some(sections) = open.pop() {
        open.extend(sections.target.into_values());
        for (kind, section) in [
            (Kind::Normal, sections.dependencies),
            (Kind::Normal, sections.build_dependencies),
            (Kind::Dev, sections.dev_dependencies),
        ] {
            let read = section.into_iter().map(|(key, value)| {
                let line = text[..start_of_line(&text, &value.span())].lines().count() + 1;
                dependency(key, &value, kind, &text, format!("{file}:{line}"))
            });
            dependencies.extend(read);
        }
    }
    let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
    Member { folder: folder.to_owned(), name, manifest, dependencies }
}

fn dependency(
    key: String,
    value: &Spanned<Value>,
    kind: Kind,
    text: &str,
    place: String,
) -> Dependency {
    let start = start_of_line(text, &value.span());
    let own_line = text[start..].lines().next().unwrap_or_default();
    let line_above = text[..start].lines().next_back().unwrap_or_default();
    let value = value.get_ref();
    let renamed = value.get("package").and_then(Value::as_str);
    Dependency {
        name: renamed.map_or(key, str::to_owned),
        kind,
        place,
        is_inherited: value.get("workspace").and_then(Value::as_bool) == Some(true),
        has_comment: line_above.starts_with('#') || own_line.contains('#'),
    }
}

fn start_of_line(text: &str, span: &Range<usize>) -> usize {
    text[..span.start].rfind('\n').map_or(0, |newline| newline + 1)
}

#[test]
fn dependencies_are_read_with_their_places() {
    let tidy = MEMBERS.iter().find(|member| member.name == "postback-tidy");
    let tidy = &tidy.expect("this very package").dependencies;
    let serde = tidy.iter().find(|dependency| dependency.name == "serde").expect("we use it");
    assert!(serde.is_inherited && serde.kind == Kind::Dev);
    let text = read("tests/tidy/Cargo.toml");
    let (file, line) = serde.place.split_once(':').expect("file and line");
    assert_eq!(file, "tests/tidy/Cargo.toml");
    let line: usize = line.parse().expect("a number");
    assert!(text.lines().nth(line - 1).expect("the line").starts_with("serde"));
}
