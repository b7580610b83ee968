//! Keywords that several checkers share, each written once. What differs is when a checker got them, and what two of them are by default.

use super::form::prelude::*;
use super::{Keyword, k};

/// Where a checker connects to, and from where; with the release that brought each.
#[rustfmt::skip]
pub(super) const fn target(since: [&'static str; 7]) -> [Keyword; 7] {
    [
        k("connect_ip", "<IP>", Address, "real server address", since[0], 2,
          "Address to probe").acts(),
        k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", since[1], 1,
          "Port to probe").acts(),
        k("bindto", "<IP>", Address, "kernel choice", since[2], 2,
          "Source address of the probe").acts(),
        k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", since[3], 3,
          "Source port of the probe").acts(),
        k("bind_if", "<IFNAME max 15>", Interface, "none", since[4], 3,
          "Outgoing interface, required for link-local targets").acts(),
        k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", since[5], 1,
          "Time allowed to connect and answer").acts(),
        k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", since[6], 3,
          "SO_MARK on probe sockets; build SO_MARK").acts(),
    ]
}

/// When a checker checks, and how often it tries; with the release that brought each, and the defaults of the first two.
#[rustfmt::skip]
pub(super) const fn pace(since: [&'static str; 6], retry: &'static str, delay_before_retry: &'static str) -> [Keyword; 6] {
    [
        k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), retry, since[0], 1,
          "Extra tries before the check counts as failed").acts(),
        k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), delay_before_retry, since[1], 1,
          "Pause between retries").acts(),
        k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", since[2], 2,
          "Upper bound of random delay before first check; 0 = none").acts(),
        k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", since[3], 2,
          "Period of this check").acts(),
        k("alpha", "[<BOOL>]", Bool, "real server", since[4], 2,
          "Start as down until first success").acts(),
        k("log_all_failures", "[<BOOL>]", Bool, "off", since[5], 3,
          "Log each failed try of this checker").acts(),
    ]
}
