//! Everything that a program started: the processes of its group and its session, and their children, also those that went into a
//! session of their own. The kernel keeps no such list, so all processes of the host are looked at.
//!
//! A process that its parent has left, in a session of its own, is a service that the program started on purpose: it is none of these.

use super::process::ProcessId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs;

/// A process that cannot be taken for another one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    process: ProcessId,
    /// When it began, in the kernel's ticks.
    began: u64,
}

impl Member {
    /// Sends it a signal, if it is still there.
    pub fn signal(self, signal: Signal) {
        if look_at(self.process).is_some_and(|row| row.member == self) {
            let _ = kill(Pid::from_raw(self.process), signal);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Row {
    member: Member,
    parent: ProcessId,
    group: ProcessId,
    session: ProcessId,
}

/// All processes at one moment.
#[derive(Debug, Default)]
pub struct Census(Vec<Row>);

impl Census {
    /// Looks at all processes; those that may not be seen are not there.
    pub fn take() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Census(numbers.filter_map(look_at).collect())
    }

    /// What a program started, itself included. `known` are those it was known to have started before: their parents may be gone.
    pub fn family(&self, leader: ProcessId, known: &[Member]) -> Vec<Member> {
        let is_of = |row: &&Row| {
            row.member.process == leader
                || row.group == leader
                || row.session == leader
                || known.contains(&row.member)
        };
        let mut found: Vec<Member> = self.0.iter().filter(is_of).map(|row| row.member).collect();
        let mut numbers: HashSet<ProcessId> = found.iter().map(|member| member.process).collect();
        loop {
            let before = found.len();
            for row in &self.0 {
                if numbers.contains(&row.parent) && numbers.insert(row.member.process) {
                    found.push(row.member);
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }
}

/// What `/proc` tells of a process.
fn look_at(process: ProcessId) -> Option<Row> {
    row(&fs::read(format!("/proc/{process}/stat")).ok()?)
}

/// `PID (NAME) STATE PARENT GROUP SESSION ... BEGAN ...`; the name may hold anything, brackets and blanks too.
fn row(stat: &[u8]) -> Option<Row> {
    /// The place of the time it began, behind the name.
    const BEGAN: usize = 19;
    let stat = String::from_utf8_lossy(stat);
    let (process, rest) = stat.split_once(' ')?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let field = |place| rest.split_ascii_whitespace().nth(place);
    Some(Row {
        member: Member {
            process: process.parse().ok()?,
            began: field(BEGAN)?.parse().ok()?,
        },
        parent: field(1)?.parse().ok()?,
        group: field(2)?.parse().ok()?,
        session: field(3)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(number: ProcessId, parent: ProcessId, group: ProcessId, session: ProcessId) -> Row {
        Row {
            member: Member {
                process: number,
                began: 7,
            },
            parent,
            group,
            session,
        }
    }

    #[test]
    fn a_family_is_a_group_a_session_and_all_descendants() {
        let census = Census(vec![
            process(1, 0, 1, 1),
            // A grandchild in a session of its own comes before its parent here.
            process(12, 11, 12, 12),
            process(10, 1, 10, 10),
            process(11, 10, 10, 10),
            // Left by its parent, but in the session; then one in the group.
            process(13, 1, 13, 10),
            process(14, 1, 10, 10),
            // Another program, and a service that was started.
            process(20, 1, 20, 20),
            process(21, 1, 21, 21),
        ]);
        let numbers = |known: &[Member]| {
            let family = census.family(10, known);
            let mut numbers: Vec<_> = family.iter().map(|member| member.process).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(&[]), [10, 11, 12, 13, 14]);
        let before = process(21, 11, 21, 21).member;
        assert_eq!(numbers(&[before]), [10, 11, 12, 13, 14, 21]);
        let other = Member { began: 6, ..before };
        assert_eq!(
            numbers(&[other]),
            [10, 11, 12, 13, 14],
            "its number was given to another"
        );
    }

    #[test]
    fn names_of_processes_may_be_anything() {
        let rest = "S 10 11 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 100";
        let row = row(format!("42 (a) (b ) c) {rest}\n").as_bytes()).expect("a row");
        assert_eq!((row.parent, row.group, row.session), (10, 11, 12));
        assert_eq!((row.member.process, row.member.began), (42, 4711));
        for bad in ["", "42", "42 (x", "42 (x) S 1", "x (y) S 1 2 3"] {
            assert!(super::row(bad.as_bytes()).is_none(), "{bad}");
        }
        let myself = ProcessId::try_from(std::process::id()).expect("a number");
        let family = Census::take().family(myself, &[]);
        assert!(family.iter().any(|member| member.process == myself));
    }
}
