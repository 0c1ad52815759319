//! One attempt: build, send, read, conclude; within the endpoint's timeout, whatever happens.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use postback_domain::delivery::verdict::Outcome;
use postback_domain::time::Timestamp;
use postback_engine::ports::sender::{Answer, Request, Sender};
use tokio::time::timeout;

use crate::answer::Received;
use crate::dial::Dialler;
use crate::failure::Failure;
use crate::outgoing;
use crate::settings::Settings;

/// Unused connections kept for one scheme, host and port. As many attempts to one host may run at
/// once without any of them having to connect; beyond that, connections are closed after use.
const IDLE_PER_HOST_MAX: usize = 256;

/// An answer's head: 64 KiB, and the client's own 100 headers.
const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Calls merchants over HTTP/1.1. Clones share their connections.
#[derive(Clone)]
pub struct HttpSender {
    client: Client<Dialler, Full<Bytes>>,
}

impl HttpSender {
    /// Opens nothing yet. Must be used within a tokio runtime that has I/O and time enabled.
    pub fn new(settings: Settings) -> Self {
        let (guard, idle_timeout) = (settings.guard(), settings.idle_timeout);
        let dialler = Dialler::new(guard, settings.tls().into());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle_timeout)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
            // We write `host` ourselves.
            .set_host(false)
            // A receiver may close a kept connection just as we pick it. The client then dials
            // again, but only for a request that it gets back whole from a connection which never
            // took it up: not a byte of it can have been sent. A request that was begun is never
            // sent again here; it fails, and the retry schedule decides.
            .retry_canceled_requests(true)
            .build(dialler);
        Self { client }
    }

    async fn exchange(
        &self,
        outgoing: http::Request<Full<Bytes>>,
        at: Timestamp,
        received: &mut Received,
    ) -> Result<(), Failure> {
        let response = self.client.request(outgoing).await.map_err(|error| Failure::of(&error))?;
        let (parts, body) = response.into_parts();
        received.read_head(&parts, at);
        received.read_body(body).await.map_err(|error| Failure::of(&error))
    }
}

impl Sender for HttpSender {
    async fn send(&self, request: Request) -> Answer {
        let mut received = Received::default();
        let outgoing = match outgoing::build(&request) {
            Ok(outgoing) => outgoing,
            Err(error) => {
                let failure = Failure::new(Outcome::NotSent, error.to_string());
                return received.conclude(Err(failure));
            }
        };
        let limit = request.endpoint.timeout.get();
        let exchange = self.exchange(outgoing, request.at, &mut received);
        let ended = match timeout(limit, exchange).await {
            Ok(ended) => ended,
            Err(_) => Err(out_of_time(&received, limit)),
        };
        received.conclude(ended)
    }
}

fn out_of_time(received: &Received, limit: Duration) -> Failure {
    let what = if received.has_head() { "complete answer" } else { "answer" };
    Failure::new(Outcome::TimedOut, format!("no {what} within {} s", limit.as_secs()))
}
