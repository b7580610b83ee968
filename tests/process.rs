//! The processes as an administrator and a service manager see them: real daemons on hosts in namespaces (see `support`).
//! What they say to other hosts is not judged here.

mod support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::Binary::Ours;
use support::node::{CONFIG, Node};
use support::world::{HostSpec, World};
use support::{secs, stage, wait_for, wait_until};

/// The virtual address of the first instance.
const VIP: &str = "10.10.0.101";
/// A virtual server.
const SERVICE: &str = "virtual_server 10.10.0.200 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.10.0.7 80 {\n }\n}\n";
/// What the daemon is started with; the log is on standard error.
const FOREGROUND: [&str; 6] = ["-n", "-l", "-D", "-G", "-f", CONFIG];

fn main() -> std::process::ExitCode {
    stage::run(vec![
        stage::case("starts_and_stops_leaving_nothing", starts_and_stops),
        stage::case(
            "becomes_a_daemon_before_its_starter_returns",
            becomes_a_daemon,
        ),
        stage::case("a_second_daemon_ends_with_status_0", second_daemon),
        stage::case(
            "what_cannot_run_says_why_and_with_which_status",
            exit_statuses,
        ),
        stage::case("missing_capabilities_are_named", missing_capabilities),
        stage::case("a_broken_file_at_a_reload_changes_nothing", broken_reload),
        stage::case("a_reload_adds_and_removes_instances", reload),
        stage::case("reloads_in_quick_succession_are_all_done", many_reloads),
        stage::case(
            "a_killed_child_is_replaced_without_losing_the_address",
            killed_child,
        ),
        stage::case("a_child_that_hangs_is_killed_and_replaced", hanging_child),
        stage::case("an_idle_master_wakes_up_for_its_adverts_alone", idle_master),
        stage::case(
            "a_child_that_dies_stops_the_daemon_when_told_so",
            dont_respawn,
        ),
        stage::case(
            "a_checker_process_comes_and_goes_with_virtual_servers",
            checker,
        ),
        stage::case("the_checker_process_runs_alone_when_told_so", checker_alone),
        stage::program_case(
            "a_reload_does_not_wait_for_a_child_that_keeps_crashing",
            "/usr/bin/strace",
            reload_while_a_child_crashes,
        ),
        stage::case("children_do_not_outlive_their_parent", killed_parent),
        stage::case(
            "a_reader_of_standard_error_that_stalls_stops_nothing",
            stalled_stderr,
        ),
        stage::case(
            "a_syslog_daemon_that_stalls_or_restarts_stops_nothing",
            syslog,
        ),
        stage::case("dump_files_follow_no_links", dump_files),
        stage::case("signum_prints_numbers", signum),
        stage::case("a_service_manager_is_told", notify_socket),
        stage::case("runs_as_process_1", process_1),
        stage::case("processes_are_called_as_configured", process_names),
        stage::case("log_files_are_found_anew_when_rotated", log_files),
        stage::case(
            "a_disk_under_standard_error_that_stalls_stops_nothing",
            stderr_on_a_disk,
        ),
        stage::case("addresses_are_left_when_told_so", dont_release),
        stage::case("files_are_where_and_as_the_options_say", options),
    ])
}

/// So many instances that are MASTER at once, with addresses from `VIP` on.
fn instances(count: u8) -> String {
    (1..=count)
        .map(|n| {
            format!(
                "vrrp_instance VI_{n} {{\n interface eth0\n virtual_router_id {n}\n priority 255\n advert_int 1\n \
                 virtual_ipaddress {{\n 10.10.0.{}\n }}\n}}\n",
                100 + u16::from(n)
            )
        })
        .collect()
}

fn world() -> World {
    World::new(&[HostSpec::numbered(1)])
}

/// Starts the daemon and waits until it holds its address.
fn started(world: &World, config: &str) {
    let host = &world.nodes[0];
    host.write(CONFIG, config);
    host.start_with(Ours, &FOREGROUND);
    wait_until("the address is held", secs(10), || host.holds(VIP));
}

