//! The queue of one process: messages in memory, ordered by when they are due. It is only a
//! wake-up; the durable queue is the due index. What is lost with the process is put back when the
//! next one starts, and what is lost otherwise by the sweep.
//!
//! Waits are measured on the monotonic clock, so a system clock that jumps neither holds messages
//! back nor fires them all at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postback_domain::delivery::message::Message;
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::{Queue, Unavailable};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Messages held at most; about 16 MiB when full. The sweep stops here and goes on later.
pub const CAPACITY: usize = 200_000;

/// Messages in memory. Cheap to clone; all clones are one queue.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// Rung when the earliest message may have changed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By due time, then by arrival.
    messages: BTreeMap<(Instant, u64), Message>,
    arrivals: u64,
}

/// The queue holds as many messages as it may.
#[derive(Debug, thiserror::Error)]
#[error("{CAPACITY} messages are waiting already")]
struct Full;

impl MemoryQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// The earliest message, as soon as it is due. Each message goes to one caller.
    pub async fn next(&self) -> Message {
        loop {
            // Registered before looking, so that a message sent in between is not missed.
            let changed = self.inner.changed.notified();
            let due = match self.pop_due() {
                Ok(message) => return message,
                Err(next_due) => next_due,
            };
            match due {
                None => changed.await,
                Some(due) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(due) => {}
                    }
                }
            }
        }
    }

    /// Messages waiting, due or not.
    pub fn len(&self) -> usize {
        self.waiting().messages.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Throws every message away and answers with how many there were. What they were about is
    /// not lost: the sweep puts it back.
    pub fn purge(&self) -> usize {
        std::mem::take(&mut self.waiting().messages).len()
    }

    /// The earliest message if it is due, else when the earliest one will be.
    fn pop_due(&self) -> Result<Message, Option<Instant>> {
        let mut waiting = self.waiting();
        let Some(first) = waiting.messages.first_entry() else { return Err(None) };
        let (due, _) = *first.key();
        if due > monotonic_now() {
            return Err(Some(due));
        }
        Ok(first.remove())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under the lock can panic half-way.
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue for MemoryQueue {
    async fn send(&self, messages: Vec<Scheduled>) -> Result<(), Unavailable> {
        let now = monotonic_now();
        let mut waiting = self.waiting();
        for Scheduled { message, wait } in messages {
            if waiting.messages.len() >= CAPACITY {
                return Err(Unavailable::new("queue", Full));
            }
            waiting.arrivals += 1;
            let arrival = waiting.arrivals;
            waiting.messages.insert((now + wait, arrival), message);
        }
        drop(waiting);
        self.inner.changed.notify_one();
        Ok(())
    }

    fn room(&self) -> usize {
        CAPACITY - self.len()
    }
}

#[expect(clippy::disallowed_methods, reason = "waits are monotonic and never compared with times")]
fn monotonic_now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postback_domain::ids::{DeliveryId, MerchantId};

    use super::*;

    fn scheduled(bits: u128, wait_s: u64) -> Scheduled {
        let message = Message {
            merchant: MerchantId::from_bits(0xa),
            delivery: DeliveryId::from_bits(bits),
            round: 1,
            tries: 0,
        };
        Scheduled { message, wait: Duration::from_secs(wait_s) }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_come_when_they_are_due_and_in_order() {
        let queue = MemoryQueue::new();
        queue.send(vec![scheduled(3, 9), scheduled(1, 0), scheduled(2, 0)]).await.unwrap();
        let mut got = Vec::new();
        for _ in 0..3 {
            got.push(queue.next().await.delivery);
        }
        assert_eq!(got, [1, 2, 3].map(DeliveryId::from_bits));
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_message_overtakes_a_waiting_caller() {
        let queue = MemoryQueue::new();
        queue.send(vec![scheduled(1, 3600)]).await.unwrap();
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.next().await.delivery }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        queue.send(vec![scheduled(2, 1)]).await.unwrap();
        assert_eq!(waiting.await.unwrap(), DeliveryId::from_bits(2));
        assert_eq!(queue.purge(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_more_than_it_may_hold() {
        let queue = MemoryQueue::new();
        queue.send((0..CAPACITY as u128).map(|bits| scheduled(bits, 60)).collect()).await.unwrap();
        assert_eq!(queue.room(), 0);
        assert!(queue.send(vec![scheduled(0, 0)]).await.is_err());
    }
}
