//! What an endpoint is made of, read from a body. Creating one is changing the plainest one.

use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::endpoint::{
    AttemptTimeout, Destinations, Endpoint, EndpointSecret, EndpointUrl, EventFilter, ExtraHeader,
    Kind, OffReason, Switch,
};
use postback_domain::ids::{EndpointId, MerchantId};
use postback_domain::limits::{
    ATTEMPT_TIMEOUT_MAX, FILTERS_PER_ENDPOINT_MAX, HEADERS_PER_ENDPOINT_MAX,
};
use postback_domain::rotation::Owner;
use postback_domain::signing::SigningSecret;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_domain::turns::RateLimit;
use serde_json::Value;

use crate::api::fields::{Fields, Patch};
use crate::api::values::{flag, label, list, parsed, retry_policy, text, texts_by_name, whole};
use crate::problem::Problem;

/// What a new endpoint has that its merchant does not choose.
#[derive(Debug)]
pub(super) struct New {
    pub(super) id: EndpointId,
    pub(super) merchant: MerchantId,
    pub(super) secret: SigningSecret,
    pub(super) now: Timestamp,
}

/// What a PATCH says.
#[derive(Debug, Clone)]
pub(super) struct Change {
    url: Option<EndpointUrl>,
    event_types: Patch<Vec<EventFilter>>,
    description: Patch<Label>,
    enabled: Option<bool>,
    retry_policy: Patch<RetryPolicy>,
    timeout: Patch<AttemptTimeout>,
    rate_limit: Patch<RateLimit>,
    headers: Patch<Vec<ExtraHeader>>,
}

/// A new endpoint.
pub(super) fn endpoint(
    fields: &mut Fields,
    new: New,
    allowed: Destinations,
) -> Result<Endpoint, Problem> {
    let is_pull = fields.change("kind", is_pull)?.unwrap_or(false);
    let change = Change::read(fields, allowed)?;
    let kind = match &change.url {
        _ if is_pull => Kind::Pull,
        Some(url) => Kind::Push(url.clone()),
        None => return Err(Problem::missing("url")),
    };
    let mut endpoint = Endpoint {
        id: new.id,
        merchant_id: new.merchant,
        kind,
        event_types: every_type(),
        description: None,
        switch: Switch::On,
        retry_policy: None,
        timeout: AttemptTimeout::default(),
        rate_limit: None,
        headers: Vec::new(),
        secrets: EndpointSecret::set(Owner::endpoint(new.id, 1), new.now, [new.secret]),
        created_at: new.now,
        revision: 0,
    };
    change.apply(&mut endpoint, new.now)?;
    Ok(endpoint)
}

impl Change {
    pub(super) fn read(fields: &mut Fields, allowed: Destinations) -> Result<Self, Problem> {
        let url =
            |value| EndpointUrl::parse(&text(value)?, allowed).map_err(|error| error.to_string());
        Ok(Self {
            url: fields.change("url", url)?,
            event_types: fields
                .patch("event_types", |value| list(value, 1..=FILTERS_PER_ENDPOINT_MAX, parsed))?,
            description: fields.patch("description", label)?,
            enabled: fields.change("enabled", flag)?,
            retry_policy: fields.patch("retry_policy", retry_policy)?,
            timeout: fields.patch("timeout_s", timeout)?,
            rate_limit: fields.patch("rate_limit_per_s", rate_limit)?,
            headers: fields.patch("headers", headers)?,
        })
    }

    pub(super) fn asks_to_enable(&self) -> bool {
        self.enabled == Some(true)
    }

    /// # Errors
    /// When it says how an endpoint is called that is not.
    pub(super) fn apply(self, endpoint: &mut Endpoint, now: Timestamp) -> Result<(), Problem> {
        if endpoint.is_pull()
            && let Some(field) = self.of_calls()
        {
            return Err(Problem::invalid(field, "means nothing here: the endpoint is not called"));
        }
        if let Some(url) = self.url {
            endpoint.kind = Kind::Push(url);
        }
        self.event_types.apply_or(&mut endpoint.event_types, every_type);
        self.description.apply_to(&mut endpoint.description);
        endpoint.switch = switched(endpoint.switch, self.enabled, now);
        self.retry_policy.apply_to(&mut endpoint.retry_policy);
        self.timeout.apply_or(&mut endpoint.timeout, AttemptTimeout::default);
        self.rate_limit.apply_to(&mut endpoint.rate_limit);
        self.headers.apply_or(&mut endpoint.headers, Vec::new);
        endpoint.revision = endpoint.revision.saturating_add(1);
        Ok(())
    }

    /// The first field that says something of calls.
    fn of_calls(&self) -> Option<&'static str> {
        let said = [
            ("url", self.url.is_some()),
            ("enabled", self.enabled.is_some()),
            ("retry_policy", matches!(self.retry_policy, Patch::Set(_))),
            ("timeout_s", matches!(self.timeout, Patch::Set(_))),
            ("rate_limit_per_s", matches!(self.rate_limit, Patch::Set(_))),
            ("headers", matches!(self.headers, Patch::Set(_))),
        ];
        said.into_iter().find_map(|(field, is_said)| is_said.then_some(field))
    }
}

/// An endpoint that is off already keeps its reason: that it answered 410 stays worth knowing.
fn switched(switch: Switch, enabled: Option<bool>, now: Timestamp) -> Switch {
    match (enabled, switch) {
        (None, unchanged) => unchanged,
        (Some(true), _) => Switch::On,
        (Some(false), Switch::On) => Switch::Off { since: now, reason: OffReason::Asked },
        (Some(false), off @ Switch::Off { .. }) => off,
    }
}

fn is_pull(value: Value) -> Result<bool, String> {
    match text(value)?.as_str() {
        "push" => Ok(false),
        "pull" => Ok(true),
        _ => Err("must be `push` or `pull`".to_owned()),
    }
}

fn every_type() -> Vec<EventFilter> {
    vec![EventFilter::Every]
}

fn timeout(value: Value) -> Result<AttemptTimeout, String> {
    let secs = whole(&value, 1..=ATTEMPT_TIMEOUT_MAX.as_secs())?;
    AttemptTimeout::from_secs(secs).map_err(|error| error.to_string())
}

fn rate_limit(value: Value) -> Result<RateLimit, String> {
    let rate = value.as_f64().ok_or_else(|| "must be a number".to_owned())?;
    RateLimit::per_second(rate).map_err(|error| error.to_string())
}

fn headers(value: Value) -> Result<Vec<ExtraHeader>, String> {
    let texts = texts_by_name(value)?;
    if texts.len() > HEADERS_PER_ENDPOINT_MAX {
        return Err(format!("must have at most {HEADERS_PER_ENDPOINT_MAX} headers"));
    }
    let mut headers: Vec<ExtraHeader> = Vec::with_capacity(texts.len());
    for (name, value) in texts {
        let header = ExtraHeader::parse(&name, &value).map_err(|error| error.to_string())?;
        // Names that differ in case alone are one header to HTTP.
        if headers.iter().any(|known| known.name() == header.name()) {
            return Err(format!("header `{}` is given twice", header.name()));
        }
        headers.push(header);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
