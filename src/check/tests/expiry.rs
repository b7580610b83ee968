//! When a certificate that ends soon is named.

use super::{Play, T0, secs, server, whole};
use crate::check::{Action, CheckId};
use crate::time::Wall;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The host's clock at `T0`: 2026-11-21T00:00:00Z.
const THEN: Duration = Duration::from_secs(1_795_219_200);

fn text(statements: &str) -> String {
    let page = "url {\npath /\n}\nurl {\npath /other\n}";
    let check = format!("SSL_GET {{\n{statements}\n{page}\n}}\n");
    whole("", &server(1, &check))
}

impl Play {
    /// A check was shown a certificate that ends so much after `THEN`; what is said.
    fn shown(&mut self, end: Duration) -> Vec<String> {
        let past = self.now.since(T0);
        let nanos = |time: Duration| Wall(u64::try_from(time.as_nanos()).expect("a date"));
        let (times, id) = ((self.now, nanos(THEN + past)), CheckId(0));
        let (mut actions, end) = (Vec::new(), nanos(THEN + end));
        self.director
            .certificate(times, &self.lvs, id, end, &mut actions);
        let said = actions.into_iter().map(|action| match action {
            Action::Say(notice) => {
                assert!(notice.is_warning());
                notice.to_string()
            }
            other => panic!("{other:?}"),
        });
        said.collect()
    }
}

fn says(words: &str) -> Vec<String> {
    let who = "SSL_CHECK on service [10.0.0.1]:tcp:80: its certificate";
    vec![format!("{who} {words}")]
}

#[test]
fn it_is_said_once_a_day_and_when_it_changes() {
    let mut play = Play::new(&text("expiry_warning 10"));
    assert!(play.shown(DAY * 11).is_empty());
    let soon = says("ends at 2026-11-30T00:00:00Z, in 9 days");
    assert_eq!(play.shown(DAY * 9), soon);
    assert_eq!(play.director.expiring().of(CheckId(0)).count(), 1);
    play.now = play.now + DAY - secs(1);
    assert!(play.shown(DAY * 9).is_empty());
    play.now = play.now + secs(1);
    assert_eq!(
        play.shown(DAY * 9),
        says("ends at 2026-11-30T00:00:00Z, in 8 days")
    );
    // Another one.
    assert_eq!(
        play.shown(DAY * 2),
        says("ends at 2026-11-23T00:00:00Z, in 1 day")
    );
    assert!(play.shown(DAY * 2).is_empty());
    assert_eq!(
        play.shown(DAY + secs(60)),
        says("ends at 2026-11-22T00:01:00Z, in less than a day")
    );
    assert_eq!(play.shown(DAY), says("ended at 2026-11-22T00:00:00Z"));
    // It was renewed, and ends again in the end.
    assert!(play.shown(DAY * 100).is_empty());
    assert_eq!(play.director.expiring().of(CheckId(0)).count(), 0);
    assert_eq!(play.shown(DAY), says("ended at 2026-11-22T00:00:00Z"));
}

#[test]
fn each_page_has_its_own() {
    let mut play = Play::new(&text("expiry_warning 10"));
    let (one, other) = (DAY * 5, DAY * 6);
    assert_eq!(play.shown(one).len(), 1);
    play.ends(0, true);
    assert_eq!(play.shown(other).len(), 1);
    play.ends(0, true);
    assert!(play.shown(one).is_empty());
    play.ends(0, true);
    assert!(play.shown(other).is_empty());
    let mut ends: Vec<u16> = play
        .director
        .expiring()
        .of(CheckId(0))
        .map(|(page, _)| page)
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, [0, 1]);
    // A check that is no more leaves nothing behind.
    play.configure(&text("expiry_warning 11"));
    assert_eq!(play.director.expiring().of(CheckId(0)).count(), 0);
}

#[test]
fn nobody_is_told_who_did_not_ask() {
    let mut play = Play::new(&text(""));
    assert!(play.shown(Duration::ZERO).is_empty());
}
