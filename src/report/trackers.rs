//! What is tracked besides interfaces, and what it says: scripts, files, processes, BFD sessions; in the data file and in JSON.

use super::View;
use super::json::Object;
use super::outline::Outline;
use crate::config::model::{
    Command, ParameterMatch, ProcessMatch, TrackProcess, Tracked, TrackerKind, VrrpInstance,
};
use crate::time::Instant;
use crate::track::Level;
use crate::track::file::{File, Files, Reading};
use crate::track::process::{Process, Processes};
use crate::track::script::{Script, Scripts};
use crate::track::session::Sessions;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// What is tracked, as far as it has a life of its own.
#[derive(Clone, Copy)]
pub struct Trackers<'a> {
    /// `vrrp_script`.
    pub scripts: &'a Scripts,
    /// `track_file`.
    pub files: &'a Files,
    /// `vrrp_track_process`.
    pub processes: &'a Processes,
    /// `bfd_instance`.
    pub sessions: &'a Sessions,
}

/// A command for a shell, as keepalived writes it: the program that is run, and its arguments, each in quotes.
fn command_line(command: &Command) -> String {
    let program = command.program.as_os_str().as_bytes();
    let mut words: Vec<&[u8]> = command.arguments.iter().map(Vec::as_slice).collect();
    // Without a program it is the question whether a file can be opened.
    if let (Some(first), false) = (words.first_mut(), program.is_empty()) {
        *first = program;
    }
    let quoted = words.into_iter().map(|word| {
        let word = String::from_utf8_lossy(word).replace('\'', r"'\''");
        format!("'{word}'")
    });
    quoted.collect::<Vec<String>>().join(" ")
}

/// What one line of an instance amounts to.
pub(super) fn line(out: &mut Outline, view: &View<'_>, tracked: &Tracked) {
    let (level, adds) = view.router.tracked(tracked);
    let what = match tracked.kind {
        TrackerKind::Script => "Tracked script",
        TrackerKind::File => "Tracked file",
        TrackerKind::Process => "Tracked process",
        TrackerKind::Bfd => "Tracked BFD",
        TrackerKind::Statics => "Tracked statics of group",
    };
    let reverse = if tracked.reverse { " reverse" } else { "" };
    out.value(
        3,
        what,
        format_args!(
            "{} weight {}{reverse} {level} now {adds:+}",
            tracked.name, tracked.weight
        ),
    );
}

/// Those who track something, by what it is and its name.
type Followers<'a> = HashMap<(TrackerKind, &'a str), Vec<String>>;

/// The sections of the data file.
pub(super) fn sections(out: &mut Outline, view: &View<'_>) {
    let mut followers: Followers<'_> = HashMap::new();
    for instance in view.router.instances() {
        for tracked in &instance.config().trackers {
            let (_, adds) = view.router.tracked(tracked);
            let reverse = if tracked.reverse { " reverse" } else { "" };
            let line = format!(
                "{}, weight {}{reverse} now {adds:+}",
                instance.name(),
                tracked.weight
            );
            let key = (tracked.kind, tracked.name.as_str());
            followers.entry(key).or_default().push(line);
        }
    }
    let Trackers {
        scripts,
        files,
        processes,
        sessions,
    } = view.trackers;
    section(out, "VRRP Scripts", scripts.iter(), |out, script| {
        write_script(out, view, script);
        tell(out, &followers, TrackerKind::Script, &script.config().name);
    });
    section(out, "VRRP Track files", files.iter(), |out, file| {
        write_file(out, file);
        tell(out, &followers, TrackerKind::File, &file.config().name);
    });
    section(
        out,
        "VRRP Track processes",
        processes.iter(),
        |out, process| {
            write_process(out, process);
            let name = &process.config().name;
            tell(out, &followers, TrackerKind::Process, name);
        },
    );
    section(out, "VRRP Track BFDs", sessions.iter(), |out, session| {
        out.value(1, "VRRP Track BFD", session.name());
        out.value(3, "Session state", session.state());
        out.value(3, "Status", session.level());
        tell(out, &followers, TrackerKind::Bfd, session.name());
    });
}

fn section<T>(
    out: &mut Outline,
    title: &str,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut Outline, T),
) {
    for (place, item) in items.enumerate() {
        if place == 0 {
            out.title(title);
        }
        write(out, item);
    }
}

fn tell(out: &mut Outline, followers: &Followers<'_>, kind: TrackerKind, name: &str) {
    out.line(3, "Tracking VRRP instances :");
    for line in followers.get(&(kind, name)).into_iter().flatten() {
        out.line(5, line);
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} sec", duration.as_secs_f64())
}

fn write_script(out: &mut Outline, view: &View<'_>, script: &Script) {
    let config = script.config();
    out.value(1, "VRRP Script", &config.name);
    out.value(3, "Command", command_line(&config.command));
    out.value(3, "Interval", seconds(config.interval));
    out.value(3, "Timeout", seconds(config.timeout));
    out.value(3, "Rise", config.rise);
    out.value(3, "Fall", config.fall);
    let account = config.command.account;
    out.value(
        3,
        "uid:gid",
        format_args!("{}:{}", account.uid, account.gid),
    );
    out.value(3, "Status", script.level());
    let last = script.last();
    let last = last.map_or_else(|| "none has ended".to_owned(), |last| last.to_string());
    out.value(3, "Last run", last);
    out.value(3, "Contrary results in a row", script.contrary());
    out.value(3, "Running", script.is_running());
    out.value(3, "Next run", instant(view, script.due()));
    out.value(3, "Runs left out", script.overruns());
}

