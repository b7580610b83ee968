//! Keywords of the checkers, but for the web ones (http.rs). One row a keyword, in the order of the manual; mod.rs says what the
//! columns mean and finds a row. The rows are data: what they do is in `config::build`.

use super::form::prelude::*;
use super::{Keyword, k};

/// `virtual_server.real_server.MISC_CHECK`.
#[rustfmt::skip]
pub(super) static MISC_CHECK: &[Keyword] = &[
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 0", "1.3.7", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else 1", "1.3.7", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "1.2.13", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "1.3.7", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "1.3.7", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.0.11", 3,
      "Log each failed try of this checker").acts(),
    k("misc_path", "<SCRIPT> (two pass quoting)", Script, "none, required", "<=0.7.6", 1,
      "Command to run").acts(),
    k("misc_timeout", "<INT 0..4294 seconds>", Int(0, 4294, Lenient), "0 = delay_loop", "1.1.0", 1,
      "Run time limit").acts(),
    k("misc_dynamic", "-", Flag, "off", "1.1.8", 1,
      "Exit status 2..255 sets weight to status minus 2").acts(),
    k("user", "<USER> [[:]<GROUP>]", User, "script_user", "1.3.0", 1,
      "User the script runs as").missing(Warns).acts(),
];

/// `virtual_server.real_server.SMTP_CHECK`.
#[rustfmt::skip]
pub(super) static SMTP_CHECK: &[Keyword] = &[
    k("connect_ip", "<IP>", Address, "real server address", "1.2.17", 2,
      "Address to probe").acts(),
    k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", "1.2.17", 1,
      "Port to probe").acts(),
    k("bindto", "<IP>", Address, "kernel choice", "1.2.17", 2,
      "Source address of the probe").acts(),
    k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", "1.2.17", 3,
      "Source port of the probe").acts(),
    k("bind_if", "<IFNAME max 15>", Interface, "none", "1.3.7", 3,
      "Outgoing interface, required for link-local targets").acts(),
    k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", "1.1.8", 1,
      "Time allowed to connect and answer").acts(),
    k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", "1.2.17", 3,
      "SO_MARK on probe sockets; build SO_MARK").acts(),
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 1", "1.1.8", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else 1", "1.1.8", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "1.2.13", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "1.3.7", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "1.3.7", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.0.11", 3,
      "Log each failed try of this checker").acts(),
    k("helo_name", "<STRING>", Word, "smtpchecker.keepalived.org", "1.1.8", 1,
      "HELO name").missing(Warns).repeated(ReplacesLoudly).acts(),
    k("host", "{ block }", Block(SmtpHost, Nothing), "-", "1.1.8", 3,
      "Extra targets, each becomes a checker").repeated(Appends).deprecated(Said).see("deprecated, use more SMTP_CHECKs").acts(),
];

/// `virtual_server.real_server.SMTP_CHECK.host`.
#[rustfmt::skip]
pub(super) static SMTP_HOST: &[Keyword] = &[
    k("connect_ip", "<IP>", Address, "real server address", "1.1.8", 2,
      "Address to probe").acts(),
    k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", "1.1.8", 1,
      "Port to probe").acts(),
    k("bindto", "<IP>", Address, "kernel choice", "1.1.8", 2,
      "Source address of the probe").acts(),
    k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", "1.2.13", 3,
      "Source port of the probe").acts(),
    k("bind_if", "<IFNAME max 15>", Interface, "none", "1.3.7", 3,
      "Outgoing interface, required for link-local targets").acts(),
    k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", "1.2.13", 1,
      "Time allowed to connect and answer").acts(),
    k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", "1.2.13", 3,
      "SO_MARK on probe sockets; build SO_MARK").acts(),
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 1", "1.3.7", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else 1", "1.3.7", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "1.3.7", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "1.3.7", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "1.3.7", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.0.11", 3,
      "Log each failed try of this checker").acts(),
];

/// `virtual_server.real_server.TCP_CHECK`.
#[rustfmt::skip]
pub(super) static TCP_CHECK: &[Keyword] = &[
    k("connect_ip", "<IP>", Address, "real server address", "1.2.13", 2,
      "Address to probe").acts(),
    k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", "<=0.7.6", 1,
      "Port to probe").acts(),
    k("bindto", "<IP>", Address, "kernel choice", "1.1.2", 2,
      "Source address of the probe").acts(),
    k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", "1.2.13", 3,
      "Source port of the probe").acts(),
    k("bind_if", "<IFNAME max 15>", Interface, "none", "1.3.7", 3,
      "Outgoing interface, required for link-local targets").acts(),
    k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", "<=0.7.6", 1,
      "Time allowed to connect and answer").acts(),
    k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", "1.2.13", 3,
      "SO_MARK on probe sockets; build SO_MARK").acts(),
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 1", "1.2.20", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else 1", "1.2.20", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "1.2.13", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "1.3.7", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "1.3.7", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.0.11", 3,
      "Log each failed try of this checker").acts(),
];

/// `virtual_server.real_server.PING_CHECK`.
#[rustfmt::skip]
pub(super) static PING_CHECK: &[Keyword] = &[
    k("connect_ip", "<IP>", Address, "real server address", "2.1.0", 2,
      "Address to probe").acts(),
    k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", "2.1.0", 1,
      "Port to probe").acts(),
    k("bindto", "<IP>", Address, "kernel choice", "2.1.0", 2,
      "Source address of the probe").acts(),
    k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", "2.1.0", 3,
      "Source port of the probe").acts(),
    k("bind_if", "<IFNAME max 15>", Interface, "none", "2.1.0", 3,
      "Outgoing interface, required for link-local targets").acts(),
    k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", "2.1.0", 1,
      "Time allowed to connect and answer").acts(),
    k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", "2.1.0", 3,
      "SO_MARK on probe sockets; build SO_MARK").acts(),
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 1", "2.1.0", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else 1", "2.1.0", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "2.1.0", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "2.1.0", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "2.1.0", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.1.0", 3,
      "Log each failed try of this checker").acts(),
];

