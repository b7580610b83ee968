//! What people write around instances: other blocks, unknown ones, rubbish.

use super::*;
use nix::time::{ClockId, clock_gettime};

#[test]
fn what_people_write_around_instances() {
    const VI: &str = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";
    const CASES: &[Row] = &[
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
        ("global_defs {\n random_seed 7\n}", 0, ""),
        (
            "global_defs { random_seed 7 }",
            5,
            "random_seed is not the first word of its line",
        ),
        (
            "global_defs { include_check match\n}",
            5,
            "include_check is not the first word of its line",
        ),
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
    for row @ (lines, _, _) in CASES.iter().copied() {
        let loaded = read(format!("{lines}\n{VI}"));
        let shown = judge(&loaded, row);
        // Whatever stands around it, an instance runs.
        assert!(
            !loaded.model.vrrp.instances.is_empty() || lines.contains("VI_1 {"),
            "{lines}\n{shown:#?}"
        );
    }
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
fn a_file_of_rubbish_is_refused_quickly() {
    // Advice is looked for only while messages are kept; with it for each line this took a quarter of a minute.
    // Of this thread's own time, as the machine may be busy with other things.
    let spent =
        || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock"));
    let begun = spent();
    let loaded = read("blah blah blah\n".repeat(100_000));
    assert!(spent() - begun < Duration::from_secs(8));
    assert!(loaded.refused());
    assert_eq!(
        loaded.diagnostics.iter().len(),
        crate::config::diagnostic::KEPT
    );
    assert!(loaded.diagnostics.dropped() > 90_000);
}
