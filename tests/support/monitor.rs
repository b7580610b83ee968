//! What the kernel of a host tells whoever listens: every change from a moment on at which `ip monitor` is known to listen.
//! Not here: what a change means.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use super::node::Node;
use super::{secs, wait_until};

/// Where it is written down on the host.
const HEARD: &str = "/run/test/monitor";

/// A running `ip monitor`.
pub struct Monitor<'a> {
    node: &'a Node,
    child: Child,
}

impl<'a> Monitor<'a> {
    /// Listens to changes of these objects of `ip`.
    #[track_caller]
    pub fn start(node: &'a Node, objects: &[&str]) -> Self {
        let output = File::create(node.path(HEARD)).expect("a file");
        let child = node
            .command(&[&["ip", "-o", "monitor"], objects].concat())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("ip monitor");
        let process = child.id().to_string();
        wait_until("ip monitor listens", secs(10), || {
            is_listening(node, &process)
        });
        Monitor { node, child }
    }

    /// What it heard.
    pub fn end(mut self) -> String {
        self.child.kill().expect("ip monitor runs until now");
        self.child.wait().expect("ip monitor");
        self.node.read(HEARD)
    }
}

/// Whether a netlink socket with the number of this process is in a multicast group: `/proc/net/netlink` has address, protocol, number
/// and the mask of groups.
fn is_listening(node: &Node, process: &str) -> bool {
    let table = node.in_network(|| fs::read_to_string("/proc/thread-self/net/netlink"));
    let table = table.expect("the netlink sockets");
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(2) == Some(&process) && fields.get(3).is_some_and(|mask| *mask != "00000000")
    })
}
