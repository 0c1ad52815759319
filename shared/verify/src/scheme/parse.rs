//! From the JSON record to a [`Scheme`].

mod checks;
mod handshake;
mod place;

use std::time::Duration;

use serde_json::Value;

use super::fields::{Fields, SchemeError};
use super::record::{
    Algorithm, ElementForm, KeyEncoding, KeyRule, Kind, Selector, SelectorPart, SignaturePlace,
    SignedText, TimeRule, TimeSource, TimeUnit,
};
use super::{Ack, SCHEME_BYTES_MAX, Scheme};
use crate::batch::Batch;
use crate::digest::Hash;
use crate::input::Input;
use crate::json::Pointers;
use crate::public_key::RsaHash;
use crate::template::Template;

/// Places, keys, selectors and config names: what no real record comes near.
const LIST_MAX: usize = 16;

/// Bytes in a template and in an answer.
const LONG_TEXT_BYTES_MAX: usize = 4096;

/// The longest tolerance: no provider sends anything again after a week with its old timestamp.
const TOLERANCE_SECS_MAX: u64 = 7 * 24 * 3600;

const HASHES: &[(&str, Hash)] =
    &[("sha256", Hash::Sha256), ("sha512", Hash::Sha512), ("sha1", Hash::Sha1), ("md5", Hash::Md5)];

#[derive(Clone, Copy, PartialEq)]
enum KindWord {
    Hmac,
    Digest,
    Token,
    Basic,
    Rsa,
}

pub(super) fn scheme(json: &str) -> Result<Scheme, SchemeError> {
    let mut fields = Fields::new("", parse_json(json)?)
        .map_err(|error| SchemeError::new("scheme", error.rule()))?;
    let mut signed_pointers = Pointers::default();
    let mut identity_pointers = Pointers::default();
    let mut handshake_pointers = Pointers::default();

    let kind = kind(&mut fields, &mut signed_pointers)?;
    let places = place::places(&mut fields, &kind, &mut signed_pointers)?;
    let time = match fields.object("ts")? {
        Some(time) => Some(time_rule(time, &places, &mut signed_pointers)?),
        None => None,
    };
    let scheme = Scheme {
        id: selector(&mut fields, "id", &mut identity_pointers)?,
        event_type: selector(&mut fields, "type", &mut identity_pointers)?,
        config: fields.texts("config", LIST_MAX)?,
        ack: ack(&mut fields)?,
        // What is read from the item to verify it makes it signed apart.
        batch: batch(&mut fields, !signed_pointers.is_empty())?,
        handshakes: handshake::handshakes(&mut fields, &kind, &mut handshake_pointers)?,
        json: json.into(),
        kind,
        places,
        time,
        signed_pointers,
        identity_pointers,
        handshake_pointers,
    };
    fields.finish()?;
    checks::check(&scheme)?;
    Ok(scheme)
}

fn parse_json(json: &str) -> Result<Value, SchemeError> {
    if json.len() > SCHEME_BYTES_MAX {
        let rule = format!("must have at most {SCHEME_BYTES_MAX} bytes");
        return Err(SchemeError::new("scheme", rule));
    }
    serde_json::from_str(json)
        .map_err(|error| SchemeError::new("scheme", format!("must be JSON: {error}")))
}

fn kind(fields: &mut Fields, pointers: &mut Pointers) -> Result<Kind, SchemeError> {
    let words = [
        ("hmac", KindWord::Hmac),
        ("digest", KindWord::Digest),
        ("token", KindWord::Token),
        ("basic", KindWord::Basic),
        ("rsa", KindWord::Rsa),
    ];
    let word = fields.choice("kind", &words)?.ok_or_else(|| fields.error("kind", "is missing"))?;
    match word {
        KindWord::Token | KindWord::Basic => {
            fields.refuse(
                &["hash", "key", "msg", "msg_alt", "ts"],
                "means nothing for a fixed credential",
            )?;
            let is_token = word == KindWord::Token;
            return Ok(if is_token { Kind::Token } else { Kind::Basic });
        }
        KindWord::Hmac | KindWord::Digest | KindWord::Rsa => {}
    }
    let hash = fields.choice("hash", HASHES)?.ok_or_else(|| fields.error("hash", "is missing"))?;
    let text =
        template(fields, "msg", pointers)?.ok_or_else(|| fields.error("msg", "is missing"))?;
    let texts =
        [Some(text), template(fields, "msg_alt", pointers)?].into_iter().flatten().collect();
    let algorithm = match word {
        KindWord::Digest => {
            fields.refuse(&["key"], "means nothing for a digest: its secret is in `msg`")?;
            Algorithm::Digest
        }
        KindWord::Rsa => {
            fields.refuse(&["key"], "means nothing for `rsa`: its keys are PEM")?;
            Algorithm::Rsa(
                rsa_hash(hash)
                    .ok_or_else(|| fields.error("hash", "must be sha256 or sha512 for `rsa`"))?,
            )
        }
        KindWord::Hmac | KindWord::Token | KindWord::Basic => Algorithm::Hmac(key_rule(fields)?),
    };
    Ok(Kind::Signed(SignedText { hash, algorithm, texts }))
}

fn rsa_hash(hash: Hash) -> Option<RsaHash> {
    match hash {
        Hash::Sha256 => Some(RsaHash::Sha256),
        Hash::Sha512 => Some(RsaHash::Sha512),
        Hash::Sha1 | Hash::Md5 => None,
    }
}

