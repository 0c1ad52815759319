//! The merchants' side of the world, in one place.

use std::sync::Mutex;

use postback_domain::delivery::verdict::Outcome;
use postback_engine::ports::Sender;
use postback_engine::ports::sender::{Answer, Request};

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Answers with this status.
    Status(u16),
    /// Says nothing, ever.
    Never,
    /// Brings our own code down.
    Panic,
}

type Behaviour = Box<dyn Fn(&Request) -> Reply + Send>;

/// Answers as the test says, 200 unless it says otherwise, and remembers who was called.
pub struct Receiver {
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Request>>,
}

impl Default for Receiver {
    fn default() -> Self {
        let behaviour: Behaviour = Box::new(|_| Reply::Status(200));
        Self { behaviour: Mutex::new(behaviour), requests: Mutex::default() }
    }
}

impl Receiver {
    /// From now on, this decides.
    pub fn answers(&self, behaviour: impl Fn(&Request) -> Reply + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// The requests that came since this was asked last.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Sender for Receiver {
    async fn send(&self, request: Request) -> Answer {
        let reply = (self.behaviour.lock().unwrap())(&request);
        self.requests.lock().unwrap().push(request);
        match reply {
            Reply::Status(status) => Answer {
                outcome: Outcome::of_status(status),
                status: Some(status),
                retry_after: None,
                detail: None,
                excerpt: None,
            },
            Reply::Never => std::future::pending().await,
            Reply::Panic => panic!("the test asked for it"),
        }
    }
}
