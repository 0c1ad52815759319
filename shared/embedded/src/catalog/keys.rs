//! API keys as rows; of the key itself only the digest.

use postback_domain::ids::{KeyId, MerchantId};
use postback_domain::key::{ApiKey, TokenDigest};
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Page, PageRequest};
use rusqlite::{Connection, Result, Row, params};

use super::{Written, deleted, id_taken, merchant_exists, optional, page};
use crate::rows::{json, optional_time, text, time, to_json};

pub(super) fn create(connection: &Connection, key: &ApiKey) -> Result<Written> {
    if !merchant_exists(connection, key.merchant_id)? {
        return Ok(Err(CatalogError::NotFound));
    }
    if id_taken(connection, "api_keys", key.id.as_bytes())? {
        return Ok(Err(CatalogError::IdTaken));
    }
    connection
        .prepare_cached(
            "INSERT INTO api_keys (id, merchant_id, name, scopes, digest, created_at, last_used_at,
                                   expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            key.id.as_bytes(),
            key.merchant_id.as_bytes(),
            key.name.as_str(),
            to_json(&key.scopes)?,
            key.digest.0,
            key.created_at.as_millis(),
            key.last_used_at.map(Timestamp::as_millis),
            key.expires_at.map(Timestamp::as_millis),
        ])?;
    Ok(Ok(()))
}

pub(super) fn read(connection: &Connection, id: KeyId) -> Result<Option<ApiKey>> {
    let mut select = connection.prepare_cached("SELECT * FROM api_keys WHERE id = ?1")?;
    optional(select.query_row(params![id.as_bytes()], key))
}

pub(super) fn list(
    connection: &Connection,
    merchant: MerchantId,
    request: &PageRequest,
) -> Result<Page<ApiKey>> {
    let sql = "SELECT * FROM api_keys WHERE seq < ?1 AND merchant_id = ?3
               ORDER BY seq DESC LIMIT ?2";
    page(connection, sql, request, &[merchant.as_bytes()], key)
}

pub(super) fn touch(connection: &Connection, id: KeyId, at: Timestamp) -> Result<()> {
    connection
        .prepare_cached("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1")?
        .execute(params![id.as_bytes(), at.as_millis()])
        .map(drop)
}

pub(super) fn delete(connection: &Connection, merchant: MerchantId, id: KeyId) -> Result<Written> {
    connection
        .prepare_cached("DELETE FROM api_keys WHERE id = ?1 AND merchant_id = ?2")?
        .execute(params![id.as_bytes(), merchant.as_bytes()])
        .map(deleted)
}

fn key(row: &Row<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        id: KeyId::from_bytes(row.get("id")?),
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        name: text(row, "name")?,
        scopes: json(row, "scopes")?,
        digest: TokenDigest(row.get("digest")?),
        created_at: time(row, "created_at")?,
        expires_at: optional_time(row, "expires_at")?,
        last_used_at: optional_time(row, "last_used_at")?,
    })
}
