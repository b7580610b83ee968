//! BFD sessions that are followed: what was last heard of each, and what of it has not been told yet. Who says it, and how a process
//! comes to know, is the role's; how a session lives is `bfd`'s.

use super::Level;
use crate::wire::bfd::State;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A session that somebody follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    name: Rc<str>,
    heard: Option<State>,
    /// It is among those of which something new was heard.
    is_news: bool,
}

impl Session {
    /// The name of its `bfd_instance`.
    pub fn name(&self) -> &Rc<str> {
        &self.name
    }

    /// What was last heard; Down before anything is, as a session begins.
    pub fn state(&self) -> State {
        self.heard.unwrap_or_default()
    }

    /// Whether anything was heard of it.
    pub fn is_known(&self) -> bool {
        self.heard.is_some()
    }

    /// What that means to who follows it.
    pub fn level(&self) -> Level {
        match self.state() {
            State::Up => Level::Up,
            State::AdminDown | State::Down | State::Init => Level::Down,
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Sessions {
    all: Vec<Session>,
    places: HashMap<Rc<str>, usize>,
    /// The places of those of which something new was heard.
    untold: VecDeque<usize>,
}

impl Sessions {
    /// Follows those of these names from now on, each once; what is known of a session stays.
    pub fn follow<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let before = std::mem::take(self);
        for name in names {
            if self.places.contains_key(name) {
                continue;
            }
            let session = Session {
                name: name.into(),
                heard: before.find(name).and_then(|session| session.heard),
                is_news: false,
            };
            self.places.insert(session.name.clone(), self.all.len());
            self.all.push(session);
        }
    }

    /// Hears what state a session is in.
    pub fn hear(&mut self, name: &str, state: State) {
        if let Some(place) = self.places.get(name)
            && let Some(session) = self.all.get_mut(*place)
            && session.heard.replace(state) != Some(state)
            && !std::mem::replace(&mut session.is_news, true)
        {
            self.untold.push_back(*place);
        }
    }

    /// The next session of which something new was heard, with what is so now.
    pub fn next_news(&mut self) -> Option<Session> {
        let place = self.untold.pop_front()?;
        let session = self.all.get_mut(place)?;
        session.is_news = false;
        Some(session.clone())
    }

    /// All that are followed.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.all.iter()
    }

    /// One of them.
    pub fn find(&self, name: &str) -> Option<&Session> {
        self.all.get(*self.places.get(name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_told_once_and_what_stays_is_not() {
        let mut sessions = Sessions::default();
        sessions.follow(["a", "b", "a"].into_iter());
        assert_eq!(sessions.iter().count(), 2);
        assert!(sessions.iter().all(|it| it.level() == Level::Down));
        for (name, state) in [
            ("a", State::Down),
            ("b", State::Init),
            ("nobody", State::Up),
            ("b", State::Init),
            ("a", State::Up),
        ] {
            sessions.hear(name, state);
        }
        let news: Vec<_> = std::iter::from_fn(|| sessions.next_news())
            .map(|it| (it.name().to_string(), it.state(), it.level()))
            .collect();
        let expected = [
            ("a".to_owned(), State::Up, Level::Up),
            ("b".to_owned(), State::Init, Level::Down),
        ];
        assert_eq!(news, expected);
        assert_eq!(sessions.next_news(), None);
    }

    #[test]
    fn those_that_are_followed_on_are_known_and_others_begin_down() {
        let mut sessions = Sessions::default();
        sessions.follow(["a", "b"].into_iter());
        sessions.hear("a", State::Up);
        sessions.hear("b", State::Up);
        sessions.follow(["c", "b"].into_iter());
        assert_eq!(sessions.find("a"), None);
        let state = |name| sessions.find(name).map(Session::state);
        assert_eq!(state("b"), Some(State::Up));
        assert_eq!(state("c"), Some(State::Down));
    }
}
