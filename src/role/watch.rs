//! When a child that was silent is given up, and when a dead one is replaced. Decisions only: values in, values out.

use crate::time::Instant;
use std::time::Duration;

/// How long a child has for its answer when it was asked.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// When the parent itself is later than this, the whole host stood still: nobody is to blame for his silence.
const OWN_LATENESS_MAX: Duration = Duration::from_secs(1);

/// The watch over one child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// It was asked, and has to answer by then.
    asked: Option<Instant>,
}

/// What is to be done about a silent child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask it, and look again then.
    Ask(Instant),
    /// It was asked, and still has time.
    Wait,
    /// Kill it; it will be replaced.
    GiveUp,
}

impl Watch {
    /// The child gave a sign of life.
    pub fn heard(&mut self) {
        *self = Watch::default();
    }

    /// The child has been silent for too long, or the time for its answer has passed.
    pub fn silent(&mut self, now: Instant) -> Verdict {
        match self.asked {
            Some(deadline) if now < deadline => return Verdict::Wait,
            Some(deadline) if now.since(deadline) <= OWN_LATENESS_MAX => return Verdict::GiveUp,
            Some(_) | None => {}
        }
        let deadline = now + ANSWER_MAX;
        self.asked = Some(deadline);
        Verdict::Ask(deadline)
    }
}

/// Longest delay between the death of a child and its replacement.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// A child that ran for so long did not die of what it died of before.
const RAN_WELL: Duration = Duration::from_secs(60);

/// The delays before a child is replaced: 0, 1, 2, 4 ... 60 seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackOff {
    next: Duration,
}

impl BackOff {
    /// The child died after it ran for so long: when is it replaced?
    pub fn died(&mut self, ran: Duration) -> Duration {
        if ran >= RAN_WELL {
            self.next = Duration::ZERO;
        }
        let delay = self.next;
        self.next = if delay.is_zero() {
            Duration::from_secs(1)
        } else {
            (delay * 2).min(DELAY_MAX)
        };
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant(1_000_000_000_000);

    #[test]
    fn a_child_that_answers_lives_and_one_that_does_not_is_given_up() {
        let mut watch = Watch::default();
        let deadline = START + ANSWER_MAX;
        assert_eq!(watch.silent(START), Verdict::Ask(deadline));
        watch.heard();
        assert_eq!(watch.silent(START), Verdict::Ask(deadline));
        assert_eq!(watch.silent(START + ANSWER_MAX / 2), Verdict::Wait);
        assert_eq!(watch.silent(deadline), Verdict::GiveUp);
    }

    #[test]
    fn a_host_that_stood_still_gives_everybody_another_chance() {
        let mut watch = Watch::default();
        watch.silent(START);
        let thawed = START + Duration::from_secs(3600);
        let deadline = thawed + ANSWER_MAX;
        assert_eq!(watch.silent(thawed), Verdict::Ask(deadline));
        assert_eq!(watch.silent(deadline), Verdict::GiveUp);
    }

    #[test]
    fn delays_double_up_to_a_minute_and_begin_anew_after_a_good_run() {
        let mut back_off = BackOff::default();
        let delays: Vec<u64> = (0..10)
            .map(|_| back_off.died(Duration::from_secs(1)).as_secs())
            .collect();
        assert_eq!(delays, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(back_off.died(RAN_WELL), Duration::ZERO);
        assert_eq!(back_off.died(Duration::ZERO), Duration::from_secs(1));
    }
}
