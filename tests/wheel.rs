//! The timer wheel against the plainest thing that could be right: a map from key to deadline.

use keepalived::time::Instant;
use keepalived::wheel::Wheel;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// The model: every answer by looking at everything.
#[derive(Default)]
struct Naive(BTreeMap<u8, u64>);

impl Naive {
    fn earliest(&self) -> Option<u64> {
        self.0.values().min().copied()
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Arms a key at now plus (or minus) so many nanoseconds.
    Arm(u8, i64),
    Disarm(u8),
    /// Takes what is due after so many nanoseconds more.
    Advance(u64),
    /// Takes one timer only, and leaves the others overdue.
    PopOne(u64),
    Ask,
}

/// Distances of every size, so that each level of the wheel is used.
fn distance() -> impl Strategy<Value = u64> {
    (0u32..45, any::<u64>()).prop_map(|(bits, random)| random & ((1u64 << bits) - 1))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<u8>(), distance(), prop::bool::weighted(0.1))
            .prop_map(|(key, d, past)| Step::Arm(key, if past { -(d as i64) } else { d as i64 })),
        2 => any::<u8>().prop_map(Step::Disarm),
        3 => distance().prop_map(Step::Advance),
        1 => distance().prop_map(Step::PopOne),
        2 => Just(Step::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_a_naive_model(start in any::<u32>(), steps in prop::collection::vec(step(), 1..200)) {
        let mut now = u64::from(start) << 20;
        let mut wheel = Wheel::new(Instant(now));
        let mut naive = Naive::default();
        for step in steps {
            match step {
                Step::Arm(key, distance) => {
                    let deadline = now.saturating_add_signed(distance);
                    wheel.arm(key, Instant(deadline));
                    naive.0.insert(key, deadline);
                }
                Step::Disarm(key) => {
                    prop_assert_eq!(wheel.disarm(key), naive.0.remove(&key).is_some());
                }
                Step::Advance(distance) => {
                    now += distance;
                    let mut last = 0;
                    while let Some((key, deadline)) = wheel.pop_expired(Instant(now)) {
                        prop_assert!(deadline.0 >= last, "out of order: {} after {}", deadline.0, last);
                        last = deadline.0;
                        prop_assert_eq!(naive.earliest(), Some(deadline.0));
                        prop_assert_eq!(naive.0.remove(&key), Some(deadline.0));
                    }
                    prop_assert!(naive.earliest().is_none_or(|earliest| earliest > now));
                }
                Step::PopOne(distance) => {
                    now += distance;
                    let popped = wheel.pop_expired(Instant(now));
                    prop_assert_eq!(popped.map(|(_, deadline)| deadline.0), naive.earliest().filter(|&e| e <= now));
                    if let Some((key, deadline)) = popped {
                        prop_assert_eq!(naive.0.remove(&key), Some(deadline.0));
                    }
                }
                Step::Ask => {
                    let bound = wheel.not_before().map(|bound| bound.0);
                    prop_assert_eq!(bound.is_none(), naive.0.is_empty());
                    prop_assert!(bound <= naive.earliest());
                    prop_assert_eq!(wheel.next_deadline().map(|d| d.0), naive.earliest());
                    prop_assert_eq!(wheel.not_before().map(|d| d.0), naive.earliest());
                }
            }
            prop_assert_eq!(wheel.len(), naive.0.len());
        }
    }
}

#[test]
fn a_rearmed_timer_expires_once_and_at_its_last_deadline() {
    let second = Duration::from_secs(1);
    let start = Instant(5_000_000_000);
    let mut wheel = Wheel::new(start);
    for refresh in 0..10 {
        wheel.arm("master down", start + second * (3 + refresh));
    }
    assert_eq!(wheel.pop_expired(start + second * 11), None);
    assert_eq!(
        wheel.pop_expired(start + second * 20),
        Some(("master down", start + second * 12))
    );
    assert_eq!(wheel.pop_expired(start + second * 20), None);
}

#[test]
fn a_handler_that_disarms_another_timer_stops_its_expiry() {
    let mut wheel = Wheel::new(Instant(0));
    wheel.arm('a', Instant(100));
    wheel.arm('b', Instant(100));
    let (first, _) = wheel.pop_expired(Instant(200)).expect("two timers are due");
    assert!(wheel.disarm(if first == 'a' { 'b' } else { 'a' }));
    assert_eq!(wheel.pop_expired(Instant(200)), None);
}

#[test]
fn the_ends_of_time_are_deadlines_like_others() {
    let mut wheel = Wheel::new(Instant(0));
    wheel.arm(1, Instant(u64::MAX));
    wheel.arm(2, Instant(0));
    assert_eq!(wheel.pop_expired(Instant(0)), Some((2, Instant(0))));
    assert_eq!(wheel.next_deadline(), Some(Instant(u64::MAX)));
    assert_eq!(
        wheel.pop_expired(Instant(u64::MAX)),
        Some((1, Instant(u64::MAX)))
    );
}

#[test]
fn slots_are_used_again() {
    let mut wheel = Wheel::new(Instant(0));
    for round in 0..1000u64 {
        for key in 0..50u64 {
            wheel.arm(key, Instant(round * 1_000_000 + key * 1000));
        }
        let mut expired = 0;
        while wheel
            .pop_expired(Instant((round + 1) * 1_000_000))
            .is_some()
        {
            expired += 1;
        }
        assert_eq!(expired, 50);
    }
    assert!(wheel.is_empty());
}
