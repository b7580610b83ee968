//! What stands in the kernel's load balancer: our daemon and the distribution's keepalived on hosts of their own, with the same
//! configuration and the same servers listening, and what ipvsadm shows of both. Not here: the configurations.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::socket::{Shutdown, shutdown};

use super::Binary::{Ours, Peer};
use super::node::{CONFIG, Node};
use super::secs;
use super::stage::{self, Case};
use super::world::{HostSpec, World};

/// A slow machine may take this long until both tables are alike and hold what they must.
const BOUND: Duration = secs(60);
/// Nobody changes anything any more when it is so for this long.
const CALM: Duration = Duration::from_millis(900);
/// How often the tables are looked at.
const PAUSE: Duration = Duration::from_millis(300);

/// A configuration to be compared.
#[derive(Clone, Copy)]
pub struct Table {
    /// Of the case.
    pub name: &'static str,
    /// The file.
    pub config: &'static str,
    /// What stands in the table before: lines of `ipvsadm -R`.
    pub before: &'static str,
    /// Arguments of the daemon besides.
    pub arguments: &'static [&'static str],
    /// A second file, for a reload.
    pub second: &'static str,
    /// What ipvsadm is asked besides the table.
    pub besides: &'static [&'static str],
    /// Beginnings of lines without which the table is not at rest yet: what comes later than the services, such as by an election.
    pub holds: &'static [&'static str],
    /// What becomes of the servers: at the start, and then step by step, each of which changes the table.
    pub course: &'static [Step],
}

/// Servers die or return.
pub struct Step {
    /// The ports of 127.0.0.1 that listen from now on.
    pub listening: &'static [u16],
    /// How many destinations get traffic when it is over.
    pub live: usize,
    /// And how many get none.
    pub idle: usize,
}

impl Step {
    fn fits(&self, table: &[String]) -> bool {
        let of_weight_0 = |line: &&String| line.ends_with(" -w 0");
        let destinations = table.iter().filter(|line| line.starts_with("-a "));
        let idle = destinations.clone().filter(of_weight_0).count();
        (destinations.count() - idle, idle) == (self.live, self.idle)
    }
}

/// What scripts of a configuration run, with words about what happened; the first says to whom.
const TELL: &str = "/etc/keepalived/tell.sh";
/// Where they leave the words.
const TOLD: &str = "/run/test/told";

/// A case of one file.
pub const fn table(name: &'static str, config: &'static str) -> Table {
    Table {
        name,
        config,
        before: "",
        arguments: &[],
        second: "",
        besides: &[],
        holds: &[],
        course: &[],
    }
}

impl Table {
    /// A case whose hosts may change the load balancer.
    pub fn case(self) -> Case {
        stage::privileged(stage::peer_case(self.name, move || self.compare()))
    }

    fn compare(&self) {
        let world = World::new(&[HostSpec::numbered(1), HostSpec::numbered(1)]);
        world.partition(true);
        let [ours, theirs] = [&world.nodes[0], &world.nodes[1]];
        if !self.before.is_empty() {
            for node in [theirs, ours] {
                node.write("/tmp/table", self.before);
                node.run(&["sh", "-c", "ipvsadm -R </tmp/table"]);
            }
        }
        let mut course = self.course.iter();
        let mut listening = [theirs, ours].map(|node| (node, BTreeMap::new()));
        let mut step = |step: &Step| {
            for (node, listening) in &mut listening {
                listen(node, listening, step.listening);
            }
        };
        let first = course.next();
        if let Some(first) = first {
            for node in [theirs, ours] {
                node.run(&["ip", "link", "set", "lo", "up"]);
                node.write_script(TELL, &format!("#!/bin/sh\necho \"$@\" >>{TOLD}\n"));
            }
            step(first);
        }
        let initially = self.look(theirs);
        for (node, binary) in [(theirs, Peer), (ours, Ours)] {
            node.write(CONFIG, self.config);
            let usual = ["-n", "-l", "-D", "-f", CONFIG];
            node.start_with(binary, &[&usual[..], self.arguments].concat());
        }
        let settled = |table: &[String]| {
            let has = |beginning: &&str| table.iter().any(|line| line.starts_with(beginning));
            let fits = first.is_none_or(|step| step.fits(table));
            table != initially && self.holds.iter().all(has) && fits
        };
        let mut before = self.alike("when settled", ours, theirs, settled);
        for next in course {
            step(next);
            let when = format!("when {:?} listen", next.listening);
            let settled = |table: &[String]| table != before && next.fits(table);
            before = self.alike(&when, ours, theirs, settled);
        }
        if !self.second.is_empty() {
            for node in [theirs, ours] {
                node.write(CONFIG, self.second);
                node.signal(nix::sys::signal::Signal::SIGHUP);
            }
            self.alike("after the reload", ours, theirs, |table| table != before);
        }
        theirs.stop();
        ours.stop();
        self.alike("after the stop", ours, theirs, |_| true);
        if first.is_some() {
            alike_in_words(ours, theirs);
        }
    }

