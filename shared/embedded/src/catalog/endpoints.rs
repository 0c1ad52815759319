//! Endpoints as rows.

use postback_domain::endpoint::{
    AttemptTimeout, Destinations, Endpoint, EndpointUrl, ExtraHeader, Kind, OffReason, Switch,
};
use postback_domain::ids::{EndpointId, MerchantId};
use postback_domain::limits::ENDPOINTS_PER_MERCHANT_MAX;
use postback_domain::rotation::{Owner, Terms};
use postback_domain::signing::SigningSecret;
use postback_domain::time::Timestamp;
use postback_domain::turns::RateLimit;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Page, PageRequest};
use rusqlite::{Connection, Result, Row, params};

use super::{Written, deleted, id_taken, merchant_exists, optional, page, replaced};
use crate::rows::{damaged, json, optional_json, optional_text, optional_time, time, to_json};

pub(super) fn create(connection: &Connection, endpoint: &Endpoint) -> Result<Written> {
    if !merchant_exists(connection, endpoint.merchant_id)? {
        return Ok(Err(CatalogError::NotFound));
    }
    if id_taken(connection, "endpoints", endpoint.id.as_bytes())? {
        return Ok(Err(CatalogError::IdTaken));
    }
    let count: usize = connection
        .prepare_cached("SELECT count(*) FROM endpoints WHERE merchant_id = ?1")?
        .query_row(params![endpoint.merchant_id.as_bytes()], |row| row.get(0))?;
    if count >= ENDPOINTS_PER_MERCHANT_MAX {
        let (what, limit) = ("endpoints", ENDPOINTS_PER_MERCHANT_MAX);
        return Ok(Err(CatalogError::LimitReached { what, limit }));
    }
    let (off_since, off_reason) = switch_columns(endpoint.switch);
    connection
        .prepare_cached(
            "INSERT INTO endpoints (id, merchant_id, url, event_types, description, off_since,
                                    off_reason, retry_policy, timeout_s, headers, secrets,
                                    created_at, revision, secret_terms, rate_limit)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            endpoint.id.as_bytes(),
            endpoint.merchant_id.as_bytes(),
            url_column(endpoint),
            to_json(&endpoint.event_types)?,
            endpoint.description.as_ref().map(|text| text.as_str()),
            off_since,
            off_reason,
            endpoint.retry_policy.as_ref().map(to_json).transpose()?,
            endpoint.timeout.get().as_secs(),
            headers_column(endpoint)?,
            secrets_column(endpoint)?,
            endpoint.created_at.as_millis(),
            endpoint.revision,
            to_json(&Terms::of(&endpoint.secrets, SigningSecret::expose))?,
            endpoint.rate_limit.map(rate_limit_column),
        ])?;
    Ok(Ok(()))
}

pub(super) fn replace(connection: &Connection, endpoint: &Endpoint) -> Result<Written> {
    let (off_since, off_reason) = switch_columns(endpoint.switch);
    let changed = connection
        .prepare_cached(
            "UPDATE endpoints SET url = ?2, event_types = ?3, description = ?4, off_since = ?5,
                                  off_reason = ?6, retry_policy = ?7, timeout_s = ?8, headers = ?9,
                                  secrets = ?10, revision = ?11, secret_terms = ?12,
                                  rate_limit = ?13
             WHERE id = ?1 AND revision = ?11 - 1",
        )?
        .execute(params![
            endpoint.id.as_bytes(),
            url_column(endpoint),
            to_json(&endpoint.event_types)?,
            endpoint.description.as_ref().map(|text| text.as_str()),
            off_since,
            off_reason,
            endpoint.retry_policy.as_ref().map(to_json).transpose()?,
            endpoint.timeout.get().as_secs(),
            headers_column(endpoint)?,
            secrets_column(endpoint)?,
            endpoint.revision,
            to_json(&Terms::of(&endpoint.secrets, SigningSecret::expose))?,
            endpoint.rate_limit.map(rate_limit_column),
        ])?;
    replaced(connection, "endpoints", endpoint.id.as_bytes(), changed)
}

pub(super) fn delete(
    connection: &Connection,
    merchant: MerchantId,
    id: EndpointId,
) -> Result<Written> {
    let gone = connection
        .prepare_cached("DELETE FROM endpoints WHERE id = ?1 AND merchant_id = ?2")?
        .execute(params![id.as_bytes(), merchant.as_bytes()])?;
    if gone == 1 {
        connection
            .prepare_cached("DELETE FROM lines WHERE endpoint_id = ?1")?
            .execute(params![id.as_bytes()])?;
    }
    Ok(deleted(gone))
}

