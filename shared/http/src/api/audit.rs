//! `GET /v1/audit`: who did what. The operator sees everything. A merchant's administrator sees what
//! concerns its merchant, also what the operator did; but not from where the operator did it, nor
//! what it changed in an object that the merchant cannot read itself.

use std::net::IpAddr;

use axum::extract::State;
use axum::response::Response;
use postback_domain::audit::{Action, Actor, Record, Snapshot};
use postback_domain::ids::{AuditId, MerchantId};
use postback_domain::time::Timestamp;
use postback_engine::ports::audit::{Audit, AuditFilter};
use postback_engine::ports::history::PageRequest;
use serde::Serialize;
use serde_json::value::RawValue;

use super::auth::{Caller, Steward, scoped};
use super::endpoints::merchant_asked;
use super::fields::Fields;
use super::input::Query;
use super::values::parsed;
use super::{Api, ApiPorts, page};
use crate::problem::Problem;

/// A record as its reader sees it.
#[derive(Serialize)]
struct RecordView<'a> {
    /// The record's own.
    id: AuditId,
    /// When it was done.
    at: Timestamp,
    /// Who did it.
    actor: ActorView,
    /// What was done, as `noun.verb`.
    action: &'static str,
    /// The merchant that it concerns. Null: several.
    merchant_id: Option<MerchantId>,
    /// What it was done to; a secret is its source's or endpoint's. Null: no single thing.
    object_id: Option<String>,
    /// Where the request came from.
    from: OriginView<'a>,
    /// What the answer called the request.
    request_id: &'a str,
    /// The object as it was, as the API shows it. What is too long is cut, and `cut` names it.
    before: Option<Box<RawValue>>,
    /// The object as it was made.
    after: Option<Box<RawValue>>,
}

/// Whose key it came with.
#[derive(Serialize)]
struct ActorView {
    /// The operator, a merchant's key, or a portal token.
    kind: &'static str,
    /// Of the key or portal token; the operator has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// Where a request came from.
#[derive(Default, Serialize)]
struct OriginView<'a> {
    /// The address that the connection came from; no header is believed.
    ip: Option<IpAddr>,
    /// What its sender calls itself, cut to 256 bytes.
    user_agent: Option<&'a str>,
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    Steward(caller): Steward,
    query: Query,
) -> Result<Response, Problem> {
    let (filter, request) = query.read(|query| filter(query, caller))?;
    let records = api.store().list_audit(filter, request).await?;
    Ok(page::answer(&records, |record| RecordView::of(record, caller)))
}

fn filter(query: &mut Fields, caller: Caller) -> Result<(AuditFilter, PageRequest), Problem> {
    let filter = AuditFilter {
        merchant: scoped(caller, merchant_asked(query)?)?.filter(),
        actor: query.optional("actor", parsed)?,
        action: query.optional("action", parsed)?,
        object: query.optional("object_id", parsed)?,
        since: query.optional("since", parsed)?,
        until: query.optional("until", parsed)?,
    };
    Ok((filter, page::request(query)?))
}

impl<'a> RecordView<'a> {
    fn of(record: &'a Record, reader: Caller) -> Self {
        let is_merchant = reader != Caller::Admin;
        let is_hidden = is_merchant && is_of_a_source(record.action);
        let shown = |snapshot: &Option<Snapshot>| {
            let snapshot = snapshot.as_ref().filter(|_| !is_hidden)?;
            RawValue::from_string(snapshot.as_json().to_owned()).ok()
        };
        Self {
            id: record.id,
            at: record.at,
            actor: ActorView::of(record.actor),
            action: record.action.as_str(),
            merchant_id: record.merchant_id,
            object_id: record.object.map(|object| object.to_string()),
            from: match record.actor {
                Actor::Operator if is_merchant => OriginView::default(),
                _ => OriginView {
                    ip: record.origin.ip,
                    user_agent: record.origin.user_agent.as_deref(),
                },
            },
            request_id: &record.request_id,
            before: shown(&record.before),
            after: shown(&record.after),
        }
    }
}

/// Sources are the operator's to read.
fn is_of_a_source(action: Action) -> bool {
    matches!(
        action,
        Action::SourceCreated
            | Action::SourceUpdated
            | Action::SourceDeleted
            | Action::SourceSecretCreated
            | Action::SourceSecretDeleted
    )
}

impl ActorView {
    fn of(actor: Actor) -> Self {
        match actor {
            Actor::Operator => Self { kind: "operator", id: None },
            Actor::Key(id) => Self { kind: "key", id: Some(id.to_string()) },
            Actor::Portal(id) => Self { kind: "portal", id: Some(id.to_string()) },
        }
    }
}
