use super::programs::{Action, Notice, PATIENCE, Programs};
use super::{Event, Kind, What};
use crate::config::model::{Command, Notify};
use crate::config::world::Account;
use crate::time::Instant;
use crate::track::script::{Outcome, RunId};
use std::path::PathBuf;

const NOW: Instant = Instant(0);

fn command(name: &str) -> Command {
    Command {
        program: name.into(),
        arguments: vec![name.into()],
        account: Account::ROOT,
        groups: Vec::new(),
        directory: PathBuf::new(),
    }
}

fn notify() -> Notify {
    Notify {
        master: Some(command("master")),
        backup: Some(command("backup")),
        any: Some(command("any")),
        master_rx_lower_pri: Some(command("lower")),
        ..Notify::default()
    }
}

fn tell(programs: &mut Programs, name: &str, what: What, actions: &mut Vec<Action>) {
    tell_with(programs, name, what, &notify(), actions);
}

fn tell_with(
    programs: &mut Programs,
    name: &str,
    what: What,
    whom: &Notify,
    actions: &mut Vec<Action>,
) {
    let event = Event {
        kind: Kind::Instance,
        name: name.into(),
        what,
        priority: 150,
    };
    programs.tell(NOW, event.programs(whom), actions);
}

/// What is run, as words, and the numbers of the runs.
fn runs(actions: &[Action]) -> Vec<(RunId, String)> {
    let run = |action: &Action| match action {
        Action::Run { run, command, .. } => {
            let words: Vec<_> = command
                .arguments
                .iter()
                .map(|word| String::from_utf8_lossy(word))
                .collect();
            Some((*run, words.join(" ")))
        }
        _ => None,
    };
    actions.iter().filter_map(run).collect()
}

/// Ends programs as they are started, until none is left; what was run.
fn to_the_end(programs: &mut Programs, actions: Vec<Action>) -> Vec<String> {
    let mut done = Vec::new();
    let mut next = runs(&actions);
    while let Some((run, words)) = next.pop() {
        done.push(words);
        let mut actions = Vec::new();
        programs.ended(NOW, run, Outcome::Exited(0), &mut actions);
        next.extend(runs(&actions));
    }
    done
}

#[test]
fn in_order_one_at_a_time_and_the_general_one_after_its_own() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    for what in [What::Backup, What::Master, What::Fault] {
        tell(&mut programs, "A", what, &mut actions);
    }
    assert_eq!(runs(&actions).len(), 1, "the others wait");
    tell(&mut programs, "B", What::Backup, &mut actions);
    assert_eq!(runs(&actions).len(), 2, "not for one another");
    actions.retain(|action| !matches!(action, Action::Run { run: 2, .. }));
    assert_eq!(
        to_the_end(&mut programs, actions),
        [
            "backup",
            "any INSTANCE A BACKUP 150",
            "master",
            "any INSTANCE A MASTER 150",
            "any INSTANCE A FAULT 150"
        ]
    );
}

#[test]
fn one_that_hangs_is_waited_for_in_vain_only_so_long() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    tell(&mut programs, "A", What::Master, &mut actions);
    let (hanging, _) = runs(&actions)[0];
    assert!(actions.contains(&Action::Arm(hanging, NOW + PATIENCE)));
    actions.clear();
    programs.slow(NOW + PATIENCE, hanging, &mut actions);
    assert_eq!(runs(&actions)[0].1, "any INSTANCE A MASTER 150");
    assert!(matches!(actions[0], Action::Tell(Notice::Slow { .. })));
    actions.clear();
    // It does not hold up anyone when it ends at last, and its failure is told.
    programs.ended(NOW, hanging, Outcome::Exited(3), &mut actions);
    assert_eq!(runs(&actions), []);
    let [Action::Tell(notice)] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(
        notice.to_string(),
        "(A) notify script for MASTER exited with status 3"
    );
}

