//! RFC 3768 section 6.4: what each state does with each event.

use super::*;

#[test]
fn initialize_6_4_1() {
    let start = |change: fn(&mut VrrpInstance)| Bench::new(change).done();
    assert_eq!(
        start(|_| {}),
        ["down in 3.609375s", "now BACKUP"],
        "6.4.1: others go to Backup with Master_Down_Interval"
    );
    assert_eq!(
        start(|c| c.priority = 255),
        taking_over("advert 255"),
        "6.4.1: the owner goes to Master"
    );
    let eager = start(|c| c.initial_state = InitialState::Master);
    assert_eq!(
        eager,
        ["down in 1.00390625s", "now BACKUP"],
        "keepalived: state MASTER listens one interval"
    );
    assert_eq!(
        start(|c| c.down_timer_adverts = 5),
        ["down in 5.609375s", "now BACKUP"],
        "keepalived: down_timer_adverts"
    );
}

/// (clause, nopreempt, priority heard, from, what is done)
type Row = (&'static str, bool, u8, Ipv4Addr, &'static [&'static str]);

#[test]
fn backup_hears_6_4_2() {
    const RESTART: &[&str] = &["down in 3.609375s"];
    let rows: &[Row] = &[
        (
            "6.4.2 priority zero: Master_Down_Timer := Skew_Time",
            false,
            0,
            LOWER,
            &["down in 609.375ms"],
        ),
        (
            "6.4.2 higher: reset Master_Down_Timer",
            false,
            101,
            LOWER,
            RESTART,
        ),
        (
            "6.4.2 equal, lower address: reset",
            false,
            100,
            LOWER,
            RESTART,
        ),
        (
            "6.4.2 equal, higher address: reset",
            false,
            100,
            HIGHER,
            RESTART,
        ),
        ("6.4.2 equal, own address: reset", false, 100, OWN, RESTART),
        (
            "6.4.2 lower, Preempt_Mode: discard, the timer runs on",
            false,
            99,
            HIGHER,
            &[],
        ),
        (
            "6.4.2 lower, not Preempt_Mode: reset",
            true,
            99,
            LOWER,
            RESTART,
        ),
        (
            "6.4.2 zero, not Preempt_Mode: Skew_Time all the same",
            true,
            0,
            LOWER,
            &["down in 609.375ms"],
        ),
        ("6.4.2 owner: reset", false, 255, LOWER, RESTART),
    ];
    for (clause, nopreempt, priority, source, expected) in rows {
        let mut bench = Bench::new(|c| c.nopreempt = *nopreempt);
        bench.wait(SECOND).hear(*source, *priority);
        assert_eq!(bench.done(), *expected, "{clause}");
        assert_eq!(bench.state(), State::Backup, "{clause}");
    }
}

#[test]
fn backup_otherwise_6_4_2() {
    let mut bench = Bench::new(|_| {});
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(
        bench.done(),
        taking_over("advert 100"),
        "6.4.2 Master_Down_Timer fires"
    );
    let told = bench.told();
    assert_eq!(
        told.first().map(String::as_str),
        Some("(VI_1) Receive advertisement timeout")
    );
    assert_eq!(
        told.last().map(String::as_str),
        Some("(VI_1) Entering MASTER STATE")
    );

    let mut bench = Bench::new(|_| {});
    bench.event(Event::Stop);
    assert_eq!(
        bench.done(),
        ["disarm MasterDown(0)", "now STOP"],
        "6.4.2 shutdown: no resignation from a backup"
    );
}

#[test]
fn master_hears_6_4_3() {
    const CONTRADICT: &[&str] = &[
        "advert 100",
        "garp",
        "garp",
        "garp",
        "garp",
        "garp",
        "garps in 4.5s",
    ];
    let rows: &[Row] = &[
        (
            "6.4.3 priority zero: send, reset Adver_Timer",
            false,
            0,
            LOWER,
            &["advert 100", "advert in 1s"],
        ),
        ("6.4.3 higher: to Backup", false, 101, LOWER, STEPPING_DOWN),
        (
            "6.4.3 equal, higher address: to Backup",
            false,
            100,
            HIGHER,
            STEPPING_DOWN,
        ),
        (
            "6.4.3 equal, lower address: discard; keepalived answers",
            false,
            100,
            LOWER,
            CONTRADICT,
        ),
        (
            "6.4.3 lower: discard; keepalived answers",
            false,
            99,
            HIGHER,
            CONTRADICT,
        ),
        (
            "6.4.3 lower with nopreempt: discard; keepalived answers",
            true,
            99,
            HIGHER,
            CONTRADICT,
        ),
        (
            "keepalived: equal from our own address: stay",
            false,
            100,
            OWN,
            &[],
        ),
    ];
    for (clause, nopreempt, priority, source, expected) in rows {
        let mut bench = Bench::master(|c| c.nopreempt = *nopreempt);
        bench.hear(*source, *priority);
        assert_eq!(bench.done(), *expected, "{clause}");
    }
}

#[test]
fn master_otherwise_6_4_3() {
    let mut bench = Bench::master(|_| {});
    bench.wait(SECOND / 2).timer(TimerKey::Advert(0));
    assert_eq!(
        bench.done(),
        ["advert 100", "advert in 1s"],
        "6.4.3 Adver_Timer fires"
    );
    bench.event(Event::Stop);
    let stopped = [
        "disarm Advert(0)",
        "disarm Garp(0)",
        "advert 0",
        "drop",
        "now STOP",
    ];
    assert_eq!(bench.done(), stopped, "6.4.3 shutdown: priority zero");
    assert!(bench.told().contains(&"(VI_1) sent 0 priority".to_owned()));
    assert_eq!(bench.instance().stats().pri_zero_sent, 1);
    assert_eq!(
        bench.event(Event::Stop).done(),
        Vec::<String>::new(),
        "nobody resigns twice"
    );
}

#[test]
fn options_of_a_master() {
    let mut bench = Bench::master(|c| c.lower_prio_no_advert = true);
    assert!(
        !bench
            .hear(LOWER, 1)
            .done()
            .contains(&"advert 100".to_owned()),
        "lower_prio_no_advert"
    );

    let mut bench = Bench::master(|c| c.higher_prio_send_advert = true);
    assert_eq!(
        bench.hear(LOWER, 200).done().first().map(String::as_str),
        Some("advert 100"),
        "higher_prio_send_advert"
    );

    let mut bench = Bench::master(|_| {});
    bench.hear(LOWER, 1);
    assert_eq!(
        bench.wait(SECOND / 100).hear(LOWER, 1).done(),
        Vec::<String>::new(),
        "a flood is not answered packet by packet"
    );
    assert_eq!(
        bench.wait(SECOND / 10).hear(LOWER, 1).done(),
        ["advert 100"]
    );
}

#[test]
fn of_two_owners_the_higher_address_gives_way() {
    let mut bench = Bench::master(|c| c.priority = 255);
    assert_eq!(
        bench.hear(HIGHER, 255).done(),
        Vec::<String>::new(),
        "theirs is the higher address: it is theirs to yield"
    );
    for _ in 0..20 {
        bench.wait(SECOND).hear(HIGHER, 255);
    }
    assert_eq!(bench.state(), State::Master);

    let mut bench = Bench::master(|c| c.priority = 255);
    bench
        .hear(LOWER, 255)
        .wait(SECOND)
        .hear(LOWER, 255)
        .wait(SECOND)
        .hear(LOWER, 255);
    assert_eq!(
        (bench.state(), bench.done().len()),
        (State::Master, 0),
        "two adverts and 1.2 intervals are not over"
    );
    bench.wait(SECOND).hear(LOWER, 255);
    assert_eq!(
        (bench.state(), bench.instance().effective_priority()),
        (State::Backup, 254)
    );
    assert!(
        bench.done().contains(&"down in 3.0078125s".to_owned()),
        "254 counts for the skew: {:?}",
        bench.done()
    );

    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(
        (bench.state(), bench.instance().effective_priority()),
        (State::Master, 255),
        "until the rival stops"
    );
    assert_eq!(bench.done().first().map(String::as_str), Some("advert 255"));
}
