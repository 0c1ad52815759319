//! Accepts connections and serves them over HTTP/1.1, which is what providers speak to a webhook.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Connections at once; more wait in the kernel's backlog. Idle ones cost a few KiB each.
const CONNECTIONS_MAX: usize = 2048;

/// How long a client may take to send its headers, and how long an idle connection is kept.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

/// From a request's headers to its answer: mostly how long a client may take to send its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A request's headers, in bytes. Signatures and cookies fit many times over.
const HEADERS_BYTES_MAX: usize = 64 * 1024;

/// After an accept that failed for want of descriptors or memory.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until told to stop, then lets every request under way end.
pub(crate) async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADERS_BYTES_MAX)
        .pipeline_flush(true);
    let allowance = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let next = async {
            let permit = Arc::clone(&allowance).acquire_owned().await;
            (permit.expect("the allowance is never closed"), accept(&listener).await)
        };
        let (permit, stream) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let app = app.clone();
        let service = service_fn(move |request| answer(app.clone(), request));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one small packet; waiting to fill it up only adds delay.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                report(&error);
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// The app's answer, or 408 to a client that is too slow to be waited for. What the app has begun
/// to write is written all the same.
async fn answer(app: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    match tokio::time::timeout(REQUEST_TIMEOUT, app.oneshot(request)).await {
        Ok(answer) => answer,
        Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

fn report(error: &io::Error) {
    tracing::error!(error = error as &dyn std::error::Error, "could not accept a connection");
}
