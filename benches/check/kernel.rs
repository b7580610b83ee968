//! With the kernel's IPVS, in the guest of the tests, whose one processor is slow: how long a hundred thousand destinations take, and how
//! soon after an answer of a server the kernel is told.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::unistd::gettid;

use crate::support::Binary;
use crate::support::node::{CONFIG, Node};
use crate::support::secs;
use crate::support::world::{HostSpec, World};
use crate::tap::{Kind, Tap};
use crate::{ARGUMENTS, Numbers, Subject, reload_time, run_time, text};

pub const SUBJECTS: &[Subject] = &[
    ("programming", programming),
    ("unchanged", unchanged),
    ("reaction", reaction),
];

/// Destinations to be programmed.
const DESTINATIONS: usize = 100_000;
/// Destinations that a reload leaves as they are.
const UNCHANGED: usize = 40_000;
/// Servers that fail one after the other.
const FAILING: usize = 200;
/// Their check: the verdict is the daemon's, with a connection to end after it.
const PAGE: &str = "    HTTP_GET {
      url {
        path /
        status_code 200
      }
      connect_timeout 3
      retry 0
    }
";
/// From the start until all are checked.
const SETTLED: Duration = secs(10);
/// Every check has failed once, and what follows has been done.
const AFTERMATH: Duration = secs(3);
/// Beyond this, anything has gone wrong.
const PATIENCE: Duration = secs(300);

fn start(node: &Node, binary: Binary, config: &str) {
    node.write(CONFIG, config);
    node.start_with(binary, &ARGUMENTS);
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
    wait_for_last(node, DESTINATIONS);
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

fn wait_for_last(node: &Node, destinations: usize) {
    let last = destinations - 1;
    wait_for_destination(node, last / text::EACH, last);
}

/// A reload that changes nothing, the kernel's table among what it is compared with.
fn unchanged(binary: Binary) -> Numbers {
    let world = world();
    let node = &world.nodes[0];
    start(node, binary, &text::services(UNCHANGED, "", ""));
    wait_for_last(node, UNCHANGED);
    std::thread::sleep(AFTERMATH);
    let took = reload_time(node, binary, AFTERMATH);
    vec![
        (
            "SIGHUP, 40,000 destinations as they were: ms until it is done".to_owned(),
            took.0.unwrap_or(f64::NAN),
        ),
        ("the same: processor time, ms".to_owned(), took.1),
    ]
}

/// Says what a page has, and waits for whoever asked to end the connection: that is when it has judged.
fn answer(mut connection: TcpStream, fails: bool) {
    let status = if fails { 500 } else { 200 };
    let reply = format!("HTTP/1.0 {status} As asked\r\nContent-Length: 2\r\n\r\nok");
    let mut asked = [0; 1024];
    let _ = connection.read(&mut asked);
    let _ = connection.write_all(reply.as_bytes());
    while connection.read(&mut asked).is_ok_and(|length| length > 0) {}
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
    let fails: Arc<AtomicBool> = Arc::default();
    let answers = Arc::clone(&fails);
    // Ends with the guest.
    std::thread::spawn(move || {
        // It stands for other hosts, which take nothing from the processor of this one.
        let thread = gettid().to_string();
        let renice = Command::new("renice")
            .args(["-n", "19", "-p", &thread])
            .status();
        assert!(renice.expect("renice").success());
        for connection in listener.incoming().flatten() {
            answer(connection, answers.load(Ordering::Relaxed));
        }
    });
    let settings = "  delay_loop 1\n";
    start(node, binary, &text::services(FAILING, settings, PAGE));
    std::thread::sleep(SETTLED);
    let tap = node.in_network(Tap::open);
    fails.store(true, Ordering::Relaxed);
    let told_all = || node.log().matches("Removing service").count() >= FAILING;
    let begin = Instant::now();
    while !told_all() && begin.elapsed() < PATIENCE {
        std::thread::sleep(AFTERMATH);
    }
    let (mut judged, mut told) = (HashMap::new(), HashMap::new());
    for event in tap.close() {
        let server: Ipv4Addr = event.server;
        match event.kind {
            // The last check before the order is the one that failed.
            Kind::End if !told.contains_key(&server) => _ = judged.insert(server, event.at),
            Kind::End => {}
            Kind::Order => _ = told.entry(server).or_insert(event.at),
        }
    }
    let mut delays: Vec<f64> = judged
        .iter()
        .filter_map(|(server, at)| Some((told.get(server)? - at) * 1e3))
        .collect();
    delays.sort_by(f64::total_cmp);
    let heard = delays.len();
    // A slow kernel's sockets lose some of what is heard.
    assert!(heard * 10 > FAILING * 9, "{heard}\n{}", node.log());
    let what = "from the end of a failed check's connection to the order to the kernel:";
    vec![
        (format!("{what} ms, median"), delays[heard / 2]),
        (format!("{what} ms, 99 %"), delays[heard * 99 / 100]),
        (format!("{what} ms, the worst"), delays[heard - 1]),
    ]
}
