//! What people write in an instance, and what becomes of it.

use super::*;

#[test]
fn what_people_write_in_an_instance() {
    const CASES: &[Row] = &[
        ("", 0, ""),
        ("advert_int 1", 0, ""),
        ("advert_int 0.5", 5, "advert_int 0.5 rounded to 1"),
        (
            "advert_int 300",
            5,
            "number '300' outside range [0.01, 255]",
        ),
        ("priority=100", 5, "Unknown keyword 'priority=100'"),
        (
            "priority 100,",
            5,
            "Priority not valid! must be between 1 & 255. Using default 100",
        ),
        ("priority 100.5", 5, "Priority not valid!"),
        ("priority 0x64", 5, "Priority not valid!"),
        ("priority 0", 5, "number '0' outside range [1, 255]"),
        ("priority \"100\"", 0, ""),
        ("priority 0100", 0, ""),
        ("priority 100 200", 0, ""),
        ("priority 90\npriority 100", 0, ""),
        ("priority", 2, "priority needs a value"),
        ("Priority 100", 5, "Unknown keyword 'Priority'"),
        (
            "state SLAVE",
            5,
            "unknown state 'SLAVE', defaulting to BACKUP",
        ),
        ("state master", 5, "unknown state 'master'"),
        ("state BACKUP;", 5, "unknown state 'BACKUP;'"),
        ("state BACKUP\nnopreempt", 0, ""),
        (
            "state MASTER\nnopreempt",
            5,
            "nopreempt will not work with initial state MASTER - clearing",
        ),
        ("state BACKUP\npreempt_delay 5", 0, ""),
        (
            "state MASTER\nstate BACKUP",
            5,
            "state previously set as MASTER",
        ),
        (
            "authentication {\n auth_type PASS\n auth_pass 1111\n}",
            0,
            "",
        ),
        (
            "authentication {\n auth_type PASS\n auth_pass 123456789\n}",
            5,
            "Truncating auth_pass to 8 characters",
        ),
        (
            "authentication {\n auth_type pass\n auth_pass 1111\n}",
            5,
            "unknown auth_type 'pass'",
        ),
        ("authentication {\n auth_type AH\n auth_pass 1111\n}", 0, ""),
        (
            "authentication {\n auth_type AH\n auth_pass 1111\n}\nstate MASTER",
            5,
            "initial state MASTER with auth_type AH: starting as BACKUP",
        ),
        ("authentication {\n auth_type PASS\n}", 5, "has no password"),
        (
            "authentication {\n auth_type PASS auth_pass 1111\n}",
            5,
            "'auth_pass' starts another statement",
        ),
        (
            "nopreempt authentication {\n auth_type PASS\n auth_pass 1111\n}",
            5,
            "'authentication' starts another statement",
        ),
        (
            "track_interface {\n eth0\n}",
            5,
            "Ignoring track_interface eth0 since own interface",
        ),
        ("track_interface {\n eth1\n}", 0, ""),
        ("track_interface {\n eth1 weight -20\n}", 0, ""),
        (
            "track_interface {\n eth1 weight 254\n}",
            5,
            "weight 254 is outside",
        ),
        (
            "track_interface {\n eth7\n}",
            5,
            "tracked interface eth7 doesn't exist",
        ),
        (
            "track_interface eth0\nadvert_int 1",
            5,
            "Missing '{' after track_interface",
        ),
        (
            "track_script {\n chk\n}",
            5,
            "track script chk not found, ignoring...",
        ),
        ("track_script { chk }", 5, "track script chk not found"),
        (
            "virtual_ipaddress {\n 10.0.0.2/33\n}",
            5,
            "invalid prefix length",
        ),
        (
            "virtual_ipaddress {\n 10.0.0.2 /24\n}",
            5,
            "unknown address option '/24'",
        ),
        (
            "virtual_ipaddress {\n 10.0.0.2/255.255.255.0\n}",
            5,
            "invalid prefix length",
        ),
        (
            "virtual_ipaddress {\n 10.0.0.300\n}",
            5,
            "VRRP parsed invalid IP 10.0.0.300. skipping IP...",
        ),
        ("virtual_ipaddress {\n 10.0.0.016\n}", 5, "invalid IP"),
        ("virtual_ipaddress {\n www.example.org\n}", 5, "invalid IP"),
        (
            "virtual_ipaddress {\n 10.0.0.2 10.0.0.3\n}",
            5,
            "unknown address option '10.0.0.3'",
        ),
        (
            "virtual_ipaddress {\n 10.0.0.2/24 brd + dev eth1 label eth1:0 scope link\n}",
            0,
            "",
        ),
        (
            "virtual_ipaddress {\n 10.0.0.2/24 label a-label-that-is-too-long\n}",
            5,
            "is too long",
        ),
        (
            "virtual_ipaddress {\n 10.0.0.1/24\n}",
            5,
            "duplicate virtual address 10.0.0.1",
        ),
        (
            "virtual_ipaddress {\n 2001:db8::1/64\n}",
            5,
            "address family of 2001:db8::1 differs",
        ),
        ("virtual_ipaddress {\n <VIP>\n}", 5, "invalid IP <VIP>"),
        ("lvs_sync_daemon_interface eth0", 5, "is deprecated"),
        (
            "lvs_sync_daemon_inteface eth0",
            5,
            "Unknown keyword 'lvs_sync_daemon_inteface'",
        ),
        ("notify_master /usr/bin/notify", 6, "SECURITY VIOLATION"),
        (
            "notify_master \"/usr/bin/notify a b\" nobody",
            5,
            "Unable to set uid/gid for script",
        ),
        ("notify_master", 2, "notify_master needs a value"),
        (
            "notify_master /no/such",
            5,
            "Unable to access script `/no/such`",
        ),
        (
            "notify_master /usr/bin/notify\nnotify_master /usr/bin/check",
            6,
            "already been specified",
        ),
        ("garp_master_delay 10x", 5, "WARNING - invalid number '10x'"),
        ("garp_master_repeat 0", 5, "must be greater than 0"),
        (
            "smtp_alert maybe",
            5,
            "Invalid smtp_alert parameter 'maybe'",
        ),
        ("smtp_alert", 0, ""),
        (
            "interface eth9",
            4,
            "interface eth9 for vrrp_instance VI_1 doesn't exist",
        ),
        ("interface lo", 5, "cannot use a loopback interface"),
        (
            "unknown_block {\n priority 5\n}",
            5,
            "Unknown keyword 'unknown_block'",
        ),
        ("unicast_src_ip", 2, "unicast_src_ip needs a value"),
        (
            "unicast_src_ip 10.0.0.9",
            5,
            "without any unicast peers. Defaulting to multicast.",
        ),
        ("unicast_peer {\n 10.0.0.8\n}", 0, ""),
        ("use_vmac", 0, ""),
        ("version 3", 0, ""),
        ("strict_mode", 0, "will not answer"),
        (
            "strict_mode\nauthentication {\n auth_type PASS\n auth_pass 1\n}",
            5,
            "Strict mode does not support authentication.",
        ),
    ];
    for row @ (lines, _, message) in CASES.iter().copied() {
        let loaded = with(lines);
        let shown = judge(&loaded, row);
        let faults = loaded
            .diagnostics
            .iter()
            .filter(|d| !matches!(d.class, Class::Unimplemented))
            .count();
        assert!(!message.is_empty() || faults == 0, "{lines}\n{shown:#?}");
    }
}

