//! A director and, at the other end of its cable, all real servers: one host that has every address of theirs and takes every
//! connection. It runs on another processor than the director, packets on their way included, so that the director's work is its own.

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use crate::stand_in;
use crate::support::Binary;
use crate::support::node::{CONFIG, Node};
use crate::support::world::{HostSpec, World};
use crate::text;

/// Where the servers run.
const PROCESSOR: usize = 1;
/// A server holds a connection so long, unless the client closes it: longer than a check takes.
const HOLD: Duration = Duration::from_millis(50);

/// See the module. Dropped, all of it ends.
pub struct Farm {
    pub world: World,
    ended: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Farm {
    /// Servers that take connections, and a director that does nothing yet.
    pub fn new() -> Self {
        let mut world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(2)]);
        // What is heard would be paid for by whoever sends.
        world.capture.end();
        let [director, servers] = [&world.nodes[0], &world.nodes[1]];
        servers.run(&["ip", "route", "add", "local", text::NETWORK, "dev", "lo"]);
        director.run(&["ip", "route", "add", text::NETWORK, "via", "10.10.0.2"]);
        keep_apart(&world);
        let ended: Arc<AtomicBool> = Arc::default();
        let end = Arc::clone(&ended);
        let listener = servers.in_network(|| {
            let listener = TcpListener::bind("0.0.0.0:80").expect("a listener");
            setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::new(0, 10_000))
                .expect("SO_RCVTIMEO");
            listener
        });
        let acceptor = std::thread::spawn(move || accept(&listener, &end));
        Farm {
            world,
            ended,
            acceptor: Some(acceptor),
        }
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
        // Detail logs would be what is measured.
        let arguments = [
            "-n",
            "-l",
            "-f",
            CONFIG,
            "-p",
            "/run/k.pid",
            "-c",
            "/run/c.pid",
        ];
        node.start_program(&[&words[..], &arguments].concat(), node.open_log());
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, ended: &AtomicBool) {
    stand_in::keep_to(PROCESSOR);
    let mut held: VecDeque<(Instant, TcpStream)> = VecDeque::new();
    while !ended.load(Ordering::Relaxed) {
        if let Ok((connection, _)) = listener.accept() {
            held.push_back((Instant::now(), connection));
        }
        while held
            .front()
            .is_some_and(|(since, _)| since.elapsed() > HOLD)
        {
            held.pop_front();
        }
    }
}

/// Has the packets of each host looked after by its own processor, and the bridge between them by that of the servers; where this
/// process may not say so, whoever sends a packet pays for its receipt, too.
fn keep_apart(world: &World) {
    let masks = |processor: usize| format!("{:x}", 1 << processor);
    let set = |device: &str, processor: usize| {
        let file = format!("/sys/class/net/{device}/queues/rx-0/rps_cpus");
        std::fs::write(file, masks(processor))
    };
    let ports = ["h1e0", "h2e0"].map(|port| set(port, PROCESSOR));
    let mut hosts = Vec::new();
    for (node, processor) in world.nodes.iter().zip([0, PROCESSOR]) {
        let mask = masks(processor);
        let order = format!("echo {mask} > /sys/class/net/eth0/queues/rx-0/rps_cpus");
        hosts.push(node.try_run(&["sh", "-c", &order]).0.success());
    }
    if ports.iter().any(Result::is_err) || hosts.contains(&false) {
        println!("(the director pays for what the servers' host does with its packets, too)");
    }
}
