//! What people set up, as the API writes it: one file a noun, [`noun`] between nouns and rows,
//! [`lists`] for what there is of them, [`mod@write`] for writes that belong together.
//!
//! | row | `pk` | `sk` |
//! |---|---|---|
//! | noun | its id | `it` |
//! | order to be sent again what was missed | its id | `it` |
//! | entry of a list | `list#merchants`, `list#sources`, `list#recoveries`, or `list#`, a kind, `#`, a merchant | created, `#`, id |
//! | external id | `external#` and the text | `it` |
//! | record of an act | its id | `it` |
//! | entry of the audit | `list#audit`, that and `#`, a merchant, or `#of#`, an object | its time, `#`, id |
//!
//! Invariants: a noun, its entries and its external id are written and deleted together, in one
//! transaction; a merchant's row counts its endpoints; a replacement carries the revision it read
//! as its condition; every write has its record beside it, in the same transaction.
//! None of this is on the way of an event. Secrets are kept as they are, in a table that is
//! encrypted at rest; of an API key or portal token only the digest is kept.

mod audit;
mod endpoints;
mod keys;
mod lists;
mod merchants;
mod noun;
mod portal;
pub(crate) mod recoveries;
mod sources;
mod write;

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
use postback_engine::ports::history::{Page, PageRequest};

use self::lists::List;
use crate::store::DynamoStore;
use crate::table::in_time;

pub(crate) use self::endpoints::{every_endpoint_of, switch_off};
pub(crate) use self::merchants::merchant_called;
pub(crate) use self::noun::read;
pub(crate) use self::sources::note_secret_use;

type Written = Result<(), CatalogError>;

impl Catalog for DynamoStore {
    async fn create_merchant(&self, merchant: Merchant, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(merchants::create(&self.table, &merchant, &record)).await
    }

    async fn read_merchant(&self, id: MerchantId) -> Result<Option<Merchant>, Unavailable> {
        in_time(read(&self.table, id)).await
    }

    async fn list_merchants(&self, page: PageRequest) -> Result<Page<Merchant>, Unavailable> {
        in_time(lists::page(&self.table, List::merchants(), page)).await
    }

    async fn replace_merchant(&self, merchant: Merchant, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(merchants::replace(&self.table, &merchant, &record)).await
    }

    async fn create_key(&self, key: ApiKey, record: Record) -> Written {
        in_time(keys::create(&self.table, &key, &record)).await
    }

    async fn read_key(&self, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        in_time(read(&self.table, id)).await
    }

    async fn list_keys(
        &self,
        merchant: MerchantId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Unavailable> {
        in_time(lists::page(&self.table, List::keys_of(merchant), page)).await
    }

    async fn touch_key(&self, id: KeyId, at: Timestamp) -> Result<(), Unavailable> {
        in_time(keys::touch(&self.table, id, at)).await
    }

    async fn delete_key(&self, merchant: MerchantId, id: KeyId, record: Record) -> Written {
        in_time(keys::delete(&self.table, merchant, id, &record)).await
    }

    async fn create_portal_token(&self, token: PortalToken, record: Record) -> Written {
        in_time(portal::create(&self.table, &token, &record)).await
    }

    async fn read_portal_token(
        &self,
        id: PortalTokenId,
    ) -> Result<Option<PortalToken>, Unavailable> {
        in_time(read(&self.table, id)).await
    }

    async fn delete_portal_token(
        &self,
        merchant: MerchantId,
        id: PortalTokenId,
        record: Record,
    ) -> Written {
        in_time(portal::delete(&self.table, merchant, id, &record)).await
    }

    async fn create_source(&self, source: Source, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(sources::create(&self.table, &source, &record)).await
    }

    async fn read_source(&self, id: SourceId) -> Result<Option<Source>, Unavailable> {
        in_time(read(&self.table, id)).await
    }

    async fn secret_uses(&self, id: SourceId) -> Result<Vec<(SecretId, Timestamp)>, Unavailable> {
        in_time(sources::secret_uses(&self.table, id)).await
    }

    async fn list_sources(
        &self,
        merchant: Option<MerchantId>,
        page: PageRequest,
    ) -> Result<Page<Source>, Unavailable> {
        let list = merchant.map_or_else(List::sources, List::sources_of);
        in_time(lists::page(&self.table, list, page)).await
    }

    async fn replace_source(&self, source: Source, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(write::replace(&self.table, &source, &record)).await
    }

    async fn delete_source(&self, id: SourceId, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(sources::delete(&self.table, id, &record)).await
    }

    async fn create_endpoint(&self, endpoint: Endpoint, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(endpoints::create(&self.table, &endpoint, &record)).await
    }

    async fn read_endpoint(
        &self,
        merchant: MerchantId,
        id: EndpointId,
    ) -> Result<Option<Endpoint>, Unavailable> {
        let endpoint: Option<Endpoint> = in_time(read(&self.table, id)).await?;
        Ok(endpoint.filter(|endpoint| endpoint.merchant_id == merchant))
    }

    async fn list_endpoints(
        &self,
        merchant: MerchantId,
        page: PageRequest,
    ) -> Result<Page<Endpoint>, Unavailable> {
        in_time(lists::page(&self.table, List::endpoints_of(merchant), page)).await
    }

    async fn replace_endpoint(&self, endpoint: Endpoint, record: Record) -> Written {
        let _changing = self.cache.changing();
        in_time(write::replace(&self.table, &endpoint, &record)).await
    }

    async fn delete_endpoint(
        &self,
        merchant: MerchantId,
        id: EndpointId,
        record: Record,
    ) -> Written {
        let _changing = self.cache.changing();
        in_time(endpoints::delete(&self.table, merchant, id, &record)).await
    }
}
