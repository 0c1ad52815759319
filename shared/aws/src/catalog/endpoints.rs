//! Endpoints as rows. Their merchant's row counts them, because what a limit rests on must be
//! written together with what it limits.

use aws_sdk_dynamodb::types::AttributeValue;
use postback_domain::audit::Record;
use postback_domain::endpoint::{
    AttemptTimeout, Destinations, Endpoint, EndpointUrl, ExtraHeader, Kind, OffReason, Switch,
};
use postback_domain::ids::{EndpointId, MerchantId};
use postback_domain::limits::ENDPOINTS_PER_MERCHANT_MAX;
use postback_domain::rotation::{Owner, Terms};
use postback_domain::signing::SigningSecret;
use postback_domain::time::Timestamp;
use postback_domain::turns::RateLimit;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;

use super::Written;
use super::lists::{self, List};
use super::noun::{
    self, Attributes, CREATED, MERCHANT, Noun, RETRY_POLICY, REVISION, Replaceable, json,
    label_text, optional_json, optional_label, owner, place, retry_policy,
};
use super::write::{Refusal, Together, update_if};
use crate::item::{Damaged, Item, Reader, number, text, texts, time};
use crate::table::Table;

/// Only of those that are not called, which have no URL.
const KIND: &str = "kind";
const PULL: &str = "pull";
const URL: &str = "url";
const EVENT_TYPES: &str = "event_types";
const DESCRIPTION: &str = "description";
/// Absent while the endpoint is on.
const OFF_SINCE: &str = "off_since";
const OFF_REASON: &str = "off_reason";
const TIMEOUT: &str = "timeout_s";
/// Calls a second, in thousandths; absent for those without a limit.
const RATE_LIMIT: &str = "rate_limit";
const HEADERS: &str = "headers";
const SECRETS: &str = "secrets";
/// Absent in rows of before.
const SECRET_TERMS: &str = "secret_terms";

pub(super) async fn create(table: &Table, endpoint: &Endpoint, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.create(endpoint);
    together.update(
        place(endpoint.merchant_id),
        "ADD #endpoints :one",
        (
            "attribute_exists(#pk) AND (attribute_not_exists(#endpoints) OR #endpoints < :max)",
            Refusal::Full { what: "endpoints", limit: ENDPOINTS_PER_MERCHANT_MAX },
        ),
        [(":one", number(1)), (":max", number(ENDPOINTS_PER_MERCHANT_MAX))],
    );
    let list = List::endpoints_of(endpoint.merchant_id);
    together.put(list.entry(endpoint.created_at, endpoint.id));
    together.commit().await
}

pub(super) async fn delete(
    table: &Table,
    merchant: MerchantId,
    id: EndpointId,
    record: &Record,
) -> Written {
    let (owner, created) = owner(table, id).await?;
    if owner != merchant {
        return Err(CatalogError::NotFound);
    }
    let mut together = Together::on(table, record);
    together.delete_owned(place(id), merchant);
    together.delete(List::endpoints_of(merchant).entry(created, id));
    together.update(
        place(merchant),
        "ADD #endpoints :less_one",
        ("attribute_exists(#pk)", Refusal::NotFound),
        [(":less_one", number(-1))],
    );
    together.commit().await
}

/// In order of creation.
pub(crate) async fn every_endpoint_of(
    table: &Table,
    merchant: MerchantId,
) -> Result<Vec<Endpoint>, Unavailable> {
    lists::all(table, List::endpoints_of(merchant)).await
}

/// Switches an endpoint off, unless it is off or deleted already. An answer that is lost and asked
/// for again finds it off, which is what was wanted.
pub(crate) async fn switch_off(
    table: &Table,
    id: EndpointId,
    reason: OffReason,
    at: Timestamp,
) -> Result<(), Unavailable> {
    let off = "SET #off_since = :at, #off_reason = :reason, #revision = #revision + :one";
    let on = "attribute_exists(#pk) AND attribute_not_exists(#off_since)";
    let values = [(":at", time(at)), (":reason", text(reason_word(reason))), (":one", number(1))];
    update_if(table, &place(id), off, on, values).await.map(drop)
}

impl Noun for Endpoint {
    type Id = EndpointId;

    fn id(&self) -> EndpointId {
        self.id
    }

