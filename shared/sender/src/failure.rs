//! WHY DID AN ATTEMPT FAIL WITHOUT AN ANSWER? Sorts errors by their types, never by their texts,
//! into the domain's outcomes and words that a merchant can act on.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use postback_domain::delivery::verdict::Outcome;
use rustls::CertificateError;

use crate::dial::DialError;

/// An attempt that ended without a complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    /// Fit for the merchant: no inner address, no secret.
    pub(crate) detail: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(outcome: Outcome, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { outcome, detail: detail.into() }
    }

    /// From what the HTTP client says, or the body of its answer. The first cause whose type we
    /// know decides; the client's own wrappers around it say nothing more.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(dial) = error.downcast_ref::<DialError>() {
                return Self::of_dial(dial);
            }
            if let Some(failure) = error.downcast_ref::<io::Error>().and_then(Self::of_tls) {
                return failure;
            }
            if let Some(failure) = error.downcast_ref::<hyper::Error>().and_then(Self::of_http) {
                return failure;
            }
            cause = error.source();
        }
        Self::new(Outcome::ConnectionLost, "connection closed before the answer was complete")
    }

    fn of_dial(error: &DialError) -> Self {
        let (outcome, detail) = match error {
            DialError::SchemeRefused => (Outcome::AddressRefused, "url must use https"),
            DialError::LiteralRefused => {
                (Outcome::AddressRefused, "url must have a host name, not an address")
            }
            DialError::PortRefused => {
                (Outcome::AddressRefused, "url's port must be 443, or a high one that is free")
            }
            DialError::NameNotResolved(_) | DialError::NoAddress => {
                (Outcome::NameNotResolved, "host name has no address")
            }
            DialError::AddressRefused { .. } => {
                (Outcome::AddressRefused, "host resolves to a non-public address")
            }
            DialError::NoSocket(_) => (Outcome::NotSent, "postback had no socket to connect with"),
            DialError::NotConnected(error) => (Outcome::ConnectFailed, refusal_words(error)),
            DialError::NotCertifiable => {
                (Outcome::TlsFailed, "host name cannot be in a certificate")
            }
            DialError::Tls(error) => {
                return Self::of_tls(error).unwrap_or_else(|| {
                    Self::new(Outcome::TlsFailed, "connection closed during the TLS handshake")
                });
            }
            DialError::TimedOut => return Self::new(Outcome::ConnectFailed, error.to_string()),
        };
        Self::new(outcome, detail)
    }

    /// TLS's own complaints travel inside I/O errors: during the handshake, and after it too, where
    /// a TLS 1.3 receiver asks in vain for a client certificate.
    fn of_tls(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        let detail: Cow<'static, str> = match error {
            rustls::Error::InvalidCertificate(error) => certificate_words(error).into(),
            rustls::Error::AlertReceived(alert) => {
                format!("receiver refused the TLS connection: {alert:?}").into()
            }
            rustls::Error::PeerIncompatible(_) => "receiver supports no TLS 1.2 or 1.3".into(),
            rustls::Error::InvalidMessage(_) => "receiver does not speak TLS on this port".into(),
            _ => "no agreement on TLS".into(),
        };
        Some(Self::new(Outcome::TlsFailed, detail))
    }

    fn of_http(error: &hyper::Error) -> Option<Self> {
        if error.is_parse() {
            let detail = "answer is not valid HTTP, or its headers are too large";
            return Some(Self::new(Outcome::ConnectionLost, detail));
        }
        if error.is_user() {
            return Some(Self::new(Outcome::NotSent, "postback could not build the request"));
        }
        None
    }
}

fn refusal_words(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => "host is unreachable",
        _ => "could not connect",
    }
}

fn certificate_words(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate is for another host name"
        }
        CertificateError::UnknownIssuer => {
            "certificate is not signed by a known authority; is the intermediate one missing?"
        }
        CertificateError::Revoked => "certificate has been revoked",
        _ => "certificate is not valid",
    }
}
