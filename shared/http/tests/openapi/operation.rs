//! One operation: what a noun says of it, and what follows from its handler.
//!
//! A noun names the operation, describes its parameters, its body and its success, and lists the
//! codes that are its own. Which of the general errors it can answer with (no key, no JSON, too
//! long) is read from the extractors of its handler.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::problems;
use crate::schema;
use crate::source::{Asks, Route};
use crate::views::{Views, page};

/// A field of a body or a parameter of a query, as its reader takes it.
pub(crate) struct Input {
    name: &'static str,
    schema: Value,
    is_required: bool,
}

/// Read by `Fields::required`: null counts as missing.
pub(crate) fn required(name: &'static str, schema: Value, about: &str) -> Input {
    Input { name, schema: described(schema, about), is_required: true }
}

/// Read by `Fields::optional` or `Fields::patch`: null is as good as absent, or clears.
pub(crate) fn optional(name: &'static str, schema: Value, about: &str) -> Input {
    let schema = described(schema::nullable(schema), about);
    Input { name, schema, is_required: false }
}

/// Read by `Fields::change`: null is refused.
pub(crate) fn change(name: &'static str, schema: Value, about: &str) -> Input {
    Input { name, schema: described(schema, about), is_required: false }
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = about.into();
    schema
}

/// What an operation answers when all is well.
pub(crate) enum Content {
    Nothing,
    /// The view of this file and name.
    View(&'static str, &'static str),
    /// A page of these.
    Page(&'static str, &'static str),
    /// Something else: media type and schema.
    Other(&'static str, Value),
}

/// A JSON object as a request brings it.
struct Body {
    fields: Vec<Input>,
    /// By what they are an example of.
    examples: Vec<(&'static str, Value)>,
    /// What its schema says of the fields together.
    rule: Value,
}

/// An operation, put together step by step.
pub(crate) struct Operation {
    /// `POST /v1/merchants`.
    pub(crate) route: &'static str,
    id: &'static str,
    summary: &'static str,
    about: &'static str,
    query: Vec<Input>,
    body: Option<Body>,
    media: Option<Value>,
    success: Vec<(String, &'static str, Content, Option<Value>)>,
    is_tagged: bool,
    is_located: bool,
    is_of_one_merchant: bool,
    is_of_merchants: bool,
    opens_to_pull: bool,
    codes: Vec<&'static str>,
}

impl Operation {
    pub(crate) fn new(route: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            route,
            id,
            summary,
            about: "",
            query: Vec::new(),
            body: None,
            media: None,
            success: Vec::new(),
            is_tagged: false,
            is_located: false,
            is_of_one_merchant: false,
            is_of_merchants: false,
            opens_to_pull: false,
            codes: Vec::new(),
        }
    }

    pub(crate) fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Parameters of the query beside `merchant_id`, `limit` and `cursor`.
    pub(crate) fn query(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.query.extend(inputs);
        self
    }

    /// `?limit=` and `?cursor=`.
    pub(crate) fn paged(self) -> Self {
        self.query(paging())
    }

    /// The fields of the body, and bodies by what they are an example of. The tests send each.
    pub(crate) fn body(
        self,
        fields: impl IntoIterator<Item = Input>,
        examples: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        let (fields, examples) = (fields.into_iter().collect(), examples.into_iter().collect());
        Self { body: Some(Body { fields, examples, rule: json!({}) }), ..self }
    }

    /// What the schema of the body says of its fields together.
    pub(crate) fn rule(mut self, rule: Value) -> Self {
        self.body.as_mut().expect("a body comes before its rule").rule = rule;
        self
    }

    /// A body that is no JSON of ours.
    pub(crate) fn raw_body(self, body: Value) -> Self {
        Self { media: Some(body), ..self }
    }

    pub(crate) fn answers(mut self, status: u16, about: &'static str, content: Content) -> Self {
        self.success.push((status.to_string(), about, content, None));
        self
    }

    /// Like [`Self::answers`], with whichever status of 2xx.
    pub(crate) fn answers_any(mut self, about: &'static str, content: Content) -> Self {
        self.success.push(("2XX".to_owned(), about, content, None));
        self
    }

    /// An example of the last answer.
    pub(crate) fn example(mut self, example: Value) -> Self {
        self.success.last_mut().expect("an answer comes before its example").3 = Some(example);
        self
    }

    /// Its answer has the revision in `etag`.
    pub(crate) fn tagged(self) -> Self {
        Self { is_tagged: true, ..self }
    }

    /// Its answer has the place of what was made in `location`.
    pub(crate) fn located(self) -> Self {
        Self { is_located: true, ..self }
    }

