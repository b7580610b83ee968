//! What the parent and a child tell each other: orders down, answers up, over one pair of datagram sockets. Also the watchdog: the
//! child shows that it is alive from inside its own loop.
//!
//! A child that is awake anyway puts a timer off, at most once a `WATCHDOG_INTERVAL`, which wakes the parent when it expires: neither
//! of them wakes up for a watchdog while all is well. The parent asks a child that let the timer expire, and it has to answer.

use crate::os::timer::Timer;
use crate::time::Instant;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// How often a child shows that it is alive, when it is awake: a busy one need not at every turn.
const WATCHDOG_INTERVAL: Duration = Duration::from_secs(1);
/// How long a child may be silent before it is asked: one that wakes up every few seconds should never be.
const SILENCE_MAX: Duration = Duration::from_secs(6);

/// What the parent tells a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The handover holds a new configuration of so many bytes: take it (`RoleContext::handed_over`), then answer `Reloaded`.
    Reload(u64),
    /// Resign, clean up and exit with status 0.
    Stop,
    /// The same, but leave the services of IPVS as they are: another daemon goes on with them at once.
    Restart,
    /// The configuration has no work for the role any more: as `Stop`, once nothing drains.
    Leave,
    /// Write the data file.
    Data,
    /// Write the statistics.
    Stats,
    /// Write the statistics, then start counting at zero.
    StatsClear,
    /// Write the JSON file.
    Json,
    /// Answer `Alive`.
    AreYouAlive,
}

/// What a child tells the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The loop runs.
    Alive,
    /// The first configuration is acted on.
    Started,
    /// The last `Reload` is acted on.
    Reloaded,
}

const ORDER_SIZE: usize = 9;

impl Order {
    fn encode(self) -> [u8; ORDER_SIZE] {
        let (tag, value) = match self {
            Order::Reload(length) => (0, length),
            Order::Stop => (1, 0),
            Order::Data => (2, 0),
            Order::Stats => (3, 0),
            Order::StatsClear => (4, 0),
            Order::Json => (5, 0),
            Order::AreYouAlive => (6, 0),
            Order::Restart => (7, 0),
            Order::Leave => (8, 0),
        };
        let mut bytes = [tag; ORDER_SIZE];
        bytes[1..].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&tag, value) = bytes.split_first()?;
        Some(match tag {
            0 => Order::Reload(u64::from_ne_bytes(value.try_into().ok()?)),
            1 => Order::Stop,
            2 => Order::Data,
            3 => Order::Stats,
            4 => Order::StatsClear,
            5 => Order::Json,
            6 => Order::AreYouAlive,
            7 => Order::Restart,
            8 => Order::Leave,
            _ => return None,
        })
    }

    /// Whether the child has to hear of it, be it late; the others can be given again.
    fn must_arrive(self) -> bool {
        match self {
            Order::Reload(_) | Order::Stop | Order::Restart | Order::Leave => true,
            Order::Data | Order::Stats | Order::StatsClear | Order::Json | Order::AreYouAlive => {
                false
            }
        }
    }
}

impl Answer {
    const ALL: [Answer; 3] = [Answer::Alive, Answer::Started, Answer::Reloaded];
}

/// A new pair of ends. Neither blocks.
pub fn pair() -> io::Result<(ToChild, ToParent)> {
    let (upper, lower) = UnixDatagram::pair()?;
    upper.set_nonblocking(true)?;
    lower.set_nonblocking(true)?;
    let silence = Silence(Timer::new()?);
    Ok((
        ToChild {
            socket: upper,
            owed: VecDeque::new(),
            silence: Silence(silence.0.share()?),
        },
        ToParent {
            socket: lower,
            silence,
            shown_alive: Instant::default(),
        },
    ))
}

/// Expires when a child has been silent for too long. Both processes have it.
pub struct Silence(Timer);

impl Silence {
    /// There was a sign of life now.
    pub fn broken(&self, now: Instant) -> io::Result<()> {
        self.0.set(Some(now + SILENCE_MAX))
    }

    /// Whether the child has been silent for too long; true once.
    pub fn is_over(&self) -> bool {
        self.0.has_expired()
    }
}

impl AsRawFd for Silence {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The parent's end: to be registered with its loop for reading, and the silence apart from it.
pub struct ToChild {
    socket: UnixDatagram,
    /// What it has to hear of and found no room, in order.
    owed: VecDeque<Order>,
    /// The child's silence.
    pub silence: Silence,
}

impl ToChild {
    /// Tells the child; an error when it has gone. When it has left so much unread that there is no room, what it has to hear of is
    /// kept for `pay`, and anything else is an error.
    pub fn send(&mut self, order: Order) -> io::Result<()> {
        if order.must_arrive() {
            self.owed.push_back(order);
            return self.pay();
        }
        self.socket.send(&order.encode()).map(drop)
    }