fn pid_in(host: &Node, file: &str) -> Option<Pid> {
    host.read(file).trim().parse().ok().map(Pid::from_raw)
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

fn starts_and_stops() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    for file in ["/run/keepalived.pid", "/run/vrrp.pid"] {
        let mode = fs::metadata(host.path(file)).expect("a pid file").mode();
        assert_eq!(mode & 0o777, 0o644, "{file}");
    }
    assert_eq!(pid_in(host, "/run/keepalived.pid"), Some(host.pid()));
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    assert!(
        !host.path("/run/checkers.pid").exists(),
        "no virtual server, no checker process"
    );
    let log = host.log();
    for phrase in [
        "Starting Keepalived v",
        "Running on Linux",
        "Command line: '",
        &format!("Configuration file {CONFIG}"),
        &format!("Starting VRRP child process, pid={vrrp}"),
        "Startup complete",
    ] {
        assert!(log.contains(phrase), "\"{phrase}\" is not in\n{log}");
    }
    let asked = Instant::now();
    host.stop();
    // The goal is 50 ms; a second is what the daemons before this one took.
    assert!(
        asked.elapsed() < Duration::from_millis(700),
        "{:?}",
        asked.elapsed()
    );
    assert!(!host.holds(VIP));
    assert!(!host.path("/run/keepalived.pid").exists());
    assert!(!host.path("/run/vrrp.pid").exists());
    assert!(host.log().contains("Stopping"));
    assert!(host.log().contains("Stopped Keepalived v"));
    assert_eq!(host.processes(), []);
    started(&world, &instances(1));
    host.signal(Signal::SIGINT);
    assert_eq!(host.wait_exit(secs(5)).code(), Some(0));
}

fn becomes_a_daemon() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let (status, output) = host.try_run(&[Ours.inside(), "-G", "-f", CONFIG]);
    assert_eq!(status.code(), Some(0), "{output}");
    let pid = pid_in(host, "/run/keepalived.pid")
        .expect("the pid file is there when the starter returns");
    assert!(host.processes().contains(&pid));
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).expect("a link in /proc");
    assert_eq!(link("cwd").to_str(), Some("/"));
    for fd in 0..3 {
        assert_eq!(link(&format!("fd/{fd}")).to_str(), Some("/dev/null"));
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(fields[4], "0", "it has no terminal: {stat}");
    assert_ne!(
        fields[3],
        pid.to_string(),
        "it leads no session, so that it cannot acquire a terminal: {stat}"
    );
    wait_until("the address is held", secs(10), || host.holds(VIP));
    kill(pid, Signal::SIGTERM).expect("kill");
    wait_until("the daemon ends", secs(5), || {
        !host.processes().contains(&pid)
    });
    assert!(!host.holds(VIP));
    // What goes wrong is told to the starter.
    host.write(CONFIG, "# nothing\n");
    let (status, output) = host.try_run(&[Ours.inside(), "-G", "-f", CONFIG]);
    assert_eq!(status.code(), Some(6), "{output}");
}

fn second_daemon() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let (status, output) = host.try_run(&[&[Ours.inside()][..], &FOREGROUND].concat());
    assert_eq!(status.code(), Some(0));
    assert!(output.contains("daemon is already running"), "{output}");
    assert_eq!(pid_in(host, "/run/keepalived.pid"), Some(host.pid()));
    assert!(host.holds(VIP));
    // A file that a crash left behind is no obstacle, even if its number is that of a living process.
    host.kill_all();
    let holder = host.holder.id();
    host.write("/run/keepalived.pid", &format!("{holder}\n"));
    host.start_with(Ours, &FOREGROUND);
    wait_until("the stale file is taken over", secs(5), || {
        pid_in(host, "/run/keepalived.pid") == Some(host.pid())
    });
    host.stop();
}

