//! What every manifest of the workspace keeps.

use std::collections::BTreeSet;

use toml::Value;

use crate::manifest::{MEMBERS, Member, table};
use crate::repository::{files, keeps, lines, read};

const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

fn is_inherited(member: &Member, section: &str, key: Option<&str>) -> bool {
    let section = member.manifest.get(section);
    let value = key.map_or(section, |key| section.and_then(|section| section.get(key)));
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[test]
fn members_inherit_lints_and_package_keys() {
    let mut breaches = Vec::new();
    for member in MEMBERS.iter() {
        let file = format!("{}/Cargo.toml", member.folder);
        if !is_inherited(member, "lints", None) {
            breaches.push(format!("{file}: [lints] workspace = true is missing"));
        }
        for key in INHERITED {
            if !is_inherited(member, "package", Some(key)) {
                breaches.push(format!("{file}: {key}.workspace = true is missing"));
            }
        }
    }
    keeps("every member inherits its lints and package keys from the root", breaches);
}

#[test]
fn every_manifest_is_a_member() {
    let members: BTreeSet<_> =
        MEMBERS.iter().map(|member| format!("{}/Cargo.toml", member.folder)).collect();
    let is_forgotten =
        |file: &&str| file.ends_with("/Cargo.toml") && !members.contains::<str>(file);
    keeps("every package is a member of the workspace", files().filter(is_forgotten).collect());
}

#[test]
fn dependencies_come_from_the_workspace_or_say_why_not() {
    let all = MEMBERS.iter().flat_map(|member| &member.dependencies);
    let own = all.filter(|dependency| !dependency.is_inherited && !dependency.has_comment);
    let breaches = own.map(|own| format!("{}: `{}`", own.place, own.name)).collect();
    keeps("a dependency is `workspace = true`, or a comment above it says why it is not", breaches);
}

#[test]
fn the_workspace_names_no_dependency_that_nobody_uses() {
    let used: BTreeSet<_> = MEMBERS
        .iter()
        .flat_map(|member| &member.dependencies)
        .map(|dependency| dependency.name.as_str())
        .collect();
    let unused = table().keys().filter(|name| !used.contains(name.as_str()));
    keeps("every entry of [workspace.dependencies] is used by a member", unused.collect());
}

/// The page that says why each third-party crate is here.
const REASONS: &str = "shared/docs/dependencies.md";

fn rows() -> Vec<(usize, String)> {
    let name_of = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let page = read(REASONS);
    lines(&page).filter_map(|(number, line)| Some((number, name_of(line)?))).collect()
}

#[test]
fn every_third_party_crate_has_its_reason() {
    let rows: BTreeSet<_> = rows().into_iter().map(|(_, name)| name).collect();
    let third_party = table().iter().filter(|(_, value)| value.get("path").is_none());
    let without = third_party.map(|(name, _)| name).filter(|name| !rows.contains(*name));
    keeps(&format!("{REASONS} has a row for every third-party crate"), without.collect());
}

#[test]
fn every_reason_has_its_crate() {
    let declared: BTreeSet<_> = MEMBERS
        .iter()
        .flat_map(|member| &member.dependencies)
        .map(|dependency| dependency.name.as_str())
        .chain(table().keys().map(String::as_str))
        .collect();
    let stale = rows().into_iter().filter(|(_, name)| !declared.contains(name.as_str()));
    let breaches = stale.map(|(line, name)| format!("{REASONS}:{line}: `{name}`")).collect();
    keeps("what a row is about is a dependency", breaches);
}
