//! `BFD_CHECK`: until sessions are spoken it lets its server pass, whatever the server has to be at first; what a session will say is a
//! verdict that comes by itself.

use super::super::dialogue::Failure;
use super::{Play, server, whole};

const SESSION: &str = "bfd_instance b1 {\nneighbor_ip 10.0.0.1\n}\n";
const CHECK: &str = "BFD_CHECK {\nname b1\n}\n";

fn play(statements: &str, of_server: &str) -> Play {
    Play::new(&(SESSION.to_owned() + &whole(statements, &server(1, of_server))))
}

#[test]
fn nobody_waits_for_a_session_that_nobody_speaks() {
    for (statements, of_server) in [
        ("", CHECK),
        ("alpha", CHECK),
        ("", "BFD_CHECK {\nname b1\nalpha\n}\n"),
    ] {
        let play = play(statements, of_server);
        assert_eq!(play.kernel(), "10.0.0.1=1", "{statements} {of_server}");
        assert!(play.due.is_empty(), "{:?}", play.due);
    }
    // Other checks of the server count as ever.
    let mut play = play("alpha", &format!("{CHECK}TCP_CHECK {{\n}}\n"));
    assert_eq!(play.kernel(), "");
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.1=1");
    play.ends(1, false);
    play.ends(1, false);
    play.ends(1, false);
    assert_eq!(play.kernel(), "");
}

#[test]
fn a_session_decides_at_once() {
    let mut play = play("retry 3", CHECK);
    let down = play.says(
        0,
        Err(Failure::Unexpected("the session is down".into())),
        None,
    );
    assert_eq!(play.kernel(), "", "{down:?}");
    assert!(down.contains(&"/bin/down 1".to_owned()), "{down:?}");
    assert!(down.iter().any(|line| line.contains("the session is down")));
    let up = play.says(0, Ok(()), None);
    assert_eq!(play.kernel(), "10.0.0.1=1", "{up:?}");
    assert!(up.contains(&"/bin/up 1".to_owned()), "{up:?}");
    assert!(play.due.is_empty(), "it is told, not asked: {:?}", play.due);
}

#[test]
fn a_reload_that_brings_one_changes_nothing() {
    let before = SESSION.to_owned() + &whole("", &server(1, "TCP_CHECK {\n}\n"));
    let mut play = Play::new(&before);
    play.configure(&(SESSION.to_owned() + &whole("", &server(1, CHECK))));
    assert_eq!(play.kernel(), "10.0.0.1=1");
    assert!(play.due.is_empty(), "{:?}", play.due);
}