    fn attributes(&self) -> Item {
        let (off_since, off_reason) = match self.switch {
            Switch::On => (None, None),
            Switch::Off { since, reason } => (Some(time(since)), Some(text(reason_word(reason)))),
        };
        Attributes::default()
            .with(MERCHANT, text(self.merchant_id.to_string()))
            .with_some(KIND, self.is_pull().then(|| text(PULL)))
            .with_some(URL, self.url().map(|url| text(url.as_str())))
            .with(EVENT_TYPES, texts(self.event_types.iter().map(ToString::to_string)))
            .with_some(DESCRIPTION, self.description.as_ref().map(label_text))
            .with_some(OFF_SINCE, off_since)
            .with_some(OFF_REASON, off_reason)
            .with_some(RETRY_POLICY, self.retry_policy.as_ref().map(json))
            .with(TIMEOUT, number(self.timeout.get().as_secs()))
            .with_some(
                RATE_LIMIT,
                self.rate_limit.map(|limit| number((limit.get() * 1000.0).round())),
            )
            .with(HEADERS, headers_json(&self.headers))
            .with(SECRETS, texts(self.secrets.iter().map(|secret| secret.secret.expose())))
            .with(SECRET_TERMS, json(&Terms::of(&self.secrets, SigningSecret::expose)))
            .with(CREATED, time(self.created_at))
            .with(REVISION, number(self.revision))
            .item()
    }

    fn of(id: EndpointId, row: Reader<'_>) -> Result<Self, Damaged> {
        let (created_at, revision) = (row.time(CREATED)?, row.number(REVISION)?);
        let secrets = each(row, SECRETS, "not a list of secrets", SigningSecret::parse)?;
        let terms = optional_json(row, SECRET_TERMS)?;
        Ok(Self {
            id,
            merchant_id: noun::merchant(row)?,
            kind: kind(row)?,
            event_types: each(row, EVENT_TYPES, "not a list of filters", str::parse)?,
            description: optional_label(row, DESCRIPTION)?,
            switch: switch(row)?,
            retry_policy: retry_policy(row)?,
            timeout: timeout(row)?,
            rate_limit: rate_limit(row)?,
            headers: headers(row)?,
            secrets: Terms::join(
                terms,
                secrets,
                SigningSecret::expose,
                Owner::endpoint(id, revision),
                created_at,
            ),
            created_at,
            revision,
        })
    }
}

impl Replaceable for Endpoint {
    const CHANGING: &'static [&'static str] = &[
        URL,
        EVENT_TYPES,
        DESCRIPTION,
        OFF_SINCE,
        OFF_REASON,
        RETRY_POLICY,
        TIMEOUT,
        RATE_LIMIT,
        HEADERS,
        SECRETS,
        SECRET_TERMS,
        REVISION,
    ];

    fn revision(&self) -> u32 {
        self.revision
    }
}

/// Whether an inner host may be called was decided when the endpoint was saved, and is decided
/// again by the sender on every call.
fn kind(row: Reader<'_>) -> Result<Kind, Damaged> {
    match row.optional_text(KIND)? {
        None => {
            let url = EndpointUrl::parse(row.text(URL)?, Destinations::AlsoPrivate);
            url.map(Kind::Push).map_err(|_| Damaged::new(URL, "not a url that may be called"))
        }
        Some(PULL) => Ok(Kind::Pull),
        Some(_) => Err(Damaged::new(KIND, "no kind that this version knows")),
    }
}

fn switch(row: Reader<'_>) -> Result<Switch, Damaged> {
    let Some(since) = row.optional_time(OFF_SINCE)? else { return Ok(Switch::On) };
    let reason = match row.text(OFF_REASON)? {
        "asked" => OffReason::Asked,
        "gone" => OffReason::Gone,
        _ => return Err(Damaged::new(OFF_REASON, "no reason that this version knows")),
    };
    Ok(Switch::Off { since, reason })
}

fn reason_word(reason: OffReason) -> &'static str {
    match reason {
        OffReason::Asked => "asked",
        OffReason::Gone => "gone",
    }
}

fn timeout(row: Reader<'_>) -> Result<AttemptTimeout, Damaged> {
    let timeout = row.optional_number(TIMEOUT)?.map(AttemptTimeout::from_secs).transpose();
    let timeout = timeout.map_err(|_| Damaged::new(TIMEOUT, "not in the range of timeouts"))?;
    Ok(timeout.unwrap_or_default())
}

