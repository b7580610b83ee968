//! The loop of a process: one mio poll, typed tokens, one timerfd armed to the wheel. What is done with an event is the role's.
//!
//! Registrations are edge-triggered: whoever is told that a descriptor is ready reads (or writes) until `WouldBlock`, or says
//! `again` when it stops earlier so that a flood on one socket cannot starve timers and other sockets.

use super::timer::Timer;
use crate::time::Instant;
use crate::wheel::Wheel;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::hash::Hash;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// How many events one wait takes from the kernel.
const EVENTS_PER_WAIT: usize = 256;

/// Up to so many timers the timerfd is always exact.
const FEW_TIMERS: usize = 16;

/// Which readiness is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Bytes to read, or the end of them.
    Read,
    /// Room to write.
    Write,
    /// Both.
    ReadWrite,
}

impl Want {
    fn interest(self) -> Interest {
        match self {
            Want::Read => Interest::READABLE,
            Want::Write => Interest::WRITABLE,
            Want::ReadWrite => Interest::READABLE | Interest::WRITABLE,
        }
    }
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready<T> {
    /// What it was registered as.
    pub token: T,
    /// Reading will not block: there are bytes, an end or an error.
    pub readable: bool,
    /// Writing will not block: there is room or an error.
    pub writable: bool,
    /// There is an error, or nothing can be written any more.
    pub broken: bool,
}

/// The loop; `T` says what a descriptor is.
pub struct Loop<T> {
    poll: Poll,
    events: Events,
    timer: Timer,
    /// What the timerfd is set to; `None` when it has expired or is stopped.
    armed: Option<Instant>,
    /// By descriptor: the kernel gives out the least that is free.
    tokens: Vec<Option<T>>,
    again: Vec<Ready<T>>,
    /// The next wait ends then, whatever the wheel says.
    wake_by: Option<Instant>,
    soon: bool,
    wakeups: u64,
}

impl<T: Copy + PartialEq> Loop<T> {
    /// An empty loop. Made after fork: an epoll instance must not be shared by two processes.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        poll.registry().register(
            &mut SourceFd(&timer.as_raw_fd()),
            token(timer.as_raw_fd()),
            Interest::READABLE,
        )?;
        Ok(Loop {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            timer,
            armed: None,
            tokens: Vec::new(),
            again: Vec::new(),
            wake_by: None,
            soon: false,
            wakeups: 0,
        })
    }

    /// Waits for a descriptor too. The descriptor must not block, and is to be `remove`d before it is closed.
    pub fn add(&mut self, descriptor: &impl AsRawFd, what: T, want: Want) -> io::Result<()> {
        let fd = descriptor.as_raw_fd();
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), token(fd), want.interest())?;
        let place = place(fd);
        if self.tokens.len() <= place {
            self.tokens.resize(place.saturating_add(1), None);
        }
        if let Some(token) = self.tokens.get_mut(place) {
            *token = Some(what);
        }
        Ok(())
    }

    /// Waits for a descriptor no more.
    pub fn remove(&mut self, descriptor: &impl AsRawFd) -> io::Result<()> {
        let fd = descriptor.as_raw_fd();
        if let Some(what) = self.tokens.get_mut(place(fd)).and_then(Option::take) {
            self.again.retain(|ready| ready.token != what);
        }
        self.poll.registry().deregister(&mut SourceFd(&fd))
    }

    /// The handler of `ready` stopped before `WouldBlock`: tell it again at the next wait, which will not sleep.
    pub fn again(&mut self, ready: Ready<T>) {
        self.again.push(ready);
    }

    /// Work is left that is nobody's event: the next wait only looks, and does not sleep.
    pub fn soon(&mut self) {
        self.soon = true;
    }

    /// The next wait ends then at the latest: for what is tried again and has no timer in the wheel.
    pub fn wake_by(&mut self, at: Instant) {
        self.wake_by = Some(self.wake_by.map_or(at, |known| known.min(at)));
    }

    /// Sleeps until a descriptor is ready or the earliest timer is due, and fills `ready`. The caller then takes the expired
    /// timers from the wheel. Signals are heard of by descriptors, and do not end it.
    pub fn wait<K: Copy + Eq + Hash>(
        &mut self,
        wheel: &Wheel<K>,
        ready: &mut Vec<Ready<T>>,
    ) -> io::Result<()> {
        ready.clear();
        let awake = std::mem::take(&mut self.soon) || !self.again.is_empty();
        // Who does not sleep needs no waking.
        if !awake {
            self.arm_timer(wheel)?;
        }
        let timeout = awake.then_some(Duration::ZERO);
        // Whoever was halted and goes on is interrupted here: it has to know what came meanwhile before it looks at its timers.
        while let Err(error) = self.poll.poll(&mut self.events, timeout) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        self.wakeups += 1;
        ready.append(&mut self.again);
        let told_again = ready.len();
        for event in &self.events {
            let fd = event.token().0 as RawFd;
            if fd == self.timer.as_raw_fd() {
                self.armed = None;
                continue;
            }
            // A descriptor that was removed by the handler of an earlier event is no longer known.
            let Some(what) = self.tokens.get(place(fd)).copied().flatten() else {
                continue;
            };
            let broken = event.is_error() || event.is_write_closed();
            let ended = broken || event.is_read_closed();
            let told = Ready {
                token: what,
                readable: event.is_readable() || ended,
                writable: event.is_writable() || ended,
                broken,
            };
            // The kernel tells a descriptor once a wait.
            let mut earlier = ready.iter_mut().take(told_again);
            match earlier.find(|earlier| earlier.token == what) {
                Some(earlier) => {
                    earlier.readable |= told.readable;
                    earlier.writable |= told.writable;
                    earlier.broken |= told.broken;
                }
                None => ready.push(told),
            }
        }
        Ok(())
    }

    /// How often this loop has woken up, for the status report.
    pub fn wakeups(&self) -> u64 {
        self.wakeups
    }

    /// Sets the timerfd when it would be late. One that is early is left alone where there are many timers: a backup's move away
    /// with every advert it hears, and a rare wake-up for nothing costs less than a search and a system call a packet. With few,
    /// the wake-ups of an idle process count.
    fn arm_timer<K: Copy + Eq + Hash>(&mut self, wheel: &Wheel<K>) -> io::Result<()> {
        let by = self.wake_by.take();
        let sooner = |at: Option<Instant>| match (at, by) {
            (Some(at), Some(by)) => Some(at.min(by)),
            (at, by) => at.or(by),
        };
        let wrong = match (self.armed, sooner(wheel.not_before())) {
            (armed, _) if wheel.len() <= FEW_TIMERS => armed != sooner(wheel.next_deadline()),
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(armed), Some(earliest)) => earliest < armed,
        };
        if wrong {
            let next = sooner(wheel.next_deadline());
            self.timer.set(next)?;
            self.armed = next;
        }
        Ok(())
    }
}

