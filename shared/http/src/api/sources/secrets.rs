//! `/v1/sources/{id}/secrets`: the rotation of a provider's secret. A new one goes in, the old ones
//! stay good for a while, and each shows when it last signed something, which tells when the old
//! one can go. The secrets themselves never come out.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use postback_domain::audit::Action;
use postback_domain::ids::{SecretId, SourceId};
use postback_domain::limits::{SECRET_OVERLAP, SECRET_OVERLAP_MAX, SECRETS_PER_SOURCE_MAX};
use postback_domain::rotation::{self, Rotation, RotationError};
use postback_domain::source::{Source, SourceSecret};
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use postback_verify::Secret;
use serde::Serialize;

use crate::api::act::{Act, Tell};
use crate::api::auth::Admin;
use crate::api::change::change;
use crate::api::fields::Patch;
use crate::api::input::{Body, Ids, Query};
use crate::api::seed::Seed;
use crate::api::values::{text, whole};
use crate::api::{Api, ApiPorts};
use crate::edge;
use crate::problem::Problem;

/// A secret as its operator sees it.
#[derive(Debug, Serialize)]
struct SecretView {
    /// Its id.
    id: SecretId,
    /// When it was added.
    created_at: Timestamp,
    /// Until when it is good. Null: for good.
    expires_at: Option<Timestamp>,
    /// When a request was last signed with it, noted once an hour at most. Null: nothing that was
    /// noted.
    last_used_at: Option<Timestamp>,
}

/// All secrets of a source: they are few, so there are no pages.
#[derive(Serialize)]
struct Secrets {
    data: Vec<SecretView>,
    next: Option<String>,
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    Ids(id): Ids<SourceId>,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let rotation = body.read(|fields| {
        let secret = fields.required("secret", text)?;
        let seconds = |value| whole(&value, 0..=SECRET_OVERLAP_MAX.as_secs());
        let overlap = match fields.patch("overlap_s", seconds)? {
            Patch::Keep => Some(SECRET_OVERLAP),
            Patch::Clear => None,
            Patch::Set(secs) => Some(Duration::from_secs(secs)),
        };
        let secret = Secret::new(secret);
        Ok(Rotation { secret, overlap, count_max: SECRETS_PER_SOURCE_MAX })
    })?;
    let store = api.store();
    let changed = change(
        "source",
        || store.read_source(id),
        |source| rotate(source, rotation.clone(), &seed),
        |_, after| {
            let record = act.record(Action::SourceSecretCreated).on(after.merchant_id, id);
            let record = record.after(&SecretView::new_in(&after, &rotation.secret));
            store.replace_source(after, record)
        },
    );
    let source = changed.await?.after;
    let new = SecretView::new_in(&source, &rotation.secret).ok_or(Problem::NotFound("secret"))?;
    Ok(edge::json(StatusCode::CREATED, &new))
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    Ids(id): Ids<SourceId>,
    query: Query,
) -> Result<Response, Problem> {
    query.read(|_| Ok(()))?;
    let source = api.store().read_source(id).await?.ok_or(Problem::NotFound("source"))?;
    let uses = api.store().secret_uses(id).await?.into_iter().collect();
    let data = source.secrets.iter().map(|secret| SecretView::of(secret, &uses)).collect();
    Ok(edge::json(StatusCode::OK, &Secrets { data, next: None }))
}

pub(crate) async fn delete<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    Ids((id, secret)): Ids<(SourceId, SecretId)>,
) -> Result<Response, Problem> {
    let store = api.store();
    let changed = change(
        "source",
        || store.read_source(id),
        |source| {
            rotation::remove(&mut source.secrets, secret).map_err(refused)?;
            source.revision = source.revision.saturating_add(1);
            Ok(())
        },
        |before, after| {
            let removed = before.secrets.iter().find(|one| one.id == secret);
            let removed = removed.map(|removed| SecretView::of(removed, &HashMap::new()));
            let record = act.record(Action::SourceSecretDeleted).on(after.merchant_id, id);
            store.replace_source(after, record.before(&removed))
        },
    );
    changed.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn rotate(source: &mut Source, rotation: Rotation<Secret>, seed: &Seed) -> Result<(), Problem> {
    let fits = source.scheme.scheme().check_secret(&rotation.secret);
    fits.map_err(|error| Problem::invalid("secret", error))?;
    let owner = source.next_owner();
    if is_rotated(rotation.apply(&mut source.secrets, owner, seed.at()), seed)? {
        source.revision = source.revision.saturating_add(1);
    }
    Ok(())
}

/// Whether a rotation was made just now. A secret that is there already is our own work if the
/// request is carried out again, and then nothing is left to do.
pub(crate) fn is_rotated(rotated: Result<(), RotationError>, seed: &Seed) -> Result<bool, Problem> {
    match rotated {
        Err(RotationError::Known(_)) if seed.is_again() => Ok(false),
        rotated => rotated.map(|()| true).map_err(refused),
    }
}

fn refused(error: RotationError) -> Problem {
    match error {
        RotationError::Unknown => Problem::NotFound("secret"),
        RotationError::Known(_) => Problem::conflict("secret_known", error),
        RotationError::Full(_) => Problem::conflict("limit_reached", error),
        RotationError::Last => Problem::conflict("last_secret", error),
    }
}

impl SecretView {
    /// The one that was just added.
    fn new_in(source: &Source, secret: &Secret) -> Option<Self> {
        let new = source.secrets.iter().find(|one| one.secret == *secret);
        new.map(|new| Self::of(new, &HashMap::new()))
    }

    fn of(secret: &SourceSecret, uses: &HashMap<SecretId, Timestamp>) -> Self {
        Self {
            id: secret.id,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
            last_used_at: uses.get(&secret.id).copied(),
        }
    }
}
