//! Whole configurations: what people write, and what is made of it.

use super::diagnostic::{Class, status};
use super::model::{
    Authentication, BufferPolicy, DumpPlace, Files, InitialState, NetlinkBuffer, Processes,
    ReloadCheck, ReloadFile, Scheduling, VrrpInstance,
};
use super::source::Memory;
use super::world::Imagined;
use super::{Loaded, Options, load};
use std::path::PathBuf;
use std::time::Duration;

/// A host with eth0, eth1 and lo, root, and a few programs.
fn world() -> Imagined {
    Imagined {
        interfaces: Some(["lo", "eth0", "eth1"].map(str::to_owned).into()),
        programs: Some(
            ["/usr/bin/check", "/usr/bin/notify", "pidof", "killall"]
                .map(str::to_owned)
                .into(),
        ),
        ..Imagined::generous()
    }
}

fn read(text: impl Into<Vec<u8>>) -> Loaded {
    let path = "/etc/keepalived/keepalived.conf";
    let options = Options {
        path: PathBuf::from(path),
        ..Options::default()
    };
    load(&options, &Memory::default().with(path, text), &world())
}

/// An instance that has all it needs, and some more lines.
fn with(lines: &str) -> Loaded {
    read(format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority 100\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n{lines}\n}}\n"
    ))
}

fn only(loaded: &Loaded) -> &VrrpInstance {
    assert_eq!(
        loaded.model.vrrp.instances.len(),
        1,
        "{:#?}",
        loaded.diagnostics.iter().collect::<Vec<_>>()
    );
    &loaded.model.vrrp.instances[0]
}

fn said(loaded: &Loaded, part: &str) -> bool {
    loaded.diagnostics.iter().any(|d| d.message.contains(part))
}

#[test]
fn what_people_write_in_an_instance() {
    // Lines, the exit status of -t, a part of a message ("" = none but of what is not implemented yet).
    const CASES: &[(&str, i32, &str)] = &[
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
    for (lines, expected, message) in CASES {
        let loaded = with(lines);
        let shown: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|d| format!("{:?}: {}", d.class, d.message))
            .collect();
        assert_eq!(
            loaded.diagnostics.exit_status(),
            *expected,
            "{lines}\n{shown:#?}"
        );
        assert!(
            message.is_empty() || said(&loaded, message),
            "{lines}\n{shown:#?}"
        );
        let faults = loaded
            .diagnostics
            .iter()
            .filter(|d| !matches!(d.class, Class::Unimplemented))
            .count();
        assert!(!message.is_empty() || faults == 0, "{lines}\n{shown:#?}");
    }
}

