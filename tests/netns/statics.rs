//! What the host has whatever the instances do, and instances that do not run without it: `default_interface`, `track_group`, names of
//! routing tables, gateways of the other family.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_until};

const VIP: &str = "10.91.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case(
            "statics::addresses_go_to_the_default_interface",
            default_interface,
        ),
        case(
            "statics::instances_fail_with_what_they_depend_on",
            track_group,
        ),
        case("statics::tables_have_names", tables_have_names),
    ]
}

fn world() -> World {
    World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.20.0")])
}

fn entered(node: &Node, state: &str) -> usize {
    node.log()
        .matches(&format!("(STONE) Entering {state} STATE"))
        .count()
}

fn default_interface() {
    let world = world();
    let node = &world.nodes[0];
    let config = |name: &str| {
        format!(
            "static_ipaddress {{\n 10.92.0.1/24\n}}\nglobal_defs {{\n default_interface {name}\n}}\n{}",
            instance("STONE", 91, 100, "", &[VIP])
        )
    };
    node.start(Ours, &config("eth1"));
    wait_until("the address is where it belongs", secs(5), || {
        node.address("eth1", "10.92.0.1").is_some()
    });
    node.write(CONFIG, &config("eth0"));
    node.signal(Signal::SIGHUP);
    wait_until("it moves with the configuration", secs(5), || {
        node.address("eth0", "10.92.0.1").is_some() && node.address("eth1", "10.92.0.1").is_none()
    });
    node.stop();
    assert!(!node.holds("10.92.0.1"));
}

fn track_group() {
    let world = world();
    let node = &world.nodes[0];
    let statics = |track: &str| {
        format!(
            "track_group GROUND {{\n group {{\n STONE\n }}\n}}\nstatic_ipaddress {{\n 10.93.0.1/24 dev eth1 {track}\n}}\n\
             static_routes {{\n 10.94.0.0/16 via 10.20.0.9 dev eth1 {track}\n}}\n\
             static_rules {{\n from 10.94.0.0/16 iif eth1 table 77 preference 77 {track}\n}}\n"
        )
    };
    let config = |track: &str| {
        format!(
            "{}{}",
            statics(track),
            instance("STONE", 91, 100, "", &[VIP])
        )
    };
    let route = || {
        node.run(&["ip", "route", "show", "10.94.0.0/16"])
            .contains("10.20.0.9")
    };
    node.start(Ours, &config("track_group GROUND"));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    assert!(route() && entered(node, "FAULT") == 0, "{}", node.log());
    // What somebody removes is put back at once: nobody takes notice.
    node.run(&["ip", "route", "del", "10.94.0.0/16"]);
    node.run(&["ip", "rule", "del", "preference", "77"]);
    wait_until("the route is put back", secs(5), route);
    stays("the address", secs(2), || node.holds(VIP));
    assert_eq!(entered(node, "FAULT"), 0);
    // Nothing brings a route back that has no way to its gateway.
    node.run(&["ip", "addr", "del", "10.20.0.1/24", "dev", "eth1"]);
    node.run(&["ip", "route", "del", "10.94.0.0/16"]);
    wait_until("the instance fails", secs(5), || {
        entered(node, "FAULT") == 1
    });
    let reason = "something static of track group GROUND is missing";
    assert!(node.log().contains(reason), "{}", node.log());
    wait_until("its address is gone", secs(5), || !node.holds(VIP));
    node.run(&["ip", "addr", "add", "10.20.0.1/24", "dev", "eth1"]);
    wait_until("the route is back", secs(15), route);
    wait_until("it is master again", election_bound(), || node.holds(VIP));
    // Nor while its link is down.
    node.run(&["ip", "link", "set", "eth1", "down"]);
    wait_until("the instance fails again", secs(5), || {
        entered(node, "FAULT") == 2
    });
    node.run(&["ip", "link", "set", "eth1", "up"]);
    wait_until("it is master for the third time", election_bound(), || {
        node.holds(VIP)
    });
    wait_until("the route is back again", secs(5), route);
    // Without the words the same is none of its business.
    node.write(CONFIG, &config(""));
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(5));
    node.run(&["ip", "link", "set", "eth1", "down"]);
    stays("the address", secs(3), || node.holds(VIP));
    assert_eq!(entered(node, "FAULT"), 2);
    node.stop();
}

fn tables_have_names() {
    let world = world();
    let node = &world.nodes[0];
    node.write("/run/names/rt_tables", "# comment\n88 flowers\n");
    node.write("/run/names/rt_tables.d/more.conf", "0x59 trees\n");
    node.write("/run/names/rt_tables.d/not.txt", "90 stones\n");
    let routes = "10.95.0.0/16 dev eth1 table flowers\n 10.96.0.0/16 dev eth1 table trees\n 10.97.0.0/16 dev eth1 table stones\n \
                  10.98.0.0/16 via inet6 fe80::9 dev eth1";
    node.start(
        Ours,
        &format!(
            "global_defs {{\n iproute_etc_dir /run/names\n}}\nstatic_routes {{\n {routes}\n}}\n{}",
            instance("STONE", 91, 100, "", &[VIP])
        ),
    );
    let shown = |table: &str| node.try_run(&["ip", "route", "show", "table", table]).1;
    wait_until("routes are in the tables named", secs(5), || {
        shown("88").contains("10.95.0.0/16") && shown("89").contains("10.96.0.0/16")
    });
    assert!(!shown("90").contains("10.97.0.0/16"), "a name of no table");
    wait_until("an IPv4 route over an IPv6 gateway", secs(5), || {
        shown("main").contains("10.98.0.0/16 via inet6 fe80::9 dev eth1")
    });
    node.stop();
    assert!(!shown("main").contains("10.98.0.0/16"));
}
