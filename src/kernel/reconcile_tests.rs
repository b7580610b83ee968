//! The reconciler against a kernel of our own that answers as Linux does: tables of single stories, then random histories.

use super::*;
use crate::config::model::{NextHop, Prefix, Route};
use crate::kernel::Address;
use crate::kernel::backoff::LONGEST_DELAY;
use crate::kernel::netlink::LinkReport;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

const UP: u32 = 0x1_0043;

/// Links, addresses, and the messages the reconciler has not read yet.
#[derive(Debug, Default)]
struct Kernel {
    links: BTreeMap<u32, String>,
    addresses: BTreeMap<(u32, Placement), Address>,
    policies: BTreeSet<Policy>,
    unread: VecDeque<Received>,
    writes: usize,
    refuse: Option<i32>,
}

impl Kernel {
    fn say(&mut self, sequence: u32, message: Message) {
        self.unread.push_back(Received {
            sequence,
            part_of_dump: false,
            interrupted: false,
            message,
        });
    }
    fn report(index: u32, name: &str) -> Message {
        let name = Some(name.to_owned());
        Message::Link(LinkReport {
            index,
            nature: Default::default(),
            name,
            flags: UP,
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: Some(1500),
            hardware: 1,
        })
    }
    fn link(&mut self, index: u32, name: &str) {
        self.links.insert(index, name.to_owned());
        self.say(0, Self::report(index, name));
    }
    fn unlink(&mut self, index: u32) {
        let gone: Vec<_> = self
            .addresses
            .keys()
            .filter(|(i, _)| *i == index)
            .copied()
            .collect();
        for (index, placement) in gone {
            self.delete(index, placement);
        }
        if self.links.remove(&index).is_some() {
            self.say(0, Message::LinkGone(index));
        }
    }
    fn add(&mut self, index: u32, mut address: Address) {
        address.flags |= 0x80;
        if let Some(name) = self.links.get(&index) {
            address.label.get_or_insert(name.clone());
            self.addresses
                .insert((index, address.placement), address.clone());
            self.say(0, Message::Address { index, address });
        }
    }
    fn delete(&mut self, index: u32, placement: Placement) {
        if self.addresses.remove(&(index, placement)).is_some() {
            self.say(0, Message::AddressGone { index, placement });
        }
    }
    fn perform(&mut self, sequence: u32, request: Request) {
        let errno = match request {
            Request::DumpLinks => {
                for (index, name) in self.links.clone() {
                    self.say(sequence, Self::report(index, &name));
                }
                return self.say(sequence, Message::Done(0));
            }
            Request::DumpAddresses => {
                for ((index, _), address) in self.addresses.clone() {
                    self.say(sequence, Message::Address { index, address });
                }
                return self.say(sequence, Message::Done(0));
            }
            _ if self.refuse.is_some() => self.refuse.unwrap_or(0),
            Request::NewLink { .. } | Request::SetLink { .. } | Request::DeleteLink { .. } => {
                unreachable!("nobody wants links here")
            }
            Request::AddAddress { index, address } => {
                self.writes += 1;
                if !self.links.contains_key(&index) {
                    ENODEV
                } else if self.addresses.contains_key(&(index, address.placement)) {
                    EEXIST
                } else {
                    self.add(index, address);
                    0
                }
            }
            Request::Policy {
                policy, add: true, ..
            } => {
                self.writes += 1;
                if self.policies.insert(policy) {
                    0
                } else {
                    EEXIST
                }
            }
            Request::Policy {
                policy, add: false, ..
            } => {
                let gone = self.policies.remove(&policy);
                if gone {
                    self.writes += 1;
                    let trace = policy.traces().remove(0);
                    self.say(0, Message::PolicyGone(trace));
                }
                if gone { 0 } else { ESRCH }
            }
            Request::DeleteAddress { index, placement } => {
                self.writes += 1;
                match self.addresses.contains_key(&(index, placement)) {
                    true => self.delete(index, placement),
                    false => return self.say(sequence, Message::Ack(EADDRNOTAVAIL)),
                }
                0
            }
        };
        self.say(sequence, Message::Ack(errno));
    }
    fn has(&self, index: u32, text: &str) -> bool {
        self.addresses
            .contains_key(&(index, address(text).placement))
    }
}

