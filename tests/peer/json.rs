//! The JSON file of ours beside that of the distribution's keepalived: what an instance holds, in the same words.

use serde_json::Value;

use crate::support::Binary::{Ours, Peer};
use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_for, wait_until};

const VIP: &str = "10.79.0.1";

/// One of each kind.
const BLOCKS: &str = "dont_track_primary
    virtual_ipaddress_excluded {
        10.79.1.1 dev eth1
        10.79.2.1/24 brd + scope link label eth0:x
        fd00:79::1/64
        fd00:79::2
        10.79.3.1/24 dev eth1 no_track
    }
    virtual_routes {
        10.80.0.0/16 dev eth0
        src 10.79.0.1 to 10.81.0.0/16 via 10.10.0.254 dev eth0 metric 5
        default via 10.10.0.254 dev eth0 table 100
        blackhole 10.82.0.0/16
        throw 10.83.0.0/16 table 100
        10.84.0.0/16 nexthop via 10.10.0.253 dev eth0 weight 1 nexthop via 10.11.0.254 dev eth1 weight 20
        10.85.0.0/16 via 192.0.2.1 dev eth0 onlink
        10.86.0.0/16 via 10.10.0.254 dev eth0 mtu lock 1400 advmss 1360 hoplimit 9 initcwnd 20 initrwnd 30
        10.87.0.0/16 via 10.10.0.254 dev eth0 rtt 400ms rttvar 300ms rto_min 300ms features ecn quickack 1
        10.88.0.0/16 dev eth1 scope host tos 0x10
        10.89.0.0/16 via 10.10.0.254 dev eth0 realms 3/4
        append 10.90.0.0/16 via 10.10.0.254 dev eth0 realms 9
        broadcast 10.91.255.255 dev eth0 table 100 scope link
        10.92.0.0/16 via 10.10.0.254 dev eth0 protocol static no_track
        fd00:80::/32 via fe80::1 dev eth0 mtu 1300 pref high
        10.93.0.0/16 dev eth0 encap ip id 5 dst 10.9.9.9 src 10.9.9.8 tos 0x10 ttl 64
        fd00:81::/32 dev eth0 encap ip6 dst fd00:9::9 hoplimit 64
    }
    virtual_rules {
        from 10.80.0.0/16 to 10.81.0.0/16 table 100 preference 500
        from 10.82.0.0/16 table 101
        to fd00:80::/32 table 102
        from 10.83.0.0/16 blackhole preference 10
        from 10.84.0.0/16 goto 600 preference 13
        from 10.85.0.0/16 nop preference 600
        from all fwmark 5 iif eth0 oif eth1 tos 0x10 table 100 preference 501
        not from 10.86.0.0/16 fwmark 0x10/0xff lookup main preference 502
        from 10.87.0.0/16 lookup main suppress_prefixlength 0 preference 503
        from all uidrange 0-0 ipproto tcp sport 1000-2000 dport 80-90 table 100 preference 504
        from 10.88.0.0/16 realms 3/4 tunnel-id 77 table 1000 preference 505 protocol 18 no_track
    }";

pub fn what_an_instance_holds() {
    let spec = || HostSpec::numbered(1).with("eth1", 1, "10.11.0");
    let world = World::new(&[spec(), spec()]);
    world.partition(true);
    let config = instance("QUAY", 79, 255, BLOCKS, &[VIP]);
    let [ours, theirs] = [(0, Ours), (1, Peer)].map(|(host, binary)| {
        let node = &world.nodes[host];
        node.start(binary, &config);
        wait_until("it is master", election_bound(), || node.holds(VIP));
        wait_until("it has all addresses", secs(5), || node.holds("10.79.3.1"));
        document(node)
    });
    for list in ["vips", "evips", "vroutes", "vrules"] {
        assert_eq!(lines(&ours, list), lines(&theirs, list), "{list}");
    }
    for field in [
        "auth_type",
        "dont_track_primary",
        "track_ifp",
        "base_priority",
        "vrid",
    ] {
        assert_eq!(ours[field], theirs[field], "{field}");
    }
}

/// The data of the only instance.
fn document(node: &Node) -> Value {
    /// What `--signum=JSON` says: SIGRTMIN+2 of glibc.
    const JSON: i32 = 36;
    let pid = node.pid();
    node.run(&["kill", &format!("-{JSON}"), &pid.to_string()]);
    let text = wait_for("the JSON file", secs(5), || {
        let text = node.read("/tmp/keepalived.json");
        serde_json::from_str::<Value>(&text).ok()
    });
    text[0]["data"].clone()
}

/// A list, without what is keepalived's alone: it does not track what names no interface, and calls "all" by two names.
fn lines(document: &Value, list: &str) -> Vec<String> {
    let lines = document[list].as_array().expect(list).iter();
    let lines = lines.map(|line| {
        let line = line.as_str().expect("a text");
        let line = line.split(" [installed").next().unwrap_or(line);
        let names_a_device = line.contains(" dev ") && !line.contains("nexthop");
        match list == "vroutes" && !names_a_device {
            true => line.trim_end_matches(" no_track").to_owned(),
            false => line.replace("from 0.0.0.0/0", "from all"),
        }
    });
    lines.collect()
}

/// Scripts that it tracks and programs that it tells: in the words that the configuration has for them.
pub fn what_it_tracks_and_tells() {
    let world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(1)]);
    world.partition(true);
    let head = "track_script {
        chk
        late weight -5
    }
    notify_master /etc/keepalived/tell.sh
    notify_backup \"/etc/keepalived/tell.sh backup 'of it'\"
    notify_fault \"/etc/keepalived/tell.sh fault\" root
    notify_stop /etc/keepalived/tell.sh
    notify \"/etc/keepalived/tell.sh any\"
    notify_deleted /etc/keepalived/tell.sh
    notify_master_rx_lower_pri /etc/keepalived/tell.sh";
    let scripts = "vrrp_script chk {
        script \"/bin/true one two\"
        weight 2
    }
    vrrp_script late {
        script /bin/true
    }
    ";
    let config = scripts.to_owned() + &instance("QUAY", 79, 100, head, &[VIP]);
    let [ours, theirs] = [(0, Ours), (1, Peer)].map(|(host, binary)| {
        let node = &world.nodes[host];
        node.write_script("/etc/keepalived/tell.sh", "#!/bin/sh\n");
        node.start(binary, &config);
        wait_until("it is master", election_bound(), || node.holds(VIP));
        document(node)
    });
    for field in [
        "track_script",
        "script_backup",
        "script_master",
        "script_fault",
        "script_stop",
        "script_deleted",
        "script",
        "script_master_rx_lower_pri",
        "notify_deleted",
        "effective_priority",
        "base_priority",
    ] {
        assert_eq!(ours[field], theirs[field], "{field}");
    }
}
