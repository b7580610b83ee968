//! Accept mode, strict mode and the words about the packet filter: what they mean together, and what is said of them.

use crate::config::Loaded;
use crate::config::model::{Firewall, VrrpInstance};
use crate::config::tests::read_on;
use crate::config::world::Imagined;

fn read(global: &str, lines: &str, address: &str) -> Loaded {
    let text = format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance A {{\n interface eth0\n virtual_router_id 51\n{lines}\n virtual_ipaddress {{\n {address}\n }}\n}}\n"
    );
    read_on(&Imagined::generous(), text)
}

fn said(loaded: &Loaded, part: &str) -> bool {
    loaded.diagnostics.iter().any(|d| d.message.contains(part))
}

#[track_caller]
fn only(loaded: &Loaded) -> &VrrpInstance {
    loaded.model.vrrp.instances.first().expect("one instance")
}

const V4: &str = "10.0.0.1";
const V6: &str = "fe80::1";

/// (global words, words of the instance, address, accept, answers, exit status)
type Row = (&'static str, &'static str, &'static str, bool, bool, i32);

#[test]
fn who_accepts() {
    let rows: &[Row] = &[
        ("", "", V4, true, true, 0),
        ("", "accept", V4, true, true, 0),
        ("", "no_accept", V4, false, false, 0),
        ("", "accept\nno_accept", V4, false, false, 0),
        ("", "no_accept\naccept", V4, true, true, 0),
        ("", "no_accept\npriority 255", V4, false, true, 0),
        ("vrrp_strict", "", V4, false, false, 0),
        ("vrrp_strict", "", V6, false, false, 0),
        ("vrrp_strict", "priority 255", V4, true, true, 0),
        ("vrrp_strict", "accept", V4, false, false, 5),
        ("vrrp_strict", "accept", V6, true, true, 0),
        ("vrrp_strict", "accept\nversion 3", V4, true, true, 0),
        ("vrrp_strict", "accept\npriority 255", V4, true, true, 0),
        ("vrrp_strict", "strict_mode off", V4, true, true, 0),
        ("", "strict_mode", V4, false, false, 0),
        ("", "strict_mode off", V4, true, true, 0),
    ];
    for (global, lines, address, accepts, answers, status) in rows {
        let loaded = read(global, lines, address);
        let instance = only(&loaded);
        let got = (
            instance.accept,
            instance.answers(),
            loaded.diagnostics.exit_status(),
        );
        assert_eq!(
            got,
            (*accepts, *answers, *status),
            "{global} {lines} {address}"
        );
        let warned = said(
            &loaded,
            "WARNING - the virtual addresses of A will not answer",
        );
        assert_eq!(warned, !answers, "{global} {lines} {address}");
    }
}

#[test]
fn many_silent_instances_are_one_warning() {
    let more: String = (2..=9)
        .map(|n| format!("vrrp_instance N{n} {{\n interface eth0\n virtual_router_id {n}\n virtual_ipaddress {{\n 10.0.0.{n}\n }}\n}}\n"))
        .collect();
    let text = format!("global_defs {{\n vrrp_strict\n}}\n{more}");
    let loaded = read_on(&Imagined::generous(), text);
    assert!(said(&loaded, "of N2, N3, N4 and 5 more will not answer"));
    assert_eq!(
        loaded
            .diagnostics
            .iter()
            .filter(|d| d.message.contains("will not answer"))
            .count(),
        1
    );
}

/// What strict mode forbids, as keepalived.conf(5) lists it: words, whether the instance runs, what is said.
#[test]
fn strict_mode_forbids() {
    let rows: &[(&str, &str, bool, &str)] = &[
        ("", "", true, ""),
        ("", "version 2\nnative_ipv6", true, "native_ipv6"),
        (
            "",
            "state MASTER\npriority 100",
            true,
            "State MASTER must match being address owner",
        ),
        (
            "",
            "authentication {\n auth_type PASS\n auth_pass 1\n}",
            true,
            "does not support authentication",
        ),
        (
            "",
            "preempt_delay 10",
            true,
            "preempt delay will not work with strict mode",
        ),
        (
            "",
            "garp_lower_prio_repeat 3",
            true,
            "requires no repeat garps",
        ),
        (
            "",
            "lower_prio_no_advert off",
            true,
            "requires no lower priority advert",
        ),
        ("vrrp_lower_prio_no_advert off", "", true, ""),
        (
            "",
            "higher_prio_send_advert",
            true,
            "requires higher_prio_send_advert to be clear",
        ),
        ("vrrp_higher_prio_send_advert", "", true, ""),
        (
            "",
            "down_timer_adverts 5",
            true,
            "requires down_timer_adverts 3",
        ),
        (
            "vrrp_down_timer_adverts 5",
            "",
            true,
            "requires down_timer_adverts 3",
        ),
    ];
    for (global, lines, runs, message) in rows {
        let loaded = read(&format!("vrrp_strict\n{global}"), lines, V4);
        assert_eq!(
            !loaded.model.vrrp.instances.is_empty(),
            *runs,
            "{global} {lines}"
        );
        assert!(
            message.is_empty() || said(&loaded, message),
            "{global} {lines}"
        );
        let instance = only(&loaded);
        assert!(instance.strict);
        assert!(instance.lower_prio_no_advert, "{global} {lines}");
        assert!(!instance.higher_prio_send_advert, "{global} {lines}");
        assert_eq!(instance.down_timer_adverts, 3, "{global} {lines}");
        assert_eq!(instance.garp.lower_prio_repeat, 0, "{global} {lines}");
        assert!(instance.preempt_delay.is_zero(), "{global} {lines}");
        let status = i32::from(!message.is_empty()) * 5;
        assert_eq!(loaded.diagnostics.exit_status(), status, "{global} {lines}");
    }
    let loaded = read("vrrp_strict", "unicast_peer {\n 10.0.0.8\n}", V4);
    assert!(said(
        &loaded,
        "Unicast peers are not supported in strict mode"
    ));
    assert!(loaded.model.vrrp.instances.is_empty());
    let loaded = read("vrrp_strict", "version 2", V6);
    assert!(said(&loaded, "version 2 does not know IPv6"));
    for address in ["", "2001:db8::1"] {
        let loaded = read("vrrp_strict", "", address);
        assert!(loaded.model.vrrp.instances.is_empty(), "'{address}'");
    }
}

#[test]
fn words_about_the_filter() {
    let usual = Firewall::default;
    let named = |table: &str| Firewall {
        table: table.into(),
        ..usual()
    };
    let inbound = || Firewall {
        outbound: false,
        ..usual()
    };
    let long = "x".repeat(256);
    let rows: Vec<(String, Firewall, i32, &str)> = vec![
        ("".into(), usual(), 0, ""),
        ("nftables".into(), usual(), 0, ""),
        ("nftables harbour".into(), named("harbour"), 0, ""),
        (
            "nftables harbour\nnftables quay".into(),
            named("harbour"),
            5,
            "nftables",
        ),
        (format!("nftables {long}"), usual(), 5, "name is too long"),
        (
            "nftables_priority 17\nnftables_counters\nnftables_ifindex".into(),
            Firewall {
                priority: 17,
                counters: true,
                by_index: true,
                ..usual()
            },
            0,
            "",
        ),
        ("nftables_priority x".into(), usual(), 5, ""),
        ("vrrp_iptables".into(), usual(), 0, "is made with nftables"),
        (
            "vrrp_iptables in".into(),
            inbound(),
            0,
            "is made with nftables",
        ),
        (
            "vrrp_iptables in out".into(),
            usual(),
            0,
            "is made with nftables",
        ),
        (
            "nftables\nvrrp_iptables in".into(),
            usual(),
            0,
            "is made with nftables",
        ),
        (
            "vrrp_iptables in\nnftables".into(),
            usual(),
            0,
            "is made with nftables",
        ),
        (
            format!("vrrp_iptables {}", "x".repeat(29)),
            inbound(),
            5,
            "name is too long",
        ),
        ("vrrp_ipsets".into(), usual(), 0, "sets of its own"),
        ("vrrp_ipsets a b".into(), usual(), 0, "sets of its own"),
        ("vrrp_ipsets a a".into(), usual(), 5, "is there twice"),
        (
            format!("vrrp_ipsets {}", "x".repeat(32)),
            usual(),
            5,
            "name is too long",
        ),
    ];
    for (global, wanted, status, message) in rows {
        let loaded = read(&global, "", V4);
        assert_eq!(loaded.model.global.firewall, wanted, "{global}");
        assert_eq!(loaded.diagnostics.exit_status(), status, "{global}");
        assert!(message.is_empty() || said(&loaded, message), "{global}");
    }
}