const ESRCH: i32 = 3;

/// A route over eth0, of our protocol.
fn route(destination: &str) -> Policy {
    Policy::Route(Rc::new(Route {
        ipv6: false,
        kind: 1,
        destination: Prefix {
            address: destination.parse().unwrap(),
            length: 24,
        },
        from: None,
        hop: NextHop {
            interface: Some("eth0".into()),
            ..NextHop::default()
        },
        hops: Vec::new(),
        source: None,
        table: 254,
        vrf: None,
        metric: None,
        protocol: 18,
        scope: None,
        tos: 0,
        metrics: Vec::new(),
        locked: 0,
        congestion: None,
        expires: None,
        preference: None,
        ttl_propagate: None,
        insertion: Default::default(),
        tracked: true,
    }))
}

struct World {
    now: Instant,
    kernel: Kernel,
    reconciler: Reconciler<u32>,
}

fn address(text: &str) -> Address {
    let (address, prefix) = text.split_once('/').expect("with a prefix");
    Address::new(address.parse().unwrap(), prefix.parse().unwrap())
}

fn claim(interface: &str, text: &str) -> Claim {
    Claim {
        interface: interface.into(),
        address: address(text),
        tracked: true,
    }
}

impl World {
    fn new(build: impl FnOnce(&mut Kernel)) -> Self {
        let mut kernel = Kernel::default();
        build(&mut kernel);
        kernel.unread.clear();
        World {
            now: Instant(1_000_000_000),
            kernel,
            reconciler: Reconciler::new(),
        }
    }
    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some(message) = self.kernel.unread.pop_front() else {
                break;
            };
            self.reconciler.handle(self.now, message);
        }
    }
    fn send(&mut self, limit: usize) -> usize {
        let requests = self.reconciler.requests(self.now, limit);
        let count = requests.len();
        for (sequence, request) in requests {
            self.kernel.perform(sequence, request);
        }
        count
    }
    /// Until nothing is left to do at this moment; panics when that never comes.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            self.read(usize::MAX);
            if self.send(usize::MAX) == 0 && self.kernel.unread.is_empty() {
                return;
            }
        }
        panic!("never comes to rest: {:?}", self.reconciler);
    }
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.reconciler.next_retry().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.settle();
        }
        self.now = end;
    }
}

fn two_links(kernel: &mut Kernel) {
    kernel.link(2, "eth0");
    kernel.link(3, "eth1");
    kernel.add(2, address("172.18.0.11/16"));
}

