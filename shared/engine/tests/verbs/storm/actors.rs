//! Who acts in a storm: intakes, workers and sweeps, each a future that is driven one turn at a
//! time.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use postback_domain::delivery::Claim;
use postback_domain::event::Event;
use postback_domain::ids::EndpointId;
use postback_domain::time::Timestamp;
use postback_engine::Engine;
use postback_engine::deliver::Disposition;
use postback_engine::ports::Unavailable;
use postback_engine::sweep::Swept;
use postback_engine::take_in::{FirstTries, TakenIn};

use crate::world::{Sent, Stage, Wired};

/// What an actor does, until it ends or is dropped.
pub(super) type Work = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// Somebody at work.
pub(super) struct Actor {
    pub(super) number: u64,
    pub(super) born: Timestamp,
    /// The message that is being worked.
    pub(super) sent: Option<Sent>,
    /// Its machine is suspended, and wakes up some time.
    pub(super) is_asleep: bool,
    pub(super) work: Work,
}

/// What an actor came to.
pub(super) enum Ended {
    TookIn(Arc<Event>, Result<TakenIn, Unavailable>),
    Worked(Result<Disposition, Unavailable>),
    Swept(Swept),
}

pub(super) fn intake(engine: &Arc<Engine<Wired>>, event: Event, first_tries: FirstTries) -> Work {
    let (engine, event) = (Arc::clone(engine), Arc::new(event));
    Box::pin(async move {
        let taken = engine.take_in(&event, first_tries).await;
        Ended::TookIn(event, taken)
    })
}

pub(super) fn first_try(
    engine: &Arc<Engine<Wired>>,
    event: &Arc<Event>,
    claim: Claim,
    endpoint: EndpointId,
) -> Work {
    let (engine, event) = (Arc::clone(engine), Arc::clone(event));
    Box::pin(async move { Ended::Worked(engine.attempt(&event, claim, endpoint, None).await) })
}

pub(super) fn worker(engine: &Arc<Engine<Wired>>, sent: &Sent) -> Work {
    let (engine, message, receipt) = (Arc::clone(engine), sent.message, sent.receipt.clone());
    Box::pin(async move { Ended::Worked(engine.deliver(message, Some(receipt)).await) })
}

pub(super) fn sweep(engine: &Arc<Engine<Wired>>) -> Work {
    let engine = Arc::clone(engine);
    Box::pin(async move { Ended::Swept(engine.sweep().await) })
}

/// Drives an actor to its next stop. `None` if it has more to do.
pub(super) async fn step(stage: &Stage, work: &mut Work) -> Option<Ended> {
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if stage.has_stopped() => Poll::Ready(None),
        // Not at a stop of ours: the store is at work on its own thread.
        Poll::Pending => Poll::Pending,
    })
    .await
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TookIn(event, Ok(taken)) => {
                let (id, admission) = (&event.provider_event_id, taken.admission);
                write!(f, "{} was {admission:?}, {} to try", id.as_str(), taken.claims.len())
            }
            Self::Worked(Ok(disposition)) => write!(f, "{disposition:?}"),
            Self::Swept(swept) => write!(f, "swept {}", swept.sent),
            Self::TookIn(_, Err(error)) | Self::Worked(Err(error)) => {
                write!(f, "{error}")
            }
        }
    }
}
