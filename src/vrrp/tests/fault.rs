//! FAULT: fitness computed from what is, never counted.

use super::*;

#[test]
fn fault_is_recomputed_from_what_is() {
    let down = Interface {
        up: false,
        ..eth0()
    };
    let bare = Interface {
        primary_v4: None,
        ..eth0()
    };
    let mut bench = Bench::unstarted(|_| {});
    bench.event(Event::Start);
    assert_eq!(bench.done(), ["now FAULT"]);
    let told = bench.told();
    assert_eq!(
        told,
        [
            "(VI_1) entering FAULT state (interface eth0 does not exist)",
            "(VI_1) Entering FAULT STATE (init)"
        ]
    );
    assert!(bench.instance().unfit().missing);

    assert_eq!(
        bench.event(Event::Interface(&down)).done(),
        Vec::<String>::new()
    );
    assert_eq!(
        bench.event(Event::Interface(&down)).done(),
        Vec::<String>::new(),
        "told twice, counted once"
    );
    assert_eq!(
        bench.instance().unfit(),
        Unfit {
            missing: false,
            down: true,
            ..Unfit::default()
        }
    );
    assert_eq!(
        bench.event(Event::Interface(&bare)).done(),
        Vec::<String>::new()
    );
    assert_eq!(
        bench.event(Event::Interface(&eth0())).done(),
        ["down in 3.609375s", "now BACKUP"]
    );
    assert_eq!(bench.hear(LOWER, 200).done(), ["down in 3.609375s"]);

    bench.event(Event::InterfaceGone { index: ETH0 });
    assert_eq!(bench.done(), ["disarm MasterDown(0)", "now FAULT"]);
    let recreated = Interface {
        index: 77,
        ..eth0()
    };
    assert_eq!(
        bench.event(Event::Interface(&recreated)).done(),
        ["down in 3.609375s", "now BACKUP"],
        "made anew"
    );
    assert_eq!(
        bench.event(Event::InterfaceGone { index: ETH0 }).done(),
        Vec::<String>::new(),
        "the old one is long gone"
    );
    let renamed = Interface {
        name: "eth1".to_owned(),
        ..recreated
    };
    assert_eq!(
        bench.event(Event::Interface(&renamed)).done(),
        ["disarm MasterDown(0)", "now FAULT"],
        "renamed away"
    );
}

#[test]
fn a_master_in_fault_resigns_if_it_can() {
    let leave = |change: fn(&mut Interface)| {
        let mut interface = eth0();
        change(&mut interface);
        let mut bench = Bench::master(|_| {});
        bench.event(Event::Interface(&interface));
        assert_eq!(bench.state(), State::Fault);
        bench
    };
    let resigned = [
        "disarm Advert(0)",
        "disarm Garp(0)",
        "advert 0",
        "drop",
        "now FAULT",
    ];
    let bench = leave(|i| i.primary_v4 = None);
    assert_eq!(
        bench.done(),
        resigned,
        "no address: the last one still serves to say farewell"
    );
    assert!(
        bench
            .told()
            .contains(&"(VI_1) entering FAULT state (no IPv4 address for interface)".to_owned())
    );
    let mut bench = leave(|i| i.up = false);
    assert_eq!(
        bench.done(),
        ["disarm Advert(0)", "disarm Garp(0)", "drop", "now FAULT"],
        "down: nothing can be sent"
    );
    assert!(
        bench
            .told()
            .contains(&"(VI_1): entering FAULT state (interface eth0 down)".to_owned())
    );
    assert_eq!(bench.instance().stats().pri_zero_sent, 0);
    assert_eq!(
        bench.event(Event::Interface(&eth0())).done(),
        ["down in 3.609375s", "now BACKUP"],
        "no counter, no memory"
    );

    let mut bench = Bench::master(|c| c.dont_track_primary = true);
    bench.event(Event::Interface(&Interface {
        up: false,
        ..eth0()
    }));
    assert_eq!(
        (bench.state(), bench.done().len()),
        (State::Master, 0),
        "dont_track_primary"
    );
    bench.event(Event::Interface(&eth0()));
    assert_eq!(
        bench.done(),
        ["garp"; 5],
        "the link came back: neighbours are told again"
    );

    let mut bench = Bench::master(|c| c.priority = 255);
    bench
        .event(Event::Interface(&Interface {
            up: false,
            ..eth0()
        }))
        .event(Event::Interface(&eth0()));
    assert_eq!(
        bench.done(),
        taking_over("advert 255"),
        "an owner is MASTER at once"
    );
}
