//! Another configuration, another process: what stays as it is.

use super::*;

#[test]
fn reload_touches_only_what_changed() {
    let mut bench = Bench::master(|_| {});
    bench.reload(vec![config()]);
    assert!(bench.actions.is_empty(), "no change: {:?}", bench.actions);

    let mut changed = config();
    changed.priority = 150;
    bench.reload(vec![changed.clone()]);
    assert_eq!(bench.done(), ["advert 150", "advert in 1s"]);
    assert_eq!(
        bench.told(),
        ["(VI_1) Changing effective priority from 100 to 150"]
    );

    changed
        .virtual_addresses
        .push(vip(Ipv4Addr::new(10, 0, 0, 101)));
    bench.reload(vec![changed.clone()]);
    let mut expected = vec!["advert 150", "advert in 1s", "take"];
    expected.extend(["garp"; 10]);
    expected.push("garps in 5s");
    assert_eq!(bench.done(), expected);

    changed.skip_check_adv_addr = true;
    bench.reload(vec![changed.clone()]);
    assert_eq!(bench.done(), Vec::<String>::new(), "nobody else can see it");

    let second = VrrpInstance {
        name: "VI_2".to_owned(),
        virtual_router_id: 52,
        ..config()
    };
    bench.reload(vec![second.clone(), changed.clone()]);
    assert_eq!(
        bench.done(),
        ["down in 3.609375s", "now BACKUP"],
        "only the new one begins"
    );
    assert_eq!(
        bench.router.find("VI_1").map(Instance::id),
        Some(0),
        "its place is its own"
    );
    assert_eq!(bench.router.find("VI_2").map(Instance::id), Some(1));

    bench.reload(vec![second.clone()]);
    assert_eq!(
        bench.done(),
        [
            "disarm Advert(0)",
            "disarm Garp(0)",
            "advert 0",
            "drop",
            "now FAULT"
        ]
    );
    assert!(bench.router.instance(0).is_none());
    assert_eq!(
        bench.timer(TimerKey::Advert(0)).done(),
        Vec::<String>::new(),
        "a timer that was under way"
    );
    let third = VrrpInstance {
        name: "VI_3".to_owned(),
        virtual_router_id: 53,
        ..config()
    };
    bench.reload(vec![second, third]);
    assert_eq!(
        bench.router.find("VI_3").map(Instance::id),
        Some(0),
        "a free place is given away"
    );
}

#[test]
fn reload_of_a_backup_and_of_another_router() {
    let reloaded = |change: fn(&mut VrrpInstance)| {
        let mut bench = Bench::new(|_| {});
        let mut changed = config();
        change(&mut changed);
        bench.wait(SECOND).reload(vec![changed]);
        bench
    };
    assert_eq!(
        reloaded(|c| c.priority = 200).done(),
        ["down in 2.21875s"],
        "what was waited counts"
    );
    assert_eq!(
        reloaded(|c| c.advert_interval = SECOND * 2).done(),
        ["down in 5.609375s"]
    );
    let mut bench = reloaded(|c| c.priority = 255);
    assert_eq!(bench.done(), ["down in 0ns"], "an owner does not listen");
    assert_eq!(
        bench.timer(TimerKey::MasterDown(0)).done(),
        taking_over("advert 255")
    );
    let mut bench = reloaded(|c| c.virtual_router_id = 77);
    assert_eq!(
        bench.done(),
        [
            "disarm MasterDown(0)",
            "now FAULT",
            "down in 3.609375s",
            "now BACKUP"
        ]
    );
    bench.hear(LOWER, 200);
    assert_eq!(
        (bench.done().len(), bench.router.stats().unknown_vrid),
        (0, 1),
        "the old VRID is nobody's"
    );
}

#[test]
fn a_new_process_goes_on_where_the_last_one_died() {
    let resumed = |state: State, silence: Duration| {
        let mut bench = Bench::unstarted(|c| c.initial_state = InitialState::Master);
        bench.event(Event::Interface(&eth0()));
        let advert_due = bench.now + SECOND - silence;
        bench.router.resume(
            0,
            Record {
                state,
                advert_due,
                ip_id: 41,
                sequence: 0,
            },
        );
        bench.event(Event::Start);
        bench
    };
    let bench = resumed(State::Master, SECOND * 2);
    assert_eq!(bench.done(), taking_over("advert 100"));
    assert!(
        bench
            .told()
            .contains(&"(VI_1) Continuing in MASTER STATE".to_owned())
    );
    let id = bench.actions.iter().find_map(|action| match action {
        Action::SendAdvert { packets, .. } => ip::Header::parse(packets.as_slice().first()?)
            .ok()
            .map(|(header, _)| header.id),
        _ => None,
    });
    assert_eq!(id, Some(42), "IP identification goes on");

    assert_eq!(
        resumed(State::Master, SECOND * 3).done(),
        ["down in 3.609375s", "now BACKUP"],
        "too late: another may be MASTER"
    );
    assert_eq!(
        resumed(State::Backup, SECOND).done(),
        ["down in 3.609375s", "now BACKUP"],
        "no eager start in mid-life"
    );
}

#[test]
fn what_a_process_records_is_what_the_next_needs() {
    let mut bench = Bench::master(|_| {});
    bench.wait(SECOND / 2).timer(TimerKey::Advert(0));
    let recorded = bench.actions.iter().find_map(|action| match action {
        Action::Record(0, record) => Some(*record),
        _ => None,
    });
    assert_eq!(
        recorded,
        Some(Record {
            state: State::Master,
            advert_due: bench.now + SECOND,
            ip_id: 2,
            sequence: 0,
        })
    );
    assert_eq!(recorded, Some(bench.instance().record()));
}

#[test]
fn the_record_at_takeover_says_master() {
    let mut bench = Bench::new(|_| {});
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    let states: Vec<State> = bench
        .actions
        .iter()
        .filter_map(|a| {
            if let Action::Record(_, r) = a {
                Some(r.state)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(states, [State::Master]);
}
