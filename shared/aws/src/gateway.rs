//! API Gateway's envelopes of a request and of its answer, for the routers that speak HTTP.
//!
//! Translated here and not by `lambda_http`, for the sake of exactness, on which signatures rest:
//! that crate (1.3) lets the last of several lines of one header overwrite the others, refuses a
//! request for one header that is not ASCII, and panics on a path or body that it does not expect.
//!
//! What no translation can bring back, because API Gateway has not kept it: in payload 1.0 the
//! query's own percent-encoding and how its parameters were mixed; in 2.0 the borders between
//! lines of one header; in both the path's percent-encoding.

mod request;
mod response;

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower_service::Service;

pub use request::GatewayRequest;
pub use response::GatewayResponse;

/// An invocation that cannot be answered over HTTP. It fails, and API Gateway says so.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Somebody has invoked the function by hand, or API Gateway is wired differently.
    #[error("payload has no {0}, so it is no request of an HTTP API")]
    NotARequest(&'static str),
    /// The gateway's encoding is broken.
    #[error("body of the request is not base64")]
    Body,
    /// The handler's answer broke off.
    #[error("body of the answer broke off")]
    Answer,
}

/// Has `service` answer a request, in the payload format that the request came in.
///
/// # Errors
/// When the payload is no request.
pub async fn answer<S, B>(
    mut service: S,
    request: GatewayRequest,
) -> Result<GatewayResponse, GatewayError>
where
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
{
    let format = request.format();
    let request = request.into_http()?.map(Full::new);
    // A router is always ready, and has no errors of its own.
    let Ok(response) = service.call(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| GatewayError::Answer)?.to_bytes();
    Ok(GatewayResponse::new(format, &parts, &body))
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    V1,
    V2,
}
