//! Finds PENDING deliveries that nobody is coming for: their message was lost, their worker died,
//! or their wait is longer than a queue can hold. The queue saves time; this is what keeps the
//! promise.
//!
//! A row is claimed by pushing its due time forward before its message is sent. Two sweeps at once
//! therefore send one message; a sweep that dies in between costs one push, not a delivery.

use std::time::Duration;

use postback_domain::limits::MESSAGE_WAIT_MAX;
use postback_domain::time::Timestamp;

use crate::Engine;
use crate::deliver::AT_ONCE;
use crate::ports::queue::Scheduled;
use crate::ports::store::{Due, DueIndex};
use crate::ports::{Clock, Ports, Queue, Unavailable};

/// Rows of the due index that one step takes.
const BATCH: usize = 500;

/// Rows of a shard that one start takes; the sweep takes the rest.
const RESTORED_MAX: usize = 1_000_000;

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Messages sent.
    pub sent: usize,
    /// How long the most overdue delivery had been due.
    pub oldest_overdue: Option<Duration>,
    /// Whether it stopped because the queue was full, with more to do.
    pub cut_short: bool,
}

impl<P: Ports> Engine<P> {
    /// Puts overdue deliveries back on the queue, in all shards.
    ///
    /// # Errors
    /// When the store is unavailable; what was sent until then is sent.
    pub async fn sweep(&self) -> Result<Swept, Unavailable> {
        let mut swept = Swept::default();
        for shard in 0..self.ports.store().shards() {
            self.sweep_shard(shard, &mut swept).await?;
        }
        if swept.sent > 0 {
            tracing::info!(
                messages = swept.sent,
                oldest_overdue_s = swept.oldest_overdue.unwrap_or_default().as_secs(),
                cut_short = swept.cut_short,
                "sweep put {} overdue deliveries back on the queue",
                swept.sent
            );
        }
        Ok(swept)
    }

    async fn sweep_shard(&self, shard: u16, swept: &mut Swept) -> Result<(), Unavailable> {
        let store = self.ports.store();
        loop {
            let limit = BATCH.min(self.ports.queue().room());
            if limit == 0 {
                swept.cut_short = true;
                return Ok(());
            }
            let now = self.ports.clock().now();
            let due = store.due(shard, now.minus(self.settings.sweep_grace), limit).await?;
            let Some(first) = due.first() else {
                return Ok(());
            };
            let age = now.since(first.due_at);
            swept.oldest_overdue = Some(swept.oldest_overdue.map_or(age, |oldest| oldest.max(age)));
            let full = due.len() == limit;
            let won = store.push_forward(due, now.plus(self.settings.sweep_push)).await?;
            swept.sent += self.send(won.into_iter().map(at_once).collect(), now).await;
            if !full {
                return Ok(());
            }
        }
    }

    /// Puts back what an in-process queue held when its process ended: everything due now or
    /// within the longest wait a message carries. Only for a store that one process owns, before
    /// it starts to work; what does not fit into the queue is left to the sweep.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn restore(&self) -> Result<usize, Unavailable> {
        let now = self.ports.clock().now();
        let (store, queue) = (self.ports.store(), self.ports.queue());
        let mut sent = 0;
        for shard in 0..store.shards() {
            let room = queue.room().min(RESTORED_MAX);
            let due = store.due(shard, now.plus(MESSAGE_WAIT_MAX), room).await?;
            sent += self.send(due.into_iter().map(|due| on_time(due, now)).collect(), now).await;
        }
        Ok(sent)
    }
}

fn at_once(due: Due) -> Scheduled {
    Scheduled { message: due.message, wait: AT_ONCE }
}

fn on_time(due: Due, now: Timestamp) -> Scheduled {
    Scheduled { message: due.message, wait: due.due_at.since(now) }
}
