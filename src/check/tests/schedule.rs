//! When a check is done, and when what it finds counts.

use super::super::schedule::{Found, GRID, Plan, Schedule};
use super::{T0, secs};
use crate::config::model::Timing;
use crate::time::Instant;
use std::time::Duration;

const TIMING: Timing = Timing {
    delay_loop: Duration::from_secs(4),
    warmup: Duration::from_secs(10),
    retry: 2,
    delay_before_retry: Duration::from_secs(1),
    connect_timeout: Duration::from_secs(5),
};

fn plan(timing: &Timing, pages: u16, fast_recovery: bool) -> Plan<'_> {
    Plan {
        timing,
        retry: timing.retry,
        pages,
        fast_recovery,
    }
}

/// What checks find one after the other (`+` passes, `-` fails), each taking no time: what that changes, and how many seconds later
/// the next is due.
fn story(alpha: bool, plan: Plan<'_>, checks: &str) -> String {
    let mut schedule = Schedule::new(alpha);
    let mut now = schedule.begin(T0, plan, 0);
    let mut told = String::new();
    for check in checks.chars() {
        let page = schedule.start(now);
        let (found, next) = schedule.ended(now, plan, check == '+');
        let found = match found {
            Found::Same => ".".to_owned(),
            Found::Passes => "up".to_owned(),
            Found::Borne(count) => format!("borne{count}"),
            Found::Fails(retries) => format!("down{retries}"),
        };
        if plan.pages > 1 {
            told.push_str(&format!("p{page}:"));
        }
        told.push_str(&format!("{found}+{} ", next.since(now).as_secs()));
        now = next;
    }
    told.trim_end().to_owned()
}

#[test]
fn a_check_as_keepalived_does_it() {
    let once = plan(&TIMING, 1, false);
    for (alpha, checks, expected) in [
        // Seen with 2.2.7: the first failure counts at once, then loop, retry, retry, loop.
        (false, "-------", "down0+4 .+1 .+1 .+4 .+1 .+1 .+4"),
        (true, "--", "down0+4 .+1"),
        (false, "++--+", "up+4 .+4 borne1+1 borne2+1 .+4"),
        (false, "+----", "up+4 borne1+1 borne2+1 down2+4 .+1"),
        (
            false,
            "+---+-",
            "up+4 borne1+1 borne2+1 down2+4 up+4 borne1+1",
        ),
        (true, "+-", "up+4 borne1+1"),
    ] {
        assert_eq!(story(alpha, once, checks), expected, "{alpha} {checks}");
    }
}

#[test]
fn pages_are_looked_at_one_after_the_other() {
    let slow = plan(&TIMING, 3, false);
    let fast = plan(&TIMING, 3, true);
    for (alpha, plan, checks, expected) in [
        (false, slow, "++++", "p0:.+4 p1:.+4 p2:up+4 p0:.+4"),
        (true, fast, "++++", "p0:.+0 p1:.+0 p2:up+4 p0:.+4"),
        // A page that fails is the one that is tried again.
        (
            false,
            fast,
            "+++++-+",
            "p0:.+0 p1:.+0 p2:up+4 p0:.+4 p1:.+4 p2:borne1+1 p2:.+4",
        ),
        (
            false,
            fast,
            "+-+++",
            "p0:.+0 p1:down0+4 p0:.+0 p1:.+0 p2:up+4",
        ),
        (
            false,
            slow,
            "+-+++",
            "p0:.+4 p1:down0+4 p0:.+4 p1:.+4 p2:up+4",
        ),
    ] {
        assert_eq!(story(alpha, plan, checks), expected, "{alpha} {checks}");
    }
}

