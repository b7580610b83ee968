//! Versions of the protocol and families of addresses.

use super::*;

/// The text of an instance with these lines and addresses.
fn instance_of(head: &str, lines: &str, addresses: &str) -> String {
    format!(
        "{head}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n {lines}\n virtual_ipaddress {{\n {addresses}\n }}\n}}\n"
    )
}

#[test]
fn version_3_and_ipv6() {
    use crate::config::model::Version::{self, V2, V3};
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        Version,
        u64,
        &'static str,
        &'static str,
    );
    const V4: &str = "10.0.0.1";
    const V6: &str = "fe80::1\n 2001:db8::1/64";
    const GROUP: &str = "224.0.0.18";
    const GROUP6: &str = "ff02::12";
    // Global lines, instance lines, addresses; then version, interval in ms, group, what is said.
    let rows: &[Row] = &[
        ("", "version 3", V4, V3, 1000, GROUP, ""),
        ("", "version 3\nadvert_int 0.1", V4, V3, 100, GROUP, ""),
        (
            "",
            "version 3\nadvert_int 0.014",
            V4,
            V3,
            10,
            GROUP,
            "rounded to 0.01",
        ),
        (
            "",
            "version 3\nadvert_int 0.015",
            V4,
            V3,
            20,
            GROUP,
            "rounded to 0.02",
        ),
        (
            "",
            "version 3\nadvert_int 41",
            V4,
            V3,
            40_950,
            GROUP,
            "rounded to 40.95",
        ),
        ("", "advert_int 0.4", V4, V2, 1000, GROUP, "rounded to 1"),
        (
            "global_defs {\n vrrp_version 3\n}",
            "",
            V4,
            V3,
            1000,
            GROUP,
            "",
        ),
        (
            "global_defs {\n vrrp_version 3\n}",
            "version 2",
            V4,
            V2,
            1000,
            GROUP,
            "",
        ),
        ("", "", V6, V3, 1000, GROUP6, ""),
        ("", "version 2", V6, V2, 1000, GROUP6, ""),
        (
            "",
            "version 2\nstrict_mode",
            V6,
            V3,
            1000,
            GROUP6,
            "version 2 does not know IPv6",
        ),
        ("", "native_ipv6", V6, V3, 1000, GROUP6, "native_ipv6"),
        (
            "",
            "native_ipv6",
            V4,
            V2,
            1000,
            GROUP,
            "native_ipv6 with IPv4 virtual addresses",
        ),
        (
            "global_defs {\n vrrp_mcast_group6 ff02::90\n}",
            "",
            V6,
            V3,
            1000,
            "ff02::90",
            "",
        ),
        ("", "mcast_dst_ip ff02::91", V6, V3, 1000, "ff02::91", ""),
        (
            "",
            "mcast_dst_ip 224.0.0.91",
            V6,
            V3,
            1000,
            GROUP6,
            "of another address family",
        ),
        (
            "",
            "",
            "2001:db8::1",
            V3,
            1000,
            GROUP6,
            "the first IPv6 VIP address must be link local",
        ),
        (
            "",
            "authentication {\n auth_type PASS\n auth_pass 1\n}\nversion 2",
            V6,
            V2,
            1000,
            GROUP6,
            "over IPv6 has no authentication",
        ),
    ];
    for (head, lines, addresses, version, interval, group, message) in rows {
        let loaded = read(instance_of(head, lines, addresses));
        let vi = only(&loaded);
        assert_eq!(
            (
                vi.version,
                vi.advert_interval,
                vi.multicast_group.to_string().as_str()
            ),
            (*version, Duration::from_millis(*interval), *group),
            "{head} {lines} {addresses}"
        );
        assert!(
            message.is_empty() || said(&loaded, message),
            "{head} {lines} {addresses}"
        );
        assert_eq!(vi.authentication, Authentication::None);
    }
    let strict = read(instance_of("", "strict_mode", "2001:db8::1"));
    assert!(
        strict.model.vrrp.instances.is_empty(),
        "strict mode insists"
    );

    let loaded = read(instance_of(
        "global_defs {\n v3_checksum_as_v2\n vrrp_gna_interval 0.002\n}",
        "",
        "fe80::1\n 2001:db8::1/64 -nodad",
    ));
    let vi = only(&loaded);
    assert!(vi.checksum_as_v2);
    assert_eq!(vi.garp.neighbour_interval, Duration::from_millis(2));
    let address = |at: usize| {
        let line = &vi.virtual_addresses[at];
        (line.prefix, line.flags, line.preferred_lifetime)
    };
    assert_eq!(address(0), (128, 2, Some(0)), "NODAD, and never a source");
    assert_eq!(address(1), (64, 0, None));
    let own = read(instance_of(
        "global_defs {\n v3_checksum_as_v2\n}",
        "version 3\nv3_checksum_as_v2 off",
        V4,
    ));
    assert!(!only(&own).checksum_as_v2, "the instance's word counts");
}
