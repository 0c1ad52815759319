//! Makes connections for the client's pool: vet, connect to what was vetted, speak TLS.
//!
//! The pool calls nothing else, and keys what it keeps by scheme and authority. So every
//! connection there is, fresh or kept alive, goes to an address that the guard let through for
//! that very host; a changed URL is another key and is dialled anew. There is no way around it by
//! a proxy either: none is ever read from the environment.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use postback_domain::limits::CONNECT_TIMEOUT;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::guard::{Guard, Vetted};
use crate::stream::Stream;

/// Addresses that share the connect timeout evenly; those beyond get what is left of it. A quarter
/// outlives the first retransmission of a SYN, which comes after 1 s (RFC 6298 §2.1).
const ADDRESSES_SHARING_TIMEOUT_MAX: usize = 4;

/// Dials.
#[derive(Clone)]
pub(crate) struct Dialler {
    guard: Arc<Guard>,
    tls: TlsConnector,
}

/// Why there is no connection. Never names an address: the text may reach a merchant, and an inner
/// address is not theirs to know.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// Plain http, where it is not allowed.
    #[error("only https may be called")]
    SchemeRefused,
    /// A port of some other service, where only public ones may be called.
    #[error("port may not be called")]
    PortRefused,
    /// An address instead of a name, where only public places may be called: it has no certificate.
    #[error("only names may be called")]
    LiteralRefused,
    /// The resolver said no.
    #[error("name not resolved")]
    NameNotResolved(#[source] io::Error),
    /// The resolver said yes and nothing more.
    #[error("name has no address")]
    NoAddress,
    /// At least one address is not public.
    #[error("address is not public: {range}")]
    AddressRefused {
        /// The block it lies in, and who says so.
        range: &'static str,
    },
    /// The operating system gave us no socket, for want of file descriptors for instance.
    #[error("no socket to connect with")]
    NoSocket(#[source] io::Error),
    /// No address took the connection; the cause is the last one's.
    #[error("connection refused or unreachable")]
    NotConnected(#[source] io::Error),
    /// The host is one that no certificate can name.
    #[error("host name cannot be in a certificate")]
    NotCertifiable,
    /// No agreement on TLS.
    #[error("tls handshake failed")]
    Tls(#[source] io::Error),
    /// Name look-up, TCP and TLS together took longer than [`CONNECT_TIMEOUT`].
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
}

impl Dialler {
    pub(crate) fn new(guard: Guard, tls: Arc<ClientConfig>) -> Self {
        Self { guard: Arc::new(guard), tls: TlsConnector::from(tls) }
    }

    async fn dial(self, uri: Uri) -> Result<TokioIo<Stream>, DialError> {
        let Vetted { host, addresses, tls } = self.guard.vet(&uri).await?;
        let tcp = connect(&addresses).await?;
        if !tls {
            return Ok(TokioIo::new(Stream::Plain(tcp)));
        }
        let name = ServerName::try_from(host).map_err(|_| DialError::NotCertifiable)?;
        let tls = self.tls.connect(name, tcp).await.map_err(DialError::Tls)?;
        Ok(TokioIo::new(Stream::Tls(Box::new(tls))))
    }
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.clone().dial(uri);
        // The pool may finish a dial in the background after its request was answered over another
        // connection; this bounds that one too.
        Box::pin(
            async move { timeout(CONNECT_TIMEOUT, dial).await.unwrap_or(Err(DialError::TimedOut)) },
        )
    }
}

/// The first of the addresses that answers, in the resolver's order (RFC 6724 sorts them). One
/// that is silent gives way to the next, so that broken IPv6 does not cost the whole timeout.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let sharing = addresses.len().clamp(1, ADDRESSES_SHARING_TIMEOUT_MAX);
    let share = CONNECT_TIMEOUT / u32::try_from(sharing).expect("a handful");
    let mut failure = DialError::NoAddress;
    for address in addresses {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        // Separate from connecting, because only this failure is ours and not the receiver's.
        let socket = socket.map_err(DialError::NoSocket)?;
        // Head and body of a request may leave in two segments; Nagle would hold the second back.
        socket.set_nodelay(true).map_err(DialError::NoSocket)?;
        match timeout(share, socket.connect(*address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failure = DialError::NotConnected(error),
            Err(_) => failure = DialError::TimedOut,
        }
    }
    Err(failure)
}