fn exit_statuses() {
    let world = world();
    let host = &world.nodes[0];
    let run = |words: &[&str]| {
        let (status, output) = host.try_run(&[&[Ours.inside()][..], words].concat());
        (status.code(), output)
    };
    let (status, output) = run(&["-n", "-G", "-f", "/nonexistent.conf"]);
    assert_eq!(status, Some(6), "{output}");
    assert!(output.contains("/nonexistent.conf"), "{output}");
    host.write(
        "/etc/keepalived/argument.conf",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 1\n priority\n}\n",
    );
    let (status, output) = run(&["-n", "-G", "-f", "/etc/keepalived/argument.conf"]);
    assert_eq!(status, Some(2), "{output}");
    assert!(
        output.contains("argument.conf") && output.contains("4"),
        "{output}"
    );
    let (status, output) = run(&["--no-such-option"]);
    assert_eq!(status, Some(1));
    assert!(output.contains("--no-such-option"), "{output}");
    assert_eq!(run(&["-v"]).0, Some(0));
    assert_eq!(run(&["-h"]).0, Some(0));
    host.write(CONFIG, &instances(1));
    assert_eq!(run(&["-t", "-f", CONFIG]), (Some(0), String::new()));
    host.write(CONFIG, &format!("{}nonsense 1\n", instances(1)));
    let (status, output) = run(&["-t/run/report", "-f", CONFIG]);
    assert_eq!((status, output.as_str()), (Some(5), ""));
    assert!(host.read("/run/report").contains("nonsense"));
    assert!(host.processes().is_empty());
    assert!(!host.path("/run/keepalived.pid").exists());
}

fn missing_capabilities() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let command = ["setpriv", "--bounding-set", "-net_raw", Ours.inside()];
    let (status, output) = host.try_run(&[&command[..], &FOREGROUND].concat());
    assert_eq!(status.code(), Some(4), "{output}");
    let named: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("CAP_NET_RAW"))
        .collect();
    assert_eq!(named.len(), 1, "one line names it\n{output}");
    assert!(!output.contains("CAP_NET_ADMIN"), "{output}");
}

fn broken_reload() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let vrrp = host.vrrp_pid();
    for (n, broken) in [
        "",
        "vrrp_instance {",
        "vrrp_instance VI_1 {\n priority\n}\n",
    ]
    .into_iter()
    .enumerate()
    {
        host.write(CONFIG, broken);
        host.signal(Signal::SIGHUP);
        wait_until("the file is refused", secs(5), || {
            count(&host.log(), "the old one stays in force") == n + 1
        });
    }
    assert!(host.holds(VIP));
    assert_eq!(host.vrrp_pid(), vrrp);
    assert_eq!(count(&host.log(), "Reload complete"), 0);
    fs::remove_file(host.path(CONFIG)).expect("remove");
    host.signal(Signal::SIGHUP);
    wait_until("a missing file is refused", secs(5), || {
        count(&host.log(), "the old one stays in force") == 4
    });
    host.write(CONFIG, &instances(1));
    host.signal(Signal::SIGHUP);
    host.wait_log("Reload complete", secs(5));
    assert!(host.holds(VIP));
    assert_eq!(
        count(&host.log(), "Entering MASTER STATE"),
        1,
        "{}",
        host.log()
    );
    host.stop();
}

fn reload() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let vrrp = host.vrrp_pid();
    host.write(CONFIG, &instances(3));
    host.signal(Signal::SIGHUP);
    wait_until("the new addresses are held", secs(5), || {
        host.holds("10.10.0.102") && host.holds("10.10.0.103")
    });
    host.write(CONFIG, &instances(2));
    host.signal(Signal::SIGHUP);
    wait_until(
        "the address of the removed instance is gone",
        secs(5),
        || !host.holds("10.10.0.103"),
    );
    wait_until("two reloads are done", secs(5), || {
        count(&host.log(), "Reload complete") == 2
    });
    assert!(host.holds(VIP) && host.holds("10.10.0.102"));
    assert_eq!(host.vrrp_pid(), vrrp);
    assert_eq!(
        count(&host.log(), "(VI_1) Entering MASTER STATE"),
        1,
        "{}",
        host.log()
    );
    host.stop();
}

fn many_reloads() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    for last in [3, 1, 2] {
        host.write(CONFIG, &instances(last));
        for _ in 0..5 {
            host.signal(Signal::SIGHUP);
        }
    }
    wait_until("the last file is in force", secs(5), || {
        host.holds("10.10.0.102") && !host.holds("10.10.0.103")
    });
    let log = host.log();
    wait_until("every reload ends", secs(5), || {
        let log = host.log();
        count(&log, "Reload complete") == count(&log, "Reloading")
    });
    assert_eq!(count(&log, "(VI_1) Entering MASTER STATE"), 1, "{log}");
    host.stop();
}

