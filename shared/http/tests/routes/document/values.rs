//! From a schema to values at the edge of its limits and one step beyond.

use serde_json::{Map, Value, json};

/// Values that a schema allows, and values that it does not. Only what is certain from the schema
/// alone: a text without limits may have to be the name of something.
#[derive(Default)]
pub(crate) struct Cases {
    pub(crate) good: Vec<Value>,
    pub(crate) bad: Vec<Value>,
}

/// How long a text may be: by its length, or by a pattern of one character, so many, and one more.
fn longest(schema: &Value) -> Option<usize> {
    let in_pattern = || {
        let (_, rest) = schema["pattern"].as_str()?.split_once("{0,")?;
        let (inner, _) = rest.split_once('}')?;
        Some(inner.parse::<u64>().ok()? + 2)
    };
    usize::try_from(schema["maxLength"].as_u64().or_else(in_pattern)?).ok()
}

impl Cases {
    pub(crate) fn of(schema: &Value) -> Self {
        let types: Vec<_> = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let mut cases = match types.first().copied() {
            Some("integer") => Self::integer(schema),
            Some("number") => Self::number(schema),
            Some("string") => Self::string(schema),
            Some("boolean") => {
                Self { good: vec![json!(true), json!(false)], bad: vec![json!("true"), json!(1)] }
            }
            Some("array") => Self::array(schema),
            Some("object") => Self::object(schema),
            _ => panic!("a schema without a type: {schema}"),
        };
        if types.contains(&"null") {
            cases.good.push(Value::Null)
        } else {
            cases.bad.push(Value::Null)
        }
        cases
    }

    fn integer(schema: &Value) -> Self {
        let (min, max) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        Self {
            // JSON has one kind of number.
            good: vec![json!(min), json!(max), json!(max as f64)],
            bad: vec![json!(min - 1), json!(max + 1), json!(1.5), json!(true), json!("many")],
        }
    }

    fn number(schema: &Value) -> Self {
        let (min, max) = (schema["minimum"].as_f64().unwrap(), schema["maximum"].as_f64().unwrap());
        Self {
            good: vec![json!(min), json!(max)],
            bad: vec![json!(min / 2.0), json!(max + 1.0), json!("1")],
        }
    }

    fn string(schema: &Value) -> Self {
        let mut cases = Self { good: Vec::new(), bad: vec![json!(7), json!({})] };
        let pattern = schema["pattern"].as_str().unwrap_or_default();
        if let Some(names) = schema["enum"].as_array() {
            cases.good.extend(names.iter().cloned());
            cases.bad.push(json!("no_such_name"));
        } else if schema["format"] == "date-time" {
            cases.good.push(json!("2099-12-31T00:00:00Z"));
            cases.bad.push(json!("tomorrow"));
        } else if let Some(prefix) = pattern.strip_suffix("_[0-9a-f]{32}$") {
            // Of several kinds of ids the first.
            let prefix = prefix.trim_start_matches(['^', '(']).split(['|', ')']).next();
            let prefix = prefix.expect("a text has a beginning");
            cases.good.push(json!(format!("{prefix}_{}", "0f".repeat(16))));
            cases.bad.extend([json!("x"), json!(format!("{prefix}_{}", "0F".repeat(16)))]);
        } else if let Some(max) = longest(schema) {
            let begin = if schema["format"] == "uri" { "https://shop.example/" } else { "" };
            let text =
                |length: usize| json!(format!("{begin}{}", "a".repeat(length - begin.len())));
            cases.good.extend([text(max), text(max.min(begin.len() + 1))]);
            cases.bad.extend([text(max + 1), json!("")]);
            if !pattern.is_empty() {
                cases.bad.push(json!("a\u{7}b"));
            }
        }
        if schema["minLength"] == 1 && !cases.bad.contains(&json!("")) {
            cases.bad.push(json!(""));
        }
        cases
    }

    fn array(schema: &Value) -> Self {
        let items = Self::of(&schema["items"]);
        let size =
            |name: &str| schema[name].as_u64().map_or(0, |size| usize::try_from(size).unwrap());
        let (min, max) = (size("minItems"), size("maxItems"));
        let one = items.good.first().cloned().unwrap_or_else(|| json!("a text"));
        let many = |count: usize| Value::Array(vec![one.clone(); count]);
        let mut cases = Self { good: vec![many(max)], bad: vec![many(max + 1), json!("a")] };
        cases.good.extend(items.good.into_iter().map(|item| json!([item])));
        if min > 0 {
            cases.bad.push(many(min - 1));
        } else {
            cases.good.push(many(0));
        }
        cases.bad.extend(items.bad.into_iter().map(|item| json!([item])));
        cases
    }

    fn object(schema: &Value) -> Self {
        let mut cases = Self { good: Vec::new(), bad: vec![json!([]), json!("a")] };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let Self { good, bad } = Self::of(property);
            cases.good.extend(good.into_iter().map(|value| json!({name: value})));
            cases.bad.extend(bad.into_iter().map(|value| json!({name: value})));
            cases.bad.push(json!({name: Value::Null, "no_such_field": 1}));
        }
        if let Some(max) = schema["maxProperties"].as_u64() {
            let many =
                |count| (0..count).map(|n| (format!("x-{n}"), json!("a"))).collect::<Map<_, _>>();
            cases.good.extend([many(0).into(), many(max).into()]);
            cases.bad.extend([many(max + 1).into(), json!({"a b": "a"}), json!({"x-a": ""})]);
        }
        if schema["additionalProperties"]["type"] == "string" {
            cases.bad.push(json!({"x-a": 1}));
        }
        cases
    }
}
