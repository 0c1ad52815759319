//! A request as API Gateway hands it over, made into one of the `http` crate.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use postback_domain::audit::ClientAddress;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::{Format, GatewayError};

/// A request in either payload format. Every field may be missing when read, so that what is wrong
/// can be told in our words.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRequest {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    headers: Option<Pairs<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(default)]
    request_context: Option<RequestContext>,

    // Of 1.0 only.
    #[serde(default)]
    http_method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    multi_value_headers: Option<Pairs<Vec<String>>>,
    #[serde(default)]
    query_string_parameters: Option<Pairs<String>>,
    #[serde(default)]
    multi_value_query_string_parameters: Option<Pairs<Vec<String>>>,

    // Of 2.0 only.
    #[serde(default)]
    raw_path: Option<String>,
    #[serde(default)]
    raw_query_string: Option<String>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
}

#[derive(serde::Deserialize)]
struct RequestContext {
    #[serde(default)]
    stage: Option<String>,
    /// Of 1.0.
    #[serde(default)]
    identity: Option<Sender>,
    /// Of 2.0.
    #[serde(default)]
    http: Option<HttpContext>,
}

#[derive(serde::Deserialize)]
struct HttpContext {
    #[serde(default)]
    method: Option<String>,
    #[serde(flatten)]
    sender: Sender,
}

/// Who opened the connection to the gateway.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sender {
    #[serde(default)]
    source_ip: Option<String>,
}

impl GatewayRequest {
    pub(super) fn format(&self) -> Format {
        if self.version.as_deref() == Some("2.0") { Format::V2 } else { Format::V1 }
    }

    /// The request, with the exact bytes of its body and the [`ClientAddress`] that the gateway saw.
    pub(super) fn into_http(self) -> Result<Request<Bytes>, GatewayError> {
        let method = self.method().ok_or(GatewayError::NotARequest("method"))?;
        let uri = self.uri().ok_or(GatewayError::NotARequest("path"))?;
        let headers = self.header_map();
        let sender = self.sender();
        let body = match self.body {
            Some(text) if self.is_base64_encoded => {
                BASE64.decode(text).map_err(|_| GatewayError::Body)?.into()
            }
            Some(text) => Bytes::from(text),
            None => Bytes::new(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if let Some(sender) = sender {
            request.extensions_mut().insert(sender);
        }
        Ok(request)
    }

    /// What headers say of it anybody can write.
    fn sender(&self) -> Option<ClientAddress> {
        let context = self.request_context.as_ref()?;
        let sender = match self.format() {
            Format::V1 => context.identity.as_ref()?,
            Format::V2 => &context.http.as_ref()?.sender,
        };
        sender.source_ip.as_deref()?.parse::<IpAddr>().ok().map(ClientAddress)
    }

    fn method(&self) -> Option<Method> {
        let method = match self.format() {
            Format::V1 => self.http_method.as_deref(),
            Format::V2 => self.request_context.as_ref()?.http.as_ref()?.method.as_deref(),
        };
        method?.parse().ok()
    }

    fn uri(&self) -> Option<Uri> {
        let (path, query) = match self.format() {
            Format::V1 => (self.path.as_deref(), self.rebuilt_query()),
            Format::V2 => {
                let query = self.raw_query_string.as_deref().unwrap_or_default();
                (self.raw_path.as_deref(), escaped(query, is_of_query))
            }
        };
        let path = path.filter(|path| path.starts_with('/'))?;
        let mut uri = escaped(self.without_stage(path), is_of_path);
        if !query.is_empty() {
            uri.push('?');
            uri += &query;
        }
        uri.parse().ok()
    }

    /// A stage with a name is the beginning of the path.
    fn without_stage<'a>(&self, path: &'a str) -> &'a str {
        let stage = self.request_context.as_ref().and_then(|context| context.stage.as_deref());
        stage
            .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage))
            .filter(|rest| rest.starts_with('/'))
            .unwrap_or(path)
    }

    /// The parameters of 1.0 come decoded.
    fn rebuilt_query(&self) -> String {
        let pairs: Vec<(&str, &str)> =
            match (&self.multi_value_query_string_parameters, &self.query_string_parameters) {
                (Some(pairs), _) => pairs.each_value().collect(),
                (None, Some(pairs)) => pairs.each().collect(),
                (None, None) => Vec::new(),
            };
        let part = |text| escaped(text, is_unreserved);
        let pairs = pairs.into_iter().map(|(name, value)| part(name) + "=" + &part(value));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Header lines, repeated ones apart. What cannot be a header line of HTTP cannot have come
    /// over HTTP either, and is left out.
    fn header_map(&self) -> HeaderMap {
        let lines: Vec<(&str, &str)> = match (&self.multi_value_headers, &self.headers) {
            (Some(pairs), _) => pairs.each_value().collect(),
            (None, Some(pairs)) => pairs.each().collect(),
            (None, None) => Vec::new(),
        };
        let mut headers = HeaderMap::with_capacity(lines.len());
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_bytes(value.as_bytes());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        // 2.0 takes this one header apart.
        let cookies = self.cookies.as_ref().map(|cookies| cookies.join("; "));
        if let Some(Ok(cookies)) = cookies.map(HeaderValue::try_from) {
            headers.insert(COOKIE, cookies);
        }
        headers
    }
}

/// Percent-encodes every byte that `is_kept` does not keep.
fn escaped(text: &str, is_kept: fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_kept(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986 §3.3, and the sign of what is encoded already.
fn is_of_path(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/%".contains(&byte)
}

/// What may be in a query of the `http` crate as it came: only what cannot is encoded.
fn is_of_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#<>".contains(&byte)
}

/// A JSON object in its own order.
struct Pairs<T>(Vec<(String, T)>);

impl Pairs<String> {
    fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Pairs<Vec<String>> {
    fn each_value(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Vec<(String, T)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or_default());
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests;
