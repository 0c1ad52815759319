//! Reopens what has ended: one delivery by hand, or a dead-letter queue's worth of them. Each gets
//! a fresh round of tries; what happened before stays in its log.

use futures_util::future::join_all;
use postback_domain::delivery::message::Message;
use postback_domain::ids::{DeliveryId, EndpointId};
use postback_domain::limits::WAKE_MAX;
use postback_domain::time::Timestamp;

use crate::Engine;
use crate::deliver::AT_ONCE;
use crate::ports::queue::Scheduled;
use crate::ports::store::{Deliveries, Reopening};
use crate::ports::{Clock, Ports, Unavailable};

/// Deliveries that one step wakes.
const WAKE_BATCH: usize = 500;

/// Deliveries that are reopened side by side.
const REOPENED_AT_ONCE: usize = 32;

/// How many of an endpoint's waiting deliveries were woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// So many are on their way.
    pub sent: usize,
    /// Whether there may be more, which nobody had the time for. They are looked at when they are
    /// due, within [`postback_domain::limits::PARKED_RECHECK`] at the latest for those that wait
    /// for the endpoint.
    pub cut_short: bool,
}

impl<P: Ports> Engine<P> {
    /// Reopens one delivery that ended as SUCCESS or FAILED and has it tried at once. With
    /// `from_round`, only if it is still in the round that the caller saw: what somebody else has
    /// reopened meanwhile is not sent once more.
    ///
    /// # Errors
    /// When the store is unavailable. It may have been reopened; the sweep then has it tried.
    pub async fn retry(
        &self,
        id: DeliveryId,
        from_round: Option<u32>,
    ) -> Result<Reopening, Unavailable> {
        let now = self.ports.clock().now();
        let reopening = self.ports.store().reopen(id, from_round, now).await?;
        if let Reopening::Reopened(message) = reopening {
            self.send_now(vec![message], now).await;
        }
        Ok(reopening)
    }

    /// Reopens many, each if it is still in the round it was seen in, and has them tried at once.
    /// Answers with those that were reopened.
    ///
    /// # Errors
    /// When the store is unavailable; those reopened until then are on their way.
    pub async fn redrive(
        &self,
        seen: &[(DeliveryId, u32)],
    ) -> Result<Vec<DeliveryId>, Unavailable> {
        let store = self.ports.store();
        let mut reopened = Vec::with_capacity(seen.len());
        for some in seen.chunks(REOPENED_AT_ONCE) {
            let now = self.ports.clock().now();
            let reopenings = some.iter().map(|(id, round)| store.reopen(*id, Some(*round), now));
            let (mut messages, mut failed) = (Vec::new(), None);
            for reopening in join_all(reopenings).await {
                match reopening {
                    Ok(Reopening::Reopened(message)) => messages.push(message),
                    Ok(_) => {}
                    Err(error) => failed = Some(error),
                }
            }
            reopened.extend(messages.iter().map(|message| message.delivery));
            self.send_now(messages, now).await;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(reopened)
    }

    /// Has the waiting deliveries of an endpoint looked at now, because the endpoint was switched
    /// on again, or deleted: what is owed to it is then tried, or ends. Begins no more after
    /// [`WAKE_MAX`]: somebody waits for the answer.
    ///
    /// # Errors
    /// When the store is unavailable; those woken until then are on their way.
    pub async fn wake(&self, endpoint: EndpointId) -> Result<Woken, Unavailable> {
        let mut sent = 0;
        let now = self.ports.clock().now();
        loop {
            let messages = self.ports.store().wake(endpoint, now, WAKE_BATCH).await?;
            let count = messages.len();
            sent += count;
            self.send_now(messages, now).await;
            if count < WAKE_BATCH {
                return Ok(Woken { sent, cut_short: false });
            }
            if self.ports.clock().now().since(now) >= WAKE_MAX {
                return Ok(Woken { sent, cut_short: true });
            }
        }
    }

    async fn send_now(&self, messages: Vec<Message>, decided_at: Timestamp) {
        let scheduled = messages.into_iter().map(|message| Scheduled { message, wait: AT_ONCE });
        self.send(scheduled.collect(), decided_at).await;
    }
}
