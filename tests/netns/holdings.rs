//! What an instance holds besides its addresses, on the real kernel: at a reload only what changed is touched, what others remove is
//! put back or not as the configuration says, and what a crash left behind goes.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::monitor::Monitor;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VRID: u8 = 76;
const VIP: &str = "10.76.0.1";
const EXCLUDED: &str = "10.76.1.1";

/// Nobody changes anything any more when it is so for this long.
const CALM: std::time::Duration = secs(2);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case(
            "holdings::a_reload_touches_what_changed",
            a_reload_touches_what_changed,
        ),
        case(
            "holdings::what_others_remove_is_put_back",
            what_others_remove_is_put_back,
        ),
        case("holdings::no_track", no_track),
        case(
            "holdings::what_the_host_has_anyway",
            what_the_host_has_anyway,
        ),
        case("holdings::needed_interfaces", needed_interfaces),
        case("holdings::leftovers_go", leftovers_go),
        case(
            "holdings::leftovers_are_taken_over",
            leftovers_are_taken_over,
        ),
    ]
}

/// An instance with these lines in its blocks.
fn config(excluded: &str, routes: &str, rules: &str) -> String {
    let blocks = format!(
        "virtual_ipaddress_excluded {{\n {excluded}\n }}\n virtual_routes {{\n {routes}\n }}\n virtual_rules {{\n {rules}\n }}"
    );
    instance("PIER", VRID, 255, &blocks, &[VIP])
}

/// A host that is master with the configuration.
fn master(config: &str) -> World {
    let host = HostSpec::numbered(1).with("eth1", 1, "10.11.0");
    let world = World::new(&[host.with("eth2", 1, "10.12.0")]);
    world.nodes[0].start(Ours, config);
    wait_until("it is master", election_bound(), || {
        world.nodes[0].holds(VIP)
    });
    world
}

/// The routes and rules of the host that mention `word`.
fn of(node: &Node, word: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for show in [
        ["ip", "route", "show", "table", "all"],
        ["ip", "rule", "show", "", ""],
    ] {
        let words: Vec<&str> = show.into_iter().filter(|word| !word.is_empty()).collect();
        let text = node.run(&words);
        lines.extend(
            text.lines()
                .filter(|line| line.contains(word))
                .map(str::to_owned),
        );
    }
    lines
}

#[track_caller]
fn there(node: &Node, word: &str, wanted: bool) {
    wait_until(&format!("{word}: {wanted}"), secs(5), || {
        of(node, word).is_empty() != wanted
    });
}

fn a_reload_touches_what_changed() {
    let before = config(
        "10.76.1.1 dev eth1\n 10.76.2.1 dev eth1",
        "10.80.0.0/16 via 10.10.0.254\n 10.81.0.0/16 via 10.10.0.254 metric 5",
        "from 10.82.0.0/16 table 100 preference 500\n from 10.83.0.0/16 table 100 preference 501",
    );
    let after = config(
        "10.76.1.1 dev eth1\n 10.76.3.1 dev eth1",
        "10.80.0.0/16 via 10.10.0.254\n 10.81.0.0/16 via 10.10.0.253 metric 5\n 10.84.0.0/16 dev eth1",
        "from 10.82.0.0/16 table 100 preference 500\n from 10.85.0.0/16 table 100 preference 501",
    );
    let world = master(&before);
    let node = &world.nodes[0];
    there(node, "10.83.0.0/16", true);
    there(node, "10.81.0.0/16 via 10.10.0.254", true);
    let monitor = Monitor::start(node, &["address", "route", "rule"]);
    node.write(CONFIG, &after);
    node.signal(Signal::SIGHUP);
    for new in [
        "10.81.0.0/16 via 10.10.0.253",
        "10.84.0.0/16",
        "10.85.0.0/16",
    ] {
        there(node, new, true);
    }
    for old in ["10.81.0.0/16 via 10.10.0.254", "10.83.0.0/16"] {
        there(node, old, false);
    }
    wait_until("the addresses are as written", secs(5), || {
        node.holds("10.76.3.1") && !node.holds("10.76.2.1")
    });
    std::thread::sleep(CALM);
    let changes = monitor.end();
    for untouched in ["10.80.0.0/16", "10.82.0.0/16", VIP, EXCLUDED] {
        assert!(
            !changes.contains(untouched),
            "{untouched} was touched:\n{changes}"
        );
    }
    for touched in [
        "10.81.0.0/16",
        "10.83.0.0/16",
        "10.84.0.0/16",
        "10.85.0.0/16",
        "10.76.2.1",
    ] {
        assert!(changes.contains(touched), "{touched}:\n{changes}");
    }
    node.stop();
    for gone in [
        "10.80.0.0/16",
        "10.81.0.0/16",
        "10.82.0.0/16",
        "10.84.0.0/16",
        "10.85.0.0/16",
    ] {
        there(node, gone, false);
    }
    assert!(!node.holds(EXCLUDED) && !node.holds("10.76.3.1"));
}

