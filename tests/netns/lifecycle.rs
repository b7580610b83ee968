//! `startup_script` and `shutdown_script`: run before there is any other process and after, bounded, and told how they ended.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

const VIP: &str = "10.87.1.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("lifecycle::before_all_and_after_all", before_and_after),
        case("lifecycle::how_they_end_is_told_apart", told_apart),
        case("lifecycle::a_stop_does_not_wait_for_the_start", stopped),
        case(
            "lifecycle::services_left_are_taken_up_though_the_start_is_stopped",
            left_services,
        ),
    ]
}

fn start(globals: &str, script: &str) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script("/etc/keepalived/own.sh", script);
    let globals = format!("global_defs {{\n{globals}\n}}\n");
    node.start(
        Ours,
        &format!("{globals}{}", instance("LOCK", 87, 255, "", &[VIP])),
    );
    world
}

/// Nothing of ours runs but the parent, and no address is there, at either end.
fn before_and_after() {
    let world = start(
        "startup_script \"/etc/keepalived/own.sh begin\"\nshutdown_script \"/etc/keepalived/own.sh end\"",
        "#!/bin/sh\nsleep 1\nps -o comm= --ppid \"$PPID\" | grep -c -v own.sh >> /run/seen\n\
         ip -o addr show dev eth0 | grep -c 10.87.1.1 >> /run/seen\necho \"$1\" >> /run/seen\n",
    );
    let node = &world.nodes[0];
    node.wait_log("Running the startup_script", secs(10));
    assert_eq!(node.vrrp_pid(), None);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    assert_eq!(node.read("/run/seen"), "0\n0\nbegin\n");
    node.stop();
    assert_eq!(node.read("/run/seen"), "0\n0\nbegin\n0\n0\nend\n");
    in_order(
        &node.log(),
        &[
            "Running the startup_script",
            "The startup_script exited with status 0",
            "Starting VRRP child process",
            "Stopping",
            "Running the shutdown_script",
            "The shutdown_script exited with status 0",
            "Stopped Keepalived",
        ],
    );
}

fn in_order(log: &str, texts: &[&str]) {
    let mut rest = log;
    for text in texts {
        let Some((_, after)) = rest.split_once(text) else {
            panic!("no {text:?} at its place in\n{log}");
        };
        rest = after;
    }
}

/// Failed, killed by another, too long with a grandchild in a session of its own: each has its words, and none keeps the daemon.
fn told_apart() {
    for (end, script, words) in [
        ("fails", "exit 3", "exited with status 3"),
        ("killed", "kill -9 $$", "was ended by signal 9"),
        (
            "hangs",
            "trap '' TERM\nsetsid sleep 4713 &\nsleep 4713 & wait; wait; sleep 4713",
            "timed out",
        ),
    ] {
        let world = start(
            "startup_script /etc/keepalived/own.sh\nstartup_script_timeout 2\n\
             shutdown_script /etc/keepalived/own.sh\nshutdown_script_timeout 1",
            &format!("#!/bin/sh\n{script}\n"),
        );
        let node = &world.nodes[0];
        node.wait_log(&format!("The startup_script {words}"), secs(10));
        wait_until(end, election_bound(), || node.holds(VIP));
        assert!(node.sleepers("4713") == 0, "{end}");
        node.stop();
        let log = node.log();
        assert!(
            log.contains(&format!("The shutdown_script {words}")),
            "{log}"
        );
        assert!(node.sleepers("4713") == 0, "{end}");
    }
}

/// The script is asked to end, the one for the end is run, and nothing was begun.
fn stopped() {
    let world = start(
        "startup_script \"sleep 4714\"\nstartup_script_timeout 60\nshutdown_script /etc/keepalived/own.sh",
        "#!/bin/sh\ntouch /run/ended\n",
    );
    let node: &Node = &world.nodes[0];
    node.wait_log("Running the startup_script", secs(10));
    node.signal(Signal::SIGTERM);
    assert_eq!(node.wait_exit(secs(10)).code(), Some(0));
    let log = node.log();
    assert!(
        log.contains("The startup_script was ended by signal 15"),
        "{log}"
    );
    assert!(!log.contains("Starting VRRP child process"), "{log}");
    assert!(node.path("/run/ended").exists());
}

/// A daemon that stops for another leaves its services. The other one is stopped before it has any checker: one is started for them.
fn left_services() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node: &Node = &world.nodes[0];
    let service = "virtual_server 10.99.0.1 80 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n real_server 10.99.0.2 80 {\n }\n}\n";
    node.start(Ours, service);
    node.wait_log("Startup complete", secs(10));
    let restart = format!(
        "kill -s $({} --signum=RESTART) {}",
        Ours.inside(),
        node.pid()
    );
    node.run(&["sh", "-c", &restart]);
    assert_eq!(node.wait_exit(secs(10)).code(), Some(0));
    let globals = "global_defs {\n startup_script \"sleep 4715\"\n}\n";
    node.write(
        CONFIG,
        &format!("{globals}{}", instance("LOCK", 87, 255, "", &[VIP])),
    );
    let before = node.log().len();
    node.start_again(Ours);
    let log = || node.log().get(before..).unwrap_or_default().to_owned();
    wait_until("the script runs", secs(10), || {
        log().contains("Running the startup_script")
    });
    node.signal(Signal::SIGTERM);
    assert_eq!(node.wait_exit(secs(10)).code(), Some(0));
    let log = log();
    assert!(log.contains("Starting Healthcheck child process"), "{log}");
    assert!(!log.contains("Starting VRRP child process"), "{log}");
}
