//! Interfaces as our daemon watches them: not at all, before they exist, while their addresses are being detected.

use crate::support::Binary::Ours;
use crate::support::config::instance as instance_v2;
use crate::support::stage::{Case, case};
use crate::support::version3::{adverts3, instance};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, stays, wait_until};

const VRID: u8 = 93;
const VIP: &str = "10.93.0.1";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("tracking::dont_track_primary", dont_track_primary),
        case("tracking::dynamic_interfaces", dynamic_interfaces),
        case("tracking::a_renamed_interface", a_renamed_interface),
        case("tracking::starts_during_detection", starts_during_detection),
        case(
            "tracking::a_duplicate_is_not_announced",
            a_duplicate_is_not_announced,
        ),
    ]
}

/// `dont_track_primary`: the instance goes on without its link, while another one on the same interface does not.
fn dont_track_primary() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let config = instance_v2("BLIND", VRID, 255, "dont_track_primary", &[VIP])
        + &instance_v2("SEEING", VRID + 1, 255, "", &["10.93.1.1"]);
    node.start(Ours, &config);
    wait_until("both are master", election_bound(), || {
        node.holds(VIP) && node.holds("10.93.1.1")
    });
    world.cable(0, 0, false);
    wait_until("one gives up", election_bound(), || {
        !node.holds("10.93.1.1")
    });
    stays("the other does not", secs(3), || node.holds(VIP));
    let mark = world.capture.mark();
    world.cable(0, 0, true);
    wait_until("both are master again", election_bound(), || {
        node.holds("10.93.1.1")
    });
    assert!(node.holds(VIP));
    let adverts = || world.capture.adverts_since(mark);
    wait_until("both announce themselves", election_bound(), || {
        [VRID, VRID + 1]
            .iter()
            .all(|vrid| adverts().iter().any(|advert| advert.vrid == *vrid))
    });
    assert!(!node.log().contains("(BLIND) Entering FAULT STATE"));
}

/// `dynamic_interfaces`: an interface may come after the daemon, go and come again.
fn dynamic_interfaces() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let config = instance_v2("LATE", VRID, 100, "state MASTER", &[VIP]).replace("eth0", "late0");
    node.start(
        Ours,
        &format!("global_defs {{\n dynamic_interfaces\n}}\n{config}"),
    );
    node.wait_log(
        "(LATE) entering FAULT state (interface late0 does not exist)",
        election_bound(),
    );
    for _ in 0..2 {
        for command in [
            "link add late0 type veth peer name late1",
            "link set late1 up",
            "link set late0 up",
            "addr add 10.30.0.1/24 dev late0",
        ] {
            let words: Vec<&str> = ["ip"].into_iter().chain(command.split(' ')).collect();
            node.run(&words);
        }
        wait_until("it is master", election_bound(), || node.holds(VIP));
        node.run(&["ip", "link", "del", "late0"]);
        stays("the daemon lives on", secs(1), || {
            node.runs() && !node.holds(VIP)
        });
    }
    node.stop();
}

/// The host's own link-local address is still being detected: nothing is sent before it can be, and nothing is refused.
fn starts_during_detection() {
    const SIX: &str = "fd00:93::1";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&["ip", "-6", "addr", "flush", "dev", "eth0"]);
    node.run(&["ip", "-6", "addr", "add", "fe80::1:1/64", "dev", "eth0"]);
    let state = || node.run(&["ip", "-6", "-o", "addr", "show", "dev", "eth0"]);
    assert!(state().contains("tentative"), "{}", state());
    node.start(
        Ours,
        &instance("SIX", VRID, 255, "advert_int 0.1", &["fe80::93:1", SIX]),
    );
    wait_until("it is master", election_bound(), || node.holds(SIX));
    let own = state();
    let own = own.lines().find(|line| line.contains("fe80::1:1/64"));
    assert!(
        own.is_some_and(|line| !line.contains("tentative")),
        "{own:?}"
    );
    wait_until("adverts", secs(5), || !adverts3(&world, 0, 0).is_empty());
    node.signal(nix::sys::signal::Signal::SIGUSR2);
    wait_until("the statistics", secs(5), || {
        node.read("/tmp/keepalived.stats").contains("Priority Zero")
    });
    let stats = node.read("/tmp/keepalived.stats");
    assert!(stats.contains("Send failed: 0"), "{stats}");
}

/// `-nodad`: an address that another host has is not announced, and the log says why.
fn a_duplicate_is_not_announced() {
    const TAKEN: &str = "fd00:93::9";
    let world = World::two();
    let [node, other] = [&world.nodes[0], &world.nodes[1]];
    other.run(&[
        "ip",
        "-6",
        "addr",
        "add",
        "fd00:93::9/64",
        "dev",
        "eth0",
        "nodad",
    ]);
    let addresses = ["fe80::93:1", "fd00:93::1", "fd00:93::9/64 -nodad"];
    node.start(
        Ours,
        &instance("SIX", VRID, 255, "advert_int 0.2", &addresses),
    );
    wait_until("it is master", election_bound(), || {
        node.holds("fd00:93::1")
    });
    node.wait_log(&format!("{TAKEN}/64"), election_bound());
    std::thread::sleep(secs(3));
    let target = |text: &str| {
        text.parse::<std::net::Ipv6Addr>()
            .expect("an address")
            .octets()
    };
    let announced = |text: &str| {
        let frames = world.capture.frames();
        frames.iter().any(|frame| {
            frame.node == 0
                && frame.bytes.len() == 86
                && frame.bytes[54] == 136
                && frame.bytes[62..78] == target(text)
        })
    };
    assert!(announced("fd00:93::1"));
    assert!(!announced(TAKEN), "another host has it");
}

/// An interface that has another name is not ours any more: its address is taken away, and put there again when it is back.
fn a_renamed_interface() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.start(
        Ours,
        &instance_v2("NAMED", VRID, 100, "state MASTER", &[VIP]),
    );
    let rename = |from: &str, to: &str| {
        for words in [
            ["set", from, "down"],
            ["set", from, "name"],
            ["set", to, "up"],
        ] {
            let mut command = [&["ip", "link"][..], &words].concat();
            if words[2] == "name" {
                command.push(to);
            }
            node.run(&command);
        }
    };
    wait_until("it is master", election_bound(), || node.holds(VIP));
    rename("eth0", "other0");
    wait_until("it is not", election_bound(), || !node.holds(VIP));
    stays("it is not", secs(3), || node.runs() && !node.holds(VIP));
    rename("other0", "eth0");
    wait_until("it is master again", election_bound(), || node.holds(VIP));
    assert_eq!(
        node.address("eth0", VIP).map(|address| address.prefixlen),
        Some(32)
    );
}
