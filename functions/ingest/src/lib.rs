//! HTTP in: a provider's POST is verified and put on the `events` queue, and only then answered.
//!
//! Everything but the last step is shared: `postback_http::ingest` is the route, the engine
//! verifies, `postback_aws::gateway` translates the envelope. One look-up at most (a source is
//! remembered for a minute) and one send (a batch of events, in batches): what the event becomes is
//! deliver's business.

use postback_aws::queues::EventsQueue;
use postback_engine::accept::Accepted;
use postback_engine::ports::Unavailable;
use postback_http::ingest::Intake;

/// Makes events durable by handing them to SQS.
#[derive(Debug, Clone)]
pub struct ToEventsQueue(EventsQueue);

impl ToEventsQueue {
    /// On this queue.
    pub fn new(queue: EventsQueue) -> Self {
        Self(queue)
    }
}

impl Intake for ToEventsQueue {
    async fn take(&self, accepted: &Accepted) -> Result<(), Unavailable> {
        self.0.send(&accepted.events, &accepted.secrets).await
    }
}
