//! Test hosts without root and without a trace: each case runs as process 1 of its own user, mount, process and network
//! namespaces; its hosts are further network namespaces joined by a bridge. When the case ends, everything it made ends.
//!
//! `stage` enters the namespaces and runs the cases, `world` builds hosts and cables, `node` runs programs on a host and looks
//! at it, `wire` records and makes frames. `bench` and `packet` set one
//! daemon against a station that sends crafted frames. Nothing here uses the library under test: it is an independent witness.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

pub mod alike;
pub mod auth;
pub mod bench;
pub mod bfd;
pub mod cases;
pub mod clocks;
pub mod config;
pub mod farm;
pub mod gap;
pub mod groups;
pub mod guest;
pub mod ipvs;
pub mod late;
pub mod monitor;
pub mod node;
pub mod owners;
pub mod packet;
pub mod shared;
pub mod stage;
pub mod strict;
pub mod told;
pub mod unicast;
pub mod version3;
pub mod vmac;
pub mod wire;
pub mod world;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a condition is looked at while waiting for it.
const POLL: Duration = Duration::from_millis(50);

/// Bounds of what is waited for are those of an idle machine, in which a working daemon needs a part of them; this many times as long is
/// waited in vain, as a slow machine fails no test. What has to be soon is measured on the wire.
const PATIENCE: u32 = 5;

/// The longest bound of cases that do not say otherwise (`Case::within`).
pub const LONGEST_WAIT: Duration = secs(60);

/// What the process waits for at the moment.
static AWAITED: Mutex<Option<String>> = Mutex::new(None);

/// Which implementation runs on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// The daemon of this package.
    Ours,
    /// The distribution's keepalived.
    Peer,
}

impl Binary {
    /// Path of the executable: `KEEPALIVED_BIN` or the freshly built one; `KEEPALIVED_PEER` or the distribution's place.
    pub fn path(self) -> PathBuf {
        match self {
            Binary::Ours => std::env::var_os("KEEPALIVED_BIN")
                .map(PathBuf::from)
                .or_else(|| option_env!("CARGO_BIN_EXE_keepalived").map(PathBuf::from))
                .or_else(beside_example)
                .expect("KEEPALIVED_BIN names no binary and cargo built none"),
            Binary::Peer => std::env::var_os("KEEPALIVED_PEER")
                .map_or_else(|| PathBuf::from("/usr/sbin/keepalived"), PathBuf::from),
        }
    }

    /// Where a host sees the executable, whatever is mounted over the original's folder.
    pub fn inside(self) -> &'static str {
        match self {
            Binary::Ours => "/run/test/ours/keepalived",
            Binary::Peer => "/run/test/peer/keepalived",
        }
    }
}

/// An example lies one folder below the binaries of its profile.
fn beside_example() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let binary = here.parent()?.parent()?.join("keepalived");
    binary.exists().then_some(binary)
}

/// Whether a test that cannot run has to fail (`KEEPALIVED_TEST_ALL=1`, as in CI).
pub fn must_run_all() -> bool {
    std::env::var("KEEPALIVED_TEST_ALL").is_ok_and(|value| value == "1")
}

/// Polls until `look` gives something; panics with `what` long after `bound` (`PATIENCE`).
#[track_caller]
pub fn wait_for<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let (start, bound) = (Instant::now(), bound * PATIENCE);
    set_awaited(Some(what.to_owned()));
    loop {
        if let Some(found) = look() {
            set_awaited(None);
            return found;
        }
        assert!(
            start.elapsed() < bound,
            "waited {bound:?} in vain for: {what}"
        );
        std::thread::sleep(POLL);
    }
}

fn set_awaited(what: Option<String>) {
    *AWAITED.lock().expect("no thread panics with it") = what;
}

/// How long a case may take that waits for nothing longer than `longest`: a wait in vain has to end first, to say what it waited for.
pub fn case_limit(longest: Duration) -> Duration {
    longest * (PATIENCE + 1)
}

/// Polls until `look` holds; panics with `what` long after `bound` (`PATIENCE`).
#[track_caller]
pub fn wait_until(what: &str, bound: Duration, mut look: impl FnMut() -> bool) {
    wait_for(what, bound, || look().then_some(()));
}

/// Watches for all of `span` that `look` holds; panics with `what` as soon as it does not.
#[track_caller]
pub fn stays(what: &str, span: Duration, mut look: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < span {
        assert!(
            look(),
            "after {:?} it was no longer so: {what}",
            start.elapsed()
        );
        std::thread::sleep(POLL);
    }
}

/// Seconds, for readable bounds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Milliseconds, for readable bounds.
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The cases that every pair of implementations has to pass, by name.
pub fn pair_cases() -> Vec<cases::Named> {
    [
        cases::common(),
        version3::common(),
        vmac::common(),
        groups::common(),
        strict::common(),
        auth::common(),
        unicast::common(),
    ]
    .concat()
}
