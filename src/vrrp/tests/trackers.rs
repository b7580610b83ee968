//! What scripts and the like do to an instance: its priority, FAULT, and waiting for their first word.

use super::*;
use crate::config::model::{TrackFile, Tracked};
use crate::track::Level;

pub(super) fn tracked(name: &str, weight: i32, reverse: bool) -> Tracked {
    of(TrackerKind::Script, name, weight, reverse)
}

fn of(kind: TrackerKind, name: &str, weight: i32, reverse: bool) -> Tracked {
    Tracked {
        kind,
        name: name.to_owned(),
        weight,
        reverse,
    }
}

fn bench(trackers: &[Tracked]) -> Bench {
    Bench::new(|config| config.trackers = trackers.to_vec())
}

fn says(bench: &mut Bench, name: &str, level: Level) -> Vec<String> {
    let kind = TrackerKind::Script;
    bench.event(Event::Tracker { kind, name, level }).done()
}

#[test]
fn what_each_weight_adds() {
    use Level::{Down, Unknown, Up};
    for (weight, reverse, level, priority) in [
        (20, false, Unknown, 100),
        (20, false, Up, 120),
        (20, false, Down, 100),
        (20, true, Up, 80),
        (-20, false, Unknown, 100),
        (-20, false, Up, 100),
        (-20, false, Down, 80),
        (-20, true, Down, 120),
        (-253, false, Down, 1),
        (253, false, Up, 254),
    ] {
        let mut bench = bench(&[tracked("s", weight, reverse)]);
        says(&mut bench, "s", level);
        let case = format!("{weight} {reverse} {level:?}");
        assert_eq!(bench.instance().effective_priority(), priority, "{case}");
        assert_eq!(bench.instance().state(), State::Backup, "{case}");
    }
}

#[test]
fn what_a_number_in_a_file_amounts_to() {
    use State::{Backup, Fault};
    // Weight, reverse, what the file says, priority (base 100), state.
    for (weight, reverse, value, priority, state) in [
        (1, false, 0, 100, Backup),
        (1, false, 20, 120, Backup),
        (1, false, -20, 80, Backup),
        (1, true, 20, 80, Backup),
        (-2, false, 20, 60, Backup),
        (-2, true, 20, 140, Backup),
        (3, false, 1000, 254, Backup),
        (1, false, i32::MAX, 254, Backup),
        (1, false, -253, 1, Backup),
        (1, false, -254, 100, Fault),
        (1, false, i32::MIN, 100, Fault),
        (254, false, -1, 100, Fault),
        (254, true, 1, 100, Fault),
        (254, false, 1, 254, Backup),
        (0, false, 0, 100, Backup),
        (0, false, 1, 100, Fault),
        (0, false, -1, 100, Fault),
        (0, true, 0, 100, Fault),
        (0, true, 3, 100, Backup),
    ] {
        let kind = TrackerKind::File;
        let mut bench = bench(&[of(kind, "f", weight, reverse)]);
        let level = Level::Value(value);
        bench.event(Event::Tracker {
            kind,
            name: "f",
            level,
        });
        let case = format!("{value} by {weight} {reverse}");
        assert_eq!(bench.instance().effective_priority(), priority, "{case}");
        assert_eq!(bench.state(), state, "{case}");
        // Back to what is well.
        let level = Level::Value(i32::from(weight == 0 && reverse));
        bench.event(Event::Tracker {
            kind,
            name: "f",
            level,
        });
        assert_eq!(bench.state(), Backup, "{case}");
        assert_eq!(bench.instance().effective_priority(), 100, "{case}");
    }
}

#[test]
fn a_file_that_is_a_fault_is_named_with_what_it_says() {
    let kind = TrackerKind::File;
    let mut bench = bench(&[of(kind, "f", 0, false)]);
    assert_eq!(bench.state(), State::Initialize, "nobody has read it yet");
    let level = Level::Value(3);
    bench.event(Event::Tracker {
        kind,
        name: "f",
        level,
    });
    let told = bench.told();
    assert_eq!(
        told.first().map(String::as_str),
        Some("(VI_1) entering FAULT state (tracked file f says 3)")
    );
}

#[test]
fn a_session_that_is_a_fault_is_named() {
    let kind = TrackerKind::Bfd;
    for (reverse, level, well, fault) in [
        (false, Level::Down, Level::Up, "is down"),
        (true, Level::Up, Level::Down, "is up"),
    ] {
        let mut bench = bench(&[of(kind, "b", 0, reverse), of(kind, "c", -20, false)]);
        let name = "b";
        bench.event(Event::Tracker { kind, name, level });
        assert_eq!(
            bench.told().first(),
            Some(&format!(
                "(VI_1) entering FAULT state (tracked BFD session b {fault})"
            ))
        );
        bench.event(Event::Tracker {
            kind,
            name,
            level: well,
        });
        assert_eq!(bench.state(), State::Backup);
        assert_eq!(bench.instance().effective_priority(), 100);
        let (name, level) = ("c", Level::Down);
        bench.event(Event::Tracker { kind, name, level });
        assert_eq!(bench.instance().effective_priority(), 80);
    }
}

