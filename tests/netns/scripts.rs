//! Scripts that shift priorities: the address follows them, a hanging one is ended with all that it started, and whoever runs them may
//! die without anybody noticing.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Binary::Ours;
use crate::support::config::{instance, password};
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VIP: &str = "10.85.0.1";
const VRID: u8 = 85;
/// The script has told of a change, and a takeover or a return is over.
const MOVE_BOUND: Duration = secs(20);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("scripts::a_drained_node_gives_the_address_away", drained),
        case("scripts::without_weight_a_failure_is_a_fault", fault),
        case("scripts::a_hanging_script_is_ended", hanging),
        case("scripts::the_runner_is_replaced", runner_dies),
        case("scripts::hundreds_begin_at_once", hundreds),
        case("scripts::hundreds_are_told_of_the_end", hundreds_at_the_end),
        case("scripts::what_programs_are_given", environment),
        case("scripts::a_reload_changes_what_is_tracked", reload),
        case("scripts::whether_a_path_opens", opens),
    ]
}

fn config(priority: u8, scripts: &str, tracked: &str) -> String {
    let head = format!("{}\n track_script {{\n{tracked}\n }}", password("s3cret99"));
    format!(
        "{scripts}\n{}",
        instance("LOCK", VRID, priority, &head, &[VIP])
    )
}

/// As the owner's configurations have it, brackets of bash included.
const DRAIN: &str = r#"vrrp_script chk_down {
    script "[[ -f /etc/keepalived/down ]] && exit 1 || exit 0"
    interval 1
    weight -20
}"#;

fn drained() {
    let world = World::two();
    world.nodes[0].start(Ours, &config(100, DRAIN, "chk_down"));
    world.nodes[1].start(Ours, &config(90, DRAIN, "chk_down"));
    settles(&world, 0);
    world.nodes[0].write("/etc/keepalived/down", "");
    settles(&world, 1);
    let log = world.nodes[0].log();
    assert!(
        log.contains("VRRP_Script(chk_down) failed (exited with status 1)"),
        "{log}"
    );
    assert!(
        log.contains("(LOCK) Changing effective priority from 100 to 80"),
        "{log}"
    );
    fs::remove_file(world.nodes[0].path("/etc/keepalived/down")).expect("remove");
    settles(&world, 0);
}

fn settles(world: &World, node: usize) {
    wait_until(
        &format!("the address is on host {} alone", node + 1),
        election_bound() + MOVE_BOUND,
        || world.holders(VIP) == [node],
    );
}

fn fault() {
    let scripts = r#"vrrp_script chk { script "test -f /etc/keepalived/up"
 interval 1
}"#;
    let world = World::two();
    world.nodes[0].start(Ours, &config(100, scripts, "chk"));
    let log = || world.nodes[0].log();
    world.nodes[0].wait_log("(LOCK) Entering FAULT STATE", secs(10));
    assert!(
        log().contains("(LOCK) entering FAULT state (tracked script chk failed)"),
        "{}",
        log()
    );
    assert!(!log().contains("Entering BACKUP STATE"), "{}", log());
    world.nodes[0].write("/etc/keepalived/up", "");
    settles(&world, 0);
    fs::remove_file(world.nodes[0].path("/etc/keepalived/up")).expect("remove");
    wait_until("the address is gone", secs(10), || {
        world.holders(VIP).is_empty()
    });
}

/// It starts processes, one of them in a session of its own, all are deaf to SIGTERM, and it is over its time every time.
fn hanging() {
    let scripts = r#"vrrp_script chk { script "/etc/keepalived/hang.sh"
 interval 1
 timeout 1
 weight -20
}"#;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/etc/keepalived/hang.sh",
        "#!/bin/sh\ntrap '' TERM\nsetsid sleep 4711 &\nsleep 4711\n",
    );
    node.start(Ours, &config(100, scripts, "chk"));
    node.wait_log("VRRP_Script(chk) timed_out", secs(15));
    wait_until("the host is master all the same", election_bound(), || {
        node.holds(VIP)
    });
    node.wait_log("Track script chk is already running", secs(15));
    stays("at most one run at a time", secs(4), || {
        node.sleepers("4711") <= 2
    });
    node.stop();
    wait_until("nothing of it is left", secs(5), || {
        node.sleepers("4711") == 0
    });
}

