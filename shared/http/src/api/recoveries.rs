//! `/v1/endpoints/{id}/recover` and `/v1/recoveries/{id}`: an order to be sent again what an endpoint
//! missed, and how far it has come. The order is kept first; what follows is done by whoever has the
//! time, a beginning of it by the request itself.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use postback_domain::audit::Action;
use postback_domain::delivery::State as DeliveryState;
use postback_domain::ids::{EndpointId, MerchantId, RecoveryId};
use postback_domain::limits::{RECOVERY_BEGIN_MAX, RECOVERY_PACE, RECOVERY_PACE_MAX};
use postback_domain::recovery::{Counts, Place, Recovery, Standing};
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use postback_engine::ports::recoveries::Recoveries;
use serde::Serialize;
use serde_json::Value;

use super::act::{Act, Tell};
use super::auth::{Caller, scoped};
use super::endpoints::merchant_asked;
use super::fields::Fields;
use super::input::{Body, Ids, Query};
use super::seed::Seed;
use super::values::{list, parsed, whole};
use super::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// An order as its merchant sees it.
#[derive(Serialize)]
struct RecoveryView {
    /// Its id.
    id: RecoveryId,
    /// Whose it is.
    merchant_id: MerchantId,
    /// What is sent again.
    endpoint_id: EndpointId,
    /// What was created at this time or later.
    since: Timestamp,
    /// And before this time.
    until: Timestamp,
    /// In these states when the order was given.
    states: Vec<DeliveryState>,
    /// How many are sent in a second.
    per_second: u32,
    /// Whether it goes on, and if not, why.
    status: &'static str,
    /// Rows so far. Less than there were, if a worker died over them.
    looked_at: u64,
    /// Deliveries that are due again, or for the first time, so far; with the same proviso.
    recovered: u64,
    /// How far back it has come in the state it is at: it goes from `until` to `since`. Null: there
    /// was nothing yet.
    reached_at: Option<Timestamp>,
    /// When the order was given.
    created_at: Timestamp,
    /// When it ended. Null while it goes on.
    finished_at: Option<Timestamp>,
}

/// What is asked for.
struct Wanted {
    since: Timestamp,
    until: Option<Timestamp>,
    states: Vec<DeliveryState>,
    per_second: u32,
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    Ids(endpoint_id): Ids<EndpointId>,
    query: Query,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let merchant_id = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let wanted = body.read(Wanted::read)?;
    let store = api.store();
    let endpoint = store.read_endpoint(merchant_id, endpoint_id).await?;
    endpoint.ok_or(Problem::NotFound("endpoint"))?;
    let merchant = store.read_merchant(merchant_id).await?.ok_or(Problem::NotFound("merchant"))?;
    let now = seed.at();
    let until = wanted.until.map_or(now, |until| until.min(now));
    if wanted.since >= until {
        let rule = "must be later than `since`, which must be in the past";
        return Err(Problem::invalid("until", rule));
    }
    let mut places: Vec<_> = wanted.states.iter().copied().map(Place::State).collect();
    if wanted.states.contains(&DeliveryState::NotApply) {
        places.extend(merchant.external_id.map(Place::Addressed));
    }
    let recovery = Recovery {
        id: RecoveryId::from_bits(seed.id_bits()),
        merchant_id,
        endpoint_id,
        since: wanted.since,
        until,
        places,
        per_second: wanted.per_second,
        created_at: now,
        standing: Standing::Running { place: 0, cursor: None, next_due_at: now },
        counts: Counts::default(),
    };
    let id = recovery.id;
    let record = act.record(Action::RecoveryCreated).on(merchant_id, endpoint_id);
    let record = record.after(&RecoveryView::of(&recovery));
    seed.created(store.create_recovery(recovery, record).await)?;
    // The order is kept; what cannot be done now is done by others.
    if let Err(error) = api.engine.recover(id, api.now().plus(RECOVERY_BEGIN_MAX)).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            recovery.id = %id,
            "{id} was not begun at once"
        );
    }
    let recovery = store.read_recovery(id).await?.ok_or(Problem::NotFound("recovery"))?;
    let location = HeaderValue::try_from(format!("/v1/recoveries/{id}")).expect("an id is ASCII");
    let answer = edge::json(StatusCode::ACCEPTED, &RecoveryView::of(&recovery));
    Ok(([(header::LOCATION, location)], answer).into_response())
}

