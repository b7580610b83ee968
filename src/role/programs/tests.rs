use super::*;
use crate::config::model::{MailServer, Mailbox};
use crate::os::clock;
use crate::role::runner::ToRole;

/// A role that has a runner and does not need it.
struct Role {
    programs: Programs,
    events: Loop<Source>,
    wheel: Wheel<Timer>,
    now: Instant,
}

impl Role {
    fn new() -> (Role, ToRole) {
        let now = clock::now();
        let (runner, theirs) = Runner::to_nobody(now);
        let role = Role {
            programs: Programs {
                runner,
                ..Programs::default()
            },
            events: Loop::new().expect("a loop"),
            wheel: Wheel::new(now),
            now,
        };
        (role, theirs)
    }

    fn hear(&mut self) -> Heard {
        self.programs
            .hear(self.now, &mut self.events, &mut self.wheel)
    }

    fn follow_up(&mut self) -> bool {
        self.programs
            .follow_up(self.now, &mut self.events, &mut self.wheel)
    }

    /// Whether another runner is tried later, and whether it is looked for room.
    fn timers(&self) -> (bool, bool) {
        let is_armed = |timer| self.wheel.deadline(timer).is_some();
        (is_armed(Timer::Runner), is_armed(Timer::Room))
    }
}

fn mail() -> Mail {
    Mail {
        owner: "owner".to_owned(),
        subject: "subject".to_owned(),
        body: String::new(),
    }
}

/// However much it has to say, the role gets to other things in between.
#[test]
fn one_thing_is_heard_at_a_time() {
    let (mut role, theirs) = Role::new();
    for id in [RunId::Notify(1), RunId::Script(2), RunId::Reader(3)] {
        let ended = Answer::Ended(id, Outcome::Exited(0));
        theirs.send(&ended).expect("room");
    }
    assert!(matches!(role.hear(), Heard::Other));
    assert!(matches!(role.hear(), Heard::News(News::Ended(2, _))));
    assert!(matches!(role.hear(), Heard::Other));
    assert!(matches!(role.hear(), Heard::Nothing));
}

#[test]
fn one_that_dies_while_nobody_needs_it_is_not_missed() {
    let (mut role, theirs) = Role::new();
    drop(theirs);
    assert!(matches!(role.hear(), Heard::News(News::Lost)));
    assert!(!role.follow_up());
    assert_eq!(role.timers(), (false, false));
}

/// What it has not sent, another sends.
#[test]
fn one_that_dies_with_mail_is_replaced_though_nothing_else_needs_it() {
    let (mut role, theirs) = Role::new();
    let mut global = Global::default();
    global.mail.server = Some(MailServer {
        host: "192.0.2.1".to_owned(),
        port: 25,
    });
    global.mail.recipients = vec![Mailbox {
        address: "one@example.org".to_owned(),
        ..Mailbox::default()
    }];
    role.programs.configure_mail(&global);
    role.programs.mail(mail());
    role.follow_up();
    assert!(role.programs.is_done(), "the runner has it");
    drop(theirs);
    assert!(matches!(role.hear(), Heard::News(News::Lost)));
    assert!(!role.programs.is_done());
    assert!(!role.follow_up());
    assert_eq!(role.timers(), (true, false));
    // And so it is when the mail comes after the death.
    let (mut role, theirs) = Role::new();
    role.programs.configure_mail(&global);
    drop(theirs);
    assert!(matches!(role.hear(), Heard::News(News::Lost)));
    role.programs.mail(mail());
    assert!(!role.follow_up());
    assert_eq!(role.timers(), (true, false));
}
