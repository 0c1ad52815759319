//! The parts that schemas are made of: values as requests bring them, with their limits from the
//! domain, and how several become an object.

use std::ops::RangeInclusive;

use postback_domain::delivery::State;
use postback_domain::ids::{
    AuditId, DeliveryId, EndpointId, EventId, KeyId, MerchantId, PortalTokenId, RecoveryId,
    SecretId, SourceId,
};
use postback_domain::limits::{
    EVENT_TYPE_BYTES_MAX, NAME_BYTES_MAX, RETRY_WAIT_MAX, RETRY_WAITS_MAX,
};
use serde_json::{Map, Value, json};

/// Says in which order the keys of an object are printed; not printed itself.
pub(crate) const ORDER: &str = "x-order";

/// An object with these properties: name, schema, and whether it is always there.
pub(crate) fn object(properties: impl IntoIterator<Item = (String, Value, bool)>) -> Value {
    let (mut map, mut order, mut required) = (Map::new(), Vec::new(), Vec::new());
    for (name, schema, is_required) in properties {
        if is_required {
            required.push(name.clone());
        }
        order.push(name.clone());
        map.insert(name, schema);
    }
    map.insert(ORDER.to_owned(), order.into());
    let mut object = json!({"type": "object", "properties": map});
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

/// The same, or null.
pub(crate) fn nullable(mut schema: Value) -> Value {
    match schema.get("type") {
        Some(Value::String(name)) => {
            schema["type"] = json!([name, "null"]);
            schema
        }
        Some(_) => schema,
        None => json!({"oneOf": [schema, {"type": "null"}]}),
    }
}

/// What an id begins with, by its type.
pub(crate) fn prefix(name: &str) -> Option<&'static str> {
    Some(match name {
        "MerchantId" => MerchantId::PREFIX,
        "SourceId" => SourceId::PREFIX,
        "EventId" => EventId::PREFIX,
        "EndpointId" => EndpointId::PREFIX,
        "DeliveryId" => DeliveryId::PREFIX,
        "KeyId" => KeyId::PREFIX,
        "RecoveryId" => RecoveryId::PREFIX,
        "SecretId" => SecretId::PREFIX,
        "PortalTokenId" => PortalTokenId::PREFIX,
        "AuditId" => AuditId::PREFIX,
        _ => return None,
    })
}

/// An id with this prefix.
pub(crate) fn id(prefix: &str) -> Value {
    json!({"type": "string", "pattern": format!("^{prefix}_[0-9a-f]{{32}}$")})
}

/// A time as answers show it.
pub(crate) fn shown_time() -> Value {
    json!({"type": "string", "format": "date-time", "pattern": "Z$"})
}

/// A time as requests give it.
pub(crate) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A name or a description: one line. What surrounds it is dropped before it is measured, so its
/// length is a matter of the pattern.
pub(crate) fn label() -> Value {
    const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";
    let inner = NAME_BYTES_MAX - 2;
    let line = format!(r"^\s*[^\s{CONTROL}](?:[^{CONTROL}]{{0,{inner}}}[^\s{CONTROL}])?\s*$");
    json!({"type": "string", "minLength": 1, "pattern": line})
}

/// The type of an event, for exact comparison.
pub(crate) fn event_type() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": EVENT_TYPE_BYTES_MAX,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
    })
}

/// `*`, `charge.*` or `charge.refunded`.
pub(crate) fn event_filter() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": EVENT_TYPE_BYTES_MAX,
        "pattern": r"^(\*|[^*\s\u0000-\u001f\u007f-\u009f]+(\.\*)?)$",
    })
}

/// Some text.
pub(crate) fn text() -> Value {
    json!({"type": "string"})
}

/// A secret of a provider's.
pub(crate) fn secret() -> Value {
    json!({"type": "string", "minLength": 1})
}

/// True or false.
pub(crate) fn flag() -> Value {
    json!({"type": "boolean"})
}

/// A whole number.
pub(crate) fn whole(range: RangeInclusive<u64>) -> Value {
    json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
}

/// A list.
pub(crate) fn list(length: RangeInclusive<usize>, item: Value) -> Value {
    json!({
        "type": "array", "minItems": length.start(), "maxItems": length.end(), "items": item,
    })
}

/// Texts by name.
pub(crate) fn texts_by_name() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "string"}})
}

/// One of the states of a delivery.
pub(crate) fn state() -> Value {
    json!({"type": "string", "enum": State::ALL.map(State::as_str)})
}

/// `{"waits_s": [5, 60]}`.
pub(crate) fn retry_policy() -> Value {
    let waits = json!({
        "type": "array", "maxItems": RETRY_WAITS_MAX,
        "items": {"type": "number", "minimum": 0.001, "maximum": RETRY_WAIT_MAX.as_secs()},
        "description": "The waits between tries, in seconds, to the millisecond. There is one try \
            more than there are waits; an empty list means a single try. Each wait is varied by up \
            to a fifth either way.",
    });
    let mut policy = object([("waits_s".to_owned(), waits, true)]);
    policy["additionalProperties"] = false.into();
    policy
}
