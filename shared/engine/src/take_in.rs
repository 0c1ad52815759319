//! Turns a verified event into deliveries: dedupe, plan, open. Runs where the event first becomes
//! durable: inside ingest on the embedded store, behind the `events` queue on AWS.

use std::sync::Arc;

use postback_domain::delivery::{Claim, Lease};
use postback_domain::event::{Event, Plan};
use postback_domain::fan_out;
use postback_domain::ids::EndpointId;

use crate::Engine;
use crate::deliver::AT_ONCE;
use crate::ports::queue::Scheduled;
use crate::ports::store::{Admission, Configuration, Events};
use crate::ports::{Clock, Ports, Unavailable};

/// Who makes the first attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstTries {
    /// The caller, now: the deliveries are opened with a lease of its own, which saves a write.
    Mine,
    /// Whoever gets the message, because the caller is busy enough.
    Queued,
}

/// A taken-in event and the attempts that the caller now owes.
#[derive(Debug)]
pub struct TakenIn {
    /// As it is kept: with the merchant it is for.
    pub event: Arc<Event>,
    /// Whether we had it before.
    pub admission: Admission,
    /// To be passed to [`Engine::attempt`], each on its own; empty for a repeat.
    pub claims: Vec<(Claim, EndpointId)>,
}

impl<P: Ports> Engine<P> {
    /// Keeps an event and opens its deliveries. When it returns, the event is safe: whatever dies
    /// next, the sweep finds every delivery that was opened.
    ///
    /// # Errors
    /// When the store is unavailable. The event may or may not have been kept; taking it in again
    /// is safe.
    pub async fn take_in(
        &self,
        event: &Arc<Event>,
        first_tries: FirstTries,
    ) -> Result<TakenIn, Unavailable> {
        let now = self.ports.clock().now();
        let event = self.addressed(event).await?;
        let plan = match event.addressee {
            // For somebody we do not know, and so for none of this merchant's endpoints.
            Some(_) => Plan(Vec::new()),
            None => {
                let endpoints = self.ports.store().endpoints_of(event.merchant_id).await?;
                fan_out::plan(&event.event_type, &endpoints)
            }
        };
        let lease = match first_tries {
            FirstTries::Mine => Some(Lease { until: now.plus(self.settings.lease) }),
            FirstTries::Queued => None,
        };
        let admitted = self.ports.store().admit(Arc::clone(&event), plan, lease, now).await?;
        if admitted.admission == Admission::Conflict {
            tracing::warn!(
                event.id = %event.id,
                source.id = %event.source_id,
                "event {} came again with other bytes; the first ones stand",
                event.id
            );
        }
        if !admitted.unclaimed.is_empty() {
            let messages = admitted.unclaimed.into_iter();
            let messages = messages.map(|message| Scheduled { message, wait: AT_ONCE }).collect();
            self.send(messages, now).await;
        }
        Ok(TakenIn { event, admission: admitted.admission, claims: admitted.claims })
    }

    /// The event with the merchant it is for, if one is known by what it says.
    async fn addressed(&self, event: &Arc<Event>) -> Result<Arc<Event>, Unavailable> {
        let Some(addressee) = &event.addressee else { return Ok(Arc::clone(event)) };
        Ok(match self.ports.store().merchant_called(addressee).await? {
            Some(merchant_id) => {
                Arc::new(Event { merchant_id, addressee: None, ..Event::clone(event) })
            }
            None => {
                tracing::warn!(
                    event.id = %event.id,
                    source.id = %event.source_id,
                    "event {} is for a merchant that is not known",
                    event.id
                );
                Arc::clone(event)
            }
        })
    }
}
