//! What stands in the kernel's load balancer: our daemon and the distribution's keepalived on hosts of their own, with the same
//! configuration, and what ipvsadm shows of both. Not here: the configurations.

use std::process::Command;
use std::time::{Duration, Instant};

use super::Binary::{Ours, Peer};
use super::node::{CONFIG, Node};
use super::secs;
use super::stage::{self, Case};
use super::world::{HostSpec, World};

/// A busy machine may take this long.
const BOUND: Duration = secs(30);
/// Nobody changes anything any more when it is so for this long.
const CALM: Duration = Duration::from_millis(300);

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
}

/// A case of one file.
pub const fn table(name: &'static str, config: &'static str) -> Table {
    Table {
        name,
        config,
        before: "",
        arguments: &[],
        second: "",
        besides: &[],
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
        let initially = self.look(theirs);
        for (node, binary) in [(theirs, Peer), (ours, Ours)] {
            node.write(CONFIG, self.config);
            let usual = ["-n", "-l", "-D", "-f", CONFIG];
            node.start_with(binary, &[&usual[..], self.arguments].concat());
        }
        let before = self.look_at_rest(theirs, &initially);
        alike("when settled", ours, || self.look(ours), &before);
        if !self.second.is_empty() {
            for node in [theirs, ours] {
                node.write(CONFIG, self.second);
                node.signal(nix::sys::signal::Signal::SIGHUP);
            }
            let after = self.look_at_rest(theirs, &before);
            alike("after the reload", ours, || self.look(ours), &after);
        }
        theirs.stop();
        ours.stop();
        let after = self.look(theirs);
        alike("after the stop", ours, || self.look(ours), &after);
    }

    /// The table of a host once it is another than before and changes no more.
    #[track_caller]
    fn look_at_rest(&self, node: &Node, before: &[String]) -> Vec<String> {
        let (start, mut last, mut since) = (Instant::now(), self.look(node), Instant::now());
        loop {
            if last != before && since.elapsed() > CALM * 3 {
                return last;
            }
            assert!(
                start.elapsed() < BOUND,
                "nothing of the case is there: {last:#?}\n{}",
                node.log()
            );
            std::thread::sleep(CALM / 2);
            let now = self.look(node);
            if now != last {
                (last, since) = (now, Instant::now());
            }
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

/// What ipvsadm says in the network of a host. Not `Node::run`: the guest starts programs slowly.
#[track_caller]
fn ipvsadm(node: &Node, arguments: &[&str]) -> String {
    let output = node.in_network(|| Command::new("ipvsadm").args(arguments).output());
    let output = output.expect("cannot run ipvsadm");
    assert!(output.status.success(), "ipvsadm {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until our host is as it should be and stays so; panics with the difference and the log when it never is.
#[track_caller]
pub fn alike(when: &str, ours: &Node, look: impl Fn() -> Vec<String>, want: &[String]) {
    let (start, mut same) = (Instant::now(), None::<Instant>);
    loop {
        let got = look();
        if got == want {
            if same.get_or_insert_with(Instant::now).elapsed() > CALM {
                return;
            }
        } else {
            same = None;
            let lacks = |these: &[String], those: &[String]| -> Vec<String> {
                let missing = these.iter().filter(|line| !those.contains(line));
                missing.cloned().collect()
            };
            assert!(
                start.elapsed() < BOUND,
                "{when}: only ours {:#?}\nonly theirs {:#?}\n{}",
                lacks(&got, want),
                lacks(want, &got),
                ours.log()
            );
        }
        std::thread::sleep(CALM / 2);
    }
}
