//! Sources as rows.

use std::time::Duration;

use postback_domain::ids::{MerchantId, SecretId, SourceId};
use postback_domain::rotation::{Owner, Terms};
use postback_domain::source::{SchemeChoice, Source, Tolerance};
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Page, PageRequest};
use postback_verify::{BodyField, BodyFieldError, Secret};
use rusqlite::{Connection, Result, Row, params};

use super::{Written, deleted, id_taken, merchant_exists, optional, page, replaced};
use crate::rows::{damaged, json, optional_json, optional_text, time, to_json};

/// How [`Tolerance::Unchecked`] is stored.
const UNCHECKED: i64 = -1;

pub(super) fn create(connection: &Connection, source: &Source) -> Result<Written> {
    if !merchant_exists(connection, source.merchant_id)? {
        return Ok(Err(CatalogError::NotFound));
    }
    if id_taken(connection, "sources", source.id.as_bytes())? {
        return Ok(Err(CatalogError::IdTaken));
    }
    let (preset, scheme) = scheme_columns(source);
    connection
        .prepare_cached(
            "INSERT INTO sources (id, merchant_id, name, preset, scheme, secrets, config, tolerance,
                                  created_at, revision, secret_terms, merchant_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            source.id.as_bytes(),
            source.merchant_id.as_bytes(),
            source.name.as_ref().map(|name| name.as_str()),
            preset,
            scheme,
            secrets_column(source)?,
            to_json(&source.config)?,
            tolerance_column(source.tolerance),
            source.created_at.as_millis(),
            source.revision,
            to_json(&Terms::of(&source.secrets, Secret::expose))?,
            source.merchant_from.as_ref().map(BodyField::as_str),
        ])?;
    Ok(Ok(()))
}

pub(super) fn replace(connection: &Connection, source: &Source) -> Result<Written> {
    let (preset, scheme) = scheme_columns(source);
    let changed = connection
        .prepare_cached(
            "UPDATE sources SET name = ?2, preset = ?3, scheme = ?4, secrets = ?5, config = ?6,
                                tolerance = ?7, revision = ?8, secret_terms = ?9,
                                merchant_from = ?10
             WHERE id = ?1 AND revision = ?8 - 1",
        )?
        .execute(params![
            source.id.as_bytes(),
            source.name.as_ref().map(|name| name.as_str()),
            preset,
            scheme,
            secrets_column(source)?,
            to_json(&source.config)?,
            tolerance_column(source.tolerance),
            source.revision,
            to_json(&Terms::of(&source.secrets, Secret::expose))?,
            source.merchant_from.as_ref().map(BodyField::as_str),
        ])?;
    replaced(connection, "sources", source.id.as_bytes(), changed)
}

pub(super) fn delete(connection: &Connection, id: SourceId) -> Result<Written> {
    connection
        .prepare_cached("DELETE FROM secret_uses WHERE source_id = ?1")?
        .execute(params![id.as_bytes()])?;
    connection
        .prepare_cached("DELETE FROM sources WHERE id = ?1")?
        .execute(params![id.as_bytes()])
        .map(deleted)
}

pub(crate) fn read(connection: &Connection, id: SourceId) -> Result<Option<Source>> {
    let mut select = connection.prepare_cached("SELECT * FROM sources WHERE id = ?1")?;
    optional(select.query_row(params![id.as_bytes()], source))
}

/// The source may be gone by now, which needs no note.
pub(crate) fn note_secret_use(
    connection: &Connection,
    id: SourceId,
    secret: SecretId,
    at: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secret_uses (source_id, secret_id, last_used_at)
             SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM sources WHERE id = ?1)
             ON CONFLICT DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)",
        )?
        .execute(params![id.as_bytes(), secret.as_bytes(), at.as_millis()])
        .map(drop)
}

pub(super) fn secret_uses(
    connection: &Connection,
    id: SourceId,
) -> Result<Vec<(SecretId, Timestamp)>> {
    connection
        .prepare_cached("SELECT * FROM secret_uses WHERE source_id = ?1")?
        .query_map(params![id.as_bytes()], |row| {
            Ok((SecretId::from_bytes(row.get("secret_id")?), time(row, "last_used_at")?))
        })?
        .collect()
}

pub(super) fn list(
    connection: &Connection,
    merchant: Option<MerchantId>,
    request: &PageRequest,
) -> Result<Page<Source>> {
    match merchant {
        None => {
            let sql = "SELECT * FROM sources WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2";
            page(connection, sql, request, &[], source)
        }
        Some(merchant) => {
            let sql = "SELECT * FROM sources WHERE seq < ?1 AND merchant_id = ?3
                       ORDER BY seq DESC LIMIT ?2";
            page(connection, sql, request, &[merchant.as_bytes()], source)
        }
    }
}

fn scheme_columns(source: &Source) -> (Option<&str>, Option<&str>) {
    match &source.scheme {
        SchemeChoice::Preset(preset) => (Some(&preset.name), None),
        SchemeChoice::Own(scheme) => (None, Some(scheme.as_json())),
    }
}

fn secrets_column(source: &Source) -> Result<String> {
    to_json(&source.secrets.iter().map(|secret| secret.secret.expose()).collect::<Vec<_>>())
}

fn tolerance_column(tolerance: Tolerance) -> Option<i64> {
    match tolerance {
        Tolerance::SchemeDefault => None,
        Tolerance::Unchecked => Some(UNCHECKED),
        Tolerance::Within(age) => Some(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// Reads a whole row of `sources`.
pub(crate) fn source(row: &Row<'_>) -> Result<Source> {
    let scheme = match row.get::<_, Option<String>>("preset")? {
        Some(name) => SchemeChoice::preset(&name).map_err(|error| damaged("preset", error))?,
        None => SchemeChoice::own(&row.get::<_, String>("scheme")?)
            .map_err(|error| damaged("scheme", error))?,
    };
    let tolerance = match row.get::<_, Option<i64>>("tolerance")? {
        None => Tolerance::SchemeDefault,
        Some(ms) => u64::try_from(ms)
            .map_or(Tolerance::Unchecked, |ms| Tolerance::Within(Duration::from_millis(ms))),
    };
    let merchant_from = row.get::<_, Option<String>>("merchant_from")?;
    let merchant_from = merchant_from.map(|field| field.parse()).transpose();
    let id = SourceId::from_bytes(row.get("id")?);
    let (created_at, revision) = (time(row, "created_at")?, row.get("revision")?);
    let secrets = json::<Vec<String>>(row, "secrets")?.into_iter().map(Secret::new).collect();
    let terms = optional_json(row, "secret_terms")?;
    Ok(Source {
        id,
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        merchant_from: merchant_from
            .map_err(|error: BodyFieldError| damaged("merchant_from", error))?,
        name: optional_text(row, "name")?,
        scheme,
        secrets: Terms::join(
            terms,
            secrets,
            Secret::expose,
            Owner::source(id, revision),
            created_at,
        ),
        config: json(row, "config")?,
        tolerance,
        created_at,
        revision,
    })
}
