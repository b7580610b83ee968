use super::Level;
use super::script::*;
use crate::config::model::{Command, Script as Config};
use crate::config::world::Account;
use crate::time::Instant;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

const S: Duration = Duration::from_secs(1);

fn config(name: &str, rise: u32, fall: u32) -> Config {
    Config {
        name: name.to_owned(),
        command: Command {
            program: "/bin/true".into(),
            groups: Vec::new(),
            arguments: vec![b"/bin/true".to_vec()],
            account: Account::ROOT,
            directory: PathBuf::new(),
        },
        interval: S,
        timeout: S,
        rise,
        fall,
        init_fail: false,
    }
}

fn started(configs: &[Config]) -> (Scripts, Vec<Action>) {
    let (mut scripts, mut actions) = (Scripts::default(), Vec::new());
    scripts.configure(Instant(0), configs, &mut actions);
    (scripts, actions)
}

fn levels(actions: &[Action]) -> Vec<Level> {
    let level = |action: &Action| match action {
        Action::Level { level, .. } => Some(*level),
        _ => None,
    };
    actions.iter().filter_map(level).collect()
}

fn told(actions: &[Action]) -> Vec<String> {
    let told = |action: &Action| match action {
        Action::Tell(notice) => Some(notice.to_string()),
        _ => None,
    };
    actions.iter().filter_map(told).collect()
}

fn runs(actions: &[Action]) -> Vec<RunId> {
    let run = |action: &Action| match action {
        Action::Run { run, .. } => Some(*run),
        _ => None,
    };
    actions.iter().filter_map(run).collect()
}

/// Runs one script through outcomes, a run each second; the levels it went through.
fn through(config: Config, outcomes: &[Outcome]) -> Vec<Level> {
    let (mut scripts, mut actions) = started(&[config]);
    for (second, outcome) in outcomes.iter().enumerate() {
        let run = *runs(&actions).last().expect("a run");
        scripts.ended(run, *outcome, &mut actions);
        let now = Instant(0) + S * (second as u32 + 1);
        scripts.due(now, 0, now, &mut actions);
    }
    levels(&actions)
}

#[test]
fn the_first_run_decides_alone_and_later_ones_by_rise_and_fall() {
    use Level::{Down, Unknown, Up};
    let (good, bad) = (Outcome::Exited(0), Outcome::Exited(1));
    let slow = Outcome::NotStarted(2);
    let [nobody, no_room] = [libc::ESRCH, libc::EAGAIN].map(Outcome::NotStarted);
    let table: [(&[Outcome], &[Level]); 8] = [
        (&[nobody, no_room, good], &[Unknown, Up]),
        (
            &[good, bad, bad, nobody, no_room, nobody, bad],
            &[Unknown, Up, Down],
        ),
        (&[bad], &[Unknown, Down]),
        (&[good, bad, bad], &[Unknown, Up]),
        (&[good, bad, bad, bad], &[Unknown, Up, Down]),
        (
            &[good, bad, bad, good, bad, bad, slow],
            &[Unknown, Up, Down],
        ),
        (&[bad, good, bad, good], &[Unknown, Down]),
        (&[bad, good, good], &[Unknown, Down, Up]),
    ];
    for (outcomes, expected) in table {
        assert_eq!(
            through(config("s", 2, 3), outcomes),
            expected,
            "{outcomes:?}"
        );
    }
    let failing = Config {
        init_fail: true,
        ..config("s", 5, 5)
    };
    assert_eq!(through(failing, &[good]), [Down, Up]);
}

#[test]
fn one_run_at_a_time_and_one_that_is_late_has_failed_before_it_ends() {
    let (mut scripts, first) = started(&[config("s", 1, 1)]);
    let run = runs(&first)[0];
    let mut actions = Vec::new();
    scripts.due(Instant(0) + S, 0, Instant(0) + S, &mut actions);
    scripts.due(Instant(0) + S * 2, 0, Instant(0) + S * 2, &mut actions);
    assert_eq!(runs(&actions), [] as [RunId; 0]);
    assert_eq!(
        told(&actions),
        ["Track script s is already running, expect idle - skipping run"]
    );
    actions.clear();
    scripts.late(run, &mut actions);
    assert_eq!(levels(&actions), [Level::Down]);
    assert_eq!(
        told(&actions),
        ["Script `s` timed out", "VRRP_Script(s) timed_out"]
    );
    actions.clear();
    scripts.ended(run, Outcome::TimedOut, &mut actions);
    assert_eq!(actions, []);
    scripts.due(Instant(0) + S * 3, 0, Instant(0) + S * 3, &mut actions);
    assert_eq!(runs(&actions).len(), 1);
}

