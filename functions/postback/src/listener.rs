//! Accepts connections and serves them over HTTP/1.1, which is what providers speak to a webhook.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
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
use postback_domain::audit::ClientAddress;
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
        let (permit, (stream, peer)) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let app = app.clone();
        let service = service_fn(move |request| answer(app.clone(), request, peer));
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

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // An answer is one small packet; waiting to fill it up only adds delay.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                report(&error);
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// The app's answer, or 408 to a client that is too slow to be waited for. What the app has begun
/// to write is written all the same. The app learns who opened the connection; what headers say of
/// that anybody can write.
async fn answer(
    app: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ClientAddress(peer.ip()));
    match tokio::time::timeout(REQUEST_TIMEOUT, app.oneshot(request)).await {
        Ok(answer) => answer,
        Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

fn report(error: &io::Error) {
    tracing::error!(error = error as &dyn std::error::Error, "could not accept a connection");
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn the_app_learns_who_opened_the_connection() {
        let tell = async |Extension(ClientAddress(ip)): Extension<ClientAddress>| ip.to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = Router::new().route("/", get(tell));
        let serving = tokio::spawn(serve(listener, app, stop.clone()));

        let asked = move || {
            let request = crate::send::agent().get(format!("http://{address}/"));
            let forged = request.header("x-forwarded-for", "203.0.113.9");
            let answer = forged.header("forwarded", "for=203.0.113.9").call();
            answer.unwrap().body_mut().read_to_string().unwrap()
        };
        let told = tokio::task::spawn_blocking(asked).await.unwrap();
        assert_eq!(told, "127.0.0.1");
        stop.cancel();
        serving.await.unwrap();
    }
}
