//! One session: what RFC 5880 section 6.8 has a system keep of it, and what happens to that. Which session an event is for, and which
//! sessions there are, is in sessions.rs and reload.rs; what a session sends is in session/transmit.rs.

mod transmit;

use super::interval::{Interval, SLOW, duration, micros};
use super::notice::{Notice, Said};
use super::resume::Resume;
use super::table::{Cause, follows};
use super::{Action, Context, SessionId, TimerKey};
use crate::config::model::BfdInstance;
use crate::quiet::Limit;
use crate::time::Instant;
use crate::wire::bfd::{Diagnostic, Packet, State};
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU32};
use std::time::Duration;

/// The `max_hops` that count; others, which are -1 and 255, let packets in whatever their TTL.
const HOPS: std::ops::Range<i16> = 0..255;

/// What is known of the neighbour (RFC 5880 section 6.8.1). Intervals in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// bfd.RemoteDiscr.
    pub discriminator: Option<NonZeroU32>,
    /// bfd.RemoteSessionState.
    pub state: State,
    /// Its diagnostic.
    pub diagnostic: Diagnostic,
    /// Its Desired Min TX Interval.
    pub min_tx: u32,
    /// bfd.RemoteMinRxInterval.
    pub min_rx: u32,
    /// Its Detect Mult.
    pub multiplier: NonZeroU8,
    /// bfd.RemoteDemandMode.
    pub demand: bool,
}

impl Default for Remote {
    /// As section 6.8.1 has it at first, and once nothing was heard for the detection time.
    fn default() -> Self {
        Remote {
            discriminator: None,
            state: State::Down,
            diagnostic: Diagnostic::None,
            min_tx: 0,
            min_rx: 1,
            multiplier: NonZeroU8::MIN,
            demand: false,
        }
    }
}

/// A poll sequence (section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Poll {
    /// Intervals have changed since it began: what ends it does not say whether these were heard, so that another has to follow.
    again: bool,
}

/// One session.
pub struct Session {
    id: SessionId,
    config: BfdInstance,
    state: State,
    diagnostic: Diagnostic,
    discriminator: NonZeroU32,
    min_tx: Interval,
    min_rx: Interval,
    remote: Remote,
    poll: Option<Poll>,
    port: Option<u16>,
    last_heard: Option<Instant>,
    last_sent: Option<Instant>,
    /// The interval for which the transmit timer is armed; `None`: it is not.
    pace: Option<Duration>,
    /// A packet went that the timer knows nothing of.
    sent_early: bool,
    recorded: Option<(bool, State, Resume)>,
    told: Option<(Duration, Duration)>,
    /// It was up, or has had its time to come up: what it says is worth something.
    is_settled: bool,
    far: Limit,
    itself: Limit,
    /// The errno of which was told.
    send_error: Option<i32>,
    send_errors: Limit,
}

impl Session {
    /// One that nothing is known of.
    pub(super) fn new(id: SessionId, config: BfdInstance, discriminator: NonZeroU32) -> Self {
        Session {
            id,
            state: State::Down,
            diagnostic: Diagnostic::None,
            discriminator,
            min_tx: Interval::settled(slow(&config)),
            min_rx: Interval::settled(micros(config.min_rx)),
            remote: Remote::default(),
            poll: None,
            port: None,
            last_heard: None,
            last_sent: None,
            pace: None,
            sent_early: false,
            recorded: None,
            told: None,
            is_settled: false,
            far: Limit::default(),
            itself: Limit::default(),
            send_error: None,
            send_errors: Limit::default(),
            config,
        }
    }

    /// Begins, as Up where another process was a moment ago.
    pub(super) fn begin(&mut self, known: Option<(State, Resume)>, cx: &mut Context<'_>) {
        cx.actions.push(Action::Open(self.id));
        self.is_settled = known.is_some();
        if !self.is_settled {
            let patience = self.remote_detection_time();
            let detect = TimerKey::Detect(self.id);
            cx.actions.push(Action::Arm(detect, cx.now + patience));
        }
        if let Some((_, resume)) = known.filter(|(state, resume)| resume.goes_on(*state)) {
            self.state = State::Up;
            self.remote = Remote {
                discriminator: resume.remote_discriminator,
                state: State::Up,
                diagnostic: Diagnostic::None,
                min_tx: resume.remote_min_tx,
                min_rx: resume.remote_min_rx,
                multiplier: resume.remote_multiplier,
                demand: resume.remote_demand,
            };
            self.min_tx = Interval::settled(resume.min_tx);
            self.min_rx = Interval::settled(resume.min_rx);
            self.last_heard = Some(cx.now);
            self.tell(Said::Resumed, cx);
            self.fit_intervals();
            // Whether an earlier poll was answered is not known any more.
            self.start_poll(cx);
            self.watch(cx);
        }
        self.settle(cx);
    }

