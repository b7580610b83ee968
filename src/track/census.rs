//! Which processes there are of those that somebody tracks: what the kernel tells, and what `/proc` shows, in; numbers out. Reading
//! either is the runner's; what a number means is `process`'s.

use crate::config::model::{ParameterMatch, ProcessMatch};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

/// Something that processes are counted for; never given to another one.
pub type WatchId = u64;
/// A process.
pub type Pid = i32;

/// The kernel keeps so many bytes of a name (`TASK_COMM_LEN` without its end).
const NAME_MAX: usize = 15;

/// What `/proc/PID/stat` says of a process that lives: its name. Nothing of one that has ended and waits for its parent.
pub fn name_in_stat(stat: &[u8]) -> Option<&[u8]> {
    // A name may have anything in it, brackets too; what follows has none.
    let start = stat.iter().position(|byte| *byte == b'(')?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(start.checked_add(1)?..end)?;
    match stat.get(end.checked_add(2)?)? {
        b'Z' | b'X' | b'x' => None,
        _ => Some(name),
    }
}

/// One thing that processes are counted for.
#[derive(Debug)]
struct Watch {
    matching: ProcessMatch,
    /// With how many of them all is well.
    quorum: RangeInclusive<u32>,
    count: u32,
    told: Option<u32>,
}

/// All processes that matter.
#[derive(Debug, Default)]
pub struct Census {
    watches: HashMap<WatchId, Watch>,
    by_name: HashMap<Vec<u8>, Vec<WatchId>>,
    by_program: HashMap<Vec<u8>, Vec<WatchId>>,
    /// Only those that are counted for something, or were.
    processes: HashMap<Pid, Vec<WatchId>>,
    /// Whose number may have changed since news were last asked for.
    touched: HashSet<WatchId>,
    /// Whose number has changed, but decides nothing.
    undecided: HashSet<WatchId>,
}

impl Census {
    /// Counts for this, too, from the next look at all processes on.
    pub fn watch(&mut self, id: WatchId, matching: ProcessMatch, quorum: (u32, u32)) {
        let (index, key) = self.index_of(&matching);
        index.entry(key).or_default().push(id);
        let watch = Watch {
            matching,
            quorum: quorum.0..=quorum.1,
            count: 0,
            told: None,
        };
        self.watches.insert(id, watch);
        self.touched.insert(id);
    }

    /// Counts for it no more.
    pub fn forget(&mut self, id: WatchId) {
        let Some(watch) = self.watches.remove(&id) else {
            return;
        };
        self.touched.remove(&id);
        self.undecided.remove(&id);
        let (index, key) = self.index_of(&watch.matching);
        if let Some(ids) = index.get_mut(&key) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                index.remove(&key);
            }
        }
        // Processes that were counted for it need not be looked for: nobody else is ever of that number.
    }

    fn index_of(
        &mut self,
        matching: &ProcessMatch,
    ) -> (&mut HashMap<Vec<u8>, Vec<WatchId>>, Vec<u8>) {
        match matching {
            ProcessMatch::Name(name) => {
                let kept = name.get(..NAME_MAX).unwrap_or(name).to_vec();
                (&mut self.by_name, kept)
            }
            ProcessMatch::Command { program, .. } => (&mut self.by_program, program.clone()),
        }
    }

    /// Whether anything is counted.
    pub fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// Whether command lines have to be known.
    pub fn needs_command_lines(&self) -> bool {
        !self.by_program.is_empty()
    }

    /// A process is like this now: its name, and its command line with a NUL behind each word (empty when nobody needs it).
    pub fn seen(&mut self, pid: Pid, name: &[u8], command_line: &[u8]) {
        let mut ids = self.by_name.get(name).cloned().unwrap_or_default();
        let mut words = command_line.split(|byte| *byte == 0);
        if let Some(candidates) = words.next().and_then(|word| self.by_program.get(word)) {
            let parameters = command_line.strip_suffix(&[0]).unwrap_or(command_line);
            let parameters = parameters.split(|byte| *byte == 0).skip(1);
            let parameters: Vec<&[u8]> = parameters.collect();
            let fits = |id: &&WatchId| {
                let watch = self.watches.get(*id);
                watch.is_some_and(|watch| watch.matching.fits(&parameters))
            };
            ids.extend(candidates.iter().filter(fits));
        }
        self.set(pid, ids);
    }

    /// A process has made a copy of itself.
    pub fn forked(&mut self, parent: Pid, child: Pid) {
        let ids = self.processes.get(&parent).cloned().unwrap_or_default();
        self.set(child, ids);
    }

    /// A process has ended.
    pub fn ended(&mut self, pid: Pid) {
        self.set(pid, Vec::new());
    }

    /// There are no other processes than these.
    pub fn retain(&mut self, alive: &HashSet<Pid>) {
        let gone = self.processes.keys().filter(|pid| !alive.contains(pid));
        let gone: Vec<Pid> = gone.copied().collect();
        gone.into_iter().for_each(|pid| self.ended(pid));
    }

    fn set(&mut self, pid: Pid, ids: Vec<WatchId>) {
        for id in &ids {
            if let Some(watch) = self.watches.get_mut(id) {
                watch.count = watch.count.saturating_add(1);
                self.touched.insert(*id);
            }
        }
        let before = if ids.is_empty() {
            self.processes.remove(&pid)
        } else {
            self.processes.insert(pid, ids)
        };
        for id in before.into_iter().flatten() {
            if let Some(watch) = self.watches.get_mut(&id) {
                watch.count = watch.count.saturating_sub(1);
                self.touched.insert(id);
            }
        }
    }

    /// What has changed since it was told last: the numbers that decide something alone, or all. Where many processes come and go,
    /// each number is of interest only every now and then.
    pub fn news(&mut self, all: bool) -> Vec<(WatchId, u32)> {
        let mut changed = std::mem::take(&mut self.touched);
        if all {
            changed.extend(self.undecided.drain());
        }
        let mut news = Vec::new();
        for id in changed {
            let Some(watch) = self.watches.get_mut(&id) else {
                continue;
            };
            let decides = watch.told.is_none_or(|told| {
                watch.quorum.contains(&told) != watch.quorum.contains(&watch.count)
            });
            let differs = watch.told != Some(watch.count);
            if differs && !decides && !all {
                self.undecided.insert(id);
                continue;
            }
            self.undecided.remove(&id);
            if differs {
                watch.told = Some(watch.count);
                news.push((id, watch.count));
            }
        }
        news
    }

    /// Whether some number has changed that `news` has left for later.
    pub fn has_news(&self) -> bool {
        !self.undecided.is_empty()
    }
}

impl ProcessMatch {
    /// Whether a process of the right program has the right parameters.
    fn fits(&self, found: &[&[u8]]) -> bool {
        let ProcessMatch::Command {
            parameters, how, ..
        } = self
        else {
            return false;
        };
        let same = |found: &[&[u8]], wanted: &[Vec<u8>]| found == wanted;
        match how {
            ParameterMatch::None => true,
            ParameterMatch::Exact => same(found, parameters),
            ParameterMatch::Partial => found
                .get(..parameters.len())
                .is_some_and(|first| same(first, parameters)),
            ParameterMatch::Initial => match parameters.split_last() {
                None => true,
                Some((last, before)) => {
                    let (Some(first), Some(word)) =
                        (found.get(..before.len()), found.get(before.len()))
                    else {
                        return false;
                    };
                    same(first, before) && word.starts_with(last)
                }
            },
        }
    }
}
