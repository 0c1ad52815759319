//! `/v1/dead-letters`: the operator's view of what was given up, of all merchants, and its way
//! back. A redrive is a dry run unless its body says otherwise.

use std::collections::HashSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::try_join_all;
use postback_domain::audit::{Action, Record};
use postback_domain::delivery::{Delivery, State as DeliveryState};
use postback_domain::ids::{DeliveryId, EndpointId, MerchantId};
use postback_domain::limits::{PAGE_ROWS_MAX, REDRIVE_ROWS, REDRIVE_ROWS_MAX, REDRIVE_SEARCH_MAX};
use postback_engine::ports::audit::Audit;
use postback_engine::ports::history::{DeliveryFilter, History, PageRequest};
use serde::Serialize;

use super::act::{Act, Tell};
use super::auth::Admin;
use super::deliveries::DeliveryView;
use super::fields::Fields;
use super::input::{Body, Query};
use super::seed::Seed;
use super::values::{self, event_type, flag, parsed, whole};
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// Deliveries that are read side by side.
const READ_AT_ONCE: usize = 32;

/// Which dead letters to redrive.
#[derive(Debug)]
struct Redrive {
    filter: DeliveryFilter,
    /// These alone; all that the filter takes without it.
    ids: Option<Vec<DeliveryId>>,
    limit: usize,
    dry_run: bool,
}

/// What a redrive did.
#[derive(Serialize)]
struct Redriven {
    /// Found, within the limit.
    matched: usize,
    /// Reopened; fewer than were found if somebody else reopened some first.
    redriven: usize,
    /// Those that were reopened, or in a dry run those that would be.
    delivery_ids: Vec<DeliveryId>,
    /// Whether it was a dry run, which reopens nothing.
    dry_run: bool,
}

/// What a redrive is about to do, as it is recorded.
#[derive(Serialize)]
struct Redriving {
    endpoint_id: Option<EndpointId>,
    matched: usize,
    delivery_ids: Vec<DeliveryId>,
}

/// A dead letter, in the round it was seen in.
#[derive(Debug, Clone, Copy)]
struct Found {
    id: DeliveryId,
    round: u32,
    merchant: MerchantId,
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    query: Query,
) -> Result<Response, Problem> {
    let (filter, request) = query.read(|query| Ok((failed(query)?, page::request(query)?)))?;
    let deliveries = api.store().list_deliveries(filter, request).await?;
    Ok(page::answer(&deliveries, DeliveryView::of))
}

pub(crate) async fn redrive<P: ApiPorts>(
    State(api): State<Api<P>>,
    _: Admin,
    act: Act,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    let redrive = body.read(Redrive::read)?;
    // All are found before the first is reopened, which would move the pages under our feet.
    let found = match &redrive.ids {
        Some(ids) => api.failed_among(ids, &redrive, &seed).await?,
        None => api.failed_by_filter(&redrive, &seed).await?,
    };
    let matched = found.len();
    let delivery_ids = found.iter().map(|found| found.id).collect();
    let mut answer = Redriven { matched, redriven: 0, delivery_ids, dry_run: true };
    if !redrive.dry_run {
        if !found.is_empty() {
            api.store().record(redrive.record(&act, &found)).await?;
        }
        let seen: Vec<_> = found.iter().map(|found| (found.id, found.round)).collect();
        let reopened = api.engine.redrive(&seen).await?;
        answer.redriven = reopened.len();
        answer.delivery_ids = reopened;
        answer.dry_run = false;
        tracing::info!(
            deliveries = answer.redriven,
            matched,
            "redrive reopened {} of {matched} deliveries",
            answer.redriven
        );
    }
    Ok(edge::json(StatusCode::OK, &answer))
}

fn failed(fields: &mut Fields) -> Result<DeliveryFilter, Problem> {
    Ok(DeliveryFilter {
        merchant: fields.optional("merchant_id", parsed)?,
        state: Some(DeliveryState::Failed),
        endpoint: fields.optional("endpoint_id", parsed)?,
        event_type: fields.optional("event_type", event_type)?,
        since: fields.optional("since", parsed)?,
        until: fields.optional("until", parsed)?,
    })
}