#[test]
fn contributions_add_up_and_a_word_that_is_known_changes_nothing() {
    let mut bench = bench(&[tracked("a", -10, false), tracked("b", -30, false)]);
    says(&mut bench, "a", Level::Down);
    assert_eq!(
        says(&mut bench, "b", Level::Down),
        ["down in 3.765625s"],
        "the skew follows the priority"
    );
    assert_eq!(
        bench.told(),
        ["(VI_1) Changing effective priority from 90 to 60"]
    );
    assert_eq!(says(&mut bench, "b", Level::Down), [""; 0]);
    assert_eq!(says(&mut bench, "stranger", Level::Down), [""; 0]);
}

#[test]
fn without_weight_it_waits_for_the_first_word_and_a_failure_is_a_fault() {
    let mut bench = bench(&[tracked("s", 0, false)]);
    assert_eq!(bench.instance().state(), State::Initialize);
    says(&mut bench, "s", Level::Down);
    assert_eq!(bench.instance().state(), State::Fault);
    assert!(bench.instance().unfit().tracker);
    assert_eq!(
        bench.told(),
        [
            "(VI_1) entering FAULT state (tracked script s failed)",
            "(VI_1) Entering FAULT STATE (init)"
        ]
    );
    says(&mut bench, "s", Level::Up);
    assert_eq!(bench.instance().state(), State::Backup);
}

#[test]
fn a_fault_of_another_kind_does_not_wait() {
    let mut bench = Bench::unstarted(|config| config.trackers = vec![tracked("s", 0, false)]);
    bench.event(Event::Start);
    assert_eq!(
        bench.instance().state(),
        State::Fault,
        "there is no interface"
    );
    bench.event(Event::Interface(&eth0()));
    assert_eq!(
        bench.instance().state(),
        State::Backup,
        "nothing is known to have failed"
    );
}

#[test]
fn who_waits_for_a_first_word_and_loses_its_link_waits_no_longer() {
    let mut bench = bench(&[tracked("s", 0, false)]);
    assert_eq!(bench.instance().state(), State::Initialize);
    let down = Interface {
        up: false,
        ..eth0()
    };
    bench.event(Event::Interface(&down));
    assert_eq!(bench.instance().state(), State::Fault);
}

#[test]
fn whoever_takes_over_from_a_dead_process_does_not_wait() {
    let mut bench = Bench::unstarted(|config| config.trackers = vec![tracked("s", 0, false)]);
    bench.event(Event::Interface(&eth0()));
    let record = Record {
        state: State::Master,
        advert_due: T0,
        ..bench.instance().record()
    };
    bench.router.resume(0, record);
    bench.event(Event::Start);
    assert_eq!(bench.instance().state(), State::Master);
    says(&mut bench, "s", Level::Up);
    assert_eq!(bench.instance().state(), State::Master);
    says(&mut bench, "s", Level::Down);
    assert_eq!(bench.instance().state(), State::Fault);
}

#[test]
fn what_was_gone_and_came_back_is_not_what_it_was() {
    let kinds = [
        TrackerKind::Script,
        TrackerKind::File,
        TrackerKind::Process,
        TrackerKind::Statics,
    ];
    for kind in kinds {
        let mut bench = bench(&[of(kind, "s", 0, false)]);
        let (name, level) = ("s", Level::Down);
        bench.event(Event::Tracker { kind, name, level });
        assert_eq!(bench.state(), State::Fault, "{kind:?}");
        let with = bench.instance().config().clone();
        let without = VrrpInstance {
            trackers: Vec::new(),
            ..with.clone()
        };
        bench.reload(vec![without]);
        assert_eq!(bench.state(), State::Backup, "{kind:?}");
        bench.reload(vec![with]);
        assert_eq!(bench.state(), State::Backup, "{kind:?} has not said yet");
        bench.event(Event::Tracker { kind, name, level });
        assert_eq!(bench.state(), State::Fault, "{kind:?}");
    }
}

#[test]
fn what_nobody_tracks_for_a_while_is_known_all_the_same() {
    let file = TrackFile {
        name: "s".to_owned(),
        path: "/tmp/s".into(),
        init: None,
    };
    let kind = TrackerKind::File;
    let mut bench = bench(&[of(kind, "s", 0, false)]);
    let (name, level) = ("s", Level::Value(1));
    bench.event(Event::Tracker { kind, name, level });
    let with = bench.instance().config().clone();
    let mut vrrp = Vrrp {
        instances: vec![VrrpInstance {
            trackers: Vec::new(),
            ..with.clone()
        }],
        files: vec![file],
        ..Vrrp::default()
    };
    for (instance, state) in [(None, State::Backup), (Some(with), State::Fault)] {
        vrrp.instances.extend(instance);
        vrrp.instances.drain(..vrrp.instances.len() - 1);
        bench.event(Event::Reload {
            vrrp: &vrrp,
            log_unknown_vrids: true,
        });
        assert_eq!(bench.state(), state);
    }
}