#[test]
fn what_is_history_is_left_out_and_the_last_state_never() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    for _ in 0..100 {
        tell(&mut programs, "A", What::Backup, &mut actions);
        tell(&mut programs, "A", What::MasterRxLowerPri, &mut actions);
        tell(&mut programs, "A", What::Master, &mut actions);
    }
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::Tell(Notice::LeftOut { .. })))
    );
    let done = to_the_end(&mut programs, actions);
    assert!(done.len() < 40, "{done:?}");
    assert_eq!(
        done[done.len() - 2..],
        ["master", "any INSTANCE A MASTER 150"]
    );
}

/// What is no state waits at most once, and does not push the last state out.
#[test]
fn a_lower_priority_heard_makes_no_state_history() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    for what in [What::Backup, What::Master].into_iter().cycle().take(8) {
        tell(&mut programs, "A", what, &mut actions);
    }
    for _ in 0..3 {
        tell(&mut programs, "A", What::MasterRxLowerPri, &mut actions);
    }
    // 15 and 1 wait, the next one is too many.
    tell(&mut programs, "A", What::Fault, &mut actions);
    tell(&mut programs, "A", What::MasterRxLowerPri, &mut actions);
    let done = to_the_end(&mut programs, actions);
    assert_eq!(done, ["backup", "lower", "any INSTANCE A FAULT 150"]);
}

#[test]
fn at_the_end_nothing_waits() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    tell(&mut programs, "A", What::Master, &mut actions);
    tell(&mut programs, "A", What::Backup, &mut actions);
    programs.flush(NOW, &mut actions);
    assert_eq!(runs(&actions).len(), 4);
    assert!(programs.is_any_running());
}

/// Who ran them dies: what had begun is waited for as before, what had not is run again, and nothing is told out of order or twice.
#[test]
fn a_loss_changes_neither_order_nor_what_is_told() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    let limit = Some(PATIENCE * 2);
    let whom = Notify {
        timeout: limit,
        ..notify()
    };
    tell(&mut programs, "A", What::Backup, &mut actions);
    tell(&mut programs, "A", What::Master, &mut actions);
    tell(&mut programs, "B", What::Backup, &mut actions);
    tell_with(&mut programs, "C", What::Fault, &whom, &mut actions);
    let [(of_a, _), (of_b, _), (of_c, _)] = runs(&actions)[..] else {
        panic!("{actions:?}");
    };
    actions.clear();
    let begun = NOW + PATIENCE / 4;
    programs.began(begun, of_a);
    programs.began(begun, of_c);
    let later = NOW + PATIENCE / 2;
    programs.lost(later, &mut actions);
    let until = None;
    assert_eq!(
        actions[..],
        [
            Action::Adopt { run: of_a, until },
            Action::Run {
                run: of_b,
                command: command("backup"),
                limit: None
            },
            Action::Arm(of_b, later + PATIENCE),
            Action::Adopt {
                run: of_c,
                until: limit.map(|limit| begun + limit)
            },
        ]
    );
    assert!(programs.is_any_running());
    actions.clear();
    programs.ended(later, of_a, Outcome::Unknown, &mut actions);
    assert_eq!(
        to_the_end(&mut programs, actions),
        [
            "any INSTANCE A BACKUP 150",
            "master",
            "any INSTANCE A MASTER 150"
        ]
    );
    let mut actions = Vec::new();
    programs.ended(later, of_b, Outcome::Exited(0), &mut actions);
    assert_eq!(runs(&actions)[0].1, "any INSTANCE B BACKUP 150");
}

/// With a limit the next one waits until the end is certain, and the order is kept whatever happens.
#[test]
fn a_limit_is_waited_for() {
    let (mut programs, mut actions) = (Programs::default(), Vec::new());
    let limit = Some(PATIENCE * 2);
    let whom = Notify {
        timeout: limit,
        ..notify()
    };
    tell_with(&mut programs, "A", What::Backup, &whom, &mut actions);
    let [
        Action::Run {
            run, limit: told, ..
        },
    ] = actions[..]
    else {
        panic!("{actions:?}");
    };
    assert_eq!(told, limit);
    actions.clear();
    programs.ended(NOW, run, Outcome::TimedOut, &mut actions);
    let words: Vec<String> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Tell(notice) => Some(notice.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(words, ["(A) notify script for BACKUP timed out"]);
    assert_eq!(runs(&actions)[0].1, "any INSTANCE A BACKUP 150");
}
