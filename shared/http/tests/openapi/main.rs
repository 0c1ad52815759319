//! `shared/http/openapi.json` is made of the code, and these tests keep it so. After a change:
//! `POSTBACK_WRITE_DOCS=1 cargo test -p postback-http --test openapi`.
//!
//! Reading order: `source` (the code, read), `views` (its types as schemas), `schema` and `problems`
//! (what requests and errors are made of), `operation` (one operation), `nouns` (what people are
//! told), `document` (the whole). That what it says of requests and answers is true is tested where
//! there is a server: in `tests/routes`.

mod codes;
mod document;
mod nouns;
mod operation;
mod problems;
mod schema;
mod source;
mod views;

use std::collections::BTreeSet;
use std::path::Path;

use document::Document;
use serde_json::{Value, json};

#[test]
fn the_document_is_in_step() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = Document::generate().text();
    if std::env::var_os("POSTBACK_WRITE_DOCS").is_some() {
        std::fs::write(&path, &document).expect("the document can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let line = (1..).zip(written.lines().zip(document.lines())).find(|(_, (old, new))| old != new);
    assert!(
        written == document,
        "shared/http/openapi.json is out of step at {line:?}; the head of this test says how to \
         write it anew"
    );
}

#[test]
fn every_route_is_in_the_document() {
    let document = Document::generate().json;
    let mut missing = Vec::new();
    for route in source::routes() {
        let path = &document["paths"][&route.path];
        if path.get(route.method.to_lowercase()).is_none() {
            missing.push(route.name());
        }
    }
    assert!(
        missing.is_empty(),
        "routes that are not described: {missing:?}; add an `Operation` to the file of the noun in \
         shared/http/tests/openapi/nouns/"
    );
    assert!(source::routes().len() > 30, "the routers were read");
}

/// What is serialised for an answer, and not only kept or wrapped.
#[test]
fn every_view_is_in_the_document() {
    // Pages, the problem document, what is kept of an answer, and what only a record has.
    let others = ["List", "Secrets", "Presets", "Document", "KeptAnswer", "Redriving"];
    let shown = Document::generate().views;
    let mut missing = Vec::new();
    for source in source::http() {
        for item in &source.file.items {
            let (name, attributes) = match item {
                syn::Item::Struct(item) => (item.ident.to_string(), &item.attrs),
                syn::Item::Enum(item) => (item.ident.to_string(), &item.attrs),
                _ => continue,
            };
            let is_serialised = attributes.iter().any(|attribute| {
                let derived = attribute.meta.require_list().map(|list| list.tokens.to_string());
                attribute.path().is_ident("derive")
                    && derived.is_ok_and(|derived| derived.contains("Serialize"))
            });
            let is_shown = shown.contains(&(source.name.clone(), name.clone()));
            if is_serialised && !is_shown && !others.contains(&name.as_str()) {
                missing.push(format!("{} in src/{}", name, source.name));
            }
        }
    }
    assert!(missing.is_empty(), "views that no answer in the document has: {missing:?}");
}

/// As a JSON Schema with everything that it may refer to.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&whole)
        .unwrap_or_else(|error| panic!("no schema: {error}: {schema}"))
}

/// Every example beside a schema, wherever in the document.
#[test]
fn every_example_fits_its_schema() {
    fn walk(value: &Value, place: &str, found: &mut Vec<(String, Value, Value)>) {
        let Value::Object(object) = value else {
            if let Value::Array(items) = value {
                items.iter().for_each(|item| walk(item, place, found));
            }
            return;
        };
        if let Some(schema) = object.get("schema") {
            if let Some(example) = object.get("example") {
                found.push((place.to_owned(), schema.clone(), example.clone()));
            }
            for (name, example) in
                object.get("examples").and_then(Value::as_object).into_iter().flatten()
            {
                found.push((format!("{place} {name}"), schema.clone(), example["value"].clone()));
            }
        }
        for (key, value) in object {
            if key != "example" && key != "examples" {
                walk(value, &format!("{place}/{key}"), found);
            }
        }
    }
    let document: Value = serde_json::from_str(&Document::generate().text()).unwrap();
    let closed = closed(&document);
    let mut found = Vec::new();
    walk(&closed, "", &mut found);
    let mut breaches = Vec::new();
    for (place, schema, example) in &found {
        for error in validator(&closed, schema).iter_errors(example) {
            breaches.push(format!("{place}: {error} at {}", error.instance_path()));
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    assert!(found.len() > 60, "{} examples were found", found.len());
}

/// Answers and bodies that are JSON have an example.
#[test]
fn everything_has_an_example() {
    let document = Document::generate().json;
    let mut without = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let answers = operation["responses"].as_object().unwrap();
            let bodies = answers.values().chain([&operation["requestBody"]]);
            for body in bodies {
                let content = &body["content"]["application/json"];
                let is_shown = content.get("example").or(content.get("examples")).is_some();
                if !content.is_null() && !is_shown && path != "/openapi.json" {
                    without.insert(format!("{method} {path}"));
                }
            }
        }
    }
    assert!(without.is_empty(), "without an example: {without:?}");
}

/// The document with objects that have no fields beside those that are described.
fn closed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(closed).collect(),
        Value::Object(object) => {
            let mut object: serde_json::Map<_, _> =
                object.iter().map(|(key, value)| (key.clone(), closed(value))).collect();
            let is_object = object.get("type") == Some(&json!("object"));
            if is_object && object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            Value::Object(object)
        }
        plain => plain.clone(),
    }
}
