//! The reconciler and its netlink messages against the real kernel: what it accepts, what it reports, what iproute2 sees of it.

mod support;

use keepalived::kernel::{Address, Claim, LinkChange, Placement, Reconciler, netlink};
use keepalived::os::clock;
use keepalived::os::netlink::{Netlink, Received};
use std::time::Duration;
use support::node::Node;
use support::stage;
use support::world::World;

/// Links and IPv4 addresses (`RTNLGRP_LINK`, `RTNLGRP_IPV4_IFADDR`).
const GROUPS: [u32; 2] = [1, 5];
/// The kernel answers within microseconds; a busy machine may take this long.
const BOUND: Duration = Duration::from_secs(20);
const OWNER: u32 = 1;

fn main() -> std::process::ExitCode {
    stage::run(vec![
        stage::case(
            "addresses_are_as_iproute2_makes_them",
            addresses_are_as_iproute2_makes_them,
        ),
        stage::case(
            "what_is_deleted_by_hand_is_put_back",
            what_is_deleted_by_hand_is_put_back,
        ),
        stage::case(
            "an_interface_made_anew_is_followed",
            an_interface_made_anew_is_followed,
        ),
        stage::case("leftovers_and_labels", leftovers_and_labels),
        stage::case("an_overrun_is_survived", an_overrun_is_survived),
        stage::case("five_thousand_addresses", five_thousand_addresses),
    ])
}

/// A reconciler on a host.
struct Driver<'a> {
    node: &'a Node,
    socket: Netlink,
    reconciler: Reconciler<u32>,
}

impl<'a> Driver<'a> {
    fn on(node: &'a Node) -> Self {
        let socket = node
            .in_network(|| Netlink::open(libc::NETLINK_ROUTE, &GROUPS).expect("a netlink socket"));
        Driver {
            node,
            socket,
            reconciler: Reconciler::new(),
        }
    }

    fn read(&mut self) {
        loop {
            match self.socket.receive().expect("netlink") {
                Received::Messages(bytes) => {
                    for message in netlink::decode(bytes) {
                        self.reconciler.handle(
                            clock::now(),
                            message.expect("the kernel's messages are well-formed"),
                        );
                    }
                }
                Received::Overrun => self.reconciler.resync(clock::now()),
                Received::Nothing => return,
            }
        }
    }

    fn send(&mut self) {
        let mut bytes = Vec::new();
        let requests = self.reconciler.requests(clock::now(), usize::MAX);
        netlink::encode_all(&requests, &mut bytes);
        if !bytes.is_empty() {
            self.socket.send(&bytes).expect("the kernel takes requests");
        }
    }

