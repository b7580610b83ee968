//! Links that are polled: the driver is asked, whatever the kernel's flags say, and a reload begins and ends it.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_until};

const VIP: &str = "10.99.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("linkbeat::the_driver_is_asked", the_driver_is_asked),
        case("linkbeat::all_of_the_instances", all_of_the_instances),
    ]
}

fn config(words: &str, head: &str) -> String {
    format!("{words}\n{}", instance("PULSE", 99, 100, head, &[VIP]))
}

fn faults(node: &Node) -> usize {
    node.log().matches("(PULSE) Entering FAULT STATE").count()
}

fn reload(node: &Node, config: &str) {
    let before = node.log().matches("Reload complete").count();
    node.write(CONFIG, config);
    node.signal(Signal::SIGHUP);
    wait_until("the reload is done", secs(5), || {
        node.log().matches("Reload complete").count() > before
    });
}

fn the_driver_is_asked() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let polled = config("linkbeat_interfaces {\n eth0\n}", "");
    node.start(Ours, &polled);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    // A cable of virtual hosts has no transceiver.
    node.wait_log(
        "The link of eth0 is polled by ETHTOOL: its driver knows no MII",
        secs(5),
    );
    node.wait_log("Linkbeat reports eth0 up", secs(5));
    // The kernel takes a dormant interface for one that does not run; its link is there.
    node.run(&["ip", "link", "set", "eth0", "mode", "dormant"]);
    node.run(&["ip", "link", "set", "eth0", "state", "dormant"]);
    assert!(
        node.run(&["ip", "link", "show", "eth0"])
            .contains("DORMANT")
    );
    stays("the address", secs(2), || node.holds(VIP));
    assert_eq!(faults(node), 0);
    // Without the words the flags of the kernel count again.
    reload(node, &config("", ""));
    wait_until("the instance fails", secs(5), || {
        faults(node) == 1 && !node.holds(VIP)
    });
    reload(node, &polled);
    wait_until("its link is there", election_bound(), || node.holds(VIP));
    node.run(&["ip", "link", "set", "eth0", "mode", "default"]);
    node.run(&["ip", "link", "set", "eth0", "state", "up"]);
    world.cable(0, 0, false);
    node.wait_log("Linkbeat reports eth0 down", secs(5));
    wait_until("the instance fails", secs(5), || {
        faults(node) == 2 && !node.holds(VIP)
    });
    world.cable(0, 0, true);
    wait_until("the cable is back", election_bound(), || node.holds(VIP));
    node.stop();
    wait_until("nobody is left", secs(5), || node.processes().is_empty());
}

fn all_of_the_instances() {
    let world = World::new(&[HostSpec::numbered(1)
        .with("eth1", 1, "10.20.0")
        .with("eth2", 1, "10.30.0")]);
    let node = &world.nodes[0];
    node.start(
        Ours,
        &config(
            "linkbeat_use_polling\nlinkbeat_interfaces {\n eth1 IOCTL\n}",
            "track_interface {\n eth1\n}",
        ),
    );
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    node.wait_log("The link of eth0 is polled by ETHTOOL", secs(5));
    node.wait_log("The link of eth1 is polled by IOCTL\n", secs(5));
    assert!(!node.log().contains("link of eth2"), "nobody runs there");
    world.cable(0, 1, false);
    node.wait_log("Linkbeat reports eth1 down", secs(5));
    wait_until("the instance fails", secs(5), || faults(node) == 1);
    node.stop();
}