#[test]
fn what_people_write_around_instances() {
    const VI: &str = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";
    const CASES: &[(&str, i32, &str)] = &[
        ("", 0, ""),
        ("global_defs{router_id x}", 0, ""),
        ("global_defs {\n router_id\n}", 5, "router_id needs a value"),
        (
            "global_defs {\n vrrp_garp_interval 0\n}",
            5,
            "number '0' outside range [0.000001, 4294.967295]",
        ),
        ("global_defs {\n lvs_id x\n}", 5, "Unknown keyword 'lvs_id'"),
        (
            "global_defs {\n notification_email {\n }\n}",
            5,
            "empty notification_email block",
        ),
        (
            "global_defs {\n smtp_server no.such.host\n}",
            5,
            "Invalid smtp server no.such.host 25",
        ),
        (
            "global_defs {\n vrrp_mcast_group4 10.0.0.1\n}",
            5,
            "is not an IPv4 multicast address",
        ),
        ("global_defs {\n umask IRWXG|IRWXO\n}", 0, ""),
        ("global_defs {\n umask 999\n}", 5, "invalid umask"),
        (
            "vrrp_sync_group G {\n group {\n VI_1\n }\n}",
            5,
            "only 1 virtual router(s)",
        ),
        (
            "vrrp_sync_group G {\n group {\n VI_2\n }\n}",
            5,
            "Virtual router VI_2 specified in sync group G doesn't exist",
        ),
        ("vrrp_sync_group G {\n}", 5, "has no virtual router(s)"),
        ("vrrp_instance {\n}", 5, "vrrp_instance must have a name"),
        ("vrrp_instance VI_1 {\n}", 5, "already defined"),
        (
            "vrrp_instance VI 2 {\n interface eth1\n virtual_router_id 3\n virtual_ipaddress { 10.9.9.9 }\n}",
            5,
            "has extra parameters 2",
        ),
        (
            "vrrp_instance VI_2 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress { 10.9.9.9 }\n}",
            5,
            "VRID 51 is duplicated",
        ),
        (
            "vrrp_instance VI_2 {\n interface eth1\n virtual_router_id 51\n virtual_ipaddress { 10.9.9.9 }\n}",
            0,
            "",
        ),
        (
            "vrrp_instance VI_2 {\n interface eth1\n virtual_router_id 51\n virtual_ipaddress { 10.0.0.1 }\n}",
            5,
            "VIP 10.0.0.1 is also in",
        ),
        (
            "vrrp_script s {\n script \"/usr/bin/check\"\n}",
            6,
            "SECURITY VIOLATION",
        ),
        ("vrrp_script s {\n}", 5, "No script set"),
        ("vrrp_script s {\n script\n}", 5, "script needs a value"),
        ("vrrp_script {\n}", 2, "vrrp_script needs a value"),
        (
            "vrrp_script s {\n script \" pidof nginx \"\n interval 0.5\n}",
            6,
            "SECURITY",
        ),
        (
            "vrrp_script s {\n script\" pidof nginx \"\n}",
            6,
            "SECURITY",
        ),
        ("vrrp_script s {\n script \"pidof nginx\n}", 5, "not closed"),
        (
            "global_defs {\n enable_script_security\n}\nvrrp_script s {\n script pidof\n}",
            5,
            "Unable to set default user",
        ),
        (
            "vvrp_script s {\n script x\n}",
            5,
            "Unknown keyword 'vvrp_script'",
        ),
        ("priority 100", 5, "Unknown keyword 'priority'"),
        ("static_ipaddress {\n 10.3.0.1/24 dev eth0\n}", 0, ""),
        (
            "static_ipaddress {\n 10.3.0.1/24 dev eth9\n}",
            4,
            "eth9 doesn't exist",
        ),
        (
            "static_routes {\n 10.4.0.0/16 via 10.0.0.254 dev eth0\n}",
            0,
            "",
        ),
        (
            "static_routes {\n 10.4.0.0/16 via 2001:db8::1\n}",
            5,
            "another address family",
        ),
        (
            "static_rules {\n from 10.0.0.0/8 table 5 preference 100\n}",
            0,
            "",
        ),
        ("static_rules {\n from 10.0.0.0/8\n}", 5, "no action"),
        ("}", 5, "without a block to close"),
        ("interface_up_down_delays {\n eth0 0.5 1\n}", 0, ""),
        (
            "garp_group {\n garp_interval 0.1\n interfaces {\n eth0 eth1\n }\n}",
            0,
            "",
        ),
        (
            "garp_group {\n interface eth0\n}",
            5,
            "has no garp_interval",
        ),
        ("track_file f {\n file /run/f\n}", 0, ""),
        ("track_file f {\n}", 5, "No file set"),
        (
            "vrrp_track_process p {\n process nginx\n quorum 2\n quorum_max 1\n}",
            5,
            "above quorum_max",
        ),
    ];
    for (lines, expected, message) in CASES {
        let loaded = read(format!("{lines}\n{VI}"));
        let shown: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|d| format!("{:?}: {}", d.class, d.message))
            .collect();
        assert_eq!(
            loaded.diagnostics.exit_status(),
            *expected,
            "{lines}\n{shown:#?}"
        );
        assert!(
            message.is_empty() || said(&loaded, message),
            "{lines}\n{shown:#?}"
        );
        // Whatever stands around it, an instance runs.
        assert!(
            !loaded.model.vrrp.instances.is_empty() || lines.contains("VI_1 {"),
            "{lines}\n{shown:#?}"
        );
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
fn global_settings_reach_instances_wherever_they_stand() {
    let text = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n garp_master_delay 2\n}\n\
                global_defs {\n vrrp_mcast_group4 224.0.100.100\n vrrp_garp_master_delay 7\n vrrp_garp_lower_prio_repeat 1\n \
                vrrp_garp_interval 0.001\n vrrp_down_timer_adverts 4\n vrrp_skip_check_adv_addr\n}\n\
                vrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n skip_check_adv_addr off\n}\n";
    let loaded = read(text);
    let [a, b] = loaded.model.vrrp.instances.as_slice() else {
        panic!("two instances")
    };
    assert_eq!(a.multicast_group.to_string(), "224.0.100.100");
    assert_eq!(
        (a.garp.master_delay, b.garp.master_delay),
        (Duration::from_secs(2), Duration::from_secs(7))
    );
    assert_eq!(
        (a.garp.lower_prio_delay, b.garp.lower_prio_delay),
        (Duration::from_secs(2), Duration::from_secs(7))
    );
    assert_eq!(
        (
            a.garp.lower_prio_repeat,
            a.garp.interval,
            a.down_timer_adverts
        ),
        (1, Duration::from_millis(1), 4)
    );
    assert_eq!(
        (a.skip_check_adv_addr, b.skip_check_adv_addr),
        (true, false)
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

#[test]
fn an_unknown_block_loses_only_itself() {
    let loaded = read(
        "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n strange_block {\n x {\n y\n }\n }\n priority 77\n \
         virtual_ipaddress { 10.0.0.1 }\n}\nstranger {\n a\n}\n\
         vrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n}\n",
    );
    let [a, b] = loaded.model.vrrp.instances.as_slice() else {
        panic!("two instances")
    };
    assert_eq!((a.priority, b.virtual_router_id), (77, 2));
    assert_eq!(
        loaded
            .diagnostics
            .iter()
            .filter(|d| d.class == Class::UnknownKeyword)
            .count(),
        2
    );
}

#[test]
fn a_whole_instance_on_one_line_works() {
    let loaded = read(
        "vrrp_instance A { state MASTER interface eth0 virtual_router_id 9 priority 120 authentication { auth_type PASS auth_pass x } \
         virtual_ipaddress { 10.0.0.1 } }\n",
    );
    let vi = only(&loaded);
    assert_eq!(
        (vi.priority, vi.virtual_router_id, vi.initial_state),
        (120, 9, InitialState::Master)
    );
    assert!(matches!(vi.authentication, Authentication::Pass(_)));
    assert_eq!(loaded.diagnostics.exit_status(), status::CONFIGURATION);
}

#[test]
fn what_is_not_implemented_is_said_once_a_keyword() {
    let instance = |id: u8| {
        format!(
            "vrrp_instance V{id} {{\n interface eth0\n virtual_router_id {id}\n smtp_alert\n virtual_ipaddress {{ 10.0.0.{id} }}\n}}\n"
        )
    };
    let loaded = read(format!(
        "global_defs {{\n enable_snmp_checker\n}}\n{}{}{}",
        instance(1),
        instance(2),
        instance(3)
    ));
    let said: Vec<&str> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.class == Class::Unimplemented)
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(
        said,
        [
            "enable_snmp_checker is not implemented yet; it has no effect",
            "smtp_alert is not implemented yet; it has no effect (3 places)"
        ]
    );
    assert_eq!(loaded.diagnostics.exit_status(), status::CLEAN);
}