#[test]
fn holds_and_lets_go() {
    let mut world = World::new(two_links);
    world.reconciler.claim(
        1,
        [
            claim("eth0", "172.18.100.66/16"),
            claim("eth1", "10.0.0.1/32"),
        ],
    );
    world.settle();
    assert_eq!(world.kernel.writes, 0, "nothing is wanted yet");
    world.reconciler.hold(1, true);
    world.settle();
    assert!(world.kernel.has(2, "172.18.100.66/16") && world.kernel.has(3, "10.0.0.1/32"));
    assert!(world.reconciler.is_placed(1) && world.reconciler.is_settled());
    world.reconciler.hold(1, true);
    world.reconciler.claim(
        1,
        [
            claim("eth0", "172.18.100.66/16"),
            claim("eth1", "10.0.0.1/32"),
        ],
    );
    world.settle();
    assert_eq!(
        world.kernel.writes, 2,
        "saying the same again changes nothing"
    );
    world.reconciler.hold(1, false);
    world.settle();
    assert!(!world.kernel.has(2, "172.18.100.66/16") && !world.kernel.has(3, "10.0.0.1/32"));
    assert!(
        world.kernel.has(2, "172.18.0.11/16"),
        "the host's own address stays"
    );
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn routes_come_after_addresses_and_go_before_them() {
    let mut world = World::new(two_links);
    world
        .reconciler
        .claim_all(1, [claim("eth0", "10.0.0.1/32")], [route("10.1.0.0")]);
    world.settle();
    assert_eq!(world.kernel.writes, 0, "a leftover is looked for in vain");
    world.reconciler.hold(1, true);
    let now = world.now;
    let shown = |requests: Vec<(u32, Request)>| -> Vec<bool> {
        let is_address = |(_, request): &(u32, Request)| !matches!(request, Request::Policy { .. });
        requests.iter().map(is_address).collect()
    };
    let requests = world.reconciler.requests(now, 9);
    for (sequence, request) in requests.clone() {
        world.kernel.perform(sequence, request);
    }
    assert_eq!(shown(requests), [true, false]);
    world.settle();
    assert!(world.reconciler.is_placed(1));
    world.reconciler.hold(1, false);
    let requests = world.reconciler.requests(now, 9);
    for (sequence, request) in requests.clone() {
        world.kernel.perform(sequence, request);
    }
    assert_eq!(shown(requests), [false, true]);
    world.settle();
    assert!(world.kernel.policies.is_empty());
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn a_route_removed_by_others_is_put_back() {
    let mut world = World::new(two_links);
    world.reconciler.claim_all(1, [], [route("10.1.0.0")]);
    world.reconciler.hold(1, true);
    world.settle();
    let policy = route("10.1.0.0");
    for _ in 0..2 {
        world.kernel.policies.clear();
        world
            .kernel
            .say(0, Message::PolicyGone(policy.traces().remove(0)));
        world.settle();
        assert!(world.kernel.policies.contains(&policy));
    }
    let back = Notice::PolicyPutBack {
        policy: policy.clone(),
    };
    assert_eq!(world.reconciler.take_notices(), [back.clone(), back]);
    // Its link goes down, which the kernel does not say of the route, and comes up again.
    let writes = world.kernel.writes;
    for flags in [0x1002, UP] {
        world.kernel.policies.clear();
        let Message::Link(report) = Kernel::report(2, "eth0") else {
            panic!("a link's report");
        };
        world
            .kernel
            .say(0, Message::Link(LinkReport { flags, ..report }));
        world.settle();
    }
    assert!(world.kernel.policies.contains(&policy));
    assert_eq!(world.kernel.writes, writes + 1);
    assert_eq!(world.reconciler.take_notices(), []);
}

#[test]
fn leftover_routes_are_removed_or_kept() {
    let mut world = World::new(|kernel| {
        two_links(kernel);
        kernel
            .policies
            .extend([route("10.1.0.0"), route("10.2.0.0"), route("10.3.0.0")]);
    });
    world.reconciler.claim_all(1, [], [route("10.1.0.0")]);
    world.reconciler.claim_all(2, [], [route("10.2.0.0")]);
    world.reconciler.hold(2, true);
    world.settle();
    assert_eq!(
        world.kernel.policies,
        BTreeSet::from([route("10.2.0.0"), route("10.3.0.0")]),
        "what nobody claims is not ours"
    );
    assert_eq!(
        world.reconciler.take_notices(),
        [Notice::PolicyLeftover {
            policy: route("10.1.0.0")
        }]
    );
    world.reconciler.claim_all(2, [], []);
    world.settle();
    assert_eq!(world.kernel.policies, BTreeSet::from([route("10.3.0.0")]));
}

#[test]
fn what_was_deleted_is_put_back_at_once() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    world.kernel.delete(2, address("10.0.0.1/32").placement);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    let placement = address("10.0.0.1/32").placement;
    assert_eq!(
        world.reconciler.take_notices(),
        [Notice::PutBack {
            interface: "eth0".into(),
            placement
        }]
    );
    assert_eq!(world.reconciler.take_restored(), HashSet::from_iter([1]));
    assert_eq!(world.reconciler.take_restored(), HashSet::default());
}

#[test]
fn what_is_not_tracked_stays_away_until_it_is_held_anew() {
    let mut world = World::new(two_links);
    let loose = Claim {
        tracked: false,
        ..claim("eth0", "10.0.0.1/32")
    };
    world
        .reconciler
        .claim(1, [loose, claim("eth0", "10.0.0.2/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    for text in ["10.0.0.1/32", "10.0.0.2/32"] {
        world.kernel.delete(2, address(text).placement);
    }
    world.pass(LONGEST_DELAY);
    assert!(!world.kernel.has(2, "10.0.0.1/32"));
    assert!(world.kernel.has(2, "10.0.0.2/32"));
    // Of a second owner that does want it back, it is put back.
    world.reconciler.claim(2, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(2, true);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    world.reconciler.claim(2, []);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    world.kernel.delete(2, address("10.0.0.1/32").placement);
    world.pass(LONGEST_DELAY);
    assert!(!world.kernel.has(2, "10.0.0.1/32"));
    world.reconciler.hold(1, false);
    world.settle();
    world.reconciler.hold(1, true);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
}

#[test]
fn a_fight_is_bounded_and_the_last_word_is_ours() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    // Somebody deletes it every 10 ms for a minute.
    for _ in 0..6000 {
        world.kernel.delete(2, address("10.0.0.1/32").placement);
        world.pass(Duration::from_millis(10));
    }
    assert!(
        world.kernel.writes < 30,
        "{} writes in a minute",
        world.kernel.writes
    );
    let notices = world.reconciler.take_notices();
    assert!(
        notices.len() < 30
            && notices
                .iter()
                .any(|n| matches!(n, Notice::Contested { .. })),
        "{notices:?}"
    );
    world.pass(LONGEST_DELAY);
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    // Letting go does not wait for the end of the fight.
    world.kernel.delete(2, address("10.0.0.1/32").placement);
    world.settle();
    world.reconciler.hold(1, false);
    world.reconciler.hold(1, true);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
}

#[test]
fn leftovers_of_a_crash() {
    for (held, stays) in [(false, false), (true, true)] {
        let mut world = World::new(|kernel| {
            two_links(kernel);
            kernel.add(2, address("10.0.0.1/32"));
        });
        world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
        world.reconciler.hold(1, held);
        world.settle();
        assert_eq!(world.kernel.has(2, "10.0.0.1/32"), stays);
        assert_eq!(
            world.kernel.writes,
            usize::from(!stays),
            "adopting writes nothing"
        );
        world.reconciler.hold(1, false);
        world.settle();
        assert!(
            !world.kernel.has(2, "10.0.0.1/32"),
            "what was adopted is let go like our own"
        );
    }
}

#[test]
fn what_others_add_later_is_left_alone() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.settle();
    world.kernel.add(2, address("10.0.0.1/32"));
    world.kernel.add(2, address("10.0.0.1/24"));
    world.settle();
    world.reconciler.resync(world.now);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32") && world.kernel.has(2, "10.0.0.1/24"));
    assert_eq!(world.kernel.writes, 0);
}

#[test]
fn another_label_is_replaced_and_another_prefix_is_another_address() {
    let mut world = World::new(|kernel| {
        two_links(kernel);
        kernel.add(
            2,
            Address {
                label: Some("eth0:9".into()),
                ..address("10.0.0.1/32")
            },
        );
        kernel.add(2, address("10.0.0.1/24"));
    });
    let labelled = Address {
        label: Some("eth0:0".into()),
        ..address("10.0.0.1/32")
    };
    world.reconciler.claim(
        1,
        [Claim {
            interface: "eth0".into(),
            address: labelled.clone(),
            tracked: true,
        }],
    );
    world.reconciler.hold(1, true);
    world.settle();
    let label = |world: &World| {
        world
            .kernel
            .addresses
            .get(&(2, labelled.placement))
            .and_then(|a| a.label.clone())
    };
    assert_eq!(label(&world).as_deref(), Some("eth0:0"));
    assert!(world.kernel.has(2, "10.0.0.1/24"));
    // A reload with another label.
    let relabelled = Address {
        label: Some("eth0:1".into()),
        ..labelled.clone()
    };
    world.reconciler.claim(
        1,
        [Claim {
            interface: "eth0".into(),
            address: relabelled,
            tracked: true,
        }],
    );
    world.settle();
    assert_eq!(label(&world).as_deref(), Some("eth0:1"));
    assert!(world.reconciler.is_settled());
}

#[test]
fn a_virtual_address_moves_between_instances_without_a_write() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    world.reconciler.claim(2, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(2, true);
    world.reconciler.claim(1, []);
    world.settle();
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    assert_eq!(world.kernel.writes, 1);
    world.reconciler.claim(2, []);
    world.settle();
    assert!(
        !world.kernel.has(2, "10.0.0.1/32"),
        "an owner that is forgotten lets go"
    );
}

#[test]
fn an_interface_made_anew_gets_its_addresses_back() {
    let mut world = World::new(two_links);
    world.reconciler.claim(
        1,
        [claim("eth0", "10.0.0.1/32"), claim("eth7", "10.0.0.7/32")],
    );
    world.reconciler.hold(1, true);
    world.settle();
    assert!(!world.reconciler.is_placed(1), "eth7 is not there yet");
    world.reconciler.take_link_changes();
    world.kernel.unlink(2);
    world.settle();
    world.kernel.link(9, "eth0");
    world.kernel.link(10, "eth7");
    world.settle();
    assert!(world.kernel.has(9, "10.0.0.1/32") && world.kernel.has(10, "10.0.0.7/32"));
    let changes = world.reconciler.take_link_changes();
    assert_eq!(
        changes.first(),
        Some(&LinkChange::Gone {
            index: 2,
            name: "eth0".into()
        })
    );
    assert!(changes.iter().any(|c| matches!(c, LinkChange::Changed(s) if s.index == 9 && s.name == "eth0" && s.primary_v4.is_none())));
}

#[test]
fn a_renamed_interface_does_not_keep_our_addresses() {
    let mut world = World::new(two_links);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.settle();
    world.kernel.link(2, "lan0");
    world.settle();
    assert!(!world.kernel.has(2, "10.0.0.1/32"));
    world.kernel.link(3, "eth0");
    world.settle();
    assert!(world.kernel.has(3, "10.0.0.1/32"));
}

#[test]
fn our_own_addresses_are_not_the_primary_one() {
    let mut world = World::new(|kernel| {
        kernel.link(2, "eth0");
        kernel.add(2, address("172.18.100.66/16"));
        kernel.add(
            2,
            Address {
                scope: 253,
                ..address("169.254.1.1/16")
            },
        );
        kernel.add(
            2,
            Address {
                flags: 1,
                ..address("172.18.0.11/16")
            },
        );
        kernel.add(2, address("172.18.0.12/16"));
    });
    world
        .reconciler
        .claim(1, [claim("eth0", "172.18.100.66/16")]);
    world.reconciler.hold(1, true);
    world.settle();
    let primary = |changes: Vec<LinkChange>| match changes.as_slice() {
        [LinkChange::Changed(state)] => state.primary_v4,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        primary(world.reconciler.take_link_changes()),
        Some(Ipv4Addr::new(172, 18, 0, 12))
    );
    world.kernel.delete(2, address("172.18.0.12/16").placement);
    world.settle();
    assert_eq!(
        primary(world.reconciler.take_link_changes()),
        Some(Ipv4Addr::new(172, 18, 0, 11))
    );
    world
        .kernel
        .delete(2, address("172.18.100.66/16").placement);
    world.settle();
    assert_eq!(
        world.reconciler.take_link_changes(),
        [],
        "what happens to ours is no change of the link"
    );
}

/// Addresses that somebody watches are told where they are, and only while they can be used.
#[test]
fn watched_addresses_are_told_of() {
    const TENTATIVE: u32 = 0x40;
    let mut world = World::new(two_links);
    let watched = ["172.18.0.11", "fd00::7"].map(|text| text.parse::<IpAddr>().unwrap());
    let told = |world: &mut World| -> Vec<(u32, Vec<IpAddr>)> {
        world.settle();
        let changes = world.reconciler.take_link_changes().into_iter();
        let changed = changes.filter_map(|change| match change {
            LinkChange::Changed(state) => Some((state.index, state.watched)),
            LinkChange::Gone { .. } => None,
        });
        changed.collect()
    };
    assert_eq!(told(&mut world), [(2, vec![]), (3, vec![])]);
    world.reconciler.watch(watched.into());
    assert_eq!(told(&mut world), [(2, vec![watched[0]])]);
    let tentative = Address {
        flags: TENTATIVE,
        ..address("fd00::7/64")
    };
    world.kernel.add(3, tentative);
    assert_eq!(told(&mut world), [], "it may be another host's");
    world.kernel.add(3, address("fd00::7/64"));
    assert_eq!(told(&mut world), [(3, vec![watched[1]])]);
    world.kernel.add(2, address("172.18.0.12/16"));
    assert_eq!(told(&mut world), [], "nobody watches this one");
    world.kernel.delete(3, address("fd00::7/64").placement);
    assert_eq!(told(&mut world), [(3, vec![])]);
    world.reconciler.watch(BTreeSet::new());
    assert_eq!(told(&mut world), [(2, vec![])]);
}

#[test]
fn a_refusal_is_said_and_tried_again_later() {
    const EPERM: i32 = 1;
    let mut world = World::new(two_links);
    world.kernel.refuse = Some(EPERM);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.pass(Duration::from_secs(60));
    let notices = world.reconciler.take_notices();
    assert!(
        matches!(
            notices[..],
            [Notice::Refused {
                adding: true,
                errno: EPERM,
                ..
            }]
        ),
        "once: {notices:?}"
    );
    let told = [(1, IpAddr::from([10, 0, 0, 1]))];
    assert_eq!(world.reconciler.take_unavailable(), told);
    assert_eq!(world.reconciler.take_usable(), []);
    world.kernel.refuse = None;
    world.pass(LONGEST_DELAY);
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    assert_eq!(world.reconciler.take_usable(), told);
}

#[test]
fn lost_messages_are_made_up_for_by_reading_anew() {
    let mut world = World::new(two_links);
    world.reconciler.claim(
        1,
        (1..=200u8).map(|n| claim("eth0", &format!("10.0.0.{n}/32"))),
    );
    world.settle();
    world.reconciler.hold(1, true);
    world.send(50);
    world.kernel.delete(2, address("10.0.0.3/32").placement);
    world.kernel.unlink(3);
    world.kernel.unread.clear();
    world.reconciler.resync(world.now);
    world.settle();
    assert!(world.reconciler.is_placed(1));
    assert_eq!(world.reconciler.known().index("eth1"), None);
}

#[test]
fn a_disturbed_dump_is_made_again() {
    let mut world = World::new(two_links);
    world.send(1);
    for message in &mut world.kernel.unread {
        message.interrupted = true;
    }
    world.read(usize::MAX);
    assert!(!world.reconciler.is_synchronised());
    world.pass(DUMP_RETRY * 2);
    assert!(world.reconciler.is_synchronised());
}

#[test]
fn five_thousand_addresses_take_ten_thousand_writes_in_bounded_bites() {
    let mut world = World::new(two_links);
    let all = (0..5000u32).map(|n| Claim {
        interface: "eth0".into(),
        address: Address::new(Ipv4Addr::from(0x0a00_0000 + n).into(), 32),
        tracked: true,
    });
    world.reconciler.claim(1, all);
    world.settle();
    for held in [true, false] {
        world.reconciler.hold(1, held);
        loop {
            let sent = world.send(usize::MAX);
            assert!(sent <= WINDOW);
            world.read(usize::MAX);
            if sent == 0 {
                break;
            }
        }
        assert_eq!(world.reconciler.is_placed(1), held);
    }
    assert_eq!(world.kernel.writes, 10_000);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Hold(u32, bool),
    Claim(u32, Vec<(u8, u8)>),
    Read(usize),
    Send(usize),
    Delete(u32, u8),
    Add(u32, u8),
    Link(u32, u8),
    Unlink(u32),
    Overrun,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..3, any::<bool>()).prop_map(|(owner, held)| Step::Hold(owner, held)),
        2 => (0u32..3, prop::collection::vec((0u8..3, 0u8..6), 0..4)).prop_map(|(owner, claims)| Step::Claim(owner, claims)),
        6 => (0usize..6).prop_map(Step::Read),
        6 => (0usize..6).prop_map(Step::Send),
        2 => (1u32..5, 0u8..8).prop_map(|(index, n)| Step::Delete(index, n)),
        1 => (1u32..5, 0u8..8).prop_map(|(index, n)| Step::Add(index, n)),
        2 => (1u32..5, 0u8..3).prop_map(|(index, name)| Step::Link(index, name)),
        1 => (1u32..5).prop_map(Step::Unlink),
        1 => Just(Step::Overrun),
        2 => (0u64..2000).prop_map(Step::Wait),
    ]
}

