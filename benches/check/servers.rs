//! A director and, at the other end of a cable of its own, all real servers (`wire`). They run on another processor than the director,
//! packets on their way included, so that the director's work is its own.

use std::time::Duration;

use crate::ARGUMENTS;
use crate::stand_in;
use crate::support::Binary;
use crate::support::node::{CONFIG, Node};
use crate::support::world::{HostSpec, World, ip_batch};
use crate::text;
use crate::wire::{Call, Wire};

/// The cable between the two, and the director's address at its end.
const CABLE: &str = "cable";
const NEAR: &str = "10.95.0.1/32";
/// See the module. Dropped, all of it ends.
pub struct Farm {
    // Ends before the hosts do.
    servers: Wire,
    world: World,
}

impl Farm {
    /// Servers that take connections, and a director that does nothing yet.
    pub fn new() -> Self {
        let mut world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(2)]);
        // What is heard would be paid for by whoever sends.
        world.capture.end();
        join(&world);
        Farm {
            servers: world.nodes[1].in_network(Wire::open),
            world,
        }
    }

    /// Who is called from now on, for so long.
    pub fn calls(&self, span: Duration) -> Vec<Call> {
        self.servers.listen(span)
    }

    /// The host that checks.
    pub fn director(&self) -> &Node {
        &self.world.nodes[0]
    }

    /// Starts a daemon on it, as `stand_in` says.
    pub fn start(&self, binary: Binary, config: &str) {
        let node = self.director();
        node.write(CONFIG, config);
        let program = std::env::current_exe().expect("this program");
        let words = [
            program.to_str().expect("a path in UTF-8"),
            stand_in::WORD,
            binary.inside(),
        ];
        node.start_program(&[&words[..], &ARGUMENTS].concat(), node.open_log());
    }
}

/// Joins the two by a cable of their own: the bridge that they have besides would look at each packet, too. What the director receives is
/// looked after by its own processor, the first; what it sends waits at the far end.
fn join(world: &World) {
    let [director, servers] = [&world.nodes[0], &world.nodes[1]];
    ip_batch(&format!(
        "link add {CABLE} netns {} type veth peer name {CABLE} netns {}\n",
        director.holder.id(),
        servers.holder.id()
    ));
    for node in &world.nodes {
        // Nobody is there to answer who asks for an address.
        node.in_network(|| ip_batch(&format!("link set {CABLE} up arp off\n")));
    }
    let order = format!("echo 1 > /sys/class/net/{CABLE}/queues/rx-0/rps_cpus");
    let is_set = director.try_run(&["sh", "-c", &order]).0.success();
    director.run(&["ip", "address", "add", NEAR, "dev", CABLE]);
    director.run(&["ip", "route", "add", text::NETWORK, "dev", CABLE]);
    if !is_set {
        println!("(the servers pay for what the director receives)");
    }
}
