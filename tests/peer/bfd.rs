//! BFD between our daemon and others: the distribution's keepalived and FRR's bfdd, over IPv4 and IPv6, single hop and multihop. Both
//! come up, both notice a cut, both come back.

use std::process::Child;

use crate::frr::{self, FOLDER};
use crate::support::Binary::{Ours, Peer};
use crate::support::bfd::{DOWN, UP, last, packets, session, wait_down, wait_up};
use crate::support::node::Node;
use crate::support::secs;
use crate::support::stage::{Case, peer_case, program_case};
use crate::support::wait_until;
use crate::support::world::World;

const V4: [&str; 2] = ["10.10.0.1", "10.10.0.2"];
const V6: [&str; 2] = ["fd00:10::1", "fd00:10::2"];
/// The neighbour is lost after a second.
const LINES: &str = "min_rx 200\nmin_tx 200\nmultiplier 5";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let bfdd = format!("{FOLDER}/bfdd");
    vec![
        peer_case("bfd::keepalived_ipv4", || keepalived(V4)),
        peer_case("bfd::keepalived_ipv6", || keepalived(V6)),
        program_case("bfd::frr_ipv4", bfdd.clone(), || frr(V4, "", "")),
        program_case("bfd::frr_ipv6", bfdd.clone(), || frr(V6, "", "")),
        program_case("bfd::frr_multihop", bfdd, || {
            frr(V4, "multihop", "\nmultihop\nmax_hops 3")
        }),
    ]
}

/// Two hosts with addresses of both families.
fn world() -> World {
    let world = World::two();
    for node in &world.nodes {
        let address = format!("{}/64", V6[node.index]);
        node.run(&["ip", "addr", "add", &address, "dev", "eth0", "nodad"]);
    }
    world
}

/// Up on both sides and as agreed, Down after a cut, Up again.
fn live_through(world: &World) {
    wait_up(world);
    for node in [0, 1] {
        let said = last(world, node).expect("it spoke");
        let other = last(world, 1 - node).expect("it spoke");
        assert_eq!(said.your_discriminator, other.my_discriminator);
        assert_eq!((said.min_tx, said.min_rx), (200_000, 200_000));
    }
    let mark = world.capture.mark();
    wait_until("it goes on", secs(10), || {
        [0, 1]
            .iter()
            .all(|node| packets(world, mark, *node).len() > 10)
    });
    for node in [0, 1] {
        let said = packets(world, mark, node);
        assert!(said.iter().all(|packet| packet.state == UP));
    }
    let mark = world.capture.mark();
    world.partition(true);
    wait_down(world, mark);
    world.partition(false);
    wait_up(world);
}

fn keepalived(addresses: [&str; 2]) {
    let world = world();
    for (binary, node) in [Ours, Peer].into_iter().zip(&world.nodes) {
        node.start(binary, &session("peer", addresses[1 - node.index], LINES));
    }
    live_through(&world);
    let ours = &world.nodes[0];
    let mark = world.capture.mark();
    ours.stop();
    // It says so: the other need not wait.
    world.nodes[1].wait_log("Remote diagnostic - Administratively Down", secs(10));
    ours.start_again(Ours);
    wait_up(&world);
    // The other begins anew.
    world.nodes[1].kill_all();
    wait_until("ours has noticed", secs(10), || {
        packets(&world, mark, 0)
            .pop()
            .is_some_and(|it| it.state == DOWN)
    });
    world.nodes[1].start_again(Peer);
    wait_up(&world);
}

/// FRR's daemons on a host.
struct Bfdd(#[allow(dead_code, reason = "they live as long as the host")] [Child; 2]);

impl Bfdd {
    fn start(node: &Node, [local, peer]: [&str; 2], words: &str) -> Self {
        frr::own_group(node);
        let place = if words.is_empty() {
            " interface eth0"
        } else {
            ""
        };
        node.write("/run/frr/zebra.conf", "\n");
        node.write(
            "/run/frr/bfdd.conf",
            &format!(
                "bfd\n peer {peer} {words} local-address {local}{place}\n  detect-multiplier 5\n  \
                 receive-interval 200\n  transmit-interval 200\n  no shutdown\n !\n!\n"
            ),
        );
        let zebra = frr::daemon(node, "zebra", &[]);
        wait_until("zebra listens", secs(10), || {
            node.path("/run/frr/zserv.api").exists()
        });
        let bfdd = frr::daemon(node, "bfdd", &["--bfdctl", "/run/frr/bfdd.sock"]);
        Bfdd([zebra, bfdd])
    }
}

/// RFC 5881 section 5: FRR hears neighbours at one hop only when their packets come with 255, over IPv6, too.
fn frr(addresses: [&str; 2], words: &str, lines: &str) {
    let world = world();
    let [a, b] = addresses;
    let lines = format!("{LINES}\nttl 255\nsource_ip {a}{lines}");
    world.nodes[0].start(Ours, &session("peer", b, &lines));
    let _daemons = Bfdd::start(&world.nodes[1], [b, a], words);
    live_through(&world);
}
