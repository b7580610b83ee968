//! What stands in the kernel while MASTER, and after the stop: the same with our daemon as with the distribution's keepalived, in
//! varied configurations. How they are compared is in `support::alike`; what needs another kernel is in guest.rs.

mod support;

use std::process::ExitCode;
use support::alike::{Held, compare, compare_with_commands, fixed, held};
use support::stage::{self, Case};

const ALL: &[Held] = &[
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
    held(
        "address_flags",
        "virtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1 noprefixroute\n 239.7.7.7/32 dev eth1 autojoin\n fd00:75::1/64 dev eth0 home -nodad noprefixroute\n fd00:76::1/64 dev eth1 mngtmpaddr\n}",
    ),
    held(
        "address_peer",
        "virtual_ipaddress_excluded {\n 10.75.0.1 dev eth1 peer 10.75.0.2\n fd00:75::1 dev eth1 peer fd00:75::2\n}",
    ),
    held(
        "address_broadcasts_scopes",
        "virtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1 brd -\n 10.75.1.1/24 dev eth1 broadcast 10.75.1.7 scope site\n 10.75.2.1/30 brd + scope 77\n 10.75.3.1/24 scope host\n 10.75.4.1/24 scope nowhere\n}",
    ),
    held(
        "address_lifetimes",
        "virtual_ipaddress_excluded {\n 10.75.0.1/24 dev eth1 preferred_lft 3600\n fd00:75::1/64 dev eth1 preferred_lft 0\n fd00:76::1 dev eth1 preferred_lft forever\n fd00:77::1 dev eth1\n}",
    ),
    held(
        "route_synonyms",
        "virtual_routes {\n 10.80.0.0/16 gw 10.10.0.254 oif eth0 priority 7 dsfield 0x10\n 10.81.0.0/16 via inet 10.10.0.254 preference 8\n fd00:80::/32 via inet6 fd00:10::fe priority 9\n add 10.83.0.0/16 dev eth1\n 10.84.0.0/16 via 10.10.0.254 as to 10.9.9.9\n}",
    ),
    held(
        "route_prepend",
        "virtual_routes {\n prepend 10.82.0.0/16 via 10.10.0.254\n prepend 10.82.0.0/16 via 10.10.0.253\n}",
    ),
    held(
        "route_congestion_control",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 congctl reno\n 10.81.0.0/16 via 10.10.0.254 congctl lock reno\n}",
    ),
    held(
        "route_ipv6_expires",
        "virtual_routes {\n fd00:80::/32 via fd00:10::fe expires 3000\n fd00:81::/32 dev eth1 metric 5\n}",
    ),
    held(
        "route_ipv6_from",
        "virtual_routes {\n fd00:80::/32 from fd00:10::/64 via fd00:10::fe\n}",
    ),
    held(
        "route_ttl_propagate",
        "virtual_routes {\n 10.80.0.0/16 via 10.10.0.254 ttl-propagate enabled\n 10.81.0.0/16 via 10.10.0.254 ttl-propagate disabled\n}",
    ),
    held(
        "rule_synonyms",
        "virtual_rules {\n from 10.80.0.0/16 lookup main order 500 sup_pl 0\n dev eth0 dsfield 0x10 table 100 priority 501\n from 10.81.0.0/16 type blackhole preference 502\n from all table 100 suppress_ifgroup 5 preference 503\n}",
    ),
    fixed(
        "static_options",
        "static_ipaddress {\n 10.90.0.1/24 dev eth1 brd + noprefixroute\n 10.90.1.1 dev eth1 peer 10.90.1.2 label eth1:s\n fd00:90::1/64 dev eth0 -nodad home preferred_lft 0\n}\n\
         static_routes {\n 10.91.0.0/16 via 10.10.0.254 dev eth0 src 10.10.0.1 mtu lock 1400 rtt 400ms quickack 1 features ecn\n blackhole 10.92.0.0/16 table 100\n 10.93.0.0/16 nexthop via 10.10.0.253 dev eth0 weight 2 nexthop via 10.11.0.254 dev eth1\n fd00:91::/32 via fd00:10::fe dev eth0 pref low\n}\n\
         static_rules {\n not from 10.91.0.0/16 iif eth0 fwmark 5/7 table 100 priority 400\n from fd00:91::/32 unreachable preference 401\n uidrange 0-0 ipproto udp sport 5-6 lookup main suppress_prefixlength 1 preference 402\n}",
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

/// What the distribution's keepalived refuses, and the commands that should leave the same behind.
const AS_IPROUTE2: &[(Held, &str)] = &[(
    held(
        "families_named",
        "virtual_routes {\n inet 10.81.0.0/16 via 10.10.0.254\n inet6 default via fd00:10::fe metric 9\n}\nvirtual_rules {\n inet from all table 100 preference 503\n inet6 from all table 100 preference 504\n}",
    ),
    "route add 10.81.0.0/16 via 10.10.0.254 proto 18\nroute add ::/0 via fd00:10::fe metric 9 proto 18\nrule add table 100 preference 503 protocol 18\nrule add from ::/0 table 100 preference 504 protocol 18",
)];

fn main() -> ExitCode {
    let theirs = ALL
        .iter()
        .map(|held| stage::peer_case(held.name, || compare(held)));
    let by_hand = AS_IPROUTE2
        .iter()
        .map(|(held, commands)| stage::case(held.name, || compare_with_commands(held, commands)));
    stage::run(theirs.chain(by_hand).collect::<Vec<Case>>())
}
