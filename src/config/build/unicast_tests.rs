//! Unicast, source addresses, instances without interface, shared virtual router IDs: what is made of the text, and what is said.

use crate::config::Loaded;
use crate::config::diagnostic::{Class, status};
use crate::config::model::{OldChecksum, Transport, UnicastPeer, VrrpInstance};
use crate::config::tests::read_on;
use crate::config::world::Imagined;

fn read(text: &str) -> Loaded {
    read_on(&Imagined::generous(), text)
}

/// An instance without interface.
fn bare(name: &str, lines: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1 dev eth0\n }}\n{lines}\n}}\n"
    )
}

/// One on eth0.
fn on_eth0(name: &str, lines: &str) -> String {
    bare(name, &format!("interface eth0\n{lines}"))
        .replace("10.0.0.1 dev eth0", &format!("10.0.{}.1", name.len()))
}

fn with(lines: &str) -> Loaded {
    read(&on_eth0("VI_1", lines))
}

#[track_caller]
fn only(loaded: &Loaded) -> &VrrpInstance {
    match loaded.model.vrrp.instances.as_slice() {
        [instance] => instance,
        all => panic!("{} instances: {:#?}", all.len(), said(loaded)),
    }
}

fn said(loaded: &Loaded) -> Vec<&str> {
    loaded
        .diagnostics
        .iter()
        .filter(|d| d.class != Class::Unimplemented)
        .map(|d| d.message.as_str())
        .filter(|message| *message != "there is nothing to run in this configuration")
        .collect()
}

fn peer(address: &str, min_ttl: u8, max_ttl: u8) -> UnicastPeer {
    UnicastPeer {
        address: address.parse().expect("an address"),
        min_ttl,
        max_ttl,
    }
}

#[test]
fn peers_and_their_bounds() {
    let loaded = with("unicast_peer {\n 10.0.0.8\n 10.0.0.9\n}\nunicast_peer {\n 10.0.0.10\n}");
    assert_eq!(said(&loaded), [""; 0]);
    let unicast = only(&loaded).transport.unicast.as_ref().expect("unicast");
    let addresses = ["10.0.0.8", "10.0.0.9", "10.0.0.10"];
    assert_eq!(
        unicast.peers,
        addresses.map(|address| peer(address, 0, 255))
    );
    assert_eq!(
        (unicast.ttl, unicast.check_source, unicast.old_checksum),
        (255, false, OldChecksum::Learned)
    );

    let loaded = with(
        "unicast_ttl 3\nold_unicast_checksum never\nunicast_peer {\n 10.0.0.8 max_ttl 254 min_ttl 250\n 10.0.0.9\n}",
    );
    assert_eq!(said(&loaded), [""; 0]);
    let unicast = only(&loaded).transport.unicast.as_ref().expect("unicast");
    assert_eq!(
        unicast.peers,
        [peer("10.0.0.8", 250, 254), peer("10.0.0.9", 0, 255)]
    );
    assert_eq!(
        (unicast.ttl, unicast.check_source, unicast.old_checksum),
        (3, true, OldChecksum::Never),
        "bounds turn check_unicast_src on"
    );
    for (lines, expected) in [
        ("check_unicast_src", true),
        ("global_defs {\n vrrp_check_unicast_src\n}", true),
        ("", false),
    ] {
        let text = match lines.strip_prefix("global_defs") {
            Some(_) => format!(
                "{lines}\n{}",
                on_eth0("VI_1", "unicast_peer {\n 10.0.0.8\n}")
            ),
            None => on_eth0("VI_1", &format!("{lines}\nunicast_peer {{\n 10.0.0.8\n}}")),
        };
        let loaded = read(&text);
        let unicast = only(&loaded).transport.unicast.as_ref().expect("unicast");
        assert_eq!(unicast.check_source, expected, "{lines}");
    }
}