#[test]
fn defaults_of_an_instance() {
    let loaded = with("");
    let vi = only(&loaded);
    assert_eq!(
        (
            vi.name.as_str(),
            vi.interface.as_str(),
            vi.virtual_router_id,
            vi.priority
        ),
        ("VI_1", "eth0", 51, 100)
    );
    assert_eq!(
        (vi.initial_state, vi.advert_interval, vi.down_timer_adverts),
        (InitialState::Backup, Duration::from_secs(1), 3)
    );
    assert_eq!(vi.multicast_group.to_string(), "224.0.0.18");
    assert_eq!(vi.authentication, Authentication::None);
    assert_eq!(
        (
            vi.garp.master_delay,
            vi.garp.master_repeat,
            vi.garp.lower_prio_repeat
        ),
        (Duration::from_secs(5), 5, 5)
    );
    assert_eq!(
        (
            vi.virtual_addresses[0].prefix,
            vi.virtual_addresses[0].scope
        ),
        (24, 0)
    );
}

#[test]
fn master_without_priority_owns_the_addresses() {
    let loaded = read(
        "vrrp_instance A {\n state MASTER\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}\n",
    );
    assert_eq!(
        (only(&loaded).priority, only(&loaded).initial_state),
        (255, InitialState::Master)
    );
}

