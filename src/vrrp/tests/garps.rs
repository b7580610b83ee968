//! Gratuitous ARPs: when, how many, and never in the way of an advert.

use super::*;
use crate::wire::arp::Arp;

#[test]
fn gratuitous_arps_are_paced() {
    let mut bench = Bench::master(|c| {
        c.virtual_addresses = (0..100)
            .map(|host| vip(Ipv4Addr::new(10, 1, 0, host)))
            .collect();
    });
    // `master` let half a second pass after the first 64 of 500.
    let mut sent = 64;
    let mut turns = 0;
    while sent < 500 {
        bench.timer(TimerKey::GarpQueue(ETH0));
        let now = bench.done().iter().filter(|what| *what == "garp").count();
        assert!(now > 0 && now <= 64, "{now} at once");
        sent += now;
        turns += 1;
        if sent < 500 {
            assert_eq!(
                bench.done().last().map(String::as_str),
                Some("queue in 1ms")
            );
        }
        bench.wait(SECOND / 1000);
    }
    assert_eq!((sent, turns), (500, 7));
    assert_eq!(
        bench.timer(TimerKey::GarpQueue(ETH0)).done(),
        Vec::<String>::new()
    );

    let mut bench = Bench::master(|c| c.garp.interval = SECOND / 10);
    for _ in 0..4 {
        assert_eq!(
            bench
                .timer(TimerKey::GarpQueue(ETH0))
                .done()
                .first()
                .map(String::as_str),
            Some("garp"),
            "vrrp_garp_interval"
        );
        bench.wait(SECOND / 10);
    }
    assert_eq!(
        bench.timer(TimerKey::GarpQueue(ETH0)).done(),
        Vec::<String>::new()
    );

    let mut bench = Bench::master(|c| c.garp.interval = SECOND / 10);
    bench.hear(LOWER, 200);
    assert_eq!(
        bench.timer(TimerKey::GarpQueue(ETH0)).done(),
        Vec::<String>::new(),
        "a BACKUP announces nothing"
    );
}

#[test]
fn what_the_kernel_refuses_is_not_announced() {
    let refused = Ipv4Addr::new(10, 1, 0, 9);
    let addresses = |bench: &Bench| -> Vec<Ipv4Addr> {
        let frames = bench.actions.iter().filter_map(|action| match action {
            Action::SendFrame { frame, .. } => Arp::parse(&frame[14..]),
            _ => None,
        });
        let mut addresses: Vec<_> = frames.map(|arp| arp.sender_ip).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    };
    let event = |known: bool| {
        let (instance, address) = (0, refused.into());
        if known {
            Event::AddressUsable { instance, address }
        } else {
            Event::AddressUnavailable { instance, address }
        }
    };
    let mut bench = Bench::master(|c| {
        c.garp.interval = SECOND / 10;
        c.virtual_addresses = vec![vip(VIP), vip(refused)];
    });
    bench.event(event(false));
    for _ in 0..4 {
        bench.wait(SECOND / 10).timer(TimerKey::GarpQueue(ETH0));
        assert!(
            !addresses(&bench).contains(&refused),
            "what waits for its turn"
        );
    }
    bench.wait(SECOND * 5).timer(TimerKey::Garp(0));
    assert_eq!(addresses(&bench), [VIP], "the second burst");
    bench.wait(SECOND).event(event(true));
    bench.wait(SECOND).timer(TimerKey::GarpQueue(ETH0));
    assert!(addresses(&bench).contains(&refused), "there at last");
}

#[test]
fn gratuitous_arp_schedule() {
    let mut bench = Bench::master(|c| c.garp.master_refresh = SECOND * 60);
    bench.wait(SECOND * 9 / 2).timer(TimerKey::Garp(0));
    let mut second: Vec<&str> = vec!["garp"; 5];
    second.push("garps in 55s");
    assert_eq!(bench.done(), second, "garp_master_delay: the second burst");
    assert_eq!(
        bench.wait(SECOND * 55).timer(TimerKey::Garp(0)).done(),
        ["garp", "garps in 60s"],
        "garp_master_refresh"
    );
    assert_eq!(
        bench.wait(SECOND * 70).timer(TimerKey::Garp(0)).done(),
        ["garp", "garps in 50s"],
        "late, but no drift"
    );
    assert_eq!(
        bench.event(Event::AddressesRestored { instance: 0 }).done(),
        ["garp"; 5]
    );

    let mut bench = Bench::new(|c| {
        c.garp.master_delay = Duration::ZERO;
        c.virtual_addresses[0].interface = Some("lo".to_owned());
    });
    let lo = Interface {
        index: 1,
        name: "lo".to_owned(),
        mac: [0; 6],
        ..eth0()
    };
    bench
        .event(Event::Interface(&lo))
        .timer(TimerKey::MasterDown(0));
    assert_eq!(
        bench.done(),
        ["advert 100", "advert in 1s", "take", "now MASTER"],
        "nobody asks on a loopback"
    );
    assert_eq!(
        bench.event(Event::AddressesRestored { instance: 0 }).done(),
        Vec::<String>::new()
    );
}

/// 5,000 instances that become MASTER in the same instant: every event costs the same, and adverts are never behind a burst.
#[test]
fn five_thousand_instances() {
    let instances: Vec<VrrpInstance> = (0..5000u32)
        .map(|n| VrrpInstance {
            name: format!("VI_{n}"),
            interface: format!("eth{}", n / 250),
            virtual_router_id: u8::try_from(n % 250 + 1).expect("1..=250"),
            ..config()
        })
        .collect();
    let mut router = Router::new(
        &Vrrp {
            instances,
            ..Vrrp::default()
        },
        false,
    );
    let mut actions = Actions::new();
    for n in 0..20u32 {
        let interface = Interface {
            index: n + 2,
            name: format!("eth{n}"),
            ..eth0()
        };
        router.handle(T0, Event::Interface(&interface), &mut actions);
    }
    router.handle(T0, Event::Start, &mut actions);
    for id in 0..5000 {
        actions.clear();
        router.handle(
            T0,
            Event::Timer {
                key: TimerKey::MasterDown(id),
                deadline: T0,
            },
            &mut actions,
        );
        assert!(
            matches!(actions.get(1), Some(Action::SendAdvert { instance, .. }) if *instance == id)
        );
        let frames = actions
            .iter()
            .filter(|action| matches!(action, Action::SendFrame { .. }))
            .count();
        assert!(frames <= 64, "{frames} frames before the next timer");
    }
    assert!(
        router
            .instances()
            .all(|instance| instance.state() == State::Master)
    );
}

#[test]
fn a_burst_is_told_once_for_each_address() {
    let mut bench = Bench::master(|_| {});
    bench.event(Event::AddressesRestored { instance: 0 });
    assert_eq!(
        bench.told(),
        [
            "(VI_1) Sending/queueing gratuitous ARPs on eth0 for 10.0.0.100",
            "Sending gratuitous ARP on eth0 for 10.0.0.100",
        ]
    );
}
