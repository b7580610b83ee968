//! Parent and children: a child that dies or hangs is replaced without the rival noticing more than it must; a log nobody reads
//! holds nothing up; stopping is quick and clean.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};

use crate::support::Binary::Ours;
use crate::support::cases::skew;
use crate::support::config::{instance, password};
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_for, wait_until};

const VIP: &str = "10.75.0.1";
const VRID: u8 = 75;
const PASSWORD: &str = "s3cret99";

/// A stopped daemon ends in under 50 ms; a busy machine may take longer, but not always the second that keepalived takes.
const STOP_BOUND: Duration = millis(500);

/// So often a busy machine may be in the way.
const STOPS: usize = 10;

/// A hung child is found out and replaced within this.
const WATCHDOG_BOUND: Duration = secs(40);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case(
            "processes::only_the_vrrp_child_dies",
            only_the_vrrp_child_dies,
        ),
        case(
            "processes::a_hung_vrrp_child_is_replaced",
            a_hung_vrrp_child_is_replaced,
        ),
        case("processes::nobody_reads_syslog", nobody_reads_syslog),
        case(
            "processes::nobody_reads_the_console",
            nobody_reads_the_console,
        ),
        case("processes::stops_at_once", stops_at_once),
        case("processes::daemonises", daemonises),
        case("processes::one_daemon_only", one_daemon_only),
        case("processes::dump_files", dump_files),
        case("processes::parent_dies", parent_dies),
        case("processes::signals_while_it_starts", signalled_early),
    ]
}

fn config(priority: u8) -> String {
    instance("LOCK", VRID, priority, &password(PASSWORD), &[VIP])
}

fn alone() -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    world.nodes[0].start(Ours, &config(100));
    wait_until("the host is master", election_bound(), || {
        world.nodes[0].holds(VIP)
    });
    world
}

/// Who asks for a reload while the configuration is still being read gets one.
fn signalled_early() {
    const HUP: u64 = 1 << (Signal::SIGHUP as u64 - 1);
    /// Where a child is forked, it is not held back for so long.
    const IN_A_ROW: usize = 20;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let tracked: String = (0..20_000)
        .map(|number| format!("vrrp_track_file file{number} {{\n file /run/none\n}}\n"))
        .collect();
    node.start(Ours, &format!("{tracked}{}", config(100)));
    let held = || {
        let path = format!("/proc/{}/status", node.pid());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        line.is_some_and(|held| u64::from_str_radix(held.trim(), 16).unwrap_or(0) & HUP != 0)
    };
    let deadline = Instant::now() + secs(20);
    let mut row = 0;
    while row < IN_A_ROW {
        assert!(Instant::now() < deadline, "it holds the signal back");
        row = if held() { row + 1 } else { 0 };
        std::thread::sleep(millis(1));
    }
    node.signal(Signal::SIGHUP);
    node.signal(Signal::SIGUSR1);
    node.wait_log("Reload complete", secs(20));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
}

fn pair() -> World {
    let world = World::two();
    world.nodes[0].start(Ours, &config(100));
    world.nodes[1].start(Ours, &config(90));
    wait_until("the first host is master", election_bound(), || {
        world.holders(VIP) == [0]
    });
    world
}

/// keepalived: a takeover and back.
fn only_the_vrrp_child_dies() {
    let world = pair();
    let node = &world.nodes[0];
    let mark = world.capture.mark();
    for _ in 0..2 {
        let child = node.vrrp_pid().expect("a VRRP process");
        kill(child, Signal::SIGKILL).expect("killing it");
        wait_until("another VRRP process", secs(5), || {
            node.vrrp_pid().is_some_and(|pid| pid != child)
        });
        stays("the address is on the first host alone", secs(5), || {
            world.holders(VIP) == [0]
        });
    }
    let adverts = world.capture.adverts_since(mark);
    assert!(
        adverts
            .iter()
            .all(|advert| (advert.node, advert.priority) == (0, 100)),
        "no resignation, no takeover"
    );
    assert!(
        adverts.len() >= 8,
        "only {} adverts in ten seconds",
        adverts.len()
    );
}

fn a_hung_vrrp_child_is_replaced() {
    let world = pair();
    let node = &world.nodes[0];
    let child = node.vrrp_pid().expect("a VRRP process");
    kill(child, Signal::SIGSTOP).expect("stopping it");
    wait_until("another VRRP process", WATCHDOG_BOUND, || {
        node.vrrp_pid().is_some_and(|pid| pid != child)
    });
    wait_until(
        "the address is on the first host alone",
        election_bound(),
        || world.holders(VIP) == [0],
    );
    stays("the address is on the first host alone", secs(4), || {
        world.holders(VIP) == [0]
    });
}

/// The second host's log goes where nobody reads: it takes over all the same.
fn takes_over_on_time(world: &World) {
    let (first, second) = (&world.nodes[0], &world.nodes[1]);
    wait_until("the first host is master", election_bound(), || {
        first.holds(VIP)
    });
    wait_until("the second host is up", secs(5), || {
        second.vrrp_pid().is_some()
    });
    // Some things to be logged: with nobody reading they pile up.
    for _ in 0..40 {
        second.signal(Signal::SIGHUP);
        std::thread::sleep(millis(50));
    }
    first.kill_all();
    let mark = world.capture.mark();
    let took = world.capture.wait_advert(mark, 1, VRID, election_bound());
    let last = world
        .capture
        .adverts(0, VRID)
        .pop()
        .expect("adverts of the first host");
    let theory = secs(3) + skew(90);
    assert!(
        took.at - last.at < theory + millis(1500),
        "took over after {:?}, not {theory:?}",
        took.at - last.at
    );
    wait_until("the second host holds the address", secs(2), || {
        second.holds(VIP)
    });
    second.stop();
}

