//! Makes attempts: the first ones right after an event is taken in, the others as their messages
//! come due. Two separate allowances, so that a flood of new events cannot starve retries, nor a
//! backlog of retries delay what is new.

use std::sync::Arc;

use postback_domain::event::Event;
use postback_embedded::queue::MemoryQueue;
use postback_engine::Engine;
use postback_engine::accept::Accepted;
use postback_engine::ports::{Ports, Unavailable};
use postback_engine::take_in::FirstTries;
use postback_http::ingest::Intake;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// First attempts in flight. Beyond it, new deliveries wait in the queue. May be exceeded by one
/// event's fan-out.
const FIRST_TRIES_MAX: usize = 512;

/// Attempts from the queue in flight.
const FROM_QUEUE_MAX: usize = 256;

/// Makes attempts on one engine. A clone is another handle on the same.
pub(crate) struct Worker<P> {
    engine: Arc<Engine<P>>,
    first_tries: TaskTracker,
    from_queue: TaskTracker,
}

impl<P> Clone for Worker<P> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            first_tries: self.first_tries.clone(),
            from_queue: self.from_queue.clone(),
        }
    }
}

impl<P: Ports> Worker<P> {
    pub(crate) fn new(engine: Arc<Engine<P>>) -> Self {
        Self { engine, first_tries: TaskTracker::new(), from_queue: TaskTracker::new() }
    }

    /// Works messages as they come due, until told to stop.
    pub(crate) async fn run(self, queue: MemoryQueue, stop: CancellationToken) {
        let allowance = Arc::new(Semaphore::new(FROM_QUEUE_MAX));
        loop {
            // The permit comes first, so that no message is taken out that cannot be worked.
            let permit = Arc::clone(&allowance).acquire_owned();
            let permit = permit.await.expect("the allowance is never closed");
            let message = tokio::select! {
                message = queue.next() => message,
                () = stop.cancelled() => return,
            };
            let engine = Arc::clone(&self.engine);
            self.from_queue.spawn(async move {
                if let Err(error) = engine.deliver(message, None).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        delivery.id = %message.delivery,
                        "{} was not worked; the sweep brings it back",
                        message.delivery
                    );
                }
                drop(permit);
            });
        }
    }

    /// Waits for the attempts in flight. Nothing may be started any more.
    pub(crate) async fn finish(&self) {
        for tasks in [&self.first_tries, &self.from_queue] {
            tasks.close();
            tasks.wait().await;
        }
    }

    async fn take_in(self, event: Arc<Event>) -> Result<(), Unavailable> {
        let first_tries = if self.first_tries.len() < FIRST_TRIES_MAX {
            FirstTries::Mine
        } else {
            FirstTries::Queued
        };
        let taken = self.engine.take_in(&event, first_tries).await?;
        for (claim, endpoint) in taken.claims {
            let (engine, event) = (Arc::clone(&self.engine), Arc::clone(&taken.event));
            let delivery = claim.delivery();
            self.first_tries.spawn(async move {
                if let Err(error) = engine.attempt(&event, claim, endpoint, None).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        delivery.id = %delivery,
                        "attempt of {delivery} was not recorded; the sweep brings it back"
                    );
                }
            });
        }
        Ok(())
    }
}

impl<P: Ports> Intake for Worker<P> {
    /// Runs to its end even if the provider hangs up meanwhile: a claim that nobody works would
    /// only come back when its lease has run out. Several events are written side by side, which
    /// makes one commit of many.
    async fn take(&self, accepted: &Accepted) -> Result<(), Unavailable> {
        let taking: Vec<_> = accepted
            .events
            .iter()
            .map(|event| tokio::spawn(self.clone().take_in(Arc::clone(event))))
            .collect();
        for taking in taking {
            taking.await.unwrap_or_else(|died| Err(Unavailable::new("intake", died)))?;
        }
        if let Some(event) = accepted.events.first() {
            let (engine, source) = (Arc::clone(&self.engine), event.source_id);
            let secrets = accepted.secrets.clone();
            self.first_tries.spawn(async move { engine.note_use(source, &secrets).await });
        }
        Ok(())
    }
}
