//! Instances, groups and checks that follow BFD sessions: what a neighbour that is lost and returns does to them, the same where one
//! side is the distribution's keepalived; what a reload changes, and that nobody is disturbed when a process is replaced. How a session
//! itself lives is seen in bfd.rs.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::{self, Ours, Peer};
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, peer_case};
use crate::support::told::{self, FIFO};
use crate::support::version3::{adverts3, instance, settles};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_for, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("track_bfd::a_neighbour_is_lost_and_returns", || {
            lost_and_found([Ours, Ours])
        }),
        peer_case("track_bfd::the_neighbour_is_keepalived", || {
            lost_and_found([Ours, Peer])
        }),
        peer_case("track_bfd::keepalived_does_the_same", || {
            lost_and_found([Peer, Ours])
        }),
        case("track_bfd::reloads", reloads),
        case("track_bfd::processes_are_replaced", replaced),
        case("track_bfd::servers_follow_sessions", servers),
        case("track_bfd::a_process_like_the_others", process_of_its_own),
    ]
}

/// Ten packets are missed before a session is lost: a slow machine may not send for a while.
const INTERVAL: &str = "min_rx 100\n min_tx 100\n multiplier 10";
/// So soon after the last packet heard, which may have come an interval before the cut.
const DETECTION: Duration = secs(1);
const EARLY: Duration = millis(150);
/// The instances are BFD's concern on this network, and VRRP's on the other.
const NETWORK: usize = 1;
const NEIGHBOUR: usize = 2;
/// A session is up, or a change of it has moved what follows it.
const MOVE_BOUND: Duration = secs(20);

fn session(name: &str, from: usize, to: usize, more: &str) -> String {
    format!(
        "bfd_instance {name} {{\n neighbor_ip 10.11.0.{to}\n source_ip 10.11.0.{from}\n {INTERVAL}\n {more}\n}}\n"
    )
}

/// Two hosts that may rule and a neighbour behind both.
fn world() -> World {
    World::new(&[1, 2, 3].map(|number| HostSpec::numbered(number).with("eth1", number, "10.11.0")))
}

/// The neighbour speaks to the first host.
fn answer(world: &World, binary: Binary) {
    world.nodes[NEIGHBOUR].start(binary, &session("back", 3, 1, ""));
}

fn tracking(name: &str, vrid: u8, priority: u8, lines: &str) -> String {
    let tracked = match lines {
        "" => String::new(),
        lines => format!("track_bfd {{\n{lines}\n}}"),
    };
    let lines = format!("version 3\n advert_int 0.2\n{tracked}");
    instance(name, vrid, priority, &lines, &[&address(vrid)])
}

fn address(vrid: u8) -> String {
    format!("10.63.0.{vrid}")
}

#[track_caller]
fn settle(world: &World, places: &[(u8, usize)]) {
    wait_until(
        &format!("{places:?}"),
        election_bound() + MOVE_BOUND,
        || {
            places
                .iter()
                .all(|(vrid, node)| world.holders(&address(*vrid)) == [*node])
        },
    );
}

/// The last priority that a host says it has.
fn priority(world: &World, node: usize, vrid: u8) -> Option<u8> {
    let adverts = adverts3(world, 0, node);
    let last = adverts.iter().rfind(|advert| advert.vrid == vrid)?;
    Some(last.priority)
}

