//! An answer as API Gateway wants it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::SET_COOKIE;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::Format;

/// An answer in either payload format.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
    status_code: u16,
    #[serde(flatten)]
    headers: Headers,
    body: String,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Headers {
    V1 { multi_value_headers: BTreeMap<String, Vec<String>> },
    V2 { headers: BTreeMap<String, String>, cookies: Vec<String> },
}

impl GatewayResponse {
    pub(super) fn new(format: Format, parts: &Parts, body: &[u8]) -> Self {
        let (body, is_base64_encoded) = match std::str::from_utf8(body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (BASE64.encode(body), true),
        };
        let headers = match format {
            Format::V1 => Headers::V1 { multi_value_headers: lines(&parts.headers, |_| true) },
            Format::V2 => {
                // The one header whose lines cannot be joined.
                let cookies = texts(&parts.headers, &SET_COOKIE);
                let lines = lines(&parts.headers, |name| name != SET_COOKIE).into_iter();
                let headers = lines.map(|(name, values)| (name, values.join(", "))).collect();
                Headers::V2 { headers, cookies }
            }
        };
        Self { status_code: parts.status.as_u16(), headers, body, is_base64_encoded }
    }
}

fn lines(
    headers: &HeaderMap,
    is_wanted: impl Fn(&HeaderName) -> bool,
) -> BTreeMap<String, Vec<String>> {
    let names = headers.keys().filter(|name| is_wanted(name));
    names.map(|name| (name.to_string(), texts(headers, name))).collect()
}

fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.get_all(name).iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use http::Response;
    use serde_json::{Value, json};

    use super::*;

    fn answer(format: Format, body: &[u8]) -> Value {
        let response = Response::builder()
            .status(202)
            .header("content-type", "text/plain")
            .header("x-many", "1")
            .header("x-many", "2")
            .header("set-cookie", "a=1; Path=/")
            .header("set-cookie", "b=2")
            .body(())
            .unwrap();
        let (parts, ()) = response.into_parts();
        serde_json::to_value(GatewayResponse::new(format, &parts, body)).unwrap()
    }

    #[test]
    fn repeated_headers_survive_in_both_formats() {
        assert_eq!(
            answer(Format::V1, b"[accepted]"),
            json!({
                "statusCode": 202,
                "multiValueHeaders": {
                    "content-type": ["text/plain"],
                    "set-cookie": ["a=1; Path=/", "b=2"],
                    "x-many": ["1", "2"],
                },
                "body": "[accepted]",
                "isBase64Encoded": false,
            })
        );
        assert_eq!(
            answer(Format::V2, b"[accepted]"),
            json!({
                "statusCode": 202,
                "headers": {"content-type": "text/plain", "x-many": "1, 2"},
                "cookies": ["a=1; Path=/", "b=2"],
                "body": "[accepted]",
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn a_body_that_is_no_text_is_encoded() {
        for (body, expected) in [
            (b"".as_slice(), json!(["", false])),
            ("é\0\n".as_bytes(), json!(["é\0\n", false])),
            (&[0xff, 0xfe], json!(["//4=", true])),
        ] {
            let answer = answer(Format::V1, body);
            assert_eq!(json!([answer["body"], answer["isBase64Encoded"]]), expected, "{body:?}");
        }
    }
}
