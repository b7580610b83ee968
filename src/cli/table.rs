//! The table of command line options: spelling, value, and what the help says. Reading them is in parse.rs.

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// None.
    No,
    /// One, attached or as the next argument; the name is for the help.
    Required(&'static str),
    /// Attached (`-gFILE`, `--log-file=FILE`) or none.
    Optional(&'static str),
}

/// Which option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Name {
    UseFile,
    Vrrp,
    Check,
    NoBfd,
    All,
    LogConsole,
    LogDetail,
    LogFacility,
    LogFile,
    FlushLogFile,
    NoSyslog,
    Umask,
    ReleaseVips,
    DontReleaseVrrp,
    DontReleaseIpvs,
    DontRespawn,
    DontFork,
    DumpConf,
    Pid,
    VrrpPid,
    CheckersPid,
    BfdPid,
    Genhash,
    AddressMonitoring,
    Namespace,
    AllConfig,
    ConfigId,
    Snmp,
    SnmpAgentSocket,
    CoreDump,
    CoreDumpPattern,
    Signum,
    ConfigTest,
    ConfigFd,
    IgnoreSigint,
    Perf,
    Debug,
    NoMemCheck,
    MemErrCheck,
    MemCheckLog,
    Version,
    Help,
}

/// One option.
#[derive(Debug)]
pub struct Row {
    /// One letter, as in `-f`.
    pub short: Option<char>,
    /// A word, as in `--use-file`.
    pub long: &'static str,
    /// Its value.
    pub value: Value,
    /// Which it is.
    pub name: Name,
    /// One line for the help; empty for those that are not for people.
    pub help: &'static str,
}

const fn row(short: char, long: &'static str, value: Value, name: Name, help: &'static str) -> Row {
    Row {
        short: Some(short),
        long,
        value,
        name,
        help,
    }
}

const fn word(long: &'static str, value: Value, name: Name, help: &'static str) -> Row {
    Row {
        short: None,
        long,
        value,
        name,
        help,
    }
}

use Value::{No, Optional, Required};

