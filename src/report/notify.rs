//! Programs and FIFOs in the data file: what is run at the ends of the daemon's life and for states, and what waits for a reader.

use super::outline::Outline;
use crate::config::model::{Command, Fifo, Global, Notify};

/// A FIFO that is written to.
pub struct FifoState<'a> {
    /// What was asked for.
    pub config: &'a Fifo,
    /// Its script runs.
    pub is_read: bool,
    /// Lines that wait for a reader.
    pub waiting: usize,
    /// Lines that were given up.
    pub lost: u64,
}

/// A command as one reads it, with who runs it.
fn worded(command: &Command) -> String {
    let words = command
        .arguments
        .iter()
        .map(|word| String::from_utf8_lossy(word));
    let words: Vec<_> = words.collect();
    let account = command.account;
    format!(
        "{}, uid:gid {}:{}",
        words.join(" "),
        account.uid,
        account.gid
    )
}

/// The daemon's own scripts, and the limit of all others; what is not configured is left out.
pub(super) fn global(out: &mut Outline, global: &Global) {
    let own = &global.lifecycle;
    for (name, script) in [
        ("Startup script", &own.startup),
        ("Shutdown script", &own.shutdown),
    ] {
        if let Some(script) = script {
            let limit = script.limit.as_secs();
            out.value(
                1,
                name,
                format_args!("{}, timeout {limit}", worded(&script.command)),
            );
        }
    }
    if let Some(timeout) = global.notify_timeout {
        out.value(1, "Notify timeout", timeout.as_secs_f64());
    }
}

/// What an instance or a group runs; what is not configured is left out.
pub(super) fn settings(out: &mut Outline, notify: &Notify) {
    for (name, command) in [
        ("Backup state transition script", &notify.backup),
        ("Master state transition script", &notify.master),
        ("Fault state transition script", &notify.fault),
        ("Stop state transition script", &notify.stop),
        ("Deleted state script", &notify.deleted),
        ("Generic state transition script", &notify.any),
        (
            "Master rx lower priority script",
            &notify.master_rx_lower_pri,
        ),
    ] {
        if let Some(command) = command {
            out.value(3, name, worded(command));
        }
    }
    if let Some(timeout) = notify.timeout.filter(|_| notify.runs_programs()) {
        out.value(3, "Notify timeout", timeout.as_secs_f64());
    }
    if notify.tells_deleted {
        out.line(3, "Notify deleted");
    }
    if notify.priority_changes {
        out.line(3, "Notify priority changes");
    }
}

/// The FIFOs as they are.
pub(super) fn fifos(out: &mut Outline, fifos: &[FifoState<'_>]) {
    if !fifos.is_empty() {
        out.title("Notify FIFOs");
    }
    for fifo in fifos {
        out.value(1, "FIFO", fifo.config.path.display());
        if let Some(reader) = &fifo.config.reader {
            let state = if fifo.is_read { "runs" } else { "has ended" };
            out.value(3, "Script", format_args!("{}, {state}", worded(reader)));
        }
        out.value(3, "Lines that wait", fifo.waiting);
        out.value(3, "Lines given up", fifo.lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{BoundedCommand, Lifecycle};
    use crate::config::world::Account;
    use std::time::Duration;

    fn command(words: &[&str]) -> Command {
        Command {
            program: words[0].into(),
            arguments: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
            account: Account::ROOT,
            groups: Vec::new(),
            directory: "/".into(),
        }
    }

    #[test]
    fn what_is_run_and_what_waits_is_told() {
        let settings_of_all = Global {
            lifecycle: Lifecycle {
                startup: Some(BoundedCommand {
                    command: command(&["/bin/begin", "now"]),
                    limit: Duration::from_secs(7),
                }),
                shutdown: None,
            },
            notify_timeout: Some(Duration::from_millis(2500)),
            ..Global::default()
        };
        let whom = Notify {
            master: Some(command(&["/bin/master"])),
            timeout: Some(Duration::from_secs(3)),
            tells_deleted: true,
            ..Notify::default()
        };
        let fifo = Fifo {
            path: "/run/told".into(),
            owner: Account::ROOT,
            reader: Some(command(&["/bin/read"])),
            shared: false,
        };
        let mut out = Outline::default();
        global(&mut out, &settings_of_all);
        settings(&mut out, &whom);
        let state = FifoState {
            config: &fifo,
            is_read: true,
            waiting: 3,
            lost: 4,
        };
        fifos(&mut out, &[state]);
        let text = out.into_text();
        for line in [
            " Startup script = /bin/begin now, uid:gid 0:0, timeout 7",
            " Notify timeout = 2.5",
            "   Master state transition script = /bin/master, uid:gid 0:0",
            "   Notify timeout = 3",
            "   Notify deleted",
            " FIFO = /run/told",
            "   Script = /bin/read, uid:gid 0:0, runs",
            "   Lines that wait = 3",
            "   Lines given up = 4",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line:?} in\n{text}"
            );
        }
        assert!(!text.contains("Shutdown"), "{text}");
    }
}