/// Two in a group that tracks, one whose priority is a sum, one that likes its neighbour down: on the first host, and the second host
/// rules what the first one may not.
fn lost_and_found([first, neighbour]: [Binary; 2]) {
    let world = world();
    let group = "vrrp_sync_group G {\n group {\n A\n B\n }\n track_bfd {\n back\n }\n}\n";
    let config = session("back", 1, 3, "weight 0")
        + &session("never", 1, 9, "weight -40 reverse")
        + group
        + &tracking("A", 61, 150, "")
        + &tracking("B", 62, 150, "")
        + &tracking("SUM", 63, 100, "back weight 20\nnever weight -10 noreverse")
        + &tracking("WEIGHED", 64, 100, "never")
        + &tracking("ALONE", 65, 100, "never weight 0 reverse");
    let other: String = [("A", 61, 100), ("B", 62, 100), ("SUM", 63, 95)]
        .map(|(name, vrid, priority)| tracking(name, vrid, priority, ""))
        .concat();
    let pair = "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n";
    world.nodes[1].start(Ours, &format!("{pair}{other}"));
    settle(&world, &[(61, 1), (62, 1), (63, 1)]);
    // A session counts as down before its first word.
    world.nodes[0].start(first, &config);
    settle(&world, &[(61, 1), (62, 1), (63, 1), (64, 0), (65, 0)]);
    assert_eq!(priority(&world, 0, 64), Some(140));
    assert_eq!(priority(&world, 0, 65), Some(100));

    answer(&world, neighbour);
    settle(&world, &[(61, 0), (62, 0), (63, 0)]);
    wait_until("the sum is told", secs(5), || {
        priority(&world, 0, 63) == Some(110)
    });
    for _ in 0..2 {
        let mark = world.capture.mark();
        let cut = world.capture.clock();
        world.cable(NEIGHBOUR, NETWORK, false);
        settle(&world, &[(61, 1), (62, 1), (63, 1), (64, 0), (65, 0)]);
        let adverts = adverts3(&world, mark, 1);
        let moved = adverts.iter().find(|it| it.vrid == 61 && it.priority > 0);
        let moved = moved.expect("it rules now").at - cut;
        assert!(moved + EARLY >= DETECTION, "lost after {moved:?}");
        assert_eq!(priority(&world, 0, 64), Some(140));
        world.cable(NEIGHBOUR, NETWORK, true);
        settle(&world, &[(61, 0), (62, 0), (63, 0), (64, 0), (65, 0)]);
    }
    if first == Ours {
        for line in [
            "Received BFD event: instance back is in state Up",
            "Received BFD event: instance back is in state Down",
            "(A) entering FAULT state (tracked BFD session back is down)",
        ] {
            world.nodes[0].wait_log(line, secs(5));
        }
        world.nodes[0].signal(Signal::SIGUSR1);
        wait_until("the data file has it", secs(10), || {
            let text = world.nodes[0].read("/tmp/keepalived.data");
            [
                "Tracked BFD = back weight 20 Up now +20",
                "Tracked BFD = never weight -10 Down now -10",
                "------< VRRP Track BFDs >------",
                "VRRP Track BFD = never\n   Session state = Down\n",
            ]
            .iter()
            .all(|part| text.contains(part))
        });
    }
    world.nodes.iter().for_each(Node::stop);
}

/// Sessions and lines that follow them come and go, and what stays is not disturbed.
fn reloads() {
    let world = world();
    let node = &world.nodes[0];
    let (vip, other) = (address(61), address(62));
    let base = tracking("A", 61, 100, "");
    let mut reloads = 0;
    let mut reload = |config: &str| {
        node.write(CONFIG, config);
        node.signal(Signal::SIGHUP);
        reloads += 1;
        wait_until("the reload is over", secs(10), || {
            node.log().matches("Reload complete").count() == reloads
        });
    };
    node.start(Ours, &base);
    settles(&world, &vip, 0);
    // A session whose neighbour is not there.
    let back = session("back", 1, 3, "");
    let follows = tracking("A", 61, 100, "back");
    reload(&format!("{back}{follows}"));
    wait_until("it is a fault", secs(5), || !node.holds(&vip));
    node.wait_log("Starting BFD child process", secs(5));
    // The line goes, the session stays.
    reload(&format!("{back}{base}"));
    settles(&world, &vip, 0);
    answer(&world, Ours);
    node.wait_log("(back) Entering Up state", MOVE_BOUND);
    // An instance that comes finds the session as it is, and one that was there is not shaken by it.
    let mark = world.capture.mark();
    let both = tracking("C", 62, 100, "back");
    reload(&format!("{back}{follows}{both}"));
    settles(&world, &other, 0);
    stays("the first rules on", secs(1), || node.holds(&vip));
    let adverts = adverts3(&world, mark, 0);
    assert!(adverts.iter().all(|it| it.priority == 100), "{adverts:?}");
    // Another weight.
    let weighed = tracking("A", 61, 100, "back weight 7");
    reload(&format!("{back}{weighed}{both}"));
    wait_until("the weight counts", secs(5), || {
        priority(&world, 0, 61) == Some(107)
    });
    assert_eq!(node.log().matches("(back) Entering Up state").count(), 1);
    // Nobody is to speak BFD any more.
    reload(&base);
    let bfd = || node.path("/run/bfd.pid").exists();
    wait_until("the process has left", secs(10), || !bfd());
    stays("it rules", millis(500), || node.holds(&vip));
    world.nodes[NEIGHBOUR].stop();
    node.stop();
}