    /// Waits until both tables are the same, as they have to be, and stay so; panics with the difference and the logs when they never
    /// do. Neither side is taken to be at rest before the other: who is slower is the machine's affair.
    #[track_caller]
    fn alike(
        &self,
        when: &str,
        ours: &Node,
        theirs: &Node,
        is_right: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        let (start, mut same) = (Instant::now(), None::<(Vec<String>, Instant)>);
        loop {
            let [got, want] = [ours, theirs].map(|node| self.look(node));
            if got == want && is_right(&got) {
                match &same {
                    Some((table, since)) if *table == got => {
                        if since.elapsed() > CALM {
                            return got;
                        }
                    }
                    _ => same = Some((got, Instant::now())),
                }
            } else {
                same = None;
                let lacks = |these: &[String], those: &[String]| -> Vec<String> {
                    let missing = these.iter().filter(|line| !those.contains(line));
                    missing.cloned().collect()
                };
                assert!(
                    start.elapsed() < BOUND,
                    "{when}: only ours {:#?}\nonly theirs {:#?}\nboth have to hold {:?}, ours is {got:#?}\n{}\n{}",
                    lacks(&got, &want),
                    lacks(&want, &got),
                    self.holds,
                    ours.log(),
                    theirs.log()
                );
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// What ipvsadm shows, one a line. The order of services follows from the kernel's hash of them, that of servers from the moment they
    /// came.
    fn look(&self, node: &Node) -> Vec<String> {
        let mut text = ipvsadm(node, &["-Sn"]);
        for argument in self.besides {
            text += &ipvsadm(node, &["-Ln", argument]);
        }
        let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        lines.sort();
        lines
    }
}

/// A port that accepts connections and ends them.
pub struct Listener(TcpListener);

impl Listener {
    /// That of 127.0.0.1.
    pub fn new(node: &Node, port: u16) -> Self {
        let listener = node.in_network(|| TcpListener::bind(("127.0.0.1", port)));
        let listener = listener.unwrap_or_else(|error| panic!("listening to {port}: {error}"));
        let accepting = listener.try_clone().expect("a second handle");
        std::thread::spawn(move || while accepting.accept().is_ok() {});
        Listener(listener)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Also for whoever accepts.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

/// Has these and no other ports of a host listen.
fn listen(node: &Node, listening: &mut BTreeMap<u16, Listener>, ports: &[u16]) {
    listening.retain(|port, _| ports.contains(port));
    for port in ports {
        let new = || Listener::new(node, *port);
        listening.entry(*port).or_insert_with(new);
    }
}

/// Waits until the scripts of both have said the same, and something.
#[track_caller]
fn alike_in_words(ours: &Node, theirs: &Node) {
    let start = Instant::now();
    while told(ours).is_empty() || told(ours) != told(theirs) {
        assert!(
            start.elapsed() < BOUND,
            "scripts said of ours {:#?}, of theirs {:#?}",
            told(ours),
            told(theirs)
        );
        std::thread::sleep(PAUSE);
    }
}

/// What scripts said, in the order of whom it is about: those of others run side by side.
fn told(node: &Node) -> Vec<String> {
    let text = node.read(TOLD);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| line.split(' ').next());
    lines.into_iter().map(str::to_owned).collect()
}

/// What ipvsadm says in the network of a host. Not `Node::run`: the guest starts programs slowly.
#[track_caller]
fn ipvsadm(node: &Node, arguments: &[&str]) -> String {
    let output = node.in_network(|| Command::new("ipvsadm").args(arguments).output());
    let output = output.expect("cannot run ipvsadm");
    assert!(output.status.success(), "ipvsadm {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
