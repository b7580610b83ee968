//! Group 3: what is configured or computed for each virtual router (RFC 3768 section 6.1, RFC 9568 section 6.1).

use std::time::Duration;

use super::Item;
use crate::support::bench::{Bench, EARLY, Setting};
use crate::support::packet::{Advert, Kind};
use crate::support::wire::election_bound;
use crate::support::{millis, wait_until};

pub const ITEMS: [Item; 4] = [
    ("3_1_advertisement_interval", advertisement_interval),
    ("3_2_skew_time", skew_time),
    ("3_3_master_down_interval", master_down_interval),
    ("3_4_preempt_mode", preempt_mode),
];

/// A master announces itself once an interval, and says which.
fn advertisement_interval(kind: Kind) {
    const ADVERTS: usize = 6;
    let tenths = if kind == Kind::V2 { [10, 20] } else { [2, 10] };
    for tenths in tenths {
        let bench = Bench::master(
            kind,
            Setting {
                priority: 255,
                tenths,
                lines: "",
            },
        );
        wait_until(
            "some adverts",
            election_bound() + bench.interval * 6,
            || bench.adverts(0).len() >= ADVERTS,
        );
        let adverts = bench.adverts(0);
        let mut gaps: Vec<Duration> = adverts
            .windows(2)
            .map(|two| two[1].at - two[0].at)
            .collect();
        gaps.sort();
        let median = gaps[gaps.len() / 2];
        assert!(
            median.abs_diff(bench.interval) < EARLY,
            "every {median:?}: {gaps:?}"
        );
        let said = if kind == Kind::V2 {
            tenths / 10
        } else {
            tenths * 10
        };
        assert!(
            adverts
                .iter()
                .all(|seen| u32::from(seen.advert.interval) == said)
        );
    }
}

/// After a resignation the better of two backups is sooner.
fn skew_time(kind: Kind) {
    for priority in [20, 200] {
        let bench = Bench::backup(
            kind,
            Setting {
                tenths: 10,
                ..Setting::plain(kind, priority)
            },
        );
        let resigned = bench.send(&bench.right(0));
        bench.takes_over(resigned, bench.skew(priority), &[]);
    }
}

/// Three intervals and the skew; in version 3 three of the master's (RFC 9568 section 6.1, Active_Down_Interval).
fn master_down_interval(kind: Kind) {
    for priority in [20, 200] {
        let bench = Bench::backup(kind, Setting::plain(kind, priority));
        let last = bench.send(&bench.right(250));
        bench.takes_over(last, bench.master_down(priority), &[]);
    }
    if kind != Kind::V2 {
        const MASTERS: Duration = millis(800);
        let bench = Bench::backup(kind, Setting::plain(kind, 100));
        let slow = Advert {
            interval: 80,
            ..bench.right(250)
        };
        bench.send(&slow);
        let last = bench.send(&slow);
        bench.takes_over(last, 3 * MASTERS + MASTERS * (256 - 100) / 256, &[]);
    }
}

/// A worse master is replaced, unless the router does not preempt.
fn preempt_mode(kind: Kind) {
    let setting = Setting::plain(kind, 150);
    let bench = Bench::backup(kind, setting);
    let last = bench.send(&bench.right(200));
    bench.takes_over(last, bench.master_down(150), &[bench.right(100)]);
    drop(bench);

    let bench = Bench::backup(
        kind,
        Setting {
            lines: "nopreempt",
            ..setting
        },
    );
    bench.hold(&bench.right(100));
    bench.hold(&bench.right(1));
}
