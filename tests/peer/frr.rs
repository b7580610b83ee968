//! Our daemon and FRR's vrrpd on one network, version 3 over IPv4 and IPv6, each once as the better router: who announces itself,
//! and what happens when that one is stopped, started again and killed. FRR's daemons run on a test host alone, never as a service.
//!
//! FRR takes the virtual addresses for given on a macvlan with the virtual router's MAC and switches that on and off, so that only
//! adverts tell which of the two rules.

use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::node::Node;
use crate::support::stage::{Case, program_case};
use crate::support::version3::{adverts3, detected, instance};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_for, wait_until};

/// Where its daemons are.
pub const FOLDER: &str = "/usr/lib/frr";
const VRID: u8 = 95;
const INTERVAL: Duration = millis(500);

/// A slow machine may be this late with anything.
const SLACK: Duration = millis(1500);

/// Time stamps and two daemons' ideas of a second differ by less.
const EARLY: Duration = millis(60);

const BETTER: u8 = 200;
const WORSE: u8 = 100;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (family, v6) in [("v3_ipv4", false), ("v3_ipv6", true)] {
        for (order, ours_better) in [("ours_first", true), ("frr_first", false)] {
            let name = format!("frr::{order}::{family}");
            all.push(program_case(&name, format!("{FOLDER}/vrrpd"), move || {
                pair(v6, ours_better)
            }));
        }
    }
    all
}

/// FRR's daemons on a host.
struct Frr {
    zebra: Child,
    vrrpd: Child,
}

impl Frr {
    fn start(node: &Node, v6: bool, priority: u8) -> Self {
        let lines = addresses(v6).map(|address| {
            format!(
                " vrrp {VRID} {} {address}\n",
                if v6 { "ipv6" } else { "ip" }
            )
        });
        let milliseconds = INTERVAL.as_millis();
        node.write("/run/frr/zebra.conf", "\n");
        node.write(
            "/run/frr/vrrpd.conf",
            &format!(
                "interface eth0\n vrrp {VRID} version 3\n vrrp {VRID} priority {priority}\n \
                 vrrp {VRID} advertisement-interval {milliseconds}\n{}",
                lines.collect::<String>()
            ),
        );
        let zebra = daemon(node, "zebra", &[]);
        wait_until("zebra listens", secs(10), || {
            node.path("/run/frr/zserv.api").exists()
        });
        let vrrpd = daemon(node, "vrrpd", &[]);
        Frr { zebra, vrrpd }
    }

    /// As an administrator ends it.
    fn stop(mut self) {
        for child in [&mut self.vrrpd, &mut self.zebra] {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("pids are positive"));
            kill(pid, Signal::SIGTERM).expect("it lives");
            wait_for("FRR ends", secs(10), || child.try_wait().expect("waiting"));
        }
    }
}

/// Starts one, with words of its own behind those that all have.
pub fn daemon(node: &Node, name: &str, own: &[&str]) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(node.path("/run/test/log"))
        .expect("the log");
    let (program, config) = (format!("{FOLDER}/{name}"), format!("/run/frr/{name}.conf"));
    let pid = format!("/run/frr/{name}.pid");
    let words = [
        &program,
        "-u",
        "root",
        "-g",
        "root",
        "-f",
        &config,
        "-i",
        &pid,
        "-z",
        "/run/frr/zserv.api",
        "--vty_socket",
        "/run/frr",
        "-P",
        "0",
        "--log",
        "stdout",
    ];
    let mut command = node.command(&[&words[..], own].concat());
    command
        .stdout(log.try_clone().expect("the log"))
        .stderr(log);
    command.spawn().expect("cannot start FRR")
}

/// The addresses of the virtual router; FRR announces them sorted.
fn addresses(v6: bool) -> std::array::IntoIter<&'static str, 2> {
    if v6 {
        ["fe80::95:1", "fd00:95::1"]
    } else {
        ["10.95.0.1", "10.95.0.2"]
    }
    .into_iter()
}

/// A group that FRR's daemons may belong to.
pub fn own_group(node: &Node) {
    let group = std::fs::read_to_string("/etc/group").expect("/etc/group");
    let lines = group.lines().filter(|line| !line.starts_with("frrvty:"));
    let group: String = lines
        .chain(["frrvty:x:0:root"])
        .flat_map(|line| [line, "\n"])
        .collect();
    node.write("/run/frr/group", &group);
    node.run(&["mount", "--bind", "/run/frr/group", "/etc/group"]);
}