#[test]
fn every_missing_argument_is_reported() {
    let loaded = with("priority\nadvert_int\ndebug");
    assert_eq!(
        loaded
            .diagnostics
            .iter()
            .filter(|d| d.class == Class::MissingArgument)
            .count(),
        3
    );
    assert!(loaded.refused());
}

#[test]
fn nothing_to_run_is_refused() {
    for text in [
        "",
        "global_defs {\n router_id x\n}\n",
        "vrrp_instance {\n}\n",
    ] {
        let loaded = read(text);
        assert!(
            loaded.refused() && loaded.diagnostics.exit_status() != status::CLEAN,
            "{text}"
        );
    }
}

#[test]
fn messages_have_a_place_and_secrets_stay_secret() {
    let loaded = with("authentication {\n auth_type PASS\n auth_pass verysecret\n}\npriority abc");
    for diagnostic in loaded.diagnostics.iter() {
        assert!(
            !diagnostic.message.contains("verysec"),
            "{}",
            diagnostic.message
        );
        assert!(diagnostic.span.is_some(), "{}", diagnostic.message);
    }
    let wrong = loaded
        .diagnostics
        .iter()
        .find(|d| d.message.contains("invalid number 'abc'"))
        .and_then(|d| d.span)
        .expect("a place");
    assert_eq!((wrong.line, wrong.column, wrong.length), (12, 10, 3));
    assert!(!format!("{:?}", loaded.model).contains("verysec"));
}

