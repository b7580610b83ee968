//! The checker process against servers that listen, stop listening and return. What a verdict does is seen in the FIFO, in what scripts
//! leave and in the log; the kernel's table is the guest's business (`tests/guest`).

use std::net::TcpListener;

use crate::support::Binary::Ours;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::told::{self, FIFO};
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_for, wait_until};
use nix::sys::signal::Signal;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("checker::a_server_leaves_and_returns", leaves),
        case("checker::a_reload_keeps_what_is_known", reload),
        case("checker::scripts_and_files_set_weights", weights),
        case("checker::a_script_that_hangs_is_a_failure", hanging),
        case("checker::from_where_and_to_where", from_where),
        case("checker::more_servers_than_descriptors", many),
        case("checker::all_of_it_in_the_data_file", data_file),
        case("checker::another_process_takes_over", replaced),
        case("checker::a_script_reads_the_fifo", fifo_script),
        case("checker::who_stops_says_no_more", stopping),
        case(
            "checker::those_that_begin_up_are_told_of",
            told_from_the_start,
        ),
    ]
}

const SCRIPT: &str = "/etc/keepalived/tell.sh";
const TOLD: &str = "/run/scripts";

/// A service with these statements and servers.
fn service(statements: &str, servers: &str) -> String {
    format!(
        "virtual_server 10.99.0.1 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n delay_loop 0.2\n warmup 0\n retry 2\n \
         delay_before_retry 0.1\n quorum_up \"{SCRIPT} vs up\"\n quorum_down \"{SCRIPT} vs down\"\n{statements}\n{servers}}}\n"
    )
}

fn server(n: u8, statements: &str) -> String {
    format!(
        " real_server 127.0.0.{n} 8{n:03} {{\n notify_up \"{SCRIPT} {n} up\"\n notify_down \"{SCRIPT} {n} down\"\n{statements}\n }}\n"
    )
}

const TCP: &str = "TCP_CHECK {\n connect_timeout 1\n }";

fn config(rest: &str) -> String {
    format!("global_defs {{\n lvs_notify_fifo {FIFO}\n script_user root\n}}\n{rest}")
}

/// A host with the script and the FIFO, which is read.
fn host() -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(SCRIPT, &format!("#!/bin/sh\necho \"$@\" >> {TOLD}\n"));
    node.run(&["mkfifo", FIFO]);
    told::read_fifo_for_ever(node);
    world
}

fn begin(node: &Node, rest: &str) {
    node.start(Ours, &config(rest));
    node.wait_log("Startup complete", secs(10));
}

/// A host whose daemon has this configuration, its FIFO being read.
fn start(rest: &str) -> World {
    let world = host();
    begin(&world.nodes[0], rest);
    world
}

fn listen(node: &Node, n: u8) -> TcpListener {
    node.in_network(|| TcpListener::bind((format!("127.0.0.{n}"), 8000 + u16::from(n))))
        .expect("a listener")
}

fn rs(n: u8, state: &str) -> String {
    format!("RS [127.0.0.{n}]:tcp:8{n:03} [10.99.0.1]:tcp:80 {state}")
}

fn vs(state: &str) -> String {
    format!("VS [10.99.0.1]:tcp:80 {state}")
}

#[track_caller]
fn wait_told(node: &Node, expected: &[String]) {
    wait_until(&format!("{expected:?} is told"), secs(10), || {
        let lines = told::lines(node);
        // Servers are checked side by side.
        lines.len() == expected.len() && told::by_subject(&lines) == told::by_subject(expected)
    });
}

#[track_caller]
fn wait_scripts(node: &Node, expected: &str) {
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    // Those of different owners run side by side.
    wait_until(&format!("{expected:?} have run"), secs(10), || {
        sorted(&node.read(TOLD)) == sorted(expected)
    });
}

