//! What stands in the kernel while MASTER, and after the stop: the same with our daemon as with the distribution's keepalived, in
//! varied configurations. How they are compared is in `support::alike`; what needs another kernel is in guest.rs.

mod support;

use std::process::ExitCode;
use support::alike::{Held, compare, fixed, held};
use support::stage::{self, Case};

const ALL: [Held; 46] = [
    held(
        "excluded_addresses",
        "virtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1\n 10.75.1.1/24 brd + label eth0:x\n}",
    ),
    held(
        "excluded_ipv6",
        "virtual_ipaddress_excluded {\n fd00:75::1/64 dev eth1\n fd00:76::1\n}",
    ),
    held(
        "route_device",
        "virtual_routes {\n 10.80.0.0/16 dev eth0\n}",
    ),
    held(
        "route_gateway",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254\n}",
    ),
    held(
        "route_gateway_device_source",
        "virtual_routes {\n src 10.74.0.1 to 10.80.0.0/16 via 10.10.0.254 dev eth0\n}",
    ),
    held(
        "route_default_metric",
        "virtual_routes {\n default via 10.10.0.254 dev eth0 metric 50\n}",
    ),
    held(
        "route_table",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 dev eth0 table 100\n default via 10.11.0.254 table 1000\n}",
    ),
    held(
        "route_blackhole",
        "virtual_routes {\n blackhole 10.80.0.0/16\n unreachable 10.81.0.0/16\n prohibit 10.82.0.0/16 metric 7\n throw 10.83.0.0/16 table 100\n}",
    ),
    held(
        "route_multipath",
        "virtual_routes {\n 10.80.0.0/16 nexthop via 10.10.0.253 dev eth0 weight 1 nexthop via 10.11.0.254 dev eth1 weight 20\n}",
    ),
    held(
        "route_multipath_onlink",
        "virtual_routes {\n 10.80.0.0/16 nexthop via 192.0.2.1 dev eth0 onlink nexthop via 10.11.0.254 dev eth1\n}",
    ),
    held(
        "route_onlink",
        "virtual_routes {\n 10.80.0.0/16 via 192.0.2.1 dev eth0 onlink\n}",
    ),
    held(
        "route_metrics",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 mtu 1400 advmss 1360 window 20000 hoplimit 9 initcwnd 20 initrwnd 30\n}",
    ),
    held(
        "route_locks",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 mtu lock 1400 cwnd lock 5 reordering 7 ssthresh lock 9\n}",
    ),
    held(
        "route_times",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 rtt 400ms rttvar 300ms rto_min 300ms\n}",
    ),
    held(
        "route_times_out_of_bounds",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 rtt 1ms rttvar 10 rto_min 5ms\n 10.81.0.0/16 via 10.10.0.254 rtt 500s rto_min 3000\n}",
    ),
    held(
        "route_features",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 quickack 1 features ecn fastopen_no_cookie 1\n}",
    ),
    held(
        "route_scope_tos",
        "virtual_routes {\n 10.80.0.0/16 dev eth0 scope global tos 0x10\n 10.81.0.0/16 dev eth1 scope host\n}",
    ),
    held(
        "route_realms",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 realms 3/4\n 10.81.0.0/16 via 10.10.0.254 realms 9\n}",
    ),
    held(
        "route_local_types",
        "virtual_routes {\n local 10.80.0.0/16 dev eth0 table 100 scope host\n broadcast 10.81.255.255 dev eth0 table 100 scope link\n}",
    ),
    held(
        "route_foreign_protocol",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 protocol static no_track\n 10.81.0.0/16 via 10.10.0.254 protocol static\n}",
    ),
    held(
        "no_track",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 no_track\n 10.81.0.0/16 dev eth1\n }\n virtual_rules {\n from 10.82.0.0/16 table 100 preference 500 protocol 18 no_track\n from 10.83.0.0/16 table 100 preference 501\n }\n virtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1 no_track\n }",
    ),
    held(
        "route_order",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254\n 10.80.0.0/16 via 10.10.0.253 metric 5\n append 10.81.0.0/16 via 10.10.0.254\n append 10.81.0.0/16 via 10.10.0.253\n}",
    ),
    held(
        "route_or",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 or 10.11.0.254\n}",
    ),
    held(
        "route_ipv6",
        "virtual_routes {\n fd00:80::/32 via fd00:10::fe dev eth0\n default via fd00:10::fe metric 77\n blackhole fd00:81::/32\n}",
    ),
    held(
        "route_ipv6_options",
        "virtual_routes {\n fd00:80::/32 via fd00:10::fe dev eth0 mtu 1300 pref high\n fd00:82::/32 dev eth1 table 300\n}",
    ),
    held(
        "route_ipv6_multipath",
        "virtual_routes {\n fd00:80::/32 nexthop via fd00:10::fe dev eth0 weight 2 nexthop via fd00:10::fd dev eth0 weight 3\n}",
    ),
    held(
        "rule_from_to",
        "virtual_rules {\n from 10.80.0.0/16 to 10.81.0.0/16 table 100 preference 500\n}",
    ),
    held(
        "rule_no_preference",
        "virtual_rules {\n from 10.80.0.0/16 table 100\n from 10.81.0.0/16 table 101\n to fd00:80::/32 table 102\n}",
    ),
    held(
        "rule_actions",
        "virtual_rules {\n from 10.80.0.0/16 blackhole preference 10\n to 10.81.0.0/16 unreachable preference 11\n from 10.82.0.0/16 prohibit priority 12\n from 10.83.0.0/16 goto 600 preference 13\n from 10.84.0.0/16 nop preference 600\n}",
    ),
    held(
        "rule_selectors",
        "virtual_rules {\n from all fwmark 5 iif eth0 oif eth1 tos 0x10 table 100 preference 500\n not from 10.80.0.0/16 fwmark 0x10/0xff lookup main preference 501\n}",
    ),
    held(
        "rule_suppress",
        "virtual_rules {\n from all lookup main suppress_prefixlength 0 preference 500\n from all table 100 sup_group 7 preference 501\n}",
    ),
    held(
        "rule_ports_users",
        "virtual_rules {\n from all uidrange 0-0 ipproto tcp sport 1000-2000 dport 80-90 table 100 preference 500\n}",
    ),
    held(
        "rule_realms_tunnel",
        "virtual_rules {\n from 10.80.0.0/16 realms 3/4 tunnel-id 77 table 1000 preference 500\n}",
    ),
    held(
        "rule_ipv6",
        "virtual_rules {\n from fd00:80::/32 table 100 preference 500\n to fd00:81::/32 fwmark 7 blackhole preference 501\n}",
    ),
    held(
        "rules_and_routes",
        "virtual_routes {\n default via 10.10.0.254 table 100\n 10.80.0.0/16 dev eth1 src 10.74.0.1\n}\n virtual_rules {\n from 10.74.0.1 table 100 preference 50\n}",
    ),
    fixed(
        "static_address",
        "static_ipaddress {\n 10.90.0.1/24 dev eth1\n 10.90.1.1/24 dev eth0 scope link label eth0:s\n fd00:90::1/64 dev eth1\n}",
    ),
    fixed(
        "static_route",
        "static_routes {\n 10.91.0.0/16 via 10.10.0.254 dev eth0\n 10.92.0.0/16 dev eth1 metric 9 table 100\n}",
    ),
    fixed(
        "static_rule",
        "static_rules {\n from 10.91.0.0/16 table 100 preference 400\n to 10.92.0.0/16 lookup main preference 401\n}",
    ),
    held("vmac", "use_vmac"),
    held("vmac_named", "use_vmac harbour0 02:00:00:00:01"),
    held("vmac_xmit_base", "use_vmac\nvmac_xmit_base\nversion 3"),
    held(
        "vmac_addresses",
        "use_vmac\nuse_vmac_addr\nvirtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1\n 10.75.1.1/24\n}",
    ),
    held(
        "vmac_addresses_alone",
        "use_vmac_addr\nvirtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1\n fd00:75::1/64 dev eth1\n}",
    ),
    held(
        "vmac_of_an_address",
        "use_vmac\nvirtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1 use_vmac\n 10.75.1.1/24 dev eth1\n}",
    ),
    Held {
        name: "vmac_prefixes",
        instance: "use_vmac\nuse_vmac_addr\nvirtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1\n}",
        commands: "",
        beside: "global_defs {\n vmac_prefix quay\n vmac_addr_prefix pier\n}",
    },
    // Both hosts have one hardware address: of what the kernel makes of it, one alone is usable.
    Held {
        name: "vmac_ipv6",
        instance: "",
        beside: "vrrp_instance SIX {\n state MASTER\n priority 255\n interface eth1\n virtual_router_id 75\n use_vmac\n virtual_ipaddress {\n fe80::75\n fd00:75::1/64\n }\n}",
        commands: "addr add fe80::75:75/64 dev eth1 nodad",
    },
];

fn main() -> ExitCode {
    let cases: Vec<Case> = ALL
        .iter()
        .map(|held| stage::peer_case(held.name, || compare(held)))
        .collect();
    stage::run(cases)
}
