//! Gratuitous ARPs and, for IPv6, unsolicited neighbour advertisements: when an instance is due for another burst, and how bursts of many instances share an interface.
//!
//! Bursts are never sent as one piece: each interface has a queue that gives out a bounded number of frames at a time, so that
//! adverts of other instances, which are timers as well, get their turn in between.

use super::notice::{Notice, Said};
use super::{Action, Actions, Interface, TimerKey};
use crate::config::model::{GarpGroup, GarpPolicy};
use crate::time::Instant;
use crate::wire::{arp, ndisc};
use rustc_hash::FxHashMap as HashMap;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// As many frames leave an interface at once.
const BURST: u32 = 64;
/// A burst may follow the last one after this.
const BURST_PERIOD: Duration = Duration::from_millis(1);

/// When the next bursts of one instance are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    second: Option<(Instant, u32)>,
    refresh: Option<Instant>,
    extra: Option<Instant>,
}

/// What is due of a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Rounds on every interface.
    pub rounds: u32,
    /// And one on interfaces other than the instance's.
    pub extra: bool,
}

impl Schedule {
    /// The schedule of an instance that just became MASTER.
    pub fn of_new_master(now: Instant, policy: &GarpPolicy) -> Self {
        let after = |delay: Duration| (!delay.is_zero()).then(|| now + delay);
        Schedule {
            second: after(policy.master_delay).map(|at| (at, policy.master_repeat)),
            refresh: after(policy.master_refresh),
            extra: after(policy.extra_interfaces),
        }
    }

    /// A second burst after a lower-priority advert, unless one is coming anyhow.
    pub fn add_second(&mut self, now: Instant, delay: Duration, rounds: u32) {
        if self.second.is_none() && !delay.is_zero() && rounds > 0 {
            self.second = Some((now + delay, rounds));
        }
    }

    /// When to look again.
    pub fn next(&self) -> Option<Instant> {
        [self.second.map(|(at, _)| at), self.refresh, self.extra]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is due; it is taken off, and what repeats is put on again.
    pub fn take_due(&mut self, now: Instant, policy: &GarpPolicy) -> Due {
        let again = |at: Instant, period: Duration| {
            let next = at + period;
            (!period.is_zero()).then_some(if next > now { next } else { now + period })
        };
        let extra = self.extra.is_some_and(|at| at <= now);
        if let Some(at) = self.extra.filter(|_| extra) {
            self.extra = again(at, policy.extra_interfaces);
        }
        let mut rounds = 0;
        if let Some((at, second)) = self.second
            && at <= now
        {
            self.second = None;
            rounds = second;
        }
        if let Some(at) = self.refresh
            && at <= now
        {
            self.refresh = again(at, policy.master_refresh);
            rounds = rounds.max(policy.master_refresh_repeat);
        }
        Due { rounds, extra }
    }
}

/// Frames to send for one instance on one interface.
#[derive(Debug)]
pub(super) struct Job {
    /// Whose, for the log.
    pub name: Rc<str>,
    /// Set to false when the instance has stopped being MASTER.
    pub wanted: Rc<Cell<bool>>,
    /// What is not on this host, so that it must not be announced.
    pub refused: Rc<RefCell<BTreeSet<IpAddr>>>,
    /// What to announce.
    pub addresses: Rc<[IpAddr]>,
    /// How often each.
    pub rounds: u32,
    /// Every address was sent once; set by the queue.
    pub begun: bool,
    /// Least time after a gratuitous ARP; zero = only `BURST` bounds them.
    pub spacing: Duration,
    /// The same after a neighbour advertisement.
    pub neighbour_spacing: Duration,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<(Job, usize)>,
    /// Frames since `burst_began`.
    burst: u32,
    burst_began: Instant,
    /// No frame before this.
    free_at: Instant,
}

/// The queues of all interfaces, by kernel index.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    queues: HashMap<u32, Queue>,
    /// What interfaces of a `garp_group` share, by their names.
    shares: HashMap<String, Rc<Share>>,
}