fn leaves() {
    let tells_all = TCP.replace('}', "log_all_failures\n }");
    let text = service("omega", &(server(2, &tells_all) + &server(3, TCP)));
    let world = start(&text);
    let node = &world.nodes[0];
    // The second has never been up: its first failure counts.
    let mut expected = vec![vs("UP"), rs(2, "DOWN"), rs(3, "DOWN"), vs("DOWN")];
    wait_told(node, &expected);
    let listener = listen(node, 2);
    expected.extend([rs(2, "UP"), vs("UP")]);
    wait_told(node, &expected);
    wait_scripts(node, "vs up\n2 down\n3 down\nvs down\n2 up\nvs up\n");
    stays("a server that is up is left alone", secs(1), || {
        told::lines(node).len() == expected.len()
    });
    drop(listener);
    expected.extend([rs(2, "DOWN"), vs("DOWN")]);
    wait_told(node, &expected);
    for line in [
        "TCP_CHECK on service [127.0.0.3]:tcp:8003 failed. (cannot connect: Connection refused",
        "TCP connection to [127.0.0.2]:tcp:8002 success.",
        "TCP_CHECK on service [127.0.0.2]:tcp:8002 failed, try 2.",
        "TCP_CHECK on service [127.0.0.2]:tcp:8002 failed after 2 retries.",
        "Removing service [127.0.0.2]:tcp:8002 from VS [10.99.0.1]:tcp:80",
        "Adding service [127.0.0.2]:tcp:8002 to VS [10.99.0.1]:tcp:80",
        "Lost quorum 1-0=1 > 0 for VS [10.99.0.1]:tcp:80",
        "Gained quorum 1+0=1 <= 1 for VS [10.99.0.1]:tcp:80",
    ] {
        // The FIFO may be ahead of the log.
        node.wait_log(line, secs(10));
    }
    let _listener = listen(node, 3);
    expected.extend([rs(3, "UP"), vs("UP")]);
    wait_told(node, &expected);
    node.stop();
    // Of what is up, and the programs are waited for.
    expected.extend([rs(3, "DOWN"), vs("DOWN")]);
    wait_told(node, &expected);
    let scripts = node.read(TOLD);
    let of_it: Vec<_> = scripts
        .lines()
        .filter(|line| line.starts_with("3 "))
        .collect();
    assert_eq!(of_it, ["3 down", "3 up", "3 down"]);
    assert!(node.path(FIFO).exists(), "it was there before");
}

fn reload() {
    let both = server(2, TCP) + &server(3, TCP);
    let world = host();
    let node = &world.nodes[0];
    let _listener = listen(node, 2);
    begin(node, &service("", &both));
    let mut expected = vec![vs("UP"), rs(3, "DOWN")];
    wait_told(node, &expected);
    let before = "vs up\n3 down\n";
    wait_scripts(node, before);
    // Another server, other times, other order.
    let _other = listen(node, 4);
    let more = server(4, TCP)
        + &server(3, "delay_loop 0.1\nTCP_CHECK {\n connect_timeout 1\n }")
        + &server(2, TCP);
    node.write(CONFIG, &config(&service("quorum 2", &more)));
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(10));
    node.wait_log("TCP connection to [127.0.0.4]:tcp:8004 success.", secs(10));
    assert_eq!(told::lines(node), expected);
    wait_scripts(node, before);
    // The dead one is still known to be dead, and the one that is gone is no longer looked at.
    let third = listen(node, 3);
    expected.push(rs(3, "UP"));
    wait_told(node, &expected);
    node.write(CONFIG, &config(&service("", &server(2, TCP))));
    node.signal(Signal::SIGHUP);
    node.wait_log("service [127.0.0.3]:tcp:8003 no longer exist", secs(10));
    drop(third);
    stays("nobody asks for it", secs(1), || {
        told::lines(node) == expected
    });
    node.stop();
}

const STATUS: &str = "/run/status";