    /// The operator may name a merchant in the query; a merchant may only name itself.
    pub(crate) fn of_merchants(self) -> Self {
        Self { is_of_merchants: true, ..self }
    }

    /// The same, and the operator must.
    pub(crate) fn of_one_merchant(self) -> Self {
        Self { is_of_one_merchant: true, ..self }
    }

    /// A key with the scope `pull` opens it as well.
    pub(crate) fn opens_to_pull(self) -> Self {
        Self { opens_to_pull: true, ..self }
    }

    /// Errors that do not follow from what the handler asks for.
    pub(crate) fn codes(mut self, codes: impl IntoIterator<Item = &'static str>) -> Self {
        self.codes.extend(codes);
        self
    }

    /// The operation as the document has it.
    pub(crate) fn describe(
        &self,
        tag: &str,
        route: &Route,
        asks: &Asks,
        views: &mut Views,
        answers: &mut BTreeMap<String, Value>,
    ) -> Value {
        let mut operation = json!({
            "operationId": self.id, "summary": self.summary, "tags": [tag],
            "description": self.described(route, asks),
            "security": self.security(route, asks),
        });
        let parameters = self.parameters(route, asks);
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = request_body(body);
        }
        if let Some(body) = &self.media {
            operation["requestBody"] = body.clone();
        }
        let mut all = Map::new();
        for (status, about, content, example) in &self.success {
            let answer = self.success(about, content, example.as_ref(), route, asks, views);
            all.insert(status.clone(), answer);
        }
        for (status, codes) in self.problems(route, asks) {
            let name = problems::name(status, &codes);
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            assert!(
                all.insert(status.to_string(), reference).is_none(),
                "{}: {status} is a success and a problem",
                self.route
            );
            answers.entry(name).or_insert_with(|| problems::answer(status, &codes));
        }
        operation["responses"] = all.into();
        operation
    }

    fn described(&self, route: &Route, asks: &Asks) -> String {
        let key = match (asks.admin, asks.caller, scope(route)) {
            _ if asks.steward => "Opened by a key with the scope `admin` of this merchant, and by \
                the operator's key."
                .to_owned(),
            (true, _, _) => "Opened by the operator's key alone.".to_owned(),
            (_, true, scope) if self.opens_to_pull => {
                format!(
                    "Opened by a merchant's key with the scope `{scope}` or `pull`, and by the operator's key."
                )
            }
            (_, true, scope) => {
                format!(
                    "Opened by a merchant's key with the scope `{scope}`, and by the operator's key."
                )
            }
            _ => "Needs no key.".to_owned(),
        };
        format!("{}\n\n{key}", self.about).trim().to_owned()
    }

    fn security(&self, route: &Route, asks: &Asks) -> Value {
        match (asks.admin, asks.caller) {
            _ if asks.steward => json!([{"key": ["admin"]}, {"key": ["operator"]}]),
            (true, _) => json!([{"key": ["operator"]}]),
            (_, true) if self.opens_to_pull => {
                json!([{"key": [scope(route)]}, {"key": ["pull"]}, {"key": ["operator"]}])
            }
            (_, true) => json!([{"key": [scope(route)]}, {"key": ["operator"]}]),
            _ => json!([]),
        }
    }

    fn parameters(&self, route: &Route, asks: &Asks) -> Vec<Value> {
        let shared = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
        let names = route.path.split(['{', '}']).skip(1).step_by(2);
        let mut ids = asks.ids.iter();
        let mut parameters: Vec<_> = names
            .map(|name| {
                // Ingest reads its path itself.
                let id = ids.next().map_or("SourceId", String::as_str);
                let schema = schema::id(schema::prefix(id).expect("an id"));
                let example = example_id(schema::prefix(id).expect("an id"));
                let about = format!("The id of the {}.", name.trim_end_matches("_id"));
                json!({
                    "name": name, "in": "path", "required": true, "description": about,
                    "schema": schema, "example": example,
                })
            })
            .collect();
        if self.is_of_one_merchant {
            parameters.push(shared("merchant_of"));
        }
        if self.is_of_merchants {
            parameters.push(shared("merchant_id"));
        }
        parameters.extend(self.query.iter().map(|input| match input.name {
            name @ ("limit" | "cursor") => shared(name),
            _ => query_parameter(input),
        }));
        if asks.if_match {
            parameters.push(shared("if-match"));
        }
        if is_once(route, asks) {
            parameters.push(shared("idempotency-key"));
        }
        parameters
    }

