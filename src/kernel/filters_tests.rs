//! The filter's reconciler against a kernel that is written down: what it is asked, in which order, and what it then has.

use super::*;
use crate::kernel::backoff::{LONGEST_DELAY, PATIENCE};
use std::net::{Ipv4Addr, Ipv6Addr};

const EOPNOTSUPP: i32 = 95;
const ENOENT: i32 = 2;
const SECOND: Duration = Duration::from_secs(1);

fn vip(last: u8) -> Element {
    Element::Vip4(Ipv4Addr::new(10, 74, 0, last))
}

fn shape(sets: &[Set]) -> Shape {
    Shape {
        table: "keepalived".into(),
        priority: -1,
        counters: false,
        outbound: true,
        sets: sets.iter().copied().collect(),
    }
}

/// A kernel that answers at once.
#[derive(Default)]
struct Bench {
    filters: Filters<u32>,
    now: Instant,
    /// Addresses that had to go are gone.
    settled: bool,
    batches: usize,
    has: Option<Shape>,
    elements: BTreeSet<Element>,
    /// What it says to tables of virtual MACs, to other tables, and to elements.
    answers: [i32; 3],
}

impl Bench {
    fn new(sets: &[Set]) -> Self {
        let mut bench = Bench {
            now: Instant(1),
            settled: true,
            ..Bench::default()
        };
        bench.filters.want(Some(shape(sets)));
        bench
    }

    fn hold(&mut self, owner: u32, elements: &[Element]) -> &mut Self {
        self.filters.hold(owner, elements.to_vec());
        self
    }

    /// Lets it do all it wants to do now.
    fn run(&mut self) -> &mut Self {
        for _ in 0..100 {
            let Some((sequence, bytes)) = self.filters.batch(self.now, self.settled) else {
                return self;
            };
            assert!(
                self.filters.batch(self.now, true).is_none(),
                "one at a time"
            );
            assert!(!bytes.is_empty());
            self.batches += 1;
            let errno = self.carry_out();
            self.answer(sequence, errno);
        }
        panic!("it never rests");
    }

    fn carry_out(&mut self) -> i32 {
        let [of_vmacs, of_tables, of_elements] = self.answers;
        match &self.filters.in_flight.as_ref().expect("a batch").change {
            Change::Tables(Some(shape), _)
                if of_vmacs != 0 && shape.sets.iter().any(|set| set.is_of_vmacs()) =>
            {
                of_vmacs
            }
            Change::Tables(_, _) if of_tables != 0 => of_tables,
            Change::Tables(shape, elements) => {
                self.has = shape.clone();
                self.elements = elements.iter().cloned().collect();
                0
            }
            Change::Elements { .. } if of_elements != 0 => of_elements,
            Change::Elements { added, removed } => {
                assert!(self.has.is_some(), "elements of no table");
                for element in removed {
                    assert!(self.elements.remove(element), "{element:?} is not there");
                }
                for element in added {
                    assert!(
                        self.elements.insert(element.clone()),
                        "{element:?} is there"
                    );
                }
                0
            }
        }
    }

    fn answer(&mut self, sequence: u32, errno: i32) {
        let message = Message::Answer(errno);
        let received = Received {
            sequence,
            port: 1,
            message,
        };
        self.filters.handle(self.now, received);
    }

    fn removed(&mut self, table: &str, family: Family) -> &mut Self {
        let table = table.to_owned();
        let message = Message::Removed { family, table };
        self.filters.handle(
            self.now,
            Received {
                sequence: 0,
                port: 2,
                message,
            },
        );
        self
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    #[track_caller]
    fn has(&self, elements: &[Element]) {
        let wanted: BTreeSet<Element> = elements.iter().cloned().collect();
        assert_eq!(self.elements, wanted);
    }

    fn said(&mut self) -> Vec<String> {
        self.filters
            .take_notices()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

#[test]
fn the_table_first_then_elements_alone() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.run();
    assert_eq!(
        (bench.batches, bench.has.clone()),
        (1, Some(shape(&[Set::Vips4])))
    );
    bench
        .hold(1, &[vip(1), vip(2)])
        .hold(2, &[vip(3)])
        .run()
        .has(&[vip(1), vip(2), vip(3)]);
    assert_eq!(bench.batches, 2, "one batch, however many became MASTER");
    bench.hold(1, &[]).run().has(&[vip(3)]);
    bench.hold(2, &[vip(3)]).run();
    assert_eq!(bench.batches, 3, "nothing new, nothing asked");
    assert!(bench.filters.is_settled(bench.now) && bench.filters.is_in_place());
}

#[test]
fn an_element_of_two_owners_stays_until_both_let_go() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench
        .hold(1, &[vip(1)])
        .hold(2, &[vip(1)])
        .run()
        .has(&[vip(1)]);
    bench.hold(1, &[]).run().has(&[vip(1)]);
    bench.hold(2, &[]).run().has(&[]);
}

#[test]
fn an_owner_may_name_an_element_twice() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.hold(1, &[vip(1), vip(1)]).run().has(&[vip(1)]);
    bench.hold(1, &[]).run().has(&[]);
    assert!(bench.filters.counts.is_empty());
}