#[test]
fn a_file_of_rubbish_is_refused_quickly() {
    // Advice is looked for only while messages are kept; with it for each line this took a quarter of a minute.
    let begun = std::time::Instant::now();
    let loaded = read("blah blah blah\n".repeat(100_000));
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert!(loaded.refused());
    assert_eq!(loaded.diagnostics.iter().len(), super::diagnostic::KEPT);
    assert!(loaded.diagnostics.dropped() > 90_000);
}

#[test]
fn a_missing_argument_is_said_with_what_to_write() {
    let loaded = with("priority\nauthentication {\n auth_type\n}");
    assert_eq!(loaded.diagnostics.exit_status(), status::MISSING_ARGUMENT);
    assert!(said(&loaded, "priority needs a value"));
    assert!(said(&loaded, "auth_type needs a value"));
}

#[test]
fn names_of_processes() {
    let loaded = read(
        "global_defs {\n process_names\n process_name parent\n vrrp_process_name gr\u{fc}ne_grenze_xyz\n lvs_process_name old\n}\n",
    );
    let names = &loaded.model.global.process_names;
    assert!(names.children);
    assert_eq!(names.parent.as_deref(), Some("parent"));
    // 15 bytes, and whole characters.
    assert_eq!(names.vrrp.as_deref(), Some("gr\u{fc}ne_grenze_x"));
    assert!(said(&loaded, "vrrp_process_name"));
    assert_eq!(names.checker.as_deref(), Some("old"));
    assert!(!said(&loaded, "process_name is not implemented"));
    assert!(!said(&loaded, "process_names is not implemented"));
}

#[test]
fn how_processes_are_run() {
    let loaded = read(
        "global_defs {\n vrrp_priority -20\n vrrp_rt_priority 99\n vrrp_no_swap\n vrrp_cpu_affinity 3 1 3\n vrrp_rlimit_rtime 5000\n \
         checker_priority 19\n checker_cpu_affinity 0\n checker_cpu_affinity x\n max_auto_priority\n min_auto_priority_delay 5\n}\n",
    );
    let processes = &loaded.model.global.processes;
    let vrrp = Scheduling {
        nice: Some(-20),
        realtime: Some(99),
        realtime_limit: Duration::from_millis(5),
        no_swap: true,
        cpus: vec![1, 3],
    };
    assert_eq!(processes.vrrp, vrrp);
    assert_eq!(processes.checker.cpus, [0], "a bad line changes nothing");
    assert_eq!(processes.checker.nice, Some(19));
    assert_eq!(
        (processes.ascent.ceiling, processes.ascent.delay),
        (99, Duration::from_micros(5))
    );
    assert!(said(&loaded, "invalid checker_cpu_affinity 'x'"));
    let refused = read(
        "global_defs {\n vrrp_priority -21\n vrrp_rt_priority 0\n vrrp_rlimit_rttime 0\n max_auto_priority -1\n}\n",
    );
    assert_eq!(refused.model.global.processes, Processes::default());
}

