//! What people set up, as the API writes it: one file a noun. A replacement carries the revision
//! it read as its condition. Every change is one transaction with the record of it.

mod endpoints;
mod keys;
mod merchants;
mod portal;
mod sources;

use postback_domain::audit::Record;
use postback_domain::endpoint::Endpoint;
use postback_domain::ids::{EndpointId, KeyId, MerchantId, PortalTokenId, SecretId, SourceId};
use postback_domain::key::ApiKey;
use postback_domain::merchant::Merchant;
use postback_domain::portal::PortalToken;
use postback_domain::source::Source;
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::{Catalog, CatalogError};
use postback_engine::ports::history::{Cursor, Page, PageRequest};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::audit;
use crate::store::EmbeddedStore;
use crate::writer::Kind;

pub(crate) use endpoints::{endpoint, read as read_endpoint, switch_off};
pub(crate) use merchants::called as merchant_called;
pub(crate) use sources::note_secret_use;

type Written = Result<(), CatalogError>;

impl EmbeddedStore {
    /// Writes configuration together with its record; the inner result is the noun's own refusal,
    /// which leaves none.
    async fn change<F>(&self, record: Record, mut work: F) -> Written
    where
        F: FnMut(&Connection) -> Result<Written> + Send + 'static,
    {
        let recorded = move |connection: &Connection| {
            let written = work(connection)?;
            if written.is_ok() {
                audit::add(connection, &record)?;
            }
            Ok(written)
        };
        self.writer.write(Kind::Configuration, recorded).await?
    }
}

impl Catalog for EmbeddedStore {
    async fn create_merchant(&self, merchant: Merchant, record: Record) -> Written {
        self.change(record, move |connection| merchants::create(connection, &merchant)).await
    }

    async fn read_merchant(&self, id: MerchantId) -> Result<Option<Merchant>, Unavailable> {
        self.readers.read(move |connection| merchants::read(connection, id)).await
    }

    async fn list_merchants(&self, page: PageRequest) -> Result<Page<Merchant>, Unavailable> {
        self.readers.read(move |connection| merchants::list(connection, &page)).await
    }

    async fn replace_merchant(&self, merchant: Merchant, record: Record) -> Written {
        self.change(record, move |connection| merchants::replace(connection, &merchant)).await
    }

    async fn create_key(&self, key: ApiKey, record: Record) -> Written {
        self.change(record, move |connection| keys::create(connection, &key)).await
    }

    async fn read_key(&self, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.readers.read(move |connection| keys::read(connection, id)).await
    }