/// Its names, files and priority are what the command line and the configuration say; without it no session is up.
fn process_of_its_own() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let follows = "bfd_instance b {\n neighbor_ip 10.10.0.9\n}\n".to_owned()
        + &tracking("A", 61, 100, "b")
        + &tracking("B", 62, 100, "b weight 0 reverse");
    let global = "global_defs {\n bfd_process_name speaker\n bfd_priority 5\n}\n";
    node.write(CONFIG, &format!("{global}{follows}"));
    let start = ["-n", "-l", "-D", "-f", CONFIG];
    node.start_with(Ours, &[&start[..], &["-b", "/run/other.pid"]].concat());
    node.wait_log("Startup complete", secs(10));
    let pid = process(node, "other").expect("its pid file");
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("a process");
    assert_eq!(name, "speaker\n");
    const NICE: usize = 19;
    assert_eq!(Node::stat_field(pid, NICE), "5");
    settles(&world, &address(62), 0);
    assert!(world.holders(&address(61)).is_empty());
    node.stop();
    assert!(!node.path("/run/other.pid").exists());

    node.start_with(Ours, &[&start[..], &["-B"]].concat());
    wait_until("it starts again", secs(10), || {
        node.log().matches("Startup complete").count() == 2
    });
    let begun = node.log().matches("Starting BFD child process").count();
    assert_eq!(begun, 1, "the first daemon's");
    settles(&world, &address(62), 0);
    assert!(world.holders(&address(61)).is_empty());
    node.stop();
}

fn process(node: &Node, name: &str) -> Option<Pid> {
    let text = node.read(&format!("/run/{name}.pid"));
    let pid = Pid::from_raw(text.trim().parse().ok()?);
    kill(pid, None).is_ok().then_some(pid)
}

/// Kills a process of the daemon, and waits for the one in its place.
fn replace(node: &Node, name: &str) {
    let before = process(node, name).expect("it runs");
    kill(before, Signal::SIGKILL).expect("it runs");
    wait_for("another one", secs(10), || {
        process(node, name).filter(|pid| *pid != before)
    });
}