/// Pairs of a name and a value, in their order.
fn rate_limit(row: Reader<'_>) -> Result<Option<RateLimit>, Damaged> {
    let limit = row.optional_number::<u32>(RATE_LIMIT)?;
    let limit = limit.map(|limit| RateLimit::per_second(f64::from(limit) / 1000.0)).transpose();
    limit.map_err(|_| Damaged::new(RATE_LIMIT, "not in the range of limits"))
}

fn headers_json(headers: &[ExtraHeader]) -> AttributeValue {
    let pairs = headers.iter().map(|header| (header.name(), header.value().expose()));
    json(&pairs.collect::<Vec<_>>())
}

fn headers(row: Reader<'_>) -> Result<Vec<ExtraHeader>, Damaged> {
    let pairs: Vec<(String, String)> = optional_json(row, HEADERS)?.unwrap_or_default();
    let headers = pairs.iter().map(|(name, value)| ExtraHeader::parse(name, value));
    headers.collect::<Result<_, _>>().map_err(|_| Damaged::new(HEADERS, "not a list of headers"))
}

/// Every text of a list, parsed. What is wrong with one is not told, since it may tell the text.
fn each<T, E>(
    row: Reader<'_>,
    name: &str,
    wrong: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Damaged> {
    let parsed = row.texts(name)?.into_iter().map(parse);
    parsed.collect::<Result<_, _>>().map_err(|_| Damaged::new(name, wrong))
}

#[cfg(test)]
mod tests {
    use postback_contract::world::{at, endpoint, label};
    use postback_domain::delivery::retry::RetryPolicy;
    use postback_domain::endpoint::EndpointSecret;

    use super::*;
    use crate::catalog::noun::tests::{check_replacement, check_row, read_back, row};

    const NEEDED: [&str; 6] = ["pk", "sk", MERCHANT, URL, CREATED, REVISION];

    fn rich() -> Endpoint {
        Endpoint {
            event_types: vec!["charge.*".parse().unwrap(), "payout.paid".parse().unwrap()],
            description: Some(label("Café – “quoted” \\ 'x'")),
            switch: Switch::Off { since: at(5), reason: OffReason::Gone },
            retry_policy: Some(RetryPolicy::from_secs(&[0.25, 86_400.0]).unwrap()),
            timeout: AttemptTimeout::from_secs(3).unwrap(),
            rate_limit: RateLimit::per_second(2.5).ok(),
            headers: vec![
                ExtraHeader::parse("x-gateway-key", "a=b; \"c\"").unwrap(),
                ExtraHeader::parse("a-second", "2").unwrap(),
            ],
            secrets: rotated(),
            ..endpoint(7)
        }
    }

    fn rotated() -> Vec<EndpointSecret> {
        let secrets = [8, 9].map(|byte| SigningSecret::mint([byte; 32]));
        let mut secrets = EndpointSecret::set(Owner::endpoint(endpoint(7).id, 1), at(1), secrets);
        secrets[1].expires_at = Some(at(60));
        secrets
    }

    #[test]
    fn rows_are_what_was_written() {
        let oldest = Endpoint { event_types: Vec::new(), secrets: Vec::new(), ..endpoint(8) };
        check_row(&rich(), &oldest, &NEEDED);
        check_replacement(&rich(), &[MERCHANT, CREATED]);
        let pull = Endpoint { kind: Kind::Pull, ..endpoint(7) };
        check_row(&pull, &oldest, &NEEDED);
        check_replacement(&pull, &[MERCHANT, CREATED, KIND]);
        let asked = Switch::Off { since: at(0), reason: OffReason::Asked };
        check_row(&Endpoint { switch: asked, ..endpoint(7) }, &oldest, &NEEDED);
    }

    /// Secrets and credentials are in rows, and errors are in logs.
    #[test]
    fn damage_is_told_without_the_value() {
        for (name, value) in [
            (SECRETS, texts(["whsec_hush"])),
            (EVENT_TYPES, texts(["hush hush"])),
            (HEADERS, text(r#"[["x-key","hush\n"]]"#)),
            (HEADERS, text(r#"[["hush",7]]"#)),
            (URL, text("https://hush:hush@shop.example/")),
            (URL, text("ftp://shop.example/hush")),
            (OFF_REASON, text("hush")),
            (TIMEOUT, number(31)),
        ] {
            let mut damaged = row(&rich());
            damaged.insert(name.to_owned(), value);
            let told = read_back::<Endpoint>(rich().id, &damaged).unwrap_err();
            assert!(told.starts_with(&format!("attribute `{name}` of an item is")), "{told}");
            assert!(!told.contains("hush"), "{told}");
        }
    }
}
