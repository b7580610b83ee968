//! Addresses and interfaces as the kernel has them: left over, removed by others, on an interface that goes and comes.

use nix::sys::signal::Signal;

use crate::support::Binary::Ours;
use crate::support::cases::skew;
use crate::support::config::instance;
use crate::support::stage::{Case, case};
use crate::support::wire::{Frame, election_bound};
use crate::support::world::{HostSpec, World};
use crate::support::{millis, secs, stays, wait_until};

const VIP: &str = "10.74.0.1";
const VRID: u8 = 74;

/// "At once", on a busy machine; keepalived needs about 430 ms when it is idle.
const AT_ONCE: std::time::Duration = millis(300);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case(
            "kernel::deleted_address_is_back_at_once",
            deleted_address_is_back_at_once,
        ),
        case("kernel::leftovers_are_adopted", leftovers_are_adopted),
        case("kernel::leftovers_are_removed", leftovers_are_removed),
        case(
            "kernel::interface_deleted_and_made_again",
            interface_deleted_and_made_again,
        ),
        case(
            "kernel::interface_made_again_as_another_type",
            interface_made_again_as_another_type,
        ),
        case("kernel::lost_primary_address", lost_primary_address),
        case("kernel::forms_of_addresses", forms_of_addresses),
        case(
            "kernel::refused_addresses_are_not_announced",
            refused_addresses_are_not_announced,
        ),
        case(
            "kernel::foreign_addresses_are_left_alone",
            foreign_addresses_are_left_alone,
        ),
    ]
}

fn pair() -> World {
    let world = World::two();
    world.nodes[0].start(Ours, &instance("QUAY", VRID, 100, "state MASTER", &[VIP]));
    world.nodes[1].start(Ours, &instance("QUAY", VRID, 90, "state BACKUP", &[VIP]));
    wait_until("the first host is master", election_bound(), || {
        world.holders(VIP) == [0]
    });
    world
}

fn deleted_address_is_back_at_once() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.start(Ours, &instance("QUAY", VRID, 100, "state MASTER", &[VIP]));
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    // Five times, and the quickest counts: what is measured is the daemon, not the machine's other work.
    let quickest = (0..5)
        .map(|_| {
            node.run(&["ip", "addr", "del", &format!("{VIP}/32"), "dev", "eth0"]);
            let start = std::time::Instant::now();
            wait_until("the address is back", secs(3), || node.holds(VIP));
            start.elapsed()
        })
        .min();
    assert!(
        quickest.is_some_and(|time| time < AT_ONCE),
        "the address was back after {quickest:?}"
    );
}

/// A crashed master comes back before its rival has noticed: the address is never gone.
fn leftovers_are_adopted() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let config = instance("QUAY", VRID, 255, "state MASTER", &[VIP]);
    node.start(Ours, &config);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    node.kill_all();
    assert!(node.holds(VIP), "a crash leaves the address");
    let mark = world.capture.mark();
    node.start_again(Ours);
    world.capture.wait_advert(mark, 0, VRID, election_bound());
    stays("the address is there", secs(2), || node.holds(VIP));
    let same = node
        .addresses("eth0")
        .into_iter()
        .filter(|address| address.local == VIP)
        .count();
    assert_eq!(same, 1);
    node.stop();
    assert!(
        !node.holds(VIP),
        "an adopted address is removed at the end like any other"
    );
}

/// A crashed master that comes back as a backup gives up what the crash left, long before it could become master again: the
/// address is its rival's by then.
fn leftovers_are_removed() {
    let world = pair();
    let node = &world.nodes[0];
    node.kill_all();
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [0, 1]
    });
    node.start(Ours, &instance("QUAY", VRID, 80, "state BACKUP", &[VIP]));
    wait_until("the leftover is gone", secs(2), || {
        world.holders(VIP) == [1]
    });
    stays("it stays with its master", secs(4), || {
        world.holders(VIP) == [1]
    });
}

