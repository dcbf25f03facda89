//! The address of a client, by which requests without a user are limited.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// The address of the client, for rate limits where no user is known: with all of its IPv6 /64.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr, IpAddr);

impl ClientAddress {
    /// That of a request which came from `peer` through our own proxies, if there are any.
    pub fn of_request(peer: IpAddr, headers: &HeaderMap, trusted_proxies: usize) -> Self {
        Self::of(forwarded_for(headers, trusted_proxies).unwrap_or(peer).to_canonical())
    }

    pub fn of(address: IpAddr) -> Self {
        Self(group(address), address)
    }

    /// The very address.
    pub fn full(self) -> IpAddr {
        self.1
    }

    /// An IPv6 /48, which is what one customer may have; an IPv4 address is its own network.
    pub fn network(&self) -> IpAddr {
        prefix(self.0, 6)
    }
}

/// The entry that the outermost of our own proxies added. The client may have forged every entry
/// before it.
fn forwarded_for(headers: &HeaderMap, trusted_proxies: usize) -> Option<IpAddr> {
    let skip = trusted_proxies.checked_sub(1)?;
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    address_of_hop(hops.iter().rev().nth(skip)?.trim())
}

/// The address in an entry of X-Forwarded-For. Some proxies add the port that the client called
/// from, which differs with each connection, write IPv6 addresses in brackets, or add a zone.
fn address_of_hop(hop: &str) -> Option<IpAddr> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let host = match hop.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
                return None;
            }
            host
        }
        // More than one colon: an IPv6 address without a port.
        None => match hop.split_once(':') {
            Some((host, port)) if is_port(port) => host,
            _ => hop,
        },
    };
    let host = host.split_once('%').map_or(host, |(host, _zone)| host);
    host.parse().ok()
}

/// Counts the addresses of an IPv6 /64 as one: one customer of a provider has at least that many.
fn group(address: IpAddr) -> IpAddr {
    prefix(address, 8)
}

/// An IPv6 address with all but its first bytes zero; an IPv4 address as it is.
fn prefix(address: IpAddr, bytes: usize) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[bytes..].fill(0);
            IpAddr::from(octets)
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|v| (header::HeaderName::from_static("x-forwarded-for"), (*v).parse().unwrap()))
            .collect()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_our_own_proxies_alone() {
        let spoofed = headers(&["6.6.6.6, 1.2.3.4", "10.0.0.1"]);
        assert_eq!(forwarded_for(&spoofed, 0), None);
        assert_eq!(forwarded_for(&spoofed, 1), Some([10, 0, 0, 1].into()));
        assert_eq!(forwarded_for(&spoofed, 2), Some([1, 2, 3, 4].into()));
        assert_eq!(forwarded_for(&spoofed, 9), None);
    }

    proptest! {
        #[test]
        fn a_client_cannot_choose_the_address_that_it_is_counted_by(
            sent in prop::collection::vec("[0-9a-f:., \\[\\]%x-]{0,40}", 0..4),
            skip in 1..4_usize,
        ) {
            let mut headers: HeaderMap = sent
                .iter()
                .map(|value| (header::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap()))
                .collect();
            prop_assert_eq!(forwarded_for(&headers, 0), None);
            // Only the entries that our own proxies added at the end count.
            for proxy in 1..=skip {
                let address = format!("10.0.0.{proxy}");
                headers.append("x-forwarded-for", address.parse().unwrap());
            }
            prop_assert_eq!(forwarded_for(&headers, skip), Some([10, 0, 0, 1].into()));
        }
    }

    #[test]
    fn an_entry_may_have_a_port_and_brackets() {
        for (hop, address) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("203.0.113.7:5150", Some("203.0.113.7")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[fe80::1%eth0]:443", Some("fe80::1")),
            ("::ffff:203.0.113.7", Some("::ffff:203.0.113.7")),
            ("2001:db8::1:443", Some("2001:db8::1:443")),
            ("203.0.113.7:", None),
            ("203.0.113.7:x", None),
            ("203.0.113.7:99999", None),
            ("[2001:db8::1]443", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]:", None),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
        ] {
            assert_eq!(address_of_hop(hop), address.map(|address| address.parse().unwrap()), "{hop}");
        }
    }

    #[test]
    fn neighbours_in_a_slash_64_share_a_limit() {
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let b: IpAddr = "2001:db8::ffff:1".parse().unwrap();
        assert_eq!(group(a), group(b));
        assert_eq!(group("::ffff:1.2.3.4".parse().unwrap()), IpAddr::from([1, 2, 3, 4]));
    }
}
