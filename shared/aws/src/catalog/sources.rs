//! Sources as rows, in two lists: all of them, and those of their merchant.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use postback_domain::audit::Record;
use postback_domain::ids::{MerchantId, SecretId, SourceId};
use postback_domain::rotation::{Owner, Terms};
use postback_domain::source::{SchemeChoice, Source, Tolerance};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_verify::Secret;

use super::Written;
use super::lists::List;
use super::noun::{
    Attributes, CREATED, MERCHANT, Noun, REVISION, Replaceable, json, label_text, merchant,
    optional_json, optional_label, owner, place,
};
use super::write::{Together, update_if};
use crate::item::{Damaged, Item, Reader, number, text, texts, time};
use crate::table::{Key, Table};

const NAME: &str = "name";
/// The name of a scheme that every version knows; without one, the scheme itself is there.
const PRESET: &str = "preset";
const SCHEME: &str = "scheme";
const SECRETS: &str = "secrets";
/// Absent in rows of before.
const SECRET_TERMS: &str = "secret_terms";
const CONFIG: &str = "config";
/// Absent where all events are for the source's merchant.
const MERCHANT_FROM: &str = "merchant_from";
/// Absent for the scheme's own.
const TOLERANCE: &str = "tolerance_ms";

/// How long the last use of any secret is remembered.
const USES_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// How [`Tolerance::Unchecked`] is kept.
const UNCHECKED: i64 = -1;

pub(super) async fn create(table: &Table, source: &Source, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.check_there(place(source.merchant_id));
    together.create(source);
    for list in lists_of(source.merchant_id) {
        together.put(list.entry(source.created_at, source.id));
    }
    together.commit().await
}

pub(super) async fn delete(table: &Table, id: SourceId, record: &Record) -> Written {
    let (merchant, created) = owner(table, id).await?;
    let mut together = Together::on(table, record);
    together.delete_owned(place(id), merchant);
    together.delete(uses(id));
    for list in lists_of(merchant) {
        together.delete(list.entry(created, id));
    }
    together.commit().await
}

/// One row for all secrets of a source, apart from the source itself: whoever writes here neither
/// counts a revision nor makes anybody forget what is remembered.
fn uses(id: SourceId) -> Key {
    Key { sk: "uses".to_owned(), ..place(id) }
}

/// The source may be gone by now; what is noted then goes on its own.
pub(crate) async fn note_secret_use(
    table: &Table,
    source: SourceId,
    secret: SecretId,
    at: Timestamp,
) -> Result<(), Unavailable> {
    let update = format!("SET #{secret} = :at, #expires = :expires");
    let condition = format!("attribute_not_exists(#{secret}) OR #{secret} < :at");
    let expires = number(at.plus(USES_KEPT).as_secs());
    let values = [(":at", time(at)), (":expires", expires)];
    update_if(table, &uses(source), &update, &condition, values).await.map(drop)
}

pub(super) async fn secret_uses(
    table: &Table,
    id: SourceId,
) -> Result<Vec<(SecretId, Timestamp)>, Unavailable> {
    let Some(row) = table.get(&uses(id)).await? else { return Ok(Vec::new()) };
    let reader = Reader::new(&row)?;
    let noted = row.keys().filter_map(|name| Some((name, name.parse::<SecretId>().ok()?)));
    Ok(noted.map(|(name, id)| Ok((id, reader.time(name)?))).collect::<Result<_, Damaged>>()?)
}

fn lists_of(merchant: MerchantId) -> [List; 2] {
    [List::sources(), List::sources_of(merchant)]
}

impl Noun for Source {
    type Id = SourceId;

    fn id(&self) -> SourceId {
        self.id
    }

    fn attributes(&self) -> Item {
        let (scheme_name, scheme) = match &self.scheme {
            SchemeChoice::Preset(preset) => (PRESET, preset.name.as_str()),
            SchemeChoice::Own(scheme) => (SCHEME, scheme.as_json()),
        };
        Attributes::default()
            .with(MERCHANT, text(self.merchant_id.to_string()))
            .with_some(MERCHANT_FROM, self.merchant_from.as_ref().map(|field| text(field.as_str())))
            .with_some(NAME, self.name.as_ref().map(label_text))
            .with(scheme_name, text(scheme))
            .with(SECRETS, texts(self.secrets.iter().map(|secret| secret.secret.expose())))
            .with(SECRET_TERMS, json(&Terms::of(&self.secrets, Secret::expose)))
            .with(CONFIG, json(&self.config))
            .with_some(TOLERANCE, tolerance_number(self.tolerance))
            .with(CREATED, time(self.created_at))
            .with(REVISION, number(self.revision))
            .item()
    }

