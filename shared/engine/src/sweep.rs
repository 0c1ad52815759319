//! Finds PENDING deliveries that nobody is coming for: their message was lost, their worker died,
//! or their wait is longer than a queue can hold. The queue saves time; this is what keeps the
//! promise.
//!
//! A row is claimed by pushing its due time forward before its message is sent. Two sweeps at once
//! therefore send one message; a sweep that dies in between costs one push, not a delivery.

use std::time::Duration;

use futures_util::future::join_all;
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
    /// Whether it stopped with more to do, because the queue was full or its time was over.
    pub cut_short: bool,
    /// Shards that the store could not read or write to their end. What was sent until then is
    /// sent; the next sweep goes on.
    pub shards_failed: u16,
}

impl<P: Ports> Engine<P> {
    /// Puts overdue deliveries back on the queue, in all shards.
    pub async fn sweep(&self) -> Swept {
        self.sweep_until(Timestamp::MAX).await
    }

    /// Puts overdue deliveries back on the queue, all shards side by side, and begins no more
    /// steps at `until`. A step takes one read, one claim and one send, so the sweep may end three
    /// port calls later.
    pub async fn sweep_until(&self, until: Timestamp) -> Swept {
        let shards = 0..self.ports.store().shards();
        let swept = join_all(shards.map(|shard| self.sweep_shard(shard, until))).await;
        let swept = swept.into_iter().fold(Swept::default(), Swept::and);
        if swept.sent > 0 {
            tracing::info!(
                messages = swept.sent,
                oldest_overdue_s = swept.oldest_overdue.unwrap_or_default().as_secs(),
                cut_short = swept.cut_short,
                "sweep put {} overdue deliveries back on the queue",
                swept.sent
            );
        }
        swept
    }

    async fn sweep_shard(&self, shard: u16, until: Timestamp) -> Swept {
        let mut swept = Swept::default();
        loop {
            let limit = BATCH.min(self.ports.queue().room());
            let now = self.ports.clock().now();
            if limit == 0 || now >= until {
                return Swept { cut_short: true, ..swept };
            }
            match self.sweep_step(shard, limit, now, &mut swept).await {
                Ok(More::Likely) => {}
                Ok(More::No) => return swept,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        shard,
                        "shard {shard} was not swept to its end"
                    );
                    return Swept { shards_failed: 1, ..swept };
                }
            }
        }
    }

    async fn sweep_step(
        &self,
        shard: u16,
        limit: usize,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<More, Unavailable> {
        let store = self.ports.store();
        let due = store.due(shard, now.minus(self.settings.sweep_grace), limit).await?;
        let Some(first) = due.first() else { return Ok(More::No) };
        swept.oldest_overdue = swept.oldest_overdue.max(Some(now.since(first.due_at)));
        let found = due.len();
        let won = store.push_forward(due, now.plus(self.settings.sweep_push)).await?;
        // A full page has others behind it, and a slow store may have run out of time for some of
        // these: look again for as long as that gets any further. An index that is behind shows
        // rows that have moved on, and would show them again.
        let more = !won.is_empty() && (found == limit || won.len() < found);
        swept.sent += self.send(won.into_iter().map(at_once).collect(), now).await;
        Ok(if more { More::Likely } else { More::No })
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

/// Whether a shard has more overdue rows.
enum More {
    Likely,
    No,
}

impl Swept {
    fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            oldest_overdue: self.oldest_overdue.max(other.oldest_overdue),
            cut_short: self.cut_short || other.cut_short,
            shards_failed: self.shards_failed + other.shards_failed,
        }
    }
}

fn at_once(due: Due) -> Scheduled {
    Scheduled { message: due.message, wait: AT_ONCE }
}

fn on_time(due: Due, now: Timestamp) -> Scheduled {
    Scheduled { message: due.message, wait: due.due_at.since(now) }
}
