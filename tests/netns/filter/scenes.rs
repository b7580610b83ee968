//! Configurations with the same fate of packets and the same tables in both implementations.

use super::reports::{Report, VIRTUAL, reports_from};
use super::{
    ALSO, VIP, VIP6, VRID, ask_and_answer, becomes_master, described, fates, ipv6_instance, strict,
    tables,
};
use crate::support::Binary::{self, Ours, Peer};
use crate::support::config::instance;

/// A configuration that both implementations run.
pub struct Scene {
    pub name: &'static str,
    config: fn() -> String,
}

pub const SCENES: &[Scene] = &[
    Scene {
        name: "accept_is_the_default",
        config: || instance("A", VRID, 100, "", &[VIP]),
    },
    Scene {
        name: "no_accept",
        config: || {
            instance(
                "A",
                VRID,
                100,
                "no_accept\nvirtual_ipaddress_excluded {\n10.74.9.9\nfd00:10::999/64\n}",
                &[VIP],
            )
        },
    },
    Scene {
        name: "strict",
        config: || strict(&instance("A", VRID, 100, "", &[VIP])),
    },
    Scene {
        name: "strict_of_one_instance",
        config: || {
            instance("A", VRID, 100, "strict_mode on", &[VIP])
                + &instance("B", VRID + 1, 100, "", &["10.74.9.9"])
        },
    },
    Scene {
        name: "strict_version_3_with_accept",
        config: || strict(&instance("A", VRID, 100, "version 3\naccept", &[VIP])),
    },
    Scene {
        name: "strict_owner",
        config: || strict(&instance("A", VRID, 255, "", &[VIP])),
    },
    Scene {
        name: "no_accept_of_the_owner",
        config: || instance("A", VRID, 255, "no_accept", &[VIP]),
    },
    Scene {
        name: "no_accept_ipv6",
        config: || ipv6_instance("no_accept"),
    },
    Scene {
        name: "no_accept_ipv6_by_name",
        config: || ipv6_instance("no_accept\ndont_track_primary"),
    },
    Scene {
        name: "no_accept_ipv6_by_index",
        config: || {
            format!(
                "global_defs {{\nnftables\nnftables_ifindex\n}}\n{}",
                ipv6_instance("no_accept\ndont_track_primary")
            )
        },
    },
    Scene {
        name: "strict_ipv6",
        config: || strict(&ipv6_instance("")),
    },
    Scene {
        name: "both_families",
        config: || ipv6_instance("no_accept") + &instance("A", VRID, 100, "no_accept", &[VIP]),
    },
    Scene {
        name: "virtual_mac",
        config: || instance("A", VRID, 100, "use_vmac", &[VIP]),
    },
    Scene {
        name: "virtual_mac_no_accept",
        config: || instance("A", VRID, 100, "use_vmac\nno_accept", &[VIP]),
    },
    Scene {
        name: "virtual_mac_xmit_base",
        config: || {
            instance(
                "A",
                VRID,
                100,
                "use_vmac\nvmac_xmit_base\nno_accept",
                &[VIP],
            )
        },
    },
    Scene {
        name: "virtual_mac_strict",
        config: || strict(&instance("A", VRID, 100, "use_vmac", &[VIP])),
    },
    Scene {
        name: "virtual_mac_ipv6",
        config: || ipv6_instance("use_vmac"),
    },
    Scene {
        name: "virtual_mac_ipv6_no_accept",
        config: || ipv6_instance("use_vmac\nno_accept"),
    },
    Scene {
        name: "virtual_mac_without_local_igmp",
        config: || {
            format!(
                "global_defs {{\ndisable_local_igmp\n}}\n{}",
                instance("A", VRID, 100, "use_vmac\nno_accept", &[VIP])
            )
        },
    },
    Scene {
        name: "table_of_another_name",
        config: || {
            format!(
                "global_defs {{\nnftables harbour\nnftables_priority 17\nnftables_counters\n}}\n{}",
                instance("A", VRID, 100, "no_accept", &[VIP])
            )
        },
    },
];

/// One implementation in a scene.
struct Played {
    /// What becomes of packets.
    fates: Vec<(String, bool)>,
    /// The tables of a MASTER.
    stands: Vec<String>,
    /// Those after the stop.
    left: Vec<String>,
    /// What virtual MACs reported.
    reports: Vec<Report>,
}

fn played(scene: &Scene, binary: Binary) -> Played {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    node.start(binary, &(scene.config)());
    let config = (scene.config)();
    for address in [VIP, VIP6, ALSO] {
        if config.contains(address) {
            becomes_master(node, address);
        }
    }
    let fates = fates(&world);
    let stands = ["keepalived", "harbour"]
        .map(|table| described(node, table))
        .concat();
    node.stop();
    Played {
        fates,
        stands,
        left: tables(node),
        reports: reports_from(&world, &VIRTUAL),
    }
}

pub fn like_keepalived(scene: &Scene) {
    let (ours, theirs) = (played(scene, Ours), played(scene, Peer));
    assert!(!ours.fates.is_empty());
    assert_eq!(ours.fates, theirs.fates, "what is answered");
    assert_eq!(ours.stands, theirs.stands, "what stands in the tables");
    assert_eq!(ours.left, Vec::<String>::new(), "nothing is left");
    assert_eq!(theirs.left, Vec::<String>::new());
    assert_eq!(ours.reports, [], "no virtual MAC is told of by a report");
}
