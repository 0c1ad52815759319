//! `POST /v1/endpoints/{id}/secret/rotate`: a new signing secret, shown in this answer and nowhere
//! else. The old one goes on signing beside it until the merchant has deployed the new one.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use postback_domain::audit::Action;
use postback_domain::endpoint::{Endpoint, EndpointSecret};
use postback_domain::ids::EndpointId;
use postback_domain::limits::{SECRETS_PER_ENDPOINT_MAX, SIGNING_OVERLAP, SIGNING_OVERLAP_MAX};
use postback_domain::rotation::Rotation;
use postback_domain::signing::SigningSecret;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use serde::Serialize;

use super::merchant_asked;
use crate::api::act::{Act, Tell};
use crate::api::auth::{Caller, scoped};
use crate::api::change::change;
use crate::api::input::{Body, Ids, Query};
use crate::api::seed::Seed;
use crate::api::sources::secrets::is_rotated;
use crate::api::values::whole;
use crate::api::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// What a rotation has come to.
#[derive(Serialize)]
struct RotatedView<'a> {
    /// The endpoint.
    id: EndpointId,
    /// The new secret, only in the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    /// Until when the one before signs as well. Null: it does not.
    previous_expires_at: Option<Timestamp>,
}

pub(crate) async fn rotate<P: ApiPorts>(
    State(api): State<Api<P>>,
    caller: Caller,
    act: Act,
    Ids(id): Ids<EndpointId>,
    query: Query,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = scoped(caller, query.read(merchant_asked)?)?.merchant()?;
    let overlap = body.read(|fields| {
        let seconds = |value| whole(&value, 0..=SIGNING_OVERLAP_MAX.as_secs());
        fields.optional("overlap_s", seconds)
    })?;
    let overlap = overlap.map_or(SIGNING_OVERLAP, Duration::from_secs);
    let secret = SigningSecret::mint(seed.key_bytes());
    let rotation = Rotation {
        secret: secret.clone(),
        overlap: Some(overlap),
        count_max: SECRETS_PER_ENDPOINT_MAX,
    };
    let store = api.store();
    let changed = change(
        "endpoint",
        || store.read_endpoint(merchant, id),
        |endpoint| apply(endpoint, rotation.clone(), &seed),
        |_, after| {
            let record = act.record(Action::EndpointSecretRotated).on(merchant, id);
            let record = record.after(&RotatedView::of(&after, seed.at()));
            store.replace_endpoint(after, record)
        },
    );
    let endpoint = changed.await?.after;
    let shown_once =
        RotatedView { secret: Some(secret.expose()), ..RotatedView::of(&endpoint, seed.at()) };
    Ok(edge::json(StatusCode::OK, &shown_once))
}

impl RotatedView<'_> {
    fn of(endpoint: &Endpoint, now: Timestamp) -> Self {
        let previous = endpoint.secrets.get(1).filter(|secret| secret.is_live(now));
        let previous_expires_at =
            previous.and_then(|EndpointSecret { expires_at, .. }| *expires_at);
        Self { id: endpoint.id, secret: None, previous_expires_at }
    }
}

fn apply(
    endpoint: &mut Endpoint,
    rotation: Rotation<SigningSecret>,
    seed: &Seed,
) -> Result<(), Problem> {
    let owner = endpoint.next_owner();
    if is_rotated(rotation.apply(&mut endpoint.secrets, owner, seed.at()), seed)? {
        endpoint.revision = endpoint.revision.saturating_add(1);
    }
    Ok(())
}
