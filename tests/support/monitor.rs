//! What the kernel of a host tells whoever listens: every change from a moment on at which `ip monitor` is known to listen.
//! Not here: what a change means.

use std::fs::File;
use std::process::{Child, Stdio};

use super::node::Node;
use super::{secs, wait_until};

/// Where it is written down on the host.
const HEARD: &str = "/run/test/monitor";
/// An address that comes and goes to see whether changes are heard.
const PROBE: &str = "127.86.0.1";

/// A running `ip monitor`.
pub struct Monitor<'a> {
    node: &'a Node,
    child: Child,
}

impl<'a> Monitor<'a> {
    /// Listens to changes of these objects of `ip`, `address` among them.
    #[track_caller]
    pub fn start(node: &'a Node, objects: &[&str]) -> Self {
        let output = File::create(node.path(HEARD)).expect("a file");
        let child = node
            .command(&[&["ip", "-o", "monitor"], objects].concat())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("ip monitor");
        // Once it is in its groups it asks for all links, and drops what it hears meanwhile.
        wait_until("ip monitor listens", secs(10), || {
            for change in ["add", "del"] {
                node.run(&["ip", "address", change, PROBE, "dev", "lo"]);
            }
            node.read(HEARD).contains(PROBE)
        });
        Monitor { node, child }
    }

    /// What it heard.
    pub fn end(mut self) -> String {
        self.child.kill().expect("ip monitor runs until now");
        self.child.wait().expect("ip monitor");
        let heard = self.node.read(HEARD);
        let lines = heard.split_inclusive('\n');
        lines.filter(|line| !line.contains(PROBE)).collect()
    }
}
