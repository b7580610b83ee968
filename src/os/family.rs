//! Everything that a program started: the processes of its group and its session, and their children, also those that went into a
//! session of their own. The kernel keeps no such list, so all processes of the host are looked at.
//!
//! A process that its parent has left, in a session of its own, is a service that the program started on purpose: it is none of these.

use super::process::ProcessId;
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::collections::HashSet;
use std::fs;
use std::time::Duration;

/// Ticks a second on every architecture that is left.
const USER_HZ: u128 = 100;
/// In nanoseconds.
const SECOND: u128 = 1_000_000_000;

/// Looks at all processes when families are halted: each may show children that were started since the one before.
const LOOKS_MAX: usize = 16;

/// A process that cannot be taken for another one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    process: ProcessId,
    /// When it began, in the kernel's ticks.
    began: u64,
}

impl Member {
    /// The process of this number, if it leads a session, has not ended, and was there at that time (`ticks`): a later one has got the
    /// number of another.
    pub fn leading(process: ProcessId, at: u64) -> Option<Member> {
        let row = look_at(process).filter(|row| row.session == process && !row.has_ended)?;
        (row.member.began <= at).then_some(row.member)
    }

    /// Its number.
    pub fn process(self) -> ProcessId {
        self.process
    }

    /// Whether it has not ended.
    pub fn is_there(self) -> bool {
        look_at(self.process).is_some_and(|row| row.member == self && !row.has_ended)
    }

    fn signal(self, signal: Signal) {
        if look_at(self.process).is_some_and(|row| row.member == self) {
            let _ = kill(Pid::from_raw(self.process), signal);
        }
    }
}

/// What time it is for the kernel's records of processes: ticks since the host was started.
pub fn ticks() -> u64 {
    let each_second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let each_second = each_second.and_then(|ticks| u128::try_from(ticks).ok());
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    let ticks = now.as_nanos() * each_second.unwrap_or(USER_HZ) / SECOND;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// A program and all that it is known to have started.
#[derive(Clone, Debug)]
pub struct Family {
    leader: ProcessId,
    members: HashSet<Member>,
}

impl Family {
    /// Of a program that leads its session; who else belongs to it is found when it is halted.
    pub fn of(leader: ProcessId) -> Self {
        Family {
            leader,
            members: HashSet::new(),
        }
    }

    /// Those of it that are there; also those whose parents have gone since they were found.
    fn find(&self, rows: &[Row]) -> HashSet<Member> {
        let mut numbers: HashSet<ProcessId> = [self.leader].into();
        // A number is in use for as long as a session or a group has it.
        numbers.extend(self.members.iter().map(|member| member.process));
        let own = numbers.clone();
        let mut found = HashSet::new();
        loop {
            let before = found.len();
            for row in rows {
                let process = row.member.process;
                let is_of = process == self.leader
                    || self.members.contains(&row.member)
                    || own.contains(&row.group)
                    || own.contains(&row.session)
                    || numbers.contains(&row.parent);
                if is_of && found.insert(row.member) {
                    numbers.insert(process);
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// Asks all of it to end, and lets it go on for that.
    pub fn ask(&self) {
        for member in &self.members {
            member.signal(Signal::SIGTERM);
            member.signal(Signal::SIGCONT);
        }
    }

    /// Ends all of it.
    pub fn kill(&self) {
        for member in &self.members {
            member.signal(Signal::SIGKILL);
        }
    }
}

/// Stops the processes of families, again and again until nobody is left who could start another one, and learns who they are. They
/// are to be asked or killed next. One look at all processes serves all families.
pub fn halt(families: &mut [Family]) {
    let mut halted = HashSet::new();
    for _ in 0..LOOKS_MAX {
        let rows = census();
        let before = halted.len();
        for family in &mut *families {
            let found = family.find(&rows);
            for member in found.difference(&halted) {
                member.signal(Signal::SIGSTOP);
            }
            halted.extend(&found);
            family.members.extend(found);
        }
        if halted.len() == before {
            return;
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Row {
    member: Member,
    /// Nobody has taken leave of it yet.
    has_ended: bool,
    parent: ProcessId,
    group: ProcessId,
    session: ProcessId,
}

/// All processes; those that may not be seen are not there.
fn census() -> Vec<Row> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(look_at).collect()
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
        has_ended: matches!(field(0)?, "Z" | "X"),
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
            has_ended: false,
            parent,
            group,
            session,
        }
    }

    #[test]
    fn a_family_is_a_group_a_session_and_all_descendants() {
        let rows = [
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
            // In the session of that service.
            process(22, 1, 21, 21),
        ];
        let numbers = |known: &[Member]| {
            let family = Family {
                leader: 10,
                members: known.iter().copied().collect(),
            };
            let found = family.find(&rows);
            let mut numbers: Vec<_> = found.iter().map(|member| member.process).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(&[]), [10, 11, 12, 13, 14]);
        let before = process(21, 11, 21, 21).member;
        assert_eq!(numbers(&[before]), [10, 11, 12, 13, 14, 21, 22]);
    }

    /// A shell with a grandchild in a session of its own, in this process's hands.
    #[test]
    fn all_of_a_family_is_halted_and_killed() {
        use std::os::unix::process::{CommandExt, ExitStatusExt};
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", "setsid sleep 4717 & sleep 4717"])
            .process_group(0);
        let mut child = shell.spawn().expect("a shell");
        let leader = ProcessId::try_from(child.id()).expect("a number");
        let mut families = [Family::of(leader), Family::of(ProcessId::MAX)];
        soon(|| {
            halt(&mut families);
            // Two sleepers at last, if they may go on.
            for member in &families[0].members {
                member.signal(Signal::SIGCONT);
            }
            families[0].members.len() == 3
        });
        assert!(families[1].members.is_empty());
        halt(&mut families);
        families[0].kill();
        assert_eq!(child.wait().expect("its end").signal(), Some(libc::SIGKILL));
        let gone = |member: &Member| {
            let stat = fs::read_to_string(format!("/proc/{}/stat", member.process));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        soon(|| families[0].members.iter().all(gone));
    }

    /// Looks until it is so, for ten seconds at most.
    fn soon(mut look: impl FnMut() -> bool) {
        for _ in 0..1000 {
            if look() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("waited in vain");
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
        assert!(census().iter().any(|row| row.member.process == myself));
    }
}
