//! What is recorded of an administrative act besides the change itself: who, when, from where, in
//! which request. A handler asks for an [`Act`] and hands the store a record with the change:
//!
//! ```ignore
//! let record = act.record(Action::KeyCreated).on(merchant, id).after(&KeyView::of(&key));
//! api.store().create_key(key, record).await?;
//! ```

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use postback_domain::audit::{Action, Actor, ClientAddress, Object, Origin, Record, Snapshot};
use postback_domain::ids::{AuditId, MerchantId};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::auth::Identity;
use super::seed::Seed;
use super::{Api, ApiPorts};
use crate::edge::RequestId;
use crate::problem::Problem;

/// A request that changes something, as a record tells it.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    id: AuditId,
    at: Timestamp,
    actor: Actor,
    origin: Origin,
    request_id: String,
}

/// Says in a record what was done to what. The views are those that the API answers with when it
/// is asked for the object, so no secret is in them.
pub(crate) trait Tell: Sized {
    /// The object, and the merchant that it concerns, where it is one.
    fn on(self, merchant: impl Into<Option<MerchantId>>, object: impl Into<Object>) -> Self;
    /// The object as it was; nothing of a view that is null.
    fn before(self, view: &impl Serialize) -> Self;
    /// The object as it is now; nothing of a view that is null.
    fn after(self, view: &impl Serialize) -> Self;
}

impl Act {
    /// The record of it.
    pub(crate) fn record(&self, action: Action) -> Record {
        Record {
            id: self.id,
            at: self.at,
            actor: self.actor,
            action,
            merchant_id: None,
            object: None,
            origin: self.origin.clone(),
            request_id: self.request_id.clone(),
            before: None,
            after: None,
        }
    }
}

impl Tell for Record {
    fn on(self, merchant: impl Into<Option<MerchantId>>, object: impl Into<Object>) -> Self {
        Self { merchant_id: merchant.into(), object: Some(object.into()), ..self }
    }

    fn before(self, view: &impl Serialize) -> Self {
        Self { before: snapshot(view), ..self }
    }

    fn after(self, view: &impl Serialize) -> Self {
        Self { after: snapshot(view), ..self }
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Act {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        let actor = match Identity::from_request_parts(parts, api).await? {
            Identity::Operator => Actor::Operator,
            Identity::Holder { actor, .. } => actor,
        };
        // The same for every try of one request, so that it leaves one record.
        let seed = Seed::from_request_parts(parts, api).await?;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            id: seed.record_id(),
            at: seed.at(),
            actor,
            origin: Origin::new(parts.extensions.get::<ClientAddress>().copied(), user_agent),
            request_id: parts.extensions.get().map(RequestId::text).unwrap_or_default(),
        })
    }
}

/// A noun that is about to be deleted. One that cannot be read, because it is damaged or a newer
/// version has written it, can be deleted all the same; its record then says less.
pub(crate) async fn doomed<T>(
    what: &'static str,
    read: impl Future<Output = Result<Option<T>, Unavailable>>,
) -> Result<Option<T>, Problem> {
    match read.await {
        Ok(Some(noun)) => Ok(Some(noun)),
        Ok(None) => Err(Problem::NotFound(what)),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a {what} is deleted unread");
            Ok(None)
        }
    }
}

fn snapshot(view: &impl Serialize) -> Option<Snapshot> {
    let json = serde_json::to_string(view).expect("views have text keys and finite numbers");
    if json == "null" {
        return None;
    }
    Snapshot::new(json.clone()).or_else(|| match serde_json::from_str(&json) {
        Ok(Value::Object(fields)) => Snapshot::new(cut(fields)),
        _ => None,
    })
}

/// As much of an object as a snapshot has room for: of the longest list half, and again, or the
/// longest field not at all. What was cut is listed as `cut`.
fn cut(mut fields: Map<String, Value>) -> String {
    let mut names: Vec<String> = Vec::new();
    loop {
        let by_length = |(_, value): &(&String, &mut Value)| value.to_string().len();
        let Some((name, value)) = fields.iter_mut().max_by_key(by_length) else {
            return json!({ "cut": names }).to_string();
        };
        let name = name.clone();
        match value {
            Value::Array(items) if items.len() > 1 => items.truncate(items.len() / 2),
            _ => drop(fields.remove(&name)),
        }
        if !names.contains(&name) {
            names.push(name);
        }
        let mut shown = fields.clone();
        shown.insert("cut".to_owned(), json!(names));
        let text = Value::Object(shown).to_string();
        if Snapshot::new(text.clone()).is_some() {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postback_domain::limits::AUDIT_VIEW_BYTES_MAX;

    #[test]
    fn a_snapshot_is_the_view_as_it_was_shown() {
        #[derive(Serialize)]
        struct View {
            name: &'static str,
            id: u8,
        }
        let view = View { name: "é", id: 7 };
        assert_eq!(snapshot(&view).unwrap().as_json(), r#"{"name":"é","id":7}"#);
        assert_eq!(snapshot(&None::<View>), None);
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let ids: Vec<_> = (0..1000).map(|number| format!("dlv_{number:032x}")).collect();
        let long = "x".repeat(AUDIT_VIEW_BYTES_MAX);
        for (view, names, kept) in [
            (json!({"ids": ids, "matched": 1000}), json!(["ids"]), "matched"),
            (json!({"scheme": long, "id": 7}), json!(["scheme"]), "id"),
            (json!({"a": long, "b": long, "id": 7}), json!(["b", "a"]), "id"),
            (json!({"list": [long], "id": 7}), json!(["list"]), "id"),
        ] {
            let shown: Value = serde_json::from_str(snapshot(&view).unwrap().as_json()).unwrap();
            assert_eq!((&shown["cut"], &shown[kept]), (&names, &view[kept]));
        }
        let shown = snapshot(&json!({ "ids": ids })).unwrap();
        let shown: Value = serde_json::from_str(shown.as_json()).unwrap();
        assert_eq!(shown["ids"].as_array().unwrap().len(), 250, "a list keeps its beginning");
    }
}
