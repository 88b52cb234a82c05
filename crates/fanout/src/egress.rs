//! The guard: which addresses a delivery may be sent to, so that a subscription's URL, or its DNS, leads nobody into
//! networks that only the gateway can see.
//!
//! SOURCE: <https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>,
//! <https://www.iana.org/assignments/multicast-addresses>,
//! <https://www.iana.org/assignments/ipv6-address-space>. Start at [`Egress::permits`].

mod connector;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

pub(crate) use self::connector::{ConnectError, Connector, Resolve, SystemResolver};
use crate::SubscriptionConfig;

/// Where a subscription's deliveries may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Egress {
    /// To public addresses only. Refused is what the registries call special and not globally reachable, multicast, what
    /// is not assigned to anybody, and any of these inside of an IPv6 address that stands for an IPv4 one.
    Public,
    /// To these networks and nowhere else; the operator vouches for them. An IPv4-mapped address is an IPv4 address.
    Internal(Vec<IpNet>),
}

/// First address and prefix length. 192.0.0.9 and .10 (PCP and TURN anycast) would be reachable, and no webhook is there;
/// nor at 192.88.99.0/24, once the anycast address of 6to4 relays.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Azure's metadata and DNS: routable, and answered by the host that one's machine runs on.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// The only IPv6 addresses that are handed out.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Within [`GLOBAL_UNICAST`]: protocol assignments (benchmarking and ORCHID among them) and the two documentation ranges.
const SPECIAL_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

const TEREDO: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32);

// === impl Egress ===

impl Egress {
    /// Whether a connection to this address may be made.
    pub fn permits(&self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::Internal(networks), address) => {
                networks.iter().any(|network| network.contains(&address))
            }
            (Self::Public, IpAddr::V4(address)) => is_public_v4(address),
            (Self::Public, IpAddr::V6(address)) => is_public_v6(address),
        }
    }
}

impl From<&SubscriptionConfig> for Egress {
    fn from(config: &SubscriptionConfig) -> Self {
        if config.networks.is_empty() {
            Self::Public
        } else {
            Self::Internal(config.networks.clone())
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|&network| is_in_v4(address, network))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [.., client_high, client_low] = address.segments();
    let [_, second, third, fourth, ..] = address.segments();
    if is_in_v6(address, NAT64) {
        return is_public_v4(embedded(client_high, client_low));
    }
    if is_in_v6(address, SIX_TO_FOUR) {
        return is_public_v4(embedded(second, third));
    }
    if is_in_v6(address, TEREDO) {
        // The relay's server, and behind it the client, whose bits are inverted.
        return is_public_v4(embedded(third, fourth))
            && is_public_v4(embedded(!client_high, !client_low));
    }
    is_in_v6(address, GLOBAL_UNICAST)
        && !SPECIAL_V6.iter().any(|&network| is_in_v6(address, network))
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

fn is_in_v4(address: Ipv4Addr, (network, prefix): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()).leading_zeros() >= prefix
}

fn is_in_v6(address: Ipv6Addr, (network, prefix): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()).leading_zeros() >= prefix
}

#[cfg(test)]
mod tests;
