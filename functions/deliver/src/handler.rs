//! A batch of messages becomes calls of the engine, all of them side by side within the time left.
//!
//! What is not finished shortly before the deadline is dropped, which is safe at every await: an
//! attempt that is under way breaks its connection and stays unrecorded, so its lease runs out and
//! it is made again, as after an answer that was lost. It must be dropped, and not left to itself:
//! Lambda freezes the process after the answer, and a task that wakes up in a later batch could
//! begin an attempt whose lease has long been somebody else's.

use std::any::Any;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use postback_aws::wire::Work;
use postback_domain::delivery::Claim;
use postback_domain::event::Event;
use postback_domain::ids::EndpointId;
use postback_domain::limits::{ATTEMPT_TIMEOUT_MAX, BATCH_TIMEOUT, PORT_CALL_MAX};
use postback_domain::time::Timestamp;
use postback_engine::Engine;
use postback_engine::deliver::Disposition;
use postback_engine::ports::{Clock, Ports, Unavailable};
use postback_engine::take_in::{FirstTries, TakenIn};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::batch::{BadRecord, BatchAnswer, Record, SqsBatch};

/// How long before the deadline the answer is given, whatever is unfinished.
const RESERVE: Duration = Duration::from_secs(2);

/// What an attempt needs from its beginning: its own time, and once the store at its slowest.
const ATTEMPT_NEEDS: Duration =
    Duration::from_secs(ATTEMPT_TIMEOUT_MAX.as_secs() + PORT_CALL_MAX.as_secs());

const _: () = assert!(
    ATTEMPT_NEEDS.as_secs() + RESERVE.as_secs() < BATCH_TIMEOUT.as_secs(),
    "a batch that has just come must have time for its attempts"
);

/// First attempts in flight. A function may open 1024 files, and each attempt is one or two.
const FIRST_TRIES_MAX: usize = 256;

/// Works batches of both queues on one engine.
#[derive(Debug)]
pub struct Deliver<P> {
    engine: Arc<Engine<P>>,
    first_tries: Semaphore,
}

/// Why a record goes back to its queue.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Bad(#[from] BadRecord),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error("there was no time to finish it")]
    OutOfTime,
    #[error("it made us panic")]
    Panicked,
}

impl<P: Ports> Deliver<P> {
    /// Works batches on this engine.
    pub fn new(engine: Arc<Engine<P>>) -> Self {
        Self::with_first_tries(engine, FIRST_TRIES_MAX)
    }

    /// With this many first attempts in flight at most.
    pub fn with_first_tries(engine: Arc<Engine<P>>, first_tries_max: usize) -> Self {
        Self { engine, first_tries: Semaphore::new(first_tries_max) }
    }

    /// Works every record and answers, before the deadline, which of them failed. Those come again
    /// after their visibility timeout, and in the end into the dead-letter queue, in SQS's own way:
    /// a message that was sent there by hand could not be redriven.
    pub async fn handle(&self, batch: SqsBatch, deadline: Timestamp) -> BatchAnswer {
        let records = batch.into_records().into_iter();
        let worked = join_all(records.map(|record| self.work_record(record, deadline))).await;
        BatchAnswer::failed(worked.into_iter().flatten())
    }

    /// Answers with the record's id if it failed.
    async fn work_record(&self, record: Record, deadline: Timestamp) -> Option<String> {
        let disposition = match caught(self.try_record(&record, deadline)).await {
            Ok(Ok(disposition)) => disposition,
            Ok(Err(failed)) => {
                report(&record.message_id, &failed);
                Disposition::Bounce
            }
            Err(_) => {
                report(&record.message_id, &Failed::Panicked);
                Disposition::Bounce
            }
        };
        match disposition {
            Disposition::Done => None,
            Disposition::Bounce => Some(record.message_id),
        }
    }

    async fn try_record(
        &self,
        record: &Record,
        deadline: Timestamp,
    ) -> Result<Disposition, Failed> {
        match record.work()? {
            Work::Event(event, secrets) => {
                let source = event.source_id;
                self.take_in(Arc::new(event), deadline).await?;
                let noting = self.engine.note_use(source, &secrets);
                // A note is not worth the batch's time, and one that is cut off comes again.
                let _ = timeout(self.time_left(deadline), noting).await;
                Ok(Disposition::Done)
            }
            Work::Delivery(message) => {
                let receipt = record.receipt()?;
                // Better not begun than cut off: the receiver would see the attempt and we not.
                if !self.is_time_for_an_attempt(deadline) {
                    return Err(Failed::OutOfTime);
                }
                let delivering = self.engine.deliver(message, Some(receipt));
                let delivered = timeout(self.time_left(deadline), delivering).await;
                Ok(delivered.map_err(|_| Failed::OutOfTime)??)
            }
        }
    }

    /// The record is done once the event is kept: what becomes of its first attempts is in the
    /// store, and the sweep brings back those that were not recorded.
    async fn take_in(&self, event: Arc<Event>, deadline: Timestamp) -> Result<(), Failed> {
        let is_busy = self.first_tries.available_permits() == 0;
        let first_tries = if is_busy || !self.is_time_for_an_attempt(deadline) {
            FirstTries::Queued
        } else {
            FirstTries::Mine
        };
        let taking = self.engine.take_in(&event, first_tries);
        let taken = timeout(self.time_left(deadline), taking).await;
        let TakenIn { event, claims, .. } = taken.map_err(|_| Failed::OutOfTime)??;
        let attempts = claims.into_iter().map(|claim| self.first_try(&event, claim));
        if timeout(self.time_left(deadline), join_all(attempts)).await.is_err() {
            tracing::warn!(
                event.id = %event.id,
                "first attempts of {} were cut off; the sweep brings them back",
                event.id
            );
        }
        Ok(())
    }

    async fn first_try(&self, event: &Arc<Event>, (claim, endpoint): (Claim, EndpointId)) {
        let _slot = self.first_tries.acquire().await.expect("the slots are never closed");
        let delivery = claim.delivery();
        let attempted = caught(self.engine.attempt(event, claim, endpoint, None)).await;
        let error: &dyn Error = match &attempted {
            Ok(Ok(_)) => return,
            Ok(Err(unavailable)) => unavailable,
            Err(_) => &Failed::Panicked,
        };
        tracing::error!(
            error,
            delivery.id = %delivery,
            "attempt of {delivery} did not end well; unless it was recorded, the sweep brings it back"
        );
    }

    fn is_time_for_an_attempt(&self, deadline: Timestamp) -> bool {
        self.time_left(deadline) >= ATTEMPT_NEEDS
    }

    fn time_left(&self, deadline: Timestamp) -> Duration {
        deadline.since(self.engine.ports().clock().now()).saturating_sub(RESERVE)
    }
}

/// Unwind safety: what panicked is dropped and never polled again, and what it shares with others
/// is behind ports that must stand a caller that just goes away.
async fn caught<T>(task: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    AssertUnwindSafe(task).catch_unwind().await
}

fn report(message_id: &str, failed: &Failed) {
    tracing::error!(
        error = failed as &dyn Error,
        message.id = message_id,
        "message {message_id} was not worked and goes back to its queue"
    );
}
