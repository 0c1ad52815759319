//! `/v1/deliveries`: what is owed to whom, and how each attempt went.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use postback_domain::audit::Action;
use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::{
    Delivery, FailedReason, Progress, State as DeliveryState, Via, WaitsFor,
};
use postback_domain::event::EventType;
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::audit::Audit;
use postback_engine::ports::history::{DeliveryFilter, DeliveryRecord, History, PageRequest};
use postback_engine::ports::store::Reopening;
use serde::Serialize;

use super::act::{Act, Tell};
use super::auth::{Caller, Tenant, scoped};
use super::endpoints::merchant_asked;
use super::fields::Fields;
use super::input::{Ids, Query};
use super::seed::Seed;
use super::values::{event_type, parsed};
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// A delivery as its merchant sees it.
#[derive(Serialize)]
pub(crate) struct DeliveryView<'a> {
    /// Its id, derived from the event and the endpoint.
    id: DeliveryId,
    /// Whose it is.
    merchant_id: MerchantId,
    /// What is delivered.
    event_id: EventId,
    /// The event's type.
    event_type: &'a EventType,
    /// Where it goes. Null: no endpoint wanted the event.
    endpoint_id: Option<EndpointId>,
    /// Where it stands.
    state: DeliveryState,
    /// Which round of tries it is in; each redrive or retry begins another one.
    round: u32,
    /// The tries that were used in this round.
    attempts: u8,
    /// When it is tried next. Null unless it waits for that: also while an attempt is being made, and
    /// of one that waits to be fetched.
    next_attempt_at: Option<Timestamp>,
    /// When it came to be.
    created_at: Timestamp,
    /// When it ended. Null while it is pending.
    finished_at: Option<Timestamp>,
    /// How the merchant got it. Null until then.
    via: Option<Via>,
    /// Why it was given up. Null of all others.
    failed_reason: Option<FailedReason>,
    /// Why nobody wanted it. Null of all others.
    not_apply_reason: Option<NotApplyReason>,
    /// Whom the event is for, where no merchant has that `external_id`. Null of all others.
    addressee: Option<&'a Label>,
    /// Its attempts, newest last. Only of a single delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_log: Option<&'a [Attempt]>,
}

/// Why nobody wanted an event.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum NotApplyReason {
    /// No endpoint of the merchant takes its type.
    NoEndpoint,
    /// It is for a merchant that is not here.
    MerchantUnknown,
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let (filter, request) = query.read(|query| filter(query, caller))?;
    let deliveries = api.store().list_deliveries(filter, request).await?;
    Ok(page::answer(&deliveries, DeliveryView::of))
}

pub(crate) async fn read<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    Ids(id): Ids<DeliveryId>,
    query: Query,
) -> Result<Response, Problem> {
    let tenant = scoped(caller, query.read(merchant_asked)?)?;
    let record = api.delivery(id, tenant).await?;
    let view =
        DeliveryView { attempt_log: Some(&record.attempts), ..DeliveryView::of(&record.delivery) };
    Ok(edge::json(StatusCode::OK, &view))
}

pub(crate) async fn retry<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    Ids(id): Ids<DeliveryId>,
    query: Query,
    seed: Seed,
) -> Result<Response, Problem> {
    let tenant = scoped(caller, query.read(merchant_asked)?)?;
    // Read first: whose delivery it is must be known before anything is done to it.
    let seen = api.delivery(id, tenant).await?;
    if seed.may_have_reopened(&seen.delivery) {
        return Ok(edge::json(StatusCode::ACCEPTED, &DeliveryView::of(&seen.delivery)));
    }
    // What would be refused leaves no record. What is overtaken from here on is in the record as it
    // was asked for.
    match seen.delivery.state() {
        DeliveryState::Pending => return Err(still_pending()),
        DeliveryState::NotApply => return Err(nothing_to_send()),
        DeliveryState::Success | DeliveryState::Failed => {}
    }
    let record = act.record(Action::DeliveryRetried).on(seen.delivery.merchant_id, id);
    api.store().record(record.before(&DeliveryView::of(&seen.delivery))).await?;
    match api.engine.retry(id, Some(seen.delivery.round)).await? {
        Reopening::Reopened(_) => {
            let record = api.delivery(id, tenant).await?;
            Ok(edge::json(StatusCode::ACCEPTED, &DeliveryView::of(&record.delivery)))
        }
        Reopening::StillPending => Err(still_pending()),
        Reopening::NothingToSend => Err(nothing_to_send()),
        Reopening::Unknown => Err(Problem::NotFound("delivery")),
    }
}

fn still_pending() -> Problem {
    Problem::conflict("delivery_pending", "the delivery is still being tried")
}

fn nothing_to_send() -> Problem {
    let detail = "no endpoint wanted the event, so there is nothing to send again";
    Problem::conflict("nothing_to_send", detail)
}

fn filter(query: &mut Fields, caller: Caller) -> Result<(DeliveryFilter, PageRequest), Problem> {
    let filter = DeliveryFilter {
        merchant: scoped(caller, merchant_asked(query)?)?.filter(),
        state: query.optional("state", parsed)?,
        endpoint: query.optional("endpoint_id", parsed)?,
        event_type: query.optional("event_type", event_type)?,
        since: query.optional("since", parsed)?,
        until: query.optional("until", parsed)?,
    };
    Ok((filter, page::request(query)?))
}

impl<P: ApiPorts> Api<P> {
    async fn delivery(&self, id: DeliveryId, tenant: Tenant) -> Result<DeliveryRecord, Problem> {
        let record = self.store().read_delivery(id).await?;
        let record = record.ok_or(Problem::NotFound("delivery"))?;
        tenant.owns(record.delivery.merchant_id, "delivery")?;
        Ok(record)
    }
}

impl<'a> DeliveryView<'a> {
    pub(crate) fn of(delivery: &'a Delivery) -> Self {
        let (mut next_attempt_at, mut via, mut failed_reason) = (None, None, None);
        let (mut not_apply_reason, mut addressee) = (None, None);
        match &delivery.progress {
            Progress::Pending { waits_for: WaitsFor::Fetch(_), .. }
            | Progress::Pending { lease: Some(_), .. } => {}
            Progress::Pending { due_at, lease: None, .. } => next_attempt_at = Some(*due_at),
            Progress::Success { via: how, .. } => via = Some(*how),
            Progress::Failed { reason, .. } => failed_reason = Some(*reason),
            Progress::NotApply { addressee: None, .. } => {
                not_apply_reason = Some(NotApplyReason::NoEndpoint);
            }
            Progress::NotApply { addressee: Some(whom), .. } => {
                (not_apply_reason, addressee) = (Some(NotApplyReason::MerchantUnknown), Some(whom));
            }
        }
        Self {
            id: delivery.id,
            merchant_id: delivery.merchant_id,
            event_id: delivery.event_id,
            event_type: &delivery.event_type,
            endpoint_id: delivery.endpoint_id,
            state: delivery.state(),
            round: delivery.round,
            attempts: delivery.tries,
            next_attempt_at,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at(),
            via,
            failed_reason,
            not_apply_reason,
            addressee,
            attempt_log: None,
        }
    }
}

#[cfg(test)]
mod tests;