fn numbered(n: u8) -> Address {
    Address::new(Ipv4Addr::new(10, 0, 0, n).into(), 32)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    /// From any history of holds, claims, meddling, links coming and going and lost messages the kernel ends up with every held
    /// address on its interface, with none that only unheld claims name and that we put there, and with nothing left to do.
    #[test]
    fn converges_and_comes_to_rest(history in prop::collection::vec(steps(), 0..80)) {
        let mut world = World::new(|kernel| kernel.link(1, "if0"));
        let mut foreign: HashSet<(u32, Placement)> = HashSet::default();
        let mut claimed: HashMap<u32, Vec<(String, Placement)>> = HashMap::default();
        let mut held: HashMap<u32, bool> = HashMap::default();
        for step in history {
            match step {
                Step::Hold(owner, to) => {
                    world.reconciler.hold(owner, to);
                    if claimed.get(&owner).is_some_and(|claims| !claims.is_empty()) {
                        held.insert(owner, to);
                    }
                }
                Step::Claim(owner, claims) => {
                    // As the roles do it: what an owner newly claims is held only when it says so again.
                    let claims: Vec<Claim> = claims
                        .into_iter()
                        .map(|(name, n)| Claim { interface: format!("if{name}"), address: numbered(n), tracked: true })
                        .collect();
                    claimed.insert(owner, claims.iter().map(|c| (c.interface.clone(), c.address.placement)).collect());
                    world.reconciler.claim(owner, claims);
                    let to = held.get(&owner).copied().unwrap_or(false) && !claimed[&owner].is_empty();
                    held.insert(owner, to);
                    world.reconciler.hold(owner, to);
                }
                Step::Read(count) => world.read(count),
                Step::Send(count) => { world.send(count); }
                Step::Delete(index, n) => {
                    world.kernel.delete(index, numbered(n).placement);
                    foreign.remove(&(index, numbered(n).placement));
                }
                Step::Add(index, n) => {
                    if !world.kernel.addresses.contains_key(&(index, numbered(n).placement)) {
                        world.kernel.add(index, numbered(n));
                        foreign.insert((index, numbered(n).placement));
                    }
                }
                Step::Link(index, name) => {
                    let name = format!("if{name}");
                    if !world.kernel.links.values().any(|taken| *taken == name) {
                        world.kernel.link(index, &name);
                    }
                }
                Step::Unlink(index) => {
                    world.kernel.unlink(index);
                    foreign.retain(|(i, _)| *i != index);
                }
                Step::Overrun => {
                    world.kernel.unread.clear();
                    world.reconciler.resync(world.now);
                }
                Step::Wait(milliseconds) => world.now = world.now + Duration::from_millis(milliseconds),
            }
        }
        world.pass(LONGEST_DELAY * 3);
        let names: HashMap<String, u32> = world.kernel.links.iter().map(|(index, name)| (name.clone(), *index)).collect();
        let wanted: HashSet<(u32, Placement)> = claimed
            .iter()
            .filter(|(owner, _)| held.get(owner).copied().unwrap_or(false))
            .flat_map(|(_, claims)| claims)
            .filter_map(|(name, placement)| Some((*names.get(name)?, *placement)))
            .collect();
        for place in &wanted {
            prop_assert!(world.kernel.addresses.contains_key(place), "{:?} is missing", place);
        }
        for place in world.kernel.addresses.keys() {
            prop_assert!(wanted.contains(place) || foreign.contains(place), "{:?} was left behind", place);
        }
        for (index, placement) in world.kernel.addresses.keys() {
            prop_assert!(world.reconciler.known().address(*index, placement).is_some());
        }
        prop_assert!(world.reconciler.is_settled());
        let writes = world.kernel.writes;
        world.pass(LONGEST_DELAY * 3);
        prop_assert_eq!(world.kernel.writes, writes, "goes on writing at rest");
    }
}
