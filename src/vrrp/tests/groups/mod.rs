//! Sync groups: members move together; and what tracked interfaces, their delays and `preempt_delay` do.

mod tracked;
mod waiting;

use super::*;
use crate::config::model::{
    GarpGroup, LinkDelay, LinkKind, SyncGroup, TrackedInterface, VirtualLink,
};

const ETH1: u32 = 3;

const FIRST: TimerKey = TimerKey::MasterDown(0);

const SECOND_DOWN: TimerKey = TimerKey::MasterDown(1);

fn eth1() -> Interface {
    Interface {
        index: ETH1,
        name: "eth1".to_owned(),
        mac: [2, 0, 0, 1, 0, 5],
        primary_v4: Some(Ipv4Addr::new(10, 1, 0, 5)),
        ..eth0()
    }
}

fn down(interface: Interface) -> Interface {
    Interface {
        up: false,
        ..interface
    }
}

fn pair(change: impl Fn(&mut VrrpInstance)) -> Vrrp {
    let instances: Vec<VrrpInstance> = ["eth0", "eth1"]
        .iter()
        .zip(1..)
        .map(|(interface, number)| {
            let mut config = VrrpInstance {
                name: format!("VI_{number}"),
                interface: (*interface).to_owned(),
                virtual_router_id: 50 + number,
                virtual_addresses: vec![vip(Ipv4Addr::new(10, number - 1, 0, 100))],
                ..config()
            };
            change(&mut config);
            config
        })
        .collect();
    Vrrp {
        sync_groups: vec![SyncGroup {
            name: "VG".to_owned(),
            members: instances.iter().map(|i| i.name.clone()).collect(),
            notify: Default::default(),
        }],
        instances,
        ..Vrrp::default()
    }
}

fn of(config: &Vrrp) -> Bench {
    Bench {
        router: Router::new(config, false),
        now: T0,
        actions: Vec::new(),
    }
}

fn started(change: impl Fn(&mut VrrpInstance)) -> Bench {
    let mut bench = of(&pair(change));
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Interface(&eth1()))
        .event(Event::Start);
    bench
}

fn master(change: impl Fn(&mut VrrpInstance)) -> Bench {
    let mut bench = started(change);
    bench.wait(SECOND * 4).timer(FIRST).timer(SECOND_DOWN);
    assert_eq!(states(&bench), [State::Master; 2]);
    bench.wait(SECOND / 2);
    bench
}

fn states(bench: &Bench) -> Vec<State> {
    let states: Vec<State> = bench.router.instances().map(Instance::state).collect();
    let group = bench.router.groups().next().map(Group::state);
    assert!(
        states.iter().all(|state| Some(*state) == group),
        "{states:?}, group {group:?}"
    );
    states
}

/// An advert for the second instance.
fn second(source: Ipv4Addr, priority: u8) -> Vec<u8> {
    packet(source, &Advert::new(52, priority, 1, &[10, 1, 0, 100]))
}

fn hear_second(bench: &mut Bench, priority: u8) {
    bench.event(Event::Packet {
        interface: ETH1,
        bytes: &second(Ipv4Addr::new(10, 1, 0, 9), priority),
    });
}

#[test]
fn master_only_together() {
    let mut bench = started(|_| {});
    assert_eq!(states(&bench), [State::Backup; 2]);
    bench.wait(SECOND * 4).timer(FIRST);
    assert_eq!(bench.done(), ["down in 3.609375s"], "waits for the other");
    assert!(bench.instance().wants_master());
    bench.timer(SECOND_DOWN);
    assert_eq!(states(&bench), [State::Master; 2]);
    let done = bench.done();
    let members: Vec<&str> = done
        .iter()
        .map(String::as_str)
        .filter(|done| done.starts_with("now") || done.starts_with("VG"))
        .collect();
    assert_eq!(members, ["now MASTER", "now MASTER", "VG now MASTER"]);
    assert_eq!(done.iter().filter(|done| *done == "advert 100").count(), 2);
    assert!(
        bench
            .told()
            .contains(&"VRRP_Group(VG) Syncing instances to MASTER state".to_owned())
    );
}

#[test]
fn who_hears_a_master_no_longer_wants_to_be_one() {
    let mut bench = started(|_| {});
    bench.wait(SECOND * 4).timer(FIRST);
    bench.hear(HIGHER, 200);
    assert!(!bench.instance().wants_master());
    bench.timer(SECOND_DOWN);
    assert_eq!(states(&bench), [State::Backup; 2]);
    bench.wait(SECOND * 3).timer(FIRST);
    assert_eq!(states(&bench), [State::Master; 2], "the second still does");
}