#[test]
fn what_does_not_go_together() {
    const PEER: &str = "unicast_peer {\n 10.0.0.8\n}\n";
    // (lines, what is said, still unicast)
    for (lines, message, unicast) in [
        (
            "unicast_peer {\n 10.0.0.8\n 10.0.0.8\n}",
            "(VI_1) unicast peer 10.0.0.8 is named twice",
            true,
        ),
        (
            "unicast_peer {\n 10.0.0.8 min_ttl 9 max_ttl 8\n}",
            "(VI_1) min_ttl 9 of unicast peer 10.0.0.8 is above its max_ttl 8",
            true,
        ),
        (
            "unicast_peer {\n 10.0.0.8 min_ttl 256\n}",
            "(VI_1) invalid TTL '256'",
            true,
        ),
        (
            "unicast_peer {\n 10.0.0.8 hops\n}",
            "(VI_1) unknown unicast_peer option 'hops'",
            true,
        ),
        (
            "unicast_peer {\n node2\n 10.0.0.8\n}",
            "Configuration error: VRRP instance[VI_1] malformed unicast peer address[node2]. Skipping...",
            true,
        ),
        (
            "unicast_peer {\n 224.0.0.18\n 10.0.0.8\n}",
            "Configuration error: VRRP instance[VI_1] malformed unicast peer address[224.0.0.18]. Skipping...",
            true,
        ),
        (
            "unicast_peer {\n fd00::8\n 10.0.0.8\n}",
            "(VI_1) fd00::8 is of another address family than the virtual addresses - ignoring",
            true,
        ),
        (
            "unicast_src_ip 10.0.0.7\nunicast_peer {\n 10.0.0.7\n 10.0.0.8\n}",
            "(VI_1) unicast peer 10.0.0.7 is our own unicast_src_ip - ignoring",
            true,
        ),
        (
            &format!("mcast_dst_ip 224.0.0.77\n{PEER}"),
            "(VI_1) mcast_dst_ip is not used with unicast peers - ignoring",
            true,
        ),
        (
            "unicast_ttl 5",
            "(VI_1) unicast_ttl is only for instances with unicast peers - ignoring",
            false,
        ),
        (
            "check_unicast_src",
            "(VI_1) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is \
             deprecated - please update your configuration.",
            false,
        ),
    ] {
        let loaded = with(lines);
        assert_eq!(said(&loaded), [message], "{lines}");
        assert_ne!(loaded.diagnostics.exit_status(), status::CLEAN, "{lines}");
        let instance = only(&loaded);
        assert_eq!(instance.transport.unicast.is_some(), unicast, "{lines}");
        if let Some(unicast) = &instance.transport.unicast {
            assert_eq!(unicast.peers, [peer("10.0.0.8", 0, 255)], "{lines}");
        }
        assert_eq!(instance.multicast_group.to_string(), "224.0.0.18");
    }
    let loaded = with("unicast_fault_no_peer");
    assert_eq!(said(&loaded), [""; 0]);
    let unicast = only(&loaded).transport.unicast.as_ref();
    assert!(unicast.is_some_and(|unicast| unicast.peers.is_empty()));
}

#[test]
fn a_source_is_watched_only_where_there_is_one() {
    for (lines, tracked) in [
        ("track_src_ip\nmcast_src_ip 10.0.0.7", true),
        ("mcast_src_ip 10.0.0.7", false),
        ("track_src_ip", false),
    ] {
        let loaded = with(lines);
        assert_eq!(said(&loaded), [""; 0], "{lines}");
        let expected = Transport {
            unicast: None,
            track_source: tracked,
        };
        assert_eq!(only(&loaded).transport, expected, "{lines}");
    }
}

#[test]
fn strict_mode_knows_no_unicast() {
    let loaded = with("strict_mode\nunicast_peer {\n 10.0.0.8\n}");
    assert_eq!(
        said(&loaded),
        ["(VI_1) Unicast peers are not supported in strict mode"]
    );
    assert!(loaded.model.vrrp.instances.is_empty());
}

