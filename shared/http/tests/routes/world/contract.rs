//! `openapi.json`, held against everything that the tests see. Stricter than the document itself:
//! an answer may have no field and no header that is not described, so that whoever adds one has to
//! describe it.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::client::Answer;

/// The committed document.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let text = include_str!("../../../openapi.json");
    Contract::new(&serde_json::from_str(text).expect("the document is JSON"))
});

pub(crate) struct Contract {
    pub(crate) operations: Vec<Operation>,
    problem: Validator,
}

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) json: Value,
    /// Of a body that is JSON.
    body: Option<Validator>,
    /// By status, or `2XX`.
    answers: HashMap<String, Described>,
}

/// An answer of a status.
struct Described {
    headers: Vec<(String, bool, Validator)>,
    content: Vec<(String, Validator)>,
}

/// What answers have by the way: of HTTP itself, or alike everywhere.
const GENERAL: [&str; 8] = [
    "allow",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "content-type",
    "referrer-policy",
    "x-content-type-options",
];

impl Contract {
    fn new(document: &Value) -> Self {
        let document = resolved(document, document);
        let mut operations = Vec::new();
        for (path, methods) in object(&document["paths"]) {
            for (method, json) in object(methods) {
                operations.push(Operation::new(path, method, json));
            }
        }
        Self {
            operations,
            problem: validator(&closed(&document["components"]["schemas"]["Problem"])),
        }
    }

    /// Whether this answer is one that the document knows.
    ///
    /// # Errors
    /// With what is not described.
    pub(crate) fn check(&self, method: &Method, path: &str, answer: &Answer) -> Result<(), String> {
        let status = answer.status.as_u16();
        let candidates: Vec<_> = self.operations.iter().filter(|one| one.takes(path)).collect();
        let (as_method, is_head) =
            if method == Method::HEAD { (&Method::GET, true) } else { (method, false) };
        match candidates.iter().find(|one| one.method == *as_method) {
            Some(operation) => operation.check(answer, is_head),
            None if candidates.is_empty() => self.is_problem(answer, is_head, 404, "no_such_route"),
            // Ingest has it as any other method: there is nothing to be said to a browser.
            None if method == Method::OPTIONS && !path.starts_with("/in/") => {
                match (status, answer.text.as_str()) {
                    (204, "") => Ok(()),
                    _ => Err("OPTIONS is answered with 204 and nothing else".to_owned()),
                }
            }
            None => self.is_problem(answer, is_head, 405, "method_not_allowed"),
        }
    }

    /// Whether a body that was accepted is one that the document allows.
    ///
    /// # Errors
    /// With what is not described.
    pub(crate) fn check_body(&self, method: &str, path: &str, body: &Value) -> Result<(), String> {
        let operation =
            self.operations.iter().find(|one| one.takes(path) && one.method.as_str() == method);
        let schema = operation.and_then(|operation| operation.body.as_ref());
        schema.map_or(Ok(()), |schema| fits(schema, body, "the body that was accepted"))
    }

    fn is_problem(
        &self,
        answer: &Answer,
        is_head: bool,
        status: u16,
        code: &str,
    ) -> Result<(), String> {
        if answer.status.as_u16() != status {
            return Err(format!("neither the path nor its method is described, so it is {status}"));
        }
        if is_head {
            return Ok(());
        }
        let problem = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
        fits(&self.problem, &problem, "the problem")?;
        if problem["code"] == code { Ok(()) } else { Err(format!("the code is `{code}`")) }
    }
}

impl Operation {
    fn new(path: &str, method: &str, json: &Value) -> Self {
        let body = &json["requestBody"]["content"]["application/json"]["schema"];
        let answers = object(&json["responses"]).map(|(status, answer)| {
            let headers = object(&answer["headers"]).map(|(name, header)| {
                (name.clone(), header["required"] == true, validator(&header["schema"]))
            });
            let content = object(&answer["content"])
                .map(|(media, content)| (media.clone(), validator(&closed(&content["schema"]))));
            let described = Described { headers: headers.collect(), content: content.collect() };
            (status.clone(), described)
        });
        Self {
            method: method.to_uppercase().parse().expect("a method"),
            path: path.to_owned(),
            json: json.clone(),
            body: (!body.is_null()).then(|| validator(body)),
            answers: answers.collect(),
        }
    }

