//! BFD sessions that instances track: what the BFD process says of them on its board goes to the router.

use super::{Phase, Shell, Source};
use crate::config::model::TrackerKind;
use crate::os::clock;
use crate::time::Instant;
use crate::track::session::Session;
use crate::vrrp::Event;

/// Sessions of which is told in one turn: each may send thousands of instances to FAULT, and adverts come between.
const TOLD_PER_TURN: usize = 32;

impl Shell {
    /// Follows the sessions that the configuration tracks. What they are in has to be known before an instance begins, or has another
    /// configuration: one whose process was replaced goes on by it.
    pub(super) fn follow_sessions(&mut self, now: Instant) {
        let lines = self.model.vrrp.instances.iter().flat_map(|it| &it.trackers);
        let lines = lines.filter(|line| line.kind == TrackerKind::Bfd);
        let names = lines.map(|line| line.name.as_str());
        self.followed.follow(&self.context.sessions, names);
        let all: Vec<Session> = self.followed.sessions().iter().cloned().collect();
        for session in &all {
            self.tell_of_session(now, session);
        }
    }

    /// The bell has rung.
    pub(super) fn hear_of_sessions(&mut self) {
        if self.phase == Phase::Stopping {
            return;
        }
        let now = clock::now();
        self.followed.listen(&self.context.sessions);
        for _ in 0..TOLD_PER_TURN {
            let Some(session) = self.followed.next_news() else {
                return;
            };
            self.tell_of_session(now, &session);
            self.perform(now);
        }
        self.events.again(Source::Sessions.readable());
    }

    fn tell_of_session(&mut self, now: Instant, session: &Session) {
        let event = Event::Tracker {
            kind: TrackerKind::Bfd,
            name: session.name(),
            level: session.level(),
        };
        self.router.handle(now, event, &mut self.actions);
    }
}