/// keepalived.conf(5): "if using unicasting, the interface can be omitted".
#[test]
fn without_an_interface() {
    let ends = "unicast_src_ip 10.0.0.7\nunicast_peer {\n 10.0.0.8\n}";
    let loaded = read(&bare("VI_1", ends));
    assert_eq!(said(&loaded), [""; 0]);
    assert!(!only(&loaded).is_bound());

    let loaded = read(&bare("VI_1", ends).replace(" dev eth0", ""));
    assert_eq!(
        said(&loaded),
        ["(VI_1) has no interface: addresses without dev go to eth0"]
    );
    let line = &only(&loaded).virtual_addresses[0];
    assert_eq!(line.interface.as_deref(), Some("eth0"));

    for (lines, message) in [
        ("", "(VI_1) Unknown interface!"),
        ("unicast_peer {\n 10.0.0.8\n}", "(VI_1) Unknown interface!"),
        ("mcast_src_ip 10.0.0.7", "(VI_1) Unknown interface!"),
    ] {
        let loaded = read(&bare("VI_1", lines));
        assert_eq!(said(&loaded), [message], "{lines}");
        assert!(loaded.model.vrrp.instances.is_empty(), "{lines}");
    }
    let local = "unicast_src_ip fe80::7\nunicast_peer {\n fe80::8\n}";
    let loaded = read(&bare("VI_1", local).replace("10.0.0.1", "fe80::100"));
    assert_eq!(
        said(&loaded),
        ["(VI_1) an interface is needed for the link-local address fe80::7"]
    );
}

/// The family follows from the first peer where nothing else says it; a link-local source does not reach far.
#[test]
fn over_ipv6() {
    let bare = |lines: &str| {
        read(&format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n no_virtual_ipaddress\n version 2\n{lines}\n}}\n"
        ))
    };
    let loaded = bare("unicast_src_ip fd00::7\nunicast_peer {\n fd00::8\n}");
    assert_eq!(said(&loaded), [""; 0]);
    assert!(only(&loaded).multicast_group.is_ipv6());
    let loaded = bare("unicast_peer {\n fd00::8\n}");
    assert_eq!(
        said(&loaded),
        ["(VI_1) adverts to unicast peers leave from the link-local address of the interface"]
    );
    assert_eq!(loaded.diagnostics.exit_status(), status::CLEAN, "a note");
    assert!(only(&loaded).transport.unicast.is_some());
}

#[test]
fn groups_of_ipv6_are_of_the_link() {
    let with = |global: &str, lines: &str| {
        read(&format!(
            "global_defs {{\n{global}\n}}\n{}",
            on_eth0("VI_1", lines).replace("10.0.4.1", "fe80::100")
        ))
    };
    for (global, lines, message, group) in [
        ("", "mcast_dst_ip ff12::7", "", "ff12::7"),
        (
            "",
            "mcast_dst_ip ff05::7",
            "(VI_1) mcast_dst_ip ff05::7 is not a link-local multicast address - ignoring",
            "ff02::12",
        ),
        (
            "vrrp_mcast_group6 ff05::8",
            "",
            "vrrp_mcast_group6 ff05::8 is not link-local",
            "ff05::8",
        ),
    ] {
        let loaded = with(global, lines);
        assert_eq!(said(&loaded).concat(), message);
        assert_eq!(only(&loaded).multicast_group.to_string(), group);
    }
}

/// keepalived.conf(5), virtual_router_id: one ID twice on an interface, when no packet could be for both.
#[test]
fn one_id_for_several() {
    let peers = |list: &str| format!("unicast_peer {{\n {list}\n}}");
    let taken = |name: &str| format!("({name}) VRID 51 is duplicated on interface eth0");
    let rows: [(&str, [String; 2], bool); 5] = [
        ("other peers", [peers("10.0.0.8"), peers("10.0.0.9")], true),
        (
            "a common peer",
            [peers("10.0.0.8\n 10.0.0.9"), peers("10.0.0.10\n 10.0.0.9")],
            false,
        ),
        (
            "unicast and multicast",
            [peers("10.0.0.8"), String::new()],
            true,
        ),
        (
            "other groups",
            ["mcast_dst_ip 224.0.0.77".into(), String::new()],
            true,
        ),
        ("one group", [String::new(), String::new()], false),
    ];
    for (what, [first, second], both) in rows {
        let loaded = read(&(on_eth0("A", &first) + &on_eth0("BB", &second)));
        let expected: Vec<String> = if both { vec![] } else { vec![taken("BB")] };
        assert_eq!(said(&loaded), expected, "{what}");
        assert_eq!(
            loaded.model.vrrp.instances.len(),
            1 + usize::from(both),
            "{what}"
        );
    }
    // What a refused instance would have had is free for the next.
    let loaded = read(
        &(on_eth0("A", &peers("10.0.0.8"))
            + &on_eth0("BB", &peers("10.0.0.10\n 10.0.0.8"))
            + &on_eth0("CCC", &peers("10.0.0.10"))),
    );
    assert_eq!(said(&loaded), [taken("BB")]);
}
