//! Telling the world: what programs are run with and in which order, and that FIFOs lose nothing that matters.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, peer_case};
use crate::support::told::{self, FIFO};
use crate::support::wire::{Forged, election_bound};
use crate::support::world::{HostSpec, World};
use crate::support::{Binary, millis, secs, wait_until};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

const VIP: &str = "10.85.1.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        peer_case("notify::a_fifo_says_what_keepaliveds_says", as_the_peer),
        case("notify::groups_and_lower_priorities", || group_told(Ours)),
        peer_case("notify::groups_and_lower_priorities_of_the_peer", || {
            group_told(Binary::Peer);
        }),
        case("notify::programs_are_told_in_order", programs),
        case("notify::a_late_reader_misses_nothing", late_reader),
        case("notify::a_full_fifo_blocks_nothing", full),
        case("notify::a_program_that_hangs_holds_nothing_up", hanging),
        case(
            "notify::a_limit_ends_a_program_and_keeps_the_order",
            limited,
        ),
        case("notify::the_script_of_a_fifo_reads_it", fifo_script),
        case("notify::a_fifo_that_somebody_took_away", fifo_gone),
        case("notify::a_fifo_of_two_processes", fifo_of_two),
        case("notify::states_are_written_at_each_reload", at_each_reload),
    ]
}

fn as_the_peer() {
    let (ours, peers) = (told::life(Ours), told::life(Binary::Peer));
    assert_eq!(ours, peers);
    assert_eq!(ours.len(), 4, "three instances and a group: {ours:?}");
}

const TELL: &str = "#!/bin/sh\nsleep 0.1\necho \"$@\" >> /run/told\n";

fn alone(head: &str, globals: &str) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script("/etc/keepalived/tell.sh", TELL);
    node.start(Ours, &config(head, globals));
    world
}

fn config(head: &str, globals: &str) -> String {
    format!(
        "global_defs {{\n{globals}\n}}\n{}",
        instance("LOCK", 85, 100, head, &[VIP])
    )
}

fn is_master(node: &Node) {
    wait_until("the host is master", election_bound(), || node.holds(VIP));
}

/// Of each state the program of its own, then the general one, and at the end both, too: the daemon waits for them.
fn programs() {
    let head = ["master", "backup", "fault", "stop"]
        .map(|state| format!("notify_{state} \"/etc/keepalived/tell.sh own '{state} of it'\""));
    let head = format!(
        "{}\n notify \"/etc/keepalived/tell.sh any\"\n notify_deleted /etc/keepalived/tell.sh",
        head.join("\n")
    );
    let world = alone(&head, "");
    let node = &world.nodes[0];
    is_master(node);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    node.wait_log("Entering FAULT STATE", secs(10));
    node.run(&["ip", "link", "set", "eth0", "up"]);
    is_master(node);
    // Removed by a reload, then there again, then the end of it all.
    let other = instance("OTHER", 86, 100, "", &["10.85.1.2"]);
    node.write(CONFIG, &other);
    node.signal(Signal::SIGHUP);
    wait_until("it is gone", secs(10), || !node.holds(VIP));
    node.write(CONFIG, &config(&head, ""));
    node.signal(Signal::SIGHUP);
    is_master(node);
    node.stop();
    let told = node.read("/run/told");
    let mut expected = String::new();
    for state in [
        "backup", "master", "fault", "backup", "master", "deleted", "backup", "master", "stop",
    ] {
        let upper = state.to_uppercase();
        let own = if state == "deleted" {
            "\n".to_owned()
        } else {
            format!("own {state} of it\n")
        };
        expected.push_str(&format!("{own}any INSTANCE LOCK {upper} 100\n"));
    }
    assert_eq!(told, expected);
}

