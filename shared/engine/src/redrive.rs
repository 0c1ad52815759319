//! Reopens what has ended: one delivery by hand, or a dead-letter queue's worth of them. Each gets
//! a fresh round of tries; what happened before stays in its log.

use postback_domain::delivery::message::Message;
use postback_domain::ids::{DeliveryId, EndpointId};
use postback_domain::time::Timestamp;

use crate::Engine;
use crate::deliver::AT_ONCE;
use crate::ports::queue::Scheduled;
use crate::ports::store::{Deliveries, Reopening};
use crate::ports::{Clock, Ports, Unavailable};

/// Deliveries that one step wakes.
const WAKE_BATCH: usize = 500;

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

    /// Has every waiting delivery of an endpoint looked at now, because the endpoint was switched
    /// on again, or deleted: what is owed to it is then tried, or ends. Answers with how many.
    ///
    /// # Errors
    /// When the store is unavailable; those woken until then are on their way.
    pub async fn wake(&self, endpoint: EndpointId) -> Result<usize, Unavailable> {
        let mut woken = 0;
        let now = self.ports.clock().now();
        loop {
            let messages = self.ports.store().wake(endpoint, now, WAKE_BATCH).await?;
            let count = messages.len();
            woken += count;
            self.send_now(messages, now).await;
            if count < WAKE_BATCH {
                return Ok(woken);
            }
        }
    }

    async fn send_now(&self, messages: Vec<Message>, decided_at: Timestamp) {
        let scheduled = messages.into_iter().map(|message| Scheduled { message, wait: AT_ONCE });
        self.send(scheduled.collect(), decided_at).await;
    }
}
