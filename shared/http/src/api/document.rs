//! `/openapi.json` and, for people, `/docs`: what the API is. Needs no key, because it says nothing
//! that the code does not.
//!
//! The document is made of this code by `tests/openapi` and committed; here it is only handed out.
//! So is what draws the page, a renderer as its package has it (`shared/http/assets`). It is kept
//! compressed, and that is how it is served: unpacking it would cost time at every start, and every
//! browser takes it so.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

const DOCUMENT: &str = include_str!("../../openapi.json");
const PAGE: &str = include_str!("../../assets/page.html");
const RENDERER: &[u8] = include_bytes!("../../assets/renderer.js.gz");

/// The page may load its own script and the document, and nothing from anywhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
    style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// For a while, because it changes with the version only.
const CACHED: &str = "public, max-age=300";

pub(crate) async fn json() -> Response {
    served("application/json", DOCUMENT.as_bytes())
}

pub(crate) async fn page() -> Response {
    let mut page = served("text/html; charset=utf-8", PAGE.as_bytes());
    let policy = HeaderValue::from_static(POLICY);
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    page.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    page
}

pub(crate) async fn renderer() -> Response {
    let mut script = served("text/javascript; charset=utf-8", RENDERER);
    script.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    script
}

fn served(content_type: &'static str, body: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, CACHED),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (StatusCode::OK, headers, body).into_response()
}
