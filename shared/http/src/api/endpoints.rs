//! `/v1/endpoints`: where a merchant's events go. [`setup`] reads what one is made of. The signing
//! secret is in the answer that creates it, or its successor ([`rotation`]), and nowhere else; extra
//! headers often carry credentials, so their values go in and only their names come out.

pub(crate) mod rotation;
mod setup;
pub(crate) mod trial;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use postback_domain::audit::Action;
use postback_domain::endpoint::{Endpoint, EndpointUrl, OffReason, Switch};
use postback_domain::ids::{EndpointId, MerchantId};
use postback_domain::signing::SigningSecret;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use postback_engine::redrive::Woken;
use serde::Serialize;
use serde_json::Number;

use self::setup::Change;
use super::act::{Act, Tell, doomed};
use super::auth::{Caller, scoped};
use super::change::change;
use super::fields::Fields;
use super::input::{Body, Ids, IfMatch, Query};
use super::merchants::PolicyView;
use super::seed::Seed;
use super::values::{parsed, shortest};
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// An endpoint as its merchant sees it.
#[derive(Serialize)]
struct EndpointView<'a> {
    /// Its id.
    id: EndpointId,
    /// Whose it is.
    merchant_id: MerchantId,
    /// How events get there: we `push` them, or the merchant fetches them by `pull`.
    kind: &'static str,
    /// Where we post to. Null: the merchant fetches what is owed to it.
    url: Option<&'a str>,
    /// Which events it wants: `*`, `charge.*` or `charge.refunded`.
    event_types: Vec<String>,
    /// For people. Null: none was given.
    description: Option<&'a Label>,
    /// Whether it is called.
    enabled: bool,
    /// How deliveries to it are tried again. Null: as its merchant's are.
    retry_policy: Option<PolicyView>,
    /// How long an attempt may take in all, in seconds.
    timeout_s: u64,
    /// How often it is called in a second at most. Null: as often as there is something to send.
    rate_limit_per_s: Option<Number>,
    /// The names of the headers that are sent along; their values are not shown.
    header_names: Vec<&'a str>,
    /// Whether it is called, and if not, since when and why.
    health: HealthView,
    /// When it was created.
    created_at: Timestamp,
    /// The signing secret, only in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

/// Whether it is called, and if not, since when and on whose word.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum HealthView {
    /// It is called.
    Enabled,
    /// It is not; what it is owed waits.
    Disabled {
        /// Since when.
        since: Timestamp,
        /// `asked`: somebody switched it off. `gone`: it answered 410.
        reason: &'static str,
    },
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    query: Query,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let id = EndpointId::from_bits(seed.id_bits());
    let secret = SigningSecret::mint(seed.key_bytes());
    let new = setup::New { id, merchant, secret: secret.clone(), now: seed.at() };
    let allowed = api.settings.destinations;
    let endpoint = body.read(|fields| setup::endpoint(fields, new, allowed))?;
    let record = act.record(Action::EndpointCreated).on(merchant, id);
    let record = record.after(&EndpointView::of(&endpoint));
    seed.created(api.store().create_endpoint(endpoint.clone(), record).await)?;
    let shown_once = EndpointView { secret: Some(secret.expose()), ..EndpointView::of(&endpoint) };
    Ok(edge::tagged(endpoint.revision, edge::json(StatusCode::CREATED, &shown_once)))
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let (asked, request) =
        query.read(|query| Ok((merchant_asked(query)?, page::request(query)?)))?;
    let merchant = scoped(caller, asked)?.merchant()?;
    let endpoints = api.store().list_endpoints(merchant, request).await?;
    Ok(page::answer(&endpoints, EndpointView::of))
}

pub(crate) async fn read<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    Ids(id): Ids<EndpointId>,
    query: Query,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let endpoint = api.store().read_endpoint(merchant, id).await?;
    let endpoint = endpoint.ok_or(Problem::NotFound("endpoint"))?;
    Ok(edge::tagged(endpoint.revision, edge::json(StatusCode::OK, &EndpointView::of(&endpoint))))
}