fn killed_child() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let first = host.vrrp_pid().expect("a VRRP process");
    let mark = world.capture.mark();
    kill(first, Signal::SIGKILL).expect("kill");
    let second = wait_for("a replacement", secs(5), || {
        host.vrrp_pid().filter(|&pid| pid != first)
    });
    host.wait_log(
        &format!("VRRP child process({first}) died: Respawning"),
        secs(5),
    );
    assert!(host.holds(VIP));
    std::thread::sleep(secs(3));
    let adverts: Vec<_> = world
        .capture
        .frames_since(mark)
        .iter()
        .filter_map(|frame| frame.advert())
        .collect();
    assert!(adverts.len() >= 2, "the replacement advertises");
    assert!(
        adverts.iter().all(|advert| advert.priority == 255),
        "no priority 0, no start anew"
    );
    assert!(host.holds(VIP));
    // The second death is followed by a pause, and the address is still not given up.
    kill(second, Signal::SIGKILL).expect("kill");
    host.wait_log(
        &format!("VRRP child process({second}) died: Respawning in 1 seconds"),
        secs(5),
    );
    wait_until("a third process", secs(5), || {
        host.vrrp_pid().is_some_and(|pid| pid != second)
    });
    assert!(host.holds(VIP));
    host.stop();
    assert!(!host.holds(VIP));
}

fn hanging_child() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let first = host.vrrp_pid().expect("a VRRP process");
    kill(first, Signal::SIGSTOP).expect("kill");
    host.wait_log("does not answer its watchdog", secs(30));
    wait_until("a replacement", secs(10), || {
        host.vrrp_pid().is_some_and(|pid| pid != first)
    });
    wait_until("it is MASTER again", secs(10), || host.holds(VIP));
    // An idle daemon is not taken for a dead one.
    let second = host.vrrp_pid();
    std::thread::sleep(secs(15));
    assert_eq!(host.vrrp_pid(), second);
    assert_eq!(count(&host.log(), "does not answer its watchdog"), 1);
    host.stop();
}

fn idle_master() {
    const SPAN: Duration = secs(20);
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let (parent, vrrp) = (host.pid(), host.vrrp_pid().expect("a VRRP process"));
    // The second burst of gratuitous ARPs, and what is given back after the start.
    std::thread::sleep(secs(8));
    let wakeups = |pid| Node::status_number(pid, "voluntary_ctxt_switches");
    let before = (wakeups(parent), wakeups(vrrp));
    std::thread::sleep(SPAN);
    let woken = (wakeups(parent) - before.0, wakeups(vrrp) - before.1);
    assert!(woken.0 <= 1, "the parent woke up {} times", woken.0);
    let adverts = SPAN.as_secs();
    assert!(
        (adverts - 2..=adverts + 4).contains(&woken.1),
        "the VRRP process woke up {} times for {adverts} adverts",
        woken.1
    );
    assert_eq!(host.vrrp_pid(), Some(vrrp));
    host.stop();
}

fn dont_respawn() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-R", "--all"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    let checker = wait_for("a checker process", secs(5), || {
        pid_in(host, "/run/checkers.pid")
    });
    kill(checker, Signal::SIGKILL).expect("kill");
    assert_eq!(host.wait_exit(secs(5)).code(), Some(1));
    assert!(host.log().contains(&format!(
        "Healthcheck child process({checker}) died: Exiting"
    )));
    assert!(!host.holds(VIP), "the other child was stopped in order");
    assert!(
        !host.log().contains("virtual servers"),
        "--all: there are none to speak of"
    );
}