    /// Works until nothing is left to do and `done` holds.
    #[track_caller]
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let begin = clock::now();
        loop {
            self.read();
            self.send();
            if self.reconciler.is_settled() && done(self) {
                return;
            }
            assert!(
                clock::now().since(begin) < BOUND,
                "waited in vain until {what}; notices: {:?}",
                self.reconciler.take_notices()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn addresses(&self) -> String {
        self.node.run(&["ip", "-o", "-4", "addr"])
    }
}

fn address(local: &str, prefix: u8) -> Address {
    Address::new(local.parse().expect("an address"), prefix)
}

/// Not every kernel has dummy interfaces; all that can make hosts have cables.
fn add_interface(node: &Node) {
    node.run(&[
        "ip", "link", "add", "d0", "type", "veth", "peer", "name", "d0-end",
    ]);
    node.run(&["ip", "link", "set", "d0-end", "up"]);
    node.run(&["ip", "link", "set", "d0", "up"]);
}

fn claim(interface: &str, address: Address) -> Claim {
    Claim {
        interface: interface.into(),
        address,
        tracked: true,
    }
}

/// What `ip -o addr` shows must be the same whether iproute2 or we added it.
fn addresses_are_as_iproute2_makes_them() {
    let world = World::two();
    let [ours, theirs] = [&world.nodes[0], &world.nodes[1]];
    add_interface(ours);
    add_interface(theirs);
    let labelled = Address {
        label: Some("d0:0".into()),
        ..address("172.18.100.66", 16)
    };
    let broadcast = Address {
        broadcast: "10.1.2.255".parse().ok(),
        ..address("10.1.2.3", 24)
    };
    let scoped = Address {
        scope: 253,
        ..address("10.1.3.1", 32)
    };
    let peer = Address {
        placement: Placement {
            peer: "10.9.0.2".parse().ok(),
            ..Placement::new("10.1.4.1".parse().expect("an address"), 24)
        },
        ..address("10.1.4.1", 24)
    };
    let silent = Address {
        flags: keepalived::kernel::IFA_F_NOPREFIXROUTE,
        ..address("10.1.5.1", 24)
    };
    let all = [
        address("10.1.1.1", 32),
        labelled,
        broadcast,
        scoped,
        peer,
        silent,
    ];
    for words in [
        "10.1.1.1 dev d0",
        "172.18.100.66/16 dev d0 label d0:0",
        "10.1.2.3/24 brd 10.1.2.255 dev d0",
        "10.1.3.1 dev d0 scope link",
        "10.1.4.1 peer 10.9.0.2/24 dev d0",
        "10.1.5.1/24 dev d0 noprefixroute",
    ] {
        let mut command = vec!["ip", "addr", "add"];
        command.extend(words.split(' '));
        theirs.run(&command);
    }
    let mut driver = Driver::on(ours);
    driver
        .reconciler
        .claim(OWNER, all.map(|address| claim("d0", address)));
    driver.reconciler.hold(OWNER, true);
    driver.until("all addresses are there", |driver| {
        driver.reconciler.is_placed(OWNER)
    });
    let show = |node: &Node| node.run(&["ip", "-o", "-4", "addr", "show", "dev", "d0"]);
    let routes = |node: &Node| node.run(&["ip", "route", "show", "table", "all", "dev", "d0"]);
    assert_eq!(show(ours).lines().count(), 6);
    let without_index = |text: String| {
        text.lines()
            .map(|line| line.split_once(' ').map(|(_, rest)| rest.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_index(show(ours)), without_index(show(theirs)));
    assert_eq!(routes(ours), routes(theirs));
    driver.reconciler.hold(OWNER, false);
    driver.until("all addresses are gone", |_| true);
    assert_eq!(show(ours), "");
    assert_eq!(driver.reconciler.take_notices(), []);
}

fn what_is_deleted_by_hand_is_put_back() {
    let world = World::two();
    let node = &world.nodes[0];
    let mut driver = Driver::on(node);
    driver
        .reconciler
        .claim(OWNER, [claim("eth0", address("10.10.0.99", 32))]);
    driver.reconciler.hold(OWNER, true);
    driver.until("it is there", |driver| driver.reconciler.is_placed(OWNER));
    driver.reconciler.take_link_changes();
    node.run(&["ip", "addr", "del", "10.10.0.99/32", "dev", "eth0"]);
    assert!(!node.holds("10.10.0.99"));
    driver.until("it is back", |driver| driver.node.holds("10.10.0.99"));
    assert_eq!(driver.reconciler.take_restored().len(), 1);
    // Deleting the first address of a subnet takes the others of that subnet along.
    node.run(&["ip", "addr", "add", "10.10.0.98/24", "dev", "eth0"]);
    driver
        .reconciler
        .claim(2, [claim("eth0", address("10.10.0.97", 24))]);
    driver.reconciler.hold(2, true);
    driver.until("the second is there", |driver| {
        driver.reconciler.is_placed(2)
    });
    node.run(&["ip", "addr", "del", "10.10.0.1/24", "dev", "eth0"]);
    driver.until("the second is back", |driver| {
        driver.node.holds("10.10.0.97")
    });
}

fn an_interface_made_anew_is_followed() {
    let world = World::two();
    let node = &world.nodes[0];
    let mut driver = Driver::on(node);
    driver
        .reconciler
        .claim(OWNER, [claim("d0", address("10.10.0.99", 32))]);
    driver.reconciler.hold(OWNER, true);
    driver.until("the kernel is known", |_| true);
    let index = |driver: &Driver<'_>| driver.reconciler.known().index("d0");
    assert_eq!(index(&driver), None);
    let mut before = None;
    for _ in 0..2 {
        add_interface(node);
        driver.until("it is there", |driver| driver.node.holds("10.10.0.99"));
        assert_ne!(index(&driver), before);
        before = index(&driver);
        node.run(&["ip", "link", "del", "d0"]);
        driver.until("the interface is gone", |driver| {
            driver.reconciler.known().index("d0").is_none()
        });
    }
    let changes = driver.reconciler.take_link_changes();
    assert!(
        changes
            .iter()
            .all(|change| !matches!(change, LinkChange::Changed(link) if link.name == "d0")),
        "{changes:?}"
    );
    add_interface(node);
    driver.until("it is there", |driver| driver.node.holds("10.10.0.99"));
    driver.reconciler.take_link_changes();
    node.run(&["ip", "link", "set", "d0", "down"]);
    node.run(&["ip", "link", "set", "d0", "name", "d1"]);
    driver.until("the renamed one has nothing of ours", |driver| {
        !driver.addresses().contains("10.10.0.99")
    });
    let mut changes = driver.reconciler.take_link_changes();
    changes.retain(|change| !matches!(change, LinkChange::Changed(link) if link.name == "d0-end"));
    assert!(
        matches!(changes.as_slice(), [LinkChange::Gone { name, .. }, LinkChange::Changed(link)] if name == "d0" && link.name == "d1"),
        "{changes:?}"
    );
}

fn leftovers_and_labels() {
    let world = World::two();
    let node = &world.nodes[0];
    node.run(&["ip", "addr", "add", "10.10.0.97/32", "dev", "eth0"]);
    node.run(&["ip", "addr", "add", "10.10.0.98/32", "dev", "eth0"]);
    node.run(&["ip", "addr", "add", "10.10.0.98/28", "dev", "eth0"]);
    let mut driver = Driver::on(node);
    let labelled = Address {
        label: Some("eth0:1".into()),
        ..address("10.10.0.97", 32)
    };
    driver.reconciler.claim(OWNER, [claim("eth0", labelled)]);
    driver.reconciler.hold(OWNER, true);
    driver
        .reconciler
        .claim(2, [claim("eth0", address("10.10.0.98", 32))]);
    driver.until("the kernel is as wanted", |driver| {
        driver.reconciler.is_placed(OWNER)
    });
    let text = driver.addresses();
    assert!(text.contains("10.10.0.97/32 scope global eth0:1"), "{text}");
    assert!(
        !text.contains("10.10.0.98/32"),
        "the leftover is gone: {text}"
    );
    assert!(
        text.contains("10.10.0.98/28") && text.contains("10.10.0.1/24"),
        "what is not ours stays: {text}"
    );
}

/// More changes than the socket can hold, while nobody reads.
fn an_overrun_is_survived() {
    let world = World::two();
    let node = &world.nodes[0];
    let mut driver = Driver::on(node);
    driver
        .reconciler
        .claim(OWNER, [claim("eth0", address("10.10.0.99", 32))]);
    driver.reconciler.hold(OWNER, true);
    driver.until("it is there", |driver| driver.reconciler.is_placed(OWNER));
    let mut flood = String::new();
    for round in 0..30_000 {
        flood.push_str(&format!("link set dev lo mtu {}\n", 60_000 + round % 2));
    }
    flood.push_str("addr del 10.10.0.99/32 dev eth0\n");
    node.in_network(|| support::world::ip_batch(&flood));
    driver.until("it is back", |driver| driver.node.holds("10.10.0.99"));
    let notices = driver.reconciler.take_notices();
    assert!(
        notices.contains(&keepalived::kernel::Notice::Overrun),
        "nothing was lost, so this case shows nothing: {notices:?}"
    );
}

fn five_thousand_addresses() {
    let world = World::two();
    let node = &world.nodes[0];
    let mut driver = Driver::on(node);
    let all = (0..5000u32).map(|n| {
        let local = std::net::Ipv4Addr::from(0x0a20_0000 + n);
        claim("eth0", Address::new(local.into(), 32))
    });
    driver.reconciler.claim(OWNER, all);
    driver.reconciler.hold(OWNER, true);
    driver.until("all are there", |driver| driver.reconciler.is_placed(OWNER));
    assert_eq!(
        driver
            .addresses()
            .lines()
            .filter(|line| line.contains("10.32."))
            .count(),
        5000
    );
    driver.reconciler.hold(OWNER, false);
    driver.until("all are gone", |_| true);
    assert_eq!(
        driver
            .addresses()
            .lines()
            .filter(|line| line.contains("10.32."))
            .count(),
        0
    );
}