/// Every way to remove: by command one by one, all routes at once, an address that takes a route along.
fn what_others_remove_is_put_back() {
    let world = master(&config(
        "10.76.1.1/24 dev eth1",
        "10.80.0.0/16 via 10.10.0.254\n 10.81.0.0/16 dev eth1 src 10.76.1.1\n default via 10.10.0.254 table 100\n blackhole 10.86.0.0/16",
        "from 10.82.0.0/16 table 100 preference 500\n to 10.83.0.0/16 blackhole preference 501",
    ));
    let node = &world.nodes[0];
    let all = [
        "10.80.0.0/16",
        "10.81.0.0/16",
        "table 100",
        "blackhole 10.86",
        "10.82.0.0/16",
        "10.83.0.0/16",
    ];
    let back = || {
        for word in all {
            there(node, word, true);
        }
        wait_until("the excluded address is there", secs(5), || {
            node.holds(EXCLUDED)
        });
    };
    back();
    for words in [
        "route del 10.80.0.0/16",
        "route del 10.81.0.0/16",
        "route flush table 100",
        "route del blackhole 10.86.0.0/16",
        "rule del preference 500",
        "rule del preference 501",
        "addr del 10.76.1.1/24 dev eth1",
        "route flush proto 18",
    ] {
        let command: Vec<&str> = ["ip"].into_iter().chain(words.split(' ')).collect();
        node.run(&command);
        back();
    }
    stays("it stays master", CALM, || node.holds(VIP));
    assert!(!node.log().contains("Entering FAULT"), "{}", node.log());
}

/// `no_track`: what others remove stays away, until the instance is master again.
fn no_track() {
    let world = master(&config(
        "10.76.1.1 dev eth1 no_track\n 10.76.2.1 dev eth1",
        "10.80.0.0/16 via 10.10.0.254 no_track\n 10.81.0.0/16 via 10.10.0.254",
        "from 10.82.0.0/16 table 100 preference 500 no_track\n from 10.83.0.0/16 table 100 preference 501",
    ));
    let node = &world.nodes[0];
    there(node, "10.83.0.0/16", true);
    for words in [
        "addr del 10.76.1.1/32 dev eth1",
        "addr del 10.76.2.1/32 dev eth1",
        "route del 10.80.0.0/16",
        "route del 10.81.0.0/16",
        "rule del preference 500",
        "rule del preference 501",
    ] {
        let command: Vec<&str> = ["ip"].into_iter().chain(words.split(' ')).collect();
        node.run(&command);
    }
    there(node, "10.81.0.0/16", true);
    there(node, "10.83.0.0/16", true);
    wait_until("the tracked address is back", secs(5), || {
        node.holds("10.76.2.1")
    });
    let away = || {
        !node.holds(EXCLUDED)
            && of(node, "10.80.0.0/16").is_empty()
            && of(node, "10.82.0.0/16").is_empty()
    };
    stays("what is not tracked stays away", CALM, away);
    // Another interface's comings and goings change nothing of that.
    world.cable(0, 2, false);
    std::thread::sleep(millis(500));
    world.cable(0, 2, true);
    stays("what is not tracked stays away", CALM, away);

    world.cable(0, 0, false);
    wait_until("it is no longer master", election_bound(), || {
        !node.holds(VIP)
    });
    world.cable(0, 0, true);
    wait_until("it is master again", election_bound(), || node.holds(VIP));
    there(node, "10.80.0.0/16", true);
    there(node, "10.82.0.0/16", true);
    wait_until("the address is back", secs(5), || node.holds(EXCLUDED));
}