#[test]
fn a_wish_from_before_a_gap_is_none() {
    let mut bench = started(|_| {});
    bench.wait(SECOND * 4).timer(FIRST).wait(SECOND * 30);
    bench.timer(SECOND_DOWN);
    assert_eq!(
        states(&bench),
        [State::Backup; 2],
        "the first has not listened since"
    );
    let deadline = T0 + SECOND * 8;
    bench.event(Event::Timer {
        key: FIRST,
        deadline,
    });
    assert_eq!(bench.done(), ["down in 1.609375s"], "now it does");
    bench.wait(SECOND * 2).timer(FIRST);
    assert_eq!(states(&bench), [State::Master; 2]);
}

#[test]
fn one_steps_down_all_do() {
    let mut bench = master(|_| {});
    hear_second(&mut bench, 200);
    assert_eq!(states(&bench), [State::Backup; 2]);
    assert_eq!(
        bench.done(),
        [
            "disarm Advert(1)",
            "disarm Garp(1)",
            "drop",
            "down in 3.609375s",
            "now BACKUP",
            "disarm Advert(0)",
            "disarm Garp(0)",
            "drop",
            "down in 3.609375s",
            "now BACKUP",
            "VG now BACKUP"
        ],
        "nobody resigns: the other router has both"
    );
}

#[test]
fn one_fails_all_do_and_come_back() {
    let mut bench = master(|_| {});
    bench.event(Event::Interface(&down(eth1())));
    assert_eq!(states(&bench), [State::Fault; 2]);
    assert_eq!(
        bench.done(),
        [
            "disarm Advert(1)",
            "disarm Garp(1)",
            "drop",
            "now FAULT",
            "disarm Advert(0)",
            "disarm Garp(0)",
            "advert 0",
            "drop",
            "now FAULT",
            "VG now FAULT"
        ],
        "the one that still can says farewell"
    );
    assert_eq!(
        bench.instance().unfit(),
        Unfit {
            group: true,
            ..Unfit::default()
        }
    );
    assert_eq!(
        bench.told().last().map(String::as_str),
        Some("(VI_1) Entering FAULT STATE")
    );
    // Told again, or about the other: nothing new.
    bench.event(Event::Interface(&down(eth0())));
    assert!(bench.done().is_empty());
    bench.event(Event::Interface(&eth1()));
    assert!(bench.done().is_empty(), "now it is the other");
    bench.event(Event::Interface(&eth0()));
    assert_eq!(states(&bench), [State::Backup; 2]);
}

#[test]
fn a_group_with_a_fault_starts_in_fault() {
    let mut bench = of(&pair(|_| {}));
    bench
        .event(Event::Interface(&eth0()))
        .event(Event::Interface(&down(eth1())))
        .event(Event::Start);
    assert_eq!(states(&bench), [State::Fault; 2]);
    bench.event(Event::Interface(&eth1()));
    assert_eq!(states(&bench), [State::Backup; 2]);
}

#[test]
fn owners_rule_together_at_once() {
    let mut bench = started(|c| c.priority = 255);
    assert_eq!(states(&bench), [State::Backup; 2]);
    bench.timer(FIRST).timer(SECOND_DOWN);
    assert_eq!(states(&bench), [State::Master; 2]);
}

#[test]
fn a_new_process_goes_on_with_the_whole_group_or_not_at_all() {
    let record = |state| Record {
        state,
        advert_due: T0,
        ip_id: 7,
        sequence: 0,
    };
    let resumed = |second: State| {
        let mut bench = of(&pair(|_| {}));
        bench.router.resume(0, record(State::Master));
        bench.router.resume(1, record(second));
        bench
            .event(Event::Interface(&eth0()))
            .event(Event::Interface(&eth1()))
            .event(Event::Start);
        states(&bench)
    };
    assert_eq!(resumed(State::Master), [State::Master; 2]);
    assert_eq!(resumed(State::Backup), [State::Backup; 2]);
}

