//! Keywords of the groups around instances and of what instances can track. One row a keyword, in the order of the manual; mod.rs says what the
//! columns mean and finds a row. The rows are data: what they do is in `config::build`.

use super::form::prelude::*;
use super::{Keyword, NOTIFY_TIMEOUT, OURS, k};

/// `vrrp_sync_group`.
#[rustfmt::skip]
pub(super) static VRRP_SYNC_GROUP: &[Keyword] = &[
    k("group", "{ <VRRP_INSTANCE> ... }", Lines(Names), "-", "<=0.7.6", 1,
      "Member instances; unknown names reported after parsing").repeated(KeepsFirst).acts(),
    k("track_interface", "{ <IFNAME> [weight <-253..253> [reverse]] ... }", Lines(TrackInterfaces), "none", "2.0.0", 2,
      "Interfaces tracked on behalf of all members").repeated(Appends).acts(),
    k("track_script", "{ <SCRIPT> [weight <-253..253> [reverse or noreverse]] ... }", Lines(TrackScripts), "none", "2.0.0", 2,
      "Scripts tracked on behalf of all members").repeated(Appends).acts(),
    k("track_file", "{ <FILE> [weight <-254..254> [reverse or noreverse]] ... }", Lines(TrackFiles), "none", "2.0.0", 2,
      "Files tracked on behalf of all members").repeated(Appends).acts(),
    k("track_process", "{ <PROC> [weight <-254..254> [reverse or noreverse]] ... }", Lines(TrackProcesses), "none", "2.0.11", 2,
      "Processes tracked on behalf of all members").repeated(Appends).acts(),
    k("track_bfd", "{ <BFD> [weight <-253..253> [reverse or noreverse]] ... }", Lines(TrackBfds), "none", "2.0.0", 2,
      "BFD sessions tracked on behalf of all members").repeated(Appends).acts(),
    k("notify_backup", "<SCRIPT> [<USER> [[:]<GROUP>]]", Script, "none", "<=0.7.6", 2,
      "Script on group entering BACKUP").repeated(KeepsFirst).acts(),
    k("notify_master", "<SCRIPT> [<USER> [[:]<GROUP>]]", Script, "none", "<=0.7.6", 1,
      "Script on group entering MASTER").repeated(KeepsFirst).acts(),
    k("notify_fault", "<SCRIPT> [<USER> [[:]<GROUP>]]", Script, "none", "<=0.7.6", 2,
      "Script on group entering FAULT").repeated(KeepsFirst).acts(),
    k("notify_stop", "<SCRIPT> [<USER> [[:]<GROUP>]]", Script, "none", "2.0.0", 2,
      "Script when group stops").repeated(KeepsFirst).acts(),
    k("notify", "<SCRIPT> [<USER> [[:]<GROUP>]]", Script, "none", "1.1.2", 2,
      "Script on every group state change, 4 args appended, priority always 0").repeated(KeepsFirst).acts(),
    k("smtp_alert", "[<BOOL>]", Bool, "global smtp_alert_vrrp, then smtp_alert, else off", "1.0.0", 1,
      "Mail on group state change").acts(),
    k("global_tracking", "-", Flag, "off", "1.2.3", 3,
      "Old tracking switch").deprecated(Counted).see("deprecated; same effect as sync_group_tracking_weight").acts(),
    k("sync_group_tracking_weight", "-", Flag, "off", "2.0.0", 3,
      "Permit weights on member trackers instead of zeroing them").acts(),
    k("notify_priority_changes", "[<BOOL>]", Bool, "global vrrp_notify_priority_changes", "2.2.0", 3,
      "FIFO priority lines for members").acts(),
    k("notify_timeout", "<SECS[.usec] 0.1..3600>", NOTIFY_TIMEOUT, "that of global_defs", OURS, 3,
      "How long a notify program of the group may run").acts(),
];

/// `track_group`.
#[rustfmt::skip]
pub(super) static TRACK_GROUP: &[Keyword] = &[
    k("group", "{ <VRRP_INSTANCE> ... }", Lines(Names), "-", "2.0.3", 3,
      "Member instance names; may be defined later in the file").repeated(KeepsFirst).acts(),
];