/// Programs and FIFO lines of a group, and of a master that hears somebody of lower priority. The lines are those of the
/// distribution's keepalived, too; programs it cannot run in a user namespace (it insists on setgroups).
fn group_told(binary: Binary) {
    let world = World::two();
    world.nodes[1].run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"]);
    let node = &world.nodes[0];
    node.write_script(
        "/etc/keepalived/tell.sh",
        "#!/bin/sh\necho \"$@\" >> /run/programs\n",
    );
    let own = ["master", "backup", "fault", "stop"]
        .map(|state| format!("notify_{state} \"/etc/keepalived/tell.sh own {state}\"\n"));
    let lower = "notify_master_rx_lower_pri \"/etc/keepalived/tell.sh lower of ONE\"";
    let config = format!(
        "global_defs {{\n notify_fifo {FIFO}\n}}\n\
         vrrp_sync_group BOTH {{\n group {{\n ONE\n TWO\n }}\n{}notify \"/etc/keepalived/tell.sh any\"\n}}\n{}{}",
        own.concat(),
        instance("ONE", 86, 100, lower, &[VIP]),
        instance("TWO", 87, 100, "", &["10.85.1.2"]),
    );
    node.start(binary, &config);
    wait_until("the FIFO is there", secs(10), || node.path(FIFO).exists());
    told::read_fifo(node);
    let mut expected: Vec<String> = Vec::new();
    let mut steps = 0;
    let mut becomes = |states: &[&str], more: &[&str]| {
        steps += states.len();
        let read = || told::by_subject(&told::lines(node)).remove("INSTANCE \"ONE\"");
        wait_until(&format!("{states:?} is read"), election_bound(), || {
            read().is_some_and(|read| read.len() >= steps)
        });
        if binary == Binary::Peer {
            return;
        }
        expected.extend(more.iter().map(|line| (*line).to_owned()));
        expected.sort();
        let programs = || -> Vec<String> {
            let mut lines: Vec<String> = node
                .read("/run/programs")
                .lines()
                .map(str::to_owned)
                .collect();
            lines.sort();
            lines
        };
        wait_until(&format!("{more:?} is run"), election_bound(), || {
            programs().len() >= expected.len()
        });
        assert_eq!(programs(), expected);
    };
    let elected = [
        "own backup",
        "any GROUP BOTH BACKUP 0",
        "own master",
        "any GROUP BOTH MASTER 0",
    ];
    becomes(&["BACKUP", "MASTER"], &elected);
    is_master(node);
    Forged::right(86, 50, VIP, "").send(&world.nodes[1], "10.10.0.2");
    becomes(&["MASTER_RX_LOWER_PRI"], &["lower of ONE"]);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    becomes(&["FAULT"], &["own fault", "any GROUP BOTH FAULT 0"]);
    node.run(&["ip", "link", "set", "eth0", "up"]);
    becomes(&["BACKUP", "MASTER"], &elected);
    is_master(node);
    node.stop();
    becomes(&["STOP"], &["own stop", "any GROUP BOTH STOP 0"]);
    let states = |lower: &[&str]| -> Vec<String> {
        let states = [
            "BACKUP", "MASTER", lower[0], "FAULT", "BACKUP", "MASTER", "STOP",
        ];
        let states = states.iter().filter(|state| !state.is_empty());
        states
            .map(|state| format!("{state} {}", lower[1]))
            .collect()
    };
    let read = || told::by_subject(&told::lines(node));
    wait_until("all is read", secs(10), || {
        let last = |lines: &Vec<String>| lines.last().is_some_and(|last| last.starts_with("STOP"));
        read().values().all(last)
    });
    assert_eq!(read()["GROUP \"BOTH\""], states(&["", "0"]));
    assert_eq!(
        read()["INSTANCE \"ONE\""],
        states(&["MASTER_RX_LOWER_PRI", "100"])
    );
    assert_eq!(read()["INSTANCE \"TWO\""], states(&["", "100"]));
}

