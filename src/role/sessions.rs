//! The session board: in which state each BFD session is, in memory shared by the parent and its children. The BFD process writes it,
//! and rings the bells of those that read: the VRRP process, the checker process, and a BFD process that replaces a dead one and goes
//! on with what its neighbours know of it.
//!
//! Readers read what is new of it: nothing is queued, so that nothing is lost, nobody waits, and one that was replaced sees what is.

use super::Role;
use super::shared_records::{Seen, SharedRecords};
use crate::bfd::RESUME_WORDS;
use crate::config::model::BFD_INSTANCES_MAX;
use crate::os::bell::Bell;
use crate::track::session::{Session, Sessions};
use crate::wire::bfd::State;
use log::debug;
use std::io;

/// Words of a name: its bytes, and zeros behind.
const NAME_WORDS: usize = 4;
/// Bytes of a name; the longest one is a byte shorter.
const NAME_BYTES: usize = NAME_WORDS * size_of::<u64>();
/// Words of a record: name, state, what the BFD process resumes from.
const WORDS: usize = NAME_WORDS + 1 + RESUME_WORDS;

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The name of its `bfd_instance`; at most 31 bytes of it are kept.
    pub name: String,
    /// Its state.
    pub state: State,
    /// What a BFD process that replaces this one needs; its own business.
    pub resume: [u64; RESUME_WORDS],
}

impl SessionRecord {
    fn read(record: [u64; WORDS]) -> Option<Self> {
        let (name, rest) = record.split_first_chunk::<NAME_WORDS>()?;
        let (state, resume) = rest.split_first()?;
        let bytes: Vec<u8> = name
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .take_while(|byte| *byte != 0)
            .collect();
        Some(SessionRecord {
            name: String::from_utf8(bytes).ok()?,
            state: State::from_bits(*state as u8),
            resume: *resume.first_chunk()?,
        })
    }
}

/// The board. Made by the parent before it forks, never replaced.
pub struct SessionBoard {
    records: SharedRecords<WORDS>,
    bells: [Bell; Role::ALL.len()],
}

impl SessionBoard {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        let [vrrp, checker, bfd] = Role::ALL.map(|_| Bell::new());
        Ok(SessionBoard {
            records: SharedRecords::new(BFD_INSTANCES_MAX)?,
            bells: [vrrp?, checker?, bfd?],
        })
    }

    /// Writes the record of a place; places are the BFD process's to give, from 0 without gaps. The bells are to be rung behind it.
    pub fn write(&self, place: usize, record: &SessionRecord) {
        let mut name = [0; NAME_BYTES];
        let bytes = record.name.as_bytes();
        for (to, from) in name.iter_mut().take(NAME_BYTES - 1).zip(bytes) {
            *to = *from;
        }
        let mut words = [0; WORDS];
        let (chunks, _) = name.as_chunks();
        let all = chunks.iter().map(|bytes| u64::from_ne_bytes(*bytes));
        let all = all.chain([record.state as u64]).chain(record.resume);
        for (to, from) in words.iter_mut().zip(all) {
            *to = from;
        }
        self.records.write(place, words);
    }

    /// No session is to be gone on with: its neighbour has been told that it ended. Who follows it is told nothing.
    pub fn end_resumption(&self) {
        self.change(|record| record.resume = Default::default());
    }

    /// Nobody speaks for the sessions, and will not for a while: they are down. For the parent, while there is no BFD process.
    pub fn fall(&self) {
        self.change(|record| {
            record.state = State::Down;
            record.resume = Default::default();
        });
        self.ring(Role::Vrrp);
        self.ring(Role::Checker);
    }

    fn change(&self, change: impl Fn(&mut SessionRecord)) {
        for (place, words) in self.records.all() {
            if let Some(mut record) = SessionRecord::read(words) {
                change(&mut record);
                self.write(place, &record);
            }
        }
    }

    /// Forgets the record of a place and all after it.
    pub fn truncate(&self, place: usize) {
        self.records.truncate(place);
    }

    /// The sessions whose record is whole. Of one that is just being written nothing is said: its bell rings in a moment.
    pub fn records(&self) -> impl Iterator<Item = SessionRecord> {
        let records = self.records.all();
        records.filter_map(|(_, record)| SessionRecord::read(record))
    }

    /// Wakes a process: something was written.
    pub fn ring(&self, role: Role) {
        self.bell(role).ring();
    }

    /// What a process listens to, and answers before it reads.
    pub fn bell(&self, role: Role) -> &Bell {
        // `Role::ALL` is in the order of the variants.
        &self.bells[role as usize]
    }
}

/// What a process that follows sessions knows of them.
pub struct Followed {
    role: Role,
    sessions: Sessions,
    seen: Seen,
}

impl Followed {
    /// A process that follows none yet.
    pub fn new(role: Role) -> Self {
        Followed {
            role,
            sessions: Sessions::default(),
            seen: Seen::default(),
        }
    }

    /// Follows those of these names from now on, and hears of them.
    pub fn follow<'a>(&mut self, board: &SessionBoard, names: impl Iterator<Item = &'a str>) {
        self.sessions.follow(names);
        self.seen = Seen::default();
        self.listen(board);
        while self.next_news().is_some() {}
    }

    /// Hears what is new; to be called when the bell has rung.
    pub fn listen(&mut self, board: &SessionBoard) {
        board.bell(self.role).answer();
        for (_, record) in board.records.news(&mut self.seen) {
            if let Some(record) = SessionRecord::read(record) {
                self.sessions.hear(&record.name, record.state);
            }
        }
    }

    /// The next session of which something new was heard, which is said.
    pub fn next_news(&mut self) -> Option<Session> {
        let session = self.sessions.next_news()?;
        let (name, state) = (session.name(), session.state());
        debug!("Received BFD event: instance {name} is in state {state}");
        Some(session)
    }

    /// All that are followed.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, state: State) -> SessionRecord {
        SessionRecord {
            name: name.to_owned(),
            state,
            resume: [1, u64::MAX, 0, state as u64],
        }
    }

    #[test]
    fn sessions_are_read_as_they_were_written() {
        let board = SessionBoard::new().expect("memory");
        let longest = "x".repeat(31);
        let written = [
            record("", State::AdminDown),
            record("grün", State::Up),
            record(&longest, State::Down),
        ];
        for (place, record) in written.iter().enumerate() {
            board.write(place, record);
        }
        board.write(3, &record(&"y".repeat(40), State::Init));
        let read = || board.records().collect::<Vec<_>>();
        assert_eq!(read()[..3], written);
        assert_eq!(read()[3].name, "y".repeat(31));
        board.truncate(1);
        assert_eq!(read(), written[..1]);
    }

    #[test]
    fn who_follows_hears_what_is_new_and_of_new_ones_what_is_old() {
        let board = SessionBoard::new().expect("memory");
        let mut followed = Followed::new(Role::Vrrp);
        board.write(0, &record("a", State::Up));
        board.write(1, &record("b", State::Up));
        followed.follow(&board, ["a"].into_iter());
        let state = |followed: &Followed, name| {
            let found = followed.sessions().find(name);
            found.map(Session::state)
        };
        assert_eq!(state(&followed, "a"), Some(State::Up));
        followed.follow(&board, ["a", "b"].into_iter());
        assert_eq!(state(&followed, "b"), Some(State::Up));
        board.write(1, &record("b", State::Down));
        followed.listen(&board);
        let news = followed.next_news();
        let news = news.map(|it| (it.name().to_string(), it.state()));
        assert_eq!(news, Some(("b".to_owned(), State::Down)));
        assert_eq!(followed.next_news(), None);
    }
}