#[test]
fn files_for_people() {
    let of = |lines: &str| read(format!("global_defs {{\n{lines}\n}}\n"));
    let loaded = of(
        "data_use_instance\n state_dump_file /var/d/\n stats_dump_file /s/t\n json_dump_file a/b\n json_version 2\n \
         reload_check_config /c\n reload_file\n reload_time_file /t\n reload_repeat\n config_save_dir /s",
    );
    let expected = Files {
        data_use_instance: true,
        state_dump: Some(DumpPlace::Directory("/var/d/".into())),
        stats_dump: Some(DumpPlace::File("/s/t".into())),
        json_dump: Some(DumpPlace::Name("b".into())),
        json_version_2: true,
        reload_check: Some(ReloadCheck::File("/c".into())),
        reload_file: Some(ReloadFile::Usual),
        reload_time: Some("/t".into()),
        reload_repeat: true,
        save_directory: Some("/s".into()),
    };
    assert_eq!(loaded.model.global.files, expected);
    for (line, message) in [
        ("state_dump_file a/", "names no file"),
        ("reload_file x", "not an absolute path"),
        ("reload_time_file x", "not an absolute path"),
        ("config_save_dir ../x", "not an absolute path"),
        ("json_version 3", "3"),
        ("iproute_etc_dir x", "is no directory"),
    ] {
        let loaded = of(line);
        assert!(said(&loaded, message), "{line}");
        assert_eq!(loaded.model.global.files, Files::default(), "{line}");
    }
    let noted = of("tmp_config_directory /tmp");
    assert!(said(&noted, "tmp_config_directory has nothing to do"));
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

#[test]
fn how_much_may_wait_at_sockets() {
    let buffers = |lines: &str| {
        let loaded = read(format!("global_defs {{\n{lines}\n}}\n"));
        let said = loaded.diagnostics.iter().map(|d| d.message.clone());
        (loaded.model.global.buffers, said.collect::<Vec<_>>())
    };
    for (lines, policy, complaint) in [
        ("", None, ""),
        ("vrrp_rx_bufs_policy MTU", Some(BufferPolicy::Mtu), ""),
        ("vrrp_rx_bufs_policy ADVERT", Some(BufferPolicy::Advert), ""),
        (
            "vrrp_rx_bufs_policy 65536",
            Some(BufferPolicy::Bytes(65536)),
            "",
        ),
        (
            "vrrp_rx_bufs_policy ADVERT MTU",
            Some(BufferPolicy::Mtu),
            "'MTU' stands beside another policy",
        ),
        (
            "vrrp_rx_bufs_policy 4096 MTU",
            Some(BufferPolicy::Bytes(4096)),
            "'MTU' stands beside another policy",
        ),
        ("vrrp_rx_bufs_policy mtu", None, "'mtu' is no policy"),
        ("vrrp_rx_bufs_policy 0", None, "'0' is no policy"),
    ] {
        let (buffers, said) = buffers(lines);
        assert_eq!(buffers.policy, policy, "{lines}");
        assert_eq!(
            said.iter().any(|message| message.contains("policy")),
            !complaint.is_empty(),
            "{lines}: {said:?}"
        );
        assert!(
            said.iter().any(|message| message.contains(complaint)),
            "{lines}: {said:?}"
        );
    }
    let (read, _) = buffers(
        "vrrp_rx_bufs_multiplier 7\n vrrp_netlink_cmd_rcv_bufs 0\n vrrp_netlink_monitor_rcv_bufs 500000\n \
         vrrp_netlink_monitor_rcv_bufs_force",
    );
    assert_eq!(read.multiplier, 7);
    let forced = NetlinkBuffer {
        bytes: 500_000,
        force: true,
    };
    assert_eq!(read.netlink, Some(forced));
    assert_eq!(
        only(&with("kernel_rx_buf_size 9000")).receive_buffer,
        Some(9000)
    );
    assert_eq!(only(&with("kernel_rx_buf_size 0")).receive_buffer, None);
}