/// Nobody reads at first, and everything is there in the end, in order; what is not needed any more is taken away.
fn late_reader() {
    let world = alone("", &format!("notify_fifo {FIFO}"));
    let node = &world.nodes[0];
    is_master(node);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    node.wait_log("Entering FAULT STATE", secs(10));
    told::read_fifo(node);
    let expected =
        ["BACKUP", "MASTER", "FAULT"].map(|state| format!("INSTANCE \"LOCK\" {state} 100"));
    wait_until("all is read", secs(10), || told::lines(node) == expected);
    let mode = fs::metadata(node.path(FIFO))
        .expect("the FIFO")
        .permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o133,
        0,
        "{mode:?}"
    );
    node.stop();
    assert!(!node.path(FIFO).exists(), "it was made by the daemon");
    wait_until("the end is read", secs(10), || {
        let lines = told::lines(node);
        lines
            .last()
            .is_some_and(|line| line == "INSTANCE \"LOCK\" STOP 100")
    });
}

/// More is told than a pipe and the backlog hold, and nobody reads: the states that are over are given up, the last of each is not, and
/// nothing waits. Then somebody reads all of it, in order.
fn full() {
    const INSTANCES: usize = 200;
    // Each flap tells of two states or more; a pipe holds some 1,500 of these lines, and 4,096 wait.
    const FLAPS: usize = 16;
    let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.12.0")]);
    let node = &world.nodes[0];
    let flapping: String = (1..=INSTANCES)
        .map(|number| {
            let vrid = u8::try_from(number).expect("a VRID");
            let name = format!("INSTANCE_WITH_A_LONG_NAME_{number}");
            instance(&name, vrid, 100, "", &[&format!("10.85.2.{number}")])
        })
        .collect();
    let calm = instance("CALM", 201, 100, "", &[VIP]).replace("eth0", "eth1");
    node.start(
        Ours,
        &format!("global_defs {{\n notify_fifo {FIFO}\n}}\n{flapping}{calm}"),
    );
    is_master(node);
    let mark = world.capture.mark();
    for _ in 0..FLAPS {
        node.run(&["ip", "link", "set", "eth0", "down"]);
        node.run(&["ip", "link", "set", "eth0", "up"]);
        std::thread::sleep(millis(300));
    }
    let last = format!("10.85.2.{INSTANCES}");
    wait_until("all are master", election_bound(), || node.holds(&last));
    node.wait_log(&format!("Nobody reads {FIFO}"), secs(5));
    let adverts = world.capture.adverts_since(mark);
    let calm: Vec<_> = adverts.iter().filter(|one| one.vrid == 201).collect();
    for two in calm.windows(2) {
        let gap = two[1].at - two[0].at;
        // Whoever listens would take over then.
        assert!(gap < secs(3), "{gap:?} between adverts");
    }
    // However fast this machine is: nobody can be made to wait there.
    let holders = [node.pid(), node.vrrp_pid().expect("a VRRP process")];
    let flags: Vec<u32> = holders
        .iter()
        .flat_map(|pid| flags_of(node, *pid))
        .collect();
    assert!(!flags.is_empty(), "somebody writes to {FIFO}");
    for flags in flags {
        let flags = OFlag::from_bits_truncate(flags.cast_signed());
        assert!(flags.contains(OFlag::O_NONBLOCK), "{flags:?}");
    }
    told::read_fifo(node);
    wait_until("the last states are read", secs(20), || {
        let told = told::by_subject(&told::lines(node));
        let is_last =
            |states: &Vec<String>| states.last().is_some_and(|state| state == "MASTER 100");
        told.len() == INSTANCES + 1 && told.values().all(is_last)
    });
    // The pipe, and all that waited.
    assert!(told::lines(node).len() > 4096);
    node.stop();
}

