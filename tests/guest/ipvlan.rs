//! Hosts with `use_ipvlan`: a link that shares the MAC of its base, from whose own address adverts are sent. What it leaves in the
//! kernel beside the distribution's keepalived is in guest.rs.

use crate::support::Binary::{Ours, Peer};
use crate::support::config::instance;
use crate::support::node::Node;
use crate::support::stage::{Case, case, peer_case};
use crate::support::unicast::failover;
use crate::support::version3::{self, adverts3, settles};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

const LINK: &str = "harbour0";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("ipvlan::ipv4", ipv4),
        peer_case("ipvlan::beside_the_original", beside_the_original),
        case("ipvlan::ipv6", ipv6),
        case("ipvlan::modes", modes),
    ]
}

fn priority(node: usize) -> u8 {
    [200, 100][node]
}

fn has_link(node: &Node) -> bool {
    node.try_run(&["ip", "link", "show", "dev", LINK])
        .0
        .success()
}

const VIP: &str = "10.10.0.97";
const OWN: [&str; 2] = ["10.10.0.101", "10.10.0.102"];

fn config(node: usize) -> String {
    let line = format!("use_ipvlan {LINK} {}/24", OWN[node]);
    instance("STRAIT", 97, priority(node), &line, &["10.10.0.97/24"])
}

/// Both have announced themselves, each from the address of its link.
fn from_their_links(world: &World) {
    let adverts = world.capture.adverts_since(0);
    assert!(adverts.iter().any(|advert| advert.node == 1));
    for advert in adverts {
        assert_eq!(advert.source.to_string(), OWN[advert.node]);
    }
}

/// The address goes to the original when ours ends, and comes back.
fn beside_the_original() {
    let world = World::two();
    for (node, binary) in [(0, Ours), (1, Peer)] {
        world.nodes[node].start(binary, &config(node));
        settles(&world, VIP, 0);
    }
    world.nodes[0].stop();
    settles(&world, VIP, 1);
    world.nodes[0].start(Ours, &config(0));
    settles(&world, VIP, 0);
    from_their_links(&world);
}

fn ipv4() {
    let world = World::two();
    failover(&world, [Ours, Ours], &config, VIP);
    assert!(world.nodes.iter().all(has_link), "a crash leaves it behind");
    from_their_links(&world);
    // Where they would be without the link.
    assert!(world.nodes[1].address("eth0", VIP).is_some());
    world.nodes[1].stop();
    assert!(!has_link(&world.nodes[1]) && !world.nodes[1].holds(OWN[1]));
}

fn ipv6() {
    const VIP: &str = "fd00:98::1";
    let config = |node: usize| {
        let lines = format!("advert_int 0.5\nuse_ipvlan {LINK}");
        let addresses = ["fe80::98:1", "fd00:98::1/64"];
        version3::instance("STRAIT", 98, priority(node), &lines, &addresses)
    };
    let world = World::two();
    failover(&world, [Ours, Ours], &config, VIP);
    for node in [0, 1] {
        let adverts = adverts3(&world, 0, node);
        let source = adverts.last().expect("it ruled once").source.to_string();
        let show = ["ip", "-6", "-o", "addr", "show", "dev", LINK];
        let own = world.nodes[node].run(&show);
        assert!(own.contains(&source), "{source} is not of\n{own}");
    }
}

/// What the word means in the kernel, and that a reload changes it there.
fn modes() {
    const VIP: &str = "10.10.0.99";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for mode in ["", " bridge", " private", " vepa"] {
        let line = format!("use_ipvlan {LINK} 10.10.0.101/24{mode}");
        node.start(Ours, &instance("STRAIT", 99, 255, &line, &[VIP]));
        wait_until("the host is master", election_bound(), || node.holds(VIP));
        let shown = node.run(&["ip", "-d", "link", "show", "dev", LINK]);
        let word = if mode.is_empty() {
            "bridge"
        } else {
            mode.trim()
        };
        let wanted = format!("ipvlan  mode l2 {word}");
        assert!(shown.contains(&wanted), "{wanted} is not in\n{shown}");
        node.stop();
        wait_until("it is gone", secs(2), || !has_link(node));
    }
}