fn token(fd: RawFd) -> Token {
    Token(place(fd))
}

/// Descriptors are not negative.
fn place(fd: RawFd) -> usize {
    usize::try_from(fd).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn pair() -> (UnixStream, UnixStream) {
        let (a, b) = UnixStream::pair().expect("a socket pair");
        a.set_nonblocking(true).expect("non-blocking");
        (a, b)
    }

    #[test]
    fn a_timer_wakes_at_its_deadline_and_not_before() {
        let mut events = Loop::<u8>::new().expect("a loop");
        let mut wheel = Wheel::new(clock::now());
        let deadline = clock::now() + Duration::from_millis(20);
        wheel.arm('t', deadline);
        let mut ready = Vec::new();
        events.wait(&wheel, &mut ready).expect("wait");
        assert!(clock::now() >= deadline);
        assert_eq!(wheel.pop_expired(clock::now()), Some(('t', deadline)));
        assert_eq!(events.wakeups(), 1);
    }

    #[test]
    fn an_earlier_timer_replaces_a_later_one_and_a_deadline_in_the_past_is_due_at_once() {
        let mut events = Loop::<u8>::new().expect("a loop");
        let (_keep, other) = pair();
        other.set_nonblocking(true).expect("non-blocking");
        let mut wheel = Wheel::new(clock::now());
        let mut ready = Vec::new();
        wheel.arm('l', clock::now() + Duration::from_secs(3600));
        let (mine, mut theirs) = pair();
        events.add(&mine, 1, Want::Read).expect("add");
        theirs.write_all(b"x").expect("write");
        events.wait(&wheel, &mut ready).expect("wait");
        wheel.arm('e', clock::now() + Duration::from_millis(5));
        events.wait(&wheel, &mut ready).expect("wait");
        assert_eq!(
            wheel.pop_expired(clock::now()).map(|(key, _)| key),
            Some('e')
        );
        wheel.arm('p', Instant(1));
        events.wait(&wheel, &mut ready).expect("wait");
        assert_eq!(wheel.pop_expired(clock::now()), Some(('p', Instant(1))));
    }

    #[test]
    fn a_wait_ends_in_time_for_what_has_no_timer() {
        let mut events = Loop::<u8>::new().expect("a loop");
        let mut wheel = Wheel::new(clock::now());
        wheel.arm('l', clock::now() + Duration::from_secs(3600));
        let by = clock::now() + Duration::from_millis(10);
        events.wake_by(by + Duration::from_secs(1800));
        events.wake_by(by);
        let mut ready = Vec::new();
        events.wait(&wheel, &mut ready).expect("wait");
        assert!(clock::now() >= by);
        assert_eq!(ready, []);
    }

    #[test]
    fn a_loop_with_work_left_looks_and_does_not_sleep_and_then_sleeps_again() {
        let mut events = Loop::<u8>::new().expect("a loop");
        let mut wheel = Wheel::new(clock::now());
        let deadline = clock::now() + Duration::from_millis(50);
        wheel.arm('t', deadline);
        let mut ready = Vec::new();
        events.soon();
        events.wait(&wheel, &mut ready).expect("wait");
        assert_eq!(wheel.pop_expired(Instant(1)), None);
        assert_eq!(events.armed, None, "no timer was needed");
        events.wait(&wheel, &mut ready).expect("wait");
        assert!(clock::now() >= deadline);
    }

    #[test]
    fn what_was_left_unread_is_told_again_and_what_was_removed_is_not() {
        let mut events = Loop::new().expect("a loop");
        let (mut mine, mut theirs) = pair();
        events.add(&mine, "pair", Want::Read).expect("add");
        let mut wheel = Wheel::new(clock::now());
        wheel.arm((), clock::now() + Duration::from_secs(3600));
        let mut ready = Vec::new();
        theirs.write_all(b"ab").expect("write");
        events.wait(&wheel, &mut ready).expect("wait");
        assert_eq!(ready.len(), 1);
        let mut byte = [0];
        mine.read_exact(&mut byte).expect("read");
        events.again(ready[0]);
        events.wait(&wheel, &mut ready).expect("wait");
        assert_eq!(
            ready,
            [Ready {
                token: "pair",
                readable: true,
                writable: false,
                broken: false
            }]
        );
        events.again(ready[0]);
        events.remove(&mine).expect("remove");
        wheel.arm((), clock::now());
        events.wait(&wheel, &mut ready).expect("wait");
        assert_eq!(ready, []);
    }
}
