//! A master whose adverts wait unread is not silent. That a process which stood still for longer listens first is shown in timing.rs.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::support::bench::{Bench, Setting, VRID};
use crate::support::packet::{Advert, Kind};
use crate::support::stage::{Case, case};
use crate::support::{millis, stays};

const PRIORITY: u8 = 100;
const BETTER: u8 = 150;

/// More than the daemon reads of one socket before it looks at its timers.
const QUEUED: usize = 700;

/// The backup goes on so long after the master would have counted as silent.
const LATE: Duration = millis(25);
/// And at the latest then: a timer that is later is not believed for that reason alone.
const TOO_LATE: Duration = millis(90);

/// On a busy machine the moment may be missed.
const ATTEMPTS: usize = 10;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case(
        "unread::what_waits_in_the_socket_is_read_first",
        what_waits_in_the_socket_is_read_first,
    )]
}

/// The backup is halted while its master is heard for the last time, and goes on just after its timer: before the timer stand more
/// packets than are read at once, and behind them all the master's next advert.
fn what_waits_in_the_socket_is_read_first() {
    let setting = Setting {
        lines: "kernel_rx_buf_size 4000000",
        ..Setting::plain(Kind::V3, PRIORITY)
    };
    let bench = Bench::backup(Kind::V3, setting);
    let master = bench.right(BETTER);
    let stranger = Advert {
        vrid: VRID + 1,
        ..bench.right(BETTER)
    };
    let backup = bench.router().vrrp_pid().expect("a VRRP process");
    let missed = (0..ATTEMPTS).take_while(|_| {
        let clock = || bench.world.capture.clock();
        let mark = bench.world.capture.mark();
        let silent = bench.send(&master) + bench.master_down(PRIORITY);
        std::thread::sleep(bench.interval / 2);
        kill(backup, Signal::SIGSTOP).expect("it runs");
        stranger.send_times(bench.station(), QUEUED);
        master.send(bench.station());
        std::thread::sleep((silent + LATE).saturating_sub(clock()));
        kill(backup, Signal::SIGCONT).expect("it is there");
        let late = clock().saturating_sub(silent);
        stays("the backup is silent", bench.interval, || {
            bench.adverts(mark).is_empty()
        });
        late > TOO_LATE
    });
    assert!(missed.count() < ATTEMPTS, "always too late");
}