#[test]
fn reload_of_groups() {
    let reload = |bench: &mut Bench, config: &Vrrp| {
        bench.event(Event::Reload {
            vrrp: config,
            log_unknown_vrids: false,
        });
    };
    // Unchanged: nothing.
    let mut bench = master(|_| {});
    reload(&mut bench, &pair(|_| {}));
    assert!(bench.actions.is_empty(), "{:?}", bench.actions);

    // A member more: the group goes on ruling, with it.
    let mut three = pair(|_| {});
    three.instances.push(VrrpInstance {
        name: "VI_3".to_owned(),
        virtual_router_id: 60,
        virtual_addresses: vec![vip(Ipv4Addr::new(10, 0, 0, 101))],
        ..config()
    });
    three.sync_groups[0].members.push("VI_3".to_owned());
    reload(&mut bench, &three);
    assert_eq!(states(&bench), [State::Master; 3]);
    assert!(!bench.done().contains(&"drop".to_owned()));

    // Members fewer, and the group gone: whoever stays is not touched.
    reload(&mut bench, &pair(|_| {}));
    assert_eq!(states(&bench), [State::Master; 2]);
    assert_eq!(
        bench.done().last().map(String::as_str),
        Some("now FAULT"),
        "{:?}",
        bench.done()
    );
    let mut alone = pair(|_| {});
    alone.sync_groups.clear();
    reload(&mut bench, &alone);
    assert!(bench.done().is_empty());

    // A group made of a MASTER and a BACKUP listens.
    hear_second(&mut bench, 200);
    reload(&mut bench, &pair(|_| {}));
    assert_eq!(states(&bench), [State::Backup; 2]);

    // The reason of a FAULT leaves the group.
    bench.event(Event::Interface(&down(eth1())));
    assert_eq!(states(&bench), [State::Fault; 2]);
    let mut first = pair(|_| {});
    first.instances.truncate(1);
    first.sync_groups[0].members.truncate(1);
    reload(&mut bench, &first);
    assert_eq!(states(&bench), [State::Backup]);
}

#[test]
fn a_lower_master_makes_the_whole_group_announce_itself() {
    let mut bench = master(|_| {});
    bench.wait(SECOND * 10);
    hear_second(&mut bench, 50);
    let frames = |bench: &Bench, index: u32| {
        bench
            .actions
            .iter()
            .filter(
                |action| matches!(action, Action::SendFrame { interface, .. } if *interface == index),
            )
            .count()
    };
    assert_eq!((frames(&bench, ETH0), frames(&bench, ETH1)), (5, 5));
    bench.hear(LOWER, 50);
    assert_eq!(
        (frames(&bench, ETH0), frames(&bench, ETH1)),
        (0, 0),
        "once an interval for all of them"
    );
}

#[test]
fn stopping_resigns_everywhere() {
    let mut bench = master(|_| {});
    bench.event(Event::Stop);
    assert_eq!(states(&bench), [State::Initialize; 2]);
    assert_eq!(
        bench
            .done()
            .iter()
            .filter(|done| *done == "advert 0")
            .count(),
        2
    );
    assert!(bench.told().iter().all(|line| !line.contains("Syncing")));
}

/// Without `all`, what lies on an ordinary interface is not announced; `addresses_elsewhere...` is the same with it.
#[test]
fn only_virtual_macs_are_announced_now_and_then() {
    for (name, announced) in [("eth2", false), ("eth1", true)] {
        let mut bench = Bench::unstarted(|c| {
            c.garp.master_delay = Duration::ZERO;
            c.garp.extra_interfaces = SECOND * 100;
            c.garp.extra_only_vmacs = true;
            c.vmac.others = vec![VirtualLink {
                name: name.to_owned(),
                base: "eth9".to_owned(),
                kind: LinkKind::Macvlan { mac: [2; 6] },
                group: None,
                for_ipv6: false,
                has_ipv6: false,
                link_local: false,
                notify: false,
            }];
            let mut elsewhere = vip(Ipv4Addr::new(10, 1, 0, 100));
            elsewhere.interface = Some("eth1".to_owned());
            c.virtual_addresses.push(elsewhere);
        });
        bench
            .event(Event::Interface(&eth0()))
            .event(Event::Interface(&eth1()))
            .event(Event::Start);
        bench.wait(SECOND * 4).timer(FIRST);
        bench.wait(SECOND * 100).timer(TimerKey::Garp(0));
        let sent = |action: &Action| matches!(action, Action::SendFrame { .. });
        assert_eq!(bench.actions.iter().any(sent), announced, "{name}");
    }
}
