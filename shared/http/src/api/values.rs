//! Readers of single values: from JSON to a domain type, or the rule that is broken. Rules never
//! repeat a value that may be a secret.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::event::EventType;
use postback_domain::text::Label;
use serde_json::{Number, Value};

/// A text.
pub(crate) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("must be a text".to_owned()),
    }
}

/// A text that the domain can read.
pub(crate) fn parsed<T: FromStr<Err: Display>>(value: Value) -> Result<T, String> {
    text(value)?.parse().map_err(|error: T::Err| error.to_string())
}

/// A name or a description.
pub(crate) fn label(value: Value) -> Result<Label, String> {
    Label::parse(&text(value)?).map_err(|error| error.to_string())
}

/// True or false.
pub(crate) fn flag(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// A whole number, as a number or, in a query, as digits. JSON has one kind of number, so `5.0` is
/// as whole as `5`.
pub(crate) fn whole(value: &Value, range: RangeInclusive<u64>) -> Result<u64, String> {
    /// Up to here, each is a float of its own.
    const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
    let number = match value {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64().or_else(|| {
            let float = other.as_f64()?;
            let is_whole = float.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&float);
            is_whole.then_some(float as u64)
        }),
    };
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

/// A list, each item through `reader`.
pub(crate) fn list<T>(
    value: Value,
    length: RangeInclusive<usize>,
    reader: impl Fn(Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let Value::Array(items) = value else {
        return Err("must be a list".to_owned());
    };
    if !length.contains(&items.len()) {
        let (min, max) = length.into_inner();
        return Err(format!("list of {} items must have {min} to {max}", items.len()));
    }
    let numbered = (1..).zip(items);
    numbered
        .map(|(number, item)| reader(item).map_err(|rule| format!("item {number}: {rule}")))
        .collect()
}

/// An object of texts.
pub(crate) fn texts_by_name(value: Value) -> Result<Vec<(String, String)>, String> {
    let Value::Object(object) = value else {
        return Err("must be an object of texts".to_owned());
    };
    let pairs = object.into_iter().map(|(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        _ => Err(format!("value of `{}` must be a text", shortened(&name))),
    });
    pairs.collect()
}

/// An event type, for exact comparison.
pub(crate) fn event_type(value: Value) -> Result<EventType, String> {
    let text = text(value)?;
    let event_type = EventType::new(&text);
    if event_type.as_str() == text {
        Ok(event_type)
    } else {
        Err(format!("`{}` cannot be the type of an event", shortened(&text)))
    }
}

/// `{"waits_s": [5, 60]}`.
pub(crate) fn retry_policy(value: Value) -> Result<RetryPolicy, String> {
    const FORM: &str = "must have the form {\"waits_s\": [5, 60]}";
    let Value::Object(mut object) = value else {
        return Err(FORM.to_owned());
    };
    let (Some(Value::Array(waits)), true) = (object.remove("waits_s"), object.is_empty()) else {
        return Err(FORM.to_owned());
    };
    let waits: Option<Vec<f64>> = waits.iter().map(Value::as_f64).collect();
    RetryPolicy::from_secs(&waits.ok_or(FORM)?).map_err(|error| error.to_string())
}

/// The waits of a policy; whole seconds as whole numbers, as they were most likely given.
pub(crate) fn waits_s(policy: &RetryPolicy) -> Vec<Number> {
    policy.waits_s().into_iter().map(shortest).collect()
}

/// A number that is not negative, without a fraction if it has none.
pub(crate) fn shortest(number: f64) -> Number {
    if number.fract() == 0.0 {
        return Number::from(number as u64);
    }
    Number::from_f64(number).unwrap_or_else(|| Number::from(0))
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postback_domain::ids::EndpointId;
    use serde_json::json;

    /// Each reader on what it takes and on what it does not.
    #[test]
    fn readers_take_what_they_should() {
        fn check<T>(reader: impl Fn(Value) -> Result<T, String>, good: &[Value], bad: &[Value]) {
            for value in good {
                assert!(reader(value.clone()).is_ok(), "{value}");
            }
            for value in bad {
                let rule = reader(value.clone()).err().unwrap_or_else(|| panic!("{value}"));
                assert!(!rule.contains("hidden"), "{rule}");
            }
        }
        check(text, &[json!(""), json!("x")], &[json!(1), json!(["hidden"])]);
        check(label, &[json!("Shop")], &[json!(" "), json!("a\nb"), json!(false)]);
        check(flag, &[json!(true)], &[json!("true"), json!(1)]);
        check(
            parsed::<EndpointId>,
            &[json!(EndpointId::from_bits(1))],
            &[json!("end_1"), json!(7), json!("evt_00000000000000000000000000000001")],
        );
        check(
            |value| whole(&value, 1..=200),
            &[json!(1), json!(200), json!(5.0), json!("50")],
            &[
                json!(0),
                json!(201),
                json!(1.5),
                json!(-1.0),
                json!(1e300),
                json!("-1"),
                json!("1e2"),
                json!(null),
            ],
        );
        check(
            |value| list(value, 1..=2, text),
            &[json!(["a"]), json!(["a", "b"])],
            &[json!([]), json!(["a", "b", "c"]), json!(["a", 1]), json!("a")],
        );
        check(texts_by_name, &[json!({}), json!({"a": "b"})], &[json!([]), json!({"a": 1})]);
        check(event_type, &[json!("charge.refunded")], &[json!(""), json!("a\tb"), json!(1)]);
        check(
            retry_policy,
            &[json!({"waits_s": []}), json!({"waits_s": [5, 0.25]})],
            &[
                json!([5]),
                json!({}),
                json!({"waits_s": ["5"]}),
                json!({"waits_s": [-1]}),
                json!({"waits_s": [5], "wait": 1}),
            ],
        );
    }

    #[test]
    fn waits_are_shown_as_given() {
        let given = json!({"waits_s": [5, 0.25, 86400]});
        let policy = retry_policy(given.clone()).unwrap();
        assert_eq!(json!({ "waits_s": waits_s(&policy) }), given);
    }
}
