//! `net_namespace` and `-s`: the daemon runs in a network namespace that `ip netns` made, its files and messages tell which, and a
//! reload cannot move it elsewhere.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

const VIP: &str = "10.78.0.1";
const FOREGROUND: [&str; 6] = ["-n", "-l", "-D", "-G", "-f", CONFIG];

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("namespaces::runs_where_it_is_told", runs_where_it_is_told),
        case(
            "namespaces::the_command_line_goes_first",
            the_command_line_goes_first,
        ),
        case(
            "namespaces::two_daemons_on_one_host",
            two_daemons_on_one_host,
        ),
        case("namespaces::one_that_is_missing", one_that_is_missing),
        case("namespaces::checked_by_whoever", checked_by_whoever),
    ]
}

/// A host whose `eth0` lies in namespaces of its own, `blue` and `red`, each with a bridge as the other end of its cable.
fn world() -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for name in ["blue", "red"] {
        node.run(&["ip", "netns", "add", name]);
        node.run(&[
            "ip", "-n", name, "link", "add", "lan0", "type", "veth", "peer", "name", "far0",
        ]);
        node.run(&["ip", "-n", name, "link", "set", "far0", "up"]);
        node.run(&["ip", "-n", name, "link", "set", "lan0", "up"]);
        node.run(&[
            "ip",
            "-n",
            name,
            "addr",
            "add",
            "10.78.0.9/24",
            "dev",
            "lan0",
        ]);
    }
    world
}

/// An instance on an interface that only the namespaces have.
fn config(root: &str) -> String {
    format!(
        "{root}\n{}",
        instance("SPACE", 78, 100, "", &[VIP]).replace("eth0", "lan0")
    )
}

fn holds(node: &Node, space: &str) -> bool {
    node.run(&["ip", "-n", space, "addr", "show", "dev", "lan0"])
        .contains(VIP)
}

fn pid_in(node: &Node, file: &str) -> Option<Pid> {
    node.read(file).trim().parse().ok().map(Pid::from_raw)
}

fn runs_where_it_is_told() {
    let world = world();
    let node = &world.nodes[0];
    // The interface is judged where the daemon will run, wherever the line stands.
    node.write(CONFIG, &format!("{}\nnet_namespace blue\n", config("")));
    let (status, output) = node.try_run(&[Ours.inside(), "-t", "-f", CONFIG]);
    assert_eq!((status.code(), output.as_str()), (Some(0), ""));
    node.start_with(Ours, &FOREGROUND);
    wait_until(
        "the address is held in the namespace",
        election_bound(),
        || holds(node, "blue"),
    );
    assert!(!node.holds(VIP), "and nowhere else");
    assert_eq!(
        pid_in(node, "/run/keepalived/blue/keepalived.pid"),
        Some(node.pid())
    );
    assert!(pid_in(node, "/run/keepalived/blue/vrrp.pid").is_some());
    assert!(!node.path("/run/keepalived.pid").exists());
    // Another namespace, or none, is refused, and nothing else of such a file counts.
    for (times, other) in ["net_namespace red", ""].into_iter().enumerate() {
        node.write(CONFIG, &config(other).replace(VIP, "10.78.0.2"));
        node.signal(Signal::SIGHUP);
        wait_until("it is refused with what to do", secs(5), || {
            let log = node.log();
            let line = log
                .lines()
                .filter(|line| line.contains("Cannot change net_namespace at a reload"));
            line.filter(|line| line.contains("restart")).count() == times + 1
        });
        assert!(holds(node, "blue"));
    }
    node.write(
        CONFIG,
        &config("net_namespace blue").replace(VIP, "10.78.0.2"),
    );
    node.signal(Signal::SIGHUP);
    wait_until("an unchanged one is no obstacle", secs(5), || {
        !holds(node, "blue")
    });
    // A process that is replaced comes up in the same place.
    node.write(CONFIG, &config("net_namespace blue"));
    node.signal(Signal::SIGHUP);
    wait_until("the address is held again", election_bound(), || {
        holds(node, "blue")
    });
    let dead = pid_in(node, "/run/keepalived/blue/vrrp.pid").expect("a VRRP process");
    kill(dead, Signal::SIGKILL).expect("kill");
    wait_until("a replacement", secs(5), || {
        pid_in(node, "/run/keepalived/blue/vrrp.pid").is_some_and(|pid| pid != dead)
    });
    node.stop();
    assert!(!holds(node, "blue"));
    assert!(
        !node.path("/run/keepalived/blue").exists(),
        "nothing is left"
    );
}

