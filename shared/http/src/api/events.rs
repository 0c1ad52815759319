//! `/v1/events`: what providers told us, and what became of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postback_domain::delivery::{Delivery, State as DeliveryState};
use postback_domain::event::{EventType, ProviderEventId};
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, SourceId};
use postback_domain::time::Timestamp;
use postback_engine::ports::history::{EventFilter, EventSummary, History, PageRequest};
use serde::Serialize;

use super::auth::{Caller, scoped};
use super::endpoints::merchant_asked;
use super::fields::Fields;
use super::input::{Ids, Query};
use super::values::{event_type, parsed, text};
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// An event as its merchant sees it.
#[derive(Serialize)]
struct EventView<'a> {
    /// Its id, derived from the source and the provider's id.
    id: EventId,
    /// Whom it is for.
    merchant_id: MerchantId,
    /// Where it came in.
    source_id: SourceId,
    /// What the provider calls it; a hash of the body where the provider does not say.
    provider_event_id: &'a ProviderEventId,
    /// What kind of fact it is, in the provider's words; `unknown` where it does not say.
    r#type: &'a EventType,
    /// When it was taken in.
    received_at: Timestamp,
    /// How many bytes its body has.
    size_bytes: u64,
    /// How often the provider sent the same id with another body. The first body stands.
    conflicts: u32,
    /// Where it stands as a whole: still owed to somebody, else given up somewhere, else done.
    state: DeliveryState,
    /// What became of it at each endpoint that wanted it.
    deliveries: Vec<DeliveryView>,
    /// The provider's `content-type`. Only of a single event, if it came with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    /// The exact bytes, in base64. Only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// What became of an event at one endpoint.
#[derive(Serialize)]
struct DeliveryView {
    /// The delivery.
    id: DeliveryId,
    /// Where it goes. Null: no endpoint wanted it.
    endpoint_id: Option<EndpointId>,
    /// Where it stands.
    state: DeliveryState,
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    let (filter, request) = query.read(|query| filter(query, caller))?;
    let events = api.store().list_events(filter, request).await?;
    Ok(page::answer(&events, EventView::of))
}

pub(crate) async fn read<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    Ids(id): Ids<EventId>,
    query: Query,
) -> Result<Response, Problem> {
    let include = |value| match text(value)?.as_str() {
        "body" => Ok(()),
        _ => Err("must be `body`".to_owned()),
    };
    let (asked, with_body) = query.read(|query| {
        Ok((merchant_asked(query)?, query.optional("include", include)?.is_some()))
    })?;
    let tenant = scoped(caller, asked)?;
    let found = api.store().read_event(id).await?;
    let (summary, event) = found.ok_or(Problem::NotFound("event"))?;
    tenant.owns(summary.merchant_id, "event")?;
    let view = EventView {
        content_type: event.content_type.as_deref(),
        body_base64: with_body.then(|| STANDARD.encode(&event.body)),
        ..EventView::of(&summary)
    };
    Ok(edge::json(StatusCode::OK, &view))
}

fn filter(query: &mut Fields, caller: Caller) -> Result<(EventFilter, PageRequest), Problem> {
    let filter = EventFilter {
        merchant: scoped(caller, merchant_asked(query)?)?.filter(),
        source: query.optional("source_id", parsed)?,
        event_type: query.optional("type", event_type)?,
        since: query.optional("since", parsed)?,
        until: query.optional("until", parsed)?,
    };
    Ok((filter, page::request(query)?))
}

/// Where an event stands as a whole: still owed to somebody, else given up somewhere, else wanted
/// by nobody, else done. One whose deliveries are not there yet is still owed.
fn overall(states: impl IntoIterator<Item = DeliveryState>) -> DeliveryState {
    let urgency = |state: &DeliveryState| match state {
        DeliveryState::NotApply => 0,
        DeliveryState::Success => 1,
        DeliveryState::Failed => 2,
        DeliveryState::Pending => 3,
    };
    states.into_iter().max_by_key(urgency).unwrap_or(DeliveryState::Pending)
}

impl<'a> EventView<'a> {
    fn of(event: &'a EventSummary) -> Self {
        Self {
            id: event.id,
            merchant_id: event.merchant_id,
            source_id: event.source_id,
            provider_event_id: &event.provider_event_id,
            r#type: &event.event_type,
            received_at: event.received_at,
            size_bytes: event.size_bytes,
            conflicts: event.conflicts,
            state: overall(event.deliveries.iter().map(Delivery::state)),
            deliveries: event.deliveries.iter().map(DeliveryView::of).collect(),
            content_type: None,
            body_base64: None,
        }
    }
}

impl DeliveryView {
    fn of(delivery: &Delivery) -> Self {
        Self { id: delivery.id, endpoint_id: delivery.endpoint_id, state: delivery.state() }
    }
}

#[cfg(test)]
mod tests {
    use super::DeliveryState::{Failed, NotApply, Pending, Success};
    use super::*;

    #[test]
    fn an_event_stands_where_its_most_urgent_delivery_stands() {
        for (states, expected) in [
            (&[][..], Pending),
            (&[Pending], Pending),
            (&[Success], Success),
            (&[Failed], Failed),
            (&[NotApply], NotApply),
            (&[Success, Success], Success),
            (&[Success, Failed], Failed),
            (&[Failed, Success], Failed),
            (&[Success, Pending, Failed], Pending),
            (&[NotApply, Success], Success),
            (&[NotApply, Failed], Failed),
        ] {
            assert_eq!(overall(states.iter().copied()), expected, "{states:?}");
        }
    }
}
