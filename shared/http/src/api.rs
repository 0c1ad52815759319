//! The API: how people set Postback up and see what happened. Generic over the ports; every
//! handler reads its input, asks `auth` whose objects it may touch, makes one or two port calls,
//! and shows the outcome.
//!
//! Reading order: `auth` (who calls, and the one tenant check), `input` with `fields` and `values`
//! (how a request is read), `page` and `change` (how lists and PATCH work), `seed` and `idempotency`
//! (what is created once), `act` (what is recorded of a change), then one file a noun.

mod act;
mod audit;
mod auth;
mod change;
mod dead_letters;
mod deliveries;
mod document;
mod endpoints;
mod events;
mod fields;
mod idempotency;
mod input;
mod keys;
mod merchants;
mod page;
mod portal;
mod presets;
mod pull;
mod quota;
mod recoveries;
mod seed;
mod sources;
mod values;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use postback_domain::endpoint::Destinations;
use postback_domain::key::TokenDigest;
use postback_domain::time::Timestamp;
use postback_engine::Engine;
use postback_engine::ports::audit::Audit;
use postback_engine::ports::catalog::Catalog;
use postback_engine::ports::history::History;
use postback_engine::ports::idempotency::Idempotency;
use postback_engine::ports::pulls::Pulls;
use postback_engine::ports::recoveries::Recoveries;
use postback_engine::ports::{Clock, Ports};
use tracing::Instrument as _;

use crate::edge;
use crate::problem::Problem;

/// Ports whose store also serves the API.
pub trait ApiPorts:
    Ports<Store: Catalog + Audit + History + Pulls + Recoveries + Idempotency>
{
}

impl<P: Ports<Store: Catalog + Audit + History + Pulls + Recoveries + Idempotency>> ApiPorts for P {}

/// What an installation chooses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of the operator's key, which opens everything.
    pub admin_key: TokenDigest,
    /// Which endpoint URLs are taken.
    pub destinations: Destinations,
    /// Requests that a merchant's key may make in a minute.
    pub requests_per_minute: u32,
    /// Where providers reach us, such as `https://hooks.platform.example`; shown in the
    /// `ingest_url` of sources.
    pub public_base_url: String,
}

/// The API over one engine. A clone is another handle on the same.
#[derive(Debug)]
pub struct Api<P> {
    engine: Arc<Engine<P>>,
    settings: Arc<Settings>,
    quotas: Arc<quota::Quotas>,
}

impl<P> Clone for Api<P> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            settings: Arc::clone(&self.settings),
            quotas: Arc::clone(&self.quotas),
        }
    }
}

impl<P: ApiPorts> Api<P> {
    /// The API over this engine.
    pub fn new(engine: Arc<Engine<P>>, settings: Settings) -> Self {
        let quotas = Arc::new(quota::Quotas::new(settings.requests_per_minute));
        Self { engine, settings: Arc::new(settings), quotas }
    }

    fn store(&self) -> &P::Store {
        self.engine.ports().store()
    }

    fn entropy(&self) -> &P::Entropy {
        self.engine.ports().entropy()
    }

    fn now(&self) -> Timestamp {
        self.engine.ports().clock().now()
    }
}

/// The routes of the API.
pub fn router<P: ApiPorts>(api: Api<P>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/openapi.json", get(document::json))
        .route("/docs", get(document::page))
        .route("/docs/renderer.js", get(document::renderer))
        .route("/v1/merchants", post(merchants::create::<P>).get(merchants::list::<P>))
        .route("/v1/merchants/{merchant}", get(merchants::read::<P>).patch(merchants::patch::<P>))
        .route("/v1/merchants/{merchant}/keys", post(keys::create::<P>).get(keys::list::<P>))
        .route("/v1/merchants/{merchant}/keys/{key}", delete(keys::delete::<P>))
        .route("/v1/merchants/{merchant}/portal-tokens", post(portal::create::<P>))
        .route("/v1/merchants/{merchant}/portal-tokens/{token}", delete(portal::delete::<P>))
        .route("/v1/sources", post(sources::create::<P>).get(sources::list::<P>))
        .route(
            "/v1/sources/{source}",
            get(sources::read::<P>).patch(sources::patch::<P>).delete(sources::delete::<P>),
        )
        .route(
            "/v1/sources/{source}/secrets",
            post(sources::secrets::create::<P>).get(sources::secrets::list::<P>),
        )
        .route("/v1/sources/{source}/secrets/{secret}", delete(sources::secrets::delete::<P>))
        .route("/v1/audit", get(audit::list::<P>))
        .route("/v1/presets", get(presets::list))
        .route("/v1/endpoints", post(endpoints::create::<P>).get(endpoints::list::<P>))
        .route(
            "/v1/endpoints/{endpoint}",
            get(endpoints::read::<P>).patch(endpoints::patch::<P>).delete(endpoints::delete::<P>),
        )
        .route("/v1/endpoints/{endpoint}/secret/rotate", post(endpoints::rotation::rotate::<P>))
        .route("/v1/endpoints/{endpoint}/test", post(endpoints::trial::test::<P>))
        .route("/v1/endpoints/{endpoint}/recover", post(recoveries::create::<P>))
        .route("/v1/recoveries/{recovery}", get(recoveries::read::<P>))
        .route("/v1/recoveries/{recovery}/cancel", post(recoveries::cancel::<P>))
        .route("/v1/events", get(events::list::<P>))
        .route("/v1/events/{event}", get(events::read::<P>))
        .route("/v1/deliveries", get(deliveries::list::<P>))
        .route("/v1/deliveries/{delivery}", get(deliveries::read::<P>))
        .route("/v1/deliveries/{delivery}/retry", post(deliveries::retry::<P>))
        .route("/v1/account", get(pull::account::<P>))
        .route("/v1/failed/claim", post(pull::claim::<P>))
        .route("/v1/failed/ack", post(pull::acknowledge::<P>))
        .route("/v1/dead-letters", get(dead_letters::list::<P>))
        .route("/v1/dead-letters/redrive", post(dead_letters::redrive::<P>))
        .route_layer(from_fn_with_state(api.clone(), idempotency::once::<P>))
        .method_not_allowed_fallback(other_methods)
        .fallback(async || Problem::NoSuchRoute)
        .layer(from_fn_with_state(api.clone(), observe::<P>))
        .with_state(api)
}

/// Names the request in its answer and in what is logged on its behalf, and says in the answer what
/// is left to its key.
async fn observe<P: ApiPorts>(
    State(api): State<Api<P>>,
    mut request: Request,
    next: Next,
) -> Response {
    let told = quota::Told::default();
    request.extensions_mut().insert(told.clone());
    let id = edge::request_id(api.entropy());
    request.extensions_mut().insert(edge::RequestId(id.clone()));
    let span = tracing::info_span!("api", request.id = id.to_str().unwrap_or_default());
    let mut response = edge::unless_it_panics(next.run(request)).instrument(span).await;
    response.headers_mut().insert(edge::REQUEST_ID, id);
    told.write(&mut response);
    response
}

/// What a route answers to methods that it does not have; axum adds `allow`, which is all that
/// OPTIONS asks for (RFC 9110 §9.3.7). There is no word of CORS in it: no page of another origin has
/// a key that it should use here.
async fn other_methods(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Problem::MethodNotAllowed.into_response(),
    }
}

/// Says that the process serves. Says nothing of the store: a load balancer that takes every
/// worker out because the store is down turns 503 for a minute into an outage.
async fn healthz() -> Response {
    edge::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}
