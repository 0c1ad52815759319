//! A merchant's server: a real HTTP server on a loopback port that keeps what it gets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use postback_domain::limits::BODY_BYTES_MAX;
use tokio::net::TcpSocket;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::listener;

/// A merchant's server.
pub(super) struct Receiver {
    address: SocketAddr,
    received: Arc<Received>,
    /// Bound, so that the port is ours, but not listening: connections are refused.
    down: Option<TcpSocket>,
}

/// What a merchant's server got, and how it answers.
#[derive(Default)]
struct Received {
    requests: Mutex<Vec<Delivered>>,
    /// Tries of a delivery that are answered with 503, from the first on.
    fail_first: u64,
}

/// One request that a merchant's server got.
#[derive(Clone)]
pub(super) struct Delivered {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) status: StatusCode,
}

impl Receiver {
    /// A server that answers each delivery's first tries with 503.
    pub(super) fn start(runtime: &Handle, fail_first: u64) -> io::Result<Self> {
        let mut receiver = Self::down(fail_first)?;
        receiver.come_up(runtime)?;
        Ok(receiver)
    }

    /// A server whose host is down.
    pub(super) fn down(fail_first: u64) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            address: socket.local_addr()?,
            received: Arc::new(Received { fail_first, ..Received::default() }),
            down: Some(socket),
        })
    }

    /// The host is back.
    pub(super) fn come_up(&mut self, runtime: &Handle) -> io::Result<()> {
        let Some(socket) = self.down.take() else { return Ok(()) };
        let _entered = runtime.enter();
        let listener = socket.listen(64)?;
        let app = Router::new().fallback(receive).with_state(Arc::clone(&self.received));
        runtime.spawn(listener::serve(listener, app, CancellationToken::new()));
        Ok(())
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Delivered> {
        self.received.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn receive(State(received): State<Arc<Received>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST;
    };
    let attempt = parts.headers.get("postback-attempt").and_then(|value| value.to_str().ok());
    let attempt: u64 = attempt.and_then(|text| text.parse().ok()).unwrap_or(0);
    let status = if attempt <= received.fail_first {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let delivered = Delivered { headers: parts.headers, body, status };
    received.requests.lock().unwrap_or_else(PoisonError::into_inner).push(delivered);
    status
}
