//! Calls an endpoint with something that is no event, for a merchant who wants to know whether it
//! would be heard. Nothing is kept: no event, no delivery, no try.

use std::sync::Arc;

use postback_domain::delivery::log::Attempt;
use postback_domain::endpoint::Endpoint;
use postback_domain::event::Event;
use postback_domain::ids::DeliveryId;

use crate::Engine;
use crate::ports::sender::Request;
use crate::ports::{Clock, Ports, Sender};

impl<P: Ports> Engine<P> {
    /// Sends `event` to the endpoint once, switched on or off, as a try of a delivery
    /// would, and says how it went. Its number is 0, so that a receiver can tell it from one.
    pub async fn trial(&self, endpoint: Arc<Endpoint>, event: Event) -> Attempt {
        let at = self.ports.clock().now();
        let request = Request {
            delivery: DeliveryId::derive(event.id, Some(endpoint.id)),
            event: Arc::new(event),
            endpoint,
            number: 0,
            at,
        };
        let answer = self.ports.sender().send(request).await;
        answer.into_attempt(0, 0, at, self.ports.clock().now())
    }
}
