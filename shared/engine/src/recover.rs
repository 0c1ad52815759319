//! Goes on with orders to be sent again what was missed, a page at a time. What is made due is in
//! the due index, so whatever dies here loses the place in a list and no delivery.

use std::sync::Arc;

use futures_util::future::join_all;
use postback_domain::delivery::message::Message;
use postback_domain::delivery::{Delivery, State};
use postback_domain::endpoint::Endpoint;
use postback_domain::ids::RecoveryId;
use postback_domain::limits::{RECOVERY_HOLD, RECOVERY_STEP_ROWS};
use postback_domain::recovery::{Place, Recovery, Standing};
use postback_domain::time::Timestamp;

use crate::Engine;
use crate::ports::history::{Cursor, DeliveryFilter, History, Page, PageRequest};
use crate::ports::queue::Scheduled;
use crate::ports::recoveries::Recoveries;
use crate::ports::store::{Configuration, Deliveries, Reopening};
use crate::ports::{Clock, Ports, Queue, Unavailable};

/// Deliveries that are made due side by side.
const AT_ONCE: usize = 32;

/// Orders that one call goes on with, the newest ones if there are more.
const ORDERS_MAX: usize = 64;

impl<P: Ports<Store: History + Recoveries>> Engine<P> {
    /// Goes on with every order until enough is due or `until` has come, side by side. Answers with
    /// how many orders there were.
    ///
    /// # Errors
    /// When the orders cannot be read. One that cannot be gone on with is for the next call.
    pub async fn recover_all(&self, until: Timestamp) -> Result<usize, Unavailable> {
        let ids = self.ports.store().running_recoveries(ORDERS_MAX).await?;
        let going_on = ids.iter().map(|id| self.recover(*id, until));
        for (id, went) in ids.iter().zip(join_all(going_on).await) {
            if let Err(error) = went {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    recovery.id = %id,
                    "could not go on with {id}; it is tried again"
                );
            }
        }
        Ok(ids.len())
    }

    /// Goes on with one order, unless somebody else is at it, until enough is due, it has ended, or
    /// `until` has come. Looks at one page at least.
    ///
    /// # Errors
    /// When the store is unavailable. What was made due until then stays due.
    pub async fn recover(&self, id: RecoveryId, until: Timestamp) -> Result<(), Unavailable> {
        let store = self.ports.store();
        let now = self.ports.clock().now();
        let mut held = now.plus(RECOVERY_HOLD);
        let Some(mut recovery) = store.hold_recovery(id, now, held).await? else { return Ok(()) };
        loop {
            let has_room = self.recover_page(&mut recovery).await?;
            let now = self.ports.clock().now();
            let goes_on =
                has_room && recovery.is_running() && !recovery.is_ahead(now) && now < until;
            let next = goes_on.then(|| now.plus(RECOVERY_HOLD));
            let kept = store.keep_recovery(recovery.clone(), held, next).await?;
            match next {
                Some(next) if kept => held = next,
                _ => return Ok(()),
            }
        }
    }

    /// Looks at the next page and makes due what is to be sent. Answers whether the queue had room
    /// for it; what is due and has no message is found by the sweep, so a full queue loses nothing,
    /// and going on would only heap up work for that.
    async fn recover_page(&self, recovery: &mut Recovery) -> Result<bool, Unavailable> {
        let now = self.ports.clock().now();
        let limit = RECOVERY_STEP_ROWS.min(self.ports.queue().room());
        if limit == 0 {
            return Ok(false);
        }
        let Some(endpoint) = self.ports.store().endpoint(recovery.endpoint_id).await? else {
            recovery.standing = Standing::EndpointGone { at: now };
            return Ok(true);
        };
        let page = self.rows_of(recovery, limit).await?;
        recovery.counts.looked_at += page.rows.len() as u64;
        let reached = page.rows.last().map(|row| row.created_at);
        recovery.counts.reached = reached.or(recovery.counts.reached);
        let taken: Vec<_> =
            page.rows.into_iter().filter(|row| recovery.takes(row, &endpoint)).collect();
        let turns: Vec<_> = taken.into_iter().map(|row| (row, recovery.take_turn(now))).collect();
        for some in turns.chunks(AT_ONCE) {
            let sending =
                some.iter().map(|(row, due_at)| self.make_due(recovery, row, &endpoint, *due_at));
            let (mut messages, mut failed) = (Vec::new(), None);
            for made in join_all(sending).await {
                match made {
                    Ok(made) => messages.extend(made),
                    Err(error) => failed = Some(error),
                }
            }
            recovery.counts.recovered += messages.len() as u64;
            self.send(messages, now).await;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        recovery.advance(page.next.map(|Cursor(end)| end), now);
        Ok(true)
    }

    async fn rows_of(
        &self,
        recovery: &Recovery,
        limit: usize,
    ) -> Result<Page<Delivery>, Unavailable> {
        let Some((place, cursor)) = recovery.place() else {
            return Ok(Page { rows: Vec::new(), next: None });
        };
        let page = PageRequest { limit, cursor: cursor.map(|end| Cursor(end.to_owned())) };
        let (since, until) = (recovery.since, recovery.until);
        match place {
            Place::State(state) => {
                let filter = DeliveryFilter {
                    merchant: Some(recovery.merchant_id),
                    state: Some(*state),
                    endpoint: (*state != State::NotApply).then_some(recovery.endpoint_id),
                    event_type: None,
                    since: Some(since),
                    until: Some(until),
                };
                self.ports.store().list_deliveries(filter, page).await
            }
            Place::Addressed(addressee) => {
                self.ports.store().addressed_to(addressee.clone(), since, until, page).await
            }
        }
    }

    /// The message of a delivery that is due then; nothing if it has moved on since it was read.
    async fn make_due(
        &self,
        recovery: &Recovery,
        row: &Delivery,
        endpoint: &Arc<Endpoint>,
        due_at: Timestamp,
    ) -> Result<Option<Scheduled>, Unavailable> {
        let store = self.ports.store();
        let message: Option<Message> = if row.state() == State::NotApply {
            store.owe(row.clone(), recovery.merchant_id, endpoint.id, due_at).await?
        } else {
            match store.reopen(row.id, Some(row.round), due_at).await? {
                Reopening::Reopened(message) => Some(message),
                _ => None,
            }
        };
        let wait = due_at.since(self.ports.clock().now());
        Ok(message.map(|message| Scheduled { message, wait }))
    }
}
