//! `BFD_CHECK`: what the BFD process says of its sessions on its board is a verdict on the servers that follow them.

use super::{Shell, Source};
use crate::os::clock;
use crate::os::poll::Ready;
use crate::time::Instant;
use crate::track::session::Session;

/// Sessions of which is heard in one turn: each may have many servers, and what is due comes between.
const HEARD_PER_TURN: usize = 32;

impl Shell {
    /// Follows the sessions of the configuration from now on.
    pub(super) fn configure_sessions(&mut self, now: Instant) {
        let model = self.model.clone();
        self.session_checks.clear();
        for (name, check) in self.director.session_checks(&model.lvs) {
            let checks = self.session_checks.entry(name.clone()).or_default();
            checks.push(check);
        }
        let names = self.session_checks.keys();
        let names = names.map(|name| &**name);
        self.followed.follow(&self.context.sessions, names);
        // What is new may follow a session of which was heard long ago.
        let all = self.followed.sessions().iter();
        let known = all.filter(|session| session.is_known());
        let known: Vec<Session> = known.cloned().collect();
        for session in &known {
            self.session_says(now, session);
        }
    }

    /// The bell has rung.
    pub(super) fn hear_of_sessions(&mut self, event: Ready<Source>) {
        let now = clock::now();
        self.followed.listen(&self.context.sessions);
        for _ in 0..HEARD_PER_TURN {
            let Some(session) = self.followed.next_news() else {
                return;
            };
            self.session_says(now, &session);
        }
        self.events.again(event);
    }

    fn session_says(&mut self, now: Instant, session: &Session) {
        if self.stopping {
            return;
        }
        let (lvs, state) = (&self.model.lvs, session.state());
        for check in self
            .session_checks
            .get(session.name())
            .into_iter()
            .flatten()
        {
            self.director
                .session_says(now, lvs, *check, state, &mut self.actions);
        }
        self.perform(now);
    }
}
