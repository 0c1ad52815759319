//! What people have set up, as the engine reads it on every event: from memory if it is young
//! enough, and else as it is now. Reads are consistent, so that what is remembered is never older
//! than it looks.

use std::sync::Arc;

use postback_domain::endpoint::{Endpoint, OffReason};
use postback_domain::ids::{EndpointId, MerchantId, SecretId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::store::Freshness;
use postback_engine::ports::{Configuration, Unavailable};
use sha2::{Digest as _, Sha256};

use crate::cache::{AGE_MAX, Endpoints, FRESH_AGE_MAX};
use crate::catalog::{every_endpoint_of, merchant_called, note_secret_use, read, switch_off};
use crate::store::DynamoStore;
use crate::table::in_time;

impl Configuration for DynamoStore {
    async fn source(
        &self,
        id: SourceId,
        freshness: Freshness,
    ) -> Result<Option<Arc<Source>>, Unavailable> {
        let age_max = match freshness {
            Freshness::Cached => AGE_MAX,
            Freshness::Fresh => FRESH_AGE_MAX,
        };
        let read = async { Ok(read(&self.table, id).await?.map(Arc::new)) };
        in_time(self.cache.get_or_read(|shelves| &mut shelves.sources, id, age_max, read)).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Arc<Merchant>>, Unavailable> {
        let read = async { Ok(read(&self.table, id).await?.map(Arc::new)) };
        in_time(self.cache.get_or_read(|shelves| &mut shelves.merchants, id, AGE_MAX, read)).await
    }

    async fn merchant_called(
        &self,
        external_id: &Label,
    ) -> Result<Option<MerchantId>, Unavailable> {
        let name = Sha256::digest(external_id.as_str().as_bytes()).into();
        let read = merchant_called(&self.table, external_id);
        in_time(self.cache.get_or_read(|shelves| &mut shelves.called, name, AGE_MAX, read)).await
    }

    async fn endpoints_of(&self, merchant: MerchantId) -> Result<Endpoints, Unavailable> {
        let read = self.read_endpoints_of(merchant);
        let endpoints =
            self.cache.get_or_read(|shelves| &mut shelves.endpoints_of, merchant, AGE_MAX, read);
        Ok(in_time(endpoints).await?.unwrap_or_default())
    }

    async fn endpoint(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, Unavailable> {
        let read = async { Ok(read(&self.table, id).await?.map(Arc::new)) };
        in_time(self.cache.get_or_read(|shelves| &mut shelves.endpoints, id, AGE_MAX, read)).await
    }

    /// Changes nothing that is remembered.
    async fn note_secret_use(
        &self,
        source: SourceId,
        secret: SecretId,
        at: Timestamp,
    ) -> Result<(), Unavailable> {
        in_time(note_secret_use(&self.table, source, secret, at)).await
    }

    async fn switch_off(
        &self,
        id: EndpointId,
        reason: OffReason,
        at: Timestamp,
    ) -> Result<(), Unavailable> {
        let _changing = self.cache.changing();
        in_time(switch_off(&self.table, id, reason, at)).await
    }
}

impl DynamoStore {
    /// Remembers each endpoint on its own too: whoever asks for all of a merchant's endpoints calls
    /// one of them next.
    async fn read_endpoints_of(
        &self,
        merchant: MerchantId,
    ) -> Result<Option<Endpoints>, Unavailable> {
        let begun = self.cache.begin();
        let endpoints: Vec<Endpoint> = every_endpoint_of(&self.table, merchant).await?;
        let endpoints: Endpoints = endpoints.into_iter().map(Arc::new).collect();
        for endpoint in endpoints.iter() {
            let answer = Some(Arc::clone(endpoint));
            self.cache.keep(begun, |shelves| &mut shelves.endpoints, endpoint.id, answer);
        }
        Ok(Some(endpoints))
    }
}
