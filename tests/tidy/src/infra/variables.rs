//! A function is given the variables that its code reads, and no others.

use std::collections::BTreeSet;

use super::source::{ADAPTER, sources};
use super::template::{FUNCTIONS, Function, TEMPLATE};
use crate::repository::keeps;

fn given(function: &Function) -> BTreeSet<&'static str> {
    let global = &TEMPLATE["Globals"]["Function"]["Environment"]["Variables"];
    let own = &function.properties["Environment"]["Variables"];
    let names = [global, own].into_iter().filter_map(|variables| variables.as_object());
    names.flat_map(|variables| variables.keys().map(String::as_str)).collect()
}

/// The names of our own variables that stand as texts in a package's sources.
fn read_in(folder: &str) -> BTreeSet<String> {
    sources(folder)
        .flat_map(|(_, text)| names(&text).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices("\"POSTBACK_").map(|(start, _)| &text[start + 1..]);
    starts.filter_map(|rest| rest.split('"').next()).filter(|name| {
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

#[test]
fn functions_are_given_what_they_read() {
    let adapter = read_in(ADAPTER);
    let mut breaches = Vec::new();
    let mut given_to_any = BTreeSet::new();
    for function in FUNCTIONS.iter() {
        let given = given(function);
        let read = read_in(&format!("functions/{}", function.folder));
        let missing = read.iter().filter(|name| !given.contains(name.as_str()));
        breaches.extend(missing.map(|name| format!("{} reads `{name}`", function.folder)));
        let ours = given.iter().filter(|name| name.starts_with("POSTBACK_"));
        let idle = ours.filter(|name| !read.contains(**name) && !adapter.contains(**name));
        breaches.extend(idle.map(|name| format!("{} is given `{name}`", function.folder)));
        given_to_any.extend(given);
    }
    let missing = adapter.iter().filter(|name| !given_to_any.contains(name.as_str()));
    breaches.extend(missing.map(|name| format!("{ADAPTER} reads `{name}`")));
    keeps("a function reads the variables it is given, and is given those it reads", breaches);
}

#[test]
fn names_of_variables_are_told_from_other_texts() {
    let text = r#"read("POSTBACK_TABLE")?; "POSTBACK_LOG is", b"POSTBACK_A1", POSTBACK_B"#;
    assert_eq!(names(text).collect::<Vec<_>>(), ["POSTBACK_TABLE", "POSTBACK_A1"]);
}
