//! One batch of messages. SQS takes or refuses each entry of a batch on its own; what it refuses
//! for a reason of its own is sent again, alone.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use tokio::sync::Semaphore;

use crate::clients::CallFailed;

/// Entries that SQS takes in one batch.
pub(super) const ENTRIES_MAX: usize = 10;

/// How long to wait before refused entries are sent again, each time. The SDK has its own retries
/// for a call that fails as a whole.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) body: String,
    pub(super) group: String,
    pub(super) delay_s: i32,
}

/// Why not every message of a batch was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum BatchError {
    #[error(transparent)]
    Call(#[from] CallFailed),
    #[error("{count} of the messages were refused, the last one with {code}")]
    Refused { count: usize, code: String },
    #[error("message cannot be put into a batch")]
    Unsendable(#[from] BuildError),
}

/// Sends at most [`ENTRIES_MAX`] messages, which SQS takes together. `slots` bounds how many batches are in flight at once.
pub(super) async fn send(
    client: &Client,
    url: &str,
    slots: &Semaphore,
    entries: Vec<Entry>,
) -> Result<(), BatchError> {
    let mut open: Vec<usize> = (0..entries.len()).collect();
    let mut refused_for_good = None;
    let mut pauses = PAUSES.into_iter();
    loop {
        let slot = slots.acquire().await.expect("the slots are never closed");
        let failed = send_once(client, url, &entries, &open).await?;
        drop(slot);
        let (ours, theirs): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|failure| failure.sender_fault);
        if let Some(last) = ours.last() {
            tracing::error!(
                code = last.code,
                messages = ours.len(),
                "queue refused {} messages as our fault: {}",
                ours.len(),
                last.code
            );
            refused_for_good = Some(refused(&ours, last));
        }
        open = theirs.iter().filter_map(|failure| position(&failure.id, entries.len())).collect();
        match (theirs.last(), pauses.next()) {
            (None, _) => return refused_for_good.map_or(Ok(()), Err),
            (Some(last), None) => return Err(refused(&theirs, last)),
            (Some(_), Some(pause)) => tokio::time::sleep(pause).await,
        }
    }
}

/// Sends the entries at these positions; an entry's id is its position.
async fn send_once(
    client: &Client,
    url: &str,
    entries: &[Entry],
    positions: &[usize],
) -> Result<Vec<BatchResultErrorEntry>, BatchError> {
    let mut request = client.send_message_batch().queue_url(url);
    for &position in positions {
        let entry = &entries[position];
        let entry = SendMessageBatchRequestEntry::builder()
            .id(position.to_string())
            .message_body(&entry.body)
            .message_group_id(&entry.group)
            .delay_seconds(entry.delay_s)
            .build()?;
        request = request.entries(entry);
    }
    let answer = request.send().await.map_err(|error| CallFailed::of(&error))?;
    Ok(answer.failed)
}

fn position(id: &str, count: usize) -> Option<usize> {
    id.parse().ok().filter(|position| *position < count)
}

fn refused(failures: &[BatchResultErrorEntry], last: &BatchResultErrorEntry) -> BatchError {
    BatchError::Refused { count: failures.len(), code: last.code.clone() }
}
