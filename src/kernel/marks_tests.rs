//! When which batch is sent. What is in it, the kernel says in namespaces (`tests/netns/marks.rs`).

use super::*;
use crate::config::model::Protocol;
use crate::kernel::mark::Wish;

const EOPNOTSUPP: i32 = 95;
/// Batches by which a table takes the place of another: the bridge, the table, and the end of the bridge.
const REPLACED: usize = 3;

fn table(addresses: &[&str]) -> MarkTable {
    let wishes = addresses.iter().map(|address| Wish {
        protocol: Protocol::Tcp,
        first: address.parse().expect("an address"),
        last: address.parse().expect("an address"),
        port: Some(80),
        mark: 1000,
    });
    MarkTable {
        name: "keepalived_ipvs".into(),
        priority: -1,
        counters: false,
        wishes: wishes.collect(),
    }
}

fn answer(sequence: u32, errno: i32) -> Received {
    Received {
        sequence,
        port: 0,
        message: Message::Answer(errno),
    }
}

fn removed(table: &str, family: Family) -> Received {
    Received {
        sequence: 1,
        port: 9,
        message: Message::Removed {
            family,
            table: table.into(),
        },
    }
}

/// Sends all there is and answers it; how many batches that took.
fn rest(marks: &mut Marks, now: Instant, settled: bool, errno: i32) -> usize {
    let mut count = 0;
    while let Some((sequence, bytes)) = marks.batch(now, settled) {
        assert!(nft::decode(&bytes).all(|it| it.is_ok()));
        assert!(marks.batch(now, settled).is_none(), "one at a time");
        marks.handle(now, answer(sequence, errno));
        count += 1;
        assert!(count < 10, "no rest");
    }
    count
}

fn at(millis: u64) -> Instant {
    Instant::default() + std::time::Duration::from_millis(millis)
}

#[test]
fn what_is_there_is_not_sent_again() {
    let mut marks = Marks::default();
    assert_eq!(rest(&mut marks, at(1), true, 0), 0);
    marks.want(Some(table(&["10.0.0.1"])));
    assert!(!marks.is_in_place());
    assert_eq!(rest(&mut marks, at(1), false, 0), 1, "before the services");
    assert!(marks.is_in_place() && marks.is_needed());
    assert_eq!(rest(&mut marks, at(1), true, 0), 0);
    marks.want(Some(table(&["10.0.0.1"])));
    assert_eq!(
        rest(&mut marks, at(2), false, 0),
        0,
        "a reload without a change"
    );
    marks.want(None);
    assert_eq!(rest(&mut marks, at(3), true, 0), 1);
    assert!(!marks.is_needed());
    assert_eq!(marks.take_notices(), []);
}

#[test]
fn nothing_loses_its_mark_before_the_services_are_there() {
    let mut marks = Marks::default();
    marks.want(Some(table(&["10.0.0.1"])));
    assert_eq!(rest(&mut marks, at(1), true, 0), 1);
    // One more: at once.
    marks.want(Some(table(&["10.0.0.1", "10.0.0.2"])));
    assert_eq!(rest(&mut marks, at(2), false, 0), REPLACED);
    assert_eq!(rest(&mut marks, at(2), true, 0), 0);
    // One less: later.
    marks.want(Some(table(&["10.0.0.2"])));
    assert_eq!(marks.next_retry(false), None);
    assert_eq!(rest(&mut marks, at(3), false, 0), 0);
    assert_eq!(rest(&mut marks, at(3), true, 0), REPLACED);
    // A server comes or goes.
    assert_eq!(rest(&mut marks, at(3), false, 0), 0);
    // Another one: first both.
    marks.want(Some(table(&["10.0.0.3"])));
    assert_eq!(rest(&mut marks, at(4), false, 0), REPLACED);
    assert_eq!(rest(&mut marks, at(4), true, 0), REPLACED);
    // None: later.
    marks.want(None);
    assert_eq!(rest(&mut marks, at(5), false, 0), 0);
    assert_eq!(rest(&mut marks, at(5), true, 0), 1);
    assert_eq!(rest(&mut marks, at(5), false, 0), 0);
}

