use proptest::prelude::*;

use super::*;

fn check(egress: &Egress, address: &str, expected: bool) {
    let parsed: IpAddr = address.parse().unwrap();
    assert_eq!(egress.permits(parsed), expected, "{address}");
}

fn refuses(table: &str) {
    check_table(table, false);
}

fn permits(table: &str) {
    check_table(table, true);
}

/// Addresses, and after a `#` what they are.
fn check_table(table: &str, expected: bool) {
    let rows = table.lines().filter_map(|row| row.split('#').next());
    for address in rows.flat_map(str::split_whitespace) {
        check(&Egress::Public, address, expected);
    }
}

/// First and last address of each row, and of multicast, which has a registry of its own.
///
/// SOURCE: <https://www.iana.org/assignments/iana-ipv4-special-registry>
#[test]
fn refuses_what_the_ipv4_registry_calls_special() {
    refuses(
        r"
        0.0.0.0 0.255.255.255  # this network
        10.0.0.0 10.255.255.255  # private use
        100.64.0.0 100.127.255.255  # shared address space
        127.0.0.0 127.0.0.1 127.255.255.255  # loopback
        169.254.0.0 169.254.169.254 169.254.255.255  # link-local
        172.16.0.0 172.31.255.255  # private use
        192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.255  # protocol assignments
        192.0.2.0 192.0.2.255  # documentation
        192.88.99.0 192.88.99.2 192.88.99.255  # 6to4 relays, deprecated
        192.168.0.0 192.168.255.255  # private use
        198.18.0.0 198.19.255.255  # benchmarking
        198.51.100.0 198.51.100.255  # documentation
        203.0.113.0 203.0.113.255  # documentation
        224.0.0.0 239.255.255.255  # multicast
        240.0.0.0 255.255.255.254 255.255.255.255  # reserved, broadcast
        100.100.100.200 192.0.0.192 168.63.129.16  # metadata of Alibaba, Oracle, Azure
        ",
    );
}

#[test]
fn permits_the_neighbours_of_what_is_special() {
    permits(
        r"
        1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0
        192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255
        198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
        168.63.129.15 8.8.8.8 192.31.196.1 192.52.193.1 192.175.48.1  # AS112 and AMT: globally reachable
        ",
    );
}

/// SOURCE: <https://www.iana.org/assignments/iana-ipv6-special-registry>,
/// <https://www.iana.org/assignments/ipv6-address-space>
#[test]
fn refuses_what_the_ipv6_registries_call_special() {
    refuses(
        r"
        :: ::1  # unspecified, loopback
        ::7f00:1 ::808:808  # IPv4-compatible, deprecated
        ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8  # IPv4-translated
        64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:808:808  # local-use translation
        100:: 100::ffff:ffff:ffff:ffff 100:0:0:1::1  # discard-only, dummy
        2001:1::1 2001:2:: 2001:2:0:ffff::  # protocol assignments, benchmarking
        2001:10:: 2001:1f:ffff:: 2001:20:: 2001:3f:ffff::  # ORCHID, DRIP
        2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff  # documentation
        3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff  # documentation
        4000:: 5f00::1  # not assigned, SRv6
        fc00:: fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff  # unique-local
        fe80:: fe80::1 febf:ffff::  # link-local
        fec0::1  # site-local, deprecated
        ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff  # multicast
        1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
        ",
    );
    permits(
        r"
        2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2606:4700::1111 2003::1 2620:4f:8000::1  # AS112: globally reachable
        3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000::
        ",
    );
}

#[test]
fn judges_the_ipv4_address_inside_of_an_ipv6_one() {
    refuses(
        r"
        ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 64:ff9b::127.0.0.1
        64:ff9b::10.1.2.3 64:ff9b::169.254.169.254 2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe::1
        2002:c0a8:101:ffff::1 2001:0:4136:e378:8000:63bf:f5ff:fffe  # Teredo, client 10.0.0.1
        2001:0:7f00:1:8000:63bf:f7f7:f7f7  # Teredo, server 127.0.0.1
        ",
    );
    permits(
        r"
        ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 2001:0:4136:e378:8000:63bf:f7f7:f7f7  # Teredo, server 65.54.227.120, client 8.8.8.8
        ",
    );
}

#[test]
fn internal_means_the_networks_that_are_named() {
    let networks = ["10.1.0.0/16", "fd00:1::/32", "127.0.0.1/32"];
    let egress = Egress::Internal(networks.map(|text| text.parse().unwrap()).to_vec());
    for address in [
        "10.1.0.0",
        "10.1.255.255",
        "fd00:1::1",
        "127.0.0.1",
        "::ffff:10.1.2.3",
    ] {
        check(&egress, address, true);
    }
    for address in [
        "10.0.255.255",
        "10.2.0.0",
        "fd00:2::1",
        "127.0.0.2",
        "8.8.8.8",
        "2606:4700::1111",
        "::1",
        "64:ff9b::10.1.2.3",
        "2002:a01:203::",
        "::ffff:10.2.0.1",
        "::10.1.2.3",
    ] {
        check(&egress, address, false);
    }
    check(&Egress::Internal(Vec::new()), "8.8.8.8", false);
}

#[test]
fn all_of_ipv6_holds_nothing_of_ipv4() {
    let egress = Egress::Internal(vec!["::/0".parse().unwrap()]);
    check(&egress, "::ffff:127.0.0.1", false);
    check(&egress, "::1", true);
}

proptest! {
    #[test]
    fn no_form_of_an_address_is_permitted_where_the_address_is_not(bits in any::<u32>(), rest in any::<u64>()) {
        let inner = Ipv4Addr::from(bits);
        let expected = Egress::Public.permits(inner.into());
        let [a, b, c, d] = inner.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let rest = u128::from(rest);
        for form in [
            inner.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::from(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0).to_bits() | rest),
            Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !high, !low),
            Ipv6Addr::from(Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0, 0).to_bits() | u128::from(!0x0808_0808_u32)),
        ] {
            prop_assert_eq!(Egress::Public.permits(form.into()), expected, "{}", form);
        }
        prop_assert!(!Egress::Public.permits(inner.to_ipv6_compatible().into()));
    }

    #[test]
    fn a_private_network_stays_private(bits in any::<u32>()) {
        let host = Ipv4Addr::from(0x0a00_0000 | bits & 0x00ff_ffff);
        prop_assert!(!Egress::Public.permits(host.into()));
        prop_assert_eq!(Egress::Public.permits(Ipv4Addr::from(bits).into()), !is_special(bits));
    }
}

/// By ranges, where the code goes by prefixes.
fn is_special(bits: u32) -> bool {
    let [a, b, c, d] = bits.to_be_bytes();
    matches!(
        (a, b, c, d),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, ..)
            | (169, 254, ..)
            | (172, 16..=31, ..)
            | (192, 168, ..)
            | (198, 18 | 19, ..)
            | (192, 0, 0 | 2, _)
            | (192, 88, 99, _)
            | (198, 51, 100, _)
            | (203, 0, 113, _)
            | (168, 63, 129, 16)
    )
}