    fn of(id: SourceId, row: Reader<'_>) -> Result<Self, Damaged> {
        let (created_at, revision) = (row.time(CREATED)?, row.number(REVISION)?);
        let secrets = row.texts(SECRETS)?.into_iter().map(Secret::new).collect();
        let terms = optional_json(row, SECRET_TERMS)?;
        Ok(Self {
            id,
            merchant_id: merchant(row)?,
            merchant_from: row.optional_parsed(MERCHANT_FROM)?,
            name: optional_label(row, NAME)?,
            scheme: scheme(row)?,
            secrets: Terms::join(
                terms,
                secrets,
                Secret::expose,
                Owner::source(id, revision),
                created_at,
            ),
            config: optional_json(row, CONFIG)?.unwrap_or_default(),
            tolerance: tolerance(row)?,
            created_at,
            revision,
        })
    }
}

impl Replaceable for Source {
    const CHANGING: &'static [&'static str] =
        &[NAME, MERCHANT_FROM, PRESET, SCHEME, SECRETS, SECRET_TERMS, CONFIG, TOLERANCE, REVISION];

    fn revision(&self) -> u32 {
        self.revision
    }
}

fn scheme(row: Reader<'_>) -> Result<SchemeChoice, Damaged> {
    match row.optional_text(PRESET)? {
        Some(name) => SchemeChoice::preset(name)
            .map_err(|_| Damaged::new(PRESET, "no preset that this version knows")),
        None => SchemeChoice::own(row.text(SCHEME)?)
            .map_err(|_| Damaged::new(SCHEME, "no scheme that this version knows")),
    }
}

fn tolerance_number(tolerance: Tolerance) -> Option<AttributeValue> {
    match tolerance {
        Tolerance::SchemeDefault => None,
        Tolerance::Unchecked => Some(number(UNCHECKED)),
        Tolerance::Within(age) => Some(number(age.as_millis())),
    }
}

fn tolerance(row: Reader<'_>) -> Result<Tolerance, Damaged> {
    Ok(match row.optional_number::<i64>(TOLERANCE)? {
        None => Tolerance::SchemeDefault,
        Some(UNCHECKED) => Tolerance::Unchecked,
        Some(age_ms) => {
            let age_ms = u64::try_from(age_ms);
            let age_ms = age_ms.map_err(|_| Damaged::new(TOLERANCE, "not a length of time"))?;
            Tolerance::Within(Duration::from_millis(age_ms))
        }
    })
}

#[cfg(test)]
mod tests {
    use postback_contract::world::{label, secrets, source};
    use postback_verify::Config;

    use super::*;
    use crate::catalog::noun::tests::{check_replacement, check_row, read_back, row};

    const NEEDED: [&str; 6] = ["pk", "sk", MERCHANT, PRESET, CREATED, REVISION];

    fn oldest() -> Source {
        Source { secrets: Vec::new(), ..source(8) }
    }

    #[test]
    fn rows_are_what_was_written() {
        let own = r#"{"kind":"hmac","hash":"sha256","sig":[{"from":"header:x-sig","enc":"hex"}],"msg":"{body}"}"#;
        for tolerance in [
            Tolerance::SchemeDefault,
            Tolerance::Unchecked,
            Tolerance::Within(Duration::ZERO),
            Tolerance::Within(Duration::from_millis(1500)),
        ] {
            let rich = Source {
                name: Some(label("Main account")),
                scheme: SchemeChoice::own(own).unwrap(),
                secrets: secrets(7, &["new \"one\"", ""]),
                config: Config::from([("url", "https://x.example/?a=b"), ("b", "")]),
                tolerance,
                ..source(7)
            };
            check_row(&rich, &oldest(), &NEEDED);
            check_replacement(&rich, &[MERCHANT, CREATED]);
            check_row(&Source { tolerance, ..source(7) }, &oldest(), &NEEDED);
        }
    }

    /// A replacement may change a preset into a scheme; the row then has one of the two.
    #[test]
    fn a_row_has_a_preset_or_a_scheme_of_its_own() {
        let preset = row(&source(7));
        assert!(preset.contains_key(PRESET) && !preset.contains_key(SCHEME));
        assert!(Source::CHANGING.contains(&PRESET) && Source::CHANGING.contains(&SCHEME));
        let mut neither = preset;
        neither.remove(PRESET);
        let told = read_back::<Source>(source(7).id, &neither).unwrap_err();
        assert_eq!(told, "attribute `scheme` of an item is missing");
    }

    #[test]
    fn a_tolerance_is_not_negative_by_accident() {
        let mut damaged = row(&source(7));
        damaged.insert(TOLERANCE.to_owned(), number(-2));
        let told = read_back::<Source>(source(7).id, &damaged).unwrap_err();
        assert_eq!(told, "attribute `tolerance_ms` of an item is not a length of time");
    }
}
