//! Mail on its way out: connections to mail servers, one at a time, beside everything else that the runner does. What is said and
//! which mail is next is `notify::mail`'s.

use super::{Key, Source};
use crate::config::model::MailServer;
use crate::notify::mail::{Dialogue, Envelope, Heard, Left, MailId, Notice, Outlet, Queue};
use crate::os::clock;
use crate::os::lookup::Lookup;
use crate::os::poll::{Loop, Want};
use crate::time::Instant;
use crate::wheel::Wheel;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long name servers may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(20);
/// How long mail may take to leave after its role has gone.
pub(super) const PARTING: Duration = Duration::from_secs(10);

/// What there is to send, and the connection there is.
#[derive(Default)]
pub(super) struct Post {
    queue: Queue,
    stage: Stage,
    /// Nothing can be sent before its time comes or another mail does.
    sleeps: bool,
    /// What the role is to hear.
    pub notices: VecDeque<Notice>,
    /// Which mail it was told is being sent.
    told: Option<MailId>,
}

/// How far the mail under way has come.
#[derive(Default)]
enum Stage {
    /// None is.
    #[default]
    Idle,
    /// The name of its server is being looked up.
    Looking(Lookup, Box<Envelope>),
    /// A connection is being made, or stands. Boxed: rarely there, and large.
    Talking(Box<Talk>),
}

/// A connection to a server.
struct Talk {
    stream: TcpStream,
    connected: bool,
    dialogue: Dialogue,
    /// What has still to be sent.
    out: Vec<u8>,
    /// The mail that is being handed in, until it is; then the last one.
    envelope: Envelope,
    /// Not begun yet: the server has not greeted.
    waits: bool,
    /// Other addresses of the server.
    others: Vec<IpAddr>,
}

/// What a step has led to.
enum Next {
    /// More is to come.
    Wait,
    /// The connection is of no use.
    Failed(String),
    /// All is said.
    Close,
}

impl Post {
    /// Takes a mail in.
    pub fn send(&mut self, id: MailId, envelope: Envelope) {
        let now = clock::now();
        self.notices.extend(self.queue.push(now, id, envelope));
        self.sleeps = false;
    }

    /// What waits goes there from now on.
    pub fn redirect(&mut self, outlet: Outlet) {
        self.queue.redirect(outlet);
        self.sleeps = false;
    }

    /// What is to be told of mails of which less is left.
    pub fn take_left(&mut self) -> Vec<Left> {
        self.queue.take_left()
    }

    /// Which mail is being sent, if that is another than was told, or none.
    pub fn take_sending(&mut self) -> Option<Option<MailId>> {
        let current = self.queue.current();
        (std::mem::replace(&mut self.told, current) != current).then_some(current)
    }

    /// Whether nothing is left to be sent.
    pub fn is_done(&self) -> bool {
        self.queue.is_empty() && matches!(self.stage, Stage::Idle)
    }

    /// The role has gone: what is left is tried at once.
    pub fn hurry(&mut self, now: Instant) {
        self.queue.hurry(now);
        self.sleeps = false;
    }

    /// Begins what can be begun. Asked in every turn.
    pub fn advance(&mut self, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        while !self.sleeps && matches!(self.stage, Stage::Idle) {
            let now = clock::now();
            let Some(envelope) = self.queue.next(now, |_| true) else {
                self.sleeps = true;
                if let Some(at) = self.queue.wake(now) {
                    wheel.arm(Key::Mail, at);
                }
                return;
            };
            match envelope.outlet.server.host.parse() {
                Ok(address) => self.connect(envelope, vec![address], events, wheel),
                Err(_) => self.look_up(envelope, events, wheel),
            }
        }
    }

    fn look_up(&mut self, envelope: Envelope, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        let server = envelope.outlet.server.clone();
        let lookup = Lookup::start(&server.host).and_then(|lookup| {
            events.add(&lookup, Source::Mail, Want::Read)?;
            Ok(lookup)
        });
        match lookup {
            Ok(lookup) => {
                wheel.arm(Key::Mail, clock::now() + LOOKUP_LIMIT);
                self.stage = Stage::Looking(lookup, Box::new(envelope));
            }
            Err(error) => self.fail(&server, &format!("its name cannot be looked up: {error}")),
        }
    }

    /// Connects to the first of the addresses that can be.
    fn connect(
        &mut self,
        envelope: Envelope,
        addresses: Vec<IpAddr>,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) {
        let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
        let mut addresses = addresses.into_iter();
        while let Some(address) = addresses.next() {
            let address = SocketAddr::new(address, envelope.outlet.server.port);
            let connecting = TcpStream::connect(address).and_then(|stream| {
                events.add(&stream, Source::Mail, Want::ReadWrite)?;
                Ok(stream)
            });
            match connecting {
                Ok(stream) => {
                    wheel.arm(Key::Mail, clock::now() + envelope.outlet.connect_timeout);
                    self.stage = Stage::Talking(Box::new(Talk {
                        stream,
                        connected: false,
                        dialogue: Dialogue::new(&envelope.outlet.helo),
                        out: Vec::new(),
                        envelope,
                        waits: true,
                        others: addresses.collect(),
                    }));
                    return;
                }
                Err(error) => failure = error,
            }
        }
        self.fail(
            &envelope.outlet.server,
            &format!("cannot connect: {failure}"),
        );
    }