/// `garp_group`.
#[rustfmt::skip]
pub(super) static GARP_GROUP: &[Keyword] = &[
    k("garp_interval", "<SECS[.usec] 0..4294>", Seconds(0, TIMER_S, 6), "unset", "1.2.21", 3,
      "Pause between GARPs").acts(),
    k("gna_interval", "<SECS[.usec] 0..4294>", Seconds(0, TIMER_S, 6), "unset", "1.2.21", 3,
      "Pause between unsolicited NAs").acts(),
    k("interface", "<IFNAME>", Interface, "-", "1.2.21", 3,
      "The one interface this applies to").acts(),
    k("interfaces", "{ <IFNAME> ... }", Lines(Names), "-", "1.2.21", 3,
      "Interfaces sharing one pacing budget").repeated(Appends).acts(),
];

/// `vrrp_script`.
#[rustfmt::skip]
pub(super) static VRRP_SCRIPT: &[Keyword] = &[
    k("script", "<SCRIPT> (two pass quoting)", Script, "none, required", "1.1.13", 1,
      "Command run without shell; \"</path\" form only tests that a file opens").missing(Warns).acts(),
    k("interval", "<SECS[.msec] 0.001..4294>", Seconds(1000, TIMER_S, 3), "1", "1.1.13", 1,
      "Time between starts").acts(),
    k("timeout", "<SECS[.msec] 0.001..4294>", Seconds(1000, TIMER_S, 3), "interval", "1.2.6", 2,
      "Run time limit").acts(),
    k("weight", "<INT -253..253> [reverse]", Weight(-253, 253), "0", "1.1.13", 1,
      "Default priority change; 0 = FAULT on failure").acts(),
    k("rise", "<INT 1..2147483647>", Int(1, I32, Lenient), "1", "1.1.18", 1,
      "Successes needed for OK").acts(),
    k("fall", "<INT 1..2147483647>", Int(1, I32, Lenient), "1", "1.1.18", 1,
      "Failures needed for KO").acts(),
    k("user", "<USER> [[:]<GROUP>]", User, "script_user", "1.3.0", 1,
      "User the script runs as").acts(),
    k("init_fail", "-", Flag, "off", "1.3.2", 2,
      "Assume failed until first success").acts(),
];

/// `vrrp_track_process`.
#[rustfmt::skip]
pub(super) static VRRP_TRACK_PROCESS: &[Keyword] = &[
    k("process", "<NAME> [<PARAM> ...]", Command, "none, required", "2.0.11", 2,
      "Process name (comm) or command with params; params switch to full command line").repeated(KeepsFirst).acts(),
    k("param_match", "[initial or partial]", OptionalChoice(&["initial", "partial"]), "none; no arg = exact", "2.0.16", 3,
      "How parameters are compared; implies full_command").acts(),
    k("weight", "<INT -254..254> [reverse]", Weight(-254, 254), "0", "2.0.11", 2,
      "Default weight; 0 = FAULT when no quorum").missing(Warns).repeated(KeepsFirst).acts(),
    k("quorum", "<INT 1..65535>", Int(1, 65535, Lenient), "1", "2.0.11", 2,
      "Minimum number of processes").acts(),
    k("quorum_max", "<INT 0..65535>", Int(0, 65535, Lenient), "unlimited", "2.0.16", 3,
      "Maximum number of processes; 0 = must not run").acts(),
    k("delay", "<SECS[.usec] 0.000001..3600>", Seconds(1, 3600000000, 6), "0", "2.0.11", 2,
      "Sets fork_delay and terminate_delay").acts(),
    k("terminate_delay", "<SECS[.usec] 0.000001..3600>", Seconds(1, 3600000000, 6), "0", "2.0.16", 3,
      "Wait after losing quorum").acts(),
    k("fork_delay", "<SECS[.usec] 0.000001..3600>", Seconds(1, 3600000000, 6), "0", "2.0.16", 3,
      "Wait after gaining quorum").acts(),
    k("full_command", "-", Flag, "off", "2.0.11", 3,
      "Match the full command line").acts(),
];

