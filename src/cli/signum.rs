//! Which signal does what: for `--signum` and for the parent process, so that they cannot differ.

/// What a signal to the parent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Stop.
    Stop,
    /// Stop, but leave the services of IPVS to the daemon that is started next.
    Restart,
    /// Read the configuration again.
    Reload,
    /// Write the data files.
    Data,
    /// Write the statistics.
    Stats,
    /// The same, then start counting at zero.
    StatsClear,
    /// Write the JSON file.
    Json,
    /// Log what the timers and descriptors are.
    ThreadDump,
}

/// What tells `RESTART` from the first real-time signal: no version of keepalived knows this one.
const RESTART_AFTER: i32 = 3;

impl Function {
    /// Every function, with its name for `--signum` and the signal's number.
    pub fn all() -> [(Function, &'static str, i32); 8] {
        [
            (Function::Stop, "STOP", libc::SIGTERM),
            (
                Function::Restart,
                "RESTART",
                libc::SIGRTMIN() + RESTART_AFTER,
            ),
            (Function::Reload, "RELOAD", libc::SIGHUP),
            (Function::Data, "DATA", libc::SIGUSR1),
            (Function::Stats, "STATS", libc::SIGUSR2),
            (Function::StatsClear, "STATS_CLEAR", libc::SIGRTMAX() - 1),
            (Function::Json, "JSON", libc::SIGRTMIN() + 2),
            (Function::ThreadDump, "TDUMP", libc::SIGRTMAX()),
        ]
    }
}

/// The signal of a function, by its name.
pub fn number(function: &str) -> Option<i32> {
    Function::all()
        .iter()
        .find(|(_, name, _)| *name == function)
        .map(|&(_, _, number)| number)
}

/// The names of all functions.
pub fn functions() -> String {
    Function::all().map(|(_, name, _)| name).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_scripts_know() {
        for (function, expected) in [
            ("STOP", 15),
            ("RESTART", 37),
            ("RELOAD", 1),
            ("DATA", 10),
            ("STATS", 12),
            ("STATS_CLEAR", 63),
            ("JSON", 36),
            ("TDUMP", 64),
        ] {
            assert_eq!(number(function), Some(expected), "{function}");
        }
        assert_eq!(number("stop"), None);
        assert_eq!(number("TDATA"), None);
    }
}
