//! A merchant whose endpoint could not be reached fetches what was given up, and says what it has
//! got. What it does not acknowledge comes again when its hold ends. A redrive in between is not
//! kept out: whichever is first ends the delivery, and the other finds it ended.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use postback_domain::delivery::Delivery;
use postback_domain::endpoint::Endpoint;
use postback_domain::event::Event;
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::limits::{PULL_AT_ONCE, PULL_BYTES_MAX};
use postback_domain::time::Timestamp;

use crate::Engine;
use crate::ports::pulls::{Acknowledged, Pulls};
use crate::ports::store::{Configuration, Events};
use crate::ports::{Clock, Ports, Unavailable};

/// What a merchant has fetched.
#[derive(Debug)]
pub struct Pulled {
    /// Held for it.
    pub items: Vec<PulledItem>,
    /// Whether there was more that nobody holds.
    pub has_more: bool,
    /// When it was fetched; signed.
    pub at: Timestamp,
    /// Until when it is held.
    pub held_until: Timestamp,
}

/// One delivery with what it owes.
#[derive(Debug)]
pub struct PulledItem {
    /// As it stands.
    pub delivery: Delivery,
    /// What is owed.
    pub event: Arc<Event>,
    /// Whom it was owed to, with the secrets to sign with; nothing once it is deleted.
    pub endpoint: Option<Arc<Endpoint>>,
}

impl<P: Ports<Store: Pulls>> Engine<P> {
    /// Fetches deliveries of a merchant that were given up, those opened first, and holds them. At
    /// most `limit`, and fewer if their bodies are more than one answer carries.
    ///
    /// # Errors
    /// When the store is unavailable. What was held by then comes again when its hold ends.
    pub async fn pull(
        &self,
        merchant: MerchantId,
        limit: usize,
        hold: Duration,
    ) -> Result<Pulled, Unavailable> {
        let (store, at) = (self.ports.store(), self.ports.clock().now());
        let mut pulled =
            Pulled { items: Vec::new(), has_more: false, at, held_until: at.plus(hold) };
        let mut bytes = 0;
        // One more than asked tells whether there is more. It counts although somebody else may hold
        // it by now: to be told of more and find nothing costs a call, the reverse would cost events.
        let found = store.fetchable(merchant, limit + 1, at).await?;
        pulled.has_more = found.len() > limit;
        let wanted = &found[..found.len().min(limit)];
        for some in wanted.chunks(PULL_AT_ONCE) {
            if bytes >= PULL_BYTES_MAX {
                pulled.has_more = true;
                break;
            }
            let items = some.iter().map(|id| self.fetch(*id, at, pulled.held_until));
            for item in try_join_all(items).await?.into_iter().flatten() {
                bytes += item.event.body.len();
                pulled.items.push(item);
            }
        }
        Ok(pulled)
    }

    /// Ends deliveries that the merchant has got, and says of each what that did.
    ///
    /// # Errors
    /// When the store is unavailable. Some may have ended; acknowledging them again is safe.
    pub async fn acknowledge(
        &self,
        merchant: MerchantId,
        ids: &[DeliveryId],
    ) -> Result<Vec<(DeliveryId, Acknowledged)>, Unavailable> {
        let now = self.ports.clock().now();
        let mut done = Vec::with_capacity(ids.len());
        for some in ids.chunks(PULL_AT_ONCE) {
            let acks = some.iter().map(|id| self.ports.store().acknowledge(merchant, *id, now));
            done.extend(some.iter().copied().zip(try_join_all(acks).await?));
        }
        Ok(done)
    }

    /// Holds one and reads what belongs to it; nothing if somebody else holds it, or if retention
    /// has removed the event first.
    async fn fetch(
        &self,
        id: DeliveryId,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<Option<PulledItem>, Unavailable> {
        let store = self.ports.store();
        let Some(delivery) = store.hold(id, at, until).await? else { return Ok(None) };
        let Some(event) = store.event(delivery.event_id).await? else { return Ok(None) };
        let endpoint = match delivery.endpoint_id {
            Some(endpoint) => store.endpoint(endpoint).await?,
            None => None,
        };
        Ok(Some(PulledItem { delivery, event, endpoint }))
    }
}