/// `track_file`.
#[rustfmt::skip]
pub(super) static TRACK_FILE: &[Keyword] = &[
    k("file", "<PATH>", Word, "none, required", "2.1.0", 2,
      "File to watch with inotify; directory must exist, filesystem must support it").missing(Warns).repeated(KeepsFirst).acts(),
    k("weight", "<INT -254..254> [reverse]", Weight(-254, 254), "1", "2.1.0", 2,
      "Multiplier of the value; 0 = non-zero value means FAULT; man claims 32-bit range").missing(Warns).repeated(KeepsFirst).acts(),
    k("init_file", "[<INT>] [overwrite]", Custom(InitFile), "no init; value 0", "2.1.0", 2,
      "Create file at start; overwrite replaces content; never at reload or -t").acts(),
];

/// `vrrp_track_file`.
#[rustfmt::skip]
pub(super) static VRRP_TRACK_FILE: &[Keyword] = &[
    k("file", "<PATH>", Word, "none, required", "2.0.0", 3,
      "As track_file.file").acts(),
    k("weight", "<INT -254..254> [reverse]", Weight(-254, 254), "1", "2.0.0", 3,
      "As track_file.weight").acts(),
    k("init_file", "[<INT>] [overwrite]", Custom(InitFile), "no init; value 0", "2.0.0", 3,
      "As track_file.init_file").acts(),
];

/// `bfd_instance`.
#[rustfmt::skip]
pub(super) static BFD_INSTANCE: &[Keyword] = &[
    k("source_ip", "<IP>", Address, "kernel choice", "2.0.0", 2,
      "Local address").acts(),
    k("neighbor_ip", "<IP>", Address, "none, required", "2.0.0", 2,
      "Peer address, UDP 3784 or 4784 multihop").see("neighbour_ip").acts(),
    k("neighbour_ip", "<IP>", Address, "none, required", "2.0.0", 2,
      "Peer address").same_as("neighbor_ip").acts(),
    k("min_rx", "<MSEC[.usec] 1..4294967>", Millis(1000, MILLIS), "10", "2.0.0", 2,
      "Required minimum receive interval").acts(),
    k("min_tx", "<MSEC[.usec] 1..4294967>", Millis(1000, MILLIS), "10", "2.0.0", 2,
      "Desired minimum transmit interval").acts(),
    k("idle_tx", "<MSEC[.usec] 1000..4294967>", Millis(1000000, MILLIS), "1000", "2.0.0", 3,
      "Transmit interval while not Up").acts(),
    k("multiplier", "<INT 1..255>", Int(1, 255, Strict), "5", "2.0.0", 2,
      "Detection multiplier").acts(),
    k("passive", "-", Flag, "off", "2.0.0", 3,
      "Do not start the session").acts(),
    k("ttl", "<INT 1..255>", Int(1, 255, Strict), "255 IPv4", "2.0.0", 3,
      "Outgoing TTL").see("hoplimit (same handler)").acts(),
    k("hoplimit", "<INT 1..255>", Int(1, 255, Strict), "64 IPv6", "2.0.0", 3,
      "Outgoing hop limit").see("ttl (same handler)").acts(),
    k("max_hops", "<INT -1..255>", Int(-1, 255, Strict), "0", "2.0.0", 3,
      "Allowed decrease of received TTL; 255 = no check").acts(),
    k("multihop", "[<BOOL>]", Bool, "off", "2.2.8", 3,
      "Use port 4784").acts(),
    k("weight", "<INT -253..253> [reverse]", Weight(-253, 253), "0", "2.0.0", 2,
      "Default track_bfd weight; 0 = FAULT when down").acts(),
    k("vrrp", "-", Flag, "both", "2.0.0", 3,
      "Send events to VRRP process (only, unless checker is given too)").acts(),
    k("checker", "-", Flag, "both", "2.0.0", 3,
      "Send events to checker process (only, unless vrrp is given too)").acts(),
];