fn checker() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &(instances(1) + SERVICE));
    let checker = wait_for("a checker process", secs(5), || {
        pid_in(host, "/run/checkers.pid")
    });
    let vrrp = host.vrrp_pid();
    host.wait_log(
        "1 virtual servers with 1 real servers are read, but balancing is not implemented yet",
        secs(5),
    );
    // It goes, and the VRRP process is not disturbed.
    host.write(CONFIG, &instances(1));
    host.signal(Signal::SIGHUP);
    wait_until("the checker process ends", secs(5), || {
        !host.processes().contains(&checker)
    });
    host.wait_log("Reload complete", secs(5));
    assert!(!host.log().contains("died"), "{}", host.log());
    host.write(CONFIG, &(instances(1) + SERVICE));
    host.signal(Signal::SIGHUP);
    let again = wait_for("a checker process", secs(5), || {
        pid_in(host, "/run/checkers.pid").filter(|pid| host.processes().contains(pid))
    });
    assert_ne!(again, checker);
    assert_eq!(host.vrrp_pid(), vrrp);
    assert_eq!(count(&host.log(), "Entering MASTER STATE"), 1);
    kill(again, Signal::SIGKILL).expect("kill");
    host.wait_log(
        &format!("Healthcheck child process({again}) died: Respawning"),
        secs(5),
    );
    host.stop();
    assert_eq!(host.processes(), []);
    host.start_with(Ours, &[&FOREGROUND[..], &["-P"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    assert!(
        !host.path("/run/checkers.pid").exists(),
        "-P: no checker process"
    );
    host.stop();
}

/// `-C`: no VRRP process, whatever the configuration says, and what it would need is not asked for.
fn checker_alone() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let command = ["setpriv", "--bounding-set", "-net_raw", Ours.inside(), "-C"];
    let log = fs::File::create(host.path("/run/log")).expect("a log");
    let mut daemon = host
        .command(&[&command[..], &FOREGROUND].concat())
        .stderr(log)
        .spawn()
        .expect("the daemon");
    let pid = Pid::from_raw(i32::try_from(daemon.id()).expect("a pid"));
    let says = |text: &str, times: usize| {
        wait_until(text, secs(5), || {
            count(&host.read("/run/log"), text) == times
        });
    };
    says("leave nothing to run", 1);
    says("Startup complete", 1);
    assert_eq!(Node::children(pid), []);
    host.write(CONFIG, &(instances(1) + SERVICE));
    kill(pid, Signal::SIGHUP).expect("kill");
    says("Reload complete", 1);
    let checker = pid_in(host, "/run/checkers.pid").expect("a checker process");
    assert_eq!(Node::children(pid), [checker]);
    // A change of the VRRP part alone is nobody's business.
    host.write(CONFIG, &(instances(2) + SERVICE));
    kill(pid, Signal::SIGHUP).expect("kill");
    says("Reload complete", 2);
    assert_eq!(Node::children(pid), [checker]);
    assert!(!host.path("/run/vrrp.pid").exists());
    assert!(!host.holds(VIP) && world.capture.adverts(0, 1).is_empty());
    kill(pid, Signal::SIGTERM).expect("kill");
    assert_eq!(daemon.wait().expect("wait").code(), Some(0));
    assert_eq!(host.processes(), []);
}

/// A child that dies before it has begun, again and again: a debugger kills every process that is forked.
fn reload_while_a_child_crashes() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let parent = host.pid().to_string();
    let inject = "inject=setsid:signal=SIGKILL";
    let mut debugger = host
        .command(&[
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=setsid",
            "-e",
            inject,
            "-p",
            &parent,
        ])
        .spawn()
        .expect("strace");
    wait_until("the debugger is there", secs(5), || {
        Node::status_number(host.pid(), "TracerPid") != 0
    });
    host.write(CONFIG, &(instances(1) + SERVICE));
    host.signal(Signal::SIGHUP);
    host.wait_log("died: Respawning in 2 seconds", secs(10));
    assert_eq!(count(&host.log(), "Reload complete"), 0);
    // The file that cures it is read though the checker process has not begun.
    host.write(CONFIG, &instances(2));
    host.signal(Signal::SIGHUP);
    wait_until("the new address is held", secs(5), || {
        host.holds("10.10.0.102")
    });
    wait_until("nobody is waited for any more", secs(5), || {
        count(&host.log(), "Reload complete") == 1
    });
    debugger.kill().expect("kill");
    debugger.wait().expect("wait");
    host.stop();
}

fn killed_parent() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    kill(host.pid(), Signal::SIGKILL).expect("kill");
    wait_until(
        "the VRRP process ends and takes its address along",
        secs(5),
        || host.processes().is_empty() && !host.holds(VIP),
    );
}