/// A VRRP process that takes the place of another knows what the sessions are in; a BFD process that does disturbs nobody.
fn replaced() {
    let world = world();
    let node = &world.nodes[0];
    let vip = address(61);
    node.start(
        Ours,
        &(session("back", 1, 3, "") + &tracking("A", 61, 100, "back")),
    );
    answer(&world, Ours);
    settles(&world, &vip, 0);
    let faults = || node.log().matches("entering FAULT state").count();
    let downs = || node.log().matches("instance back is in state Down").count();
    let (before, down) = (faults(), downs());
    let mark = world.capture.mark();
    replace(node, "bfd");
    stays("it rules on", secs(2), || node.holds(&vip));
    replace(node, "vrrp");
    stays("it rules on", secs(2), || node.holds(&vip));
    assert_eq!((faults(), downs()), (before, down), "{}", node.log());
    let adverts = adverts3(&world, mark, 0);
    assert!(adverts.iter().all(|it| it.priority == 100), "{adverts:?}");

    world.cable(NEIGHBOUR, NETWORK, false);
    wait_until("it is a fault", MOVE_BOUND, || !node.holds(&vip));
    replace(node, "vrrp");
    wait_until("it is one still", secs(10), || faults() == before + 2);
    stays("nothing is held", secs(2), || !node.holds(&vip));
    world.cable(NEIGHBOUR, NETWORK, true);
    settles(&world, &vip, 0);
    // One that dies again is replaced later: nobody watches the neighbour meanwhile.
    let before = faults();
    for _ in 0..2 {
        replace(node, "bfd");
    }
    wait_until("it was a fault", secs(10), || faults() > before);
    settles(&world, &vip, 0);
    world.nodes[NEIGHBOUR].stop();
    node.stop();
}

/// Servers of two services follow one session, one with another check beside it; a checker process that is replaced knows.
fn servers() {
    let world = world();
    let node = &world.nodes[0];
    node.run(&["mkfifo", FIFO]);
    told::read_fifo_for_ever(node);
    let server = |n: u8, checks: &str| format!(" real_server 10.99.1.{n} 80 {{\n{checks}\n }}\n");
    let service = |n: u8, servers: &str| {
        format!(
            "virtual_server 10.99.0.{n} 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n warmup 0\n{servers}}}\n"
        )
    };
    let follows = "BFD_CHECK {\n name back\n }";
    let alpha = "BFD_CHECK {\n name back\n alpha\n }";
    let config = format!("global_defs {{\n lvs_notify_fifo {FIFO}\n}}\n")
        + &session("back", 1, 3, "")
        + &service(1, &(server(1, follows) + &server(2, alpha)))
        + &service(2, &server(1, follows));
    let rs = |server: u8, service: u8, state: &str| {
        format!("RS [10.99.1.{server}]:tcp:80 [10.99.0.{service}]:tcp:80 {state}")
    };
    let last = |server, service| {
        let subject = rs(server, service, "");
        let lines = told::lines(node);
        lines.into_iter().rfind(|line| line.starts_with(&subject))
    };
    let all = [(1, 1), (2, 1), (1, 2)];
    let become_all = |state: &str| {
        wait_until(&format!("all are {state}"), MOVE_BOUND, || {
            all.iter().all(|(server, service)| {
                last(*server, *service) == Some(rs(*server, *service, state))
            })
        });
    };
    answer(&world, Ours);
    node.start(Ours, &config);
    wait_until("alpha is over", MOVE_BOUND, || {
        last(2, 1) == Some(rs(2, 1, "UP"))
    });
    // The session was down at first, which is no failure.
    assert_eq!((last(1, 1), last(1, 2)), (None, None), "{}", node.log());
    world.cable(NEIGHBOUR, NETWORK, false);
    become_all("DOWN");
    node.wait_log(
        "BFD check of [back] RS([10.99.1.1]:tcp:80) is DOWN",
        secs(5),
    );
    let count = told::lines(node).len();
    replace(node, "checkers");
    stays("nothing is told again", secs(2), || {
        told::lines(node).len() == count
    });
    world.cable(NEIGHBOUR, NETWORK, true);
    become_all("UP");
    node.signal(Signal::SIGUSR1);
    wait_until("the data file has it", secs(10), || {
        let text = node.read("/tmp/keepalived_check.data");
        text.contains("------< Checker track BFDs >------\n Checker Track BFD = back\n   Session state = Up\n")
            && text.contains("Keepalive method = BFD_CHECK\n   Name = back\n")
    });
    world.nodes[NEIGHBOUR].stop();
    node.stop();
}
