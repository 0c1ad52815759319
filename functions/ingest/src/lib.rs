//! HTTP in: a provider's POST is verified and put on the `events` queue, and only then answered.
//!
//! Everything but the last step is shared: `postback_http::ingest` is the route, the engine
//! verifies, `postback_aws::gateway` translates the envelope. One look-up at most (a source is
//! remembered for a minute) and one send: what the event becomes is deliver's business.

use std::sync::Arc;

use postback_aws::queues::EventsQueue;
use postback_domain::event::Event;
use postback_engine::ports::Unavailable;
use postback_http::ingest::Intake;

/// Makes an event durable by handing it to SQS.
#[derive(Debug, Clone)]
pub struct ToEventsQueue(EventsQueue);

impl ToEventsQueue {
    /// On this queue.
    pub fn new(queue: EventsQueue) -> Self {
        Self(queue)
    }
}

impl Intake for ToEventsQueue {
    async fn take(&self, event: Arc<Event>) -> Result<(), Unavailable> {
        self.0.send(&event).await
    }
}