fn stalled_stderr() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(150));
    let mut child = host
        .command(&[&[Ours.inside()][..], &FOREGROUND, &["-D"]].concat())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the daemon");
    // Every dump of the configuration fills more than a pipe's 64 KiB; nobody reads.
    wait_until("the last address is held", secs(10), || {
        host.holds("10.10.0.250")
    });
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let mark = world.capture.mark();
    for _ in 0..20 {
        kill(pid, Signal::SIGHUP).expect("kill");
        host.write(CONFIG, &instances(149));
        std::thread::sleep(Duration::from_millis(50));
        host.write(CONFIG, &instances(150));
    }
    std::thread::sleep(secs(2));
    assert!(
        world
            .capture
            .frames_since(mark)
            .iter()
            .filter_map(|frame| frame.advert())
            .count()
            > 150,
        "adverts go out"
    );
    kill(pid, Signal::SIGTERM).expect("kill");
    let asked = Instant::now();
    let status = wait_for("the end", secs(10), || child.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() < secs(3), "{:?}", asked.elapsed());
    let mut text = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("read");
    assert!(text.contains("Starting Keepalived v"));
}

fn syslog() {
    let world = world();
    let host = &world.nodes[0];
    let bind = || {
        let socket = UnixDatagram::bind(host.path("/dev/log")).expect("a syslog socket");
        socket.set_read_timeout(Some(secs(5))).expect("a time-out");
        socket
    };
    let next = |socket: &UnixDatagram| {
        let mut buffer = [0; 8192];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let until = |socket: &UnixDatagram, text: &str| loop {
        let message = next(socket);
        if message.contains(text) {
            return message;
        }
    };
    let first = bind();
    host.write(CONFIG, &instances(50));
    host.start_with(Ours, &["-n", "-D", "-S", "0", "-f", CONFIG]);
    // Nobody reads, and the queue of the socket holds a few messages only.
    wait_until("all addresses are held", secs(10), || {
        host.holds("10.10.0.150")
    });
    let message = until(&first, "Starting Keepalived v");
    assert!(message.starts_with("<134>"), "{message}");
    assert!(
        message.contains(&format!(" Keepalived[{}]: ", host.pid())),
        "{message}"
    );
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    let message = until(&first, "(VI_50) Entering MASTER STATE");
    assert!(
        message.contains(&format!(" Keepalived_vrrp[{vrrp}]: ")),
        "{message}"
    );
    // The syslog daemon is restarted: the next message finds the new one.
    drop(first);
    fs::remove_file(host.path("/dev/log")).expect("remove");
    let second = bind();
    host.signal(Signal::SIGHUP);
    until(&second, "Reloading");
    until(&second, "Reload complete");
    host.signal(Signal::SIGTERM);
    until(&second, "Stopped Keepalived v");
    assert_eq!(host.wait_exit(secs(5)).code(), Some(0));
}

fn dump_files() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    host.write("/run/victim", "precious");
    for name in [
        "keepalived.data",
        "keepalived_parent.data",
        "keepalived.stats",
    ] {
        symlink("/run/victim", host.path("/tmp").join(name)).expect("link");
    }
    host.signal(Signal::SIGUSR1);
    host.signal(Signal::SIGUSR2);
    for name in [
        "keepalived.data",
        "keepalived_parent.data",
        "keepalived.stats",
    ] {
        let path = host.path("/tmp").join(name);
        wait_until(name, secs(5), || {
            fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file())
        });
        assert_eq!(
            fs::metadata(&path).expect("metadata").mode() & 0o777,
            0o600,
            "{name}"
        );
        assert!(
            fs::read_to_string(&path).expect("read").contains("VI_1"),
            "{name}"
        );
    }
    assert_eq!(host.read("/run/victim"), "precious");
    host.stop();
}

fn signum() {
    for (function, number) in [
        ("RELOAD", "1"),
        ("STOP", "15"),
        ("DATA", "10"),
        ("STATS", "12"),
        ("JSON", "36"),
    ] {
        let output = Command::new(Ours.path())
            .arg(format!("--signum={function}"))
            .output()
            .expect("run");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), number);
        assert_eq!(output.status.code(), Some(0));
    }
    let output = Command::new(Ours.path())
        .args(["--signum", "NONSENSE"])
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NONSENSE"));
}

fn notify_socket() {
    let world = world();
    let host = &world.nodes[0];
    let socket = UnixDatagram::bind(host.path("/run/notify")).expect("a socket");
    socket.set_read_timeout(Some(secs(5))).expect("a time-out");
    let told = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    host.write(CONFIG, &instances(1));
    let mut child = host
        .command(&[&[Ours.inside()][..], &FOREGROUND].concat())
        .env("NOTIFY_SOCKET", "/run/notify")
        .stderr(Stdio::null())
        .spawn()
        .expect("the daemon");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    assert_eq!(told(), "READY=1");
    kill(pid, Signal::SIGHUP).expect("kill");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1");
    kill(pid, Signal::SIGTERM).expect("kill");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(child.wait().expect("wait").code(), Some(0));
}

