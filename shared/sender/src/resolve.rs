//! Turns a host name into addresses. Behind a trait, because a test must be able to answer with
//! an address that a public name server never would.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The answer to a name look-up, in the order in which to try.
pub type Resolution = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up. Asked once for every new connection, and trusted with nothing: what it answers
/// is checked before it is dialled.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of `host`, which is a name and not a literal address.
    fn resolve(&self, host: &str) -> Resolution;
}

/// The operating system's resolver, hosts file and all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> Resolution {
        let host = host.to_owned();
        Box::pin(async move {
            // The port plays no part in a look-up; the interface wants one.
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
