//! Tracked interfaces, their weights and delays.

use super::*;

fn tracking(weight: i32, reverse: bool) -> TrackedInterface {
    TrackedInterface {
        interface: "eth1".to_owned(),
        weight,
        reverse,
        implied: false,
    }
}

#[test]
fn weights_of_tracked_interfaces() {
    // Weight, reverse, priority with the interface up, and down.
    for (weight, reverse, base, up, down_) in [
        (30, false, 100, 130, 100),
        (-30, false, 100, 100, 70),
        (30, true, 100, 70, 100),
        (-30, true, 100, 100, 130),
        (253, false, 100, 254, 100),
        (-253, false, 100, 100, 1),
        (30, false, 255, 255, 255),
    ] {
        let mut bench = Bench::new(|c| {
            c.priority = base;
            c.tracked_interfaces = vec![tracking(weight, reverse)];
        });
        assert_eq!(
            bench.instance().effective_priority(),
            down_,
            "no such interface is down"
        );
        bench.event(Event::Interface(&eth1()));
        assert_eq!(bench.instance().effective_priority(), up);
        bench.event(Event::Interface(&down(eth1())));
        assert_eq!(bench.instance().effective_priority(), down_);
        bench.event(Event::Interface(&eth1()));
        assert_eq!(bench.instance().effective_priority(), up, "never counted");
        assert!(bench.instance().unfit().is_none());
    }
}

#[test]
fn a_script_that_has_said_nothing_does_not_keep_a_group_in_fault() {
    let mut config = pair(|_| {});
    config.instances[0].trackers = vec![super::super::trackers::tracked("s", 0, false)];
    let mut bench = of(&config);
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Interface(&down(eth1())))
        .event(Event::Start);
    let states = |bench: &Bench| bench.router.instances().map(Instance::state).collect();
    let both: Vec<State> = states(&bench);
    assert_eq!(both, [State::Fault; 2], "one cannot run, which is known");
    bench.event(Event::Interface(&eth1()));
    let both: Vec<State> = states(&bench);
    assert_eq!(both, [State::Backup; 2], "nothing is known to have failed");
}

#[test]
fn another_priority_waits_another_time() {
    let mut bench = Bench::new(|c| c.tracked_interfaces = vec![tracking(64, false)]);
    bench.wait(SECOND);
    bench.event(Event::Interface(&eth1()));
    assert_eq!(
        bench.done(),
        ["down in 2.359375s"],
        "a second of the new interval has passed"
    );
    assert_eq!(
        bench.told(),
        ["(VI_1) Changing effective priority from 100 to 164"]
    );
    // Two that speak against one another: what counts is the sum, clamped once.
    let mut bench = Bench::new(|c| {
        c.tracked_interfaces = vec![
            tracking(253, false),
            TrackedInterface {
                interface: "eth0".to_owned(),
                weight: 200,
                reverse: true,
                implied: false,
            },
        ];
    });
    bench.event(Event::Interface(&eth1()));
    assert_eq!(bench.instance().effective_priority(), 153);
}

#[test]
fn without_weight_it_is_a_fault() {
    let mut bench = Bench::unstarted(|c| c.tracked_interfaces = vec![tracking(0, false)]);
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Interface(&eth1()))
        .event(Event::Start);
    assert_eq!(bench.state(), State::Backup);
    bench.event(Event::Interface(&down(eth1())));
    assert_eq!(
        bench.told(),
        [
            "(VI_1) entering FAULT state (tracked interface eth1 down)",
            "(VI_1) Entering FAULT STATE"
        ]
    );
    bench.event(Event::InterfaceGone { index: ETH1 });
    assert_eq!(bench.state(), State::Fault);
    bench.event(Event::Interface(&Interface { index: 9, ..eth1() }));
    assert_eq!(bench.state(), State::Backup, "made anew");

    let mut bench = Bench::new(|c| c.tracked_interfaces = vec![tracking(0, true)]);
    assert_eq!(bench.state(), State::Backup, "reverse: up is the failure");
    bench.event(Event::Interface(&eth1()));
    assert_eq!(bench.state(), State::Fault);
}

#[test]
fn a_link_counts_as_down_after_a_while() {
    let delays = || Vrrp {
        instances: vec![config()],
        link_delays: vec![LinkDelay {
            interface: "eth0".to_owned(),
            down: SECOND,
            up: SECOND * 2,
        }],
        ..Vrrp::default()
    };
    let mut bench = of(&delays());
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Start)
        .event(Event::Interface(&down(eth0())));
    assert_eq!(
        (bench.state(), bench.done()),
        (State::Backup, vec!["link in 1s".to_owned()])
    );
    bench.event(Event::Interface(&eth0()));
    assert_eq!(bench.done(), ["disarm LinkDelay(2)"], "it was a moment");
    bench
        .event(Event::Interface(&down(eth0())))
        .wait(SECOND)
        .timer(TimerKey::LinkDelay(ETH0));
    assert_eq!(bench.state(), State::Fault);
    bench.event(Event::Interface(&eth0()));
    assert_eq!(
        (bench.state(), bench.done()),
        (State::Fault, vec!["link in 2s".to_owned()])
    );
    bench.wait(SECOND * 2).timer(TimerKey::LinkDelay(ETH0));
    assert_eq!(bench.state(), State::Backup);
    bench.event(Event::Interface(&down(eth0())));
    bench.event(Event::InterfaceGone { index: ETH0 });
    assert_eq!(bench.state(), State::Fault, "gone is gone");
    assert!(bench.done().contains(&"disarm LinkDelay(2)".to_owned()));
}