fn interface_deleted_and_made_again() {
    let world = pair();
    let node = &world.nodes[0];
    node.run(&["ip", "link", "del", "eth0"]);
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [1]
    });
    assert!(node.runs());
    world.plug_again(0, &HostSpec::numbered(1).interfaces[0]);
    wait_until(
        "the first host takes the address back",
        election_bound(),
        || world.holders(VIP) == [0],
    );
    stays("it keeps it", secs(4), || world.holders(VIP) == [0]);
}

/// `allow_if_changes`: an interface may come back as something else, here as a macvlan of the link that it was before.
fn interface_made_again_as_another_type() {
    let world = World::two();
    let config = |priority| {
        let changing = "global_defs {\n dynamic_interfaces allow_if_changes\n}\n";
        changing.to_owned() + &instance("QUAY", VRID, priority, "", &[VIP])
    };
    world.nodes[0].start(Ours, &config(100));
    world.nodes[1].start(Ours, &config(90));
    wait_until("the first host is master", election_bound(), || {
        world.holders(VIP) == [0]
    });
    let node = &world.nodes[0];
    let ip = |words: &str| node.run(&[&["ip"][..], &words.split(' ').collect::<Vec<_>>()].concat());
    ip("link set dev eth0 down");
    ip("addr flush dev eth0");
    ip("link set dev eth0 name base0");
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [1]
    });
    ip("link set dev base0 up");
    ip("link add link base0 name eth0 type macvlan mode bridge");
    ip("addr add 10.10.0.1/24 dev eth0");
    ip("link set dev eth0 up");
    wait_until(
        "the first host takes the address back",
        election_bound(),
        || world.holders(VIP) == [0],
    );
    assert!(node.address("eth0", VIP).is_some(), "on the new interface");
    stays("it keeps it", secs(4), || world.holders(VIP) == [0]);
}

/// Without an address to send from an instance is in FAULT: it says so with priority 0, and its rival need not wait.
fn lost_primary_address() {
    let world = pair();
    let node = &world.nodes[0];
    let mark = world.capture.mark();
    node.run(&["ip", "addr", "del", "10.10.0.1/24", "dev", "eth0"]);
    wait_until("the second host takes over", election_bound(), || {
        world.holders(VIP) == [1]
    });
    node.run(&["ip", "addr", "add", "10.10.0.1/24", "dev", "eth0"]);
    wait_until(
        "the first host takes the address back",
        election_bound(),
        || world.holders(VIP) == [0],
    );
    let took = world.capture.wait_advert(mark, 1, VRID, secs(1)).at;
    let before = world
        .capture
        .adverts(0, VRID)
        .into_iter()
        .rfind(|advert| advert.at < took)
        .expect("adverts");
    assert!(took - before.at >= skew(90) - millis(100));
}

