//! Makes one attempt and records it. Record first, then enqueue: a retry's state, tries and due
//! time are one conditional write, and the message that follows is only a hint, so losing it costs
//! time and nothing else.

use std::sync::Arc;
use std::time::Duration;

use postback_domain::delivery::message::{Message, Receipt};
use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::delivery::verdict::{Outcome, Verdict};
use postback_domain::delivery::{Claim, FailedReason, InLine, Lease, Next, Settlement};
use postback_domain::endpoint::{Endpoint, OffReason};
use postback_domain::event::Event;
use postback_domain::ids::{EndpointId, MerchantId};
use postback_domain::limits::{MESSAGE_WAIT_MAX, SEND_STALL_MAX};
use postback_domain::time::Timestamp;
use postback_domain::turns::{self, Turn};

use crate::Engine;
use crate::ports::queue::Scheduled;
use crate::ports::sender::{Answer, Request};
use crate::ports::store::{
    Claimed, Claiming, Configuration, Deliveries, Events, Reopening, Settled,
};
use crate::ports::{Clock, Entropy, Ports, Queue, Sender, Unavailable};

/// What the queue should do with a message that has been worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Delete it.
    Done,
    /// Report it as failed, so that the queue moves it to its dead-letter queue in its own way.
    Bounce,
}

impl<P: Ports> Engine<P> {
    /// Works one message: claims its delivery, makes the attempt, records it.
    ///
    /// # Errors
    /// When the store is unavailable. The message should come again; if an attempt was made but
    /// not recorded, its lease runs out first.
    pub async fn deliver(
        &self,
        message: Message,
        receipt: Option<Receipt>,
    ) -> Result<Disposition, Unavailable> {
        let claimed = match self.claim(message, receipt.clone()).await? {
            Claiming::Claimed(claimed) => claimed,
            Claiming::InFlight | Claiming::Overtaken => return Ok(Disposition::Done),
            Claiming::Exhausted => return Ok(Disposition::Bounce),
            Claiming::Redriven { round } => {
                let now = self.ports.clock().now();
                let store = self.ports.store();
                match store.reopen(message.delivery, Some(round), now).await? {
                    Reopening::Reopened(fresh) => match self.claim(fresh, receipt.clone()).await? {
                        Claiming::Claimed(claimed) => claimed,
                        _ => return Ok(Disposition::Done),
                    },
                    _ => return Ok(Disposition::Done),
                }
            }
        };
        let Claimed { claim, event_id, endpoint_id } = claimed;
        match self.ports.store().event(event_id).await? {
            Some(event) => self.attempt(&event, claim, endpoint_id, receipt).await,
            None => {
                // Retention has removed the event before its delivery: there is nothing to send.
                tracing::error!(delivery.id = %message.delivery, event.id = %event_id,
                    "event {event_id} of delivery {} is missing", message.delivery);
                let settlement = claim.endpoint_gone(self.ports.clock().now());
                self.record(settlement, message.merchant, receipt).await
            }
        }
    }

    /// Makes the attempt that `claim` is the right to, and records how it went.
    ///
    /// # Errors
    /// When the store is unavailable. The attempt may have been made without being recorded; its
    /// lease then runs out, and the sweep has it made again.
    pub async fn attempt(
        &self,
        event: &Arc<Event>,
        claim: Claim,
        endpoint_id: EndpointId,
        receipt: Option<Receipt>,
    ) -> Result<Disposition, Unavailable> {
        let now = self.ports.clock().now();
        let Some(endpoint) = self.ports.store().endpoint(endpoint_id).await? else {
            return self.record(claim.endpoint_gone(now), event.merchant_id, receipt).await;
        };
        if endpoint.is_pull() {
            return self.record(claim.shelve(now), event.merchant_id, receipt).await;
        }
        if !endpoint.is_enabled() {
            return self.record(claim.park(now), event.merchant_id, receipt).await;
        }
        if let Some(limit) = endpoint.rate_limit {
            match claim.turn(now) {
                InLine::HasTurn => {}
                InLine::Waits(turn) => {
                    return self.record(claim.queue_up(turn), event.merchant_id, receipt).await;
                }
                InLine::NeedsTurn => {
                    match self.ports.store().take_turn(endpoint_id, limit, now).await? {
                        Turn::At(turn) if turn > now => {
                            return self
                                .record(claim.queue_up(turn), event.merchant_id, receipt)
                                .await;
                        }
                        Turn::At(_) => {}
                        Turn::Full => {
                            let again = turns::come_again(now, self.ports.entropy().jitter());
                            let settlement = claim.come_again(again);
                            return self.record(settlement, event.merchant_id, receipt).await;
                        }
                    }
                }
            }
        }
        // Read before the call: a store that fails now costs nothing, after it a known answer.
        let policy = self.retry_policy(&endpoint).await?;
        // The look-ups may have taken long, and the wait for our turn too.
        let now = self.ports.clock().now();
        if !claim.leaves_time_for(endpoint.timeout.get(), now) {
            tracing::warn!(delivery.id = %claim.delivery(), "no time left to attempt {}: given back", claim.delivery());
            return self.record(claim.release(now), event.merchant_id, receipt).await;
        }
        let request = Request {
            event: Arc::clone(event),
            endpoint: Arc::clone(&endpoint),
            delivery: claim.delivery(),
            number: claim.number(),
            at: now,
        };
        let answer = self.ports.sender().send(request).await;
        let ended_at = self.ports.clock().now();
        report(&claim, &endpoint, &answer);
        let verdict = answer.outcome.verdict(answer.retry_after);
        let attempt = answer.into_attempt(claim.number(), claim.round(), now, ended_at);
        let jitter = self.ports.entropy().jitter();
        let settlement = claim.finish(verdict, &policy, jitter, attempt, ended_at);
        let disposition = self.record(settlement, event.merchant_id, receipt).await?;
        if verdict == Verdict::Gone {
            // After the record, so that a crash in between costs another 410 and not a delivery.
            self.ports.store().switch_off(endpoint_id, OffReason::Gone, ended_at).await?;
        }
        Ok(disposition)
    }

