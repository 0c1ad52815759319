//! `/v1/sources`: provider connections, set up by the operator. [`setup`] reads and checks what one
//! is made of, [`secrets`] changes its secrets one by one. They go in and never come out.

pub(crate) mod secrets;
mod setup;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use postback_domain::audit::Action;
use postback_domain::ids::{MerchantId, SourceId};
use postback_domain::source::{SchemeChoice, Source, Tolerance};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use postback_verify::{BodyField, Config};
use serde::Serialize;
use serde_json::value::RawValue;

use self::setup::Change;
use super::act::{Act, Tell, doomed};
use super::auth::Admin;
use super::change::change;
use super::input::{Body, Ids, IfMatch, Query};
use super::seed::Seed;
use super::values::parsed;
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// A source as its operator sees it.
#[derive(Serialize)]
struct SourceView<'a> {
    /// Its id.
    id: SourceId,
    /// Whom its events are for.
    merchant_id: MerchantId,
    /// Where an event says whom it is for, such as `json:/account`. Null: all are for this merchant.
    merchant_from: Option<&'a str>,
    /// For people. Null: none was given.
    name: Option<&'a Label>,
    /// The preset that says how its provider signs, unless it has a scheme of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<&'a str>,
    /// Its own scheme, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a RawValue>,
    /// How many there are; they themselves are never shown.
    secrets_count: usize,
    /// What its scheme needs beside secrets, by name.
    config: &'a Config,
    /// How far a signed time may be from the clock, in seconds. Absent: what the scheme suggests. Null: not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerance_s: Option<Option<u64>>,
    /// Where its provider posts to.
    ingest_url: String,
    /// When it was created.
    created_at: Timestamp,
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let id = SourceId::from_bits(seed.id_bits());
    let source = body.read(|fields| setup::source(fields, id, seed.at()))?;
    let record = act.record(Action::SourceCreated).on(source.merchant_id, id);
    let record = record.after(&api.source_view(&source));
    seed.created(api.store().create_source(source.clone(), record).await)?;
    let answer = edge::json(StatusCode::CREATED, &api.source_view(&source));
    Ok(edge::tagged(source.revision, answer))
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    query: Query,
) -> Result<Response, Problem> {
    let (merchant, request) = query.read(|query| {
        Ok((query.optional("merchant_id", parsed::<MerchantId>)?, page::request(query)?))
    })?;
    let sources = api.store().list_sources(merchant, request).await?;
    Ok(page::answer(&sources, |source| api.source_view(source)))
}

pub(crate) async fn read<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    Ids(id): Ids<SourceId>,
) -> Result<Response, Problem> {
    let source = api.store().read_source(id).await?.ok_or(Problem::NotFound("source"))?;
    Ok(edge::tagged(source.revision, edge::json(StatusCode::OK, &api.source_view(&source))))
}

pub(crate) async fn patch<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    Ids(id): Ids<SourceId>,
    seen: IfMatch,
    body: Body,
) -> Result<Response, Problem> {
    let wanted = body.read(Change::read)?;
    let (store, now) = (api.store(), api.now());
    let changed = change(
        "source",
        || store.read_source(id),
        |source| {
            seen.check(source.revision)?;
            wanted.clone().apply(source, now)
        },
        |before, after| {
            let record = act.record(Action::SourceUpdated).on(after.merchant_id, id);
            let record = record.before(&api.source_view(before));
            let record = record.after(&api.source_view(&after));
            store.replace_source(after, record)
        },
    );
    let source = changed.await?.after;
    Ok(edge::tagged(source.revision, edge::json(StatusCode::OK, &api.source_view(&source))))
}

pub(crate) async fn delete<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    Ids(id): Ids<SourceId>,
) -> Result<Response, Problem> {
    let source = doomed("source", api.store().read_source(id)).await?;
    let owner = source.as_ref().map(|source| source.merchant_id);
    let record = act.record(Action::SourceDeleted).on(owner, id);
    let record = record.before(&source.as_ref().map(|source| api.source_view(source)));
    let deleted = api.store().delete_source(id, record).await;
    deleted.map_err(|error| Problem::of_write(error, "source"))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl<P: ApiPorts> Api<P> {
    fn source_view<'a>(&self, source: &'a Source) -> SourceView<'a> {
        let (preset, scheme) = match &source.scheme {
            SchemeChoice::Preset(preset) => (Some(preset.name.as_str()), None),
            SchemeChoice::Own(scheme) => (None, serde_json::from_str(scheme.as_json()).ok()),
        };
        let base_url = self.settings.public_base_url.trim_end_matches('/');
        SourceView {
            id: source.id,
            merchant_id: source.merchant_id,
            merchant_from: source.merchant_from.as_ref().map(BodyField::as_str),
            name: source.name.as_ref(),
            preset,
            scheme,
            secrets_count: source.secrets.len(),
            config: &source.config,
            tolerance_s: match source.tolerance {
                Tolerance::SchemeDefault => None,
                Tolerance::Unchecked => Some(None),
                Tolerance::Within(age) => Some(Some(age.as_secs())),
            },
            ingest_url: format!("{base_url}/in/{}", source.id),
            created_at: source.created_at,
        }
    }
}
