//! What this machine's own kernel may lack, in the guest of `support::guest`: routes with encapsulation, VRF devices, dummies, and
//! what stands in them and in the load balancer beside the distribution's keepalived. Pairs of hosts are in the modules.

#[path = "guest/ipvlan.rs"]
mod ipvlan;
#[path = "guest/ipvs.rs"]
mod ipvs;
#[path = "guest/marks.rs"]
mod marks;
#[path = "guest/orders.rs"]
mod orders;
mod support;
#[path = "guest/vrf.rs"]
mod vrf;

use std::process::ExitCode;
use support::alike::{Held, compare, compare_with_commands, held};
use support::guest;
use support::stage::{self, Case};

const AS_KEEPALIVED: [Held; 11] = [
    held("ipvlan", "use_ipvlan harbour0 10.10.0.74/24"),
    held("ipvlan_private", "use_ipvlan harbour0 10.10.0.74 private"),
    Held {
        commands: "link add blue type vrf table 900\nlink set blue up\nlink set eth0 master blue\n",
        ..held("vmac_in_a_vrf", "use_vmac")
    },
    Held {
        commands: DUMMY,
        ..held(
            "vmac_on_a_dummy",
            "use_vmac_addr\nvirtual_ipaddress_excluded {\n 10.75.0.1/32 dev d0\n}",
        )
    },
    held(
        "encap_mpls",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 dev eth0 encap mpls 100\n 10.81.0.0/16 via 10.10.0.254 dev eth0 encap mpls 100/200\n}",
    ),
    held(
        "encap_mpls_ipv6",
        "virtual_routes {\n fd00:80::/32 via fd00:10::fe dev eth0 encap mpls 100/200\n}",
    ),
    held(
        "encap_ip",
        "virtual_routes {\n 10.80.0.0/16 dev eth0 encap ip id 5 dst 10.9.9.9 src 10.9.9.8 tos 0x10 ttl 64\n 10.81.0.0/16 dev eth0 encap ip dst 10.9.9.9\n}",
    ),
    held(
        "encap_ip6",
        "virtual_routes {\n fd00:80::/32 dev eth0 encap ip6 id 5 dst fd00:9::9 src fd00:9::8 tc 0x10 hoplimit 64\n fd00:81::/32 dev eth0 encap ip6 dst fd00:9::9\n}",
    ),
    Held {
        commands: VRF,
        ..held(
            "route_vrf",
            "virtual_routes {\n 10.80.0.0/16 via 10.11.0.254 dev eth1 vrf blue\n fd00:80::/32 dev eth1 vrf blue\n}",
        )
    },
    Held {
        commands: VRF,
        ..held(
            "rule_l3mdev",
            "virtual_rules {\n from 10.80.0.0/16 l3mdev preference 500\n iif blue table 100 preference 501\n}",
        )
    },
    Held {
        commands: DUMMY,
        ..held(
            "addresses_on_a_dummy",
            "virtual_ipaddress_excluded {\n 10.75.0.1/32 dev d0\n fd00:75::1/128 dev d0\n}\nvirtual_routes {\n 10.80.0.0/16 dev d0\n}",
        )
    },
];

/// A VRF with a table of its own, and an interface in it.
const VRF: &str = "link add blue type vrf table 900\nlink set blue up\nlink set eth1 master blue\n";

const DUMMY: &str = "link add d0 type dummy\nlink set d0 up\naddr add 10.60.0.1/24 dev d0\n";

/// What the distribution's keepalived refuses or forgets, and the commands that should leave the same behind.
const AS_IPROUTE2: [(Held, &str); 4] = [
    (
        held(
            "encap_mpls_deep_stack",
            "virtual_routes {\n 10.81.0.0/16 via 10.10.0.254 dev eth0 encap mpls 100/200/1048575\n}",
        ),
        "route add 10.81.0.0/16 encap mpls 100/200/1048575 via 10.10.0.254 dev eth0 proto 18",
    ),
    (
        held(
            "encap_ip_large_id",
            "virtual_routes {\n 10.80.0.0/16 dev eth0 encap ip id 0x1122334455667788 dst 10.9.9.9 ttl 3\n}",
        ),
        "route add 10.80.0.0/16 encap ip id 0x1122334455667788 dst 10.9.9.9 ttl 3 dev eth0 proto 18 scope global",
    ),
    (
        held(
            "encap_ila",
            "virtual_routes {\n fd00:80:0:0:2000::1/128 via fd00:10::fe dev eth0 encap ila 2001:db8:0:1\n}",
        ),
        "route add fd00:80:0:0:2000::1/128 encap ila 2001:db8:0:1 via fd00:10::fe dev eth0 proto 18",
    ),
    (
        held(
            "encap_multipath",
            "virtual_routes {\n 10.80.0.0/16 nexthop via 10.10.0.254 dev eth0 weight 2 encap mpls 30 nexthop via 10.11.0.254 dev eth1 encap ip dst 10.9.9.9 ttl 7\n}",
        ),
        "route add 10.80.0.0/16 proto 18 nexthop encap mpls 30 via 10.10.0.254 dev eth0 weight 2 nexthop encap ip dst 10.9.9.9 ttl 7 via 10.11.0.254 dev eth1",
    ),
];

fn main() -> ExitCode {
    let theirs = AS_KEEPALIVED
        .iter()
        .map(|held| stage::peer_case(held.name, || compare(held)));
    let by_hand = AS_IPROUTE2
        .iter()
        .map(|(held, commands)| stage::case(held.name, || compare_with_commands(held, commands)));
    let pairs = vrf::cases().into_iter().chain(ipvlan::cases());
    let balancer = ipvs::AS_KEEPALIVED.iter().map(|table| table.case());
    let cases = theirs
        .chain(by_hand)
        .chain(pairs)
        .chain(balancer)
        .chain(ipvs::cases())
        .chain(marks::cases())
        .chain(orders::cases());
    guest::run(cases.collect::<Vec<Case>>())
}
