//! A batch of SQS as Lambda hands it over, and the answer that tells record from record.
//!
//! Only what is used is read, and only what a record cannot be named without must be there: a
//! field of one record that is not as expected must not cost its neighbours.

use postback_aws::wire::{self, Unreadable, Work};
use postback_domain::delivery::message::{MessageId, Receipt};
use postback_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Records of one queue.
#[derive(Deserialize)]
pub struct SqsBatch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

/// One message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) message_id: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "SentTimestamp", default)]
    sent_unix_ms: Option<String>,
}

/// A record that nothing can be done with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRecord {
    #[error("record has no body")]
    NoBody,
    #[error("record does not say when it was sent")]
    NoTime,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl SqsBatch {
    pub(crate) fn into_records(self) -> Vec<Record> {
        self.records
    }
}

impl Record {
    /// What the message asks for.
    pub(crate) fn work(&self) -> Result<Work, BadRecord> {
        Ok(wire::read(self.body.as_deref().ok_or(BadRecord::NoBody)?)?)
    }

    /// How the message reached us. SQS keeps id and time of a message on every receipt, and gives
    /// new ones when a redrive sends it again, which is how the engine tells the two apart.
    pub(crate) fn receipt(&self) -> Result<Receipt, BadRecord> {
        let sent = self.attributes.as_ref().and_then(|all| all.sent_unix_ms.as_deref());
        let sent = sent.and_then(|millis| millis.parse().ok()).ok_or(BadRecord::NoTime)?;
        let id = MessageId(self.message_id.clone());
        Ok(Receipt { id, sent_at: Timestamp::from_millis(sent) })
    }
}

/// Which records failed. Lambda deletes the others from the queue.
///
/// An empty list must be said: an answer without it makes Lambda take the whole batch for failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl BatchAnswer {
    pub(crate) fn failed(message_ids: impl Iterator<Item = String>) -> Self {
        let failures = message_ids.map(|item_identifier| Failure { item_identifier });
        Self { batch_item_failures: failures.collect() }
    }
}
