//! `POST /v1/endpoints/{id}/test`: one signed request, and how it was answered. Nothing of it is
//! kept, so it is in no list and is not tried again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::AttemptTimeout;
use postback_domain::event::{Event, EventType, ProviderEventId};
use postback_domain::ids::{EndpointId, EventId, MerchantId, SourceId};
use postback_domain::limits::TRIAL_TIMEOUT;
use postback_engine::ports::catalog::Catalog;
use postback_engine::ports::history::PageRequest;
use postback_verify::{UnixTime, presets};
use serde::Serialize;
use serde_json::json;

use super::merchant_asked;
use crate::api::auth::{Caller, scoped};
use crate::api::input::{Body, Ids, Query};
use crate::api::seed::Seed;
use crate::api::values::event_type;
use crate::api::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// The type of a test that does not say.
const TYPE: &str = "postback.test";

/// Sources whose providers may lend a sample, the newest ones. Who has more of them still gets a
/// test, of our own making if need be.
const SOURCES_LOOKED_AT: usize = 50;

/// How a test went.
#[derive(Serialize)]
struct TrialView<'a> {
    /// Whether a delivery would have been a SUCCESS.
    accepted: bool,
    /// What the request called its event; there is no such event.
    event_id: EventId,
    /// The type of the event that was sent.
    event_type: &'a EventType,
    /// How it was answered.
    attempt: &'a Attempt,
}

pub(crate) async fn test<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    Ids(id): Ids<EndpointId>,
    query: Query,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let wanted = body.read(|fields| fields.optional("event_type", event_type))?;
    let endpoint = api.store().read_endpoint(merchant, id).await?;
    let mut endpoint = endpoint.ok_or(Problem::NotFound("endpoint"))?;
    if endpoint.is_pull() {
        let detail = "the endpoint is not called, so there is nothing to test";
        return Err(Problem::conflict("not_called", detail));
    }
    // The answer must be here before the gateway in front of us hangs up.
    if endpoint.timeout.get() > TRIAL_TIMEOUT {
        endpoint.timeout = AttemptTimeout::from_secs(TRIAL_TIMEOUT.as_secs()).unwrap_or_default();
    }
    let wanted = wanted.unwrap_or_else(|| EventType::new(TYPE));
    let event = api.sample(merchant, &wanted, &seed).await?;
    let event_id = event.id;
    let attempt = api.engine.trial(Arc::new(endpoint), event).await;
    let accepted = attempt.outcome == Outcome::Accepted;
    let view = TrialView { accepted, event_id, event_type: &wanted, attempt: &attempt };
    Ok(edge::json(StatusCode::OK, &view))
}

impl<P: ApiPorts> Api<P> {
    /// An event of this type as the providers of the merchant's sources would send it, where one of
    /// them has such a sample; otherwise something that says what it is.
    async fn sample(
        &self,
        merchant: MerchantId,
        wanted: &EventType,
        seed: &Seed,
    ) -> Result<Event, Problem> {
        let page = PageRequest { limit: SOURCES_LOOKED_AT, cursor: None };
        let sources = self.store().list_sources(Some(merchant), page).await?.rows;
        let id = format!("test{:012x}", seed.id_bits() >> 80);
        let at = UnixTime::from_millis(u64::try_from(seed.at().as_millis()).unwrap_or(0));
        let sample = sources.iter().find_map(|source| {
            let json = source.scheme.scheme().as_json();
            let preset = presets().iter().find(|preset| preset.scheme.as_json() == json)?;
            // A batch has several events in one body, and a signature inside would be missing.
            let is_whole = !preset.scheme.is_batch() && !json.contains("\"from\":\"json:");
            let sample = preset.sample(Some(wanted.as_str())).filter(|_| is_whole)?;
            Some((source.id, sample.request(&id, at).ok()?))
        });
        let (source_id, provider_id, content_type, body) = match sample {
            Some((source, request)) => {
                let content_type = request
                    .headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
                    .map(|(_, value)| value.clone());
                (source, request.provider_event_id.unwrap_or(id), content_type, request.body)
            }
            None => {
                let body = json!({
                    "id": id,
                    "type": wanted,
                    "test": true,
                    "message": "This is a test from Postback. Nothing has happened.",
                });
                let content_type = Some("application/json".to_owned());
                (SourceId::from_bits(0), id, content_type, body.to_string())
            }
        };
        let provider_event_id = ProviderEventId::new(&provider_id);
        Ok(Event {
            id: EventId::from_bits(seed.id_bits()),
            source_id,
            merchant_id: merchant,
            addressee: None,
            provider_event_id,
            event_type: wanted.clone(),
            received_at: seed.at(),
            content_type,
            body: body.into(),
        })
    }
}