const LEFT: [&str; 2] = ["10.80.0.0/16", "10.82.0.0/16"];

/// A master of these was killed; a route of somebody else's is beside them.
fn crashed() -> World {
    let world = master(&left(""));
    let node = &world.nodes[0];
    for word in LEFT {
        there(node, word, true);
    }
    node.run(&["ip", "route", "add", "10.81.0.0/16", "via", "10.10.0.254"]);
    node.kill_all();
    for word in LEFT {
        assert!(!of(node, word).is_empty(), "a crash leaves {word}");
    }
    assert!(node.holds(EXCLUDED));
    world
}

const FOREIGN: &str = "10.81.0.0/16 via 10.10.0.254";

fn left(routes: &str) -> String {
    config(
        "10.76.1.1 dev eth1",
        &format!("10.80.0.0/16 via 10.10.0.254\n {routes}"),
        "from 10.82.0.0/16 table 100 preference 500",
    )
}

/// The next daemon is not master: what the last one left goes at once; what was there already and bears no mark stays.
fn leftovers_go() {
    let world = crashed();
    let node = &world.nodes[0];
    node.start(
        Ours,
        &format!(
            "global_defs {{\n vrrp_startup_delay 60\n}}\n{}",
            left(FOREIGN)
        ),
    );
    for word in LEFT {
        there(node, word, false);
    }
    wait_until("the address is gone", secs(5), || !node.holds(EXCLUDED));
    stays("the foreign route stays", CALM, || {
        !of(node, "10.81.0.0/16").is_empty()
    });
}

/// The next daemon is master at once: what was left is there once, and goes at its end.
fn leftovers_are_taken_over() {
    let world = crashed();
    let node = &world.nodes[0];
    node.start(Ours, &left(FOREIGN));
    node.wait_log("Entering MASTER STATE", election_bound());
    stays("once", CALM, || {
        LEFT.iter().all(|word| of(node, word).len() == 1) && node.holds(EXCLUDED)
    });
    node.stop();
    for word in LEFT {
        there(node, word, false);
    }
    assert!(!node.holds(EXCLUDED));
    assert!(
        !of(node, "10.81.0.0/16").is_empty(),
        "the foreign route stays"
    );
}

