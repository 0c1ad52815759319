//! Every `code` that an error can have, and the answers that bring them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error that a program can tell from the others.
pub(crate) struct Code {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    /// What has happened, and what to do.
    pub(crate) about: &'static str,
    /// What a `detail` may look like.
    pub(crate) detail: Option<&'static str>,
    /// What a `field` may look like.
    pub(crate) field: Option<&'static str>,
}

const fn code(code: &'static str, status: u16, about: &'static str) -> Code {
    Code { code, status, about, detail: None, field: None }
}

impl Code {
    const fn says(self, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    const fn of(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    /// A problem as an answer has it.
    pub(crate) fn example(&self) -> Value {
        let mut problem = json!({
            "type": "about:blank", "title": reason(self.status), "status": self.status,
            "code": self.code,
        });
        if let Some(detail) = self.detail {
            problem["detail"] = detail.into();
        }
        if let Some(field) = self.field {
            problem["field"] = field.into();
        }
        problem
    }
}

/// All of them, by status.
pub(crate) const CODES: &[Code] = &[
    code("malformed_json", 400, "The body is not a JSON object.")
        .says("the body is not JSON: EOF while parsing an object at line 1 column 1"),
    code("unreadable_body", 400, "The body broke off. Send it again.")
        .says("the body could not be read"),
    code("unauthenticated", 401, "There is no key, or it is not one that opens anything.")
        .says("a valid key is needed: authorization: Bearer <key>"),
    code("signature_refused", 401, "The request is not signed as the source says. Why is in the log alone."),
    code("admin_only", 403, "Only the operator's key opens this route.")
        .says("only the operator's key opens this route"),
    code("scope_missing", 403, "The key has not the scope that this operation needs.")
        .says("the key lacks the scope `write`"),
    code("not_found", 404, "There is no such object, or it is another merchant's; the answer is the same for both.")
        .says("no such event"),
    code("no_such_route", 404, "The path is none of those described here.").says("no such route"),
    code("method_not_allowed", 405, "The path has other methods; `allow` lists them.")
        .says("the route has other methods, listed in the allow header"),
    code("changed_meanwhile", 409, "Others kept changing the same object. Send the request again.")
        .says("changed by somebody else since it was read"),
    code("delivery_pending", 409, "The delivery is still being tried, so there is nothing to reopen.")
        .says("the delivery is still being tried"),
    code("external_id_taken", 409, "Another merchant has this `external_id`.")
        .says("external id is taken by another merchant"),
    code("idempotency_key_in_use", 409, "A request with this idempotency key is running. Try again in a moment.")
        .says("the request with this idempotency key is running; try again in a moment"),
    code("idempotency_key_reused", 409, "The idempotency key came with another request before. Use a new one.")
        .says("the idempotency key came with another request before"),
    code("last_secret", 409, "It is the only secret; add another one first.")
        .says("secret is the last one that does not expire; add its successor first"),
    code("limit_reached", 409, "There are as many of them as there may be. Remove one first.")
        .says("limit of 100 endpoints is reached"),
    code("not_called", 409, "The endpoint is of the kind `pull`: there is nobody to call.")
        .says("the endpoint is not called, so there is nothing to test"),
    code("nothing_to_send", 409, "No endpoint wanted the event, so there is nothing to send again.")
        .says("no endpoint wanted the event, so there is nothing to send again"),
    code("secret_known", 409, "The source has this secret already.")
        .says("secret is one of these already, as sec_00000000000000000000000000000001"),
    code("precondition_failed", 412, "The object has changed since the revision in `if-match`. Read it again.")
        .says("it has changed since the revision in if-match: read it again"),
    code("body_too_large", 413, "The body has more bytes than are read.")
        .says("the body must have at most 65536 bytes"),
    code("unsupported_media_type", 415, "The body must be sent as `application/json`.")
        .says("the body must be sent as content-type: application/json"),
    code("invalid_field", 422, "A field or query parameter breaks a rule; `field` names it and `detail` says which rule.")
        .says("field `name`: text must not be empty")
        .of("name"),
    code("missing_field", 422, "A field or query parameter is needed and not there.")
        .says("field `name` is needed")
        .of("name"),
    code("unknown_field", 422, "A field or query parameter is not known here; `detail` lists those that are.")
        .says("field `nam` is not known here; known are name, scopes, expires_at")
        .of("nam"),
    code("unknown_preset", 422, "There is no preset of this name; `GET /v1/presets` lists them.")
        .says("field `preset`: there is no preset `strype`")
        .of("preset"),
    code("rate_limited", 429, "The key has made as many requests as it may in this minute. Try again after `retry-after`.")
        .says("the key has made as many requests as it may for now; see retry-after"),
    code("internal", 500, "A defect of Postback's. The log has more, under the answer's `x-request-id`."),
    code("unavailable", 503, "Something that Postback needs does not answer. Try again after `retry-after`; nothing is lost by it.")
        .says("try again in a moment; nothing is lost by it"),
];

/// The one of this name.
pub(crate) fn known(name: &str) -> &'static Code {
    let found = CODES.iter().find(|code| code.code == name);
    found.unwrap_or_else(|| {
        panic!("code `{name}` is not in CODES of shared/http/tests/openapi/problems.rs")
    })
}

/// The text of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .expect("a status")
}