    /// Takes the port, and nothing else, of what another process left.
    pub(super) fn inherit_port(&mut self, resume: &Resume) {
        self.port = (resume.port != 0).then_some(resume.port);
    }

    /// Whether it was up since it began, or had its time to come up: who follows it hears of it from then on, so that a start is no
    /// failure.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Its configuration.
    pub fn config(&self) -> &BfdInstance {
        &self.config
    }

    /// bfd.SessionState.
    pub fn state(&self) -> State {
        self.state
    }

    /// bfd.LocalDiag.
    pub fn diagnostic(&self) -> Diagnostic {
        self.diagnostic
    }

    /// bfd.LocalDiscr.
    pub fn discriminator(&self) -> NonZeroU32 {
        self.discriminator
    }

    /// What is known of the neighbour.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Whether the neighbour is asked to confirm intervals.
    pub fn is_polling(&self) -> bool {
        self.poll.is_some()
    }

    /// The port of its socket.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// When a packet was last heard.
    pub fn last_heard(&self) -> Option<Instant> {
        self.last_heard
    }

    /// The errno with which packets cannot be sent.
    pub fn send_error(&self) -> Option<i32> {
        self.send_error
    }

    /// The Desired Min TX Interval that counts, in microseconds.
    pub fn used_min_tx(&self) -> u32 {
        self.min_tx.used
    }

    /// The Required Min RX Interval that counts, in microseconds.
    pub fn used_min_rx(&self) -> u32 {
        self.min_rx.used
    }

    /// How often it sends, before jitter (section 6.8.2).
    pub fn transmit_interval(&self) -> Duration {
        duration(self.min_tx.used.max(self.remote.min_rx))
    }

    /// How often the neighbour sends.
    pub fn receive_interval(&self) -> Duration {
        duration(self.min_rx.used.max(self.remote.min_tx))
    }

    /// After how long a silence the neighbour counts as lost (section 6.8.4); zero while nothing is known of it.
    pub fn detection_time(&self) -> Duration {
        match self.remote.discriminator {
            Some(_) => self.receive_interval() * u32::from(self.remote.multiplier.get()),
            None => Duration::ZERO,
        }
    }

    /// After how long a silence the neighbour counts us as lost.
    pub fn remote_detection_time(&self) -> Duration {
        self.transmit_interval() * u32::from(self.config.multiplier)
    }

    /// What the next process needs to go on with it.
    pub fn resume(&self) -> Resume {
        Resume::of(self)
    }

    /// What a received TTL or hop limit has to be at least (RFC 5881 section 5, RFC 5883 section 5.2).
    fn least_ttl(&self) -> u16 {
        if !HOPS.contains(&self.config.max_hops) {
            return 0;
        }
        let least = i32::from(self.config.ttl) - i32::from(self.config.max_hops);
        u16::try_from(least).unwrap_or(0)
    }

    /// Whether a packet came from near enough.
    pub(super) fn admits(&mut self, source: IpAddr, ttl: Option<u8>, cx: &mut Context<'_>) -> bool {
        let least = self.least_ttl();
        let admitted = least == 0 || ttl.is_some_and(|ttl| u16::from(ttl) >= least);
        if !admitted && let Some(suppressed) = self.far.allow(cx.now) {
            let said = Said::TooFar {
                source,
                ttl,
                least,
                suppressed,
            };
            self.tell(said, cx);
        }
        admitted
    }

    /// A packet of this host's own says nothing of any neighbour.
    pub(super) fn hear_itself(&mut self, source: IpAddr, cx: &mut Context<'_>) {
        if let Some(suppressed) = self.itself.allow(cx.now) {
            self.tell(Said::OwnAddress { source, suppressed }, cx);
        }
    }

    /// The rest of section 6.8.6, in its order, for a packet of this session.
    pub(super) fn hear(&mut self, packet: &Packet, cx: &mut Context<'_>) {
        self.remote = Remote {
            discriminator: Some(packet.my_discriminator),
            state: packet.state,
            diagnostic: packet.diagnostic,
            min_tx: packet.desired_min_tx,
            min_rx: packet.required_min_rx,
            multiplier: packet.multiplier,
            demand: packet.demand,
        };
        self.last_heard = Some(cx.now);
        if packet.fin {
            self.end_poll(cx);
        }
        self.happen(Cause::Heard(packet.state), cx);
        if packet.poll {
            self.send(true, cx);
        }
        self.watch(cx);
        self.settle(cx);
    }

