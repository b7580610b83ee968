//! What a session sends and when (RFC 5880 section 6.8.7), and what has to fit after whatever has happened to it.

use super::Session;
use crate::bfd::interval::jittered;
use crate::bfd::notice::Said;
use crate::bfd::{Action, Context, TimerKey};
use crate::wire::bfd::{PORT, PORT_MULTIHOP, Packet, State};
use std::net::SocketAddr;
use std::num::NonZeroU8;

impl Session {
    /// The next periodic packet is due.
    pub(in crate::bfd) fn transmit(&mut self, cx: &mut Context<'_>) {
        self.pace = None;
        if self.is_periodic() {
            self.send(false, cx);
        }
        self.settle(cx);
    }

    /// Sends a packet: `fin` when it answers one with P.
    pub(super) fn send(&mut self, fin: bool, cx: &mut Context<'_>) {
        let packet = Packet {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: self.poll.is_some() && !fin,
            fin,
            independent: false,
            demand: false,
            // The keyword's least is 1.
            multiplier: NonZeroU8::new(self.config.multiplier).unwrap_or(NonZeroU8::MIN),
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: self.min_tx.told,
            required_min_rx: self.min_rx.told,
            required_min_echo_rx: 0,
        };
        let port = match self.config.multihop {
            true => PORT_MULTIHOP,
            false => PORT,
        };
        cx.actions.push(Action::Send {
            session: self.id,
            to: SocketAddr::new(self.config.neighbor, port),
            bytes: packet.emit(),
        });
        // An answer has nothing to do with the transmit timer (section 6.8.7).
        if !fin {
            self.last_sent = Some(cx.now);
            self.sent_early = true;
        }
    }

    /// Whether periodic packets are sent (section 6.8.7).
    fn is_periodic(&self) -> bool {
        let waits = self.config.passive && self.remote.discriminator.is_none();
        let demanded = self.remote.demand
            && self.state == State::Up
            && self.remote.state == State::Up
            && self.poll.is_none();
        !waits && !demanded && self.remote.min_rx != 0 && self.state != State::AdminDown
    }

    /// Arms the detection timer, counting from the last packet.
    pub(super) fn watch(&mut self, cx: &mut Context<'_>) {
        if let Some(heard) = self
            .last_heard
            .filter(|_| self.remote.discriminator.is_some())
        {
            let at = heard + self.detection_time();
            cx.actions.push(Action::Arm(TimerKey::Detect(self.id), at));
        }
    }

    /// What has to fit to what has happened, whatever that was.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        let key = TimerKey::Transmit(self.id);
        let pace = self.is_periodic().then(|| self.transmit_interval());
        let is_stale = std::mem::take(&mut self.sent_early) || pace != self.pace;
        match pace {
            // From the last packet, not from when it was due: no two may be closer than the neighbour allows.
            Some(interval) if is_stale => {
                let wait = jittered(interval, self.config.multiplier, (cx.random)());
                let due = self.last_sent.map_or(cx.now, |sent| sent + wait);
                cx.actions.push(Action::Arm(key, due));
            }
            None if is_stale => cx.actions.push(Action::Disarm(key)),
            _ => {}
        }
        self.pace = pace;
        let intervals = (self.transmit_interval(), self.detection_time());
        if self.state == State::Up && self.told.replace(intervals) != Some(intervals) {
            let (transmit, detection) = intervals;
            self.tell(
                Said::Intervals {
                    transmit,
                    detection,
                },
                cx,
            );
        }
        let record = (self.is_settled, self.state, self.resume());
        if self.recorded.replace(record) != Some(record) {
            cx.actions.push(Action::Record(self.id));
        }
    }
}