fn process_1() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let namespace = [
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        Ours.inside(),
    ];
    let mut outer = host
        .command(&[&namespace[..], &FOREGROUND].concat())
        .stderr(Stdio::null())
        .spawn()
        .expect("run");
    wait_until("the address is held", secs(10), || host.holds(VIP));
    assert_eq!(host.read("/run/keepalived.pid").trim(), "1");
    let children =
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", outer.id())).expect("children");
    let inner = Pid::from_raw(children.trim().parse().expect("one child"));
    kill(inner, Signal::SIGTERM).expect("kill");
    let status = wait_for("the end", secs(5), || outer.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    assert!(!host.holds(VIP));
}

/// `ps` and `top` show these; they change at a reload, too.
fn process_names() {
    let world = world();
    let host = &world.nodes[0];
    let called = |pid: Option<Pid>| {
        let path = format!("/proc/{}/comm", pid.expect("a process"));
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let names = || {
        (
            called(pid_in(host, "/run/keepalived.pid")),
            called(pid_in(host, "/run/vrrp.pid")),
        )
    };
    started(&world, &instances(1));
    assert_eq!(names(), ("keepalived".into(), "keepalived".into()));
    for (lines, parent, vrrp) in [
        ("process_names", "keepalived", "keepalived_vrrp"),
        (
            "process_name ha\n vrrp_process_name election_of_masters\n process_names",
            "ha",
            "election_of_mas",
        ),
        ("", "keepalived", "keepalived"),
    ] {
        host.write(
            CONFIG,
            &format!("global_defs {{\n {lines}\n}}\n{}", instances(1)),
        );
        host.signal(Signal::SIGHUP);
        wait_until("the names are the new ones", secs(5), || {
            names() == (parent.into(), vrrp.into())
        });
    }
    // A process that is replaced is called as its predecessor was.
    host.write(
        CONFIG,
        &format!("global_defs {{\n process_names\n}}\n{}", instances(1)),
    );
    host.signal(Signal::SIGHUP);
    wait_until("the name is the new one", secs(5), || {
        names().1 == "keepalived_vrrp"
    });
    let first = host.vrrp_pid().expect("a VRRP process");
    kill(first, Signal::SIGKILL).expect("kill");
    wait_until("it is replaced", secs(10), || {
        host.vrrp_pid().is_some_and(|pid| pid != first) && names().1 == "keepalived_vrrp"
    });
    host.stop();
}

/// One file a process, mode 0600; that of the VRRP process is written by another, as a disk may take its time.
fn log_files() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-g/run/k.log"]].concat());
    let says = |file: &str, phrase: &str| {
        wait_until(&format!("{file} says {phrase}"), secs(10), || {
            host.path(file).exists() && host.read(file).contains(phrase)
        });
    };
    says("/run/k.log", "Startup complete");
    says("/run/k_vrrp.log", "Entering MASTER STATE");
    for file in ["/run/k.log", "/run/k_vrrp.log"] {
        let mode = fs::metadata(host.path(file)).expect("a log file").mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        fs::rename(host.path(file), host.path(&format!("{file}.1"))).expect("rename");
    }
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    assert_eq!(
        Node::children(vrrp).len(),
        2,
        "one writes the file, one what is said on standard error"
    );
    host.write(CONFIG, &instances(2));
    host.signal(Signal::SIGHUP);
    says("/run/k.log", "Reload complete");
    says("/run/k_vrrp.log", "(VI_2) Entering MASTER STATE");
    host.stop();
    wait_until("the writer ends, too", secs(5), || {
        host.processes().is_empty()
    });
}