fn runner_dies() {
    let scripts = r#"vrrp_script chk { script "test -f /etc/keepalived/up"
 interval 1
 weight -20
}"#;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write("/etc/keepalived/up", "");
    node.start(Ours, &config(100, scripts, "chk"));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    let first = runner(node).expect("a process that runs scripts");
    kill(first, Signal::SIGKILL).expect("it lives");
    node.wait_log(
        "The process that runs programs has ended: starting another",
        secs(5),
    );
    wait_until("another takes its place", secs(10), || {
        runner(node).is_some_and(|now| now != first)
    });
    assert!(
        node.holds(VIP) && !node.log().contains("Entering BACKUP STATE\n"),
        "{}",
        node.log()
    );
    // The new one does its work.
    fs::remove_file(node.path("/etc/keepalived/up")).expect("remove");
    node.wait_log("VRRP_Script(chk) failed (exited with status 1)", secs(10));
    wait_until("the dead one is buried", secs(5), || {
        !std::path::Path::new(&format!("/proc/{first}")).exists()
    });
}

/// More scripts than there is room for on the way to the process that runs them: at the start all of them are due, and none is taken for
/// a failure because of that. Nor is a program left out that hundreds of instances have run in the same moment.
fn hundreds() {
    const SCRIPTS: usize = 600;
    const INSTANCES: u8 = 200;
    // Long requests fill what there is sooner.
    let argument = "x".repeat(2000);
    let (mut scripts, mut tracked) = (String::new(), String::new());
    for number in 0..SCRIPTS {
        scripts += &format!(
            "vrrp_script s{number} {{\n script \"/bin/true {argument}\"\n interval 1000\n timeout 100\n}}\n"
        );
        tracked += &format!("s{number}\n");
    }
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script("/run/tell.sh", "#!/bin/sh\necho >> /run/faults\n");
    let told = format!("notify_fault \"/run/tell.sh {argument}\"");
    let instances: String = (1..=INSTANCES)
        .map(|vrid| {
            let address = format!("10.85.3.{vrid}");
            instance(&format!("I{vrid}"), vrid, 100, &told, &[&address])
        })
        .collect();
    let own = instance(
        "OWN",
        INSTANCES + 1,
        255,
        &format!("track_script {{\n{tracked}\n}}"),
        &[VIP],
    );
    let globals = "global_defs {\n script_user root\n}\n";
    node.start(Ours, &format!("{globals}{scripts}{own}{instances}"));
    // It needs every one of them.
    wait_until("the host is master", secs(60), || node.holds(VIP));
    let log = node.log();
    assert!(!log.contains("could not be started"), "{log}");
    assert!(!log.contains("(OWN) entering FAULT"), "{log}");
    node.run(&["ip", "link", "set", "eth0", "down"]);
    wait_until("all are told", secs(60), || {
        node.read("/run/faults").lines().count() == usize::from(INSTANCES)
    });
}

/// More programs of the end than a socket holds, behind ones that do not end in time: every one is run.
fn hundreds_at_the_end() {
    const INSTANCES: u8 = 200;
    let argument = "x".repeat(2000);
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script("/run/slow.sh", "#!/bin/sh\nexec sleep 5\n");
    node.write_script(
        "/run/tell.sh",
        "#!/bin/sh\ncase $* in *' STOP '*) echo >> /run/stops ;; esac\n",
    );
    let told =
        format!("notify_stop \"/run/slow.sh {argument}\"\n notify \"/run/tell.sh {argument}\"");
    let instances: String = (1..=INSTANCES)
        .map(|vrid| {
            let address = format!("10.85.3.{vrid}");
            instance(&format!("I{vrid}"), vrid, 100, &told, &[&address])
        })
        .collect();
    let globals = "global_defs {\n script_user root\n}\n";
    node.start(Ours, &format!("{globals}{instances}"));
    wait_until("the host is master of all", secs(60), || {
        node.log().matches("Entering MASTER STATE").count() == usize::from(INSTANCES)
    });
    node.stop();
    wait_until("all are told", secs(60), || {
        node.read("/run/stops").lines().count() == usize::from(INSTANCES)
    });
}

/// The process that runs programs and reads files.
pub fn runner(node: &Node) -> Option<Pid> {
    let vrrp = node.vrrp_pid()?;
    Node::children(vrrp).into_iter().find(|pid| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == "keepalived_run")
    })
}

