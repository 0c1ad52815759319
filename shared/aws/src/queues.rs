//! The two queues as senders see them: `events`, which makes an accepted event durable, and
//! `deliveries`, the engine's queue of what is due.
//!
//! Both carry the merchant's id as their message group. On a standard queue that orders nothing; it
//! tells SQS whose messages they are, so that one merchant's flood does not make the others wait
//! (fair queues).

mod batch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use postback_domain::event::Event;
use postback_domain::ids::SecretId;
use postback_domain::limits::{MESSAGE_WAIT_MAX, PORT_CALL_MAX};
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::{Queue, Unavailable};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clients::CallFailed;
use crate::wire;
use batch::Entry;

/// What an operator calls it.
const NAME: &str = "queue";

/// Batches in flight from one process. At 20 ms a batch that is 16,000 messages a second, and few
/// enough connections to be opened at once by a small function.
const BATCHES_IN_FLIGHT_MAX: usize = 32;

/// How long one call of [`SqsQueue::send`] may take, waiting for other calls' batches included.
const SEND_TIMEOUT: Duration = Duration::from_secs(18);

const _: () = assert!(SEND_TIMEOUT.as_secs() < PORT_CALL_MAX.as_secs());

/// How long a provider may be kept waiting for a batch of events: those that send batches hang up
/// after 10 s (Adyen, GoCardless).
const EVENTS_TIMEOUT: Duration = Duration::from_secs(8);

/// The longest `DelaySeconds`.
const DELAY_SECS_MAX: u64 = 900;

const _: () = assert!(MESSAGE_WAIT_MAX.as_secs() <= DELAY_SECS_MAX);

/// The `deliveries` queue. Cheap to clone.
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    url: Arc<str>,
    slots: Arc<Semaphore>,
}

impl SqsQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<Arc<str>>) -> Self {
        Self { client, url: url.into(), slots: Arc::new(Semaphore::new(BATCHES_IN_FLIGHT_MAX)) }
    }
}

impl Queue for SqsQueue {
    async fn send(&self, messages: Vec<Scheduled>) -> Result<(), Unavailable> {
        let entries = messages.iter().map(entry).collect();
        send_all(&self.client, &self.url, &self.slots, entries, SEND_TIMEOUT).await
    }

    /// A queue of AWS has no end.
    fn room(&self) -> usize {
        usize::MAX
    }
}

fn entry(scheduled: &Scheduled) -> Entry {
    Entry {
        body: wire::delivery(scheduled.message),
        group: scheduled.message.merchant.to_string(),
        delay_s: delay_s(scheduled.wait),
    }
}

/// Rounded up: a message that comes early has its delivery attempted early.
fn delay_s(wait: Duration) -> i32 {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i32::try_from(secs.min(DELAY_SECS_MAX)).expect("900 fits")
}

/// The `events` queue. Cheap to clone.
#[derive(Clone)]
pub struct EventsQueue {
    client: Client,
    url: Arc<str>,
    slots: Arc<Semaphore>,
}

impl EventsQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<Arc<str>>) -> Self {
        Self { client, url: url.into(), slots: Arc::new(Semaphore::new(BATCHES_IN_FLIGHT_MAX)) }
    }

    /// Sends the events of one request, with the secrets that signed it. When it has answered, SQS
    /// keeps the events on several machines.
    ///
    /// # Errors
    /// When some event may not have been sent.
    pub async fn send(
        &self,
        events: &[Arc<Event>],
        secrets: &[SecretId],
    ) -> Result<(), Unavailable> {
        if let [event] = events {
            return self.send_one(event, secrets).await;
        }
        // One use is noted once.
        let noted = std::iter::once(secrets).chain(std::iter::repeat(&[][..]));
        let entries: Vec<_> = events.iter().zip(noted).map(event_entry).collect();
        send_all(&self.client, &self.url, &self.slots, entries, EVENTS_TIMEOUT).await
    }

    async fn send_one(&self, event: &Event, secrets: &[SecretId]) -> Result<(), Unavailable> {
        let request = self
            .client
            .send_message()
            .queue_url(self.url.as_ref())
            .message_body(wire::event(event, secrets))
            .message_group_id(event.merchant_id.to_string());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Unavailable::new(NAME, CallFailed::of(&error))),
        }
    }
}

fn event_entry((event, secrets): (&Arc<Event>, &[SecretId])) -> Entry {
    let group = event.merchant_id.to_string();
    Entry { body: wire::event(event, secrets), group, delay_s: 0 }
}

/// In order, as many to a batch as SQS takes by number and by size.
fn batches(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        bytes += entry.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < batch::ENTRIES_MAX && bytes <= wire::QUEUE_BYTES_MAX => {
                batch.push(entry);
            }
            _ => {
                bytes = entry.body.len();
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

/// Every batch is sent to its end, whatever becomes of the others: what is on the queue need not be
/// sent again.
async fn send_all(
    client: &Client,
    url: &str,
    slots: &Semaphore,
    entries: Vec<Entry>,
    limit: Duration,
) -> Result<(), Unavailable> {
    let sends = batches(entries).into_iter().map(|batch| batch::send(client, url, slots, batch));
    let sent = timeout(limit, futures_util::future::join_all(sends)).await;
    let sent = sent.map_err(|_| {
        let limit = limit.as_secs();
        Unavailable::new(NAME, format!("not everything was sent within {limit} s"))
    })?;
    sent.into_iter().collect::<Result<(), _>>().map_err(|error| Unavailable::new(NAME, error))
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue").field("url", &self.url).finish_non_exhaustive()
    }
}

impl fmt::Debug for EventsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsQueue").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_number_and_size() {
        let entry = |bytes| Entry { body: "x".repeat(bytes), group: String::new(), delay_s: 0 };
        let check = |sizes: &[usize], expected: &[usize]| {
            let batches = batches(sizes.iter().copied().map(entry).collect());
            let counts: Vec<_> = batches.iter().map(Vec::len).collect();
            assert_eq!(counts, expected, "{sizes:?}");
            let sent = batches.iter().flatten().map(|entry| entry.body.len());
            assert!(sent.eq(sizes.iter().copied()), "in order and all of them");
        };
        let third = wire::QUEUE_BYTES_MAX / 3;
        check(&[], &[]);
        check(&[1; 10], &[10]);
        check(&[1; 21], &[10, 10, 1]);
        check(&[third; 4], &[3, 1]);
        check(&[third, third, third, 2, 1], &[3, 2]);
        check(&[wire::QUEUE_BYTES_MAX, 1], &[1, 1]);
    }

    #[test]
    fn a_message_never_comes_early() {
        for (wait_ms, expected_s) in [
            (0, 0),
            (1, 1),
            (999, 1),
            (1000, 1),
            (1001, 2),
            (4500, 5),
            (899_999, 900),
            (900_000, 900),
            (900_001, 900),
            (u64::MAX, 900),
        ] {
            assert_eq!(delay_s(Duration::from_millis(wait_ms)), expected_s, "{wait_ms}");
        }
    }
}
