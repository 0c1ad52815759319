//! WHICH ADDRESSES ARE NOT PUBLIC? A table, after the two IANA special-purpose registries
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>), each row with its source.
//!
//! Where a registry carves a reachable exception out of a block that is not (anycast for PCP or
//! TURN inside 192.0.0.0/24, say), the whole block stays refused: no merchant lives there, and a
//! short table is one that people read. What no table can hold is a translator's prefix of our
//! own network (RFC 6052 §2.2): an installation behind one keeps inner hosts out of its reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses that must not be called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range<A> {
    network: A,
    prefix_bits: u32,
    source: &'static str,
}

const V4: &[Range<Ipv4Addr>] = &[
    v4([0, 0, 0, 0], 8, "this network, RFC 791 §3.2"),
    v4([10, 0, 0, 0], 8, "private use, RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared by carriers, RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback, RFC 1122 §3.2.1.3"),
    // A public address by the registry, but inside Azure it is the platform's own agent.
    v4([168, 63, 129, 16], 32, "Azure's platform address, Azure documentation"),
    v4([169, 254, 0, 0], 16, "link local, where clouds keep credentials, RFC 3927"),
    v4([172, 16, 0, 0], 12, "private use, RFC 1918"),
    v4([192, 0, 0, 0], 24, "protocol assignments, RFC 6890 §2.1"),
    v4([192, 0, 2, 0], 24, "documentation, RFC 5737"),
    v4([192, 88, 99, 0], 24, "6to4 relays, RFC 7526"),
    v4([192, 168, 0, 0], 16, "private use, RFC 1918"),
    v4([198, 18, 0, 0], 15, "benchmarking, RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation, RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation, RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast, RFC 5771"),
    v4([240, 0, 0, 0], 4, "reserved, and limited broadcast, RFC 1112 §4 and RFC 919"),
];

/// Global unicast. Everything outside it is loopback, local, mapped, multicast or unassigned.
const V6_GLOBAL_UNICAST: Range<Ipv6Addr> = v6([0x2000, 0, 0, 0], 3, "RFC 4291 §2.4");

/// What inside global unicast is not to be called.
const V6: &[Range<Ipv6Addr>] = &[
    // Teredo (RFC 4380), benchmarking (RFC 5180) and ORCHID (RFC 4843) lie in here.
    v6([0x2001, 0, 0, 0], 23, "protocol assignments, RFC 2928"),
    v6([0x2001, 0xdb8, 0, 0], 32, "documentation, RFC 3849"),
    // Holds an IPv4 address of anybody's choice; its relays are gone (RFC 7526).
    v6([0x2002, 0, 0, 0], 16, "6to4, RFC 3056"),
    v6([0x3fff, 0, 0, 0], 20, "documentation, RFC 9637"),
];

/// The well-known prefix through which hosts without IPv4 reach IPv4 (RFC 6052 §2.1).
const NAT64: Range<Ipv6Addr> = v6([0x64, 0xff9b, 0, 0], 96, "RFC 6052 §2.1");

/// Why this address must not be called, when it must not.
pub(crate) fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter().find(|range| range.holds(address)).map(|range| range.source)
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    if NAT64.holds(address) {
        // The packet ends at the IPv4 address in the low 32 bits, so that one is what counts.
        return refusal_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
    }
    if !V6_GLOBAL_UNICAST.holds(address) {
        return Some("outside global unicast, RFC 4291 §2.4");
    }
    V6.iter().find(|range| range.holds(address)).map(|range| range.source)
}

impl Range<Ipv4Addr> {
    fn holds(&self, address: Ipv4Addr) -> bool {
        let differing = self.network.to_bits() ^ address.to_bits();
        differing.leading_zeros() >= self.prefix_bits
    }
}

impl Range<Ipv6Addr> {
    fn holds(&self, address: Ipv6Addr) -> bool {
        let differing = self.network.to_bits() ^ address.to_bits();
        differing.leading_zeros() >= self.prefix_bits
    }
}

const fn v4(octets: [u8; 4], prefix_bits: u32, source: &'static str) -> Range<Ipv4Addr> {
    let [a, b, c, d] = octets;
    Range { network: Ipv4Addr::new(a, b, c, d), prefix_bits, source }
}

/// Takes the upper four groups: no prefix here sets a lower bit.
const fn v6(groups: [u16; 4], prefix_bits: u32, source: &'static str) -> Range<Ipv6Addr> {
    let [a, b, c, d] = groups;
    Range { network: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix_bits, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, refused: bool) {
        let address = text.parse().unwrap();
        assert_eq!(refusal(address).is_some(), refused, "{text}: {:?}", refusal(address));
    }

    #[test]
    fn inner_v4_addresses_are_refused_up_to_the_edges_of_their_blocks() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn public_v4_neighbours_pass() {
        for text in [
            "1.0.0.0",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.114.0",
            "223.255.255.255",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn inner_v6_addresses_are_refused() {
        for text in [
            "::",
            "::1",
            "::7f00:1",            // IPv4-compatible, long deprecated
            "::ffff:127.0.0.1",    // IPv4-mapped
            "::ffff:8.8.8.8",      // mapped too; no public name has a reason to answer it
            "::ffff:0:127.0.0.1",  // IPv4-translated, RFC 2765
            "64:ff9b::10.0.0.1",   // NAT64 to an inner address
            "64:ff9b::a9fe:a9fe",  // NAT64 to a cloud's credentials
            "64:ff9b:1::8.8.8.8",  // NAT64 for local use, RFC 8215
            "100::1",              // discard, RFC 6666
            "1fff:ffff::1",        // just below global unicast
            "2001::1",             // Teredo
            "2001:0:4136:e378::1", // Teredo
            "2001:2::1",           // benchmarking
            "2001:10::1",          // ORCHID
            "2001:20::1",          // ORCHIDv2
            "2001:1ff:ffff::1",    // the end of protocol assignments
            "2001:db8::1",         // documentation
            "2002:7f00:1::",       // 6to4 of 127.0.0.1
            "2002:808:808::1",     // 6to4
            "3fff::1",             // documentation
            "3fff:fff:ffff::1",    // its end
            "4000::1",             // just above global unicast
            "5f00::1",             // segment routing, RFC 9602
            "fc00::1",             // unique local
            "fd00:ec2::254",       // a cloud's credentials
            "fe80::1",             // link local
            "febf::1",             // its end
            "fec0::1",             // site local, RFC 3879
            "ff02::1",             // multicast
        ] {
            check(text, true);
        }
    }

    #[test]
    fn public_v6_addresses_pass() {
        for text in [
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "3ffe:ffff::1",
            "3fff:1000::1",
            "64:ff9b::8.8.8.8", // NAT64 to a public address
        ] {
            check(text, false);
        }
    }

    #[test]
    fn no_row_has_bits_below_its_prefix() {
        for range in V4 {
            assert_eq!(range.network.to_bits() & (u32::MAX.unbounded_shr(range.prefix_bits)), 0);
        }
        for range in V6.iter().chain([&V6_GLOBAL_UNICAST, &NAT64]) {
            assert_eq!(range.network.to_bits() & (u128::MAX.unbounded_shr(range.prefix_bits)), 0);
        }
    }
}
