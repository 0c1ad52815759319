use super::*;

async fn check(problem: Problem, expected: (u16, &str), extra: Option<(&str, &str)>) {
    let name = format!("{problem:?}");
    let response = problem.into_response();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{name}");
    if let Some((header, value)) = extra {
        assert_eq!(response.headers()[header], value, "{name}");
    }
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status.as_u16(), document["code"].as_str().unwrap()), expected, "{name}");
    assert_eq!(document["status"], status.as_u16(), "{name}");
    assert_eq!(document["title"], status.canonical_reason().unwrap(), "{name}");
    assert!(!body.windows(6).any(|part| part == b"hidden"), "{name}");
}

#[tokio::test]
async fn every_problem_has_its_status_and_code() {
    let down = || Unavailable::new("store", "hidden cause");
    let write = |error| Problem::of_write(error, "endpoint");
    let limit = CatalogError::LimitReached { what: "endpoints", limit: 100 };
    for (problem, expected, extra) in [
        (Problem::NoSuchRoute, (404, "no_such_route"), None),
        (Problem::NotFound("event"), (404, "not_found"), None),
        (Problem::MethodNotAllowed, (405, "method_not_allowed"), None),
        (Problem::Unauthenticated, (401, "unauthenticated"), Some(("www-authenticate", "Bearer"))),
        (Problem::AdminOnly, (403, "admin_only"), None),
        (Problem::ScopeMissing(Scope::Write), (403, "scope_missing"), None),
        (Problem::UnsupportedMediaType, (415, "unsupported_media_type"), None),
        (Problem::UnreadableBody, (400, "unreadable_body"), None),
        (Problem::MalformedJson("line 1".into()), (400, "malformed_json"), None),
        (Problem::BodyTooLarge { bytes_max: 1 }, (413, "body_too_large"), None),
        (Problem::invalid("name", "rule"), (422, "invalid_field"), None),
        (Problem::missing("name"), (422, "missing_field"), None),
        (Problem::PreconditionFailed, (412, "precondition_failed"), None),
        (Problem::SignatureRefused, (401, "signature_refused"), None),
        (Problem::from(down()), (503, "unavailable"), Some(("retry-after", "1"))),
        (Problem::Bug, (500, "internal"), None),
        (write(CatalogError::NotFound), (404, "not_found"), None),
        (write(CatalogError::ExternalIdTaken), (409, "external_id_taken"), None),
        (write(CatalogError::Stale), (409, "changed_meanwhile"), None),
        (write(limit), (409, "limit_reached"), None),
        (write(down().into()), (503, "unavailable"), Some(("retry-after", "1"))),
    ] {
        check(problem, expected, extra).await;
    }
}
