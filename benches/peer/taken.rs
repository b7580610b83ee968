//! When a processor ran nothing of this machine: a thread on each, which goes before all that can be preempted, naps and sees how late it
//! is woken. On a virtual machine that is the host's doing. It needs root, or `prlimit --rtprio=99`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keepalived::os::schedule;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// How long the threads sleep at a time.
const NAP: Duration = Duration::from_micros(500);
/// Woken later than this, the processor was away.
const AWAY: Duration = Duration::from_millis(1);
/// The highest there is.
const PRIORITY: u8 = 99;

/// From and to, since the epoch: as the kernel stamps frames.
type Span = (Duration, Duration);

/// Watches the processors while it lives.
pub struct Watch {
    away: Arc<Mutex<Vec<Span>>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Nothing when this process may not schedule in real time.
    pub fn begin() -> Option<Watch> {
        let ours = sched_getaffinity(Pid::from_raw(0)).expect("the processors that are ours");
        let processors = (0..CpuSet::count()).filter(|one| ours.is_set(*one) == Ok(true));
        let mut watch = Watch {
            away: Arc::default(),
            over: Arc::default(),
            threads: Vec::new(),
        };
        let (ready, begun) = std::sync::mpsc::channel();
        for processor in processors {
            let (away, over, ready) = (watch.away.clone(), watch.over.clone(), ready.clone());
            watch.threads.push(std::thread::spawn(move || {
                let processor = u16::try_from(processor).expect("a small number");
                let alone = schedule::set_cpus(&[processor]);
                let first = alone.and_then(|_| schedule::set_realtime(Some(PRIORITY)));
                ready.send(first.is_ok()).expect("somebody waits for it");
                while first.is_ok() && !over.load(Ordering::Relaxed) {
                    let asleep = now();
                    std::thread::sleep(NAP);
                    let (due, woken) = (asleep + NAP, now());
                    if woken > due + AWAY {
                        away.lock()
                            .expect("no thread panics with it")
                            .push((due, woken));
                    }
                }
            }));
        }
        let mut begun = begun.iter().take(watch.threads.len());
        begun.all(|first| first).then_some(watch)
    }

    /// How long any of the processors was away between two times.
    pub fn between(&self, from: Duration, to: Duration) -> Duration {
        let mut away = self.away.lock().expect("no thread panics with it").clone();
        away.sort_unstable();
        let mut counted = from;
        let mut sum = Duration::ZERO;
        for (begin, end) in away {
            let (begin, end) = (begin.max(counted), end.min(to));
            if begin < end {
                sum += end - begin;
                counted = end;
            }
        }
        sum
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What it saw is kept without it.
            let _ = thread.join();
        }
    }
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock that is set")
}
