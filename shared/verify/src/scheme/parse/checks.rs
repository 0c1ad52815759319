//! The rules that tie the fields of a record to each other.

use crate::input::Input;
use crate::scheme::Scheme;
use crate::scheme::fields::SchemeError;
use crate::scheme::record::{
    Algorithm, ElementForm, Kind, PairKey, Selector, SelectorPart, TimeRule, TimeSource,
};
use crate::template::Template;

pub(super) fn check(scheme: &Scheme) -> Result<(), SchemeError> {
    check_text_and_time(scheme)?;
    check_batch(scheme)?;
    check_body_form(scheme)?;
    check_config(scheme)
}

/// The rules that tie the signed text to the secret and to the timestamp.
fn check_text_and_time(scheme: &Scheme) -> Result<(), SchemeError> {
    let Kind::Signed(signed) = &scheme.kind else { return Ok(()) };
    let is_digest = matches!(signed.algorithm, Algorithm::Digest);
    for (text, field) in signed.texts.iter().zip(["msg", "msg_alt"]) {
        if is_digest && !text.has_secret() {
            return Err(SchemeError::new(field, "must hold {secret}: anybody can make a digest"));
        }
        if matches!(signed.algorithm, Algorithm::Rsa(_)) && text.mentions_secret() {
            return Err(SchemeError::new(field, "holds {secret}, which is a public key"));
        }
        if !is_digest && !text.depends_on_request() {
            return Err(SchemeError::new(field, "must hold something of the request"));
        }
        match &scheme.time {
            None if text.mentions_timestamp() => {
                return Err(SchemeError::new(field, "holds {ts}, and there is no `ts`"));
            }
            Some(time) if !is_time_signed(time, text) => {
                let rule = "is not part of the signed text, so anybody could change it";
                return Err(SchemeError::new("ts", rule));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_time_signed(time: &TimeRule, text: &Template) -> bool {
    text.has_timestamp()
        || match &time.from {
            TimeSource::Input(Input::Json(_) | Input::Form(_)) if text.covers_body() => true,
            TimeSource::Input(input) => text.has_input(input),
            TimeSource::Element(_) => false,
        }
}

/// What is read for one item is the item's own.
fn check_batch(scheme: &Scheme) -> Result<(), SchemeError> {
    let Some(batch) = &scheme.batch else { return Ok(()) };
    let Selector(id) = &scheme.id;
    let is_items_own = |part: &SelectorPart| matches!(part, SelectorPart::Input(Input::Json(_)));
    if !id.is_empty() && !id.iter().any(is_items_own) {
        let rule = "must select something of the item, or all items of a request are one event";
        return Err(SchemeError::new("id", rule));
    }
    let Kind::Signed(signed) = &scheme.kind else { return Ok(()) };
    for (text, field) in signed.texts.iter().zip(["msg", "msg_alt"]) {
        if batch.is_signed_apart && text.covers_body() {
            return Err(SchemeError::new(
                field,
                "holds {body} although items are signed one by one",
            ));
        }
    }
    Ok(())
}

/// No body is JSON and a form.
fn check_body_form(scheme: &Scheme) -> Result<(), SchemeError> {
    let texts = match &scheme.kind {
        Kind::Signed(signed) => signed.texts.as_slice(),
        Kind::Token | Kind::Basic => &[],
    };
    let is_form = |input: &Input| matches!(input, Input::Form(_));
    let in_text = texts.iter().any(|text| text.inputs().any(is_form));
    let in_place = scheme.places.iter().any(|place| is_form(&place.from));
    let in_time = scheme
        .time
        .as_ref()
        .is_some_and(|time| matches!(&time.from, TimeSource::Input(input) if is_form(input)));
    let reads_form = in_text || in_place || in_time;
    if reads_form && (!scheme.signed_pointers.is_empty() || scheme.batch.is_some()) {
        let field = if in_text {
            "msg"
        } else if in_place {
            "sig"
        } else {
            "ts"
        };
        return Err(SchemeError::new(
            field,
            "reads the body as a form and as JSON, and none is both",
        ));
    }
    Ok(())
}

/// Every configured name is used, and every used name is configured.
fn check_config(scheme: &Scheme) -> Result<(), SchemeError> {
    let texts = match &scheme.kind {
        Kind::Signed(signed) => signed.texts.as_slice(),
        Kind::Token | Kind::Basic => &[],
    };
    let in_texts = texts.iter().flat_map(|text| text.config_names());
    let in_places = scheme.places.iter().flat_map(|place| match &place.form {
        ElementForm::Pairs { keys, .. } => keys.as_slice(),
        ElementForm::Bare | ElementForm::TimestampFirst => &[],
    });
    let in_places = in_places.filter_map(|key| match key {
        PairKey::Config(name) => Some(name.as_str()),
        PairKey::Literal(_) => None,
    });
    let in_answers = scheme.handshakes.iter().flat_map(|handshake| handshake.config_names());
    let used: Vec<&str> = in_texts.chain(in_places).chain(in_answers).collect();
    if let Some(name) = used.iter().find(|name| !scheme.config.iter().any(|known| known == *name)) {
        return Err(SchemeError::new("config", format!("`{name}` is used and not listed")));
    }
    if let Some(name) = scheme.config.iter().find(|name| !used.contains(&name.as_str())) {
        return Err(SchemeError::new("config", format!("`{name}` is listed and not used")));
    }
    Ok(())
}