pub(crate) fn read(connection: &Connection, id: EndpointId) -> Result<Option<Endpoint>> {
    let mut select = connection.prepare_cached("SELECT * FROM endpoints WHERE id = ?1")?;
    optional(select.query_row(params![id.as_bytes()], endpoint))
}

pub(super) fn list(
    connection: &Connection,
    merchant: MerchantId,
    request: &PageRequest,
) -> Result<Page<Endpoint>> {
    let sql = "SELECT * FROM endpoints WHERE seq < ?1 AND merchant_id = ?3
               ORDER BY seq DESC LIMIT ?2";
    page(connection, sql, request, &[merchant.as_bytes()], endpoint)
}

/// Switches an endpoint off, unless it is off or deleted already.
pub(crate) fn switch_off(
    connection: &Connection,
    id: EndpointId,
    reason: OffReason,
    at: Timestamp,
) -> Result<()> {
    let (off_since, off_reason) = switch_columns(Switch::Off { since: at, reason });
    connection
        .prepare_cached(
            "UPDATE endpoints SET off_since = ?2, off_reason = ?3, revision = revision + 1
             WHERE id = ?1 AND off_since IS NULL",
        )?
        .execute(params![id.as_bytes(), off_since, off_reason])
        .map(drop)
}

fn switch_columns(switch: Switch) -> (Option<i64>, Option<&'static str>) {
    match switch {
        Switch::On => (None, None),
        Switch::Off { since, reason } => (
            Some(since.as_millis()),
            Some(match reason {
                OffReason::Asked => "asked",
                OffReason::Gone => "gone",
            }),
        ),
    }
}

/// Empty for an endpoint that is not called.
fn url_column(endpoint: &Endpoint) -> &str {
    endpoint.url().map(EndpointUrl::as_str).unwrap_or_default()
}

/// Whether an inner host may be called was decided when the endpoint was saved, and is decided again
/// by the sender on every call.
fn kind(row: &Row<'_>) -> Result<Kind> {
    let url: String = row.get("url")?;
    if url.is_empty() {
        return Ok(Kind::Pull);
    }
    let url = EndpointUrl::parse(&url, Destinations::AlsoPrivate);
    url.map(Kind::Push).map_err(|error| damaged("url", error))
}

/// In thousandths, as a whole number.
fn rate_limit_column(limit: RateLimit) -> u32 {
    (limit.get() * 1000.0).round() as u32
}

fn rate_limit(row: &Row<'_>) -> Result<Option<RateLimit>> {
    let limit = row.get::<_, Option<u32>>("rate_limit")?;
    let limit = limit.map(|limit| RateLimit::per_second(f64::from(limit) / 1000.0));
    limit.transpose().map_err(|error| damaged("rate_limit", error))
}

fn headers_column(endpoint: &Endpoint) -> Result<String> {
    let pairs = endpoint.headers.iter().map(|header| (header.name(), header.value().expose()));
    to_json(&pairs.collect::<Vec<_>>())
}

fn secrets_column(endpoint: &Endpoint) -> Result<String> {
    to_json(&endpoint.secrets.iter().map(|secret| secret.secret.expose()).collect::<Vec<_>>())
}

/// Reads a whole row of `endpoints`.
pub(crate) fn endpoint(row: &Row<'_>) -> Result<Endpoint> {
    let headers: Vec<(String, String)> = json(row, "headers")?;
    let secrets: Vec<String> = json(row, "secrets")?;
    let secrets: Vec<SigningSecret> = secrets
        .iter()
        .map(|secret| SigningSecret::parse(secret))
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| damaged("secrets", error))?;
    let id = EndpointId::from_bytes(row.get("id")?);
    let (created_at, revision) = (time(row, "created_at")?, row.get("revision")?);
    let terms = optional_json(row, "secret_terms")?;
    let switch = match optional_time(row, "off_since")? {
        None => Switch::On,
        Some(since) => {
            let reason = match row.get::<_, String>("off_reason")?.as_str() {
                "gone" => OffReason::Gone,
                _ => OffReason::Asked,
            };
            Switch::Off { since, reason }
        }
    };
    Ok(Endpoint {
        id,
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        kind: kind(row)?,
        event_types: json(row, "event_types")?,
        description: optional_text(row, "description")?,
        switch,
        retry_policy: optional_json(row, "retry_policy")?,
        timeout: AttemptTimeout::from_secs(row.get("timeout_s")?)
            .map_err(|error| damaged("timeout_s", error))?,
        rate_limit: rate_limit(row)?,
        headers: headers
            .iter()
            .map(|(name, value)| ExtraHeader::parse(name, value))
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| damaged("headers", error))?,
        secrets: Terms::join(
            terms,
            secrets,
            SigningSecret::expose,
            Owner::endpoint(id, revision),
            created_at,
        ),
        created_at,
        revision,
    })
}
