//! `linkbeat_interfaces`: the links of some interfaces are asked for once a second, instead of believing what the kernel tells. The
//! driver may take its time to answer, so that another process asks; it says what changed, and that it is there.

use super::{Key, Shell, Source};
use crate::config::model::{LinkMethod, Linkbeat};
use crate::os::clock;
use crate::os::linkbeat::Asker;
use crate::os::poll::{Loop, Want};
use crate::os::process::{self, Fork, ProcessId};
use crate::report::Polled;
use crate::time::Instant;
use crate::vrrp::{Event, Interface};
use crate::wheel::Wheel;
use log::{error, info, warn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// From one question to the next, in milliseconds.
const PERIOD: u16 = 1000;
/// What the other process says: the place of an interface, whether it has a link, the place of the way it was asked in.
const RECORD: usize = 6;
/// A process that dies is replaced at once, unless it has lived for less than this: then after so long.
const RETRY: Duration = Duration::from_secs(1);
/// The place of no interface: all have been asked once more.
const SIGN_OF_LIFE: u32 = u32::MAX;
/// How often signs of life are looked for: a driver may take its time.
const WATCH: Duration = Duration::from_secs(5);
/// So many looks in vain, and it hangs. One alone may come of a host that stood still as a whole.
const MOST_IN_VAIN: u32 = 2;
/// One that cannot be ended hangs in a driver, where others would hang too.
const MOST_LEAVING: usize = 2;

/// The process that asks, and what it said.
#[derive(Default)]
pub(super) struct Linkbeats {
    wanted: Vec<Linkbeat>,
    asker: Option<Line>,
    /// Looks for a sign of life since there was one.
    in_vain: u32,
    /// When one was last started.
    tried: Option<Instant>,
    /// How each was asked last, and whether it has a link.
    heard: HashMap<String, (LinkMethod, bool)>,
    /// What the kernel tells of the same interfaces.
    told: HashMap<String, bool>,
    /// Processes that asked, until they have ended.
    leaving: Vec<ProcessId>,
    /// It was said that there are too many of these.
    gave_up: bool,
}

struct Line {
    process: ProcessId,
    stream: UnixStream,
}

impl AsRawFd for Line {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl Linkbeats {
    /// Asks for the links of these interfaces from now on; gives those that are to be believed from the kernel again.
    pub fn watch(
        &mut self,
        now: Instant,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
        wanted: &[Linkbeat],
    ) -> Vec<(String, bool)> {
        let mut released = Vec::new();
        if self.wanted != wanted {
            self.dismiss(events);
            self.tried = None;
            self.wanted = wanted.to_vec();
            let polled = |name: &String| wanted.iter().any(|line| line.interface == *name);
            self.heard.retain(|name, _| polled(name));
            released.extend(self.told.extract_if(|name, _| !polled(name)));
        }
        self.replace(now, events, wheel);
        released
    }

    /// Starts a process that asks if there is none, now or later. Until it has spoken, what the last one said is believed.
    pub fn replace(&mut self, now: Instant, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        if self.wanted.is_empty() {
            return;
        }
        let may_try = self.tried.is_none_or(|tried| now.since(tried) >= RETRY);
        if self.asker.is_none() && may_try && self.leaving.len() < MOST_LEAVING {
            self.tried = Some(now);
            match start(&self.wanted).and_then(|line| {
                events.add(&line, Source::Linkbeat, Want::Read)?;
                Ok(line)
            }) {
                Ok(line) => (self.asker, self.in_vain) = (Some(line), 0),
                Err(error) => error!("Links are not polled: {error}"),
            }
        }
        let wait = if self.asker.is_some() { WATCH } else { RETRY };
        wheel.arm(Key::Linkbeat, now + wait);
    }

    /// Looks for a sign of life, as is done every now and then; whether the process that asks hangs.
    fn hangs(&mut self) -> bool {
        self.in_vain = self.in_vain.saturating_add(1);
        self.asker.is_some() && self.in_vain > MOST_IN_VAIN
    }

    /// What is polled, and what came of it.
    pub fn polled(&self) -> Vec<Polled<'_>> {
        let polled = |wanted| Polled {
            wanted,
            heard: self.heard.get(&wanted.interface).copied(),
        };
        self.wanted.iter().map(polled).collect()
    }

    /// Those that are to be believed from the kernel, as nobody can ask for them any more.
    fn forsaken(&mut self) -> Vec<(String, bool)> {
        if self.asker.is_some() || self.leaving.len() < MOST_LEAVING {
            self.gave_up = false;
            return Vec::new();
        }
        if !std::mem::replace(&mut self.gave_up, true) {
            error!(
                "Links are not polled: {MOST_LEAVING} processes hang in doing so. Until these have ended, what the kernel tells is believed"
            );
        }
        self.heard.clear();
        self.told.drain().collect()
    }

    fn dismiss(&mut self, events: &mut Loop<Source>) {
        if let Some(line) = self.asker.take() {
            let _ = events.remove(&line);
            if !process::has_ended(line.process) {
                // One that hangs does not see the line end.
                let _ = process::kill_now(line.process);
                self.leaving.push(line.process);
            }
        }
    }

    /// Takes leave of processes that have ended.
    pub fn reap(&mut self) {
        self.leaving.retain(|process| !process::has_ended(*process));
    }

    /// An interface as it is to be believed.
    pub fn believe(&mut self, interface: Interface) -> Interface {
        let Some((_, up)) = self.heard.get(&interface.name).copied() else {
            return interface;
        };
        self.told.insert(interface.name.clone(), interface.up);
        Interface { up, ..interface }
    }

    /// What was said: the interface, its link, and how it was asked when that is told for the first time. `Err`: the process is gone.
    fn receive(&mut self) -> io::Result<Option<(Linkbeat, bool, LinkMethod, bool)>> {
        let Some(line) = &mut self.asker else {
            return Ok(None);
        };
        let (place, up, method) = loop {
            let mut record = [0; RECORD];
            match line.stream.read(&mut record) {
                Ok(RECORD) => {}
                Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            self.in_vain = 0;
            let [a, b, c, d, up, method] = record;
            match u32::from_ne_bytes([a, b, c, d]) {
                SIGN_OF_LIFE => {}
                place => break (place, up, method),
            }
        };
        let wanted = usize::try_from(place)
            .ok()
            .and_then(|place| self.wanted.get(place));
        let (Some(wanted), Some(method)) = (wanted, LinkMethod::ALL.get(usize::from(method)))
        else {
            return Ok(None);
        };
        let up = up != 0;
        let before = self.heard.insert(wanted.interface.clone(), (*method, up));
        Ok(Some((wanted.clone(), up, *method, before.is_none())))
    }
}

impl Shell {
    /// The process that asks for links has something to say.
    pub(super) fn listen_to_linkbeat(&mut self) {
        let now = clock::now();
        loop {
            match self.linkbeats.receive() {
                Ok(None) => return,
                Ok(Some((line, up, method, first))) => {
                    let name = &line.interface;
                    if first && method == line.preferred {
                        info!("The link of {name} is polled by {}", method.name());
                    } else if first {
                        warn!(
                            "The link of {name} is polled by {}: its driver knows no {}",
                            method.name(),
                            line.preferred.name()
                        );
                    }
                    info!("Linkbeat reports {name} {}", if up { "up" } else { "down" });
                    if let Some(known) = self.router.interface_named(name) {
                        let told = self.linkbeats.told.entry(name.clone());
                        told.or_insert(known.up);
                    }
                    self.link_is(now, name, up);
                }
                Err(error) => {
                    warn!("The process that polls links has ended ({error}): starting another");
                    self.linkbeats.dismiss(&mut self.events);
                    self.replace_linkbeat(now);
                    return;
                }
            }
        }
    }

    /// Polls the links that the configuration names, from now on.
    pub(super) fn poll_links(&mut self, now: Instant) {
        let wanted = &self.model.vrrp.linkbeats;
        let released = self
            .linkbeats
            .watch(now, &mut self.events, &mut self.wheel, wanted);
        for (name, up) in released {
            self.link_is(now, &name, up);
        }
    }

    /// The process that asks has to be there, and well.
    pub(super) fn look_after_linkbeat(&mut self, now: Instant) {
        // A sign of life may wait unread.
        self.listen_to_linkbeat();
        if self.linkbeats.hangs() {
            warn!("The process that polls links says nothing any more");
            self.linkbeats.dismiss(&mut self.events);
        }
        self.replace_linkbeat(now);
        for (name, up) in self.linkbeats.forsaken() {
            self.link_is(now, &name, up);
        }
    }

    fn replace_linkbeat(&mut self, now: Instant) {
        self.linkbeats
            .replace(now, &mut self.events, &mut self.wheel);
    }

    fn link_is(&mut self, now: Instant, name: &str, up: bool) {
        let Some(known) = self.router.interface_named(name).cloned() else {
            return;
        };
        let believed = Interface { up, ..known };
        self.router
            .handle(now, Event::Interface(&believed), &mut self.actions);
        self.perform(now);
    }
}

fn start(wanted: &[Linkbeat]) -> io::Result<Line> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    match process::fork()? {
        Fork::Parent(process) => Ok(Line {
            process,
            stream: ours,
        }),
        // Signals stay held back: the end of the line is what ends it, and one that hangs goes with us.
        Fork::Child(_held) => {
            drop(ours);
            // By the others it is seen that the role has ended, which one that hangs would hide.
            process::close_all_but(theirs.as_raw_fd());
            process::be_killed_with_parent();
            let status = ask_for_ever(theirs, wanted).map_or(1, |()| 0);
            process::exit_at_once(status)
        }
    }
}

/// Asks until nobody listens.
fn ask_for_ever(mut line: UnixStream, wanted: &[Linkbeat]) -> io::Result<()> {
    let asker = Asker::open()?;
    let mut told: Vec<Option<bool>> = vec![None; wanted.len()];
    loop {
        for ((place, wanted), told) in (0u32..).zip(wanted).zip(&mut told) {
            let ways = [wanted.preferred].into_iter().chain(LinkMethod::ALL);
            let answer = ways
                .filter_map(|way| Some((way, asker.has_link(&wanted.interface, way).ok()?)))
                .next();
            // One that is not there has no link.
            let (method, up) = answer.unwrap_or((wanted.preferred, false));
            if *told != Some(up) {
                *told = Some(up);
                let method = LinkMethod::ALL.iter().position(|known| *known == method);
                let method = method.and_then(|method| u8::try_from(method).ok());
                line.write_all(&record(place, up, method.unwrap_or(0)))?;
            }
        }
        line.write_all(&record(SIGN_OF_LIFE, false, 0))?;
        let mut ended = [PollFd::new(line.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ended, PollTimeout::from(PERIOD))? > 0 {
            return Ok(());
        }
    }
}

fn record(place: u32, up: bool, method: u8) -> [u8; RECORD] {
    let [a, b, c, d] = place.to_ne_bytes();
    [a, b, c, d, up.into(), method]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let (stream, _) = UnixStream::pair().expect("a pair");
        Line { process: 0, stream }
    }

    fn interface(up: bool) -> Interface {
        Interface {
            name: "eth0".into(),
            up,
            ..crate::vrrp::tests::eth0()
        }
    }

    #[test]
    fn one_that_is_silent_for_long_hangs() {
        let mut linkbeats = Linkbeats {
            asker: Some(line()),
            ..Linkbeats::default()
        };
        for look in 1..=MOST_IN_VAIN + 1 {
            assert_eq!(linkbeats.hangs(), look > MOST_IN_VAIN, "look {look}");
        }
        linkbeats.asker = None;
        assert!(!linkbeats.hangs(), "nobody is there");
    }

    #[test]
    fn what_the_kernel_told_last_is_believed_when_too_many_hang() {
        let mut linkbeats = Linkbeats::default();
        linkbeats
            .heard
            .insert("eth0".into(), (LinkMethod::Mii, true));
        for told in [true, false] {
            assert!(linkbeats.believe(interface(told)).up, "it is polled");
        }
        for leaving in 0..MOST_LEAVING {
            assert_eq!(linkbeats.leaving.len(), leaving);
            assert_eq!(linkbeats.forsaken(), [], "another may be started");
            linkbeats.leaving.push(1);
        }
        linkbeats.asker = Some(line());
        assert_eq!(linkbeats.forsaken(), [], "somebody asks");
        linkbeats.asker = None;
        assert_eq!(linkbeats.forsaken(), [("eth0".to_owned(), false)]);
        assert_eq!(linkbeats.forsaken(), [], "once");
        for told in [true, false] {
            assert_eq!(linkbeats.believe(interface(told)).up, told, "nobody asks");
        }
    }
}