fn template(
    fields: &mut Fields,
    name: &str,
    pointers: &mut Pointers,
) -> Result<Option<Template>, SchemeError> {
    let Some(text) = fields.text_within(name, LONG_TEXT_BYTES_MAX)? else { return Ok(None) };
    Template::parse(&text, pointers).map(Some).map_err(|rule| fields.error(name, rule))
}

fn key_rule(fields: &mut Fields) -> Result<KeyRule, SchemeError> {
    let mut rule = KeyRule { encoding: KeyEncoding::Text, strip: None, prehash: None };
    let Some(mut key) = fields.object("key")? else { return Ok(rule) };
    let words =
        [("utf8", KeyEncoding::Text), ("base64", KeyEncoding::Base64), ("hex", KeyEncoding::Hex)];
    rule.encoding = key.choice("enc", &words)?.unwrap_or(KeyEncoding::Text);
    rule.strip = key.text("strip")?;
    rule.prehash = key.choice("prehash", HASHES)?;
    key.finish()?;
    Ok(rule)
}

fn time_rule(
    mut fields: Fields,
    places: &[SignaturePlace],
    pointers: &mut Pointers,
) -> Result<TimeRule, SchemeError> {
    let from = fields.text("from")?.ok_or_else(|| fields.error("from", "is missing"))?;
    let from = match from.strip_prefix("sig:") {
        Some(key) => {
            check_time_element(&fields, key, places)?;
            TimeSource::Element(key.to_owned())
        }
        None => {
            let input = Input::parse(&from, pointers);
            TimeSource::Input(input.map_err(|rule| fields.error("from", rule))?)
        }
    };
    let units =
        [("s", TimeUnit::Seconds), ("ms", TimeUnit::Millis), ("rfc3339", TimeUnit::Rfc3339)];
    let unit = fields.choice("unit", &units)?.ok_or_else(|| fields.error("unit", "is missing"))?;
    let opaque = fields.flag("opaque")?;
    let tolerance = fields.number("tol", TOLERANCE_SECS_MAX)?.map(Duration::from_secs);
    if opaque && tolerance.is_some() {
        return Err(fields.error("tol", "means nothing for an opaque timestamp"));
    }
    fields.finish()?;
    Ok(TimeRule { from, unit, tolerance, opaque })
}

fn check_time_element(
    fields: &Fields,
    key: &str,
    places: &[SignaturePlace],
) -> Result<(), SchemeError> {
    let [place] = places else {
        return Err(fields.error("from", "`sig:` needs exactly one place in `sig`"));
    };
    if place.any_line {
        return Err(fields.error("from", "`sig:` cannot stand beside `repeat` `any`"));
    }
    let known = match &place.form {
        ElementForm::Bare => false,
        ElementForm::Pairs { single, .. } => single.iter().any(|name| name == key),
        ElementForm::TimestampFirst => key == "t",
    };
    if !known {
        let rule = format!("`sig:{key}` needs `{key}` in `sig[0].single` or `sig[0].positional`");
        return Err(fields.error("from", rule));
    }
    Ok(())
}

fn selector(
    fields: &mut Fields,
    name: &str,
    pointers: &mut Pointers,
) -> Result<Selector, SchemeError> {
    let parts = fields.texts(name, LIST_MAX)?;
    let parts = parts.into_iter().map(|part| match part.strip_prefix('=') {
        Some(literal) => Ok(SelectorPart::Literal(literal.to_owned())),
        None => Input::parse(&part, pointers).map(SelectorPart::Input),
    });
    let parts: Vec<_> = parts.collect::<Result<_, _>>().map_err(|rule| fields.error(name, rule))?;
    if !parts.is_empty() && !parts.iter().any(|part| matches!(part, SelectorPart::Input(_))) {
        return Err(fields.error(name, "must select something from the request"));
    }
    Ok(Selector(parts))
}

fn batch(fields: &mut Fields, is_signed_apart: bool) -> Result<Option<Batch>, SchemeError> {
    let Some(each) = fields.text("each")? else {
        fields.refuse(&["item"], "means nothing without `each`")?;
        return Ok(None);
    };
    let item = fields.text("item")?;
    Batch::parse(&each, item.as_deref(), is_signed_apart)
        .map(Some)
        .map_err(|(field, rule)| fields.error(field, rule))
}

fn ack(fields: &mut Fields) -> Result<Ack, SchemeError> {
    match fields.object("ack")? {
        None => Ok(Ack { status: 200, content_type: None, body: String::new() }),
        Some(mut record) => {
            let ack = answer(&mut record)?;
            record.finish()?;
            Ok(ack)
        }
    }
}

/// Status, content type and body of an answer that means "accepted".
fn answer(record: &mut Fields) -> Result<Ack, SchemeError> {
    let status = record.number("status", 299)?.unwrap_or(200);
    let status = u16::try_from(status).ok().filter(|status| *status >= 200);
    let answer = Ack {
        status: status.ok_or_else(|| record.error("status", "must be from 200 to 299"))?,
        content_type: record.text("content_type")?,
        body: record.text_within("body", LONG_TEXT_BYTES_MAX)?.unwrap_or_default(),
    };
    // What is sent as a header must be one.
    let is_value = |text: &String| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !answer.content_type.as_ref().is_none_or(is_value) {
        return Err(record.error("content_type", "must be printable ASCII"));
    }
    if !answer.body.is_empty() && answer.content_type.is_none() {
        return Err(record.error("content_type", "is needed beside `body`"));
    }
    Ok(answer)
}