fn nobody_reads_syslog() {
    let world = World::two();
    world.nodes[0].start(Ours, &config(100));
    let second = &world.nodes[1];
    let _silent = UnixDatagram::bind(second.path("/dev/log")).expect("/dev/log");
    second.write(CONFIG, &config(90));
    second.start_with(Ours, &["-n", "-D", "-f", CONFIG]);
    takes_over_on_time(&world);
}

fn nobody_reads_the_console() {
    let world = World::two();
    world.nodes[0].start(Ours, &config(100));
    let second = &world.nodes[1];
    let (_silent, mut full) = std::io::pipe().expect("pipe");
    fcntl(&full, FcntlArg::F_SETPIPE_SZ(4096)).expect("F_SETPIPE_SZ");
    fcntl(&full, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("F_SETFL");
    while full.write(b".").is_ok() {}
    fcntl(&full, FcntlArg::F_SETFL(OFlag::empty())).expect("F_SETFL");
    second.write(CONFIG, &config(90));
    second.start_onto(Ours, &["-n", "-l", "-D", "-G", "-f", CONFIG], full.into());
    takes_over_on_time(&world);
}

fn stops_at_once() {
    let mut quickest = Duration::MAX;
    let signals = [Signal::SIGTERM, Signal::SIGINT];
    for (stop, signal) in signals.iter().cycle().take(STOPS).copied().enumerate() {
        if stop >= signals.len() && quickest < STOP_BOUND {
            break;
        }
        let world = alone();
        let node = &world.nodes[0];
        let start = Instant::now();
        node.signal(signal);
        let status = node.wait_exit(secs(10));
        quickest = quickest.min(start.elapsed());
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(!node.holds(VIP), "the address is gone");
        assert_eq!(node.processes(), [], "all processes are gone");
        let last = world.capture.adverts(0, VRID).pop().expect("adverts");
        assert_eq!(last.priority, 0, "it resigned");
        for file in ["keepalived.pid", "vrrp.pid", "checkers.pid"] {
            assert!(
                !node.path(&format!("/run/{file}")).exists(),
                "{file} is gone"
            );
        }
    }
    assert!(
        quickest < STOP_BOUND,
        "the quickest of {STOPS} stops took {quickest:?}"
    );
}

/// Without `-n`: the command returns, the daemon is there, its pid files are where they always were.
fn daemonises() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &config(100));
    node.start_with(Ours, &["-D", "-d", "-S", "0"]);
    assert_eq!(node.wait_exit(secs(5)).code(), Some(0));
    wait_until("the daemon is master", election_bound(), || node.holds(VIP));
    let pid = |file: &str| {
        node.read(&format!("/run/{file}"))
            .trim()
            .parse()
            .ok()
            .map(nix::unistd::Pid::from_raw)
    };
    let processes = node.processes();
    for file in ["keepalived.pid", "vrrp.pid"] {
        assert!(
            pid(file).is_some_and(|pid| processes.contains(&pid)),
            "{file} names a process"
        );
        let mode = node
            .path(&format!("/run/{file}"))
            .metadata()
            .expect("just read")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644, "{file}");
    }
    assert!(
        !node.path("/run/checkers.pid").exists(),
        "no virtual server, no checker"
    );
    kill(pid("keepalived.pid").expect("just read"), Signal::SIGTERM).expect("it runs");
    wait_until("all processes are gone", secs(5), || {
        node.processes().is_empty()
    });
    assert!(!node.holds(VIP));
}

fn one_daemon_only() {
    let world = alone();
    let node = &world.nodes[0];
    let (status, text) = node.try_run(&[
        Ours.inside(),
        "-n",
        "-l",
        "-p",
        "/run/keepalived.pid",
        "-r",
        "/run/vrrp.pid",
    ]);
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("daemon is already running"), "{text}");
    assert!(node.runs() && node.holds(VIP), "the first is not disturbed");
}

/// Readable by root alone, no password inside, and no way to have them overwrite another file.
fn dump_files() {
    let world = alone();
    let node = &world.nodes[0];
    node.write("/tmp/victim", "untouched\n");
    for file in ["keepalived.data", "keepalived.stats"] {
        symlink("/tmp/victim", node.path(&format!("/tmp/{file}"))).expect("a symbolic link");
    }
    let dumped = |node: &Node, file: &str| {
        let path = node.path(&format!("/tmp/{file}"));
        wait_for(file, secs(5), || {
            let real = path.symlink_metadata().ok()?.file_type().is_file();
            real.then(|| {
                (
                    path.metadata().expect("just seen"),
                    node.read(&format!("/tmp/{file}")),
                )
            })
        })
    };
    node.signal(Signal::SIGUSR1);
    let (metadata, data) = dumped(node, "keepalived.data");
    assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o600, 0));
    assert!(data.contains("LOCK") && data.contains(VIP), "{data}");
    assert!(!data.contains(PASSWORD), "a password in the dump");
    node.signal(Signal::SIGUSR2);
    let (metadata, statistics) = dumped(node, "keepalived.stats");
    assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o600, 0));
    assert!(statistics.contains("VRRP Instance: LOCK"), "{statistics}");
    assert_eq!(
        node.read("/tmp/victim"),
        "untouched\n",
        "symbolic links are not followed"
    );
    assert!(!node.log().contains(PASSWORD), "a password in the log");
}

/// The parent killed: its children stop in order, so that no second master is left behind without supervision.
fn parent_dies() {
    let world = pair();
    let node = &world.nodes[0];
    node.signal(Signal::SIGKILL);
    node.wait_exit(secs(5));
    wait_until("the children end", secs(5), || node.processes().is_empty());
    wait_until(
        "the second host holds the address alone",
        election_bound(),
        || world.holders(VIP) == [1],
    );
}
