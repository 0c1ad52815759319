//! What a source is made of, read from a body and checked as a whole: the secrets and the
//! configuration must fit the scheme, whichever of them a change touches. A source that could never
//! verify a request is refused here, not discovered when the first payment comes in.

use std::time::Duration;

use postback_domain::ids::SourceId;
use postback_domain::limits::SECRETS_PER_SOURCE_MAX;
use postback_domain::rotation;
use postback_domain::source::{SchemeChoice, Source, TOLERANCE_MAX, Tolerance};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_verify::{BodyField, Config, Secret};
use serde_json::Value;

use crate::api::fields::{Fields, Patch};
use crate::api::values::{label, list, parsed, text, texts_by_name, whole};
use crate::problem::Problem;

/// What a PATCH says.
#[derive(Debug, Clone)]
pub(super) struct Change {
    merchant_from: Patch<BodyField>,
    name: Patch<Label>,
    scheme: Option<SchemeChoice>,
    secrets: Option<Vec<Secret>>,
    config: Patch<Config>,
    tolerance: Option<Tolerance>,
}

/// A new source.
pub(super) fn source(fields: &mut Fields, id: SourceId, now: Timestamp) -> Result<Source, Problem> {
    let merchant_id = fields.required("merchant_id", parsed)?;
    let change = Change::read(fields)?;
    let mut source = Source {
        id,
        merchant_id,
        merchant_from: None,
        name: None,
        scheme: change.scheme.clone().ok_or_else(|| Problem::missing("preset"))?,
        secrets: Vec::new(),
        config: Config::default(),
        tolerance: Tolerance::SchemeDefault,
        created_at: now,
        revision: 0,
    };
    if change.secrets.is_none() {
        return Err(Problem::missing("secrets"));
    }
    change.apply(&mut source, now)?;
    Ok(source)
}

impl Change {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let preset = fields.change("preset", text)?;
        let own = fields.change("scheme", Ok)?.map(own_scheme).transpose()?;
        let scheme = match (preset, own) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("scheme", "cannot stand beside `preset`"));
            }
            (Some(name), None) => Some(SchemeChoice::preset(&name).map_err(|error| {
                Problem::field("unknown_preset", "preset", format!("field `preset`: {error}"))
            })?),
            (None, own) => own,
        };
        let seconds = |value| whole(&value, 1..=TOLERANCE_MAX.as_secs());
        let tolerance = match fields.patch("tolerance_s", seconds)? {
            Patch::Keep => None,
            Patch::Clear => Some(Tolerance::Unchecked),
            Patch::Set(secs) => Some(Tolerance::Within(Duration::from_secs(secs))),
        };
        Ok(Self {
            merchant_from: fields.patch("merchant_from", parsed)?,
            name: fields.patch("name", label)?,
            scheme,
            secrets: fields.change("secrets", secrets)?,
            config: fields.patch("config", config)?,
            tolerance,
        })
    }

    pub(super) fn apply(self, source: &mut Source, now: Timestamp) -> Result<(), Problem> {
        let tolerance_asked = self.tolerance.is_some();
        self.merchant_from.apply_to(&mut source.merchant_from);
        self.name.apply_to(&mut source.name);
        if let Some(scheme) = self.scheme {
            source.scheme = scheme;
        }
        if let Some(secrets) = self.secrets {
            let owner = source.next_owner();
            rotation::replace(&mut source.secrets, owner, now, secrets);
        }
        self.config.apply_or(&mut source.config, Config::default);
        if let Some(tolerance) = self.tolerance {
            source.tolerance = tolerance;
        }
        source.revision = source.revision.saturating_add(1);
        check(source, tolerance_asked)
    }
}

fn check(source: &Source, tolerance_asked: bool) -> Result<(), Problem> {
    let scheme = source.scheme.scheme();
    for (number, secret) in (1..).zip(&source.secrets) {
        scheme
            .check_secret(&secret.secret)
            .map_err(|error| Problem::invalid("secrets", format!("item {number}: {error}")))?;
    }
    scheme.check_config(&source.config).map_err(|error| Problem::invalid("config", error))?;
    if source.merchant_from.is_some() && !scheme.vouches_for_body() {
        let rule = "means nothing here, because the scheme does not sign the body";
        return Err(Problem::invalid("merchant_from", rule));
    }
    let age_limit = matches!(source.tolerance, Tolerance::Within(_));
    if tolerance_asked && age_limit && !scheme.has_time() {
        let rule = "means nothing here, because the scheme signs no time that could be read";
        return Err(Problem::invalid("tolerance_s", rule));
    }
    Ok(())
}

/// A record that breaks a rule is told by the very field of it.
fn own_scheme(record: Value) -> Result<SchemeChoice, Problem> {
    SchemeChoice::own(&record.to_string()).map_err(|error| match error.field() {
        "scheme" => Problem::invalid("scheme", error.rule()),
        field => Problem::invalid(&format!("scheme.{field}"), error.rule()),
    })
}

fn secrets(value: Value) -> Result<Vec<Secret>, String> {
    list(value, 1..=SECRETS_PER_SOURCE_MAX, |item| text(item).map(Secret::new))
}

fn config(value: Value) -> Result<Config, String> {
    Ok(texts_by_name(value)?.into_iter().collect())
}

#[cfg(test)]
mod tests;