fn the_command_line_goes_first() {
    let world = world();
    let node = &world.nodes[0];
    node.write(CONFIG, &config("net_namespace red\ninstance one"));
    let socket = node.path("/dev/log");
    let syslog = std::os::unix::net::UnixDatagram::bind(&socket).expect("/dev/log");
    syslog.set_read_timeout(Some(secs(5))).expect("a limit");
    node.start_with(Ours, &["-n", "-l", "-D", "-s", "blue", "-f", CONFIG]);
    wait_until(
        "the address is held in the namespace",
        election_bound(),
        || holds(node, "blue"),
    );
    assert!(!holds(node, "red"));
    assert!(pid_in(node, "/run/keepalived/blue/vrrp_one.pid").is_some());
    let mut buffer = [0; 4096];
    let mut told = || {
        let length = syslog.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    wait_until("messages tell who sends them", secs(5), || {
        told().contains(" Keepalived_vrrp_blue_one[")
    });
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(5));
    node.stop();
}

fn two_daemons_on_one_host() {
    let world = world();
    let node = &world.nodes[0];
    for space in ["blue", "red"] {
        node.write(
            &format!("/etc/keepalived/{space}.conf"),
            &config(&format!("net_namespace {space}")),
        );
        let (status, output) = node.try_run(&[
            Ours.inside(),
            "-G",
            "-f",
            &format!("/etc/keepalived/{space}.conf"),
        ]);
        assert_eq!(status.code(), Some(0), "{output}");
    }
    let pid = |space: &str| {
        pid_in(node, &format!("/run/keepalived/{space}/keepalived.pid")).expect("a daemon")
    };
    wait_until("each holds its address", election_bound(), || {
        holds(node, "blue") && holds(node, "red")
    });
    kill(pid("blue"), Signal::SIGTERM).expect("kill");
    wait_until("the first ends", secs(5), || {
        !node.path("/run/keepalived/blue").exists()
    });
    assert!(holds(node, "red"));
    kill(pid("red"), Signal::SIGTERM).expect("kill");
    wait_until("the second ends", secs(5), || !holds(node, "red"));
}

fn one_that_is_missing() {
    let world = world();
    let node = &world.nodes[0];
    for name in ["green", "../netns/blue"] {
        node.write(CONFIG, &config(&format!("net_namespace {name}")));
        let (status, output) = node.try_run(&[&[Ours.inside()][..], &FOREGROUND].concat());
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(output.contains(&format!("({CONFIG}: Line 1, ")), "{output}");
        assert!(
            output.contains(&format!("network namespace {name}")),
            "{output}"
        );
        assert_eq!(
            node.try_run(&[Ours.inside(), "-t", "-f", CONFIG]).0.code(),
            Some(5)
        );
    }
    assert!(!node.path("/run/keepalived").exists());
}

/// `-t` judges the interfaces of the namespace, also that of the command line; who may not go there learns what was left out, and the
/// rest is judged.
fn checked_by_whoever() {
    let world = world();
    let node = &world.nodes[0];
    let check = |before: &[&str], words: &[&str]| {
        let whole = [before, &[Ours.inside(), "-t", "-f", CONFIG], words].concat();
        let (status, output) = node.try_run(&whole);
        (status.code(), output)
    };
    // What an ordinary user lacks.
    let user = ["setpriv", "--bounding-set", "-sys_admin"];
    let left_out =
        "not permitted to go to network namespace blue: nothing is said of the interfaces there";
    node.write(CONFIG, &config(""));
    let (status, output) = check(&[], &[]);
    assert_eq!(
        status,
        Some(4),
        "the host itself has no such interface: {output}"
    );
    assert_eq!(check(&[], &["-s", "blue"]), (Some(0), String::new()));
    let (status, output) = check(&user, &["-s", "blue"]);
    assert_eq!(status, Some(0), "{output}");
    assert!(
        output.contains("not permitted to go to network namespace"),
        "{output}"
    );
    node.write(CONFIG, &config("net_namespace blue"));
    assert_eq!(check(&[], &[]), (Some(0), String::new()));
    let (status, output) = check(&user, &[]);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains(left_out), "{output}");
    let wrong = config("net_namespace blue").replace("priority 100", "priority 300");
    node.write(CONFIG, &wrong);
    let (status, output) = check(&user, &[]);
    assert_eq!(status, Some(5), "{output}");
    assert!(
        output.contains("Priority not valid") && output.contains(left_out),
        "{output}"
    );
}
