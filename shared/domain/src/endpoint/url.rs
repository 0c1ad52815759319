//! Where a merchant's events may be posted. The first of two walls: this one reads the text when
//! the endpoint is saved; the sender checks the addresses that the name has when it is dialled,
//! because a name may resolve elsewhere later.

use std::fmt;

use url::{Host, Url};

use super::port::is_public_port;
use crate::limits::URL_BYTES_MAX;

/// Which destinations this installation allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destinations {
    /// Public addresses over https, on port 443 or a high one: the only choice in production.
    PublicHttps,
    /// Private addresses, plain http and any port too, for a laptop or an inner network.
    AlsoPrivate,
}

/// An endpoint's URL, absolute and normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// A URL that must not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// Too long.
    #[error("endpoint url of {0} bytes must have at most {URL_BYTES_MAX}")]
    TooLong(usize),
    /// Not a URL.
    #[error("endpoint url `{0}` must be an absolute url, such as https://shop.example/hooks")]
    Malformed(String),
    /// Plain http, or something else.
    #[error("endpoint url `{0}` must use https")]
    NotHttps(String),
    /// Credentials in a URL end up in logs.
    #[error("endpoint url must not contain a user name or password; use a header instead")]
    UserInfo,
    /// A literal address has no certificate, and is how inner hosts are reached by number.
    #[error("endpoint url `{0}` must have a host name, not an address")]
    Address(String),
    /// Names that never mean a public host.
    #[error("endpoint url `{0}` must have a public host name")]
    LocalName(String),
    /// Where other services listen.
    #[error(
        "endpoint url must have port 443, or one from 1024 on that is no other protocol's; \
         it has {0}"
    )]
    Port(u16),
}

impl EndpointUrl {
    /// The only way in from outside. A fragment is dropped, because it is never sent.
    ///
    /// # Errors
    /// When the text is no URL, or one that `allowed` does not take.
    pub fn parse(text: &str, allowed: Destinations) -> Result<Self, EndpointUrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(EndpointUrlError::TooLong(text.len()));
        }
        let mut url = Url::parse(text).map_err(|_| EndpointUrlError::Malformed(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointUrlError::UserInfo);
        }
        url.set_fragment(None);
        let host = url.host().ok_or_else(|| EndpointUrlError::Malformed(text.to_owned()))?;
        if let Host::Domain(name) = host
            && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        {
            // A URL may hold such a name, an HTTP request may not.
            return Err(EndpointUrlError::Malformed(text.to_owned()));
        }
        let scheme_allowed = match allowed {
            Destinations::PublicHttps => url.scheme() == "https",
            Destinations::AlsoPrivate => matches!(url.scheme(), "https" | "http"),
        };
        if !scheme_allowed {
            return Err(EndpointUrlError::NotHttps(text.to_owned()));
        }
        if allowed == Destinations::PublicHttps {
            match host {
                Host::Ipv4(_) | Host::Ipv6(_) => {
                    return Err(EndpointUrlError::Address(text.to_owned()));
                }
                Host::Domain(name) if is_local_name(name) => {
                    return Err(EndpointUrlError::LocalName(text.to_owned()));
                }
                Host::Domain(_) => {}
            }
            let port = url.port_or_known_default().unwrap_or_default();
            if !is_public_port(port) {
                return Err(EndpointUrlError::Port(port));
            }
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Names that no public host can have: special-use ones (RFC 6761; RFC 6762 §3 and appendix G; RFC
/// 7686; RFC 9476; `internal` by ICANN's resolution of 2024-07-29), and all of `arpa`, where only the
/// network's own tables live (RFC 3172). `example` stays, for documentation that can be pasted.
const LOCAL_SUFFIXES: [&str; 13] = [
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Also of a name without a dot, which only an inner resolver can answer.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    match name.rsplit_once('.') {
        None => true,
        Some((_, suffix)) => LOCAL_SUFFIXES.contains(&suffix),
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, public: bool, also_private: bool) {
        assert_eq!(EndpointUrl::parse(text, Destinations::PublicHttps).is_ok(), public, "{text}");
        assert_eq!(
            EndpointUrl::parse(text, Destinations::AlsoPrivate).is_ok(),
            also_private,
            "{text} with private destinations"
        );
    }

    #[test]
    fn public_https_names_pass() {
        check("https://shop.example/hooks?tenant=1", true, true);
        check("https://bücher.example:8443/", true, true);
    }

    #[test]
    fn inner_hosts_and_plain_http_pass_only_on_request() {
        for text in [
            "http://shop.example/",
            "http://127.0.0.1:9000/hooks",
            "https://10.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://db.internal/",
            "https://intranet/",
        ] {
            check(text, false, true);
        }
    }

    #[test]
    fn nonsense_never_passes() {
        for text in [
            "",
            "shop.example",
            "/hooks",
            "ftp://shop.example/",
            "https://u:p@shop.example/",
            "https://a\"b.example/",
        ] {
            check(text, false, false);
        }
        check(&format!("https://shop.example/{}", "x".repeat(2048)), false, false);
    }
}
