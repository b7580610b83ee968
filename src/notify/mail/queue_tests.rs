//! The queue against servers that are away, recipients that have to wait, and too much mail.

use super::*;

const START: Instant = Instant(1_000_000_000_000);

fn server() -> MailServer {
    MailServer {
        host: "mail".to_owned(),
        port: 25,
    }
}

fn mail(owner: &str, subject: &str, recipients: &[&str]) -> Envelope {
    Envelope {
        owner: owner.to_owned(),
        subject: subject.to_owned(),
        outlet: Outlet {
            server: server(),
            helo: String::new(),
            connect_timeout: Duration::ZERO,
        },
        from: String::new(),
        recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
        message: String::new(),
    }
}

/// Takes in another mail, with the next number.
fn push(queue: &mut Queue, now: Instant, envelope: Envelope) -> Option<Notice> {
    let last = queue.mails.keys().last().copied();
    queue.push(now, last.unwrap_or_default() + 1, envelope)
}

fn next(queue: &mut Queue, now: Instant) -> Option<(String, Vec<String>)> {
    let next = queue.next(now, |_| true)?;
    Some((next.subject, next.recipients))
}

fn is(next: Option<(String, Vec<String>)>, subject: &str, recipients: &[&str]) {
    let (found, to) = next.expect("a mail");
    assert_eq!(
        (found.as_str(), to),
        (
            subject,
            recipients.iter().map(|to| (*to).to_owned()).collect()
        )
    );
}

fn taken(recipients: &[&str]) -> Delivery {
    Delivery {
        taken: recipients.iter().map(|to| (*to).to_owned()).collect(),
        ..Delivery::default()
    }
}

fn deferred(recipients: &[&str]) -> Delivery {
    Delivery {
        deferred: recipients
            .iter()
            .map(|to| ((*to).to_owned(), "451 later".to_owned()))
            .collect(),
        ..Delivery::default()
    }
}

fn sent(subject: &str, recipients: usize) -> Notice {
    Notice::Sent {
        subject: subject.to_owned(),
        recipients,
    }
}

#[test]
fn what_is_deferred_holds_up_later_mails_of_the_same_owner_to_the_same_recipient_only() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "1 backup", &["a", "b"]));
    push(&mut queue, START, mail("V1", "1 master", &["a", "b"]));
    push(&mut queue, START, mail("V2", "2 backup", &["a"]));
    is(next(&mut queue, START), "1 backup", &["a", "b"]);
    let mut half = deferred(&["a"]);
    half.taken.push("b".to_owned());
    let said = queue.settled(START, half);
    assert_eq!(said.first(), Some(&sent("1 backup", 1)));
    assert!(
        matches!(said.get(1), Some(Notice::Deferred { recipient, .. }) if recipient == "a"),
        "{said:?}"
    );
    is(next(&mut queue, START), "1 master", &["b"]);
    assert_eq!(queue.settled(START, taken(&["b"])), [sent("1 master", 1)]);
    is(next(&mut queue, START), "2 backup", &["a"]);
    assert_eq!(queue.settled(START, taken(&["a"])), [sent("2 backup", 1)]);
    assert_eq!(next(&mut queue, START), None);
    let due = START + FIRST_PAUSE;
    assert_eq!(queue.wake(START), Some(due));
    is(next(&mut queue, due), "1 backup", &["a"]);
    // The second time nothing is said, and the pause is longer.
    assert_eq!(queue.settled(due, deferred(&["a"])), []);
    assert_eq!(queue.wake(due), Some(due + FIRST_PAUSE * 2));
    let due = due + FIRST_PAUSE * 2;
    is(next(&mut queue, due), "1 backup", &["a"]);
    queue.settled(due, taken(&["a"]));
    is(next(&mut queue, due), "1 master", &["a"]);
    queue.settled(due, taken(&["a"]));
    assert!(queue.is_empty() && queue.owners.is_empty());
}

#[test]
fn a_server_that_is_away_is_asked_less_and_less_often_and_said_once() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "one", &["a"]));
    let mut now = START;
    let mut pauses = Vec::new();
    for try_ in 0..9 {
        assert!(next(&mut queue, now).is_some());
        let said = queue.failed(now, &server(), "no connection in time");
        assert_eq!(said.len(), usize::from(try_ == 0), "{said:?}");
        // One that comes meanwhile waits, too.
        push(&mut queue, now, mail("V2", "other", &["a"]));
        assert_eq!(next(&mut queue, now), None);
        let wake = queue.wake(now).expect("another try");
        pauses.push(wake.since(now).as_secs());
        now = wake;
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    is(next(&mut queue, now), "one", &["a"]);
    queue.settled(now, taken(&["a"]));
    is(next(&mut queue, now), "other", &["a"]);
    assert_eq!(
        queue.failed(now, &server(), "gone").len(),
        1,
        "it was there meanwhile"
    );
}

#[test]
fn what_waits_goes_where_the_newest_mail_goes() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "old", &["a"]));
    let old = queue.next(START, |_| true).expect("a mail").outlet.server;
    queue.failed(START, &old, "gone");
    assert_eq!(next(&mut queue, START), None);
    let mut other = mail("V1", "new", &["a"]);
    other.outlet.server.port = 587;
    push(&mut queue, START, other.clone());
    let again = queue.next(START, |_| true).expect("a mail");
    assert_eq!(
        (again.subject.as_str(), &again.outlet),
        ("old", &other.outlet)
    );
    // The old one says nothing of the new one.
    assert_eq!(queue.failed(START, &old, "gone"), []);
    is(next(&mut queue, START), "old", &["a"]);
    queue.settled(START, taken(&["a"]));
    is(next(&mut queue, START), "new", &["a"]);
}