impl Redrive {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let filter = failed(fields)?;
        let ids: Option<Vec<DeliveryId>> = fields
            .optional("delivery_ids", |value| values::list(value, 1..=REDRIVE_ROWS_MAX, parsed))?;
        let ids = ids.map(|mut ids| {
            let mut seen = HashSet::new();
            ids.retain(|id| seen.insert(*id));
            ids
        });
        let limit = fields.optional("limit", |value| whole(&value, 1..=REDRIVE_ROWS_MAX as u64))?;
        // Whoever names deliveries means all of them.
        let limit_unsaid = ids.as_ref().map_or(REDRIVE_ROWS, Vec::len);
        Ok(Self {
            filter,
            ids,
            limit: limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limit_unsaid),
            dry_run: fields.optional("dry_run", flag)?.unwrap_or(true),
        })
    }

    /// Of the one merchant whose they are, whether it was asked for or not.
    fn record(&self, act: &Act, found: &[Found]) -> Record {
        let merchant_id = found.first().map(|first| first.merchant);
        let merchant_id =
            merchant_id.filter(|one| found.iter().all(|found| found.merchant == *one));
        let delivery_ids = found.iter().map(|found| found.id).collect();
        let (endpoint_id, matched) = (self.filter.endpoint, found.len());
        let after = Redriving { endpoint_id, matched, delivery_ids };
        let record = act.record(Action::DeadLettersRedriven).after(&after);
        Record { merchant_id, object: endpoint_id.map(Into::into), ..record }
    }

    fn takes(&self, delivery: &Delivery) -> bool {
        let DeliveryFilter { merchant, state: _, endpoint, event_type, since, until } =
            &self.filter;
        delivery.state() == DeliveryState::Failed
            && merchant.is_none_or(|merchant| merchant == delivery.merchant_id)
            && endpoint.is_none_or(|endpoint| Some(endpoint) == delivery.endpoint_id)
            && event_type.as_ref().is_none_or(|kind| *kind == delivery.event_type)
            && since.is_none_or(|since| delivery.created_at >= since)
            && until.is_none_or(|until| delivery.created_at < until)
    }
}

impl<P: ApiPorts> Api<P> {
    async fn failed_among(
        &self,
        ids: &[DeliveryId],
        redrive: &Redrive,
        seed: &Seed,
    ) -> Result<Vec<Found>, Problem> {
        let mut found = Vec::new();
        for some in ids.chunks(READ_AT_ONCE) {
            let records = some.iter().map(|id| self.store().read_delivery(*id));
            for record in try_join_all(records).await? {
                let delivery = record.map(|record| record.delivery);
                let taken = |delivery: &Delivery| {
                    redrive.takes(delivery) && !seed.may_have_reopened(delivery)
                };
                found.extend(delivery.filter(taken).as_ref().map(seen));
            }
            if found.len() >= redrive.limit {
                break;
            }
        }
        found.truncate(redrive.limit);
        Ok(found)
    }

    /// What was found when it has looked for long enough: a filter may take very little of very
    /// much.
    async fn failed_by_filter(
        &self,
        redrive: &Redrive,
        seed: &Seed,
    ) -> Result<Vec<Found>, Problem> {
        let began = self.now();
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let limit = (redrive.limit - found.len()).min(PAGE_ROWS_MAX);
            let request = PageRequest { limit, cursor };
            let page = self.store().list_deliveries(redrive.filter.clone(), request).await?;
            let rows = page.rows.iter().filter(|delivery| !seed.may_have_reopened(delivery));
            found.extend(rows.map(seen));
            cursor = page.next;
            let is_late = self.now().since(began) >= REDRIVE_SEARCH_MAX;
            if cursor.is_none() || found.len() >= redrive.limit || is_late {
                return Ok(found);
            }
        }
    }
}

fn seen(delivery: &Delivery) -> Found {
    Found { id: delivery.id, round: delivery.round, merchant: delivery.merchant_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<Redrive, Problem> {
        Fields::read(body.as_object().unwrap().clone(), Redrive::read)
    }

    #[test]
    fn a_redrive_is_a_dry_run_unless_told() {
        let id = |bits| DeliveryId::from_bits(bits);
        for (body, dry_run, limit, ids) in [
            (json!({}), true, 100, None),
            (json!({"dry_run": null}), true, 100, None),
            (json!({"dry_run": false, "limit": 1000}), false, 1000, None),
            (json!({"delivery_ids": [id(1), id(2), id(1)]}), true, 2, Some(2)),
            (json!({"delivery_ids": [id(1), id(2)], "limit": 1}), true, 1, Some(2)),
        ] {
            let redrive = read(body.clone()).unwrap();
            let got = (redrive.dry_run, redrive.limit, redrive.ids.map(|ids| ids.len()));
            assert_eq!(got, (dry_run, limit, ids), "{body}");
            assert_eq!(redrive.filter.state, Some(DeliveryState::Failed), "{body}");
        }
        for bad in [
            json!({"limit": 0}),
            json!({"limit": 1001}),
            json!({"delivery_ids": []}),
            json!({"delivery_ids": ["dlv_1"]}),
            json!({"dryrun": false}),
            json!({"dry_run": "false"}),
            json!({"merchant_id": "shop"}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
