//! What people have set up, as the engine reads it on every event: from memory.

use std::sync::Arc;

use postback_domain::endpoint::{Endpoint, OffReason};
use postback_domain::ids::{EndpointId, MerchantId, SecretId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use postback_engine::ports::store::Freshness;
use postback_engine::ports::{Configuration, Unavailable};
use rusqlite::{Connection, Result, params};

use crate::catalog::{endpoint, merchant_called, note_secret_use, read_endpoint, switch_off};
use crate::store::EmbeddedStore;
use crate::writer::Kind;

impl Configuration for EmbeddedStore {
    /// The cache is emptied by every change, so there is nothing fresher to read.
    async fn source(
        &self,
        id: SourceId,
        _freshness: Freshness,
    ) -> Result<Option<Arc<Source>>, Unavailable> {
        let generation = match self.cache.look(|cache| cache.sources.get(&id).cloned()) {
            Ok(source) => return Ok(Some(source)),
            Err(generation) => generation,
        };
        let source = self.read_source(id).await?.map(Arc::new);
        if let Some(source) = &source {
            self.cache.keep(generation, |cache| &mut cache.sources, id, Arc::clone(source));
        }
        Ok(source)
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Arc<Merchant>>, Unavailable> {
        let generation = match self.cache.look(|cache| cache.merchants.get(&id).cloned()) {
            Ok(merchant) => return Ok(Some(merchant)),
            Err(generation) => generation,
        };
        let merchant = self.read_merchant(id).await?.map(Arc::new);
        if let Some(merchant) = &merchant {
            self.cache.keep(generation, |cache| &mut cache.merchants, id, Arc::clone(merchant));
        }
        Ok(merchant)
    }

    /// Whoever is not known is asked for again: it is one look-up in an index, and those who are
    /// known are remembered.
    async fn merchant_called(
        &self,
        external_id: &Label,
    ) -> Result<Option<MerchantId>, Unavailable> {
        let generation = match self.cache.look(|cache| cache.called.get(external_id).copied()) {
            Ok(merchant) => return Ok(Some(merchant)),
            Err(generation) => generation,
        };
        let wanted = external_id.clone();
        let merchant =
            self.readers.read(move |connection| merchant_called(connection, &wanted)).await?;
        if let Some(merchant) = merchant {
            self.cache.keep(generation, |cache| &mut cache.called, external_id.clone(), merchant);
        }
        Ok(merchant)
    }

    async fn endpoints_of(
        &self,
        merchant: MerchantId,
    ) -> Result<Arc<[Arc<Endpoint>]>, Unavailable> {
        let generation = match self.cache.look(|cache| cache.endpoints_of.get(&merchant).cloned()) {
            Ok(endpoints) => return Ok(endpoints),
            Err(generation) => generation,
        };
        let endpoints = self.readers.read(move |connection| endpoints_of(connection, merchant));
        let endpoints: Arc<[_]> = endpoints.await?.into();
        let kept = Arc::clone(&endpoints);
        self.cache.keep(generation, |cache| &mut cache.endpoints_of, merchant, kept);
        Ok(endpoints)
    }

    async fn endpoint(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, Unavailable> {
        let generation = match self.cache.look(|cache| cache.endpoints.get(&id).cloned()) {
            Ok(endpoint) => return Ok(Some(endpoint)),
            Err(generation) => generation,
        };
        let endpoint = self.readers.read(move |connection| read_endpoint(connection, id)).await?;
        let endpoint = endpoint.map(Arc::new);
        if let Some(endpoint) = &endpoint {
            self.cache.keep(generation, |cache| &mut cache.endpoints, id, Arc::clone(endpoint));
        }
        Ok(endpoint)
    }

    async fn note_secret_use(
        &self,
        source: SourceId,
        secret: SecretId,
        at: Timestamp,
    ) -> Result<(), Unavailable> {
        self.writer
            .write(Kind::Progress, move |connection| {
                note_secret_use(connection, source, secret, at)
            })
            .await
    }

    async fn switch_off(
        &self,
        id: EndpointId,
        reason: OffReason,
        at: Timestamp,
    ) -> Result<(), Unavailable> {
        self.writer
            .write(Kind::Configuration, move |connection| switch_off(connection, id, reason, at))
            .await
    }
}

fn endpoints_of(connection: &Connection, merchant: MerchantId) -> Result<Vec<Arc<Endpoint>>> {
    connection
        .prepare_cached("SELECT * FROM endpoints WHERE merchant_id = ?1 ORDER BY seq")?
        .query_map(params![merchant.as_bytes()], |row| endpoint(row).map(Arc::new))?
        .collect()
}