#[test]
fn the_next_run_is_due_by_the_last_and_many_spread_over_the_interval() {
    let configs: Vec<Config> = (0..4).map(|n| config(&n.to_string(), 1, 1)).collect();
    let (mut scripts, actions) = started(&configs);
    assert_eq!(runs(&actions).len(), 4);
    let mut last: HashMap<ScriptId, Instant> = HashMap::new();
    for action in &actions {
        if let Action::Arm(id, at) = action {
            last.insert(*id, *at);
        }
    }
    for id in 0..4u32 {
        assert_eq!(last[&id], Instant(0) + S / 4 * (id + 1));
    }
    let mut actions = Vec::new();
    scripts.ended(1, Outcome::Exited(0), &mut actions);
    actions.clear();
    // Late by a tenth of a second, then by several seconds.
    scripts.due(Instant(0) + S / 20 * 7, 0, Instant(0) + S / 4, &mut actions);
    assert!(
        actions.contains(&Action::Arm(0, Instant(0) + S / 4 * 5)),
        "{actions:?}"
    );
    let late = Instant(0) + S * 9;
    scripts.due(late, 0, Instant(0) + S / 4 * 5, &mut actions);
    assert!(actions.contains(&Action::Arm(0, late + S)), "{actions:?}");
}

#[test]
fn a_reload_disturbs_only_what_changed() {
    let (mut scripts, first) = started(&[config("a", 1, 1), config("b", 1, 1), config("c", 1, 1)]);
    let mut actions = Vec::new();
    let now = Instant(0) + S / 2;
    let changed = Config {
        timeout: S * 2,
        ..config("b", 1, 1)
    };
    scripts.configure(now, &[changed, config("a", 1, 1)], &mut actions);
    let (b, c) = (runs(&first)[1], runs(&first)[2]);
    assert_eq!(runs(&actions).len(), 1, "{actions:?}");
    assert!(actions.contains(&Action::End(b)) && actions.contains(&Action::End(c)));
    assert!(actions.contains(&Action::Disarm(2)));
    // What the old command says no longer counts.
    let mut actions = Vec::new();
    scripts.ended(b, Outcome::Exited(1), &mut actions);
    scripts.ended(c, Outcome::Exited(1), &mut actions);
    assert_eq!(actions, []);
    scripts.configure(now, &[], &mut actions);
    assert_eq!(scripts.iter().count(), 0);
    // A place that is free is given again.
    scripts.configure(now, &[config("d", 1, 1)], &mut actions);
    assert!(actions.contains(&Action::Arm(0, now + S)), "{actions:?}");
}

/// One whose process cannot be ended, as it waits for a disk that is gone, keeps its own script from being run again, and no other.
#[test]
fn a_run_that_outlives_who_ran_it_is_waited_for() {
    let (mut scripts, first) = started(&[config("stuck", 1, 1), config("fine", 1, 1)]);
    let [stuck, fine] = runs(&first)[..] else {
        panic!("{first:?}");
    };
    scripts.lost(|run| run == stuck);
    let mut actions = Vec::new();
    for id in [0, 1] {
        scripts.due(Instant(0) + S, id, Instant(0) + S, &mut actions);
    }
    let [again] = runs(&actions)[..] else {
        panic!("{actions:?}");
    };
    actions.clear();
    scripts.ended(fine, Outcome::Exited(1), &mut actions);
    assert_eq!(actions, [], "it was over");
    scripts.ended(again, Outcome::Exited(0), &mut actions);
    assert_eq!(levels(&actions), [Level::Up]);
    actions.clear();
    scripts.ended(stuck, Outcome::Unknown, &mut actions);
    assert_eq!(levels(&actions), [], "nobody knows how");
    scripts.due(Instant(0) + S * 2, 0, Instant(0) + S * 2, &mut actions);
    assert_eq!(runs(&actions).len(), 1);
}

/// What keeps this host from running anything is nobody's failure.
#[test]
fn a_host_without_room_says_nothing_of_what_is_tracked() {
    let errnos = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
    for errno in errnos {
        let (mut scripts, first) = started(&[config("a", 1, 1)]);
        let mut actions = Vec::new();
        scripts.ended(runs(&first)[0], Outcome::NotStarted(errno), &mut actions);
        assert_eq!(levels(&actions), [], "{errno}");
        assert_eq!(actions.len(), 1, "it is said");
    }
    let (mut scripts, first) = started(&[config("a", 1, 1)]);
    let mut actions = Vec::new();
    let missing = Outcome::NotStarted(libc::ENOENT);
    scripts.ended(runs(&first)[0], missing, &mut actions);
    assert_eq!(levels(&actions), [Level::Down]);
}

#[test]
fn how_a_run_failed_is_told_apart() {
    for (outcome, words) in [
        (Outcome::Exited(3), "failed (exited with status 3)"),
        (Outcome::Killed(9), "failed (was ended by signal 9)"),
        (
            Outcome::NotStarted(libc::ENOENT),
            "failed (could not be started: No such file or directory (os error 2))",
        ),
        (Outcome::TimedOut, "timed_out"),
    ] {
        let (mut scripts, first) = started(&[config("s", 1, 1)]);
        let (run, mut actions) = (runs(&first)[0], Vec::new());
        if outcome == Outcome::TimedOut {
            scripts.late(run, &mut actions);
        }
        scripts.ended(run, outcome, &mut actions);
        let words = format!("VRRP_Script(s) {words}");
        assert!(told(&actions).contains(&words), "{:?}", told(&actions));
        let script = scripts.find("s").expect("it is there");
        assert_eq!(script.last(), Some(outcome));
    }
}
