//! `/v1/merchants/{id}/keys`: a merchant's API keys. The key itself is in the answer that creates
//! it and nowhere else; what is kept is its digest.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use postback_domain::audit::Action;
use postback_domain::ids::{KeyId, MerchantId};
use postback_domain::key::{ApiKey, Scope, Token};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use serde::Serialize;
use serde_json::Value;

use super::act::{Act, Tell, doomed};
use super::auth::Steward;
use super::input::{Body, Ids, Query};
use super::seed::Seed;
use super::values::{self, label};
use super::{Api, ApiPorts, page};
use crate::edge;
use crate::problem::Problem;

/// A key as its administrator sees it.
#[derive(Serialize)]
struct KeyView<'a> {
    /// Its id, which is a part of the key itself.
    id: KeyId,
    /// Whose it is.
    merchant_id: MerchantId,
    /// For people.
    name: &'a Label,
    /// What it opens.
    scopes: &'a [Scope],
    /// When it was created.
    created_at: Timestamp,
    /// From when on it opens nothing. Null: never.
    expires_at: Option<Timestamp>,
    /// When it was last used, to the minute. Null: not yet.
    last_used_at: Option<Timestamp>,
    /// The key itself, only in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

pub(crate) async fn create<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    act: Act,
    Ids(merchant_id): Ids<MerchantId>,
    seed: Seed,
    body: Body,
) -> Result<Response, Problem> {
    steward.over(merchant_id)?;
    let id = KeyId::from_bits(seed.id_bits());
    let token = Token::mint(id, seed.key_bytes());
    let key = body.read(|fields| {
        let scopes = fields.optional("scopes", scopes)?;
        Ok(ApiKey {
            id,
            merchant_id,
            name: fields.required("name", label)?,
            scopes: scopes.unwrap_or_else(|| vec![Scope::Read, Scope::Write]),
            digest: token.digest(),
            created_at: seed.at(),
            expires_at: fields.optional("expires_at", |value| later(value, seed.at()))?,
            last_used_at: None,
        })
    })?;
    let record = act.record(Action::KeyCreated).on(merchant_id, id).after(&KeyView::of(&key));
    seed.created(api.store().create_key(key.clone(), record).await)?;
    let shown_once = KeyView { key: Some(token.expose()), ..KeyView::of(&key) };
    Ok(edge::json(StatusCode::CREATED, &shown_once))
}

pub(crate) async fn list<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    Ids(merchant): Ids<MerchantId>,
    query: Query,
) -> Result<Response, Problem> {
    steward.over(merchant)?;
    let request = query.read(page::request)?;
    if api.store().read_merchant(merchant).await?.is_none() {
        return Err(Problem::NotFound("merchant"));
    }
    let keys = api.store().list_keys(merchant, request).await?;
    Ok(page::answer(&keys, KeyView::of))
}

pub(crate) async fn delete<P: ApiPorts>(
    State(api): State<Api<P>>,
    steward: Steward,
    act: Act,
    Ids((merchant, id)): Ids<(MerchantId, KeyId)>,
) -> Result<Response, Problem> {
    steward.over(merchant)?;
    let key = doomed("key", api.store().read_key(id)).await?;
    let record = act.record(Action::KeyDeleted).on(merchant, id);
    let record = record.before(&key.as_ref().map(KeyView::of));
    let deleted = api.store().delete_key(merchant, id, record).await;
    deleted.map_err(|error| Problem::of_write(error, "key"))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A time that is still to come.
fn later(value: Value, now: Timestamp) -> Result<Timestamp, String> {
    let time: Timestamp = values::parsed(value)?;
    if time > now { Ok(time) } else { Err("must be in the future".to_owned()) }
}

/// Some of the scopes; naming one twice says nothing new.
fn scopes(value: Value) -> Result<Vec<Scope>, String> {
    let scope = |value| match value {
        Value::String(text) if text == "read" => Ok(Scope::Read),
        Value::String(text) if text == "write" => Ok(Scope::Write),
        Value::String(text) if text == "pull" => Ok(Scope::Pull),
        Value::String(text) if text == "admin" => Ok(Scope::Admin),
        _ => Err("must be `read`, `write`, `pull` or `admin`".to_owned()),
    };
    let mut scopes = values::list(value, 1..=4, scope)?;
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

impl<'a> KeyView<'a> {
    fn of(key: &'a ApiKey) -> Self {
        Self {
            id: key.id,
            merchant_id: key.merchant_id,
            name: &key.name,
            scopes: &key.scopes,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scopes_are_parsed() {
        for (value, expected) in [
            (json!(["read"]), Some(vec![Scope::Read])),
            (json!(["write", "read"]), Some(vec![Scope::Read, Scope::Write])),
            (json!(["write", "write"]), Some(vec![Scope::Write])),
            (json!(["pull"]), Some(vec![Scope::Pull])),
            (json!([]), None),
            (json!(["admin"]), Some(vec![Scope::Admin])),
            (json!(["operator"]), None),
            (json!("read"), None),
        ] {
            assert_eq!(scopes(value.clone()).ok(), expected, "{value}");
        }
    }
}
