//! The timer wheel with as many timers as a large configuration has: re-arming one (every advert received does it) and a whole
//! second of adverts falling due.

use divan::{Bencher, black_box};
use keepalived::time::Instant;
use keepalived::wheel::Wheel;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const SIZES: [u32; 3] = [10, 1_000, 100_000];

fn main() {
    divan::main();
}

/// A wheel with `size` timers spread over the next second.
fn full(size: u32) -> Wheel<u32> {
    let start = Instant(0);
    let mut wheel = Wheel::new(start);
    for key in 0..size {
        wheel.arm(key, start + SECOND * (key + 1) / size);
    }
    wheel
}

#[divan::bench(args = SIZES)]
fn rearm(bencher: Bencher<'_, '_>, size: u32) {
    let mut wheel = full(size);
    let mut turn = 0u32;
    bencher.bench_local(|| {
        turn = turn.wrapping_add(1);
        wheel.arm(
            turn % size,
            Instant(0) + SECOND * 3 + Duration::from_nanos(u64::from(turn)),
        );
        black_box(wheel.not_before())
    });
}

/// Each timer that falls due is armed again a second later, as adverts are.
#[divan::bench(args = SIZES, sample_count = 20)]
fn second_of_adverts(bencher: Bencher<'_, '_>, size: u32) {
    let mut wheel = full(size);
    let mut now = Instant(0);
    bencher.counter(size).bench_local(|| {
        now = now + SECOND;
        while let Some((key, deadline)) = wheel.pop_expired(now) {
            wheel.arm(key, deadline + SECOND);
        }
    });
}
