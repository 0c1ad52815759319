//! The document as a whole: what all operations share, the nouns, and how it is printed.

use std::collections::BTreeMap;

use postback_domain::limits::{
    API_BODY_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, NAME_BYTES_MAX, PAGE_ROWS, PAGE_ROWS_MAX,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::nouns::{Noun, nouns};
use crate::operation::example_id;
use crate::problems;
use crate::schema::{self, ORDER};
use crate::source::{asks_of, routes};
use crate::views::Views;

/// The document, and the types that its answers are made of, by file and name.
pub(crate) struct Document {
    pub(crate) json: Value,
    pub(crate) views: std::collections::BTreeSet<(String, String)>,
}

impl Document {
    /// Made from the routes there are and what the nouns say of them.
    pub(crate) fn generate() -> Self {
        let mut nouns = nouns();
        let refinements = nouns.iter_mut().flat_map(|noun| std::mem::take(&mut noun.refinements));
        let mut views = Views::new(refinements.collect());
        let mut answers = BTreeMap::new();
        let mut paths = Map::new();
        let mut order = Vec::new();
        for noun in &nouns {
            for operation in &noun.operations {
                let route = routes().into_iter().find(|route| route.name() == operation.route);
                let route = route.unwrap_or_else(|| {
                    panic!("`{}` is described, but no router has it", operation.route)
                });
                let asks = asks_of(&route);
                let described =
                    operation.describe(noun.tag, &route, &asks, &mut views, &mut answers);
                if !order.contains(&route.path) {
                    order.push(route.path.clone());
                }
                let path = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
                path[route.method.to_lowercase()] = described;
            }
        }
        paths.insert(ORDER.to_owned(), order.into());
        let (mut schemas, views) = views.finish();
        schemas.insert("Problem".to_owned(), problems::schema());
        let json = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Postback",
                "version": env!("CARGO_PKG_VERSION"),
                "summary": "Takes signed payment events in and makes sure that merchants get them.",
                "description": ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/", "description": "Where this document was read."}],
            "tags": nouns.iter().map(Noun::as_tag).collect::<Vec<_>>(),
            "paths": paths,
            "components": {
                "securitySchemes": {"key": security_scheme()},
                "parameters": parameters(),
                "headers": headers(),
                "responses": answers,
                "schemas": schemas,
            },
        });
        Self { json, views }
    }

    /// As it is committed.
    pub(crate) fn text(&self) -> String {
        let pretty = serde_json::to_string_pretty(&Ordered(&self.json));
        pretty.expect("texts and numbers serialise") + "\n"
    }
}

const _: () = assert!(API_BODY_BYTES_MAX == 65536 && NAME_BYTES_MAX == 200, "as ABOUT says");

const ABOUT: &str = "\
Postback takes signed payment events from providers and makes sure that every merchant who wants \
one gets it. A **source** is one provider connection and belongs to a **merchant**; a provider \
posts to its `ingest_url`. An accepted request is one or more **events**. A merchant has \
**endpoints**, and an event owed to one of them is a **delivery**, which is tried until it is \
`SUCCESS` or `FAILED`.

**Keys.** `Authorization: Bearer <key>`. The operator's key opens everything. A merchant's key \
opens what is that merchant's own, as far as its scopes go: `read` for GET, `write` for the rest, \
`pull` for fetching what could not be delivered and nothing else, `admin` for the merchant itself, \
its keys, portal tokens and audit, and nothing else. A **portal token** opens what `read` and \
`write` do, for a while. Another merchant's objects are not there (404).

**Bodies** are JSON objects, sent as `application/json`. A field or query parameter that is not \
known is refused, so that a misspelt one is noticed. Fields may be added to answers, so a reader \
should pass over those that it does not know. A body has at most 65536 bytes; a name or a \
description is one line of at most 200. Times are RFC 3339 in UTC, with milliseconds. Answers are \
not to be cached.

**Lists** are `{\"data\": [...], \"next\": cursor|null}`, newest first. Follow `next` with \
`?cursor=` until it is null.

**Errors** are `application/problem+json` (RFC 9457) with a `code` that programs can rely on. \
Beside those that stand with each operation: a path that is none of these answers 404 \
`no_such_route`; a method that a path does not have answers 405 `method_not_allowed`, with an \
`allow` header. 503 says that nothing is lost by trying again.

**Once.** A POST with an `Idempotency-Key` takes effect once, however often it is sent within a \
day, and gets the same answer. **Changes** name the revision that they are meant for in \
`If-Match`. **Limits.** A merchant's key may make so many requests a minute, which `ratelimit` and \
`ratelimit-policy` tell; beyond that it is answered 429. HEAD is GET without its body, and OPTIONS lists a path's methods in `allow`. \
Every answer names its request in `x-request-id`.";