/// A `garp_group` at work.
#[derive(Debug)]
struct Share {
    /// Least time after a gratuitous ARP, and after a neighbour advertisement.
    spacing: (Option<Duration>, Option<Duration>),
    /// No frame on any of its interfaces before this.
    free_at: Cell<Instant>,
}

impl Pacer {
    /// Takes over the `garp_group`s.
    pub fn set_groups(&mut self, groups: &[GarpGroup]) {
        self.shares.clear();
        for group in groups {
            let share = Rc::new(Share {
                spacing: (group.arp_interval, group.neighbour_interval),
                free_at: Cell::new(Instant::default()),
            });
            for interface in &group.interfaces {
                self.shares.insert(interface.clone(), share.clone());
            }
        }
    }

    /// Puts a job at the end of the queue of an interface and sends what may leave now.
    pub fn add(&mut self, now: Instant, interface: &Interface, job: Job, actions: &mut Actions) {
        if job.rounds == 0 || job.addresses.is_empty() {
            return;
        }
        for address in job.addresses.iter() {
            let said = Said::Announcing {
                interface: interface.name.clone(),
                address: *address,
            };
            actions.push(Action::Tell(Notice::Instance {
                name: job.name.clone(),
                said,
            }));
        }
        self.queues
            .entry(interface.index)
            .or_default()
            .jobs
            .push_back((job, 0));
        self.run(now, interface, actions);
    }

    /// Sends what may leave now and asks to be called again for the rest.
    pub fn run(&mut self, now: Instant, interface: &Interface, actions: &mut Actions) {
        let Some(queue) = self.queues.get_mut(&interface.index) else {
            return;
        };
        let share = self.shares.get(&interface.name);
        if let Some(share) = share {
            queue.free_at = queue.free_at.max(share.free_at.get());
        }
        if now.since(queue.burst_began) >= BURST_PERIOD {
            queue.burst = 0;
            queue.burst_began = now;
        }
        while let Some((job, next)) = queue.jobs.front_mut() {
            if !job.wanted.get() || !interface.up {
                queue.jobs.pop_front();
                continue;
            }
            if now < queue.free_at {
                actions.push(Action::Arm(
                    TimerKey::GarpQueue(interface.index),
                    queue.free_at,
                ));
                return;
            }
            let Some(address) = job.addresses.get(*next).copied() else {
                // The round is over: others first.
                job.begun = true;
                job.rounds = job.rounds.saturating_sub(1);
                *next = 0;
                if let Some(done) = queue.jobs.pop_front()
                    && done.0.rounds > 0
                {
                    queue.jobs.push_back(done);
                }
                continue;
            };
            *next += 1;
            if job.refused.borrow().contains(&address) {
                continue;
            }
            if !job.begun {
                let interface = interface.name.clone();
                actions.push(Action::Tell(Notice::GratuitousArp { interface, address }));
            }
            queue.burst += 1;
            let (arps, neighbours) = share.map_or((None, None), |share| share.spacing);
            let (spacing, frame) = match address {
                IpAddr::V4(address) => (
                    arps.unwrap_or(job.spacing),
                    arp::gratuitous(interface.mac, address),
                ),
                IpAddr::V6(address) => (
                    neighbours.unwrap_or(job.neighbour_spacing),
                    ndisc::unsolicited(interface.mac, address),
                ),
            };
            if !spacing.is_zero() {
                queue.free_at = now + spacing;
                if let Some(share) = share {
                    share.free_at.set(queue.free_at);
                }
            } else if queue.burst >= BURST {
                queue.free_at = now + BURST_PERIOD;
            }
            actions.push(Action::SendFrame {
                interface: interface.index,
                frame,
            });
        }
    }

    /// The interface is gone, and with it whatever waited for it.
    pub fn forget(&mut self, interface: u32, actions: &mut Actions) {
        if self.queues.remove(&interface).is_some() {
            actions.push(Action::Disarm(TimerKey::GarpQueue(interface)));
        }
    }
}
