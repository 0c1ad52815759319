//! Accepts connections and serves them over HTTP/1.1, which is what providers speak to a webhook.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once; more wait in the kernel's backlog. Idle ones cost a few KiB each.
const CONNECTIONS_MAX: usize = 2048;

/// How long a client may take to send its headers, and how long an idle connection is kept.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

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
    let allowance = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let permit = std::sync::Arc::clone(&allowance).acquire_owned();
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let permit = permit.await.expect("the allowance is never closed");
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                report(&error);
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        // An answer is one small packet; waiting to fill it up only adds delay.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
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

fn report(error: &io::Error) {
    tracing::error!(error = error as &dyn std::error::Error, "could not accept a connection");
}