#[test]
fn what_waits_is_redirected_at_once_and_what_is_left_of_it_is_told() {
    let mut queue = Queue::default();
    queue.push(START, 7, mail("V1", "one", &["a", "b"]));
    is(next(&mut queue, START), "one", &["a", "b"]);
    queue.failed(START, &server(), "gone");
    assert_eq!(next(&mut queue, START), None);
    let mut other = mail("", "", &[]).outlet;
    queue.redirect(other.clone());
    assert_eq!(next(&mut queue, START), None, "it is the same");
    other.server.port = 587;
    queue.redirect(other.clone());
    let again = queue.next(START, |_| true).expect("a mail");
    assert_eq!(again.outlet, other);
    assert_eq!(queue.take_left(), [], "nothing has changed");
    let left = |recipients: &[&str]| Left {
        id: 7,
        recipients: mail("", "", recipients).recipients,
    };
    let mut half = deferred(&["a"]);
    half.taken.push("b".to_owned());
    queue.settled(START, half);
    assert_eq!(queue.take_left(), [left(&["a"])]);
    queue.hurry(START);
    is(next(&mut queue, START), "one", &["a"]);
    queue.settled(START, taken(&["a"]));
    assert_eq!(queue.take_left(), [left(&[])]);
    assert_eq!(queue.take_left(), []);
}

#[test]
fn when_there_is_little_time_left_all_is_tried_at_once() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "one", &["a"]));
    is(next(&mut queue, START), "one", &["a"]);
    queue.settled(START, deferred(&["a"]));
    assert_eq!(next(&mut queue, START), None);
    queue.hurry(START);
    assert_eq!(queue.next(START, |_| false), None, "not on this connection");
    is(next(&mut queue, START), "one", &["a"]);
    queue.failed(START, &server(), "gone");
    queue.hurry(START);
    is(next(&mut queue, START), "one", &["a"]);
}

#[test]
fn what_is_refused_is_said_and_over() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "one", &["a", "b"]));
    assert!(next(&mut queue, START).is_some());
    let refused = Delivery {
        refused: vec![
            ("a".to_owned(), "550 no".to_owned()),
            ("b".to_owned(), "551 no".to_owned()),
        ],
        ..Delivery::default()
    };
    let said: Vec<String> = queue
        .settled(START, refused)
        .iter()
        .map(Notice::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "SMTP alert 'one' was refused for a: 550 no",
            "SMTP alert 'one' was refused for b: 551 no"
        ]
    );
    assert!(queue.is_empty());
}

#[test]
fn after_a_day_a_mail_is_given_up() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "old", &["a"]));
    push(
        &mut queue,
        START + LIFETIME / 2,
        mail("V1", "newer", &["a"]),
    );
    let late = START + LIFETIME;
    assert!(next(&mut queue, late).is_some());
    let said = queue.failed(late, &server(), "gone");
    assert!(
        said.contains(&Notice::GivenUp {
            subject: "old".to_owned(),
            why: "gone".to_owned()
        }),
        "{said:?}"
    );
    is(next(&mut queue, late + FIRST_PAUSE), "newer", &["a"]);
}

#[test]
fn when_too_many_wait_states_that_are_over_are_left_out_and_never_the_last() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("rare", "rare", &["a"]));
    let mut left_out = 0;
    for flap in 0..WAITING_MAX * 2 {
        let notice = push(&mut queue, START, mail("V1", &flap.to_string(), &["a"]));
        left_out += usize::from(notice.is_some());
    }
    assert_eq!(
        (queue.mails.len(), left_out),
        (WAITING_MAX, WAITING_MAX + 1)
    );
    is(next(&mut queue, START), "rare", &["a"]);
    let last = queue
        .mails
        .values()
        .last()
        .map(|last| last.envelope.subject.clone());
    assert_eq!(last, Some((WAITING_MAX * 2 - 1).to_string()));
    for single in 0..WAITING_MAX {
        push(
            &mut queue,
            START,
            mail(&format!("S{single}"), "single", &["a"]),
        );
    }
    assert_eq!(
        queue.mails.len(),
        WAITING_MAX + 2,
        "the last mail of each: {:?}",
        queue.owners.len()
    );
}

/// What is wrong with one mail does not keep the others from being sent, however often it is tried.
#[test]
fn a_mail_that_a_server_breaks_off_at_holds_up_no_other() {
    let mut queue = Queue::default();
    push(&mut queue, START, mail("V1", "poison", &["a"]));
    push(&mut queue, START, mail("V1", "behind it", &["a"]));
    push(&mut queue, START, mail("V2", "other", &["a"]));
    is(next(&mut queue, START), "poison", &["a"]);
    queue.broke_off(START, &server(), "it has closed the connection");
    let again = queue.wake(START).expect("it is tried again");
    is(next(&mut queue, again), "other", &["a"]);
    assert_eq!(queue.settled(again, taken(&["a"])), [sent("other", 1)]);
    assert_eq!(next(&mut queue, again), None, "what is behind it waits");
    let last = queue.wake(again).expect("it is tried again");
    is(next(&mut queue, last), "poison", &["a"]);
    assert_eq!(queue.settled(last, taken(&["a"])), [sent("poison", 1)]);
    is(next(&mut queue, last), "behind it", &["a"]);
}
