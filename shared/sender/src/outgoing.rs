//! Builds the HTTP request of an attempt. What is in it is the domain's business
//! (`postback_domain::push`); how it is spelled for HTTP/1.1 is here.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use postback_domain::endpoint::EndpointUrl;
use postback_domain::push;
use postback_engine::ports::sender;
use url::Position;

/// Names the product, and the version that a receiver's log should show.
const USER_AGENT_VALUE: HeaderValue =
    HeaderValue::from_static(concat!("Postback/", env!("CARGO_PKG_VERSION")));

/// The names of every request, made once. A name that is missing here is merely slower.
static NAMES: [HeaderName; 9] = [
    http::header::CONTENT_TYPE,
    HeaderName::from_static("webhook-id"),
    HeaderName::from_static("webhook-timestamp"),
    HeaderName::from_static("webhook-signature"),
    HeaderName::from_static("postback-event-type"),
    HeaderName::from_static("postback-delivery-id"),
    HeaderName::from_static("postback-attempt"),
    HeaderName::from_static("postback-provider-event-id"),
    HeaderName::from_static("postback-received-at"),
];

/// A request that HTTP has no spelling for. The domain's types leave no known way to one, so it is
/// our fault and no try.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsendable {
    /// The endpoint is not called.
    #[error("the endpoint has no url")]
    NoUrl,
    /// A URL that is none for HTTP.
    #[error("url cannot be requested")]
    Url(#[source] InvalidUri),
    /// The value is not named: it may be a credential.
    #[error("header `{0}` cannot be sent")]
    Header(String),
}

/// The request as it will be on the wire.
pub(crate) fn build(request: &sender::Request) -> Result<Request<Full<Bytes>>, Unsendable> {
    let sender::Request { event, endpoint, delivery, number, at } = request;
    let url = endpoint.url().ok_or(Unsendable::NoUrl)?;
    let ours = push::headers(event, endpoint, *delivery, *number, *at);
    let mut headers = HeaderMap::with_capacity(ours.len() + 3);
    headers.insert(HOST, host(url)?);
    headers.insert(USER_AGENT, USER_AGENT_VALUE);
    // Said here, because the client leaves it out of a request without a body, and RFC 9110 §8.6
    // asks for it in a POST all the same.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(event.body.len()));
    for (name, value) in ours {
        let unsendable = || Unsendable::Header(name.to_owned());
        let value = HeaderValue::try_from(value).map_err(|_| unsendable())?;
        let name = match NAMES.iter().find(|known| known.as_str() == name) {
            Some(known) => known.clone(),
            None => HeaderName::try_from(name).map_err(|_| unsendable())?,
        };
        headers.append(name, value);
    }

    let mut outgoing = Request::new(Full::new(event.body.clone()));
    *outgoing.method_mut() = Method::POST;
    *outgoing.uri_mut() = Uri::try_from(url.as_str()).map_err(Unsendable::Url)?;
    *outgoing.headers_mut() = headers;
    Ok(outgoing)
}

/// The host as the URL has it, with its port unless it is the scheme's own (RFC 9110 §7.2).
fn host(url: &EndpointUrl) -> Result<HeaderValue, Unsendable> {
    let host = &url.as_url()[Position::BeforeHost..Position::AfterPort];
    HeaderValue::from_str(host).map_err(|_| Unsendable::Header(HOST.to_string()))
}

#[cfg(test)]
mod tests {
    use postback_domain::endpoint::Destinations;

    use super::*;

    fn check(text: &str, expected_uri: &str, expected_host: &str) {
        let url = EndpointUrl::parse(text, Destinations::AlsoPrivate).unwrap();
        assert_eq!(Uri::try_from(url.as_str()).unwrap(), *expected_uri, "{text}");
        assert_eq!(host(&url).unwrap(), expected_host, "{text}");
    }

    #[test]
    fn every_url_that_an_endpoint_may_have_can_be_sent() {
        check("https://Shop.Example", "https://shop.example/", "shop.example");
        check("https://shop.example:443/a", "https://shop.example/a", "shop.example");
        check("https://shop.example:8443/a", "https://shop.example:8443/a", "shop.example:8443");
        check("http://[::1]:80/", "http://[::1]/", "[::1]");
        check(
            "https://bücher.example/é",
            "https://xn--bcher-kva.example/%C3%A9",
            "xn--bcher-kva.example",
        );
        check("https://a_b.example/#part", "https://a_b.example/", "a_b.example");
        check(
            "https://shop.example/a b\"<>`{}|^[]\\'!$&()*+,;=:@~?x=\"<>`{}|^[]\\'?/%zz",
            "https://shop.example/a%20b%22%3C%3E%60%7B%7D|^[]/'!$&()*+,;=:@~?x=%22%3C%3E`{}|^[]\\%27?/%zz",
            "shop.example",
        );
    }

    /// Were there others, an endpoint could be saved that is never called and never fails.
    #[test]
    fn no_url_that_was_saved_cannot_be_sent() {
        let parse = |text: String| EndpointUrl::parse(&text, Destinations::AlsoPrivate).ok();
        for character in (b'!'..=b'~').map(char::from) {
            let url = parse(format!("https://shop.example/{character}?{character}")).unwrap();
            assert!(Uri::try_from(url.as_str()).is_ok(), "{url}");

            let Some(url) = parse(format!("https://a{character}b.example/")) else { continue };
            assert!(Uri::try_from(url.as_str()).is_ok(), "{url}");
            assert!(host(&url).is_ok(), "{url}");
        }
    }
}
