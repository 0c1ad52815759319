//! Merchants as rows.

use postback_domain::ids::MerchantId;
use postback_domain::merchant::Merchant;
use postback_domain::text::Label;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Page, PageRequest};
use rusqlite::{Connection, Result, Row, params};

use super::{Written, id_taken, optional, page, replaced};
use crate::rows::{optional_json, optional_text, text, time, to_json};

pub(super) fn create(connection: &Connection, merchant: &Merchant) -> Result<Written> {
    if id_taken(connection, "merchants", merchant.id.as_bytes())? {
        return Ok(Err(CatalogError::IdTaken));
    }
    if external_id_taken(connection, merchant)? {
        return Ok(Err(CatalogError::ExternalIdTaken));
    }
    connection
        .prepare_cached(
            "INSERT INTO merchants (id, name, external_id, retry_policy, created_at, revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            merchant.id.as_bytes(),
            merchant.name.as_str(),
            merchant.external_id.as_ref().map(|id| id.as_str()),
            merchant.retry_policy.as_ref().map(to_json).transpose()?,
            merchant.created_at.as_millis(),
            merchant.revision,
        ])?;
    Ok(Ok(()))
}

pub(super) fn replace(connection: &Connection, merchant: &Merchant) -> Result<Written> {
    if external_id_taken(connection, merchant)? {
        return Ok(Err(CatalogError::ExternalIdTaken));
    }
    let changed = connection
        .prepare_cached(
            "UPDATE merchants SET name = ?2, external_id = ?3, retry_policy = ?4, revision = ?5
             WHERE id = ?1 AND revision = ?5 - 1",
        )?
        .execute(params![
            merchant.id.as_bytes(),
            merchant.name.as_str(),
            merchant.external_id.as_ref().map(|id| id.as_str()),
            merchant.retry_policy.as_ref().map(to_json).transpose()?,
            merchant.revision,
        ])?;
    replaced(connection, "merchants", merchant.id.as_bytes(), changed)
}

pub(super) fn read(connection: &Connection, id: MerchantId) -> Result<Option<Merchant>> {
    let mut select = connection.prepare_cached("SELECT * FROM merchants WHERE id = ?1")?;
    optional(select.query_row(params![id.as_bytes()], merchant))
}

/// The merchant that the platform calls so.
pub(crate) fn called(connection: &Connection, external_id: &Label) -> Result<Option<MerchantId>> {
    let mut select =
        connection.prepare_cached("SELECT id FROM merchants WHERE external_id = ?1")?;
    let id = |row: &Row<'_>| row.get("id").map(MerchantId::from_bytes);
    optional(select.query_row(params![external_id.as_str()], id))
}

pub(super) fn list(connection: &Connection, request: &PageRequest) -> Result<Page<Merchant>> {
    let sql = "SELECT * FROM merchants WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2";
    page(connection, sql, request, &[], merchant)
}

fn external_id_taken(connection: &Connection, merchant: &Merchant) -> Result<bool> {
    let Some(external_id) = &merchant.external_id else { return Ok(false) };
    connection
        .prepare_cached("SELECT 1 FROM merchants WHERE external_id = ?1 AND id != ?2")?
        .exists(params![external_id.as_str(), merchant.id.as_bytes()])
}

/// Reads a whole row of `merchants`.
pub(crate) fn merchant(row: &Row<'_>) -> Result<Merchant> {
    Ok(Merchant {
        id: MerchantId::from_bytes(row.get("id")?),
        name: text(row, "name")?,
        external_id: optional_text(row, "external_id")?,
        retry_policy: optional_json(row, "retry_policy")?,
        created_at: time(row, "created_at")?,
        revision: row.get("revision")?,
    })
}