/// What FRR's vrrpd wants to find on a host: the macvlan.
fn prepare(node: &Node, v6: bool) {
    own_group(node);
    let mac = format!("00:00:5e:00:{:02x}:{VRID:02x}", if v6 { 2 } else { 1 });
    let mut plan = format!("link add vrrp95 link eth0 address {mac} type macvlan mode bridge\n");
    for address in addresses(v6) {
        let length = if v6 { "64 nodad" } else { "24" };
        plan += &format!("addr add {address}/{length} dev vrrp95\n");
    }
    plan += "link set vrrp95 up\n";
    node.write("/run/frr/plan", &plan);
    node.run(&["ip", "-batch", "/run/frr/plan"]);
}

/// Both routers, the better one being host 0.
struct Pair {
    world: World,
    v6: bool,
    ours: usize,
    frr: Option<Frr>,
}

impl Pair {
    fn priority(&self, node: usize) -> u8 {
        if node == 0 { BETTER } else { WORSE }
    }

    fn start(&mut self, host: usize) {
        let node = &self.world.nodes[host];
        if host == self.ours {
            let lines = format!("version 3\n    advert_int {}", INTERVAL.as_secs_f64());
            let addresses: Vec<&str> = addresses(self.v6).collect();
            node.start(
                Ours,
                &instance("MIXED", VRID, self.priority(host), &lines, &addresses),
            );
        } else {
            self.frr = Some(Frr::start(node, self.v6, self.priority(host)));
        }
    }

    fn stop(&mut self, host: usize) {
        if host == self.ours {
            self.world.nodes[host].stop();
        } else if let Some(frr) = self.frr.take() {
            frr.stop();
        }
    }

    /// One host announces itself and the other is silent, and ours has the addresses or not accordingly.
    #[track_caller]
    fn settles(&self, host: usize) {
        let alone = |mark| {
            adverts3(&self.world, mark, 1 - host).is_empty()
                && !adverts3(&self.world, mark, host).is_empty()
        };
        let held = || {
            let ours = &self.world.nodes[self.ours];
            addresses(self.v6).all(|address| ours.holds(address) == (host == self.ours))
        };
        let mut mark = self.world.capture.mark();
        wait_until(
            &format!("host {} alone rules", host + 1),
            election_bound(),
            || {
                std::thread::sleep(INTERVAL * 2);
                alone(std::mem::replace(&mut mark, self.world.capture.mark())) && held()
            },
        );
        stays("it does", INTERVAL * 6, || {
            adverts3(&self.world, mark, 1 - host).is_empty() && held()
        });
        let adverts = adverts3(&self.world, mark, host);
        let priority = self.priority(host);
        assert!(
            adverts.iter().all(|advert| advert.priority == priority),
            "{adverts:?}"
        );
    }

    /// The other host announces itself so long after the last advert of the one that ruled.
    #[track_caller]
    fn takes_over(&self, mark: usize, host: usize, resigned: bool) {
        let first = wait_for("the other host announces itself", election_bound(), || {
            adverts3(&self.world, mark, host).into_iter().next()
        });
        let before = adverts3(&self.world, 0, 1 - host);
        let last = before
            .iter()
            .rfind(|advert| advert.at < first.at)
            .expect("it had announced itself");
        assert_eq!(last.priority == 0, resigned, "{last:?}");
        let skew = INTERVAL * (256 - u32::from(self.priority(host))) / 256;
        let theory = if resigned { skew } else { 3 * INTERVAL + skew };
        let gap = first.at - last.at;
        assert!(
            gap + EARLY >= theory && gap <= theory + SLACK,
            "takeover after {gap:?}, the standard says {theory:?}"
        );
    }
}

fn pair(v6: bool, ours_better: bool) {
    let ours = usize::from(!ours_better);
    let world = detected(&[1, 2].map(HostSpec::numbered));
    prepare(&world.nodes[1 - ours], v6);
    let mut pair = Pair {
        world,
        v6,
        ours,
        frr: None,
    };
    pair.start(0);
    pair.start(1);
    pair.settles(0);

    let mark = pair.world.capture.mark();
    pair.stop(0);
    pair.takes_over(mark, 1, true);
    pair.settles(1);
    pair.start(0);
    pair.settles(0);

    let mark = pair.world.capture.mark();
    pair.world.nodes[0].kill_all();
    pair.takes_over(mark, 1, false);
}