fn many(count: u32) -> Vec<Element> {
    let address = |n| Element::Vip4(Ipv4Addr::from(0x0a00_0000u32 + n));
    (0..count).map(address).collect()
}

#[test]
fn many_elements_come_in_pieces() {
    let many = many(1000);
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.run();
    bench.hold(1, &many).run().has(&many);
    assert_eq!(bench.batches, 5, "{ELEMENTS_PER_BATCH} at a time");
    bench.hold(1, &[]).run().has(&[]);
    assert_eq!(bench.batches, 9);
}

/// One batch takes the old table away and brings the new one with every address in it, whatever the reason.
#[test]
fn a_table_made_anew_has_all_addresses_from_the_start() {
    type Deed = fn(&mut Bench);
    let reasons: [(&str, Deed); 4] = [
        ("another shape", |bench| {
            let counters = true;
            let shape = shape(&[Set::Vips4, Set::Quiet]);
            bench.filters.want(Some(Shape { counters, ..shape }));
        }),
        ("somebody removed it", |bench| {
            bench.elements.clear();
            bench.removed("keepalived", Family::Ip);
        }),
        ("messages were lost", |bench| bench.filters.doubt()),
        ("a process before this one has left it", |bench| {
            bench.filters.expect_leftovers("keepalived");
        }),
    ];
    let addresses = many(5000);
    for (why, deed) in reasons {
        let mut bench = Bench::new(&[Set::Vips4, Set::Quiet]);
        let guided: Vec<Element> = (0..1000).map(Element::Quiet).collect();
        bench.hold(1, &addresses).hold(2, &guided).run();
        deed(&mut bench);
        let (sequence, bytes) = bench.filters.batch(bench.now, false).expect(why);
        assert!(bytes.len() < 212_992 - 32, "{why}: {} bytes", bytes.len());
        assert_eq!(bench.carry_out(), 0);
        let silent = addresses.iter().all(|vip| bench.elements.contains(vip));
        assert!(silent, "{why}: some are answered meanwhile");
        bench.answer(sequence, 0);
        bench.run();
        assert_eq!(bench.elements.len(), 6000, "{why}: the others come later");
    }
}

/// What no datagram has room for is bounded by bytes, so the largest kind of element fits as well.
#[test]
fn a_table_of_very_many_addresses_still_fits_a_datagram() {
    let name = "a-long-name-15b".to_owned();
    let address = |n| Ipv6Addr::from(0xfe80 << 112 | u128::from(n));
    let all: Vec<Element> = (0..10_000u32)
        .map(|n| Element::LinkLocalNamed(address(n), name.clone()))
        .collect();
    let mut bench = Bench::new(&[Set::LinkLocalNamed]);
    bench.hold(1, &all);
    let (sequence, bytes) = bench.filters.batch(bench.now, true).expect("the table");
    assert!(
        (150_000..212_992 - 32).contains(&bytes.len()),
        "{} bytes",
        bytes.len()
    );
    assert_eq!(bench.carry_out(), 0);
    bench.answer(sequence, 0);
    bench.run().has(&all);
}

/// What keeps an address silent goes after it, also when a new configuration no longer names it.
#[test]
fn an_element_outlives_its_address() {
    let mut bench = Bench::new(&[Set::Vips4, Set::Igmp]);
    let before = [vip(1), vip(2), Element::Igmp(5, 2)];
    bench.hold(1, &before).run().has(&before);
    bench.settled = false;
    let meanwhile = [vip(1), vip(2), vip(3), Element::Igmp(5, 3)];
    bench.hold(1, &[vip(2), vip(3), Element::Igmp(5, 3)]).run();
    bench.has(&meanwhile);
    assert!(bench.filters.has_late() && bench.filters.is_settled(bench.now));
    // Also in a table that is made anew meanwhile.
    bench
        .removed("keepalived", Family::Ip)
        .run()
        .has(&meanwhile);
    bench.hold(1, &[vip(1), Element::Igmp(5, 3)]).run();
    bench.has(&meanwhile);
    bench.settled = true;
    bench.run().has(&[vip(1), Element::Igmp(5, 3)]);
    assert!(!bench.filters.has_late());
}

#[test]
fn leftovers_go_whatever_is_wanted() {
    let mut bench = Bench::new(&[]);
    bench.filters.want(None);
    bench.run();
    assert_eq!(bench.batches, 0, "nothing wanted and nothing there");
    bench.filters.expect_leftovers("keepalived");
    bench.run();
    assert_eq!((bench.batches, bench.has.clone()), (1, None));
    bench.filters.expect_leftovers("keepalived");
    bench.answers = [EOPNOTSUPP; 3];
    bench.run();
    assert!(
        bench.filters.is_settled(bench.now),
        "a kernel without nftables has no leftovers"
    );
    assert_eq!(bench.said(), [""; 0], "and nobody need know");
}

