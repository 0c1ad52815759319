//! `/v1/account` and `/v1/failed`: a merchant whose endpoint could not be reached, or is not called
//! at all, learns that there is something to fetch, fetches it, and says what it has got. Each item
//! has the bytes and the signature that a push would have had, so that the code that checks a push
//! checks it as well.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postback_domain::event::EventType;
use postback_domain::ids::{DeliveryId, EventId, MerchantId};
use postback_domain::limits::{PULL_HOLD, PULL_HOLD_MAX, PULL_ROWS, PULL_ROWS_MAX};
use postback_domain::push;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use postback_engine::ports::pulls::{Acknowledged, Pulls};
use postback_engine::pull::PulledItem;
use serde::Serialize;

use super::auth::{Caller, scoped};
use super::endpoints::merchant_asked;
use super::input::{Body, Query};
use super::values::{self, parsed, whole};
use super::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// What a merchant asks for from time to time.
#[derive(Serialize)]
struct AccountView<'a> {
    /// The merchant.
    merchant_id: MerchantId,
    /// For people.
    name: &'a Label,
    /// What the platform calls it. Null: nothing of its own.
    external_id: Option<&'a Label>,
    /// Whether there is something in `/v1/failed`, be it held at this moment or not; also what waits
    /// there because its endpoint is not called.
    has_failed_deliveries: bool,
}

/// What was fetched.
#[derive(Serialize)]
struct ClaimView<'a> {
    /// The deliveries.
    data: Vec<ItemView<'a>>,
    /// Whether there are more to fetch now.
    has_more: bool,
    /// Until when they are held; what is not acknowledged by then can be fetched again.
    lease_until: Timestamp,
}

/// One delivery.
#[derive(Serialize)]
struct ItemView<'a> {
    /// What to acknowledge.
    delivery_id: DeliveryId,
    /// Its event.
    event_id: EventId,
    /// The event's type.
    event_type: &'a EventType,
    /// As a push would send them now, without the endpoint's extra ones, which may be credentials.
    /// Of an endpoint that is deleted there is no secret, so there is no `webhook-signature`.
    headers: BTreeMap<&'a str, String>,
    /// The exact bytes, in base64.
    body_base64: String,
}

/// What became of what was acknowledged.
#[derive(Serialize, Default)]
struct AckView {
    /// SUCCESS via pull from now on, or a SUCCESS before.
    acknowledged: Vec<DeliveryId>,
    /// Reopened since they were fetched: being pushed again, so the merchant may see them twice.
    pending: Vec<DeliveryId>,
    /// None of this merchant's.
    unknown: Vec<DeliveryId>,
}

pub(crate) async fn account<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let id = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let merchant = api.store().read_merchant(id).await?.ok_or(Problem::NotFound("merchant"))?;
    // By the end of time no hold keeps anything back.
    let found = api.store().fetchable(id, 1, Timestamp::MAX).await?;
    let view = AccountView {
        merchant_id: id,
        name: &merchant.name,
        external_id: merchant.external_id.as_ref(),
        has_failed_deliveries: !found.is_empty(),
    };
    Ok(edge::json(StatusCode::OK, &view))
}

pub(crate) async fn claim<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    query: Query,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let (limit, hold) = body.read(|fields| {
        let limit = fields.optional("limit", |value| whole(&value, 1..=PULL_ROWS_MAX as u64))?;
        let hold =
            fields.optional("lease_s", |value| whole(&value, 1..=PULL_HOLD_MAX.as_secs()))?;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PULL_ROWS);
        Ok((limit, hold.map_or(PULL_HOLD, Duration::from_secs)))
    })?;
    let pulled = api.engine.pull(merchant, limit, hold).await?;
    let view = ClaimView {
        data: pulled.items.iter().map(|item| ItemView::of(item, pulled.at)).collect(),
        has_more: pulled.has_more,
        lease_until: pulled.held_until,
    };
    Ok(edge::json(StatusCode::OK, &view))
}

pub(crate) async fn acknowledge<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    query: Query,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let mut ids = body.read(|fields| {
        fields.required("delivery_ids", |value| values::list(value, 1..=PULL_ROWS_MAX, parsed))
    })?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let mut view = AckView::default();
    for (id, did) in api.engine.acknowledge(merchant, &ids).await? {
        match did {
            Acknowledged::Ended | Acknowledged::AlreadyEnded => view.acknowledged.push(id),
            Acknowledged::Pending => view.pending.push(id),
            Acknowledged::Unknown => view.unknown.push(id),
        }
    }
    Ok(edge::json(StatusCode::OK, &view))
}

impl<'a> ItemView<'a> {
    fn of(item: &'a PulledItem, at: Timestamp) -> Self {
        let PulledItem { delivery, event, endpoint } = item;
        // After the tries that were made.
        let number = delivery.tries.saturating_add(1);
        let headers = push::own_headers(event, endpoint.as_deref(), delivery.id, number, at);
        Self {
            delivery_id: delivery.id,
            event_id: event.id,
            event_type: &event.event_type,
            headers: headers.into_iter().collect(),
            body_base64: STANDARD.encode(&event.body),
        }
    }
}
