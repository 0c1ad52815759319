//! The parts of a request that handlers ask for: ids in the path, parameters of the query, a JSON
//! body. Each answers with our own problem when it is not what it should be.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use postback_domain::limits::API_BODY_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::fields::Fields;
use crate::edge;
use crate::problem::Problem;

/// The ids in the path. One that cannot be an id names nothing, so the answer is 404.
#[derive(Debug)]
pub(crate) struct Ids<T>(pub(crate) T);

/// The parameters of the query.
#[derive(Debug)]
pub(crate) struct Query(Map<String, Value>);

/// A JSON object as body.
#[derive(Debug)]
pub(crate) struct Body(Map<String, Value>);

impl Query {
    /// Has `parse` take the parameters it knows, and refuses the rest.
    pub(crate) fn read<T>(
        self,
        parse: impl FnOnce(&mut Fields) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        Fields::read(self.0, parse)
    }
}

impl Body {
    /// Has `parse` take the fields it knows, and refuses the rest.
    pub(crate) fn read<T>(
        self,
        parse: impl FnOnce(&mut Fields) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        Fields::read(self.0, parse)
    }
}

/// `If-Match`: the revision that a change is meant for. Without one, or with `*`, any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfMatch(Option<u32>);

impl IfMatch {
    pub(crate) fn check(self, revision: u32) -> Result<(), Problem> {
        match self.0 {
            Some(seen) if seen != revision => Err(Problem::PreconditionFailed),
            Some(_) | None => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(header::IF_MATCH).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Ok(Self(None)),
            (Some(tag), None) if tag == "*" => Ok(Self(None)),
            (Some(tag), None) => {
                let tag =
                    tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
                // A tag that is none of ours is of no revision.
                let revision = tag.and_then(|digits| digits.parse().ok());
                revision.map(|seen| Self(Some(seen))).ok_or(Problem::PreconditionFailed)
            }
            (Some(_), Some(_)) => Err(Problem::PreconditionFailed),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(ids)| Self(ids)).map_err(|_| Problem::NotFound("object"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = Map::new();
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let name = name.into_owned();
            let value = Value::String(value.into_owned());
            if values.insert(name.clone(), value).is_some() {
                return Err(Problem::invalid(&name, "is given twice"));
            }
        }
        Ok(Self(values))
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::UnsupportedMediaType);
        }
        let (parts, body) = request.into_parts();
        let bytes = edge::collect(&parts.headers, body, API_BODY_BYTES_MAX).await?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(values)) => Ok(Self(values)),
            Ok(_) => Err(Problem::MalformedJson("the body must be a JSON object".to_owned())),
            // Says where and what, and never repeats the text itself.
            Err(error) => Err(Problem::MalformedJson(format!("the body is not JSON: {error}"))),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for (content_type, expected) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/jsonp"), false),
            (Some("text/plain"), false),
            (Some(""), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(text) = content_type {
                headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            }
            assert_eq!(is_json(&headers), expected, "{content_type:?}");
        }
    }
}