    fn success(
        &self,
        about: &str,
        content: &Content,
        example: Option<&Value>,
        route: &Route,
        asks: &Asks,
        views: &mut Views,
    ) -> Value {
        let mut headers = problems::always();
        let named = [
            (self.is_tagged, "etag"),
            (self.is_located, "location"),
            (is_once(route, asks), "idempotent-replayed"),
            (asks.steward || asks.caller, "ratelimit"),
            (asks.steward || asks.caller, "ratelimit-policy"),
        ];
        for (is_there, name) in named {
            if is_there {
                headers[name] = json!({"$ref": format!("#/components/headers/{name}")});
            }
        }
        let mut answer = json!({"description": about, "headers": headers});
        let (media, schema) = match content {
            Content::Nothing => return answer,
            Content::View(file, name) => ("application/json", views.view(file, name)),
            Content::Page(file, name) => ("application/json", page(views.view(file, name))),
            Content::Other(media, schema) => (*media, schema.clone()),
        };
        let mut of_media = json!({"schema": schema});
        if let Some(example) = example {
            of_media["example"] = example.clone();
        }
        answer["content"] = json!({media: of_media});
        answer
    }

    /// The errors it can answer with: its own, and those that what it asks for can come to.
    fn problems(&self, route: &Route, asks: &Asks) -> BTreeMap<u16, BTreeSet<&'static str>> {
        let mut codes = vec!["internal"];
        codes.extend(&self.codes);
        let mut when = |asked: bool, more: &[&'static str]| {
            if asked {
                codes.extend(more);
            }
        };
        let needs_field = self.is_of_one_merchant
            || self.body.iter().any(|body| body.fields.iter().any(|field| field.is_required));
        let is_opened = asks.admin || asks.steward || asks.caller;
        when(is_opened, &["unauthenticated", "rate_limited", "unavailable"]);
        when(asks.steward || asks.caller, &["scope_missing"]);
        when(asks.admin, &["admin_only"]);
        when(asks.steward || asks.caller || !asks.ids.is_empty(), &["not_found"]);
        when(asks.query, &["invalid_field", "unknown_field"]);
        when(asks.body, &["malformed_json", "unreadable_body", "body_too_large"]);
        when(asks.body, &["unsupported_media_type", "invalid_field", "unknown_field"]);
        when(needs_field, &["missing_field"]);
        when(asks.if_match, &["precondition_failed"]);
        when(is_once(route, asks), &["idempotency_key_in_use", "idempotency_key_reused"]);
        when(is_once(route, asks), &["unreadable_body", "body_too_large", "invalid_field"]);
        let mut by_status: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for code in codes {
            by_status.entry(problems::known(code).status).or_default().insert(code);
        }
        by_status
    }
}

fn paging() -> [Input; 2] {
    [optional("limit", schema::text(), ""), optional("cursor", schema::text(), "")]
}

fn scope(route: &Route) -> &'static str {
    if route.method == "GET" { "read" } else { "write" }
}

/// Whether an `Idempotency-Key` is heard.
fn is_once(route: &Route, asks: &Asks) -> bool {
    route.method == "POST" && (asks.caller || asks.steward || asks.admin)
}

/// In a query there is no null, and a number is digits.
fn query_parameter(input: &Input) -> Value {
    let mut schema = input.schema.clone();
    let about = schema["description"].take();
    let schema_map = schema.as_object_mut().expect("a schema is an object");
    schema_map.remove("description");
    if let Some(Value::Array(types)) = schema_map.get("type") {
        let first = types.first().cloned().expect("a type beside null");
        schema_map.insert("type".to_owned(), first);
    }
    json!({
        "name": input.name, "in": "query", "required": input.is_required, "description": about,
        "schema": schema,
    })
}

fn request_body(body: &Body) -> Value {
    let Body { fields, examples, rule } = body;
    let properties =
        fields.iter().map(|field| (field.name.to_owned(), field.schema.clone(), field.is_required));
    let mut schema = schema::object(properties);
    schema["additionalProperties"] = false.into();
    let rule = rule.as_object().expect("a schema is an object");
    schema.as_object_mut().expect("a schema is an object").extend(rule.clone());
    let examples: Map<_, _> =
        examples.iter().map(|(what, body)| ((*what).to_owned(), json!({"value": body}))).collect();
    json!({
        "required": true,
        "content": {"application/json": {"schema": schema, "examples": examples}},
    })
}

/// An id to look at; of nothing that is there.
pub(crate) fn example_id(prefix: &str) -> String {
    format!("{prefix}_0198c2f04d7a4be39d1c5a6f7b8e9d01")
}