pub(crate) async fn patch<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    Ids(id): Ids<EndpointId>,
    query: Query,
    seen: IfMatch,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let wanted = body.read(|fields| Change::read(fields, api.settings.destinations))?;
    let asks_to_enable = wanted.asks_to_enable();
    let (store, now) = (api.store(), api.now());
    let changed = change(
        "endpoint",
        || store.read_endpoint(merchant, id),
        |endpoint| {
            seen.check(endpoint.revision)?;
            wanted.clone().apply(endpoint, now)
        },
        |before, after| {
            let record = act.record(Action::EndpointUpdated).on(merchant, id);
            let record = record.before(&EndpointView::of(before));
            let record = record.after(&EndpointView::of(&after));
            store.replace_endpoint(after, record)
        },
    )
    .await?;
    // Also when it was on before: whoever did that may have died before he woke what waited.
    if asks_to_enable {
        api.wake(id).await;
    }
    let endpoint = changed.after;
    Ok(edge::tagged(endpoint.revision, edge::json(StatusCode::OK, &EndpointView::of(&endpoint))))
}

pub(crate) async fn delete<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    Ids(id): Ids<EndpointId>,
    query: Query,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let endpoint = doomed("endpoint", api.store().read_endpoint(merchant, id)).await?;
    let record = act.record(Action::EndpointDeleted).on(merchant, id);
    let record = record.before(&endpoint.as_ref().map(EndpointView::of));
    let deleted = api.store().delete_endpoint(merchant, id, record).await;
    deleted.map_err(|error| Problem::of_write(error, "endpoint"))?;
    // What it was owed ends as FAILED now, not at the end of a wait of hours. What waits to be
    // fetched can be still.
    if !endpoint.is_some_and(|endpoint| endpoint.is_pull()) {
        api.wake(id).await;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The merchant that an operator acts for.
pub(crate) fn merchant_asked(query: &mut Fields) -> Result<Option<MerchantId>, Problem> {
    query.optional("merchant_id", parsed)
}

impl<P: ApiPorts> Api<P> {
    /// Has what waited for an endpoint tried now. The change itself is made, so a failure here is
    /// not the caller's: its deliveries are looked at again within the hour anyway.
    async fn wake(&self, id: EndpointId) {
        match self.engine.wake(id).await {
            Ok(Woken { sent: 0, .. }) => {}
            Ok(Woken { sent, cut_short }) => {
                tracing::info!(
                    endpoint.id = %id,
                    deliveries = sent,
                    cut_short,
                    "{sent} deliveries to {id} woken"
                );
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                endpoint.id = %id,
                "deliveries to {id} could not be woken"
            ),
        }
    }
}

impl<'a> EndpointView<'a> {
    fn of(endpoint: &'a Endpoint) -> Self {
        Self {
            id: endpoint.id,
            merchant_id: endpoint.merchant_id,
            kind: if endpoint.is_pull() { "pull" } else { "push" },
            url: endpoint.url().map(EndpointUrl::as_str),
            event_types: endpoint.event_types.iter().map(ToString::to_string).collect(),
            description: endpoint.description.as_ref(),
            enabled: endpoint.is_enabled(),
            retry_policy: endpoint.retry_policy.as_ref().map(PolicyView::of),
            timeout_s: endpoint.timeout.get().as_secs(),
            rate_limit_per_s: endpoint.rate_limit.map(|limit| shortest(limit.get())),
            header_names: endpoint.headers.iter().map(|header| header.name()).collect(),
            health: HealthView::of(endpoint.switch),
            created_at: endpoint.created_at,
            secret: None,
        }
    }
}

impl HealthView {
    fn of(switch: Switch) -> Self {
        match switch {
            Switch::On => Self::Enabled,
            Switch::Off { since, reason: OffReason::Asked } => {
                Self::Disabled { since, reason: "asked" }
            }
            Switch::Off { since, reason: OffReason::Gone } => {
                Self::Disabled { since, reason: "gone" }
            }
        }
    }
}
