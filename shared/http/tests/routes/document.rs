//! What `openapi.json` says of requests is what the readers do: each body and query is tried with
//! what the document allows, at the edge of each limit and one step beyond.

mod values;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::world::{Answer, CONTRACT, Client, Operation, World};
use values::Cases;

/// Where an operation is called, with ids of nothing that is there.
fn place(operation: &Operation) -> String {
    let mut path = operation.path.clone();
    let parameters = operation.json["parameters"].as_array().cloned().unwrap_or_default();
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap();
        path = path.replace(&format!("{{{name}}}"), parameter["example"].as_str().unwrap());
    }
    path
}

fn properties(operation: &Operation) -> Option<&Map<String, Value>> {
    operation.json["requestBody"]["content"]["application/json"]["schema"]["properties"].as_object()
}

/// The bodies that the document shows.
fn bodies(operation: &Operation) -> Vec<Value> {
    let content = &operation.json["requestBody"]["content"]["application/json"];
    let examples = content["examples"].as_object().into_iter().flat_map(Map::values);
    examples.map(|example| example["value"].clone()).collect()
}

fn query_names(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.json["parameters"].as_array().into_iter().flatten();
    let of_query = parameters.filter(|parameter| parameter["in"] == "query");
    of_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

/// With the merchant named where one must be.
fn with_merchant(operation: &Operation, merchant: &str) -> String {
    let is_named = query_names(operation).contains("merchant_id");
    if is_named { format!("{}?merchant_id={merchant}", place(operation)) } else { place(operation) }
}

/// The names in the detail of an `unknown_field`.
fn known(problem: &Value) -> BTreeSet<String> {
    let detail = problem["detail"].as_str().unwrap_or_default();
    let (_, names) = detail.split_once("known are ").unwrap_or_default();
    names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

async fn call(client: &Client, operation: &Operation, path: &str, body: Option<Value>) -> Value {
    let answer = client.call(operation.method.as_str(), path, body).await;
    if answer.text.is_empty() { Value::Null } else { serde_json::from_str(&answer.text).unwrap() }
}

#[tokio::test]
async fn bodies_have_the_fields_that_their_readers_know() {
    let world = World::new();
    let (admin, merchant) = (world.admin(), world.merchant("Shop").await);
    let mut checked = 0;
    for operation in &CONTRACT.operations {
        let Some(properties) = properties(operation) else { continue };
        let described: BTreeSet<_> = properties.keys().cloned().collect();
        let mut body = bodies(operation).remove(0);
        body["no_such_field"] = json!(1);
        let path = with_merchant(operation, &merchant.id);
        let problem = call(&admin, operation, &path, Some(body)).await;
        assert_eq!(problem["code"], "unknown_field", "{}: {problem}", operation.name());
        assert_eq!(
            known(&problem),
            described,
            "fields that the reader knows (left) and the document describes (right): {}",
            operation.name()
        );
        checked += 1;
    }
    assert!(checked > 10, "{checked} bodies");
}

#[tokio::test]
async fn queries_have_the_parameters_that_their_readers_know() {
    let world = World::new();
    let admin = world.admin();
    for operation in CONTRACT.operations.iter().filter(|one| one.path.starts_with("/v1/")) {
        let described = query_names(operation);
        let path = format!("{}?no_such_parameter=1", place(operation));
        let body = bodies(operation).into_iter().next();
        let problem = call(&admin, operation, &path, body).await;
        let is_read = problem["code"] == "unknown_field";
        assert!(is_read || described.is_empty(), "{}: {problem}", operation.name());
        assert_eq!(
            known(&problem),
            described,
            "parameters that the reader knows (left) and the document describes (right): {}",
            operation.name()
        );
    }
}

/// Ids of something, in place of those that the document shows.
struct Furnished {
    world: World,
    ids: [(&'static str, String); 3],
}

impl Furnished {
    async fn new() -> Self {
        let world = World::new();
        let merchant = world.merchant("Shop").await;
        let source = world.source(&merchant).await;
        let endpoint = world.endpoint(&merchant, &["*"]).await;
        Self { world, ids: [("mch", merchant.id), ("src", source.id), ("end", endpoint)] }
    }

    /// How the operator is answered who sends this.
    async fn answer(&self, operation: &Operation, body: &Value) -> Answer {
        let shown = |prefix: &str| format!("{prefix}_0198c2f04d7a4be39d1c5a6f7b8e9d01");
        let real = |text: String| {
            self.ids.iter().fold(text, |text, (prefix, id)| text.replace(&shown(prefix), id))
        };
        let body = serde_json::from_str(&real(body.to_string())).unwrap();
        let path = real(with_merchant(operation, &shown("mch")));
        self.world.admin().call(operation.method.as_str(), &path, Some(body)).await
    }
}

/// What the document shows can be sent as it is, once its ids are of something.
#[tokio::test]
async fn bodies_that_are_shown_are_accepted() {
    for operation in CONTRACT.operations.iter().filter(|one| properties(one).is_some()) {
        for body in bodies(operation) {
            let answer = Furnished::new().await.answer(operation, &body).await;
            assert!(answer.status.is_success(), "{}: {answer:?}", operation.name());
        }
    }
}

/// Of every field: what its schema allows is not refused for it, and what it does not allow is.
#[tokio::test]
async fn limits_are_where_the_document_says() {
    let (mut good, mut bad) = (0, 0);
    for operation in &CONTRACT.operations {
        for (name, schema) in properties(operation).into_iter().flatten() {
            let cases = Cases::of(schema);
            // As the examples expect it; what another field's values have made of it would not do.
            let furnished = Furnished::new().await;
            let values = cases.good.iter().map(|value| (value, true));
            for (value, is_good) in values.chain(cases.bad.iter().map(|value| (value, false))) {
                let mut body = bodies(operation).remove(0);
                body[name] = value.clone();
                let answer = furnished.answer(operation, &body).await;
                let is_refused = answer.status == 422 && answer.ok(422)["field"] == **name;
                let what = format!("{}: {name}: {value}", operation.name());
                assert_ne!(is_refused, is_good, "{what}: {answer:?}");
                if is_good { good += 1 } else { bad += 1 }
            }
        }
    }
    assert!(good > 50 && bad > 100, "{good} good and {bad} bad values");
}

/// The same of every parameter of a query, where numbers are digits and there is no null.
#[tokio::test]
async fn limits_of_queries_are_where_the_document_says() {
    let furnished = Furnished::new().await;
    let (mut good, mut bad) = (0, 0);
    for operation in &CONTRACT.operations {
        let parameters = operation.json["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let cases = Cases::of(schema);
            let is_text = schema["type"] == "string";
            let values = cases.good.iter().map(|value| (value, true));
            for (value, is_good) in values.chain(cases.bad.iter().map(|value| (value, false))) {
                let value = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) if number.is_i64() && !is_text => number.to_string(),
                    _ => continue,
                };
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair(name, &value)
                    .finish();
                let path = format!("{}?{query}", place(operation));
                let body = bodies(operation).into_iter().next();
                let problem = call(&furnished.world.admin(), operation, &path, body).await;
                let is_refused = problem["code"] == "invalid_field" && problem["field"] == name;
                let what = format!("{}: {name}={value}: {problem}", operation.name());
                assert_ne!(is_refused, is_good, "{what}");
                if is_good { good += 1 } else { bad += 1 }
            }
        }
    }
    assert!(good > 30 && bad > 30, "{good} good and {bad} bad values");
}

/// What stands under `security` is what opens it.
#[tokio::test]
async fn keys_open_what_the_document_says() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let mut callers = vec![("", world.anonymous()), ("operator", world.admin())];
    for scope in ["read", "write", "pull", "admin"] {
        let path = format!("/v1/merchants/{}/keys", merchant.id);
        let key =
            world.admin().post(&path, json!({"name": scope, "scopes": [scope]})).await.ok(201);
        callers.push((scope, world.with_key(key["key"].as_str().unwrap())));
    }
    for operation in CONTRACT.operations.iter().filter(|one| !one.path.starts_with("/in/")) {
        let security = operation.json["security"].as_array().unwrap();
        let opens: Vec<_> = security.iter().filter_map(|one| one["key"][0].as_str()).collect();
        for (caller, client) in &callers {
            let body = bodies(operation).into_iter().next();
            let answer = client.call(operation.method.as_str(), &place(operation), body).await;
            let is_let_in = !matches!(answer.status.as_u16(), 401 | 403);
            let is_described = opens.is_empty() || opens.contains(caller);
            assert_eq!(is_let_in, is_described, "{} by `{caller}`: {answer:?}", operation.name());
        }
    }
}
