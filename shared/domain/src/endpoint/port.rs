//! WHICH PORTS MAY BE CALLED? The one of https, and those from 1024 on that no other protocol is
//! known for. Below 1024 are the services of hosts (mail, LDAP, BGP); a POST to one of those is
//! never a webhook, and a server that skips lines it does not know may obey one further down.

/// The ports from 1024 on that browsers refuse, because what listens there may mistake a request
/// for its own protocol: "bad ports" of the Fetch standard
/// (<https://fetch.spec.whatwg.org/#port-blocking>). In order.
const OF_OTHER_PROTOCOLS: [u16; 19] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080,
];

/// Whether an endpoint on the internet may have this port. Inner networks keep their own rules.
pub fn is_public_port(port: u16) -> bool {
    port == 443 || (port >= 1024 && OF_OTHER_PROTOCOLS.binary_search(&port).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_high_ports_are_public() {
        for port in [443, 1024, 3000, 8080, 8443, 9443, 10_081, u16::MAX] {
            assert!(is_public_port(port), "{port}");
        }
    }

    #[test]
    fn ports_of_other_services_are_not() {
        for port in
            [0, 1, 22, 25, 53, 80, 389, 442, 444, 1023].into_iter().chain(OF_OTHER_PROTOCOLS)
        {
            assert!(!is_public_port(port), "{port}");
        }
    }
}