#[test]
fn what_others_remove_is_put_back() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.hold(1, &[vip(1)]).run();
    for other in [("keepalived", Family::Ip6), ("other", Family::Ip)] {
        bench.removed(other.0, other.1).run();
        assert_eq!(bench.batches, 1, "{other:?} is not ours");
    }
    bench.elements.clear();
    bench
        .removed("keepalived", Family::Ip)
        .removed("keepalived", Family::Ip);
    bench.run().has(&[vip(1)]);
    assert_eq!(bench.said().len(), 1, "one removal, told in many messages");
    // Who keeps removing it has to be outlived, not outrun.
    for _ in 1..PATIENCE {
        bench.removed("keepalived", Family::Ip).run();
        assert!(bench.filters.is_in_place());
    }
    bench.removed("keepalived", Family::Ip).run();
    assert!(!bench.filters.is_in_place(), "now it waits");
    let retry = bench.filters.next_retry().expect("a time");
    assert!(retry > bench.now && retry <= bench.now + LONGEST_DELAY);
    bench.now = retry;
    bench.run().has(&[vip(1)]);
    assert!(bench.filters.is_in_place());
}

#[test]
fn lost_messages_make_it_begin_anew() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.hold(1, &[vip(1)]).run();
    let (sequence, _) = {
        bench.hold(2, &[vip(2)]);
        bench.filters.batch(bench.now, true).expect("a batch")
    };
    bench.elements.clear();
    let message = Message::Overrun;
    bench.filters.handle(
        bench.now,
        Received {
            sequence: 0,
            port: 0,
            message,
        },
    );
    bench.answer(sequence, ENOENT);
    bench.run().has(&[vip(1), vip(2)]);
    assert_eq!(bench.said(), [""; 0]);
}

#[test]
fn a_refusal_is_said_once_and_tried_again() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.answers = [0, EOPNOTSUPP, 0];
    bench.hold(1, &[vip(1)]).run();
    let said = bench.said();
    assert!(
        said.len() == 1 && said[0].contains("WILL be answered"),
        "{said:?}"
    );
    assert!(
        bench.filters.is_settled(bench.now),
        "addresses need not wait for it"
    );
    assert!(!bench.filters.is_in_place());
    bench.pass(SECOND).run();
    assert_eq!(bench.batches, 1);
    bench.pass(REFUSED_DELAY).run();
    assert_eq!(
        (bench.batches, bench.said().len()),
        (2, 0),
        "tried, not said again"
    );
    bench.answers = [0; 3];
    bench.pass(REFUSED_DELAY).run().has(&[vip(1)]);
    assert!(bench.said()[0].contains("in place now"));
}

#[test]
fn refused_elements_make_the_table_anew() {
    let mut bench = Bench::new(&[Set::Vips4]);
    bench.run();
    bench.answers = [0, 0, ENOENT];
    bench.hold(1, &[vip(1)]).run().has(&[vip(1)]);
    assert!(bench.filters.is_in_place());
}

/// The kernel may have nftables, but not what sends a copy elsewhere.
#[test]
fn rules_of_virtual_macs_are_given_up_alone() {
    let mut bench = Bench::new(&[Set::Vips4, Set::Igmp]);
    bench.answers = [ENOENT, 0, 0];
    bench
        .hold(1, &[vip(1), Element::Igmp(5, 2)])
        .run()
        .has(&[vip(1)]);
    assert_eq!(bench.has, Some(shape(&[Set::Vips4])));
    let said = bench.said();
    assert!(said.len() == 1 && said[0].contains("IGMP"), "{said:?}");
    assert!(bench.filters.is_in_place());

    let mut bench = Bench::new(&[Set::Igmp]);
    bench.answers = [ENOENT, 0, 0];
    bench.hold(1, &[Element::Igmp(5, 2)]).run().has(&[]);
    assert_eq!((bench.has.clone(), bench.said().len()), (None, 1));

    let mut bench = Bench::new(&[Set::Vips4, Set::Igmp]);
    bench.answers = [EOPNOTSUPP, EOPNOTSUPP, 0];
    bench.run();
    let said = bench.said();
    assert!(
        said.len() == 1 && said[0].contains("WILL be answered"),
        "{said:?}"
    );
    bench.answers = [0; 3];
    bench.pass(REFUSED_DELAY).run();
    assert_eq!(
        bench.has,
        Some(shape(&[Set::Vips4, Set::Igmp])),
        "all of it, when it can"
    );
}

#[test]
fn another_shape_replaces_the_table() {
    let mut bench = Bench::new(&[Set::Vips4]);
    let link = Element::Vip6(Ipv6Addr::LOCALHOST);
    bench.hold(1, &[vip(1), link.clone()]).run().has(&[vip(1)]);
    bench.filters.want(Some(shape(&[Set::Vips4, Set::Vips6])));
    bench.run().has(&[vip(1), link]);
    bench.filters.want(None);
    bench.run();
    assert_eq!(bench.has, None);
    assert!(bench.filters.is_in_place());
    bench.hold(1, &[]).run();
    assert!(bench.filters.next_retry().is_none());
}
