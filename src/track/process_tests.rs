use super::process::*;
use crate::config::model::{ProcessMatch, TrackProcess};
use crate::time::Instant;
use std::time::Duration;

const S: Duration = Duration::from_secs(1);

fn config(quorum: (u32, u32), fork: u32, terminate: u32) -> TrackProcess {
    TrackProcess {
        name: "p".to_owned(),
        matching: ProcessMatch::Name(b"nginx".to_vec()),
        quorum,
        weight: 0,
        reverse: false,
        fork_delay: S * fork,
        terminate_delay: S * terminate,
    }
}

fn shown(actions: Vec<Action>) -> Vec<String> {
    let show = |action| match action {
        Action::Watch { id, quorum, .. } => format!("watch {id} {quorum:?}"),
        Action::Forget(id) => format!("forget {id}"),
        Action::Arm(id, at) => format!("arm {id} {}", at.since(Instant(0)).as_secs()),
        Action::Disarm(id) => format!("disarm {id}"),
        Action::Level { name, level } => format!("{name} is {level}"),
        Action::Tell(notice) => notice.to_string(),
    };
    actions.into_iter().map(show).collect()
}

/// One that is watched, and what it did.
struct Bench(Processes, Instant);

impl Bench {
    fn new(config: TrackProcess) -> Self {
        let mut bench = Bench(Processes::default(), Instant(0));
        assert_eq!(
            bench.configure(std::slice::from_ref(&config)),
            [
                "p is Unknown".to_owned(),
                format!("watch 1 {:?}", config.quorum)
            ]
        );
        bench
    }
    fn configure(&mut self, configs: &[TrackProcess]) -> Vec<String> {
        let mut actions = Vec::new();
        self.0.configure(configs, &mut actions);
        shown(actions)
    }
    fn counted(&mut self, count: u32) -> Vec<String> {
        self.counted_for(1, count)
    }
    fn counted_for(&mut self, id: u64, count: u32) -> Vec<String> {
        let mut actions = Vec::new();
        self.0.counted(self.1, id, count, &mut actions);
        shown(actions)
    }
    fn due(&mut self, second: u32) -> Vec<String> {
        self.1 = Instant(0) + S * second;
        let mut actions = Vec::new();
        self.0.due(self.1, 1, &mut actions);
        shown(actions)
    }
    fn process(&self) -> &Process {
        self.0.iter().next().expect("one")
    }
}

#[test]
fn without_delays_limits_decide_at_once() {
    let mut bench = Bench::new(config((2, 3), 0, 0));
    for (count, expected) in [
        (
            1,
            &["Quorum lost for tracked process p: 1 running", "p is Down"][..],
        ),
        (0, &[]),
        (
            2,
            &["Quorum gained for tracked process p: 2 running", "p is Up"],
        ),
        (3, &[]),
        (
            4,
            &["Quorum lost for tracked process p: 4 running", "p is Down"],
        ),
    ] {
        assert_eq!(bench.counted(count), expected, "{count}");
    }
    let mut bench = Bench::new(config((0, 0), 0, 0));
    assert_eq!(bench.counted(0), ["p is Up"], "none may run");
    assert_eq!(bench.counted(1).last().expect("a level"), "p is Down");
}

#[test]
fn the_first_number_counts_at_once_and_others_after_the_delay_of_their_direction() {
    let mut bench = Bench::new(config((1, 2), 5, 3));
    assert_eq!(bench.counted(1), ["p is Up"]);
    assert_eq!(bench.counted(0), ["arm 1 3"]);
    assert!(bench.process().is_terminate_delayed() && !bench.process().is_fork_delayed());
    assert_eq!(bench.counted(1), ["disarm 1"], "it was started again");
    assert_eq!(bench.due(3), [""; 0], "a stale timer");
    assert_eq!(bench.counted(0), ["arm 1 6"]);
    assert_eq!(bench.due(6).last().expect("a level"), "p is Down");
    assert_eq!(bench.counted(1), ["arm 1 11"]);
    assert!(bench.process().is_fork_delayed());
    assert_eq!(bench.counted(2), [""; 0], "it is under way");
    assert_eq!(bench.due(11).last().expect("a level"), "p is Up");
    // Too many came by forks, and go by ending.
    assert_eq!(bench.counted(3), ["arm 1 16"]);
    assert_eq!(bench.due(16).last().expect("a level"), "p is Down");
    assert_eq!(bench.counted(2), ["arm 1 19"]);
    assert_eq!(bench.due(19).last().expect("a level"), "p is Up");
}

#[test]
fn a_reload_disturbs_only_what_changed() {
    let mut bench = Bench::new(config((1, 9), 5, 3));
    bench.counted(1);
    assert_eq!(bench.counted(0), ["arm 1 3"]);
    assert_eq!(bench.configure(&[config((1, 9), 5, 3)]), [""; 0]);
    assert_eq!(
        bench.configure(&[config((2, 9), 5, 3)]),
        ["disarm 1", "forget 1", "watch 2 (2, 9)"],
        "it says what it said"
    );
    assert_eq!(bench.counted(7), [""; 0], "of the old one");
    assert_eq!(
        bench.counted_for(2, 0).last().expect("a level"),
        "p is Down",
        "counted anew, it counts at once"
    );
    let mut actions = Vec::new();
    bench.0.lost(&mut actions);
    assert_eq!(shown(actions), ["watch 2 (2, 9)"]);
    assert_eq!(bench.configure(&[]), ["forget 2"]);
}
