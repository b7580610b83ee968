//! The words about the kernel's load balancer.

use super::{read as load, said};
use crate::config::diagnostic::status;
use crate::config::model::{Ipvs, IpvsNamespace, IpvsTimeouts, NetlinkBuffer, SyncSettings};

const INSTANCE: &str = "vrrp_instance QUAY {\n interface eth0\n virtual_router_id 51\n LINE\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";

fn sync(instance: Option<&str>, id: u8) -> Option<SyncSettings> {
    Some(SyncSettings {
        interface: "eth0".into(),
        instance: instance.map(str::to_owned),
        id,
        max_length: None,
        port: None,
        ttl: None,
        group: None,
    })
}

/// What is read from lines of `global_defs`, with an instance that has a line, and whether something was found wrong.
fn read(lines: &str, line: &str) -> (Ipvs, bool) {
    let text = format!(
        "global_defs {{\n{lines}\n}}\n{}",
        INSTANCE.replace("LINE", line)
    );
    let loaded = load(text);
    assert!(!said(&loaded, "not implemented"), "{lines}");
    // The word of an instance is deprecated, which is said.
    let faults = loaded
        .diagnostics
        .iter()
        .filter(|it| !it.message.contains("deprecated"));
    let faulty = faults.count() > 0;
    if line.is_empty() {
        let clean = loaded.diagnostics.exit_status() == status::CLEAN;
        assert_eq!(clean, !faulty, "{lines}");
    }
    (loaded.model.global.ipvs, faulty)
}

#[test]
fn flushing_and_buffers() {
    let (flushed, _) = read("lvs_flush\n lvs_flush_on_stop", "");
    assert!(flushed.flush && flushed.flush_on_stop);
    let (own, faulty) = read("lvs_flush_on_stop VS", "");
    assert!(!own.flush && !own.flush_on_stop && !faulty);
    // As files of old have it.
    let old = load("global_defs {\n lvs_flush_onstop\n}\n".to_owned());
    assert!(old.model.global.ipvs.flush_on_stop);
    let lines = "lvs_netlink_cmd_rcv_bufs 100000\n lvs_netlink_monitor_rcv_bufs 300000\n lvs_netlink_monitor_rcv_bufs_force";
    let wanted = NetlinkBuffer {
        bytes: 300_000,
        force: true,
    };
    assert_eq!(read(lines, "").0.netlink, Some(wanted));
}

#[test]
fn draining() {
    let drains = |lines| read(lines, "").0.drain_timeout;
    assert_eq!(drains(""), None);
    assert_eq!(
        drains("lvs_drain_timeout 90.5"),
        Some(std::time::Duration::from_millis(90_500))
    );
    assert!(read("lvs_drain_timeout soon", "").1);
}

#[test]
fn timeouts() {
    let all = |tcp, tcp_fin, udp| Some(IpvsTimeouts { tcp, tcp_fin, udp });
    for (line, wanted, faulty) in [
        ("tcp 900 tcpfin 60 udp 30", all(900, 60, 30), false),
        ("udp 30", all(0, 0, 30), false),
        ("tcp 2678400", all(2_678_400, 0, 0), false),
        ("tcp 2678401 udp 5", all(0, 0, 5), true),
        ("icmp udp 5", all(0, 0, 5), true),
        ("tcp 5 udp", all(5, 0, 0), true),
        ("tcp", None, true),
        ("tcp 0", None, false),
    ] {
        let (read, was_faulty) = read(&format!("lvs_timeouts {line}"), "");
        assert_eq!((read.timeouts, was_faulty), (wanted, faulty), "{line}");
    }
}

#[test]
fn the_daemon_of_an_instance_has_its_number_unless_told() {
    for (line, wanted, faulty) in [
        ("eth0", sync(None, 0), false),
        ("eth0 id 4", sync(None, 4), false),
        ("eth0 QUAY", sync(Some("QUAY"), 51), false),
        ("eth0 inst QUAY", sync(Some("QUAY"), 51), false),
        ("eth0 QUAY 9", sync(Some("QUAY"), 9), false),
        ("eth0 inst QUAY id 0", sync(Some("QUAY"), 0), false),
        ("eth0 QUAY id 256", sync(Some("QUAY"), 51), true),
        ("eth0 NOBODY", None, true),
    ] {
        let (read, was_faulty) = read(&format!("lvs_sync_daemon {line}"), "");
        assert_eq!((read.sync, was_faulty), (wanted, faulty), "{line}");
    }
    let (all, _) = read(
        "lvs_sync_daemon eth0 QUAY maxlen 1400 port 9000 ttl 4 group 224.0.0.99",
        "",
    );
    let wanted = SyncSettings {
        max_length: Some(1400),
        port: Some(9000),
        ttl: Some(4),
        group: "224.0.0.99".parse().ok(),
        ..sync(Some("QUAY"), 51).expect("settings")
    };
    assert_eq!(all.sync, Some(wanted));
    let (old, _) = read("", "lvs_sync_daemon_interface eth0");
    assert_eq!(old.sync, sync(Some("QUAY"), 0));
    let (both, faulty) = read(
        "lvs_sync_daemon eth0 id 7",
        "lvs_sync_daemon_interface eth0",
    );
    assert_eq!((both.sync, faulty), (sync(None, 7), true));
}

#[test]
fn a_namespace_of_its_own() {
    for (line, wanted) in [
        ("", IpvsNamespace::Same),
        ("net_namespace_ipvs", IpvsNamespace::Original),
        (
            "net_namespace_ipvs blue",
            IpvsNamespace::Named("blue".into()),
        ),
    ] {
        let loaded = load(format!("{line}\n{}", INSTANCE.replace("LINE", "")));
        assert_eq!(loaded.model.global.ipvs.namespace, wanted, "{line}");
    }
}