    /// The detection time is over.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) {
        if matches!(self.state, State::Init | State::Up) {
            self.tell(Said::Expired(self.detection_time()), cx);
        }
        self.is_settled = true;
        // First, so that a neighbour that still hears us learns of it in a packet that is for its session.
        self.happen(Cause::Expired, cx);
        self.remote = Remote {
            state: self.remote.state,
            diagnostic: self.remote.diagnostic,
            ..Remote::default()
        };
        self.settle(cx);
    }

    /// Its socket is bound.
    pub(super) fn bound(&mut self, port: u16, cx: &mut Context<'_>) {
        self.port = Some(port);
        self.settle(cx);
    }

    /// How sending went.
    pub(super) fn sent(&mut self, error: Option<i32>, cx: &mut Context<'_>) {
        if error == self.send_error {
            return;
        }
        match error {
            None => self.tell(Said::SendsAgain, cx),
            Some(errno) => match self.send_errors.allow(cx.now) {
                Some(_) => self.tell(Said::SendFailed(errno), cx),
                // Not told, so that its end is not, either.
                None => return,
            },
        }
        self.send_error = error;
    }

    /// Another configuration for the same neighbour.
    pub(super) fn reconfigure(&mut self, config: BfdInstance, cx: &mut Context<'_>) {
        let old = std::mem::replace(&mut self.config, config);
        if old.source != self.config.source || old.ttl != self.config.ttl {
            cx.actions.push(Action::Open(self.id));
        }
        if self.fit_intervals() && self.state == State::Up {
            self.start_poll(cx);
        }
        self.watch(cx);
        self.settle(cx);
    }

    /// It ends: the neighbour is told that this is meant.
    pub(super) fn shut_down(&mut self, cx: &mut Context<'_>) {
        let is_known = self.remote.discriminator.is_some();
        if let Some((state, diagnostic)) = follows(self.state, Cause::Shutdown) {
            (self.state, self.diagnostic) = (state, diagnostic);
            self.poll = None;
            self.fit_intervals();
            if is_known {
                self.send(false, cx);
            }
        }
        cx.actions.extend([
            Action::Disarm(TimerKey::Transmit(self.id)),
            Action::Disarm(TimerKey::Detect(self.id)),
            Action::Close(self.id),
        ]);
    }

    pub(super) fn tell(&self, said: Said, cx: &mut Context<'_>) {
        cx.actions.push(Action::Tell(Notice::Session {
            name: self.config.name.clone(),
            said,
        }));
    }

    /// What follows from that.
    fn happen(&mut self, cause: Cause, cx: &mut Context<'_>) {
        let Some((state, diagnostic)) = follows(self.state, cause) else {
            return;
        };
        (self.state, self.diagnostic) = (state, diagnostic);
        self.is_settled |= state == State::Up;
        self.poll = None;
        if self.fit_intervals() && state == State::Up {
            self.start_poll(cx);
        }
        let said = Said::Entering {
            state,
            local: diagnostic,
            remote: self.remote.diagnostic,
        };
        self.tell(said, cx);
        // Section 6.8.7: what would differ is not kept back until the next is due.
        self.send(false, cx);
    }

    /// Chooses the intervals for the configuration and the state (section 6.8.3); true when the neighbour is to be told.
    fn fit_intervals(&mut self) -> bool {
        let is_up = self.state == State::Up;
        let min_tx = match is_up {
            true => micros(self.config.min_tx),
            false => slow(&self.config),
        };
        let sends = self.min_tx.change(min_tx, u32::min);
        let hears = self.min_rx.change(micros(self.config.min_rx), u32::max);
        if !is_up {
            self.min_tx.settle();
            self.min_rx.settle();
        }
        sends || hears
    }

    fn start_poll(&mut self, cx: &mut Context<'_>) {
        match &mut self.poll {
            Some(poll) => poll.again = true,
            None => {
                self.poll = Some(Poll { again: false });
                self.tell(Said::Polling, cx);
            }
        }
    }

    /// The neighbour has answered (section 6.5).
    fn end_poll(&mut self, cx: &mut Context<'_>) {
        match &mut self.poll {
            None => {}
            Some(poll) if poll.again => poll.again = false,
            Some(_) => {
                self.poll = None;
                self.min_tx.settle();
                self.min_rx.settle();
                self.tell(Said::Polled, cx);
            }
        }
    }
}

/// What is announced while the session is not Up.
fn slow(config: &BfdInstance) -> u32 {
    micros(config.idle_tx).max(SLOW)
}
