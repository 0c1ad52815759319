//! `/v1/merchants/{id}/portal-tokens`: what lets a merchant's people into the portal for a while. The
//! token is in the answer that creates it and nowhere else. There is no list: they end by
//! themselves, and who must end one before knows its id, or finds it in the audit.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use postback_domain::audit::Action;
use postback_domain::ids::{MerchantId, PortalTokenId};
use postback_domain::key::Token;
use postback_domain::limits::{PORTAL_TTL, PORTAL_TTL_MAX, PORTAL_TTL_MIN};
use postback_domain::portal::PortalToken;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use serde::Serialize;

use super::act::{Act, Tell, doomed};
use super::auth::Steward;
use super::input::{Body, Ids};
use super::seed::Seed;
use super::values::whole;
use super::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// A portal token as whoever mints it sees it.
#[derive(Serialize)]
struct PortalTokenView<'a> {
    /// Its id, which is no secret.
    id: PortalTokenId,
    /// The one merchant that it is good for.
    merchant_id: MerchantId,
    /// When it was minted.
    created_at: Timestamp,
    /// From when on it opens nothing.
    expires_at: Timestamp,
    /// Only in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    act: Act,
    Ids(merchant_id): Ids<MerchantId>,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    steward.over(merchant_id)?;
    let ttl = body.read(|fields| {
        let range = PORTAL_TTL_MIN.as_secs()..=PORTAL_TTL_MAX.as_secs();
        fields.optional("ttl_s", |value| whole(&value, range))
    })?;
    let id = PortalTokenId::from_bits(seed.id_bits());
    let text = Token::mint(id, seed.key_bytes());
    let token = PortalToken {
        id,
        merchant_id,
        digest: text.digest(),
        created_at: seed.at(),
        expires_at: seed.at().plus(ttl.map_or(PORTAL_TTL, Duration::from_secs)),
    };
    let record = act.record(Action::PortalTokenCreated).on(merchant_id, id);
    let record = record.after(&PortalTokenView::of(&token));
    seed.created(api.store().create_portal_token(token.clone(), record).await)?;
    let shown_once = PortalTokenView { token: Some(text.expose()), ..PortalTokenView::of(&token) };
    Ok(edge::json(StatusCode::CREATED, &shown_once))
}

pub(crate) async fn delete<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    act: Act,
    Ids((merchant, id)): Ids<(MerchantId, PortalTokenId)>,
) -> Result<Response, Problem> {
    steward.over(merchant)?;
    let token = doomed("portal token", api.store().read_portal_token(id)).await?;
    let record = act.record(Action::PortalTokenDeleted).on(merchant, id);
    let record = record.before(&token.as_ref().map(PortalTokenView::of));
    let deleted = api.store().delete_portal_token(merchant, id, record).await;
    deleted.map_err(|error| Problem::of_write(error, "portal token"))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl PortalTokenView<'_> {
    fn of(token: &PortalToken) -> Self {
        Self {
            id: token.id,
            merchant_id: token.merchant_id,
            created_at: token.created_at,
            expires_at: token.expires_at,
            token: None,
        }
    }
}