    /// Records a settlement and, if the delivery waits, sends the message that brings it back.
    async fn record(
        &self,
        settlement: Settlement,
        merchant: MerchantId,
        receipt: Option<Receipt>,
    ) -> Result<Disposition, Unavailable> {
        let (delivery, fence) = (settlement.delivery, settlement.fence);
        let (tries, next) = (settlement.tries, settlement.next);
        let has_receipt = receipt.is_some();
        let decided_at = self.ports.clock().now();
        match self.ports.store().settle(settlement, receipt).await? {
            Settled::Overtaken => {
                tracing::warn!(delivery.id = %delivery, "attempt of {delivery} ended after its lease was taken over");
                Ok(Disposition::Done)
            }
            Settled::Recorded => match next {
                // Nobody is coming for what is shelved but its merchant; the sweep, at the end.
                Next::Success { .. } | Next::Shelve { .. } => Ok(Disposition::Done),
                Next::Failed { reason, .. } => {
                    tracing::error!(delivery.id = %delivery, reason = reason_word(reason), "{delivery} is FAILED");
                    if has_receipt {
                        return Ok(Disposition::Bounce);
                    }
                    // It ended outside the queue, which must have a message to bounce. If this one
                    // is lost, a store beside such a queue shows the row to the sweep.
                    let message = Message { merchant, delivery, round: fence.round, tries };
                    self.send(vec![Scheduled { message, wait: AT_ONCE }], decided_at).await;
                    Ok(Disposition::Done)
                }
                Next::Retry { due_at } | Next::Wait { due_at } | Next::QueueUp { turn: due_at } => {
                    let wait = due_at.since(self.ports.clock().now());
                    if wait <= MESSAGE_WAIT_MAX {
                        let message = Message { merchant, delivery, round: fence.round, tries };
                        self.send(vec![Scheduled { message, wait }], decided_at).await;
                    }
                    Ok(Disposition::Done)
                }
            },
        }
    }

    async fn claim(
        &self,
        message: Message,
        receipt: Option<Receipt>,
    ) -> Result<Claiming, Unavailable> {
        let now = self.ports.clock().now();
        let lease = Lease { until: now.plus(self.settings.lease) };
        self.ports.store().claim(message, receipt, now, lease).await
    }

    async fn retry_policy(&self, endpoint: &Endpoint) -> Result<RetryPolicy, Unavailable> {
        if let Some(policy) = &endpoint.retry_policy {
            return Ok(policy.clone());
        }
        let merchant = self.ports.store().merchant(endpoint.merchant_id).await?;
        Ok(merchant.and_then(|merchant| merchant.retry_policy.clone()).unwrap_or_default())
    }

    /// Sends messages that are only hints: what is lost here, the sweep finds. Answers with how
    /// many were sent. A hint that is late is worse than none: its delivery may have ended
    /// meanwhile, and a message sent long after the end means a redrive.
    pub(crate) async fn send(&self, messages: Vec<Scheduled>, decided_at: Timestamp) -> usize {
        let count = messages.len();
        if self.ports.clock().now().since(decided_at) > SEND_STALL_MAX {
            tracing::warn!(
                messages = count,
                "stalled before sending {count} messages; the sweep will"
            );
            return 0;
        }
        match self.ports.queue().send(messages).await {
            Ok(()) => count,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    messages = count,
                    "could not enqueue {count} messages; the sweep will"
                );
                0
            }
        }
    }
}

fn report(claim: &Claim, endpoint: &Endpoint, answer: &Answer) {
    let (delivery, number) = (claim.delivery(), claim.number());
    match answer.outcome {
        Outcome::Accepted => tracing::debug!(delivery.id = %delivery, "{delivery} delivered"),
        Outcome::NotSent => tracing::error!(
            delivery.id = %delivery,
            endpoint.id = %endpoint.id,
            detail = answer.detail,
            "no request could be made for {delivery}: our fault, and no try"
        ),
        outcome => tracing::info!(
            delivery.id = %delivery,
            endpoint.id = %endpoint.id,
            attempt.number = number,
            attempt.round = claim.round(),
            outcome = outcome.as_str(),
            status = answer.status,
            "attempt {number} of {delivery} failed: {outcome}"
        ),
    }
}

fn reason_word(reason: FailedReason) -> &'static str {
    match reason {
        FailedReason::TriesUsed => "tries_used",
        FailedReason::EndpointGone => "endpoint_gone",
        FailedReason::NotFetched => "not_fetched",
    }
}

/// A wait of nothing, for messages that are due at once.
pub(crate) const AT_ONCE: Duration = Duration::ZERO;