    async fn list_keys(
        &self,
        merchant: MerchantId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Unavailable> {
        self.readers.read(move |connection| keys::list(connection, merchant, &page)).await
    }

    async fn touch_key(&self, id: KeyId, at: Timestamp) -> Result<(), Unavailable> {
        self.writer.write(Kind::Progress, move |connection| keys::touch(connection, id, at)).await
    }

    async fn delete_key(&self, merchant: MerchantId, id: KeyId, record: Record) -> Written {
        self.change(record, move |connection| keys::delete(connection, merchant, id)).await
    }

    async fn create_portal_token(&self, token: PortalToken, record: Record) -> Written {
        self.change(record, move |connection| portal::create(connection, &token)).await
    }

    async fn read_portal_token(
        &self,
        id: PortalTokenId,
    ) -> Result<Option<PortalToken>, Unavailable> {
        self.readers.read(move |connection| portal::read(connection, id)).await
    }

    async fn delete_portal_token(
        &self,
        merchant: MerchantId,
        id: PortalTokenId,
        record: Record,
    ) -> Written {
        self.change(record, move |connection| portal::delete(connection, merchant, id)).await
    }

    async fn create_source(&self, source: Source, record: Record) -> Written {
        self.change(record, move |connection| sources::create(connection, &source)).await
    }

    async fn read_source(&self, id: SourceId) -> Result<Option<Source>, Unavailable> {
        self.readers.read(move |connection| sources::read(connection, id)).await
    }

    async fn secret_uses(&self, id: SourceId) -> Result<Vec<(SecretId, Timestamp)>, Unavailable> {
        self.readers.read(move |connection| sources::secret_uses(connection, id)).await
    }

    async fn list_sources(
        &self,
        merchant: Option<MerchantId>,
        page: PageRequest,
    ) -> Result<Page<Source>, Unavailable> {
        self.readers.read(move |connection| sources::list(connection, merchant, &page)).await
    }

    async fn replace_source(&self, source: Source, record: Record) -> Written {
        self.change(record, move |connection| sources::replace(connection, &source)).await
    }

    async fn delete_source(&self, id: SourceId, record: Record) -> Written {
        self.change(record, move |connection| sources::delete(connection, id)).await
    }

    async fn create_endpoint(&self, endpoint: Endpoint, record: Record) -> Written {
        self.change(record, move |connection| endpoints::create(connection, &endpoint)).await
    }

    async fn read_endpoint(
        &self,
        merchant: MerchantId,
        id: EndpointId,
    ) -> Result<Option<Endpoint>, Unavailable> {
        self.readers
            .read(move |connection| endpoints::read(connection, id))
            .await
            .map(|endpoint| endpoint.filter(|endpoint| endpoint.merchant_id == merchant))
    }

    async fn list_endpoints(
        &self,
        merchant: MerchantId,
        page: PageRequest,
    ) -> Result<Page<Endpoint>, Unavailable> {
        self.readers.read(move |connection| endpoints::list(connection, merchant, &page)).await
    }

    async fn replace_endpoint(&self, endpoint: Endpoint, record: Record) -> Written {
        self.change(record, move |connection| endpoints::replace(connection, &endpoint)).await
    }

    async fn delete_endpoint(
        &self,
        merchant: MerchantId,
        id: EndpointId,
        record: Record,
    ) -> Written {
        self.change(record, move |connection| endpoints::delete(connection, merchant, id)).await
    }
}

/// Whether a merchant is there to own something new.
fn merchant_exists(connection: &Connection, id: MerchantId) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM merchants WHERE id = ?1")?
        .exists(params![id.as_bytes()])
}

/// Whether this id is taken, in a table of nouns.
fn id_taken(connection: &Connection, table: &str, id: &[u8; 16]) -> Result<bool> {
    connection.prepare_cached(&format!("SELECT 1 FROM {table} WHERE id = ?1"))?.exists(params![id])
}

/// What a replacement that changed no row means: the noun is gone, or somebody was faster.
fn replaced(
    connection: &Connection,
    table: &str,
    id: &[u8; 16],
    changed: usize,
) -> Result<Written> {
    if changed == 1 {
        return Ok(Ok(()));
    }
    Ok(Err(if id_taken(connection, table, id)? {
        CatalogError::Stale
    } else {
        CatalogError::NotFound
    }))
}

fn deleted(changed: usize) -> Written {
    if changed == 1 { Ok(()) } else { Err(CatalogError::NotFound) }
}

fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    result.optional()
}

/// One page of a query that has the columns of `read` and `seq`, takes the last `seq` seen as
/// `?1` and the number of rows as `?2`, and answers newest first.
pub(crate) fn page<T>(
    connection: &Connection,
    sql: &str,
    request: &PageRequest,
    more: &[&dyn rusqlite::ToSql],
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Page<T>> {
    let before: i64 = match &request.cursor {
        None => i64::MAX,
        // An unreadable cursor is before everything.
        Some(Cursor(text)) => text.parse().unwrap_or(0),
    };
    // One row more than asked tells whether there is another page.
    let one_more = request.limit + 1;
    let mut values: Vec<&dyn rusqlite::ToSql> = vec![&before, &one_more];
    values.extend_from_slice(more);
    let mut statement = connection.prepare_cached(sql)?;
    let numbered = |row: &Row<'_>| Ok((row.get::<_, i64>("seq")?, read(row)?));
    let mut rows: Vec<(i64, T)> =
        statement.query_map(&values[..], numbered)?.collect::<Result<_>>()?;
    let next = (rows.len() > request.limit).then(|| {
        rows.truncate(request.limit);
        rows.last().map(|(seq, _)| Cursor(seq.to_string()))
    });
    Ok(Page { rows: rows.into_iter().map(|(_, row)| row).collect(), next: next.flatten() })
}
