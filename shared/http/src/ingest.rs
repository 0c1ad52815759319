//! Where providers post. Does as little as can be durable: read the exact bytes, have the engine
//! verify them, hand the events to the [`Intake`], and only then answer as the provider wants it.
//! A handshake is answered without any event.
//!
//! This is the hot path: one route, no middleware, no copy of the body. Errors say nothing that a
//! forger could use; why a signature was refused is for our log alone.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use postback_domain::ids::SourceId;
use postback_domain::limits::BODY_BYTES_MAX;
use postback_engine::Engine;
use postback_engine::accept::{AcceptError, Accepted, Incoming, Received};
use postback_engine::ports::{Ports, Unavailable};
use postback_verify::{Ack, Headers, Refusal};

use crate::edge;
use crate::problem::Problem;

/// Makes the events of a request durable.
pub trait Intake: Send + Sync + 'static {
    /// When it has answered, every event survives whatever happens next.
    ///
    /// # Errors
    /// When some event may not have been kept; the provider is then asked to send the request
    /// again, of which those that were kept are repeats.
    fn take(&self, accepted: &Accepted) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Ingest over one engine and one intake. A clone is another handle on the same.
#[derive(Debug)]
pub struct Ingest<P, I> {
    engine: Arc<Engine<P>>,
    intake: Arc<I>,
}

impl<P, I> Clone for Ingest<P, I> {
    fn clone(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), intake: Arc::clone(&self.intake) }
    }
}

impl<P: Ports, I: Intake> Ingest<P, I> {
    /// Ingest over this engine and this intake.
    pub fn new(engine: Arc<Engine<P>>, intake: I) -> Self {
        Self { engine, intake: Arc::new(intake) }
    }

    async fn take(&self, request: Request) -> Result<Response, Problem> {
        let source = source_in(request.uri().path()).ok_or(UNKNOWN_SOURCE)?;
        let (parts, body) = request.into_parts();
        let body = edge::collect(&parts.headers, body, BODY_BYTES_MAX).await?;
        let lines = Lines(&parts.headers);
        let received = self.engine.accept(source, incoming(&parts, &lines, &body)).await;
        match received.map_err(|error| refused(source, error))? {
            Received::Handshake(ack) => {
                tracing::info!(source.id = %source, "{source} answered a handshake");
                Ok(acknowledged(&ack))
            }
            Received::Events(accepted) => {
                self.intake.take(&accepted).await?;
                Ok(acknowledged(accepted.ack()))
            }
        }
    }

    /// A GET is a provider's handshake or nothing; its body is not read.
    async fn greet(&self, request: Request) -> Result<Response, Problem> {
        let source = source_in(request.uri().path()).filter(|_| request.method() == Method::GET);
        let source = source.ok_or(Problem::MethodNotAllowed)?;
        let (parts, _) = request.into_parts();
        let (lines, body) = (Lines(&parts.headers), Bytes::new());
        let answer = self.engine.greet(source, incoming(&parts, &lines, &body)).await?;
        answer.as_ref().map(acknowledged).ok_or(Problem::MethodNotAllowed)
    }
}

fn incoming<'a>(parts: &'a Parts, lines: &'a Lines<'a>, body: &'a Bytes) -> Incoming<'a> {
    Incoming {
        query: parts.uri.query().unwrap_or_default(),
        headers: lines,
        content_type: content_type(&parts.headers),
        body,
    }
}

/// The ingest route: `POST /in/{source_id}`, and `GET` where the provider's handshake is one.
pub fn router<P: Ports, I: Intake>(ingest: Ingest<P, I>) -> Router {
    Router::new()
        // GET stands behind the fallback, because for most sources there is none.
        .route("/in/{source}", post(answer).fallback(greet))
        .fallback(|State(ingest)| reject(ingest, Problem::NoSuchRoute))
        .with_state(ingest)
}

async fn answer<P: Ports, I: Intake>(
    State(ingest): State<Ingest<P, I>>,
    request: Request,
) -> Response {
    let taken = async { ingest.take(request).await.unwrap_or_else(IntoResponse::into_response) };
    named(&ingest, edge::unless_it_panics(taken).await)
}

