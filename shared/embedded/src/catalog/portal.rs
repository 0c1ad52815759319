//! Portal tokens as rows; of the token itself only the digest. They end by themselves, so minting one
//! removes those that have.

use postback_domain::ids::{MerchantId, PortalTokenId};
use postback_domain::key::TokenDigest;
use postback_domain::portal::PortalToken;
use postback_engine::ports::catalog::CatalogError;
use rusqlite::{Connection, Result, Row, params};

use super::{Written, deleted, id_taken, merchant_exists, optional};
use crate::rows::time;

pub(super) fn create(connection: &Connection, token: &PortalToken) -> Result<Written> {
    if !merchant_exists(connection, token.merchant_id)? {
        return Ok(Err(CatalogError::NotFound));
    }
    if id_taken(connection, "portal_tokens", token.id.as_bytes())? {
        return Ok(Err(CatalogError::IdTaken));
    }
    connection
        .prepare_cached("DELETE FROM portal_tokens WHERE expires_at <= ?1")?
        .execute(params![token.created_at.as_millis()])?;
    connection
        .prepare_cached(
            "INSERT INTO portal_tokens (id, merchant_id, digest, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            token.id.as_bytes(),
            token.merchant_id.as_bytes(),
            token.digest.0,
            token.created_at.as_millis(),
            token.expires_at.as_millis(),
        ])?;
    Ok(Ok(()))
}

pub(super) fn read(connection: &Connection, id: PortalTokenId) -> Result<Option<PortalToken>> {
    let mut select = connection.prepare_cached("SELECT * FROM portal_tokens WHERE id = ?1")?;
    optional(select.query_row(params![id.as_bytes()], token))
}

pub(super) fn delete(
    connection: &Connection,
    merchant: MerchantId,
    id: PortalTokenId,
) -> Result<Written> {
    connection
        .prepare_cached("DELETE FROM portal_tokens WHERE id = ?1 AND merchant_id = ?2")?
        .execute(params![id.as_bytes(), merchant.as_bytes()])
        .map(deleted)
}

fn token(row: &Row<'_>) -> Result<PortalToken> {
    Ok(PortalToken {
        id: PortalTokenId::from_bytes(row.get("id")?),
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        digest: TokenDigest(row.get("digest")?),
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
