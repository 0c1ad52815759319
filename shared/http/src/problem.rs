//! Every error as the caller sees it: RFC 9457 `application/problem+json` with a stable `code`.
//! Variants are sorted by who must act; `Problem::form` is the only mapping to HTTP.

use std::borrow::Cow;
use std::error::Error;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use postback_domain::key::Scope;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;
use serde::Serialize;

/// How long a caller should leave us alone when a dependency is down, in seconds.
const RETRY_AFTER_SECS: u64 = 1;

/// Why a request was not served.
#[derive(Debug)]
pub(crate) enum Problem {
    // The caller can mend these.
    NoSuchRoute,
    /// The object is not there, or is another merchant's; the answer is the same for both.
    NotFound(&'static str),
    MethodNotAllowed,
    Unauthenticated,
    AdminOnly,
    ScopeMissing(Scope),
    /// The key has made as many requests as it may for now.
    RateLimited {
        retry_after_s: u64,
    },
    UnsupportedMediaType,
    /// The body broke off or was not HTTP.
    UnreadableBody,
    MalformedJson(String),
    BodyTooLarge {
        bytes_max: usize,
    },
    Field(FieldProblem),
    Conflict {
        code: &'static str,
        detail: String,
    },
    /// A change that was meant for another revision than the one there is.
    PreconditionFailed,
    /// A provider's request that does not verify. Says no more, because a forger reads it too.
    SignatureRefused,
    // These are ours.
    Unavailable(Unavailable),
    Bug,
}

/// A field or query parameter that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FieldProblem {
    pub(crate) code: &'static str,
    pub(crate) field: String,
    pub(crate) detail: String,
}

/// What the caller sees of a problem.
struct Form {
    status: StatusCode,
    code: &'static str,
    detail: Option<Cow<'static, str>>,
    field: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    // The code says which problem it is; "about:blank" says that there is no page about it.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    /// A value that breaks a rule of its field.
    pub(crate) fn invalid(field: &str, rule: impl std::fmt::Display) -> Self {
        Self::field("invalid_field", field, format!("field `{field}`: {rule}"))
    }

    /// A field that is needed and not there.
    pub(crate) fn missing(field: &str) -> Self {
        Self::field("missing_field", field, format!("field `{field}` is needed"))
    }

    pub(crate) fn field(code: &'static str, field: &str, detail: String) -> Self {
        Self::Field(FieldProblem { code, field: field.chars().take(64).collect(), detail })
    }

    /// A write that was not made; `what` is the noun that may be missing.
    pub(crate) fn of_write(error: CatalogError, what: &'static str) -> Self {
        match error {
            CatalogError::NotFound => Self::NotFound(what),
            CatalogError::Unavailable(unavailable) => Self::Unavailable(unavailable),
            CatalogError::ExternalIdTaken => Self::conflict("external_id_taken", error),
            CatalogError::Stale => Self::conflict("changed_meanwhile", error),
            CatalogError::LimitReached { .. } => Self::conflict("limit_reached", error),
            // A random id drawn twice, which happens to nobody; another one is drawn next time.
            CatalogError::IdTaken => Self::Unavailable(Unavailable::new("the store", error)),
        }
    }

    pub(crate) fn conflict(code: &'static str, detail: impl ToString) -> Self {
        Self::Conflict { code, detail: detail.to_string() }
    }

    fn form(self) -> Form {
        let form = |status, code, detail: &'static str| Form {
            status,
            code,
            detail: Some(Cow::Borrowed(detail)),
            field: None,
        };
        let with = |status, code, detail: String| Form {
            status,
            code,
            detail: Some(Cow::Owned(detail)),
            field: None,
        };
        match self {
            Self::NoSuchRoute => form(StatusCode::NOT_FOUND, "no_such_route", "no such route"),
            Self::NotFound(what) => {
                with(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
            }
            Self::MethodNotAllowed => form(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the route has other methods, listed in the allow header",
            ),
            Self::Unauthenticated => form(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "a valid key is needed: authorization: Bearer <key>",
            ),
            Self::AdminOnly => form(
                StatusCode::FORBIDDEN,
                "admin_only",
                "only the operator's key opens this route",
            ),
            Self::ScopeMissing(scope) => {
                let detail = match scope {
                    Scope::Read => "the key lacks the scope `read`",
                    Scope::Write => "the key lacks the scope `write`",
                    Scope::Pull => "the key lacks the scope `pull`",
                    Scope::Admin => "the key lacks the scope `admin`",
                };
                form(StatusCode::FORBIDDEN, "scope_missing", detail)
            }
            Self::RateLimited { .. } => form(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "the key has made as many requests as it may for now; see retry-after",
            ),
            Self::UnsupportedMediaType => form(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be sent as content-type: application/json",
            ),
            Self::UnreadableBody => {
                form(StatusCode::BAD_REQUEST, "unreadable_body", "the body could not be read")
            }
            Self::MalformedJson(detail) => with(StatusCode::BAD_REQUEST, "malformed_json", detail),
            Self::BodyTooLarge { bytes_max } => with(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the body must have at most {bytes_max} bytes"),
            ),
            Self::Field(FieldProblem { code, field, detail }) => {
                Form { field: Some(field), ..with(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
            }
            Self::Conflict { code, detail } => with(StatusCode::CONFLICT, code, detail),
            Self::PreconditionFailed => form(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "it has changed since the revision in if-match: read it again",
            ),
            Self::SignatureRefused => Form {
                status: StatusCode::UNAUTHORIZED,
                code: "signature_refused",
                detail: None,
                field: None,
            },
            Self::Unavailable(_) => form(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "try again in a moment; nothing is lost by it",
            ),
            Self::Bug => Form {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "internal",
                detail: None,
                field: None,
            },
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let challenge = matches!(self, Self::Unauthenticated);
        let retry_after = match &self {
            Self::Unavailable(_) => Some(RETRY_AFTER_SECS),
            Self::RateLimited { retry_after_s } => Some(*retry_after_s),
            _ => None,
        };
        match &self {
            Self::Unavailable(error) => {
                tracing::error!(error = error as &dyn Error, "answered 503: {error}");
            }
            Self::Bug => tracing::error!("answered 500: the handler panicked"),
            _ => {}
        }
        let form = self.form();
        let document = Document {
            r#type: "about:blank",
            title: form.status.canonical_reason().unwrap_or("Error"),
            status: form.status.as_u16(),
            code: form.code,
            detail: form.detail.as_deref(),
            field: form.field.as_deref(),
        };
        let body = serde_json::to_vec(&document).expect("texts and numbers serialise");
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response =
            (form.status, [(header::CONTENT_TYPE, content_type)], body).into_response();
        if let Some(secs) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if challenge {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

#[cfg(test)]
mod tests;
