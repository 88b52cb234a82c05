//! Who sent a request: the socket's other end, or the one that a trusted reverse proxy names.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that counts. Only the hop that the proxy itself added is believed: the last element of the last
/// `X-Forwarded-For`; what stands before it, anybody can have sent.
pub(super) fn address(socket: IpAddr, proxies: &[IpNet], headers: &HeaderMap) -> IpAddr {
    let socket = socket.to_canonical();
    if !proxies.iter().any(|network| network.contains(&socket)) {
        return socket;
    }
    last_hop(headers).unwrap_or(socket)
}

fn last_hop(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all(X_FORWARDED_FOR).iter().next_back()?;
    let hop = line.to_str().ok()?.rsplit(',').next()?.trim();
    parse(hop).map(|address| address.to_canonical())
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn parse(hop: &str) -> Option<IpAddr> {
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = hop.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = hop.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(socket: &str, lines: &[&str], expected: &str) {
        let proxies: Vec<IpNet> = vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8:1::/48".parse().unwrap(),
        ];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let found = address(socket.parse().unwrap(), &proxies, &headers);
        assert_eq!(found.to_string(), expected, "{socket} {lines:?}");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        check("192.0.2.7", &["203.0.113.9"], "192.0.2.7");
        check("10.1.2.3", &["203.0.113.9"], "203.0.113.9");
        check("2001:db8:1::5", &["203.0.113.9"], "203.0.113.9");
        check("2001:db8:2::5", &["203.0.113.9"], "2001:db8:2::5");
    }

    #[test]
    fn the_last_hop_of_the_last_line_counts() {
        check("10.1.2.3", &["1.1.1.1, 2.2.2.2 ,3.3.3.3 "], "3.3.3.3");
        check("10.1.2.3", &["1.1.1.1", "2.2.2.2,3.3.3.3"], "3.3.3.3");
        check("10.1.2.3", &["1.1.1.1", "unknown"], "10.1.2.3");
    }

    #[test]
    fn a_hop_may_have_a_port() {
        check("10.1.2.3", &["203.0.113.9:4711"], "203.0.113.9");
        check("10.1.2.3", &["2001:db8::1"], "2001:db8::1");
        check("10.1.2.3", &["[2001:db8::1]"], "2001:db8::1");
        check("10.1.2.3", &["[2001:db8::1]:4711"], "2001:db8::1");
    }

    #[test]
    fn what_is_no_address_is_ignored() {
        for line in ["", ",", "1.1.1.1,", "::g", "[1.1.1.1]", "host:80", "1.1.1"] {
            check("10.1.2.3", &[line], "10.1.2.3");
        }
        check("10.1.2.3", &[], "10.1.2.3");
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_ones() {
        check("::ffff:192.0.2.7", &["203.0.113.9"], "192.0.2.7");
        check("::ffff:10.1.2.3", &["::ffff:203.0.113.9"], "203.0.113.9");
    }
}