#[test]
fn leftovers_of_the_other_family_go_afterwards() {
    let mut marks = Marks::default();
    marks.expect_leftovers("keepalived_ipvs");
    marks.want(Some(table(&["10.0.0.1"])));
    assert_eq!(rest(&mut marks, at(1), true, 0), REPLACED + 1);
    // A kernel without IPv6 refuses to remove what it cannot have.
    let mut marks = Marks::default();
    marks.expect_leftovers("keepalived_ipvs");
    assert_eq!(rest(&mut marks, at(1), true, EOPNOTSUPP), 1);
    let mut marks = Marks::default();
    marks.expect_leftovers("keepalived_ipvs");
    marks.want(Some(table(&["10.0.0.1", "fd00::1"])));
    assert_eq!(rest(&mut marks, at(1), true, 0), REPLACED, "both are ours");
    assert_eq!(marks.take_notices(), []);
}

#[test]
fn a_kernel_that_refuses_is_told_of_once_and_asked_again() {
    let mut marks = Marks::default();
    marks.want(Some(table(&["10.0.0.1"])));
    let refused = MarkNotice::Refused {
        table: "keepalived_ipvs".into(),
        errno: EOPNOTSUPP,
    };
    assert_eq!(rest(&mut marks, at(1), true, EOPNOTSUPP), 1);
    assert_eq!(marks.take_notices(), [refused]);
    let due = marks.next_retry(true).expect("it is tried again");
    assert_eq!(due, at(1) + REFUSED_DELAY);
    assert!(!marks.is_ready(at(2), true));
    assert_eq!(rest(&mut marks, due, true, EOPNOTSUPP), 1);
    assert_eq!(marks.take_notices(), []);
    let due = marks.next_retry(true).expect("it is tried again");
    assert_eq!(rest(&mut marks, due, true, 0), 1);
    let accepted = MarkNotice::Accepted {
        table: "keepalived_ipvs".into(),
    };
    assert_eq!(marks.take_notices(), [accepted]);
}

#[test]
fn what_others_remove_is_put_back() {
    let mut marks = Marks::default();
    marks.want(Some(table(&["10.0.0.1"])));
    rest(&mut marks, at(1), true, 0);
    for (name, family) in [("keepalived", Family::Ip), ("keepalived_ipvs", Family::Ip6)] {
        marks.handle(at(2), removed(name, family));
        assert_eq!(rest(&mut marks, at(2), true, 0), 0, "none of ours");
    }
    for _ in 0..3 {
        marks.handle(at(3), removed("keepalived_ipvs", Family::Ip));
    }
    assert_eq!(rest(&mut marks, at(3), true, 0), REPLACED);
    let put_back = MarkNotice::PutBack {
        table: "keepalived_ipvs".into(),
    };
    assert_eq!(marks.take_notices(), [put_back]);
    let lost = Received {
        sequence: 0,
        port: 0,
        message: Message::Overrun,
    };
    marks.handle(at(4), lost);
    assert_eq!(
        rest(&mut marks, at(4), true, 0),
        REPLACED,
        "nobody knows what is there"
    );
}

#[test]
fn what_stays_is_left_alone() {
    let mut marks = Marks::default();
    marks.want(Some(table(&["10.0.0.1"])));
    rest(&mut marks, at(1), true, 0);
    marks.leave();
    assert_eq!(rest(&mut marks, at(2), true, 0), 0);
    assert!(!marks.is_needed());
}

#[test]
fn whose_answers_find_no_room_is_not_asked_for_ever() {
    for made in [false, true] {
        let mut marks = Marks::default();
        marks.want(Some(table(&["10.0.0.1"])));
        if made {
            rest(&mut marks, at(1), true, 0);
            marks.want(Some(table(&["10.0.0.2"])));
        }
        let overrun = || Received {
            sequence: 0,
            port: 0,
            message: Message::Overrun,
        };
        let mut asked = 0;
        while marks.batch(at(100), true).is_some() {
            asked += 1;
            assert!(asked < 10, "{made}");
            marks.handle(at(100), overrun());
        }
        assert!(marks.next_retry(true) > Some(at(100)), "but later");
    }
}