fn weights() {
    let checks = "weight 2\n MISC_CHECK {\n misc_path /etc/keepalived/status.sh\n misc_dynamic\n retry 0\n }\n FILE_CHECK {\n track_file number\n }";
    let text = format!(
        "track_file number {{\n file /run/number\n weight 3\n}}\n{}",
        service("quorum 2", &server(2, checks))
    );
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(SCRIPT, &format!("#!/bin/sh\necho \"$@\" >> {TOLD}\n"));
    node.write_script(
        "/etc/keepalived/status.sh",
        &format!("#!/bin/sh\nread -r status < {STATUS}\nexit $status\n"),
    );
    let status = |status: u8| node.write(STATUS, &format!("{status}\n"));
    status(0);
    node.write("/run/number", "1\n");
    node.start(Ours, &config(&text));
    let named = "for active service [127.0.0.2]:tcp:8002 of VS [10.99.0.1]:tcp:80";
    let changed = |from: u32, to: u32| {
        node.wait_log(
            &format!("Changing weight from {from} to {to} {named}"),
            secs(10),
        );
    };
    changed(2, 5);
    status(12);
    changed(5, 13);
    node.write("/run/number", "-20\n");
    changed(13, 0);
    node.wait_log("Lost quorum 2-0=2 > 0", secs(10));
    node.write("/run/number", "0\n");
    changed(0, 10);
    status(1);
    node.wait_log("Misc check for [[127.0.0.2]:tcp:8002 VS [10.99.0.1]:tcp:80] by [/etc/keepalived/status.sh] failed (exited with status 1).", secs(10));
    status(2);
    node.wait_log("Misc check for [[127.0.0.2]:tcp:8002 VS [10.99.0.1]:tcp:80] by [/etc/keepalived/status.sh] succeeded.", secs(10));
    wait_until("it is up again", secs(10), || {
        let scripts = node.read(TOLD);
        let of_it: Vec<_> = scripts
            .lines()
            .filter(|line| line.starts_with("2 "))
            .collect();
        of_it == ["2 down", "2 up"]
    });
    node.stop();
}

fn hanging() {
    const HANGS: &str = "/etc/keepalived/hangs.sh";
    let check = format!("MISC_CHECK {{\n misc_path {HANGS}\n misc_timeout 1\n }}");
    let world = host();
    let node = &world.nodes[0];
    // It has to be killed, and holds the lock until then.
    node.write_script(
        HANGS,
        "#!/bin/sh\ntrap '' TERM\necho >> /run/begun\nexec 9> /run/lock\nflock -n 9 || touch /run/two\nsleep 4713\n",
    );
    begin(node, &service("", &server(2, &check)));
    node.wait_log(
        "Misc check for [[127.0.0.2]:tcp:8002 VS [10.99.0.1]:tcp:80] by [",
        secs(10),
    );
    node.wait_log("] timed out.", secs(10));
    wait_told(node, &[vs("UP"), rs(2, "DOWN"), vs("DOWN")]);
    wait_until("it is tried again and again", secs(20), || {
        node.read("/run/begun").lines().count() == 3
    });
    assert!(!node.path("/run/two").exists(), "two at the same time");
    node.stop();
    wait_until("no program is left behind", secs(10), || {
        let left = node.run(&[
            "sh",
            "-c",
            "grep -al 'sleep.471[3]' /proc/[0-9]*/cmdline || true",
        ]);
        left.is_empty()
    });
}

fn from_where() {
    let check = "TCP_CHECK {\n connect_ip 127.0.0.7\n connect_port 7777\n bindto 127.0.0.99\n bind_port 4321\n bind_if lo\n fwmark 9\n connect_timeout 1\n }";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let listener = node
        .in_network(|| TcpListener::bind("127.0.0.7:7777"))
        .expect("a listener");
    node.write_script(SCRIPT, "#!/bin/sh\n");
    node.start(Ours, &config(&service("", &server(2, check))));
    for _ in 0..3 {
        let (_, peer) = listener.accept().expect("a check");
        assert_eq!(peer.to_string(), "127.0.0.99:4321");
    }
    node.wait_log("TCP connection to [127.0.0.2]:tcp:8002 success.", secs(10));
    node.stop();
}