/// A master that cannot have all it holds is none: the interfaces of its addresses, routes and rules are watched, unless `no_track`.
fn needed_interfaces() {
    let needs = [
        (
            "virtual_ipaddress_excluded {\n 10.77.1.1 dev eth1\n }",
            true,
        ),
        ("virtual_routes {\n 10.80.0.0/16 dev eth1\n }", true),
        (
            "virtual_rules {\n from 10.82.0.0/16 iif eth1 table 100 preference 500\n }",
            true,
        ),
        (
            "virtual_rules {\n from 10.82.0.0/16 oif eth1 table 100 preference 501\n }",
            true,
        ),
        (
            "virtual_ipaddress_excluded {\n 10.77.2.1 dev eth1\n }\n track_interface {\n eth1 weight 10\n }",
            true,
        ),
        (
            "virtual_ipaddress_excluded {\n 10.77.3.1 dev eth1 no_track\n }",
            false,
        ),
        (
            "virtual_routes {\n 10.81.0.0/16 dev eth1 no_track\n }",
            false,
        ),
        (
            "virtual_rules {\n from 10.82.0.0/16 iif eth1 table 100 preference 502 no_track\n }",
            false,
        ),
        (
            "virtual_rules {\n from 10.82.0.0/16 iif lo table 100 preference 503\n }",
            false,
        ),
    ];
    let vip = |number: usize| format!("10.78.{number}.1");
    let mut config = String::new();
    for (number, (lines, _)) in needs.iter().enumerate() {
        let vrid = VRID + u8::try_from(number).expect("few");
        config += &instance(
            &format!("N{number}"),
            vrid,
            200,
            &format!("state MASTER\n {lines}"),
            &[&vip(number)],
        );
    }
    // One whose address itself is on the other interface.
    config += &instance(
        "LAST",
        VRID - 1,
        200,
        "state MASTER",
        &["10.78.99.1 dev eth1"],
    );
    let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.11.0")]);
    let node = &world.nodes[0];
    node.start(Ours, &config);
    let as_wanted = |up: bool| {
        let each = needs.iter().enumerate();
        let mut each =
            each.map(|(number, (_, needed))| node.holds(&vip(number)) == (up || !needed));
        each.all(|right| right) && node.holds("10.78.99.1") == up
    };
    wait_until("master of all", election_bound(), || as_wanted(true));
    world.cable(0, 1, false);
    wait_until("those that need eth1 are not", election_bound(), || {
        as_wanted(false)
    });
    stays("so it stays", CALM, || as_wanted(false));
    world.cable(0, 1, true);
    wait_until("master of all again", election_bound(), || as_wanted(true));
}

/// `static_*`: there whatever the instance does, put back, changed at a reload, gone at the end.
fn what_the_host_has_anyway() {
    let fixed = |address: &str, gateway: &str, table: &str| {
        format!(
            "static_ipaddress {{\n {address} dev eth1\n}}\nstatic_routes {{\n 10.80.0.0/16 via {gateway} dev eth0\n \
             10.81.0.0/16 dev eth1\n}}\nstatic_rules {{\n from 10.82.0.0/16 table {table} preference 500\n}}\n"
        )
    };
    let world = World::new(&[HostSpec::numbered(1).with("eth1", 1, "10.11.0")]);
    let node = &world.nodes[0];
    let idle = instance("IDLE", VRID, 1, "", &[VIP]);
    let first = fixed("10.90.0.1/24", "10.10.0.254", "100");
    node.start(Ours, &format!("{first}{idle}"));
    let all = |gateway: &str, table: &str| {
        there(node, &format!("10.80.0.0/16 via {gateway}"), true);
        there(node, "10.81.0.0/16", true);
        there(node, &format!("10.82.0.0/16 lookup {table}"), true);
    };
    all("10.10.0.254", "100");
    wait_until("the address is there", secs(5), || node.holds("10.90.0.1"));
    for words in [
        "route flush proto 18",
        "rule del preference 500",
        "addr del 10.90.0.1/24 dev eth1",
    ] {
        let command: Vec<&str> = ["ip"].into_iter().chain(words.split(' ')).collect();
        node.run(&command);
        all("10.10.0.254", "100");
        wait_until("the address is back", secs(5), || node.holds("10.90.0.1"));
    }
    wait_until("it is master", election_bound(), || node.holds(VIP));

    let monitor = Monitor::start(node, &["address", "route", "rule"]);
    let second = fixed("10.90.1.1/24", "10.10.0.253", "101");
    node.write(CONFIG, &format!("{second}{idle}"));
    node.signal(Signal::SIGHUP);
    all("10.10.0.253", "101");
    there(node, "10.80.0.0/16 via 10.10.0.254", false);
    there(node, "lookup 100", false);
    wait_until("the addresses are as written", secs(5), || {
        node.holds("10.90.1.1") && !node.holds("10.90.0.1")
    });
    let changes = monitor.end();
    assert!(
        !changes.contains("10.81.0.0/16") && !changes.contains(VIP),
        "{changes}"
    );
    node.stop();
    for word in ["10.80.0.0/16", "10.81.0.0/16", "10.82.0.0/16"] {
        there(node, word, false);
    }
    assert!(!node.holds("10.90.1.1"));
}