fn security_scheme() -> Value {
    json!({
        "type": "http", "scheme": "bearer", "bearerFormat": "pbk_<key id>_<secret>",
        "description": "A merchant's key, or the operator's. What stands with an operation is \
            what a key needs for it: the scope `read`, `write`, `pull` or `admin` of a merchant's \
            key, or `operator`, which is the operator's key and no scope. A portal token has the \
            scopes `read` and `write`.",
    })
}

fn parameters() -> Value {
    let query = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "query", "description": about, "schema": schema});
    let of_merchant = |about: &str| {
        let mut parameter = query("merchant_id", about, schema::id("mch"));
        parameter["example"] = example_id("mch").into();
        parameter
    };
    let header = |name: &str, about: String, schema: Value, example: &str| {
        json!({
            "name": name, "in": "header", "description": about, "schema": schema,
            "example": example,
        })
    };
    let mut limit = schema::whole(1..=PAGE_ROWS_MAX as u64);
    limit["default"] = PAGE_ROWS.into();
    json!({
        "limit": query("limit", "How many to answer with at most.", limit),
        "cursor": query("cursor", "The `next` of the page before.", schema::text()),
        "merchant_of": of_merchant(
            "The merchant that is meant. The operator must name one; a merchant's key means its \
             own, and may name no other.",
        ),
        "merchant_id": of_merchant(
            "Of this merchant alone. A merchant's key sees its own in any case, and may name no \
             other.",
        ),
        "if-match": header(
            "If-Match",
            "The `etag` of the revision that the change is meant for; if it has changed since, \
             nothing is done (412). Without it, or with `*`, any."
                .to_owned(),
            json!({"type": "string", "pattern": "^(\\*|\"[0-9]+\")$"}),
            "\"1\"",
        ),
        "idempotency-key": header(
            "Idempotency-Key",
            format!(
                "Has the request take effect once. Any text of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} \
                 ASCII characters, drawn anew for each intention, such as a UUID; it stands for \
                 this very request, to the byte, for a day."
            ),
            json!({"type": "string", "pattern": idempotency_key()}),
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
        ),
    })
}

/// With or without quotes; what HTTP drops around a header's value does not count.
fn idempotency_key() -> String {
    const MAX: usize = IDEMPOTENCY_KEY_BYTES_MAX;
    let (quoted, inner) = (format!("\"[\\t -~]{{1,{MAX}}}\""), MAX - 2);
    format!("^[ \\t]*(?:{quoted}|[!-~](?:[\\t -~]{{0,{inner}}}[!-~])?)[ \\t]*$")
}

fn headers() -> Value {
    let header = |about: &str, schema: Value, is_always: bool| json!({"description": about, "schema": schema, "required": is_always});
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    json!({
        "x-request-id": header("Names the request, in our log as well.",
            text("^req_[0-9a-f]{16}$"), true),
        "allow": header("The methods that the path has.", text("^[A-Z]+(, ?[A-Z]+)*$"), true),
        "etag": header("The revision that is shown, for `If-Match`.", text("^\"[0-9]+\"$"), true),
        "idempotent-replayed": header("There, and `true`, when the answer is the one that was \
            given before.", json!({"type": "string", "enum": ["true"]}), false),
        "location": header("Where to look at what was made.", text("^/v1/.+$"), true),
        "ratelimit": header("How many requests of this minute are left to a merchant's key, and in \
            how many seconds the next one begins; each of our workers counts for itself. Also with \
            errors.", text("^\"default\";r=[0-9]+;t=[0-9]+$"), false),
        "ratelimit-policy": header("How many requests a merchant's key may make in how many seconds.",
            text("^\"default\";q=[0-9]+;w=[0-9]+$"), false),
        "retry-after": header("After how many seconds to try again.", text("^[0-9]+$"), true),
        "www-authenticate": header("That a key is asked for.",
            json!({"type": "string", "enum": ["Bearer"]}), true),
    })
}

/// Keys of which people expect an order; the others follow by name.
const RANKS: [&str; 35] = [
    "openapi",
    "operationId",
    "name",
    "in",
    "info",
    "title",
    "version",
    "servers",
    "url",
    "tags",
    "summary",
    "$ref",
    "type",
    "const",
    "format",
    "description",
    "required",
    "deprecated",
    "security",
    "parameters",
    "requestBody",
    "responses",
    "paths",
    "components",
    "headers",
    "content",
    "schema",
    "properties",
    "additionalProperties",
    "items",
    "enum",
    "license",
    "get",
    "post",
    "patch",
];

/// Prints keys in the order that an object names itself, then in that of [`RANKS`].
struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            Value::Object(object) => {
                let own: Vec<&str> = match object.get(ORDER) {
                    Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                    _ => RANKS.to_vec(),
                };
                let rank =
                    |key: &str| own.iter().position(|name| *name == key).unwrap_or(own.len());
                let mut keys: Vec<_> = object.keys().filter(|key| *key != ORDER).collect();
                keys.sort_by_key(|key| (rank(key), key.as_str()));
                let mut map = serializer.serialize_map(Some(keys.len()))?;
                for key in keys {
                    map.serialize_entry(key, &Ordered(&object[key]))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}