/// More connections under way than the process may have descriptors: the others wait for their turn, and none is taken for dead.
fn many() {
    const SERVERS: u32 = 300;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(SCRIPT, "#!/bin/sh\n");
    // Nobody answers for these addresses; a refusal would make room at once.
    let silent: String = (0..SERVERS)
        .map(|n| {
            let (high, low) = (100 + n / 100, n % 100 + 1);
            format!(" real_server 10.{high}.0.{low} 80 {{\n TCP_CHECK {{\n connect_timeout 0.5\n }}\n }}\n")
        })
        .collect();
    for command in [
        "route add 10.0.0.0/8 via 10.10.0.254",
        "neigh add 10.10.0.254 lladdr 02:00:00:ff:ff:ff dev eth0",
    ] {
        node.run(&["sh", "-c", &format!("ip {command}")]);
    }
    let _listener = listen(node, 2);
    node.write(CONFIG, &config(&service("", &(silent + &server(2, TCP)))));
    let log = node.open_log();
    let prefix = ["prlimit", "--nofile=128:128", "--", Ours.inside()];
    let words = [&prefix[..], &["-n", "-l", "-D", "-f", CONFIG]].concat();
    node.start_program(&words, log);
    let failed = || {
        let log = node.log();
        log.matches("failed. (no connection in time)").count()
    };
    wait_until("all were tried", secs(30), || failed() == SERVERS as usize);
    node.wait_log("TCP connection to [127.0.0.2]:tcp:8002 success.", secs(10));
    let log = node.log();
    assert!(!log.contains("Cannot make a connection"), "{log}");
    node.stop();
}