/// How a process has opened the FIFO, each time.
fn flags_of(node: &Node, process: Pid) -> Vec<u32> {
    let fifo = fs::metadata(node.path(FIFO)).expect("the FIFO");
    let folder = fs::read_dir(format!("/proc/{process}/fd")).expect("descriptors");
    let open = folder.flatten().filter(|entry| {
        let opened = fs::metadata(entry.path());
        opened.is_ok_and(|opened| (opened.dev(), opened.ino()) == (fifo.dev(), fifo.ino()))
    });
    let flags = open.map(|entry| {
        let number = entry.file_name().into_string().expect("a number");
        let path = format!("/proc/{process}/fdinfo/{number}");
        let text = fs::read_to_string(path).expect("about a descriptor");
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        u32::from_str_radix(flags.expect("flags").trim(), 8).expect("octal digits")
    });
    flags.collect()
}

fn hanging() {
    let head = "notify_master \"sleep 4712\"\n notify_fault \"/etc/keepalived/tell.sh fault\"\n notify_backup /bin/false";
    let world = alone(head, "");
    let node = &world.nodes[0];
    node.wait_log(
        "(LOCK) notify script for BACKUP exited with status 1",
        secs(10),
    );
    is_master(node);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    wait_until("the next one is run", secs(30), || {
        node.read("/run/told") == "fault\n"
    });
    let log = node.log();
    assert!(
        log.contains("(LOCK) notify script for MASTER has run for 10 seconds"),
        "{log}"
    );
    node.stop();
}

/// The instance's own limit counts, not that of all; the next program waits for the end of the one before, and of what it started.
fn limited() {
    let head = "notify_timeout 2.5\n notify_master \"/etc/keepalived/hang.sh\"\n notify_fault \"/etc/keepalived/tell.sh fault\"\n \
                notify_backup \"/etc/keepalived/tell.sh backup\"";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script("/etc/keepalived/tell.sh", TELL);
    node.write_script(
        "/etc/keepalived/hang.sh",
        "#!/bin/sh\nsetsid sleep 4715 &\necho master >> /run/told\nsleep 4715\n",
    );
    node.write_script(
        "/etc/keepalived/last.sh",
        "#!/bin/sh\nsleep 3\necho stop >> /run/told\n",
    );
    let last = "notify_timeout 60\n notify_stop /etc/keepalived/last.sh";
    let last = instance("LAST", 86, 100, last, &["10.85.1.2"]);
    let config = config(head, "notify_timeout 0.1") + &last;
    node.start(Ours, &config);
    is_master(node);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    node.wait_log("(LOCK) notify script for MASTER timed out", secs(10));
    wait_until("the next one is run", secs(5), || {
        node.read("/run/told") == "backup\nmaster\nfault\n"
    });
    assert_eq!(node.sleepers("4715"), 0);
    let log = node.log();
    assert!(
        log.contains("(LOCK) notify script for BACKUP exited with status 0"),
        "{log}"
    );
    node.stop();
    // The daemon does not wait for it, and it has the time that it was given.
    wait_until("the last one is heard out", secs(10), || {
        node.read("/run/told").ends_with("stop\n")
    });
}

fn fifo_script() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/etc/keepalived/read.sh",
        "#!/bin/sh\nwhile read -r line; do echo \"$1 $line\" >> /run/told; done < \"$2\"\n",
    );
    let globals = format!(
        " vrrp_notify_fifo {FIFO}\n vrrp_notify_fifo_script \"/etc/keepalived/read.sh mine\""
    );
    node.start(Ours, &config("", &globals));
    is_master(node);
    let expected = "mine INSTANCE \"LOCK\" BACKUP 100\nmine INSTANCE \"LOCK\" MASTER 100\n";
    wait_until("it read both states", secs(10), || {
        node.read("/run/told") == expected
    });
    node.stop();
    wait_until("the script has ended", secs(5), || {
        node.processes().is_empty()
    });
}

