//! The second wall against requests to inner hosts; the first reads the URL's text when an
//! endpoint is saved (`postback_domain::endpoint::EndpointUrl`).
//!
//! This one runs when a connection is dialled, and hands out the very addresses that it checked:
//! nobody looks the name up again in between, so a name server that changes its answer from one
//! question to the next gains nothing. One inner address among public ones refuses them all,
//! because whoever answers so means no good.

mod ranges;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use postback_domain::endpoint::{Destinations, is_public_port};

use crate::dial::DialError;
use crate::resolve::Resolver;

/// Resolves and checks.
#[derive(Clone)]
pub(crate) struct Guard {
    destinations: Destinations,
    resolver: Arc<dyn Resolver>,
}

/// A place that may be dialled. Only the guard makes one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Vetted {
    /// As the URL has it, without the brackets of an IPv6 address.
    pub(crate) host: String,
    /// Never empty, every one of them checked.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whether TLS is spoken.
    pub(crate) tls: bool,
}

impl Guard {
    pub(crate) fn new(destinations: Destinations, resolver: Arc<dyn Resolver>) -> Self {
        Self { destinations, resolver }
    }

    /// Where to connect for this URI.
    ///
    /// # Errors
    /// When the scheme or the port is not allowed, there is an address for a name, the name has no
    /// address, or any of its addresses is not public although it must be.
    pub(crate) async fn vet(&self, uri: &Uri) -> Result<Vetted, DialError> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(DialError::SchemeRefused),
        };
        let public_only = self.destinations == Destinations::PublicHttps;
        if public_only && !tls {
            return Err(DialError::SchemeRefused);
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        if public_only && !is_public_port(port) {
            return Err(DialError::PortRefused);
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);

        let found = match host.parse::<IpAddr>() {
            Ok(_) if public_only => return Err(DialError::LiteralRefused),
            Ok(literal) => vec![literal],
            Err(_) => self.resolver.resolve(host).await.map_err(DialError::NameNotResolved)?,
        };
        if found.is_empty() {
            return Err(DialError::NoAddress);
        }
        if public_only {
            let refusal = found.iter().find_map(|address| ranges::refusal(*address));
            if let Some(range) = refusal {
                return Err(DialError::AddressRefused { range });
            }
        }
        let addresses = found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        Ok(Vetted { host: host.to_owned(), addresses, tls })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;
    use crate::resolve::Resolution;

    /// Gives each question the next answer.
    struct Script(Mutex<VecDeque<&'static [&'static str]>>);

    impl Resolver for Script {
        fn resolve(&self, _host: &str) -> Resolution {
            let answer = self.0.lock().unwrap().pop_front().expect("one answer a question");
            Box::pin(async move { Ok(answer.iter().map(|text| text.parse().unwrap()).collect()) })
        }
    }

    fn guard(destinations: Destinations, answers: &[&'static [&'static str]]) -> Guard {
        let script = Script(Mutex::new(answers.iter().copied().collect()));
        Guard::new(destinations, Arc::new(script))
    }

    async fn vet(guard: &Guard, uri: &'static str) -> String {
        match guard.vet(&Uri::from_static(uri)).await {
            Ok(vetted) => {
                let addresses: Vec<_> = vetted.addresses.iter().map(ToString::to_string).collect();
                let tls = if vetted.tls { "tls" } else { "plain" };
                format!("{} {tls} {}", vetted.host, addresses.join(" "))
            }
            Err(error) => error.to_string(),
        }
    }

    const REFUSED: &str = "address is not public: ";

    #[tokio::test]
    async fn public_names_are_dialled_at_the_addresses_that_were_checked() {
        let guard = guard(Destinations::PublicHttps, &[&["8.8.8.8", "2606:4700::1"], &["1.1.1.1"]]);
        let answer = vet(&guard, "https://shop.example/hooks").await;
        assert_eq!(answer, "shop.example tls 8.8.8.8:443 [2606:4700::1]:443");
        let answer = vet(&guard, "https://shop.example:8443/hooks").await;
        assert_eq!(answer, "shop.example tls 1.1.1.1:8443");
    }

    #[tokio::test]
    async fn one_inner_address_refuses_them_all() {
        for answer in [
            &["10.0.0.1"][..],
            &["8.8.8.8", "10.0.0.1"],
            &["10.0.0.1", "8.8.8.8"],
            &["2606:4700::1", "::ffff:10.0.0.1"],
        ] {
            let guard = guard(Destinations::PublicHttps, &[answer]);
            let answer = vet(&guard, "https://shop.example/").await;
            assert!(answer.starts_with(REFUSED), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_inward_is_refused_at_its_next_connection() {
        let guard = guard(Destinations::PublicHttps, &[&["8.8.8.8"], &["127.0.0.1"]]);
        let uri = "https://rebinding.example/";
        assert_eq!(vet(&guard, uri).await, "rebinding.example tls 8.8.8.8:443");
        assert!(vet(&guard, uri).await.starts_with(REFUSED));
    }

    #[tokio::test]
    async fn addresses_instead_of_names_are_refused_and_never_looked_up() {
        let public = guard(Destinations::PublicHttps, &[]);
        for uri in ["https://127.0.0.1/", "https://[::1]/", "https://8.8.8.8/"] {
            assert_eq!(vet(&public, uri).await, "only names may be called", "{uri}");
        }
        let private = guard(Destinations::AlsoPrivate, &[]);
        assert_eq!(vet(&private, "http://[::1]:9000/").await, "::1 plain [::1]:9000");
        assert_eq!(vet(&private, "https://127.0.0.1/").await, "127.0.0.1 tls 127.0.0.1:443");
    }

    #[tokio::test]
    async fn plain_http_is_refused_before_the_name_is_looked_up() {
        let public = guard(Destinations::PublicHttps, &[]);
        let refused = "only https may be called";
        assert_eq!(vet(&public, "http://shop.example/").await, refused);
        assert_eq!(vet(&public, "ftp://shop.example/").await, refused);
        let private = guard(Destinations::AlsoPrivate, &[&["10.0.0.1"]]);
        assert_eq!(vet(&private, "http://shop.example/").await, "shop.example plain 10.0.0.1:80");
        assert_eq!(vet(&private, "gopher://shop.example/").await, refused);
    }

    #[tokio::test]
    async fn ports_of_other_services_are_refused_before_the_name_is_looked_up() {
        let public = guard(Destinations::PublicHttps, &[]);
        for uri in ["https://shop.example:25/", "https://shop.example:6667/"] {
            assert_eq!(vet(&public, uri).await, "port may not be called", "{uri}");
        }
        let private = guard(Destinations::AlsoPrivate, &[&["10.0.0.1"]]);
        let answer = vet(&private, "http://shop.example:25/").await;
        assert_eq!(answer, "shop.example plain 10.0.0.1:25");
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_not_resolved() {
        let guard = guard(Destinations::PublicHttps, &[&[]]);
        assert_eq!(vet(&guard, "https://shop.example/").await, "name has no address");
    }
}
