//! `/v1/merchants`: tenants, set up by the operator. A merchant's own administrator changes what does
//! not tie it to the platform.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use postback_domain::audit::Action;
use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::ids::MerchantId;
use postback_domain::merchant::Merchant;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use serde::Serialize;
use serde_json::Number;

use super::act::{Act, Tell};
use super::auth::{Admin, Caller, Steward};
use super::change::change;
use super::fields::{Fields, Patch};
use super::input::{Body, Ids, IfMatch, Query};
use super::seed::Seed;
use super::values::{label, retry_policy, waits_s};
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// A merchant as its operator sees it.
#[derive(Serialize)]
struct MerchantView<'a> {
    /// Its id.
    id: MerchantId,
    /// For people.
    name: &'a Label,
    /// What the platform calls it. Null: nothing of its own.
    external_id: Option<&'a Label>,
    /// How its endpoints are retried, unless they say otherwise. Null: as usual.
    retry_policy: Option<PolicyView>,
    /// When it was created.
    created_at: Timestamp,
}

/// A retry policy as it was given.
#[derive(Serialize)]
pub(crate) struct PolicyView {
    /// The waits between tries, in seconds: one try more than there are waits.
    waits_s: Vec<Number>,
}

/// What a PATCH says.
#[derive(Debug, Clone)]
struct Change {
    name: Option<Label>,
    external_id: Patch<Label>,
    retry_policy: Patch<RetryPolicy>,
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let merchant = body.read(|fields| {
        Ok(Merchant {
            id: MerchantId::from_bits(seed.id_bits()),
            name: fields.required("name", label)?,
            external_id: fields.optional("external_id", label)?,
            retry_policy: fields.optional("retry_policy", retry_policy)?,
            created_at: seed.at(),
            revision: 1,
        })
    })?;
    let record = act.record(Action::MerchantCreated).on(merchant.id, merchant.id);
    let record = record.after(&MerchantView::of(&merchant));
    seed.created(api.store().create_merchant(merchant.clone(), record).await)?;
    let answer = edge::json(StatusCode::CREATED, &MerchantView::of(&merchant));
    Ok(edge::tagged(merchant.revision, answer))
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    query: Query,
) -> Result<Response, Problem> {
    let request = query.read(page::request)?;
    let merchants = api.store().list_merchants(request).await?;
    Ok(page::answer(&merchants, MerchantView::of))
}

pub(crate) async fn read<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    Ids(id): Ids<MerchantId>,
) -> Result<Response, Problem> {
    steward.over(id)?;
    let merchant = api.store().read_merchant(id).await?.ok_or(Problem::NotFound("merchant"))?;
    Ok(edge::tagged(merchant.revision, edge::json(StatusCode::OK, &MerchantView::of(&merchant))))
}

pub(crate) async fn patch<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    act: Act,
    Ids(id): Ids<MerchantId>,
    seen: IfMatch,
    body: Body,
) -> Result<Response, Problem> {
    steward.over(id)?;
    let wanted = body.read(Change::read)?;
    wanted.check(steward.0)?;
    let store = api.store();
    let changed = change(
        "merchant",
        || store.read_merchant(id),
        |merchant| {
            seen.check(merchant.revision)?;
            wanted.clone().apply(merchant);
            Ok(())
        },
        |before, after| {
            let record = act.record(Action::MerchantUpdated).on(id, id);
            let record = record.before(&MerchantView::of(before));
            let record = record.after(&MerchantView::of(&after));
            store.replace_merchant(after, record)
        },
    );
    let merchant = changed.await?.after;
    Ok(edge::tagged(merchant.revision, edge::json(StatusCode::OK, &MerchantView::of(&merchant))))
}

impl Change {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            name: fields.change("name", label)?,
            external_id: fields.patch("external_id", label)?,
            retry_policy: fields.patch("retry_policy", retry_policy)?,
        })
    }

    /// The external id is how the platform finds the merchant, and whether one is taken tells of
    /// another merchant: it is the operator's alone.
    fn check(&self, caller: Caller) -> Result<(), Problem> {
        match (caller, &self.external_id) {
            (Caller::Admin, _) | (_, Patch::Keep) => Ok(()),
            (Caller::Merchant(_), _) => {
                Err(Problem::invalid("external_id", "is for the operator to change"))
            }
        }
    }

    fn apply(self, merchant: &mut Merchant) {
        if let Some(name) = self.name {
            merchant.name = name;
        }
        self.external_id.apply_to(&mut merchant.external_id);
        self.retry_policy.apply_to(&mut merchant.retry_policy);
        merchant.revision = merchant.revision.saturating_add(1);
    }
}

impl<'a> MerchantView<'a> {
    fn of(merchant: &'a Merchant) -> Self {
        Self {
            id: merchant.id,
            name: &merchant.name,
            external_id: merchant.external_id.as_ref(),
            retry_policy: merchant.retry_policy.as_ref().map(PolicyView::of),
            created_at: merchant.created_at,
        }
    }
}

impl PolicyView {
    pub(crate) fn of(policy: &RetryPolicy) -> Self {
        Self { waits_s: waits_s(policy) }
    }
}
