//! Who may depend on what: the boundaries that are Cargo edges.
//!
//! Read from the lock file and the manifests, so that no network and no build is needed. The lock
//! file knows every platform and every feature that any member asks for; a tree read from it is
//! never smaller than the one that is built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use toml::Value;

use crate::manifest::{Kind, MEMBERS, parse};
use crate::repository::keeps;

/// What each package of the lock file depends on.
static LOCKED: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let lock = parse("Cargo.lock");
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name").to_owned();
        let dependencies = package.get("dependencies").and_then(Value::as_array);
        // `name`, or `name version` where there are several, which count as one here.
        let names = dependencies
            .into_iter()
            .flatten()
            .filter_map(|dependency| Some(dependency.as_str()?.split(' ').next()?.to_owned()));
        edges.entry(name).or_default().extend(names);
    }
    edges
});

/// Everything that is built with a member, and through whom it came: without what only tests of
/// members need.
fn tree(member: &str) -> BTreeMap<String, String> {
    let mut came_through = BTreeMap::new();
    let mut open = vec![member.to_owned()];
    while let Some(name) = open.pop() {
        for dependency in dependencies_of(&name) {
            if !came_through.contains_key(&dependency) {
                came_through.insert(dependency.clone(), name.clone());
                open.push(dependency);
            }
        }
    }
    came_through
}

fn dependencies_of(name: &str) -> BTreeSet<String> {
    match MEMBERS.iter().find(|member| member.name == name) {
        Some(member) => member
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == Kind::Normal)
            .map(|dependency| dependency.name.clone())
            .collect(),
        None => LOCKED
            .get(name)
            .unwrap_or_else(|| panic!("`{name}` is not in Cargo.lock; run cargo check"))
            .clone(),
    }
}

/// `a <- b <- member`, for whoever has to find the edge.
fn path_to(name: &str, tree: &BTreeMap<String, String>) -> String {
    let mut path = name.to_owned();
    let mut last = name;
    while let Some(through) = tree.get(last) {
        path += &format!(" <- {through}");
        last = through;
    }
    path
}

fn is_aws(name: &str) -> bool {
    ["aws-", "aws_", "lambda_", "lambda-"].iter().any(|prefix| name.starts_with(prefix))
}

fn is_runtime(name: &str) -> bool {
    ["tokio", "async-std", "smol", "hyper", "axum", "tower", "reqwest", "futures"]
        .iter()
        .any(|family| name == *family || name.starts_with(&format!("{family}-")))
}

fn forbidden_in(member: &str, is_forbidden: impl Fn(&str) -> bool) -> Vec<String> {
    let tree = tree(member);
    assert!(!tree.is_empty(), "`{member}` depends on nothing, or is no member");
    tree.keys().filter(|name| is_forbidden(name)).map(|name| path_to(name, &tree)).collect()
}

/// `ring`, which checks RSA signatures, brings a random source for what else it can do, and with it,
/// in a browser alone, what that asks; that nobody takes it from there, `sources` keeps.
#[test]
fn domain_and_verify_are_pure() {
    for member in ["postback-domain", "postback-verify"] {
        let breaches = forbidden_in(member, |name| {
            is_runtime(name) || is_aws(name) || ["rand", "getrandom"].contains(&name)
        });
        let is_rings = |path: &String| path.contains("getrandom <- ring <- postback-verify");
        let breaches = breaches.into_iter().filter(|path| !is_rings(path)).collect();
        let rule = format!("{member} knows no executor, no HTTP, no AWS and no random source");
        keeps(&rule, breaches);
    }
}

#[test]
fn the_engine_knows_no_adapter() {
    let breaches = forbidden_in("postback-engine", |name| {
        let is_ours = name.starts_with("postback-");
        let is_below = ["postback-domain", "postback-verify"].contains(&name);
        // Joining futures needs no executor.
        let is_runtime = is_runtime(name) && !name.starts_with("futures-");
        is_runtime || is_aws(name) || name == "rusqlite" || (is_ours && !is_below)
    });
    keeps("the engine is built on domain and verify, and on no adapter", breaches);
}

#[test]
fn postback_builds_without_aws() {
    keeps("`postback` is built without AWS crates", forbidden_in("postback", is_aws));
}

#[test]
fn there_is_one_tls_library() {
    let functions = ["postback-ingest", "postback-deliver", "postback-sweep", "postback-api"];
    let breaches = functions.into_iter().flat_map(|function| {
        forbidden_in(function, |name| ["aws-lc-rs", "openssl", "native-tls"].contains(&name))
    });
    keeps("the functions' TLS is rustls on ring", breaches.collect());
}

#[test]
fn aws_stays_in_its_adapter_and_the_lambdas() {
    const HOMES: [&str; 5] =
        ["shared/aws", "functions/ingest", "functions/deliver", "functions/sweep", "functions/api"];
    let outside = MEMBERS.iter().filter(|member| !HOMES.contains(&member.folder.as_str()));
    let dependencies = outside.flat_map(|member| &member.dependencies);
    let breaches = dependencies
        .filter(|dependency| is_aws(&dependency.name) || dependency.name == "postback-aws")
        .map(|dependency| format!("{}: `{}`", dependency.place, dependency.name))
        .collect();
    keeps(&format!("AWS crates are named only in {}", HOMES.join(", ")), breaches);
}

/// A rule that finds nothing might be a rule that sees nothing.
#[test]
fn trees_are_read_to_their_leaves() {
    let tree = tree("postback");
    for leaf in ["tokio", "rusqlite", "libsqlite3-sys", "serde_core", "postback-domain"] {
        assert!(tree.contains_key(leaf), "`{leaf}` is not in the tree of postback");
    }
    assert!(!tree.contains_key("postback-contract"), "a dev-dependency is not built with it");
    assert!(path_to("libsqlite3-sys", &tree).starts_with("libsqlite3-sys <- rusqlite <- "));
}