async fn greet<P: Ports, I: Intake>(
    State(ingest): State<Ingest<P, I>>,
    request: Request,
) -> Response {
    let greeted = async { ingest.greet(request).await.unwrap_or_else(IntoResponse::into_response) };
    named(&ingest, edge::unless_it_panics(greeted).await)
}

async fn reject<P: Ports, I: Intake>(ingest: Ingest<P, I>, problem: Problem) -> Response {
    named(&ingest, problem.into_response())
}

fn named<P: Ports, I>(ingest: &Ingest<P, I>, mut response: Response) -> Response {
    let id = edge::request_id(ingest.engine.ports().entropy());
    response.headers_mut().insert(edge::REQUEST_ID, id);
    response
}

const UNKNOWN_SOURCE: Problem = Problem::NotFound("source");

/// The source of `/in/{source_id}`, without decoding: no id needs it.
fn source_in(path: &str) -> Option<SourceId> {
    path.rsplit('/').next()?.parse().ok()
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn refused(source: SourceId, error: AcceptError) -> Problem {
    match error {
        AcceptError::UnknownSource => UNKNOWN_SOURCE,
        AcceptError::Unavailable(unavailable) => Problem::Unavailable(unavailable),
        AcceptError::Refused(refusal) => {
            report(source, refusal);
            Problem::SignatureRefused
        }
    }
}

fn report(source: SourceId, refusal: Refusal) {
    let code = refusal.code();
    if refusal.is_misconfiguration() {
        tracing::warn!(
            source.id = %source,
            refusal = code,
            "{source} can verify nothing: {refusal}"
        );
    } else {
        tracing::info!(
            source.id = %source,
            refusal = code,
            "{source} refused a request: {refusal}"
        );
    }
}

/// The provider's own idea of "accepted".
fn acknowledged(ack: &Ack) -> Response {
    let status = StatusCode::from_u16(ack.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::copy_from_slice(ack.body.as_bytes())).into_response();
    match ack.content_type.as_deref().map(HeaderValue::from_str) {
        Some(Ok(content_type)) => {
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        }
        _ => {
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
    }
    response
}

/// Header lines as they came, repeated ones apart.
struct Lines<'a>(&'a HeaderMap);

impl Headers for Lines<'_> {
    fn line(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.0.get_all(name).iter().nth(nth).map(HeaderValue::as_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_path_is_the_source() {
        let id = SourceId::from_bits(7);
        for (path, expected) in [
            (format!("/in/{id}"), Some(id)),
            (format!("/stage/in/{id}"), Some(id)),
            (format!("/in/{id}/"), None),
            ("/in/src_7".to_owned(), None),
            ("/in/%73rc_00000000000000000000000000000007".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(source_in(&path), expected, "{path}");
        }
    }

    #[test]
    fn acknowledgements_are_the_schemes_own() {
        let ack = |status, content_type: Option<&str>, body: &str| Ack {
            status,
            content_type: content_type.map(str::to_owned),
            body: body.to_owned(),
        };
        for (ack, status, content_type) in [
            (ack(200, None, ""), 200, None),
            (ack(202, Some("text/plain"), "[accepted]"), 202, Some("text/plain")),
        ] {
            let response = acknowledged(&ack);
            assert_eq!(response.status(), status, "{ack:?}");
            let shown = response.headers().get("content-type").map(HeaderValue::as_bytes);
            assert_eq!(shown, content_type.map(str::as_bytes), "{ack:?}");
        }
    }

    #[test]
    fn repeated_header_lines_stay_apart() {
        let mut headers = HeaderMap::new();
        headers.append("x-signature", HeaderValue::from_static("a"));
        headers.append("X-Signature", HeaderValue::from_static("b, c"));
        let lines = Lines(&headers);
        assert_eq!(lines.line("X-Signature", 0), Some(b"a".as_slice()));
        assert_eq!(lines.line("x-signature", 1), Some(b"b, c".as_slice()));
        assert_eq!(lines.line("x-signature", 2), None);
        assert_eq!(lines.line("not a header name", 0), None);
    }
}
