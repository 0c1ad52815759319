//! What people set up, as the API writes it. Changes are read, changed and replaced: each noun
//! counts its revisions, and a replacement names the one it read, so that two writers cannot undo
//! each other.

use std::future::Future;

use postback_domain::audit::Record;
use postback_domain::endpoint::Endpoint;
use postback_domain::ids::{EndpointId, KeyId, MerchantId, PortalTokenId, SecretId, SourceId};
use postback_domain::key::ApiKey;
use postback_domain::merchant::Merchant;
use postback_domain::portal::PortalToken;
use postback_domain::source::Source;
use postback_domain::time::Timestamp;

use super::Unavailable;
use super::history::{Page, PageRequest};

/// Why a write was not made.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Another merchant has this `external_id`.
    #[error("external id is taken by another merchant")]
    ExternalIdTaken,
    /// The merchant, source, endpoint or key is not there.
    #[error("not found")]
    NotFound,
    /// Somebody else changed it first: read again.
    #[error("changed by somebody else since it was read")]
    Stale,
    /// A limit of [`postback_domain::limits`] is reached.
    #[error("limit of {limit} {what} is reached")]
    LimitReached {
        /// Of what, in plural.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// There is one with this id. Ids are drawn at random, so it is the caller's own, made by a
    /// call whose answer he did not see. Told before any other refusal but `NotFound`.
    #[error("id is taken")]
    IdTaken,
    /// Ours to wait out.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

type Written = Result<(), CatalogError>;

/// Merchants, keys, portal tokens, sources and endpoints, as the API writes them. Writers see their
/// own writes at once; other workers within a minute.
///
/// Every write takes the record of the act that it is. Both are written as one, or neither: what
/// was refused leaves no record, and nothing is changed without one.
pub trait Catalog: Send + Sync {
    /// Adds a merchant.
    fn create_merchant(
        &self,
        merchant: Merchant,
        record: Record,
    ) -> impl Future<Output = Written> + Send;
    /// A merchant as kept now.
    fn read_merchant(
        &self,
        id: MerchantId,
    ) -> impl Future<Output = Result<Option<Merchant>, Unavailable>> + Send;
    /// Merchants, newest first.
    fn list_merchants(
        &self,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Merchant>, Unavailable>> + Send;
    /// Replaces the revision before `merchant.revision`.
    fn replace_merchant(
        &self,
        merchant: Merchant,
        record: Record,
    ) -> impl Future<Output = Written> + Send;

    /// Adds a key; `NotFound` if its merchant is not there.
    fn create_key(&self, key: ApiKey, record: Record) -> impl Future<Output = Written> + Send;
    /// A key as kept now.
    fn read_key(
        &self,
        id: KeyId,
    ) -> impl Future<Output = Result<Option<ApiKey>, Unavailable>> + Send;
    /// Keys of a merchant, newest first.
    fn list_keys(
        &self,
        merchant: MerchantId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<ApiKey>, Unavailable>> + Send;
    /// Notes that a key was used.
    fn touch_key(
        &self,
        id: KeyId,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// Removes a key of this merchant; from then on it opens nothing.
    fn delete_key(
        &self,
        merchant: MerchantId,
        id: KeyId,
        record: Record,
    ) -> impl Future<Output = Written> + Send;

    /// Adds a portal token; `NotFound` if its merchant is not there. What has expired by the time
    /// that it was minted at may be removed.
    fn create_portal_token(
        &self,
        token: PortalToken,
        record: Record,
    ) -> impl Future<Output = Written> + Send;
    /// A portal token as kept now. One that has expired may be gone, or not.
    fn read_portal_token(
        &self,
        id: PortalTokenId,
    ) -> impl Future<Output = Result<Option<PortalToken>, Unavailable>> + Send;
    /// Removes a portal token of this merchant; from then on it opens nothing.
    fn delete_portal_token(
        &self,
        merchant: MerchantId,
        id: PortalTokenId,
        record: Record,
    ) -> impl Future<Output = Written> + Send;

    /// Adds a source; `NotFound` if its merchant is not there.
    fn create_source(&self, source: Source, record: Record)
    -> impl Future<Output = Written> + Send;
    /// A source as kept now.
    fn read_source(
        &self,
        id: SourceId,
    ) -> impl Future<Output = Result<Option<Source>, Unavailable>> + Send;
    /// When which secret of a source was last used, as noted; in no order. Also of secrets that it
    /// has no more.
    fn secret_uses(
        &self,
        id: SourceId,
    ) -> impl Future<Output = Result<Vec<(SecretId, Timestamp)>, Unavailable>> + Send;
    /// Sources, of one merchant or of all, newest first.
    fn list_sources(
        &self,
        merchant: Option<MerchantId>,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Source>, Unavailable>> + Send;
    /// Replaces the revision before `source.revision`.
    fn replace_source(
        &self,
        source: Source,
        record: Record,
    ) -> impl Future<Output = Written> + Send;
    /// Removes a source; its URL answers 404 from then on. Its events stay.
    fn delete_source(&self, id: SourceId, record: Record) -> impl Future<Output = Written> + Send;

    /// Adds an endpoint; `NotFound` if its merchant is not there.
    fn create_endpoint(
        &self,
        endpoint: Endpoint,
        record: Record,
    ) -> impl Future<Output = Written> + Send;
    /// An endpoint of this merchant as kept now.
    fn read_endpoint(
        &self,
        merchant: MerchantId,
        id: EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, Unavailable>> + Send;
    /// Endpoints of a merchant, newest first.
    fn list_endpoints(
        &self,
        merchant: MerchantId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Endpoint>, Unavailable>> + Send;
    /// Replaces the revision before `endpoint.revision`.
    fn replace_endpoint(
        &self,
        endpoint: Endpoint,
        record: Record,
    ) -> impl Future<Output = Written> + Send;
    /// Removes an endpoint of this merchant. What is still owed to it ends as FAILED.
    fn delete_endpoint(
        &self,
        merchant: MerchantId,
        id: EndpointId,
        record: Record,
    ) -> impl Future<Output = Written> + Send;
}