    /// Sends what was kept, as far as there is room.
    pub fn pay(&mut self) -> io::Result<()> {
        while let Some(order) = self.owed.front() {
            match self.socket.send(&order.encode()) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.owed.clear();
                    return Err(error);
                }
            }
            self.owed.pop_front();
        }
        Ok(())
    }

    /// Whether something was kept.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The next answer; `None` when there is none (now).
    pub fn receive(&self) -> Option<Answer> {
        let mut byte = [0];
        let length = self.socket.recv(&mut byte).ok()?;
        Answer::ALL
            .get(usize::from(*byte.get(..length)?.first()?))
            .copied()
    }
}

impl AsRawFd for ToChild {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The child's end: to be registered with its loop for reading.
pub struct ToParent {
    socket: UnixDatagram,
    silence: Silence,
    shown_alive: Instant,
}

impl ToParent {
    /// The next order; `None` when there is none (now). To be called until `None`. `AreYouAlive` is answered here.
    pub fn receive(&mut self, now: Instant) -> Option<Order> {
        let mut bytes = [0; ORDER_SIZE];
        loop {
            let length = self.socket.recv(&mut bytes).ok()?;
            match Order::decode(bytes.get(..length)?) {
                Some(Order::AreYouAlive) => {
                    self.shown_alive = now;
                    self.answer(Answer::Alive);
                }
                Some(order) => return Some(order),
                None => {}
            }
        }
    }

    /// To be called once every turn of the loop.
    pub fn alive(&mut self, now: Instant) {
        if now.since(self.shown_alive) >= WATCHDOG_INTERVAL {
            self.shown_alive = now;
            if self.silence.broken(now).is_err() {
                self.answer(Answer::Alive);
            }
        }
    }

    /// Tells the parent. One that has gone takes its children along, so a failure needs no handling here.
    pub fn answer(&self, answer: Answer) {
        let _ = self.socket.send(&[answer as u8]);
    }
}

impl AsRawFd for ToParent {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock;

    #[test]
    fn orders_and_answers_arrive_as_they_were_sent() {
        let (mut upper, mut lower) = pair().expect("a pair");
        let now = Instant(1_000_000_000_000);
        let orders = [
            Order::Reload(u64::MAX),
            Order::Stop,
            Order::Restart,
            Order::Leave,
            Order::Data,
            Order::Stats,
            Order::StatsClear,
            Order::Json,
        ];
        for order in orders {
            upper.send(order).expect("send");
        }
        upper.send(Order::AreYouAlive).expect("send");
        for order in orders {
            assert_eq!(lower.receive(now), Some(order));
        }
        assert_eq!(lower.receive(now), None);
        assert_eq!(upper.receive(), Some(Answer::Alive));
        for answer in Answer::ALL {
            lower.answer(answer);
            assert_eq!(upper.receive(), Some(answer));
        }
        assert_eq!(upper.receive(), None);
    }

    #[test]
    fn what_a_child_has_to_hear_of_is_kept_until_there_is_room() {
        let (mut upper, mut lower) = pair().expect("a pair");
        let now = Instant(1_000_000_000_000);
        let mut unread = 0;
        while upper.send(Order::Data).is_ok() {
            unread += 1;
        }
        for order in [Order::Reload(1), Order::Reload(2), Order::Stop] {
            upper.send(order).expect("kept");
        }
        upper.pay().expect("there is no room yet");
        assert!(upper.owes());
        for _ in 0..unread {
            assert_eq!(lower.receive(now), Some(Order::Data));
        }
        assert_eq!(lower.receive(now), None);
        upper.pay().expect("there is room");
        assert!(!upper.owes());
        for order in [Order::Reload(1), Order::Reload(2), Order::Stop] {
            assert_eq!(lower.receive(now), Some(order));
        }
        upper.send(Order::Reload(3)).expect("kept or sent");
        drop(lower);
        assert!(upper.send(Order::Stop).is_err(), "nobody is there");
    }

    #[test]
    fn a_child_that_is_awake_puts_the_silence_off_without_a_word() {
        let (upper, mut lower) = pair().expect("a pair");
        let now = clock::now();
        upper.silence.broken(Instant::default()).expect("a timer");
        lower.alive(now);
        assert!(!upper.silence.is_over());
        assert_eq!(upper.receive(), None, "the parent is not woken");
        // Not at every turn: a busy child would make a system call each.
        upper.silence.broken(Instant::default()).expect("a timer");
        lower.alive(now + WATCHDOG_INTERVAL / 2);
        wait_over(&upper.silence);
        lower.alive(now + WATCHDOG_INTERVAL);
        assert!(!upper.silence.is_over());
    }

    /// `SILENCE_MAX` after the boot of this host, which has passed unless it is booting.
    fn wait_over(silence: &Silence) {
        while !silence.is_over() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