fn instant(view: &View<'_>, at: Instant) -> String {
    format!("{:.6}", view.seconds(at))
}

fn write_file(out: &mut Outline, file: &File) {
    let config = file.config();
    out.value(1, "Track file", &config.name);
    out.value(3, "File", config.path.display());
    if let Some(init) = config.init {
        let overwrite = if init.overwrite { " overwrite" } else { "" };
        out.value(3, "Init file", format_args!("{}{overwrite}", init.value));
    }
    let value = file.value();
    out.value(3, "Status", value.map_or(Level::Unknown, Level::Value));
    let found = match file.reading() {
        None => "nothing yet",
        Some(Reading::Value(_)) => "a number",
        Some(Reading::Missing) => "no file",
        Some(Reading::NoNumber) => "no number",
        Some(Reading::NoFile) => "no plain file",
        Some(Reading::Unreadable(_)) => "a file that cannot be read",
    };
    out.value(3, "Last read", found);
}

/// The words of a command line, the first apart from the others, and how they are compared.
fn worded(matching: &ProcessMatch) -> (String, String, ParameterMatch) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match matching {
        ProcessMatch::Name(name) => (text(name), String::new(), ParameterMatch::None),
        ProcessMatch::Command {
            program,
            parameters,
            how,
        } => {
            let parameters: Vec<String> = parameters.iter().map(|word| text(word)).collect();
            (text(program), parameters.join(" "), *how)
        }
    }
}

fn is_full(config: &TrackProcess) -> bool {
    matches!(config.matching, ProcessMatch::Command { .. })
}

fn write_process(out: &mut Outline, process: &Process) {
    let config = process.config();
    let (program, parameters, how) = worded(&config.matching);
    out.value(1, "VRRP Track process", &config.name);
    out.value(3, "Process", program);
    if !parameters.is_empty() {
        out.value(3, "Parameters", parameters);
    }
    out.value(3, "Param match", how.name());
    out.value(3, "Full command", is_full(config));
    let (least, most) = config.quorum;
    out.value(3, "Min processes", least);
    if most < u32::MAX {
        out.value(3, "Max processes", most);
    }
    let count = process.count();
    let count = count.map_or_else(|| "not counted yet".to_owned(), |count| count.to_string());
    out.value(3, "Current processes", count);
    out.value(3, "Status", process.level());
    out.value(3, "Fork delay", seconds(config.fork_delay));
    out.value(3, "Fork delay timer running", process.is_fork_delayed());
    out.value(3, "Terminate delay", seconds(config.terminate_delay));
    let running = process.is_terminate_delayed();
    out.value(3, "Terminate delay timer running", running);
}

/// The lists of an instance in JSON: commands of scripts, names of processes.
pub(super) fn lists(object: &mut Object<'_>, view: &View<'_>, config: &VrrpInstance) {
    let of = |kind| {
        let trackers = config.trackers.iter();
        trackers.filter(move |tracked| tracked.kind == kind)
    };
    let scripts = of(TrackerKind::Script).filter_map(|tracked| {
        let script = view.trackers.scripts.find(&tracked.name)?;
        Some(command_line(&script.config().command))
    });
    object.list("track_script", scripts);
    let processes = of(TrackerKind::Process).map(|tracked| tracked.name.clone());
    object.list("track_process", processes);
}

/// The programs that an instance is told by, in JSON.
pub(super) fn programs(object: &mut Object<'_>, config: &VrrpInstance) {
    let notify = &config.notify;
    for (name, command) in [
        ("script_backup", &notify.backup),
        ("script_master", &notify.master),
        ("script_fault", &notify.fault),
        ("script_stop", &notify.stop),
        ("script_deleted", &notify.deleted),
        ("script", &notify.any),
        ("script_master_rx_lower_pri", &notify.master_rx_lower_pri),
    ] {
        if let Some(command) = command {
            object.text(name, &command_line(command));
        }
    }
}

/// One element of the list of processes in JSON.
pub(super) fn process(out: &mut String, process: &Process) {
    let config = process.config();
    let (program, parameters, how) = worded(&config.matching);
    let (least, most) = config.quorum;
    let weight = if config.reverse {
        -config.weight
    } else {
        config.weight
    };
    let mut object = Object::begin(out);
    object.text("process", &program);
    if !parameters.is_empty() {
        object.text("parameters", &parameters);
    }
    object.text("param_match", how.name());
    object.value("min_processes", least);
    object.value("max_processes", most);
    object.value("current_processes", process.count().unwrap_or_default());
    object.value("have_quorum", process.level() == Level::Up);
    object.value("weight", weight);
    object.seconds("terminate_delay", config.terminate_delay);
    object.seconds("fork_delay", config.fork_delay);
    object.value("fork_delay_timer_running", process.is_fork_delayed());
    object.value(
        "terminate_delay_timer_running",
        process.is_terminate_delayed(),
    );
    object.value("full_command", is_full(config));
    object.end();
}