/// It is made anew at the next reload that changes something; what somebody else has put into its place at the end stays.
fn fifo_gone() {
    let globals = format!("notify_fifo {FIFO}");
    let world = alone("", &globals);
    let node = &world.nodes[0];
    is_master(node);
    node.run(&["rm", FIFO]);
    node.write(CONFIG, &config("garp_master_repeat 2", &globals));
    node.signal(Signal::SIGHUP);
    wait_until("it is there again", secs(10), || node.path(FIFO).exists());
    told::read_fifo(node);
    node.run(&["ip", "link", "set", "eth0", "down"]);
    let expected = ["INSTANCE \"LOCK\" FAULT 100"];
    wait_until("what happens now is read", secs(10), || {
        told::lines(node) == expected
    });
    node.run(&["rm", FIFO]);
    node.write(FIFO, "somebody's\n");
    node.stop();
    assert_eq!(node.read(FIFO), "somebody's\n");
}

const SERVICE: &str = "virtual_server 10.99.0.1 80 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n alpha\n warmup 0\n \
                       real_server 127.0.0.2 80 {\n TCP_CHECK {\n retry 0\n }\n }\n}\n";

/// The process of checkers makes it, that of VRRP comes second and keeps it, and gives it back when it goes: it is there as long as
/// somebody writes to it, one script at a time reads it, and neither stays behind.
fn fifo_of_two() {
    const BEGUN: &str = "/run/begun";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        "/etc/keepalived/read.sh",
        &format!("#!/bin/sh\necho $$ >> {BEGUN}\nexec cat \"$1\" >> /run/told\n"),
    );
    let globals = format!(" notify_fifo {FIFO}\n notify_fifo_script /etc/keepalived/read.sh");
    let checkers_alone = format!("global_defs {{\n script_user root\n{globals}\n}}\n{SERVICE}");
    let both = config("", &globals) + SERVICE;
    // How many have begun, of which the last alone still reads.
    let is_read = |begun: usize| {
        wait_until(&format!("reader {begun} is the only one"), secs(20), || {
            let text = node.read(BEGUN);
            let pids: Vec<i32> = text.lines().filter_map(|it| it.parse().ok()).collect();
            let alive = node.processes();
            let reading = pids.iter().map(|pid| alive.contains(&Pid::from_raw(*pid)));
            pids.len() == begun && reading.eq((1..=begun).map(|nth| nth == begun))
        });
    };
    let take = |text: &str| {
        node.write(CONFIG, text);
        node.signal(Signal::SIGHUP);
    };
    let both_write = || {
        wait_until("both write to it", secs(10), || {
            let told = node.read("/run/told");
            let is_told = |what: &str| told.lines().any(|line| line.starts_with(what));
            is_told("INSTANCE \"LOCK\" MASTER") && is_told("RS ")
        });
    };
    node.start(Ours, &checkers_alone);
    is_read(1);
    take(&both);
    is_master(node);
    is_read(2);
    both_write();
    take(&checkers_alone);
    wait_until("the VRRP process has gone", secs(10), || {
        node.vrrp_pid()
            .is_none_or(|pid| !node.processes().contains(&pid))
    });
    is_read(3);
    assert!(node.path(FIFO).exists(), "the other still writes to it");
    node.stop();
    assert!(!node.path(FIFO).exists());
    wait_until("its reader has ended", secs(10), || {
        node.processes().is_empty()
    });
    node.write("/run/told", "");
    node.write(CONFIG, &both);
    node.start_again(Ours);
    both_write();
    is_read(4);
    node.stop();
    assert!(!node.path(FIFO).exists());
}

/// `fifo_write_vrrp_states_on_reload`: though nothing has changed, and for a reader that comes late.
fn at_each_reload() {
    let globals = format!("vrrp_notify_fifo {FIFO}\n fifo_write_vrrp_states_on_reload");
    let world = alone("", &globals);
    let node = &world.nodes[0];
    is_master(node);
    told::read_fifo(node);
    let mut expected = ["BACKUP", "MASTER"]
        .map(|state| format!("INSTANCE \"LOCK\" {state} 100"))
        .to_vec();
    for _ in 0..2 {
        node.signal(Signal::SIGHUP);
        expected.extend(expected.last().cloned());
        wait_until("the state is told again", secs(10), || {
            told::lines(node) == expected
        });
    }
    node.stop();
}