    /// The name server's answer, or the mail server, has moved.
    pub fn ready(&mut self, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        match std::mem::take(&mut self.stage) {
            Stage::Idle => {}
            Stage::Looking(mut lookup, envelope) => match lookup.read() {
                None => self.stage = Stage::Looking(lookup, envelope),
                Some(found) => {
                    let _ = events.remove(&lookup);
                    drop(lookup);
                    match found {
                        Ok(addresses) => self.connect(*envelope, addresses, events, wheel),
                        Err(error) => {
                            let why = format!("its name cannot be looked up: {error}");
                            self.fail(&envelope.outlet.server, &why);
                        }
                    }
                }
            },
            Stage::Talking(mut talk) => match self.talk(&mut talk, wheel) {
                Next::Wait => self.stage = Stage::Talking(talk),
                Next::Close => close(*talk, events, wheel),
                Next::Failed(why) => self.give_up(*talk, &why, events, wheel),
            },
        }
    }

    /// A time is over.
    pub fn expired(&mut self, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
        match std::mem::take(&mut self.stage) {
            // `advance` follows.
            Stage::Idle => self.sleeps = false,
            Stage::Looking(lookup, envelope) => {
                let _ = events.remove(&lookup);
                self.fail(&envelope.outlet.server, "its name was not found in time");
            }
            Stage::Talking(talk) => {
                let why = match (talk.connected, talk.waits) {
                    (false, _) => "no connection in time",
                    (true, true) => "it has not greeted in time",
                    (true, false) => "no answer in time",
                };
                self.give_up(*talk, why, events, wheel);
            }
        }
    }

    /// The server is of no use, at this address at least.
    fn give_up(
        &mut self,
        talk: Talk,
        why: &str,
        events: &mut Loop<Source>,
        wheel: &mut Wheel<Key>,
    ) {
        let _ = events.remove(&talk.stream);
        wheel.disarm(Key::Mail);
        let server = &talk.envelope.outlet.server;
        if !talk.waits {
            let said = self.queue.broke_off(clock::now(), server, why);
            self.notices.extend(said);
        } else if talk.others.is_empty() {
            self.fail(server, why);
        } else {
            self.connect(talk.envelope, talk.others, events, wheel);
        }
    }

    fn fail(&mut self, server: &MailServer, why: &str) {
        self.notices
            .extend(self.queue.failed(clock::now(), server, why));
    }

    /// Reads and writes what there is.
    fn talk(&mut self, talk: &mut Talk, wheel: &mut Wheel<Key>) -> Next {
        if !talk.connected {
            match talk.is_connected() {
                Ok(true) => talk.connected = true,
                Ok(false) => return Next::Wait,
                Err(error) => return Next::Failed(format!("cannot connect: {error}")),
            }
        }
        let mut bytes = [0; 4096];
        loop {
            match talk.stream.read(&mut bytes) {
                Ok(0) => return Next::Failed("it has closed the connection".to_owned()),
                Ok(length) => {
                    let said = bytes.get(..length).unwrap_or_default();
                    let before = talk.out.len();
                    let heard = talk.dialogue.received(said, &mut talk.out);
                    if let Some(next) = self.heard(talk, heard) {
                        return next;
                    }
                    // For the whole of a reply: a piece of one puts nothing off.
                    if let Some(limit) = talk.dialogue.limit().filter(|_| talk.out.len() > before) {
                        wheel.arm(Key::Mail, clock::now() + limit);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Next::Failed(format!("the connection broke: {error}")),
            }
        }
        match talk.flush() {
            Ok(()) => Next::Wait,
            Err(error) => Next::Failed(format!("the connection broke: {error}")),
        }
    }

    /// What a reply has led to; `None`: there may be more to read.
    fn heard(&mut self, talk: &mut Talk, heard: Heard) -> Option<Next> {
        match heard {
            Heard::GoOn => {}
            Heard::Failed(why) => return Some(Next::Failed(why)),
            Heard::Over => return Some(Next::Close),
            Heard::Ready => talk.begin(),
            Heard::Done(delivery) => {
                let now = clock::now();
                self.notices.extend(self.queue.settled(now, delivery));
                match self.queue.next(now, |next| talk.takes(next)) {
                    Some(next) => {
                        talk.envelope = next;
                        talk.begin();
                    }
                    None => talk.dialogue.quit(&mut talk.out),
                }
            }
        }
        None
    }
}

impl Talk {
    /// Whether the connection stands.
    fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the same conversation can go on with this mail.
    fn takes(&self, next: &Envelope) -> bool {
        let ours = &self.envelope.outlet;
        (&next.outlet.server, &next.outlet.helo) == (&ours.server, &ours.helo)
    }

    fn begin(&mut self) {
        self.waits = false;
        self.dialogue.begin(self.envelope.clone(), &mut self.out);
    }

    /// Writes what there is room for.
    fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(length) => drop(self.out.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn close(talk: Talk, events: &mut Loop<Source>, wheel: &mut Wheel<Key>) {
    let _ = events.remove(&talk.stream);
    wheel.disarm(Key::Mail);
}
