//! `BFD_CHECK`: what a session says is a verdict that comes by itself; before its first word the server is what it has to be at first.

use super::{Play, server, whole};
use crate::check::CheckId;
use crate::wire::bfd::State;

const SESSION: &str = "bfd_instance b1 {\nneighbor_ip 10.0.0.1\n}\n";
const CHECK: &str = "BFD_CHECK {\nname b1\n}\n";

fn play(statements: &str, servers: &str) -> Play {
    Play::new(&(SESSION.to_owned() + &whole(statements, servers)))
}

/// The session is in this state: what is said then.
fn says(play: &mut Play, state: State) -> Vec<String> {
    let all: Vec<CheckId> = play
        .director
        .session_checks(&play.lvs)
        .inspect(|(name, _)| assert_eq!(&***name, "b1"))
        .map(|(_, check)| check)
        .collect();
    let mut actions = Vec::new();
    for check in all {
        play.director
            .session_says(play.now, &play.lvs, check, state, &mut actions);
    }
    play.perform(actions);
    play.done.clone()
}

#[test]
fn what_a_session_says_decides_at_once() {
    for (statements, of_server, first) in [
        ("retry 3", CHECK, "10.0.0.1=1"),
        ("alpha", CHECK, ""),
        ("", "BFD_CHECK {\nname b1\nalpha\n}\n", ""),
    ] {
        let case = format!("{statements} {of_server}");
        let mut play = play(statements, &server(1, of_server));
        assert_eq!(play.kernel(), first, "{case}");
        let up = says(&mut play, State::Up);
        assert_eq!(play.kernel(), "10.0.0.1=1", "{case}");
        let line = "# BFD check of [b1] RS([10.0.0.1]:tcp:80) is UP".to_owned();
        assert!(up.contains(&line), "{up:?}");
        for state in [State::Down, State::Init, State::AdminDown] {
            let down = says(&mut play, state);
            assert_eq!(play.kernel(), "", "{case} {state}");
            let line = "# BFD check of [b1] RS([10.0.0.1]:tcp:80) is DOWN".to_owned();
            assert_eq!(down.contains(&line), state == State::Down, "{down:?}");
        }
        let up = says(&mut play, State::Up);
        assert_eq!(play.kernel(), "10.0.0.1=1", "{case}");
        assert!(up.contains(&"/bin/up 1".to_owned()), "{up:?}");
        assert!(play.due.is_empty(), "it is told, not asked: {:?}", play.due);
    }
}

#[test]
fn several_servers_follow_one_session() {
    let servers = server(1, CHECK) + &server(2, &format!("{CHECK}TCP_CHECK {{\n}}\n"));
    let mut play = play("", &servers);
    says(&mut play, State::Down);
    assert_eq!(play.kernel(), "");
    assert!(play.told().contains(&"/bin/vs-down"), "{:?}", play.done);
    says(&mut play, State::Up);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=1");
    // Other checks of a server count as ever.
    play.ends(2, false);
    play.ends(2, false);
    play.ends(2, false);
    assert_eq!(play.kernel(), "10.0.0.1=1");
}

#[test]
fn a_reload_that_brings_one_changes_nothing_before_its_word() {
    let before = SESSION.to_owned() + &whole("", &server(1, "TCP_CHECK {\n}\n"));
    let mut play = Play::new(&before);
    play.configure(&(SESSION.to_owned() + &whole("", &server(1, CHECK))));
    assert_eq!(play.kernel(), "10.0.0.1=1");
    assert!(play.due.is_empty(), "{:?}", play.due);
    says(&mut play, State::Down);
    assert_eq!(play.kernel(), "");
}
