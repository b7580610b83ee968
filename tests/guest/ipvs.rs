//! The load balancer: configurations whose table has to be the one that the distribution's keepalived makes, when settled and after the
//! stop.

use crate::support::Binary::Ours;
use crate::support::ipvs::{Listener, Step, Table, table};
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{self, Case};
use crate::support::wire::Forged;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

/// What somebody else has in the table.
const FOREIGN: &str =
    "-A -t 10.9.0.1:80 -s rr\n-a -t 10.9.0.1:80 -r 10.9.0.2:80 -m -w 1\n-A -f 77 -s wlc\n";

macro_rules! one_service {
    () => {
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}\n"
    };
}

macro_rules! instance {
    ($lines:literal) => {
        concat!(
            "vrrp_instance QUAY {\n interface eth0\n virtual_router_id 74\n",
            $lines,
            "\n virtual_ipaddress {\n 10.74.0.1\n }\n}\n"
        )
    };
}

pub const AS_KEEPALIVED: &[Table] = &[
    table(
        "ipvs_schedulers",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.2 80 {\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.3 80 {\n lb_algo lc\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.4 80 {\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.5 80 {\n lb_algo lblc\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.6 80 {\n lb_algo lblcr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.7 80 {\n lb_algo dh\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.8 80 {\n lb_algo sed\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.9 80 {\n lb_algo nq\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.10 80 {\n lb_algo fo\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.11 80 {\n lb_algo ovf\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.12 80 {\n lvs_sched wrr\n lvs_method DR\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_source_hash_flags",
        "virtual_server 10.1.0.1 80 {\n lb_algo sh\n sh-port\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.2 80 {\n lb_algo sh\n sh-fallback\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.3 80 {\n lb_algo sh\n sh-port\n sh-fallback\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.4 80 {\n sh-port\n lb_algo sh\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_maglev_flags",
        "virtual_server 10.1.0.1 80 {\n lb_algo mh\n mh-port\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.2 80 {\n lb_algo mh\n mh-fallback\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.3 80 {\n lb_algo mh\n mh-port\n mh-fallback\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n weight 3\n }\n real_server 10.2.0.2 80 {\n weight 7\n }\n}",
    ),
    table(
        "ipvs_bare_flags",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n flag-1\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.2 80 {\n lb_algo rr\n flag-2\n flag-3\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_protocols",
        "virtual_server 10.1.0.1 53 {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server 10.2.0.1 53 {\n }\n}
         virtual_server 10.1.0.1 53 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 53 {\n }\n}
         virtual_server 10.1.0.1 3868 {\n lb_algo rr\n lb_kind NAT\n protocol SCTP\n real_server 10.2.0.1 3868 {\n }\n}",
    ),
    table(
        "ipvs_one_packet",
        "virtual_server 10.1.0.1 53 {\n lb_algo rr\n ops\n lb_kind NAT\n protocol UDP\n real_server 10.2.0.1 53 {\n }\n}
         virtual_server fwmark 9 {\n lb_algo rr\n ops\n lb_kind NAT\n real_server 10.2.0.1 53 {\n }\n}",
    ),
    table(
        "ipvs_persistence",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n persistence_timeout\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.2 80 {\n lb_algo rr\n lb_kind NAT\n persistence_timeout 50\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.3 80 {\n lb_algo rr\n lb_kind NAT\n persistence_timeout 600\n persistence_granularity 255.255.255.0\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server 10.1.0.4 80 {\n lb_algo rr\n lb_kind NAT\n persistence_granularity 255.255.0.0\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_persistence_ipv6",
        "virtual_server fd00:1::1 80 {\n lb_algo rr\n lb_kind NAT\n persistence_timeout 100\n persistence_granularity 64\n protocol TCP\n real_server fd00:2::1 80 {\n }\n}
         virtual_server fd00:1::2 80 {\n lb_algo rr\n lb_kind NAT\n persistence_timeout 100\n protocol TCP\n real_server fd00:2::1 80 {\n }\n}",
    ),
    table(
        "ipvs_persistence_engine",
        "virtual_server 10.1.0.1 5060 {\n lb_algo rr\n lb_kind NAT\n persistence_engine sip\n persistence_timeout 60\n ops\n protocol UDP\n real_server 10.2.0.1 5060 {\n }\n}",
    ),
    table(
        "ipvs_every_port",
        "virtual_server 10.1.0.1 0 {\n lb_algo rr\n lb_kind DR\n persistence_timeout 60\n protocol TCP\n real_server 10.2.0.1 0 {\n }\n}
         virtual_server 10.1.0.2 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 {\n }\n}",
    ),
    table(
        "ipvs_ports_of_servers",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n real_server 10.2.0.2 {\n }\n}
         virtual_server 10.1.0.2 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n real_server 10.2.0.2 80 {\n }\n}
         virtual_server 10.1.0.3 80 {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n}",
    ),
    table(
        "ipvs_forwarding_by_server",
        "virtual_server 10.1.0.1 80 {\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n lvs_method DR\n }\n real_server 10.2.0.2 8080 {\n }\n real_server 10.2.0.3 80 {\n lvs_method TUN\n }\n}",
    ),
    table(
        "ipvs_tunnels",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n
           real_server 10.2.0.1 80 {\n lvs_method TUN type ipip\n }\n
           real_server 10.2.0.2 80 {\n lvs_method TUN type gue port 6080\n }\n
           real_server 10.2.0.3 80 {\n lvs_method TUN type gue port 6080 csum\n }\n
           real_server 10.2.0.4 80 {\n lvs_method TUN type gue port 6080 remcsum\n }\n
           real_server 10.2.0.5 80 {\n lvs_method TUN type gre\n }\n
           real_server 10.2.0.6 80 {\n lvs_method TUN type gre csum\n }\n
         }",
    ),
    table(
        "ipvs_tunnel_to_the_other_family",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n real_server fd00:2::1 80 {\n }\n real_server 10.2.0.1 80 {\n }\n}
         virtual_server fd00:1::1 80 {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_ipv6",
        "virtual_server fd00:1::1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server fd00:2::1 8080 {\n weight 5\n }\n}
         virtual_server fd00:1::1 53 {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server fd00:2::1 53 {\n }\n}
         virtual_server fd00:1::1 443 {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n real_server fd00:2::1 443 {\n }\n}",
    ),
    Table {
        besides: &["--thresholds"],
        ..table(
            "ipvs_thresholds",
            "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n
               real_server 10.2.0.1 80 {\n uthreshold 100\n lthreshold 50\n }\n real_server 10.2.0.2 80 {\n uthreshold 100\n }\n}",
        )
    },
    table(
        "ipvs_weights",
        "virtual_server 10.1.0.1 80 {\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n
           real_server 10.2.0.1 80 {\n weight 0\n }\n real_server 10.2.0.2 80 {\n weight 65535\n }\n real_server 10.2.0.3 80 {\n }\n real_server 10.2.0.4 80 {\n weight 17\n }\n}",
    ),
    table(
        "ipvs_weight_of_the_service",
        "virtual_server 10.1.0.1 80 {\n lb_algo wrr\n lb_kind NAT\n weight 12\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.2 80 {\n weight 3\n }\n}",
    ),
    table(
        "ipvs_fwmark",
        "virtual_server fwmark 3 {\n lb_algo rr\n lb_kind DR\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.2 {\n }\n}
         virtual_server fwmark 4 {\n lb_algo rr\n lb_kind NAT\n persistence_timeout 30\n real_server 10.2.0.1 8080 {\n }\n}
         virtual_server fwmark 5 {\n lb_algo rr\n lb_kind TUN\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_fwmark_ipv6",
        "virtual_server fwmark 3 {\n ip_family inet6\n lb_algo rr\n lb_kind DR\n real_server fd00:2::1 80 {\n }\n}
         virtual_server fwmark 7 {\n lb_algo rr\n lb_kind NAT\n real_server fd00:2::1 80 {\n }\n}",
    ),
    table(
        "ipvs_group",
        "virtual_server_group QUAY {\n 10.1.0.1 80\n 10.1.0.2 80\n 10.1.1.5-9 80\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n real_server 10.2.0.2 80 {\n weight 4\n }\n}",
    ),
    table(
        "ipvs_group_of_ports",
        "virtual_server_group QUAY {\n 10.1.0.1 80\n 10.1.0.1 443\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n real_server 10.2.0.2 {\n }\n real_server 10.2.0.2 80 {\n }\n}",
    ),
    table(
        "ipvs_group_direct",
        "virtual_server_group QUAY {\n 10.1.0.1 80\n 10.1.0.2 80\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.2 {\n }\n}",
    ),
    table(
        "ipvs_group_direct_of_ports",
        "virtual_server_group QUAY {\n 10.1.0.1 80\n 10.1.0.1 443\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_group_ipv6",
        "virtual_server_group QUAY {\n fd00:1::1 80\n fd00:1::10-12 80\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server fd00:2::1 80 {\n }\n}",
    ),
    table(
        "ipvs_group_fwmark",
        "virtual_server_group QUAY {\n fwmark 3\n fwmark 4\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind NAT\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.2 80 {\n }\n}",
    ),
    table(
        "ipvs_group_mixed",
        "virtual_server_group QUAY {\n 10.1.0.1 80\n fwmark 4\n 10.1.1.1-3 81\n}
         virtual_server group QUAY {\n lb_algo rr\n lb_kind NAT\n persistence_timeout 20\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n}",
    ),
    table(
        "ipvs_inhibited_sorry_server",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n sorry_server 10.3.0.1 80\n sorry_server_inhibit\n real_server 10.2.0.1 80 {\n }\n}",
    ),
    table(
        "ipvs_idle_sorry_server",
        "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n sorry_server 10.3.0.1 80\n real_server 10.2.0.1 80 {\n inhibit_on_failure\n }\n}",
    ),
    Table {
        before: FOREIGN,
        ..table(
            "ipvs_what_is_not_ours",
            "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
        )
    },
    Table {
        arguments: &["-I"],
        ..table(
            "ipvs_not_released",
            "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
        )
    },
    Table {
        second: "virtual_server 10.1.0.1 80 {\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n weight 9\n }\n real_server 10.2.0.3 80 {\n }\n}
                 virtual_server 10.1.0.3 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
        ..table(
            "ipvs_reload",
            "virtual_server 10.1.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.2 80 {\n }\n}
             virtual_server 10.1.0.2 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}",
        )
    },
    Table {
        course: &[
            Step { listening: &[8001, 8002, 8003], live: 13, idle: 1 },
            Step { listening: &[8003], live: 3, idle: 5 },
            Step { listening: &[], live: 3, idle: 5 },
            Step { listening: &[8002, 8004], live: 6, idle: 2 },
            Step { listening: &[8001, 8002, 8003, 8004], live: 13, idle: 1 },
        ],
        ..table("ipvs_servers_die_and_return", include_str!("quorums.conf"))
    },
    Table {
        before: FOREIGN,
        ..table("ipvs_flush", concat!("global_defs {\n lvs_flush\n}\n", one_service!()))
    },
    Table {
        before: FOREIGN,
        ..table("ipvs_flush_on_stop", concat!("global_defs {\n lvs_flush_on_stop\n}\n", one_service!()))
    },
    Table {
        before: FOREIGN,
        ..table("ipvs_flush_own_on_stop", concat!("global_defs {\n lvs_flush_on_stop VS\n}\n", one_service!()))
    },
    Table {
        besides: &["--timeout"],
        ..table(
            "ipvs_timeouts",
            concat!("global_defs {\n lvs_timeouts tcp 7200 tcpfin 60 udp 90\n}\n", one_service!()),
        )
    },
    Table {
        besides: &["--timeout"],
        ..table("ipvs_some_timeouts", concat!("global_defs {\n lvs_timeouts udp 45\n}\n", one_service!()))
    },
    // Not master at once: Debian's keepalived hangs for good when it ends a backup's sync daemon that has hardly begun.
    Table {
        besides: &["--daemon"],
        holds: &["master sync daemon"],
        ..table(
            "ipvs_sync_master",
            concat!("global_defs {\n lvs_sync_daemon eth0 QUAY\n}\n", instance!("priority 100"), one_service!()),
        )
    },
    Table {
        besides: &["--daemon"],
        holds: &["backup sync daemon"],
        ..table(
            "ipvs_sync_backup",
            concat!("global_defs {\n lvs_sync_daemon eth0 inst QUAY id 17 maxlen 1000 port 9000 ttl 3 group 224.0.0.99\n}\n", instance!("priority 50\n advert_int 60"), one_service!()),
        )
    },
    Table {
        besides: &["--daemon"],
        holds: &["backup sync daemon"],
        ..table(
            "ipvs_sync_of_an_instance",
            concat!(instance!("lvs_sync_daemon_interface eth0\n priority 50\n advert_int 60"), one_service!()),
        )
    },
    Table {
        besides: &["--daemon"],
        holds: &["master sync daemon"],
        ..table("ipvs_sync_always", concat!("global_defs {\n lvs_sync_daemon eth0 id 4\n}\n", one_service!()))
    },
];

/// Cases of our daemon alone.
pub fn cases() -> Vec<Case> {
    let case = |name, body: fn()| stage::privileged_case(name, body);
    vec![
        case("ipvs_of_another_namespace_after_a_crash", another_namespace),
        case("ipvs_twins_and_ranges_of_ports", twins_and_ranges),
    ]
}

/// Where one twin is looked for, and where the other is.
const LISTENS: u16 = 8001;
const IS_DEAD: u16 = 8002;

/// Who it is that synchronises.
const INSTANCE: &str = instance!("priority 100");

/// Two servers of one address under DR are one destination: the second is refused, so that its death takes nothing from the first. The
/// distribution's keepalived takes the destination away with the one that dies first. And members of groups in all their forms, as
/// ranges of ports, which it does not know. Its synchronisation follows the instance both ways.
fn twins_and_ranges() {
    let world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(2)]);
    let [node, rival] = &world.nodes[..] else {
        panic!("two hosts");
    };
    node.run(&["ip", "link", "set", "lo", "up"]);
    let _listener = Listener::new(node, LISTENS);
    let server = |address: &str, port: u16, checked: u16| {
        format!(
            " real_server {address} {port} {{\n  TCP_CHECK {{\n   connect_ip 127.0.0.1\n   connect_port {checked}\n   retry 0\n  }}\n }}\n"
        )
    };
    let twins = server("10.2.0.1", 80, LISTENS) + &server("10.2.0.1", 443, IS_DEAD);
    let usual = " lb_algo rr\n protocol TCP\n delay_loop 0.5\n warmup 0\n";
    let config = format!(
        "global_defs {{\n lvs_sync_daemon eth0 QUAY\n}}\n{INSTANCE}virtual_server_group QUAY {{\n 10.1.0.1 80\n 10.1.0.1 443\n}}\n\
             virtual_server_group PIER {{\n 10.1.1.1-2 8000-8002\n fd00:1::1 65535-65535\n 10.1.2.0/30 80\n}}\n\
             virtual_server_group MOLE {{\n fwmark 9 inet6\n fd00:3::fc/126 80\n}}\n\
             virtual_server group MOLE {{\n{usual} lb_kind NAT\n real_server fd00:2::9 80 {{\n }}\n}}\n\
             virtual_server 10.1.0.2 80 {{\n{usual} lb_kind DR\n{twins}}}\n\
             virtual_server group QUAY {{\n{usual} lb_kind TUN\n{twins}}}\n\
             virtual_server group PIER {{\n{usual} lb_kind NAT\n{}{}}}\n",
        server("10.2.0.9", 9000, LISTENS),
        server("10.2.0.9", 9001, IS_DEAD),
    );
    node.start(Ours, &config);
    let mut wanted: Vec<String> = Vec::new();
    let mut want = |service: &str, server: &str| {
        wanted.push(format!("-A -t {service} -s rr"));
        wanted.push(format!("-a -t {service} -r {server}"));
    };
    want("10.1.0.2:80", "10.2.0.1:80 -g -w 1");
    want("10.1.0.1:80", "10.2.0.1:80 -i -w 1 --tun-type ipip");
    want("10.1.0.1:443", "10.2.0.1:443 -i -w 1 --tun-type ipip");
    for (last, port) in (8000..=8002).flat_map(|port| [(1, port), (2, port)]) {
        want(&format!("10.1.1.{last}:{port}"), "10.2.0.9:9000 -m -w 1");
    }
    for last in 0..4 {
        want(&format!("10.1.2.{last}:80"), "10.2.0.9:9000 -m -w 1");
    }
    for last in ["fc", "fd", "fe", "ff"] {
        let service = format!("[fd00:3::{last}]:80");
        want(&service, "[fd00:2::9]:80 -m -w 1");
    }
    wanted.push("-A -f 9 -6 -s rr".to_owned());
    wanted.push("-a -f 9 -6 -r [fd00:2::9]:80 -m -w 1".to_owned());
    wanted.push("-A -t [fd00:1::1]:65535 -s rr".to_owned());
    wanted.sort();
    let table = || {
        let text = node.run(&["ipvsadm", "-Sn"]);
        let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        lines.sort();
        lines
    };
    for server in ["10.2.0.1]:tcp:80", "10.2.0.9]:tcp:9000"] {
        node.wait_log(&format!("TCP connection to [{server} success."), secs(20));
    }
    node.wait_log("TCP_CHECK on service [10.2.0.9]:tcp:9001 failed", secs(20));
    let lives = |lines: &[String]| lines.len() >= wanted.len();
    wait_until("all of it is there", secs(20), || lives(&table()));
    assert_eq!(table(), wanted);
    let log = node.log();
    let refused = "is duplicated - removing second rs - with DR and TUN the kernel has one server of an address";
    assert_eq!(log.matches(refused).count(), 2, "{log}");
    assert!(
        !log.contains("on service [10.2.0.1]"),
        "nobody looks at the second twin: {log}"
    );
    // Somebody removes one of the services. It is missed as soon as something is to be put into it: a server that returns.
    node.run(&["ipvsadm", "-D", "-t", "10.1.1.2:8001"]);
    let _second = Listener::new(node, IS_DEAD);
    let of_pier = |table: &[String]| table.iter().filter(|it| it.contains("10.2.0.9:")).count();
    wait_until("both servers are everywhere", secs(20), || {
        of_pier(&table()) == 20
    });
    // A reload changes thresholds in place, which it does not with keepalived.
    let limits = "real_server 10.2.0.1 80 {\n  uthreshold 100\n  lthreshold 50\n";
    node.write(
        CONFIG,
        &config.replace("real_server 10.2.0.1 80 {\n", limits),
    );
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(20));
    wait_until("the thresholds are there", secs(20), || {
        let told = node.run(&["ipvsadm", "-Ln", "--thresholds"]);
        let words = told.lines().map(|line| line.split_whitespace().collect());
        let limits = ["->", "10.2.0.1:80", "100", "50"];
        let found = words.filter(|words: &Vec<&str>| words.starts_with(&limits));
        found.count() == 2
    });
    // The instance is master by now, and gives way.
    rival.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    let daemons = || node.run(&["ipvsadm", "-L", "--daemon"]);
    wait_until("connections are told", secs(20), || {
        daemons().contains("master sync daemon")
    });
    wait_until("connections are heard instead", secs(20), || {
        Forged::right(74, 200, "10.74.0.1", "").send(rival, "10.10.0.2");
        let daemons = daemons();
        daemons.contains("backup sync daemon") && !daemons.contains("master")
    });
    node.stop();
    assert_eq!((table(), daemons()), (Vec::new(), String::new()));
}

/// The table and the timeouts of `net_namespace_ipvs` are changed, not those where the daemon runs; a checker process that replaces a
/// dead one leaves all as it is, though the table was emptied for the first, and so does one that a reload starts; the stop puts back what
/// was there before that.
fn another_namespace() {
    const CHECKER: &str = "/run/checkers.pid";
    const WHO: &str = "/etc/keepalived/who.sh";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&["ip", "netns", "add", "quay"]);
    // A namespace without any address takes no server.
    node.run(&["ip", "-n", "quay", "link", "set", "lo", "up"]);
    let inside =
        |words: &[&str]| node.run(&[&["ip", "netns", "exec", "quay", "ipvsadm"], words].concat());
    inside(&["--set", "901", "121", "301"]);
    inside(&["-A", "-t", "10.1.0.9:80"]);
    // The only place where a test has users besides root.
    node.write_script(
        WHO,
        "#!/bin/sh\n[ \"$(id -u):$(id -g)\" = \"$(id -u nobody):$(id -g nobody)\" ]\n",
    );
    let config = format!(
        "net_namespace_ipvs quay\nglobal_defs {{\n lvs_flush\n lvs_flush_on_stop\n lvs_timeouts tcp 7200 udp 90\n lvs_sync_daemon lo id 4\n}}\n\
         virtual_server 10.1.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {{\n\
         MISC_CHECK {{\n misc_path {WHO}\n user nobody\n warmup 0\n}}\n}}\n}}\n"
    );
    node.write(CONFIG, &config);
    node.start_with(Ours, &["-n", "-l", "-D", "-f", CONFIG]);
    let table = || (inside(&["-Sn"]), inside(&["-Ln", "--timeout"]));
    let timeouts = |text: &str| text.contains("7200 121 90");
    wait_until("the service and the timeouts are there", secs(20), || {
        let (services, told) = table();
        services.contains("-r 10.2.0.1:80") && timeouts(&told)
    });
    let before = table();
    assert!(!before.0.contains("10.1.0.9"), "lvs_flush: {}", before.0);
    assert_eq!(node.run(&["ipvsadm", "-Sn"]), "");
    let passes = format!("by [{WHO}] succeeded.");
    node.wait_log(&passes, secs(20));
    let pid = || node.read(CHECKER).trim().parse().ok().map(Pid::from_raw);
    let first = pid().expect("a checker process");
    kill(first, Signal::SIGKILL).expect("the checker process");
    wait_until("another takes over", secs(20), || {
        pid().is_some_and(|pid| pid != first)
            && node.log().contains("taken over with their connections")
    });
    assert_eq!(table(), before);
    // A reload ends the process, another one starts it: what is there by then stays.
    let settings = config.split("virtual_server").next().expect("settings");
    let rest = "vrrp_instance V {\n interface eth0\n virtual_router_id 9\n virtual_ipaddress {\n 10.9.0.9\n}\n}\n";
    inside(&["-A", "-t", "10.1.0.9:80"]);
    node.write(CONFIG, &format!("{settings}{rest}"));
    node.signal(Signal::SIGHUP);
    let others = "-A -t 10.1.0.9:80 -s wlc\n";
    wait_until("the service goes", secs(20), || table().0 == others);
    node.write(CONFIG, &format!("{config}{rest}"));
    node.signal(Signal::SIGHUP);
    wait_until("the service is there", secs(20), || {
        table().0.contains("-r 10.2.0.1:80")
    });
    assert_eq!(table().0, format!("{}{others}", before.0));
    // What the process has made that sees to synchronisation is taken back though it has died.
    let daemons = || inside(&["-L", "--daemon"]).contains("syncid=4");
    wait_until("synchronisation", secs(20), daemons);
    let checker = pid().expect("a checker process");
    let helper = Node::children(checker).into_iter().find(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim() == "keepalived_sync")
    });
    kill(helper.expect("a helper"), Signal::SIGKILL).expect("the helper");
    node.wait_log("synchronisation has ended", secs(20));
    node.stop();
    assert!(!daemons());
    let (services, told) = table();
    assert_eq!(services, "", "lvs_flush_on_stop");
    assert!(told.contains("901 121 301"), "{told}");
}