/// `-l` with standard error on a disk that stands still: the process that speaks VRRP has another one wait for it.
fn stderr_on_a_disk() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(150));
    wait_until("the last address is held", secs(10), || {
        host.holds("10.10.0.250")
    });
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    let [writer] = Node::children(vrrp)[..] else {
        panic!("the VRRP process has one writer");
    };
    let log = fs::metadata(host.path("/run/test/log")).expect("the log");
    let on_log = fs::read_dir(format!("/proc/{vrrp}/fd"))
        .expect("descriptors")
        .flatten()
        .filter(|entry| {
            fs::metadata(entry.path())
                .is_ok_and(|file| (file.dev(), file.ino()) == (log.dev(), log.ino()))
        })
        .filter(|entry| !["1", "2"].contains(&entry.file_name().to_str().unwrap_or_default()));
    assert_eq!(
        on_log.count(),
        0,
        "the VRRP process has not opened the file"
    );
    // A disk that stands still is a writer that does not come back from its write.
    kill(writer, Signal::SIGSTOP).expect("kill");
    let mark = world.capture.mark();
    for count in [149, 150].repeat(10) {
        host.write(CONFIG, &instances(count));
        host.signal(Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(secs(1));
    let adverts = world.capture.frames_since(mark);
    let adverts = adverts.iter().filter_map(|frame| frame.advert());
    assert!(adverts.count() > 2 * 149, "adverts go out");
    assert!(
        !host.log().contains("removed from the configuration"),
        "nothing is written"
    );
    kill(writer, Signal::SIGCONT).expect("kill");
    wait_until("what waited is written", secs(5), || {
        host.log()
            .contains("(VI_150) removed from the configuration")
    });
    // A writer that dies is buried, and replaced when there is something to write.
    kill(writer, Signal::SIGKILL).expect("kill");
    wait_until("the writer is buried", secs(5), || {
        Node::children(vrrp).is_empty()
    });
    host.write(CONFIG, &instances(149));
    host.signal(Signal::SIGHUP);
    wait_until("another writes", secs(5), || {
        Node::children(vrrp).len() == 1
    });
    assert_eq!(host.vrrp_pid(), Some(vrrp));
    host.stop();
    assert_eq!(host.processes(), []);
}

fn dont_release() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-V"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    host.stop();
    assert!(host.holds(VIP), "-V: it stays");
    assert!(!host.log().contains("removing VIPs"), "{}", host.log());
    started(&world, &instances(1));
    // The address is there from the beginning, so that it says nothing.
    wait_until("it is master again", secs(10), || {
        count(&host.log(), "Entering MASTER STATE") == 2
    });
    host.stop();
    assert!(!host.holds(VIP));
}

fn options() {
    let world = world();
    let host = &world.nodes[0];
    // Only the line for this configuration id makes the instance whole.
    let config = instances(1).replace(
        " virtual_router_id 1",
        "@here virtual_router_id 1\n@elsewhere virtual_router_id 2",
    );
    host.write(CONFIG, &config);
    fs::create_dir(host.path("/run/tmp")).expect("a directory");
    let words = [
        &["env", "TMPDIR=/run/tmp", Ours.inside(), "-DG", "-f", CONFIG][..],
        &["--config-id=here", "-u", "0137", "-P", "-R"],
        &["-p", "/run/a.pid", "--vrrp_pid=/run/b.pid", "-c/run/c.pid"],
    ]
    .concat();
    let (status, output) = host.try_run(&words);
    assert_eq!(status.code(), Some(0), "{output}");
    wait_until("the address is held", secs(10), || host.holds(VIP));
    let parent = pid_in(host, "/run/a.pid").expect("the pid file of -p");
    let vrrp = pid_in(host, "/run/b.pid").expect("the pid file of -r");
    assert!(!host.path("/run/keepalived.pid").exists());
    assert!(!host.path("/run/c.pid").exists(), "no checker process");
    let umask = fs::read_to_string(format!("/proc/{vrrp}/status")).expect("status");
    assert!(umask.contains("Umask:\t0137"), "{umask}");
    kill(parent, Signal::SIGUSR1).expect("kill");
    for file in ["keepalived.data", "keepalived_parent.data"] {
        let path = host.path(&format!("/run/tmp/{file}"));
        wait_until("the dumps are in TMPDIR", secs(5), || path.exists());
        let mode = fs::metadata(&path).expect("a dump").mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(host.read("/run/tmp/keepalived.data").contains("VI_1"));
    // -R: a child that dies takes the daemon along.
    kill(vrrp, Signal::SIGKILL).expect("kill");
    wait_until("the daemon ends", secs(5), || host.processes().is_empty());
}
