//! The queue of deliveries that are due. It saves time and nothing else: it may lose, repeat and
//! reorder messages, and the sweep mends what it loses.

use std::future::Future;
use std::time::Duration;

use postback_domain::delivery::message::Message;

use super::Unavailable;

/// A message and how long the queue holds it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// What to carry.
    pub message: Message,
    /// At most [`postback_domain::limits::MESSAGE_WAIT_MAX`].
    pub wait: Duration,
}

/// Carries messages to workers.
pub trait Queue: Send + Sync {
    /// Sends them all, in batches where the queue has them.
    ///
    /// # Errors
    /// When one or more may not have been sent. The caller need not know which.
    fn send(
        &self,
        messages: Vec<Scheduled>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// How many more messages it would take now. The sweep stops at it and goes on later.
    fn room(&self) -> usize;
}