/// Every form of a `virtual_ipaddress` line, as the kernel then has it.
fn forms_of_addresses() {
    let spec = HostSpec::numbered(1).with("eth1", 1, "10.11.0");
    let world = World::new(&[spec]);
    let node = &world.nodes[0];
    let lines = [
        "10.74.1.1",
        "10.74.2.1/24",
        "10.74.3.1/24 brd 10.74.3.255",
        "10.74.4.1/24 broadcast 10.74.4.255 scope link",
        "10.74.5.1/16 dev eth1 label eth1:five",
        "10.74.6.1/32 scope host dev eth0",
        "10.74.7.1/28 brd + label eth0:7",
    ];
    node.start(Ours, &instance("FORMS", VRID, 100, "state MASTER", &lines));
    wait_until("all addresses are there", election_bound(), || {
        (1..=lines.len()).all(|n| node.holds(&format!("10.74.{n}.1")))
    });
    let got = |interface, n: usize| {
        let address = node
            .address(interface, &format!("10.74.{n}.1"))
            .unwrap_or_else(|| panic!("address {n} on {interface}"));
        (address.prefixlen, address.scope, address.label)
    };
    let want =
        |prefixlen: u64, scope: &str, label: &str| (prefixlen, scope.to_owned(), label.to_owned());
    assert_eq!(got("eth0", 1), want(32, "global", "eth0"));
    assert_eq!(got("eth0", 2), want(24, "global", "eth0"));
    assert_eq!(got("eth0", 3), want(24, "global", "eth0"));
    assert_eq!(got("eth0", 4), want(24, "link", "eth0"));
    assert_eq!(got("eth1", 5), want(16, "global", "eth1:five"));
    assert_eq!(got("eth0", 6), want(32, "host", "eth0"));
    assert_eq!(got("eth0", 7), want(28, "global", "eth0:7"));
    let text = node.run(&["ip", "-4", "-o", "addr", "show", "dev", "eth0"]);
    let broadcast = |address: &str| {
        text.lines()
            .find(|line| line.contains(address))
            .is_some_and(|line| line.contains(" brd "))
    };
    assert!(
        !broadcast("10.74.2.1/24") && broadcast("10.74.3.1/24") && broadcast("10.74.4.1/24"),
        "{text}"
    );
    assert!(text.contains("10.74.7.1/28 brd 10.74.7.15"), "{text}");
    node.stop();
    assert!(
        (1..=lines.len()).all(|n| !node.holds(&format!("10.74.{n}.1"))),
        "all addresses are gone"
    );
}

/// The kernel refuses an address (here: no IPv6 on the interface). Neighbours are told of it when it is there, and not before.
fn refused_addresses_are_not_announced() {
    const EXCLUDED: &str = "fd00:74::1";
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let without_ipv6 = |off: u8| {
        node.run(&[
            "sh",
            "-c",
            &format!("echo {off} >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"),
        ]);
    };
    without_ipv6(1);
    let lines = format!("state MASTER\nvirtual_ipaddress_excluded {{\n{EXCLUDED}/64 -nodad\n}}");
    node.start(Ours, &instance("QUAY", VRID, 100, &lines, &[VIP]));
    let octets = EXCLUDED
        .parse::<std::net::Ipv6Addr>()
        .expect("an address")
        .octets();
    let announced = || {
        let frames = world.capture.frames();
        let told = |frame: &&Frame| frame.bytes.windows(octets.len()).any(|part| part == octets);
        frames.iter().filter(told).count()
    };
    // Both bursts.
    wait_until("the other address is announced", secs(15), || {
        world.capture.gratuitous_since(0).len() == 10
    });
    assert_eq!(announced(), 0);
    let log = node.log();
    assert_eq!(log.matches("refuses to add").count(), 1, "{log}");
    assert!(
        !log.contains(&format!("Sending unsolicited NA on eth0 for {EXCLUDED}")),
        "{log}"
    );
    without_ipv6(0);
    wait_until("it is there and announced", secs(15), || {
        node.holds(EXCLUDED) && announced() > 0
    });
    node.stop();
    assert!(!node.holds(EXCLUDED));
}

/// Other people's addresses, even in the same network or equal but for the prefix length, are none of our business.
fn foreign_addresses_are_left_alone() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    for address in ["10.74.0.9/32", "10.74.0.1/16"] {
        node.run(&["ip", "addr", "add", address, "dev", "eth0"]);
    }
    node.start(Ours, &instance("QUAY", VRID, 100, "state MASTER", &[VIP]));
    let prefixes = || {
        let all = node.addresses("eth0").into_iter();
        let mut all = all
            .filter(|address| address.local == VIP)
            .map(|address| address.prefixlen)
            .collect::<Vec<_>>();
        all.sort_unstable();
        all
    };
    wait_until("both addresses are there", election_bound(), || {
        prefixes() == [16, 32]
    });
    node.signal(Signal::SIGHUP);
    stays("both addresses are there", secs(2), || {
        prefixes() == [16, 32]
    });
    node.stop();
    assert_eq!(prefixes(), [16], "only ours is gone");
    assert!(node.holds("10.74.0.9"));
}