fn data_file() {
    let world = start(&service("", &(server(2, TCP) + &server(3, TCP))));
    let node = &world.nodes[0];
    let _listener = listen(node, 2);
    node.wait_log("TCP connection to [127.0.0.2]:tcp:8002 success.", secs(10));
    node.signal(Signal::SIGUSR1);
    let text = wait_for("the data file", secs(10), || {
        let text = node.read("/tmp/keepalived_check.data");
        (!text.is_empty()).then_some(text)
    });
    for line in [
        " rs_init_notifies = 0",
        "------< LVS Topology >------",
        " VS VIP = [10.99.0.1]:tcp:80",
        "   quorum_state_up = 1",
        "   RIP = 127.0.0.3, RPORT = 8003",
        "------< Health checkers >------",
        " [10.99.0.1]:tcp:80 -> [127.0.0.2]:tcp:8002",
        "   Keepalive method = TCP_CHECK",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    let of = |n: u8| {
        let start = text.find(&format!("RIP = 127.0.0.{n}")).expect("a server");
        text[start..]
            .lines()
            .take(14)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(
        of(2).contains("alive = 1") && of(2).contains("Up since = "),
        "{text}"
    );
    assert!(
        of(3).contains("alive = 0") && of(3).contains("Down since = "),
        "{text}"
    );
    assert!(
        of(3).contains("Last failure = cannot connect: Connection refused"),
        "{text}"
    );
    node.stop();
}

/// A process that dies is replaced by one that knows what it knew: no server flaps, and no script is run again.
fn replaced() {
    let world = host();
    let node = &world.nodes[0];
    let _listener = listen(node, 2);
    begin(node, &service("", &(server(2, TCP) + &server(3, TCP))));
    let expected = vec![vs("UP"), rs(3, "DOWN")];
    wait_told(node, &expected);
    node.checker_replaced(node.kill_checker(), secs(10));
    let _third = listen(node, 3);
    wait_until("it checks", secs(10), || {
        told::lines(node)
            .last()
            .is_some_and(|line| *line == rs(3, "UP"))
    });
    assert_eq!(told::lines(node)[..expected.len()], expected);
    assert_eq!(
        told::lines(node).len(),
        expected.len() + 1,
        "{:?}",
        told::lines(node)
    );
    stays("nothing else is told", millis(500), || {
        told::lines(node).len() == expected.len() + 1
    });
    node.stop();
}

/// `rs_init_notifies`: programs and FIFOs hear of servers that are up before anybody has looked, at the start and after a reload.
fn told_from_the_start() {
    let world = host();
    let node = &world.nodes[0];
    let _listener = listen(node, 4);
    let text = |more: &str| {
        let alpha = "TCP_CHECK {\n alpha\n connect_timeout 1\n }";
        let servers = server(2, "") + &server(3, TCP) + &server(4, alpha) + more;
        format!(
            "global_defs {{\n rs_init_notifies\n}}\n{}",
            service("", &servers)
        )
    };
    begin(node, &text(""));
    // What has to be checked first is told of by its check.
    let mut expected = vec![
        vs("UP"),
        rs(2, "UP"),
        rs(3, "UP"),
        rs(3, "DOWN"),
        rs(4, "UP"),
    ];
    wait_told(node, &expected);
    wait_scripts(node, "2 up\n3 up\nvs up\n3 down\n4 up\n");
    node.write(CONFIG, &config(&text(&server(5, ""))));
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(10));
    expected.push(rs(5, "UP"));
    wait_told(node, &expected);
    wait_scripts(node, "2 up\n3 up\nvs up\n3 down\n4 up\n5 up\n");
    node.stop();
}

/// `lvs_notify_fifo_script` hears of servers and services, and of nothing else.
fn fifo_script() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(SCRIPT, "#!/bin/sh\n");
    node.write_script(
        "/etc/keepalived/read.sh",
        "#!/bin/sh\nwhile read -r line; do echo \"$1 $line\" >> /run/told; done < \"$2\"\n",
    );
    let instance = "vrrp_instance V {\n interface eth0\n virtual_router_id 9\n priority 100\n advert_int 0.1\n version 3\n \
                    virtual_ipaddress {\n 10.9.0.9\n }\n}\n";
    let global = format!(
        "global_defs {{\n lvs_notify_fifo {FIFO}\n lvs_notify_fifo_script \"/etc/keepalived/read.sh mine\"\n script_user root\n}}\n"
    );
    node.start(Ours, &(global + instance + &service("", &server(2, TCP))));
    wait_until("it becomes master", secs(10), || node.holds("10.9.0.9"));
    let expected = [vs("UP"), rs(2, "DOWN"), vs("DOWN")].map(|line| format!("mine {line}\n"));
    wait_until("the script read all of it", secs(10), || {
        node.read("/run/told") == expected.concat()
    });
    node.stop();
}

/// What a file says while the daemon waits for its last programs is nobody's business any more.
fn stopping() {
    const NUMBER: &str = "/run/number";
    let check = "FILE_CHECK {\n track_file number\n }";
    let text = format!(
        "track_file number {{\n file {NUMBER}\n weight 0\n}}\n{}",
        service("omega", &server(2, check))
    );
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write_script(
        SCRIPT,
        &format!("#!/bin/sh\necho \"$@\" >> {TOLD}\nsleep 0.7\n"),
    );
    node.write(NUMBER, "0\n");
    begin(node, &text);
    node.wait_log("FILE_CHECK on service", secs(10));
    node.signal(Signal::SIGTERM);
    wait_until("the end is told", secs(10), || {
        node.read(TOLD).contains("2 down")
    });
    node.write(NUMBER, "1\n");
    assert_eq!(node.wait_exit(secs(10)).code(), Some(0));
    assert_eq!(node.read(TOLD).matches("2 down").count(), 1);
    let log = node.log();
    assert!(!log.contains("Removing service"), "{log}");
}
