//! What an installation decides about its calls.

use std::sync::Arc;
use std::time::Duration;

use postback_domain::endpoint::Destinations;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::guard::Guard;
use crate::resolve::{Resolver, SystemResolver};

/// What an installation decides about its calls. Timeouts and sizes are not here: they are limits
/// of the product (`postback_domain::limits`) or of the endpoint.
#[derive(Clone)]
pub struct Settings {
    destinations: Destinations,
    resolver: Arc<dyn Resolver>,
    roots: RootCertStore,
    pub(crate) idle_timeout: Duration,
}

/// How long an unused connection is kept. Most receivers give up sooner, which closes it for us.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A certificate that cannot be trusted as a root.
#[derive(Debug, thiserror::Error)]
#[error("root certificate must be one X.509 certificate in DER")]
pub struct RootError(#[source] rustls::Error);

impl Settings {
    /// The system's name resolution, and the certificate authorities of Mozilla's programme as of
    /// this build.
    pub fn new(destinations: Destinations) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let (resolver, idle_timeout) = (Arc::new(SystemResolver), IDLE_TIMEOUT);
        Self { destinations, resolver, roots, idle_timeout }
    }

    /// Asks this resolver instead of the system's. What it answers is checked all the same.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Keeps an unused connection for so long, where it would be a minute. A process that may be
    /// frozen should keep it briefly: a receiver that closes it meanwhile is not heard.
    #[must_use]
    pub fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// Trusts one more certificate authority, for receivers on an inner network or in a test.
    ///
    /// # Errors
    /// When `der` is not a certificate.
    pub fn trust(mut self, der: &[u8]) -> Result<Self, RootError> {
        self.roots.add(CertificateDer::from(der)).map_err(RootError)?;
        Ok(self)
    }

    pub(crate) fn guard(&self) -> Guard {
        Guard::new(self.destinations, Arc::clone(&self.resolver))
    }

    /// TLS 1.2 and 1.3, no client certificate. Names HTTP/1.1 and nothing else, so that a receiver
    /// that prefers HTTP/2 does not have to guess.
    pub(crate) fn tls(self) -> ClientConfig {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for the default versions")
            .with_root_certificates(self.roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls
    }
}