/// Every option, in the order of the help.
pub const OPTIONS: &[Row] = &[
    row(
        'f',
        "use-file",
        Required("FILE"),
        Name::UseFile,
        "read this configuration file",
    ),
    row(
        't',
        "config-test",
        Optional("FILE"),
        Name::ConfigTest,
        "check the configuration and exit; messages are appended to FILE",
    ),
    row(
        'n',
        "dont-fork",
        No,
        Name::DontFork,
        "stay in the foreground",
    ),
    row(
        'P',
        "vrrp",
        No,
        Name::Vrrp,
        "balance nothing: no checker process",
    ),
    row('C', "check", No, Name::Check, "no VRRP process"),
    row('B', "no_bfd", No, Name::NoBfd, "no BFD process"),
    word("all", No, Name::All, "run every process, configured or not"),
    row(
        'l',
        "log-console",
        No,
        Name::LogConsole,
        "also log to standard error",
    ),
    row(
        'D',
        "log-detail",
        No,
        Name::LogDetail,
        "log more; twice: still more",
    ),
    row(
        'S',
        "log-facility",
        Required("0-7|local0-7|user|daemon"),
        Name::LogFacility,
        "syslog facility",
    ),
    row(
        'g',
        "log-file",
        Optional("FILE"),
        Name::LogFile,
        "also log to a file, one a process",
    ),
    word(
        "flush-log-file",
        No,
        Name::FlushLogFile,
        "write each line to the log file at once (it always is)",
    ),
    row('G', "no-syslog", No, Name::NoSyslog, "do not log to syslog"),
    row(
        'u',
        "umask",
        Required("MASK"),
        Name::Umask,
        "mode bits that new files shall not have",
    ),
    row(
        'd',
        "dump-conf",
        No,
        Name::DumpConf,
        "log the configuration as understood",
    ),
    row(
        'i',
        "config-id",
        Required("ID"),
        Name::ConfigId,
        "take lines marked @ID; default: the host name",
    ),
    row(
        's',
        "namespace",
        Required("NAME"),
        Name::Namespace,
        "run in this network namespace",
    ),
    row(
        'p',
        "pid",
        Required("FILE"),
        Name::Pid,
        "pid file of the parent process",
    ),
    row(
        'r',
        "vrrp_pid",
        Required("FILE"),
        Name::VrrpPid,
        "pid file of the VRRP process",
    ),
    row(
        'c',
        "checkers_pid",
        Required("FILE"),
        Name::CheckersPid,
        "pid file of the checker process",
    ),
    row(
        'b',
        "bfd_pid",
        Required("FILE"),
        Name::BfdPid,
        "pid file of the BFD process",
    ),
    row(
        'R',
        "dont-respawn",
        No,
        Name::DontRespawn,
        "stop when a child process dies",
    ),
    row(
        'V',
        "dont-release-vrrp",
        No,
        Name::DontReleaseVrrp,
        "leave virtual addresses in place when stopping",
    ),
    row(
        'I',
        "dont-release-ipvs",
        No,
        Name::DontReleaseIpvs,
        "leave the IPVS table in place when stopping",
    ),
    row(
        'X',
        "release-vips",
        No,
        Name::ReleaseVips,
        "drop virtual addresses on a transition by signal",
    ),
    row(
        'a',
        "address-monitoring",
        No,
        Name::AddressMonitoring,
        "log every address that comes or goes",
    ),
    row(
        'e',
        "all-config",
        No,
        Name::AllConfig,
        "every included file must exist and be readable",
    ),
    row('m', "core-dump", No, Name::CoreDump, "allow core files"),
    row(
        'M',
        "core-dump-pattern",
        Optional("PATTERN"),
        Name::CoreDumpPattern,
        "also set the kernel's core pattern",
    ),
    row('x', "snmp", No, Name::Snmp, "serve SNMP"),
    row(
        'A',
        "snmp-agent-socket",
        Required("ADDRESS"),
        Name::SnmpAgentSocket,
        "AgentX socket",
    ),
    row(
        'T',
        "genhash",
        No,
        Name::Genhash,
        "be genhash; to be the first option",
    ),
    word(
        "signum",
        Required("FUNCTION"),
        Name::Signum,
        "print the number of a signal: STOP RELOAD DATA STATS STATS_CLEAR JSON TDUMP",
    ),
    row('v', "version", No, Name::Version, "print the version"),
    row('h', "help", No, Name::Help, "print this"),
    word(
        "ignore-sigint",
        No,
        Name::IgnoreSigint,
        "let SIGINT pass, for debuggers",
    ),
    word("config-fd", Required("N"), Name::ConfigFd, ""),
    word("perf", Optional("WHEN"), Name::Perf, ""),
    word("debug", Optional("WHAT"), Name::Debug, ""),
    word("no-mem-check", No, Name::NoMemCheck, ""),
    row('L', "mem-check-log", No, Name::MemCheckLog, ""),
    row('O', "mem-err-check", No, Name::MemErrCheck, ""),
];

/// The option of a letter.
pub fn by_letter(letter: char) -> Option<&'static Row> {
    OPTIONS.iter().find(|row| row.short == Some(letter))
}

/// The option of a word, which may be cut short as long as it fits one option only.
pub fn by_word(word: &str) -> Option<&'static Row> {
    if let Some(exact) = OPTIONS.iter().find(|row| row.long == word) {
        return Some(exact);
    }
    let mut fitting = OPTIONS.iter().filter(|row| row.long.starts_with(word));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// What `-h` prints.
pub fn help(program: &str) -> String {
    let mut text = format!("Usage: {program} [OPTION]...\n\n");
    for row in OPTIONS.iter().filter(|row| !row.help.is_empty()) {
        let long = match row.value {
            No => row.long.to_owned(),
            Required(value) => format!("{}={value}", row.long),
            Optional(value) => format!("{}[={value}]", row.long),
        };
        let short = row
            .short
            .map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        text.push_str(&format!("  {short}--{long:<40} {}\n", row.help));
    }
    text
}
