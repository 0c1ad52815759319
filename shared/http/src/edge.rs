//! What every answer has: an `x-request-id`, and a body even when the handler panicked.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use postback_engine::ports::Entropy;
use serde::Serialize;

use crate::problem::Problem;

/// Names one request in its answer and in our log.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// A new request id: 64 random bits, enough to find one request in a log.
pub(crate) fn request_id(entropy: &impl Entropy) -> HeaderValue {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    let text = format!("req_{:016x}", u64::from_be_bytes(bytes));
    HeaderValue::try_from(text).expect("hex digits are fit for a header")
}

/// The answer of `handler`; a 500 without details if it panics. The panic hook has said why.
pub(crate) async fn unless_it_panics(handler: impl Future<Output = Response>) -> Response {
    let mut handler = pin!(handler);
    // Unwind safety: what a panicked handler leaves behind is dropped and never polled again, and
    // what it shares with others is behind ports that must stand a handler that just goes away.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Problem::Bug.into_response()),
    })
    .await
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Response {
    let body = serde_json::to_vec(view).expect("views have text keys and finite numbers");
    let content_type = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_500_without_details() {
        let response = unless_it_panics(async { panic!("hidden") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("hidden"));
    }
}
