//! The entries of `handshakes`.

use serde_json::Value;

use super::{LIST_MAX, LONG_TEXT_BYTES_MAX, answer};
use crate::handshake::{
    Answer, AnswerPart, Challenge, Condition, Handshake, HexLength, Method, Subject, Test,
};
use crate::input::Input;
use crate::json::Pointers;
use crate::scheme::Ack;
use crate::scheme::fields::{Fields, SchemeError};
use crate::scheme::record::{Algorithm, Kind};
use crate::template::Template;

pub(super) fn handshakes(
    fields: &mut Fields,
    kind: &Kind,
    pointers: &mut Pointers,
) -> Result<Vec<Handshake>, SchemeError> {
    let list = match fields.value("handshakes") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= LIST_MAX => list,
        Some(_) => return Err(fields.error("handshakes", list_rule())),
    };
    let numbered = list.into_iter().enumerate();
    numbered
        .map(|(index, value)| {
            handshake(Fields::new(format!("handshakes[{index}]"), value)?, kind, pointers)
        })
        .collect()
}

fn list_rule() -> String {
    format!("must be a list of at most {LIST_MAX} objects")
}

fn handshake(
    mut fields: Fields,
    kind: &Kind,
    pointers: &mut Pointers,
) -> Result<Handshake, SchemeError> {
    let methods = [("GET", Method::Get), ("POST", Method::Post)];
    let method = fields.choice("method", &methods)?.unwrap_or(Method::Post);
    let unsigned = fields.flag("unsigned")?;
    if method == Method::Get && !unsigned {
        return Err(fields.error("unsigned", "must be true for GET: nothing is signed there"));
    }
    let when = match fields.value("when") {
        Some(Value::Array(list)) if (1..=LIST_MAX).contains(&list.len()) => list,
        _ => return Err(fields.error("when", format!("must have 1 to {LIST_MAX} conditions"))),
    };
    let when = when
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            condition(Fields::new(fields.path(&format!("when[{index}]")), value)?, pointers)
        })
        .collect::<Result<Vec<_>, _>>()?;
    // What is not there is not there in events either, and they would vanish.
    if !when.iter().any(Condition::asks_for_something) {
        return Err(fields.error("when", "must have one condition that is not `present` `false`"));
    }
    let answer = match fields.object("answer")? {
        None => None,
        Some(answer) => Some(answer_of(answer, kind, &when, pointers)?),
    };
    fields.finish()?;
    Ok(Handshake { method, unsigned, when, answer })
}

fn condition(mut fields: Fields, pointers: &mut Pointers) -> Result<Condition, SchemeError> {
    let from = fields.text("from")?.ok_or_else(|| fields.error("from", "is missing"))?;
    let subject = match from.as_str() {
        "body" => Subject::Body,
        _ => {
            let input = Input::parse(&from, pointers);
            Subject::Input(input.map_err(|rule| fields.error("from", rule))?)
        }
    };
    let mut tests = Vec::new();
    match fields.value("is") {
        None => {}
        Some(Value::String(text)) if text.len() <= LONG_TEXT_BYTES_MAX => {
            tests.push(Test::Is(text));
        }
        Some(_) => {
            let rule = format!("must be a text of at most {LONG_TEXT_BYTES_MAX} bytes");
            return Err(fields.error("is", rule));
        }
    }
    match fields.value("present") {
        None => {}
        Some(Value::Bool(wanted)) => tests.push(Test::Present(wanted)),
        Some(_) => return Err(fields.error("present", "must be true or false")),
    }
    tests.extend(fields.text("digits_after")?.map(Test::DigitsAfter));
    tests.extend(hex_length(&mut fields)?.map(Test::Hex));
    let (Some(test), None) = (tests.pop(), tests.pop()) else {
        let rule = "needs exactly one of is, present, digits_after, hex beside it";
        return Err(fields.error("from", rule));
    };
    fields.finish()?;
    Ok(Condition { subject, test })
}

fn hex_length(fields: &mut Fields) -> Result<Option<HexLength>, SchemeError> {
    let Some(value) = fields.value("hex") else { return Ok(None) };
    let numbers: Option<Vec<usize>> = value.as_array().and_then(|list| {
        list.iter().map(|number| usize::try_from(number.as_u64()?).ok()).collect()
    });
    match numbers.as_deref() {
        Some([min, max]) if (1..=*max).contains(min) && *max <= 256 => {
            Ok(Some(HexLength { min: *min, max: *max }))
        }
        _ => Err(fields.error("hex", "must be the least and the greatest length, 1 to 256")),
    }
}

fn answer_of(
    mut fields: Fields,
    kind: &Kind,
    when: &[Condition],
    pointers: &mut Pointers,
) -> Result<Answer, SchemeError> {
    let challenge = challenge(&mut fields, kind, when, pointers)?;
    let Ack { body, status, content_type } = answer(&mut fields)?;
    let body = body_parts(&body).map_err(|rule| fields.error("body", rule))?;
    if challenge.is_some() != body.contains(&AnswerPart::Signature) {
        return Err(fields.error("body", "must hold {signature} exactly if there is `sign`"));
    }
    fields.finish()?;
    Ok(Answer { challenge, head: Ack { status, content_type, body: String::new() }, body })
}

/// What is signed for anybody who asks must be told from what an event signs, so it is one input
/// of a form that is known.
fn challenge(
    fields: &mut Fields,
    kind: &Kind,
    when: &[Condition],
    pointers: &mut Pointers,
) -> Result<Option<Challenge>, SchemeError> {
    let Some(text) = fields.text("sign")? else { return Ok(None) };
    let signs = matches!(kind, Kind::Signed(s) if !matches!(s.algorithm, Algorithm::Rsa(_)));
    if !signs {
        return Err(fields.error("sign", "needs a `kind` that signs with a shared secret"));
    }
    let text = Template::parse(&text, pointers).map_err(|rule| fields.error("sign", rule))?;
    let form = when.iter().find_map(|condition| match (&condition.subject, &condition.test) {
        (Subject::Input(input), Test::Hex(form)) if text.is_only(input) => Some(*form),
        _ => None,
    });
    match form {
        Some(form) => Ok(Some(Challenge { text, form })),
        None => Err(fields.error("sign", "must be one input that `when` limits by `hex`")),
    }
}

fn body_parts(text: &str) -> Result<Vec<AnswerPart>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').ok_or("has `{` without `}`")?;
        parts.extend((!before.is_empty()).then(|| AnswerPart::Literal(before.to_owned())));
        parts.push(match inside.split_once(':') {
            None if inside == "signature" => AnswerPart::Signature,
            Some(("config", name)) if !name.is_empty() => AnswerPart::Config(name.to_owned()),
            _ => return Err(format!("has an unknown placeholder `{{{inside}}}`")),
        });
        rest = behind;
    }
    parts.extend((!rest.is_empty()).then(|| AnswerPart::Literal(rest.to_owned())));
    Ok(parts)
}
