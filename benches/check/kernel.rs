//! With the kernel's IPVS, in the guest of the tests, whose one processor is slow: how long a hundred thousand destinations take, and how
//! soon after an answer of a server the kernel is told.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::Binary;
use crate::support::node::{CONFIG, Node};
use crate::support::secs;
use crate::support::world::{HostSpec, World};
use crate::tap::{Kind, Tap};
use crate::{Numbers, Subject, run_time, text};

pub const SUBJECTS: &[Subject] = &[("programming", programming), ("reaction", reaction)];

/// Destinations to be programmed.
const DESTINATIONS: usize = 100_000;
/// Servers that fail one after the other.
const FAILING: usize = 200;
/// From the start until all are checked.
const SETTLED: Duration = secs(10);
/// Every check has failed once, and what follows has been done.
const AFTERMATH: Duration = secs(3);
/// Beyond this, anything has gone wrong.
const PATIENCE: Duration = secs(300);

fn start(node: &Node, binary: Binary, config: &str) {
    node.write(CONFIG, config);
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
    node.start_with(binary, &arguments);
}

fn world() -> World {
    let mut world = World::new(&[HostSpec::numbered(1)]);
    world.capture.end();
    world
}

fn programming(binary: Binary) -> Numbers {
    let world = world();
    let node = &world.nodes[0];
    let config = text::services(DESTINATIONS, "", "");
    let begin = Instant::now();
    start(node, binary, &config);
    wait_for_destination(node, 0, 0);
    let first = Instant::now();
    let last = DESTINATIONS - 1;
    wait_for_destination(node, last / text::EACH, last);
    let what = "100,000 destinations in 1,000 services:";
    vec![
        (
            format!("{what} s from the first to the last"),
            first.elapsed().as_secs_f64(),
        ),
        (
            format!("{what} s from the start of the daemon to the last"),
            begin.elapsed().as_secs_f64(),
        ),
        (format!("{what} s of processor time"), run_time(node)),
    ]
}

/// Asks the kernel for one service, again and again: that costs next to nothing beside the rest.
fn wait_for_destination(node: &Node, service: usize, server: usize) {
    let service = format!("{}:80", text::service(service));
    let server = format!("{}:80", text::server(server));
    let start = Instant::now();
    loop {
        let output = node.in_network(|| {
            let arguments = ["-Ln", "-t", &service];
            Command::new("ipvsadm").args(arguments).output()
        });
        let output = output.expect("ipvsadm");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.split_whitespace().any(|word| word == server) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{server}\n{}", node.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn reaction(binary: Binary) -> Numbers {
    let world = world();
    let node = &world.nodes[0];
    node.run(&["ip", "route", "add", "local", text::NETWORK, "dev", "lo"]);
    node.run(&["ip", "link", "add", "nlmon0", "type", "nlmon"]);
    node.run(&["ip", "link", "set", "nlmon0", "up"]);
    let listener = node.in_network(|| TcpListener::bind("0.0.0.0:80").expect("a listener"));
    let taking = listener.try_clone().expect("the listener");
    let acceptor = std::thread::spawn(move || while taking.accept().is_ok() {});
    let settings = "  delay_loop 1\n";
    let check = "    TCP_CHECK {\n      connect_timeout 3\n      retry 0\n    }\n";
    start(node, binary, &text::services(FAILING, settings, check));
    std::thread::sleep(SETTLED);
    let tap = node.in_network(Tap::open);
    // Nobody listens any more: who waits for connections is told that there will be none.
    nix::sys::socket::shutdown(
        std::os::fd::AsRawFd::as_raw_fd(&listener),
        nix::sys::socket::Shutdown::Both,
    )
    .expect("shutdown");
    acceptor.join().expect("the acceptor");
    drop(listener);
    std::thread::sleep(AFTERMATH);
    let (mut refused, mut told) = (HashMap::new(), HashMap::new());
    for event in tap.close() {
        let first: &mut HashMap<Ipv4Addr, f64> = match event.kind {
            Kind::Refusal => &mut refused,
            Kind::Order => &mut told,
        };
        first.entry(event.server).or_insert(event.at);
    }
    let mut delays: Vec<f64> = refused
        .iter()
        .filter_map(|(server, at)| Some((told.get(server)? - at) * 1e3))
        .collect();
    delays.sort_by(f64::total_cmp);
    assert_eq!(
        delays.len(),
        FAILING,
        "every failure is told\n{}",
        node.log()
    );
    let what = "from a server's refusal to the order to the kernel:";
    vec![
        (format!("{what} ms, median"), delays[FAILING / 2]),
        (format!("{what} ms, 99 %"), delays[FAILING * 99 / 100]),
        (format!("{what} ms, the worst"), delays[FAILING - 1]),
    ]
}