/// What every error answer looks like.
pub(crate) fn schema() -> Value {
    let codes: Vec<_> = CODES.iter().map(|code| code.code).collect();
    let meanings = CODES.iter().map(|code| format!("- `{}`: {}", code.code, code.about));
    let meanings = meanings.collect::<Vec<_>>().join("\n");
    let text = |about: &str| json!({"type": "string", "description": about});
    let mut problem = crate::schema::object([
        (
            "type".to_owned(),
            json!({"const": "about:blank", "description": "Always this; the code says which problem it is."}),
            true,
        ),
        ("title".to_owned(), text("The status in words."), true),
        ("status".to_owned(), json!({"type": "integer", "description": "The status."}), true),
        (
            "code".to_owned(),
            json!({"type": "string", "enum": codes, "description": format!("Which problem it is; for programs, and never changed.\n\n{meanings}")}),
            true,
        ),
        (
            "detail".to_owned(),
            text("What exactly is wrong; for people, and worded anew when that helps them."),
            false,
        ),
        ("field".to_owned(), text("The field, query parameter or header that is meant."), false),
    ]);
    problem["description"] = "An error, after RFC 9457.".into();
    problem
}

/// The headers that every answer has.
pub(crate) fn always() -> Value {
    json!({"x-request-id": {"$ref": "#/components/headers/x-request-id"}})
}

/// The name among the shared answers of the one with these codes.
pub(crate) fn name(status: u16, codes: &BTreeSet<&str>) -> String {
    let reason: String = reason(status).split(' ').collect();
    let codes: Vec<_> = codes.iter().copied().collect();
    format!("{reason}.{}", codes.join("."))
}

/// The answer with these codes.
pub(crate) fn answer(status: u16, codes: &BTreeSet<&str>) -> Value {
    let all: Vec<_> = codes.iter().map(|code| known(code)).collect();
    let about = all.iter().map(|code| format!("`{}`: {}", code.code, code.about));
    let names: Vec<_> = all.iter().map(|code| code.code).collect();
    let narrowed = json!({"properties": {"code": {"enum": names}}});
    let mut examples = serde_json::Map::new();
    for code in &all {
        examples.insert(code.code.to_owned(), json!({"value": code.example()}));
    }
    let mut headers = always();
    // Of a merchant's key; without one there is nothing to count.
    if status != 401 {
        for header in ["ratelimit", "ratelimit-policy"] {
            headers[header] = json!({"$ref": format!("#/components/headers/{header}")});
        }
    }
    for (of, header) in
        [(401, "www-authenticate"), (405, "allow"), (429, "retry-after"), (503, "retry-after")]
    {
        // A provider that does not verify hears of no scheme: its key is the signature.
        if of == status && names != ["signature_refused"] {
            headers[header] = json!({"$ref": format!("#/components/headers/{header}")});
        }
    }
    json!({
        "description": about.collect::<Vec<_>>().join("\n\n"),
        "headers": headers,
        "content": {"application/problem+json": {
            "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]},
            "examples": examples,
        }},
    })
}
