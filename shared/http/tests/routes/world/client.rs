//! Calls the router without a network, and checks on every answer what every answer must have.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use super::contract::CONTRACT;

/// One kind of caller.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    key: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Its body, as far as it is text.
    pub(crate) text: String,
    pub(crate) bytes: Bytes,
}

impl Client {
    pub(crate) fn new(router: &Router, key: Option<&str>) -> Self {
        Self { router: router.clone(), key: key.map(str::to_owned) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    /// A POST under an idempotency key.
    pub(crate) async fn post_once(&self, path: &str, body: Value, key: &str) -> Answer {
        self.request("POST", path, Some(body), &[("idempotency-key", key)]).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.request(method, path, body, &[]).await
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let sent = body.as_ref().map_or_else(Body::empty, |json| Body::from(json.to_string()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.send(request.body(sent).unwrap()).await;
        if let Some(body) = body.filter(|_| answer.status.is_success()) {
            let path = path.split('?').next().unwrap_or_default();
            let described = CONTRACT.check_body(method, path, &body);
            described.unwrap_or_else(|error| panic!("openapi.json: {method} {path}: {error}"));
        }
        answer
    }

    /// Sends a request as it is, without a key.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let what = format!("{} {}", request.method(), request.uri());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        let is_text = !parts.headers.contains_key("content-encoding");
        let text = if is_text { String::from_utf8(bytes.to_vec()).unwrap() } else { String::new() };
        let answer = Answer { status: parts.status, headers: parts.headers, text, bytes };
        let id = answer.header("x-request-id");
        assert!(id.starts_with("req_") && id.len() == 20, "{what}: {answer:?}");
        if !answer.status.is_success() {
            assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
        }
        assert!(!answer.text.contains("hidden"), "{what}: {answer:?}");
        let described = CONTRACT.check(&method, &path, &answer);
        described.unwrap_or_else(|error| panic!("openapi.json: {what}: {error}: {answer:?}"));
        answer
    }
}

impl Answer {
    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The id of what was created.
    #[track_caller]
    pub(crate) fn created(&self) -> String {
        self.ok(201)["id"].as_str().unwrap().to_owned()
    }

    /// Checks that this is a problem of this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(
            (self.status.as_u16(), problem["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        problem
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
