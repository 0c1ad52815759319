//! Between rows and nouns. Whatever a row holds that no noun can be made of is damage, reported
//! with the column's name and never guessed at.

use std::str::FromStr;

use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::message::MessageId;
use postback_domain::delivery::{Delivery, FailedReason, Lease, Progress, State, Via, WaitsFor};
use postback_domain::event::{EventType, ProviderEventId};
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, SourceId};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The columns that [`delivery`] reads.
pub(crate) const DELIVERY_COLUMNS: &str = "id, event_id, merchant_id, endpoint_id, event_type, \
     created_at, state, round, tries, due_at, lease_until, shelved_until, turn_at, finished_at, \
     via, failed_reason, ended_by, addressee, seq";

/// Reads the columns of [`DELIVERY_COLUMNS`].
pub(crate) fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let finished = || time(row, "finished_at");
    let progress = match parsed::<State>(row, "state")? {
        State::Pending => Progress::Pending {
            due_at: time(row, "due_at")?,
            lease: optional_time(row, "lease_until")?.map(|until| Lease { until }),
            waits_for: waits_for(row)?,
        },
        State::Success => Progress::Success { at: finished()?, via: word::<Via>(row, "via")? },
        State::Failed => Progress::Failed {
            at: finished()?,
            reason: word::<FailedReason>(row, "failed_reason")?,
            ended_by: row.get::<_, Option<String>>("ended_by")?.map(MessageId),
        },
        State::NotApply => {
            Progress::NotApply { at: finished()?, addressee: optional_text(row, "addressee")? }
        }
    };
    Ok(Delivery {
        id: DeliveryId::from_bytes(row.get("id")?),
        event_id: EventId::from_bytes(row.get("event_id")?),
        merchant_id: MerchantId::from_bytes(row.get("merchant_id")?),
        endpoint_id: row.get::<_, Option<_>>("endpoint_id")?.map(EndpointId::from_bytes),
        event_type: EventType::new(&row.get::<_, String>("event_type")?),
        created_at: time(row, "created_at")?,
        round: row.get("round")?,
        tries: row.get("tries")?,
        progress,
    })
}

fn waits_for(row: &Row<'_>) -> Result<WaitsFor> {
    Ok(match (optional_time(row, "shelved_until")?, optional_time(row, "turn_at")?) {
        (Some(until), _) => WaitsFor::Fetch(until),
        (None, Some(turn)) => WaitsFor::Turn(turn),
        (None, None) => WaitsFor::Try,
    })
}

/// An attempt as one line of a log.
pub(crate) fn log_line(attempt: &Attempt) -> Result<String> {
    let mut line = to_json(attempt)?;
    line.push('\n');
    Ok(line)
}

/// The attempts of a log, oldest first.
pub(crate) fn log(row: &Row<'_>) -> Result<Vec<Attempt>> {
    let text: String = row.get("attempt_log")?;
    text.lines().map(|line| from_json("attempt_log", line)).collect()
}

pub(crate) fn provider_event_id(row: &Row<'_>) -> Result<ProviderEventId> {
    Ok(ProviderEventId::new(&row.get::<_, String>("provider_event_id")?))
}

pub(crate) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(crate) fn optional_time(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A column that a noun's own parser reads.
pub(crate) fn parsed<T: FromStr>(row: &Row<'_>, column: &'static str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|error: T::Err| damaged(column, error))
}

/// A column that holds one of a noun's words.
pub(crate) fn word<T: DeserializeOwned>(row: &Row<'_>, column: &'static str) -> Result<T> {
    let word: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(word)).map_err(|error| damaged(column, error))
}

/// A column that holds a label.
pub(crate) fn text(row: &Row<'_>, column: &'static str) -> Result<Label> {
    Label::parse(&row.get::<_, String>(column)?).map_err(|error| damaged(column, error))
}

/// A column that may hold a label.
pub(crate) fn optional_text(row: &Row<'_>, column: &'static str) -> Result<Option<Label>> {
    let text = row.get::<_, Option<String>>(column)?;
    text.map(|text| Label::parse(&text).map_err(|error| damaged(column, error))).transpose()
}

/// A column that holds JSON.
pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &'static str) -> Result<T> {
    from_json(column, &row.get::<_, String>(column)?)
}

/// A column that may hold JSON.
pub(crate) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &'static str,
) -> Result<Option<T>> {
    let text = row.get::<_, Option<String>>(column)?;
    text.map(|text| from_json(column, &text)).transpose()
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

/// The word that [`word`] reads.
pub(crate) fn to_word<T: Serialize>(value: &T) -> Result<String> {
    Ok(to_json(value)?.trim_matches('"').to_owned())
}

fn from_json<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(column, error))
}

/// A row that cannot be what this program wrote.
pub(crate) fn damaged(
    column: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let cause = FromSqlError::Other(Box::new(Damaged { column, source: error.into() }));
    Error::FromSqlConversionFailure(0, Type::Text, Box::new(cause))
}

#[derive(Debug, thiserror::Error)]
#[error("column `{column}` is damaged")]
struct Damaged {
    column: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

pub(crate) fn source_id(row: &Row<'_>, column: &str) -> Result<SourceId> {
    row.get(column).map(SourceId::from_bytes)
}