/// `virtual_server.real_server.UDP_CHECK`.
#[rustfmt::skip]
pub(super) static UDP_CHECK: &[Keyword] = &[
    k("connect_ip", "<IP>", Address, "real server address", "2.1.0", 2,
      "Address to probe").acts(),
    k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", "2.1.0", 1,
      "Port to probe").acts(),
    k("bindto", "<IP>", Address, "kernel choice", "2.1.0", 2,
      "Source address of the probe").acts(),
    k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", "2.1.0", 3,
      "Source port of the probe").acts(),
    k("bind_if", "<IFNAME max 15>", Interface, "none", "2.1.0", 3,
      "Outgoing interface, required for link-local targets").acts(),
    k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", "2.1.0", 1,
      "Time allowed to connect and answer").acts(),
    k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", "2.1.0", 3,
      "SO_MARK on probe sockets; build SO_MARK").acts(),
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 1", "2.1.0", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else 1", "2.1.0", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "2.1.0", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "2.1.0", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "2.1.0", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.1.0", 3,
      "Log each failed try of this checker").acts(),
    k("payload", "<HEX digits, spaces allowed>", Custom(Hex), "random data", "2.2.0", 2,
      "Data to send").missing(Warns).acts(),
    k("require_reply", "[<HEX with X wildcards>]", Custom(HexPattern), "off", "2.1.0", 2,
      "Demand a reply and optionally compare it").acts(),
    k("min_reply_length", "<INT 0..65535>", Int(0, 65535, Strict), "0", "2.2.0", 3,
      "Shortest accepted reply").acts(),
    k("max_reply_length", "<INT 0..65535>", Int(0, 65535, Strict), "255", "2.2.0", 3,
      "Longest accepted reply").acts(),
];

/// `virtual_server.real_server.DNS_CHECK`.
#[rustfmt::skip]
pub(super) static DNS_CHECK: &[Keyword] = &[
    k("connect_ip", "<IP>", Address, "real server address", "1.3.0", 2,
      "Address to probe").acts(),
    k("connect_port", "<INT 1..65535>", Int(1, 65535, Lenient), "real server port", "1.3.0", 1,
      "Port to probe").acts(),
    k("bindto", "<IP>", Address, "kernel choice", "1.3.0", 2,
      "Source address of the probe").acts(),
    k("bind_port", "<INT 1..65535>", Int(1, 65535, Lenient), "kernel choice", "1.3.0", 3,
      "Source port of the probe").acts(),
    k("bind_if", "<IFNAME max 15>", Interface, "none", "1.3.7", 3,
      "Outgoing interface, required for link-local targets").acts(),
    k("connect_timeout", "<SECS[.usec] max 4294>", Seconds(0, TIMER_S, 6), "real server (5)", "1.3.0", 1,
      "Time allowed to connect and answer").acts(),
    k("fwmark", "<INT 0..4294967295>", Int(0, U32, Lenient), "0", "1.3.0", 3,
      "SO_MARK on probe sockets; build SO_MARK").acts(),
    k("retry", "<INT 0..4294967295>", Int(0, U32, Lenient), "real server, else 3", "1.3.0", 1,
      "Extra tries before the check counts as failed").acts(),
    k("delay_before_retry", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "1.3.7", 1,
      "Pause between retries").acts(),
    k("warmup", "<SECS[.usec]>", Seconds(0, LONG, 6), "real server, else delay_loop", "1.3.7", 2,
      "Upper bound of random delay before first check; 0 = none").acts(),
    k("delay_loop", "<SECS[.usec] min 0.000001>", Seconds(1, LONG, 6), "real server (60)", "1.3.7", 2,
      "Period of this check").acts(),
    k("alpha", "[<BOOL>]", Bool, "real server", "1.3.7", 2,
      "Start as down until first success").acts(),
    k("log_all_failures", "[<BOOL>]", Bool, "off", "2.0.11", 3,
      "Log each failed try of this checker").acts(),
    k("type", "<A,NS,CNAME,SOA,MX,TXT,AAAA,RRSIG,DNSKEY> any case", AnyCase(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"]), "SOA", "1.3.0", 1,
      "Query type; last two not in man page").acts(),
    k("name", "<DOMAIN>", Word, "root (.)", "1.3.0", 1,
      "Query name").repeated(KeepsFirst).acts(),
];

/// `virtual_server.real_server.FILE_CHECK`.
#[rustfmt::skip]
pub(super) static FILE_CHECK: &[Keyword] = &[
    k("track_file", "<NAME>", Word, "none, required", "2.1.0", 3,
      "track_file to use; must already be defined above").acts(),
    k("weight", "<INT -2147483647..2147483647> [reverse or noreverse]", Weight(-I32, I32), "track_file weight", "2.1.0", 3,
      "Multiplier; the man page option \"dynamic\" does not exist in code").missing(Warns).acts(),
];

/// `virtual_server.real_server.BFD_CHECK`.
#[rustfmt::skip]
pub(super) static BFD_CHECK: &[Keyword] = &[
    k("name", "<BFD_INSTANCE>", Word, "none, required", "2.0.0", 2,
      "Session to follow; must already be defined above").missing(Warns),
    k("alpha", "[<BOOL>]", Bool, "real server", "2.0.0", 3,
      "Start as down"),
];
