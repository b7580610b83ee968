//! What the runner and those it watches say, to whom it concerns: what scripts, files and processes say goes to the router.

use super::{Shell, Source};
use crate::os::clock;
use crate::role::programs::{self, Heard, News, Timer, Word};
use crate::time::Instant;
use crate::vrrp::Event;

/// What the runner says is heard so much of in one turn: when hundreds of programs end at once, adverts come between.
const HEARD_PER_TURN: usize = 32;

impl Shell {
    /// Whether anything is configured that the runner has to run.
    fn needs_runner(&self) -> bool {
        let vrrp = &self.model.vrrp;
        let mails = self.model.global.mail.outlet().is_some();
        let instances = vrrp.instances.iter().map(|instance| &instance.notify);
        let groups = vrrp.sync_groups.iter().map(|group| &group.notify);
        !vrrp.scripts.is_empty()
            || !vrrp.files.is_empty()
            || !vrrp.processes.is_empty()
            || vrrp.fifos.iter().any(|fifo| fifo.reader.is_some())
            || instances
                .chain(groups)
                .any(|notify| notify.runs_programs() || notify.mails && mails)
    }

    /// Starts the runner, if it is needed.
    pub(super) fn prepare_runner(&mut self) {
        let (needed, now) = (self.needs_runner(), clock::now());
        self.programs
            .need_runner(needed, now, &mut self.events, &mut self.wheel);
    }

    /// The runner has something to say.
    pub(super) fn hear_of_programs(&mut self) {
        let now = clock::now();
        for _ in 0..HEARD_PER_TURN {
            let news = match self.programs.hear(now, &mut self.events, &mut self.wheel) {
                Heard::Nothing => return,
                Heard::Other => continue,
                Heard::News(news) => news,
            };
            match news {
                News::Late(run) => self.script_late(now, run),
                News::Ended(run, outcome) => self.script_ended(now, run, outcome),
                News::Word(word) => {
                    self.pass_on(now, &word);
                    self.perform(now);
                }
                News::Lost => self.scripts.lost(|run| self.programs.has_begun(run)),
            }
        }
        let source = Source::Programs(programs::Source::Runner);
        self.events.again(source.readable());
    }

    /// A timer of theirs has expired.
    pub(super) fn programs_timer(&mut self, now: Instant, timer: Timer) {
        self.programs
            .expired(now, timer, &mut self.events, &mut self.wheel);
        self.pass_on_words(now);
    }

    /// Watches the files and processes of the configuration from now on.
    pub(super) fn configure_watched(&mut self, now: Instant, begins: bool) {
        let (vrrp, buffers) = (&self.model.vrrp, &self.model.global.buffers);
        self.programs.watch_files(&vrrp.files, begins);
        self.programs
            .watch_processes(&vrrp.processes, buffers.processes, &mut self.wheel);
        self.pass_on_words(now);
    }

    fn pass_on_words(&mut self, now: Instant) {
        while let Some(word) = self.programs.next_word() {
            self.pass_on(now, &word);
        }
        self.perform(now);
    }

    fn pass_on(&mut self, now: Instant, word: &Word) {
        let event = Event::Tracker {
            kind: word.kind,
            name: &word.name,
            level: word.level,
        };
        self.router.handle(now, event, &mut self.actions);
    }
}
