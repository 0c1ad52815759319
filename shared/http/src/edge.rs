//! What both routers do alike: read a body within a limit, name the request in its answer, and
//! answer even when the handler panicked.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use postback_engine::ports::Entropy;
use serde::Serialize;

use crate::problem::Problem;

/// Names one request in its answer and in our log.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// The request id, for whoever has to tell it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

impl RequestId {
    pub(crate) fn text(&self) -> String {
        self.0.to_str().unwrap_or_default().to_owned()
    }
}

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

/// The whole body of a request, the exact bytes. One that says it is too long is not read at all.
pub(crate) async fn collect(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    if declared_length(headers).is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(Problem::BodyTooLarge { bytes_max });
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge { bytes_max }),
        Err(_) => Err(Problem::UnreadableBody),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A JSON answer. Never cached: it may hold a key that is shown once, and is out of date at once.
pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Response {
    let body = serde_json::to_vec(view).expect("views have text keys and finite numbers");
    let content_type = HeaderValue::from_static("application/json");
    let cached = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cached)];
    (status, headers, body).into_response()
}

/// Names the revision that an answer shows, for a change that is meant for no other (RFC 9110
/// §8.8.3).
pub(crate) fn tagged(revision: u32, mut answer: Response) -> Response {
    let tag = HeaderValue::try_from(format!("\"{revision}\"")).expect("digits and quotes");
    answer.headers_mut().insert(header::ETAG, tag);
    answer
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

    #[tokio::test]
    async fn bodies_are_collected_up_to_the_limit() {
        for (declared, body, expected) in [
            (None, "12345678", Some("12345678")),
            (Some("8"), "12345678", Some("12345678")),
            (None, "", Some("")),
            (None, "123456789", None),
            (Some("9"), "", None),
            (Some("1"), "123456789", None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(length) = declared {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static(length));
            }
            let got = collect(&headers, Body::from(body), 8).await;
            match (got, expected) {
                (Ok(got), Some(expected)) => assert_eq!(got, expected),
                (Err(Problem::BodyTooLarge { bytes_max: 8 }), None) => {}
                (got, _) => panic!("{declared:?} {body}: {got:?}"),
            }
        }
    }
}
