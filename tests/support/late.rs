//! Whether the machine itself stood still: a thread for each processor sleeps, and sees how late it is woken. What a case finds
//! meanwhile about a daemon that is late says nothing. Not here: a machine that is slow all the time (`PATIENCE`).

use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// How long the threads sleep at a time.
const NAP: Duration = Duration::from_millis(10);

/// Three of the shortest intervals that cases have adverts sent at are 300 ms: a third of them is no reason to take over.
const STANDSTILL: Duration = Duration::from_millis(100);

/// Ends of the standstills so far, and how long each was.
static SEEN: Mutex<Vec<(Instant, Duration)>> = Mutex::new(Vec::new());

/// Has the processors watched from now on.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ours = sched_getaffinity(Pid::from_raw(0)).expect("the processors that are ours");
        for processor in
            (0..CpuSet::count()).filter(|processor| ours.is_set(*processor) == Ok(true))
        {
            std::thread::spawn(move || watch_one(processor));
        }
    });
}

fn watch_one(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor).expect("one of ours");
    // A processor that is taken from us meanwhile is none that the cases run on.
    if sched_setaffinity(Pid::from_raw(0), &only).is_err() {
        return;
    }
    loop {
        let asleep = Instant::now();
        std::thread::sleep(NAP);
        let late = asleep.elapsed().saturating_sub(NAP);
        if late > STANDSTILL {
            let mut seen = SEEN.lock().expect("no thread panics with it");
            seen.push((Instant::now(), late));
        }
    }
}

/// The longest standstill that ended after `start`, if there was one.
pub fn longest_since(start: Instant) -> Option<Duration> {
    let seen = SEEN.lock().expect("no thread panics with it");
    let since = seen.iter().filter(|(end, _)| *end > start);
    since.map(|(_, late)| *late).max()
}
