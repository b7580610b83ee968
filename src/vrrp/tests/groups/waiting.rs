//! `preempt_delay`, oversleeping, and gratuitous ARPs of several interfaces.

use super::*;

#[test]
fn preempt_delay_runs_from_the_first_lower_advert() {
    let mut bench = Bench::new(|c| c.preempt_delay = SECOND * 5);
    let start = bench.now;
    assert_eq!(bench.hear(LOWER, 50).done(), ["down in 3.609375s"]);
    assert_eq!(
        bench.told().first().map(String::as_str),
        Some("(VI_1) start preempt delay (5 s)")
    );
    bench.wait(SECOND * 4);
    assert_eq!(bench.hear(LOWER, 50).done(), ["down in 3.609375s"]);
    assert_eq!(bench.instance().preempt_at(), Some(start + SECOND * 5));
    bench.wait(SECOND);
    assert!(
        bench.hear(LOWER, 50).done().is_empty(),
        "it is over: as without it"
    );

    // An advert that is to be obeyed ends it.
    let mut bench = Bench::new(|c| c.preempt_delay = SECOND * 5);
    bench.hear(LOWER, 50).hear(HIGHER, 200);
    assert!(
        bench
            .told()
            .contains(&"(VI_1) stop preempt delay".to_owned())
    );
    assert_eq!(bench.instance().preempt_at(), None);
    // A master that resigns or dies is not waited for.
    assert_eq!(
        bench.hear(LOWER, 50).hear(LOWER, 0).done(),
        ["down in 609.375ms"]
    );
    bench.wait(SECOND).timer(FIRST);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn who_overslept_gives_way_where_asked_to() {
    for (late, gives_way) in [(SECOND * 2, false), (SECOND * 2 + SECOND / 4, true)] {
        let mut bench = Bench::master(|c| {
            c.nopreempt = true;
            c.timer_expired_backup = Some(200);
        });
        bench.wait(SECOND / 2);
        let deadline = bench.now;
        bench.wait(late).event(Event::Timer {
            key: TimerKey::Advert(0),
            deadline,
        });
        assert_eq!(bench.state() == State::Backup, gives_way, "{late:?}");
    }
}

#[test]
fn a_garp_group_paces_its_interfaces_together() {
    let mut config = pair(|c| c.garp.master_repeat = 1);
    config.garp_groups = vec![GarpGroup {
        interfaces: vec!["eth0".to_owned(), "eth1".to_owned()],
        arp_interval: Some(SECOND / 10),
        neighbour_interval: None,
    }];
    let mut bench = of(&config);
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Interface(&eth1()))
        .event(Event::Start);
    bench.wait(SECOND * 4).timer(FIRST).timer(SECOND_DOWN);
    let frames = |bench: &Bench| bench.done().iter().filter(|done| *done == "garp").count();
    assert_eq!(frames(&bench), 1, "one of the two");
    assert!(bench.done().contains(&"queue in 100ms".to_owned()));
    bench.wait(SECOND / 10).timer(TimerKey::GarpQueue(ETH0));
    assert_eq!(frames(&bench), 1, "{:?}", bench.done());
}

#[test]
fn an_owner_that_does_not_listen() {
    let mut bench = Bench::master(|c| {
        c.priority = 255;
        c.owner_ignore_adverts = true;
    });
    assert!(bench.hear(LOWER, 255).actions.is_empty());
    assert!(bench.hear(LOWER, 50).actions.is_empty());
    assert_eq!(bench.instance().stats().advert_rcvd, 2);
}

#[test]
fn addresses_elsewhere_are_announced_now_and_then() {
    let mut bench = Bench::unstarted(|c| {
        c.garp.master_delay = Duration::ZERO;
        c.garp.extra_interfaces = SECOND * 100;
        let mut elsewhere = vip(Ipv4Addr::new(10, 1, 0, 100));
        elsewhere.interface = Some("eth1".to_owned());
        c.virtual_addresses.push(elsewhere);
    });
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Interface(&eth1()))
        .event(Event::Start);
    bench.wait(SECOND * 4).timer(FIRST);
    assert!(bench.done().contains(&"garps in 100s".to_owned()));
    bench.wait(SECOND * 100).timer(TimerKey::Garp(0));
    let frames: Vec<u32> = bench
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::SendFrame { interface, .. } => Some(*interface),
            _ => None,
        })
        .collect();
    assert_eq!(frames, [ETH1]);
    assert!(bench.done().contains(&"garps in 100s".to_owned()));
}