#[test]
fn recovery_leaves_the_rhythm_to_others() {
    let fast = plan(&TIMING, 2, true);
    let mut schedule = Schedule::new(true);
    let first = schedule.begin(T0, fast, 0);
    schedule.start(first);
    // It took some time, which is not a multiple of anything.
    let (_, second) = schedule.ended(first + Duration::from_micros(1234), fast, true);
    assert!(second.since(first) <= Duration::from_nanos(GRID));
    schedule.start(second);
    let (found, third) = schedule.ended(second + Duration::from_micros(1234), fast, true);
    assert_eq!((found, third), (Found::Passes, second + TIMING.delay_loop));
    for due in [first, second, third] {
        assert_eq!(due.0 % GRID, 0);
    }
}

#[test]
fn the_first_comes_at_random_within_the_warmup() {
    let once = plan(&TIMING, 1, false);
    let at = |random| Schedule::new(false).begin(T0, once, random).since(T0);
    assert_eq!(at(0), secs(0));
    assert_eq!(at(u64::MAX), secs(10));
    assert_eq!(at(u64::MAX / 2).as_secs_f64().round() as u64, 5);
}

#[test]
fn deadlines_are_absolute_and_never_pile_up() {
    let once = plan(&TIMING, 1, false);
    let mut schedule = Schedule::new(false);
    let first = schedule.begin(T0, once, 0);
    schedule.start(first);
    let mut next = |due: Instant, took: u64| {
        schedule.start(due);
        let (_, next) = schedule.ended(due + secs(took), once, true);
        next.since(T0).as_secs()
    };
    // Whatever a check takes, the next is due where it would have been.
    assert_eq!(next(T0, 1), 4);
    assert_eq!(next(T0 + secs(4), 3), 8);
    // One that takes longer than the loop leaves those out that it held up.
    assert_eq!(next(T0 + secs(8), 9), 20);
}

#[test]
fn shorter_times_hasten_what_is_due_late() {
    let slow = Timing {
        delay_loop: secs(60),
        ..TIMING
    };
    let mut schedule = Schedule::new(false);
    schedule.begin(T0, plan(&slow, 1, false), 0);
    schedule.start(T0);
    let (_, due) = schedule.ended(T0, plan(&slow, 1, false), true);
    assert_eq!(due, T0 + secs(60));
    let now = T0 + secs(1);
    let sooner = schedule.hasten(now, plan(&TIMING, 1, false));
    assert_eq!(sooner, Some(now + secs(4)));
    assert_eq!(schedule.hasten(now, plan(&slow, 1, false)), None);
}

#[test]
fn a_schedule_that_is_always_late_does_not_drift() {
    const ROUNDS: u64 = 100_000;
    let second = Timing {
        delay_loop: secs(1),
        ..TIMING
    };
    let once = plan(&second, 1, false);
    let mut schedule = Schedule::new(false);
    let first = schedule.begin(T0, once, u64::MAX / 3);
    let mut due = first;
    for round in 0..ROUNDS {
        assert_eq!(due, first + secs(round), "round {round}");
        // Begun late, and answered later: each time by something else, below the second there is.
        let (late, took) = (round * 7919 % 300, round * 104_729 % 700);
        schedule.start(due);
        let now = due + Duration::from_millis(late + took);
        (_, due) = schedule.ended(now, once, true);
    }
}

#[test]
fn checks_of_many_servers_are_due_together() {
    let odd = Timing {
        delay_before_retry: Duration::from_nanos(1_234_567_891),
        ..TIMING
    };
    let once = plan(&odd, 1, false);
    let now = T0 + Duration::from_nanos(987_654_321);
    let mut schedule = Schedule::resumed(true);
    let begun = schedule.begin(now, once, u64::MAX / 7);
    schedule.start(begun);
    let (_, retried) = schedule.ended(begun + Duration::from_nanos(77), once, false);
    for (due, earliest) in [
        (schedule.begin(now, once, 0), now),
        (begun, now),
        (retried, begun + odd.delay_before_retry),
    ] {
        assert_eq!(due.0 % GRID, 0);
        assert!(due >= earliest, "never sooner than asked for");
    }
    assert!(retried.since(begun + odd.delay_before_retry) < Duration::from_nanos(GRID));
}