#[test]
fn address_options_are_taken_in() {
    let loaded = with(
        "virtual_ipaddress {\n 10.0.1.2/28 brd + dev eth1 label eth1:x scope host\n 10.0.1.3 peer 10.0.1.9/32 home\n}",
    );
    let [_, first, second] = only(&loaded).virtual_addresses.as_slice() else {
        panic!("three addresses")
    };
    assert_eq!(
        first.broadcast.map(|b| b.to_string()).as_deref(),
        Some("10.0.1.15")
    );
    assert_eq!(
        (
            first.interface.as_deref(),
            first.label.as_deref(),
            first.scope
        ),
        (Some("eth1"), Some("eth1:x"), 254)
    );
    assert_eq!((second.prefix, second.flags), (32, 0x10));
    assert_eq!(
        second.peer.map(|(peer, prefix)| (peer.to_string(), prefix)),
        Some(("10.0.1.9".to_owned(), 32))
    );
}

#[test]
fn an_address_option_without_its_value_is_not_called_unknown() {
    for option in [
        "dev",
        "broadcast",
        "brd",
        "label",
        "scope",
        "peer",
        "preferred_lft",
        "track_group",
    ] {
        let loaded = with(&format!("virtual_ipaddress {{\n 10.0.0.9/24 {option}\n}}"));
        let message = format!("address option '{option}' needs a value");
        assert!(said(&loaded, &message), "{option}");
        assert_eq!(only(&loaded).virtual_addresses.len(), 2, "{option}");
    }
}

#[test]
fn routes_and_rules_of_an_instance() {
    let loaded = with(
        "virtual_routes {\n 10.1.0.0/16 via 10.0.0.254 dev eth1 mtu lock 1400 rtt 1s\n 10.2.0.0/16 dev lo no_track protocol 4\n}\n\
         virtual_rules {\n from 10.1.0.0/16 table 5\n from 10.2.0.0/16 table 6\n to fd00::/8 table 7\n}\n\
         virtual_ipaddress_excluded {\n fd00::1/64\n 10.0.0.1\n}",
    );
    let vi = only(&loaded);
    let [first, second] = vi.holdings.routes.as_slice() else {
        panic!("two routes: {:?}", vi.holdings);
    };
    let metrics: Vec<(u16, u32)> = first.metrics.iter().map(|m| (m.kind, m.value)).collect();
    assert_eq!(
        (metrics, first.locked),
        (vec![(2, 1400), (4, 8000)], 1 << 2)
    );
    assert_eq!((first.protocol, second.protocol), (18, 4));
    assert!(first.tracked && !second.tracked);
    let preferences: Vec<u32> = vi.holdings.rules.iter().map(|r| r.preference).collect();
    assert_eq!(preferences, [16384, 16383, 16384]);
    let tracked: Vec<&str> = vi
        .tracked_interfaces
        .iter()
        .map(|line| line.interface.as_str())
        .collect();
    assert_eq!(
        tracked,
        ["eth1"],
        "the interface of a route that is tracked"
    );
    let [excluded] = vi.holdings.addresses.as_slice() else {
        panic!("10.0.0.1 is a virtual address already: {:?}", vi.holdings);
    };
    assert_eq!(excluded.address.to_string(), "fd00::1");
}
