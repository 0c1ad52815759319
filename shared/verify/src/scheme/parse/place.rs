//! The entries of `sig`: where signatures are found and how a value comes apart.

use serde_json::Value;

use super::LIST_MAX;
use crate::input::Input;
use crate::json::Pointers;
use crate::scheme::fields::{Fields, SchemeError};
use crate::scheme::record::{
    ElementForm, Kind, PairKey, Prefix, SignatureEncoding, SignaturePlace, Take,
};

pub(super) fn places(
    fields: &mut Fields,
    kind: &Kind,
    pointers: &mut Pointers,
) -> Result<Vec<SignaturePlace>, SchemeError> {
    let list = match fields.value("sig") {
        Some(Value::Array(list)) if (1..=LIST_MAX).contains(&list.len()) => list,
        _ => return Err(fields.error("sig", format!("must be a list of 1 to {LIST_MAX} places"))),
    };
    let numbered = list.into_iter().enumerate();
    numbered
        .map(|(index, value)| place(Fields::new(format!("sig[{index}]"), value)?, kind, pointers))
        .collect()
}

fn place(
    mut fields: Fields,
    kind: &Kind,
    pointers: &mut Pointers,
) -> Result<SignaturePlace, SchemeError> {
    let from = fields.text("from")?.ok_or_else(|| fields.error("from", "is missing"))?;
    let from = Input::parse(&from, pointers).map_err(|rule| fields.error("from", rule))?;
    let any_line = fields.choice("repeat", &[("reject", false), ("any", true)])?.unwrap_or(false);
    if any_line && !matches!(from, Input::Header(_)) {
        return Err(fields.error("repeat", "`any` means nothing for something that is no header"));
    }
    let encoding = signature_encoding(&mut fields, kind)?;
    if matches!(kind, Kind::Basic) {
        fields.refuse(
            &["split", "kv", "kvsep", "single", "positional", "prefix", "take", "suffix_sep"],
            "means nothing for `basic`: RFC 7617 fixes the form",
        )?;
    }
    let split = split(&mut fields)?;
    let form = element_form(&mut fields, split)?;
    let prefix = prefix(&mut fields, &from)?;
    let place = SignaturePlace {
        any_line,
        split,
        form,
        prefix,
        take: take(&mut fields)?,
        suffix_separator: fields.text("suffix_sep")?,
        encoding,
        from,
    };
    fields.finish()?;
    Ok(place)
}

fn signature_encoding(fields: &mut Fields, kind: &Kind) -> Result<SignatureEncoding, SchemeError> {
    let words = [
        ("hex", Some(SignatureEncoding::Hex)),
        ("base64", Some(SignatureEncoding::Base64)),
        ("base64-hex", Some(SignatureEncoding::Base64OfHex)),
        ("text", None),
    ];
    let is_credential = matches!(kind, Kind::Token | Kind::Basic);
    match fields.choice("enc", &words)? {
        None => Err(fields.error("enc", "is missing")),
        Some(Some(encoding)) if !is_credential => Ok(encoding),
        // A credential is compared as it stands; the encoding is never consulted.
        Some(None) if is_credential => Ok(SignatureEncoding::Hex),
        Some(Some(_)) => Err(fields.error("enc", "must be `text` for a fixed credential")),
        Some(None) => Err(fields.error("enc", "`text` is for fixed credentials only")),
    }
}

fn split(fields: &mut Fields) -> Result<Option<u8>, SchemeError> {
    match fields.text("split")?.as_deref().map(str::as_bytes) {
        None => Ok(None),
        Some([separator]) if separator.is_ascii() => Ok(Some(*separator)),
        Some(_) => Err(fields.error("split", "must be one ASCII character")),
    }
}

fn element_form(fields: &mut Fields, split: Option<u8>) -> Result<ElementForm, SchemeError> {
    let keys = fields.texts("kv", LIST_MAX)?;
    let single = fields.texts("single", LIST_MAX)?;
    let separator = fields.text("kvsep")?;
    let positional = fields.text("positional")?;
    match positional {
        Some(_) if split.is_none() => {
            Err(fields.error("positional", "needs `split` to tell elements apart"))
        }
        Some(_) if !keys.is_empty() => Err(fields.error("positional", "cannot stand beside `kv`")),
        Some(_) if !single.is_empty() => Err(fields.error("single", "means nothing without `kv`")),
        Some(_) if separator.is_some() => Err(fields.error("kvsep", "means nothing without `kv`")),
        Some(name) if name != "t" => {
            Err(fields.error("positional", format!("`{name}` is not one of t")))
        }
        Some(_) => Ok(ElementForm::TimestampFirst),
        None if !keys.is_empty() => Ok(ElementForm::Pairs {
            keys: keys.into_iter().map(pair_key).collect(),
            separator: separator.unwrap_or_else(|| "=".to_owned()),
            single,
        }),
        None if !single.is_empty() => Err(fields.error("single", "means nothing without `kv`")),
        None if separator.is_some() => Err(fields.error("kvsep", "means nothing without `kv`")),
        None => Ok(ElementForm::Bare),
    }
}

fn pair_key(text: String) -> PairKey {
    match text.strip_prefix('$') {
        Some(name) => PairKey::Config(name.to_owned()),
        None => PairKey::Literal(text),
    }
}

fn prefix(fields: &mut Fields, from: &Input) -> Result<Option<Prefix>, SchemeError> {
    let skip_unknown = fields.flag("skip_unknown")?;
    match fields.text("prefix")? {
        None if skip_unknown => Err(fields.error("skip_unknown", "means nothing without `prefix`")),
        None => Ok(None),
        Some(text) => Ok(Some(Prefix { text, ignore_case: from.is_authorization(), skip_unknown })),
    }
}

fn take(fields: &mut Fields) -> Result<Option<Take>, SchemeError> {
    let Some(value) = fields.value("take") else { return Ok(None) };
    let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if let [Value::String(separator), part] = parts
        && let Some(part) = part.as_u64().and_then(|part| usize::try_from(part).ok())
        && part < LIST_MAX
        && !separator.is_empty()
    {
        return Ok(Some(Take { separator: separator.clone(), part }));
    }
    let rule = format!("must be a separator and a part number below {LIST_MAX}, as in [\"/\", 2]");
    Err(fields.error("take", rule))
}