    /// What people call it: `POST /v1/merchants`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn takes(&self, path: &str) -> bool {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (own, asked) = (parts(&self.path), parts(path));
        own.len() == asked.len()
            && own
                .iter()
                .zip(&asked)
                .all(|(own, asked)| own == asked || (own.starts_with('{') && !asked.is_empty()))
    }

    fn check(&self, answer: &Answer, is_head: bool) -> Result<(), String> {
        let status = answer.status.as_u16();
        let described = self.answers.get(&status.to_string());
        let of_class = || self.answers.get("2XX").filter(|_| answer.status.is_success());
        let described = described.or_else(of_class);
        let described = described.ok_or_else(|| format!("{status} is not described"))?;
        for (name, is_needed, schema) in &described.headers {
            match answer.headers.get(name) {
                Some(value) => {
                    let value = json!(value.to_str().map_err(|error| error.to_string())?);
                    fits(schema, &value, &format!("header `{name}`"))?;
                }
                None if *is_needed => return Err(format!("header `{name}` is missing")),
                None => {}
            }
        }
        for name in answer.headers.keys().map(axum::http::HeaderName::as_str) {
            let is_known = GENERAL.contains(&name)
                || described.headers.iter().any(|(known, ..)| known == name);
            if !is_known {
                return Err(format!("header `{name}` of {status} is not described"));
            }
        }
        if is_head { Ok(()) } else { described.check_body(answer) }
    }
}

impl Described {
    fn check_body(&self, answer: &Answer) -> Result<(), String> {
        if self.content.is_empty() {
            let is_empty = answer.bytes.is_empty();
            return if is_empty { Ok(()) } else { Err("no body is described".to_owned()) };
        }
        let media = answer.header("content-type").split(';').next().unwrap_or_default().trim();
        let found = self.content.iter().find(|(known, _)| known == media || known == "*/*");
        let (_, schema) =
            found.ok_or_else(|| format!("content type `{media}` is not described"))?;
        if !media.ends_with("json") {
            return Ok(());
        }
        let body = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
        fits(schema, &body, "the answer")
    }
}

fn fits(schema: &Validator, value: &Value, what: &str) -> Result<(), String> {
    let errors = schema.iter_errors(value);
    let errors: Vec<_> =
        errors.map(|error| format!("{what}: {error} at `{}`", error.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(schema).unwrap_or_else(|error| panic!("no schema: {error}: {schema}"))
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// With every reference replaced by what it refers to. Nothing in the document holds itself.
fn resolved(value: &Value, document: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| resolved(item, document)).collect(),
        Value::Object(fields) => {
            let mut whole = match fields.get("$ref").and_then(Value::as_str) {
                Some(reference) => {
                    let pointer = reference.strip_prefix('#').expect("references stay inside");
                    let meant = document.pointer(pointer);
                    let meant = meant.unwrap_or_else(|| panic!("`{reference}` refers to nothing"));
                    resolved(meant, document)
                }
                None => json!({}),
            };
            let whole_fields = whole.as_object_mut().expect("references mean objects");
            for (name, field) in fields.iter().filter(|(name, _)| *name != "$ref") {
                whole_fields.insert(name.clone(), resolved(field, document));
            }
            whole
        }
        plain => plain.clone(),
    }
}

/// A schema whose objects have no other fields than those that are described.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(closed).collect(),
        Value::Object(fields) => {
            let mut fields: Map<_, _> =
                fields.iter().map(|(name, field)| (name.clone(), closed(field))).collect();
            if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            Value::Object(fields)
        }
        plain => plain.clone(),
    }
}
