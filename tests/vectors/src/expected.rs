//! Which events a request is. The vectors name one id and one type for each request; where a
//! request is a batch, its items are named here, by a reader of its own.

use serde_json::Value;

use crate::Vector;

/// One event of an accepted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedEvent {
    /// What the provider calls it; nothing if that cannot be read.
    pub id: Option<String>,
    /// The provider's name for what happened; nothing if that cannot be read.
    pub event_type: Option<String>,
    /// The bytes that are this event.
    pub body: Vec<u8>,
}

pub(crate) fn is_handshake(vector: &Vector) -> bool {
    let body = vector.body();
    match vector.provider.as_str() {
        "woocommerce" => body.starts_with(b"webhook_id="),
        "finix" => body.is_empty() || body == b"{}",
        "primer" => body.starts_with(b"{\"message\""),
        "woovi-hmac" | "woovi-rsa" => body.starts_with(b"{\"data_criacao\""),
        "github" => vector.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("x-github-event") && value == "ping" && vector.is_accepted()
        }),
        "wise" => vector.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("x-test-notification")
                && value == "true"
                && vector.is_accepted()
        }),
        _ => false,
    }
}

pub(crate) fn events(
    vector: &Vector,
    id: Option<&str>,
    event_type: Option<&str>,
) -> Vec<ExpectedEvent> {
    let body = vector.body();
    let items = match vector.provider.as_str() {
        // The vectors call the request by the id of the whole delivery. Here each event of it is
        // one of its own, by its own id: the delivery's id is another one if an event is sent again
        // in other company.
        "gocardless" => items(&body, "events", None).map(|items| {
            items
                .into_iter()
                .map(|(item, body)| ExpectedEvent {
                    id: text(&item["id"]),
                    event_type: joined(&item, &["resource_type", "action"], "."),
                    body,
                })
                .collect::<Vec<_>>()
        }),
        "adyen" => {
            items(&body, "notificationItems", Some("NotificationRequestItem")).map(|items| {
                items
                    .into_iter()
                    .map(|(item, body)| ExpectedEvent {
                        id: joined(&item, &["pspReference", "eventCode", "success"], ":"),
                        event_type: text(&item["eventCode"]),
                        body,
                    })
                    .collect()
            })
        }
        _ => None,
    };
    items.unwrap_or_else(|| {
        vec![ExpectedEvent {
            id: id.map(str::to_owned),
            event_type: event_type.map(str::to_owned),
            body,
        }]
    })
}

/// The items of a batch, each with its bytes: what stands between the brackets, cut where the
/// nesting is back at none.
fn items(body: &[u8], list: &str, inner: Option<&str>) -> Option<Vec<(Value, Vec<u8>)>> {
    let text = std::str::from_utf8(body).ok()?;
    let whole: Value = serde_json::from_str(text).ok()?;
    let count = whole[list].as_array()?.len();
    let mut rest = &text[text.find(&format!("\"{list}\""))?..];
    let mut items = Vec::new();
    for index in 0..count {
        if let Some(inner) = inner {
            rest = &rest[rest.find(&format!("\"{inner}\""))?..];
        }
        rest = &rest[rest.find('{')?..];
        let end = end_of_object(rest);
        let item = &whole[list][index];
        let item = inner.map_or(item, |inner| &item[inner]).clone();
        items.push((item, rest.as_bytes()[..end].to_vec()));
        rest = &rest[end..];
    }
    Some(items)
}

fn end_of_object(text: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    panic!("an object that does not end")
}

fn joined(item: &Value, keys: &[&str], separator: &str) -> Option<String> {
    let texts: Option<Vec<String>> = keys.iter().map(|key| text(&item[key])).collect();
    texts.map(|texts| texts.join(separator))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