/// No descriptor of ours, no blocked signal, nothing of the service manager or a loader in its environment.
fn environment() {
    let scripts = r#"vrrp_script chk { script "/etc/keepalived/look.sh"
 interval 1
}"#;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/etc/keepalived/look.sh",
        "#!/bin/sh\nls -v /proc/self/fd > /run/descriptors\nfor number in 0 1 2; do readlink /proc/self/fd/$number; done > /run/standard\n\
         grep -e SigBlk -e SigIgn /proc/self/status > /run/signals\ntr '\\0' '\\n' < /proc/self/environ > /run/environ\ntouch /run/seen\n",
    );
    node.write(CONFIG, &config(100, scripts, "chk"));
    let private = [
        "NOTIFY_SOCKET=/run/nowhere",
        "LISTEN_FDS=1",
        "LD_BIND_NOW=1",
        "LD_LIBRARY_PATH=/nowhere",
        "BASH_ENV=/nowhere",
        "ENV=/nowhere",
        "IFS=x",
    ];
    let public = ["LANG=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
    let daemon = [Ours.inside(), "-n", "-l", "-D", "-f", CONFIG];
    let words = [&["env", "-i"][..], &private, &public, &daemon].concat();
    node.start_program(&words, node.open_log());
    wait_until("the script ran", secs(10), || {
        node.path("/run/seen").exists()
    });
    // The last one is the folder that is being read.
    assert_eq!(node.read("/run/descriptors"), "0\n1\n2\n3\n");
    assert_eq!(
        node.read("/run/standard"),
        "/dev/null\n/run/standard\n/dev/null\n"
    );
    for line in node.read("/run/signals").lines() {
        let (_, digits) = line.split_once('\t').expect("a set of signals");
        // Two more belong to the C library, and whoever started the tests decides about them.
        let set = u64::from_str_radix(digits, 16).expect("a number") & 0x7fff_ffff;
        assert_eq!(set, 0, "{line}");
    }
    let environ = node.read("/run/environ");
    // What a shell sets itself.
    let mut names: Vec<&str> = environ
        .lines()
        .filter(|line| !line.starts_with("PWD="))
        .collect();
    names.sort_unstable();
    assert_eq!(names, public, "{environ}");
    stays("it goes on", millis(1500), || node.runs());
}

/// Another weight, another name, another command, none at all: the priority is that of what is configured now.
fn reload() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let with = |name: &str, program: &str, tracked: &str| {
        let script =
            format!("vrrp_script {name} {{\n script {program}\n interval 1\n weight 20\n}}");
        config(100, &script, tracked)
    };
    node.start(Ours, &with("one", "/bin/true", "one"));
    let changes = |from: u8, to: u8| {
        let line = format!("(LOCK) Changing effective priority from {from} to {to}");
        node.wait_log(&line, secs(20));
    };
    changes(100, 120);
    for (config, from, to) in [
        (with("one", "/bin/true", "one weight 40"), 120, 140),
        (with("one", "/bin/false", "one weight 40"), 140, 100),
        (with("two", "/bin/false", "two weight -30"), 100, 70),
        (with("two", "/bin/true", "two weight -30 reverse"), 70, 130),
    ] {
        node.write(CONFIG, &config);
        node.signal(Signal::SIGHUP);
        changes(from, to);
    }
    assert!(!node.log().contains("FAULT"), "{}", node.log());
    node.stop();
}

/// `</path`: one that is there, one that is not, and one that never opens, which holds up neither.
fn opens() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write("/run/there", "");
    node.run(&["mkfifo", "/run/pipe"]);
    let script = |name: &str| {
        format!("vrrp_script {name} {{\n script \"</run/{name}\"\n interval 1\n weight 20\n}}\n")
    };
    // The pipe is the first to be asked.
    let scripts: String = ["pipe", "missing", "there"].map(script).concat();
    node.start(Ours, &config(100, &scripts, "pipe\nmissing\nthere"));
    for line in [
        "VRRP_Script(there) succeeded",
        "VRRP_Script(missing) failed (exited with status 1)",
        "VRRP_Script(pipe) timed_out",
        "(LOCK) Changing effective priority from 100 to 120",
    ] {
        node.wait_log(line, secs(20));
    }
    node.stop();
    wait_until("nobody waits", secs(10), || node.processes().is_empty());
}