pub(crate) async fn read<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    Ids(id): Ids<RecoveryId>,
    query: Query,
) -> Result<Response, Problem> {
    let tenant = scoped(caller, query.read(merchant_asked)?)?;
    let recovery = api.store().read_recovery(id).await?.ok_or(Problem::NotFound("recovery"))?;
    tenant.owns(recovery.merchant_id, "recovery")?;
    Ok(edge::json(StatusCode::OK, &RecoveryView::of(&recovery)))
}

pub(crate) async fn cancel<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    Ids(id): Ids<RecoveryId>,
    query: Query,
) -> Result<Response, Problem> {
    let tenant = scoped(caller, query.read(merchant_asked)?)?;
    // Read first: whose it is must be known before anything is done to it.
    let recovery = api.store().read_recovery(id).await?.ok_or(Problem::NotFound("recovery"))?;
    tenant.owns(recovery.merchant_id, "recovery")?;
    let record = act.record(Action::RecoveryCancelled);
    let record = record.on(recovery.merchant_id, recovery.endpoint_id);
    let record = record.before(&RecoveryView::of(&recovery));
    let recovery = api.store().cancel_recovery(id, api.now(), record).await?;
    let recovery = recovery.ok_or(Problem::NotFound("recovery"))?;
    Ok(edge::json(StatusCode::OK, &RecoveryView::of(&recovery)))
}

impl Wanted {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let pace = |value| whole(&value, 1..=u64::from(RECOVERY_PACE_MAX));
        let pace = fields.optional("per_second", pace)?;
        Ok(Self {
            since: fields.required("since", parsed)?,
            until: fields.optional("until", parsed)?,
            states: fields
                .optional("states", states)?
                .unwrap_or_else(|| vec![DeliveryState::Failed, DeliveryState::NotApply]),
            // In range, so it fits.
            per_second: pace.and_then(|pace| u32::try_from(pace).ok()).unwrap_or(RECOVERY_PACE),
        })
    }
}

/// Some of the states that have ended; naming one twice says nothing new.
fn states(value: Value) -> Result<Vec<DeliveryState>, String> {
    let ended = |value| match parsed(value)? {
        DeliveryState::Pending => Err("what is PENDING is on its way".to_owned()),
        state => Ok(state),
    };
    let mut states: Vec<DeliveryState> = list(value, 1..=3, ended)?;
    states.sort_by_key(|state| state.as_str());
    states.dedup();
    Ok(states)
}

impl RecoveryView {
    fn of(recovery: &Recovery) -> Self {
        let states = recovery.places.iter().filter_map(|place| match place {
            Place::State(state) => Some(*state),
            Place::Addressed(_) => None,
        });
        Self {
            id: recovery.id,
            merchant_id: recovery.merchant_id,
            endpoint_id: recovery.endpoint_id,
            since: recovery.since,
            until: recovery.until,
            states: states.collect(),
            per_second: recovery.per_second,
            status: match recovery.standing {
                Standing::Running { .. } => "running",
                Standing::Done { .. } => "done",
                Standing::Cancelled { .. } => "cancelled",
                Standing::EndpointGone { .. } => "endpoint_gone",
            },
            looked_at: recovery.counts.looked_at,
            recovered: recovery.counts.recovered,
            reached_at: recovery.counts.reached,
            created_at: recovery.created_at,
            finished_at: recovery.finished_at(),
        }
    }
}
