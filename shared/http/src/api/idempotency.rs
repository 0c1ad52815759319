//! `Idempotency-Key`: a POST that is sent again, because its answer was lost or its sender died,
//! takes effect once and gets the same answer (IETF draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A key belongs to the API key that it comes with, and to one request: method, path, query and
//! body, to the byte. It is kept for a day. Only an answer of 2xx is kept with it. After one of
//! 4xx, which changed nothing, the key is free again; after one of 5xx, or none, the same request
//! may be sent again and draws from the same [`Seed`], so that it creates nothing twice.
//!
//! Around the handlers and not in them: a handler draws from its seed, and one that creates nothing
//! asks it whether it may have been here before.

mod sealing;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use postback_domain::idempotency::Record;
use postback_domain::limits::{
    API_BODY_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENT_ANSWER_BYTES_MAX,
};
use postback_engine::ports::idempotency::{Begun, Idempotency};
use postback_engine::ports::{Entropy, Unavailable};
use serde::{Deserialize, Serialize};

use self::sealing::{Kept, Sealer};
use super::auth::{Identity, bearer};
use super::seed::Seed;
use super::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// The header that asks for it.
const KEY: &str = "idempotency-key";

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Carries a request out, unless it has been.
pub(crate) async fn once<P: ApiPorts>(
    State(api): State<Api<P>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    Identity::from_request_parts(&mut parts, &api).await?;
    let token = bearer(&parts.headers).ok_or(Problem::Unauthenticated)?;
    let sealer = Sealer::new(token, key(&parts.headers)?);
    let body = edge::collect(&parts.headers, body, API_BODY_BYTES_MAX).await?;
    let fingerprint = sealer.fingerprint(&parts.method, &parts.uri, &body);

    let drawn = api.entropy().key_bytes();
    let seed = sealer.seal(Kept::Seed, nonce(api.entropy()), &drawn);
    let record = Record::begin(sealer.id(), fingerprint, seed.clone(), api.now());
    let held = match api.store().begin(record).await? {
        Begun::Held(held) => held,
        Begun::Answered(answer) => return replayed(&sealer, &answer),
        Begun::Running => {
            let detail = "the request with this idempotency key is running; try again in a moment";
            return Err(Problem::conflict("idempotency_key_in_use", detail));
        }
        Begun::OtherRequest => {
            let detail = "the idempotency key came with another request before";
            return Err(Problem::conflict("idempotency_key_reused", detail));
        }
    };
    let is_again = held.seed != seed;
    let seed = sealer.open(Kept::Seed, &held.seed).ok_or_else(damaged)?;
    let seed = seed.try_into().map_err(|_| damaged())?;
    parts.extensions.insert(Seed::new(seed, held.begun_at, is_again));
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    Ok(api.note(&sealer, &held, answer).await)
}

/// One line of printable ASCII, with or without the quotes that the draft asks for.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut lines = headers.get_all(KEY).iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    let text = line.and_then(|line| line.to_str().ok()).unwrap_or_default().trim();
    let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let key = unquoted.unwrap_or(text);
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let rule =
            format!("must be given once, with 1 to {IDEMPOTENCY_KEY_BYTES_MAX} ASCII characters");
        return Err(Problem::invalid(KEY, rule));
    }
    Ok(key)
}

fn nonce(entropy: &impl Entropy) -> [u8; sealing::NONCE_BYTES] {
    let mut nonce = [0; sealing::NONCE_BYTES];
    entropy.fill(&mut nonce);
    nonce
}

fn damaged() -> Problem {
    Problem::Unavailable(Unavailable::new("the store", "a record of a request cannot be opened"))
}

fn replayed(sealer: &Sealer, sealed: &[u8]) -> Result<Response, Problem> {
    let bytes = sealer.open(Kept::Answer, sealed).ok_or_else(damaged)?;
    let kept: KeptAnswer = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let mut response = Response::builder().status(kept.status);
    for (name, value) in kept.headers {
        response = response.header(name, value);
    }
    response = response.header(REPLAYED, HeaderValue::from_static("true"));
    response.body(Body::from(kept.body)).map_err(|_| damaged())
}

impl<P: ApiPorts> Api<P> {
    /// Keeps in the record what came of the request. Whatever happens to that, the caller hears
    /// the answer: it is true.
    async fn note(&self, sealer: &Sealer, held: &Record, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        // A body of ours: it is in memory and cannot fail.
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let noted = if parts.status.is_success() {
            match kept(parts.status, &parts.headers, &body) {
                Some(kept) => {
                    let sealed = sealer.seal(Kept::Answer, nonce(self.entropy()), &kept);
                    self.store().keep_answer(held, sealed).await
                }
                None => self.store().let_go(held).await,
            }
        } else if parts.status.is_server_error() {
            self.store().let_go(held).await
        } else {
            self.store().forget(held).await
        };
        if let Err(error) = noted {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the answer to a request with an idempotency key was not kept"
            );
        }
        Response::from_parts(parts, Body::from(body))
    }
}

/// An answer in the form that is kept; none for one that is too large.
fn kept(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = headers.iter().map(|(name, value)| Some((name.to_string(), text(value)?)));
    let kept = KeptAnswer {
        status: status.as_u16(),
        headers: headers.collect::<Option<_>>()?,
        body: String::from_utf8(body.to_vec()).ok()?,
    };
    let bytes = serde_json::to_vec(&kept).expect("texts and numbers serialise");
    (bytes.len() <= IDEMPOTENT_ANSWER_BYTES_MAX).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_of_ascii_or_none() {
        let longest = "k".repeat(255);
        let too_long = "k".repeat(256);
        for (lines, expected) in [
            (&["8e03978e-40d5-43dd-bc93-6894a57f9324"][..], "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (&["\"8e03978e\""], "8e03978e"),
            (&[" a b "], "a b"),
            (&["\""], "\""),
            (&[&longest], &longest),
            (&[&too_long], ""),
            (&[""], ""),
            (&["\"\""], ""),
            (&["a", "a"], ""),
            (&["caf\u{e9}"], ""),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(KEY, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            assert_eq!(key(&headers).unwrap_or_default(), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_what_can_be_kept_is_kept() {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        )]);
        let is_kept = |body: &[u8]| kept(StatusCode::CREATED, &headers, body).is_some();
        assert!(is_kept(b"{}") && is_kept(b""));
        assert!(!is_kept(&[0xff]));
        assert!(!is_kept(&vec![b'a'; IDEMPOTENT_ANSWER_BYTES_MAX]));
    }
}
