//! What instances can track: `vrrp_script`, `vrrp_track_process`, `track_file`. Processes and files are checked
//! in full, but nothing watches them yet.

use super::Context;
use super::state::Builder;
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::Block;
use crate::config::model::{Script, TrackerKind};
use crate::config::read::Item;
use crate::config::source::directory;
use crate::config::world::Account;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::Duration;

/// `vrrp_script`.
pub(super) fn script(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    let mut draft = DraftScript::default();
    context.each_statement(Block::VrrpScript, statements, |context, item| {
        draft.statement(context, &item);
    });
    let Some(command) = draft.command else {
        context.fault(
            item.span(),
            format!("No script set for vrrp_script {name} - removing"),
            "add: script \"/full/path arguments\"",
        );
        return;
    };
    let account = match draft.user {
        Some(account) => account,
        None => {
            let account = context.default_account(item.span());
            if account.is_none() {
                let message =
                    format!("Unable to set default user for vrrp script {name} - removing");
                context.fault(
                    item.span(),
                    message,
                    "add a user line, or script_user in global_defs",
                );
            }
            account
        }
    };
    let Some(account) = account else { return };
    let Some(script) = context.vouch(item.make_script(command, account)) else {
        return;
    };
    if let Entry::Vacant(place) = builder.tracked.scripts.entry(name.to_owned()) {
        place.insert(draft.weight);
        let interval = draft.interval.unwrap_or(SCRIPT_INTERVAL);
        builder.model.vrrp.scripts.push(Script {
            name: name.to_owned(),
            command: script.into(),
            interval,
            timeout: draft.timeout.unwrap_or(interval),
            rise: draft.rise.unwrap_or(1),
            fall: draft.fall.unwrap_or(1),
            init_fail: draft.init_fail,
        });
    }
}

/// `interval` of a script that names none.
const SCRIPT_INTERVAL: Duration = Duration::from_secs(1);

/// A `vrrp_script` as it was read.
#[derive(Default)]
struct DraftScript {
    command: Option<Vec<Vec<u8>>>,
    user: Option<Option<Account>>,
    weight: (i32, bool),
    interval: Option<Duration>,
    timeout: Option<Duration>,
    rise: Option<u32>,
    fall: Option<u32>,
    init_fail: bool,
}

impl DraftScript {
    fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        match item.name() {
            "script" => self.command = item.command(context).map(|(arguments, _)| arguments),
            "user" => self.user = Some(item.user(context)),
            "weight" => self.weight = item.weight(context).unwrap_or(self.weight),
            "interval" | "timeout" if item.argument(0).is_some_and(|word| word == "0") => {
                let message = format!("{} must be greater than 0", item.name());
                context.fault(item.argument_span(0), message, "1 second is used");
            }
            "interval" => self.interval = item.duration(context).or(self.interval),
            "timeout" => self.timeout = item.duration(context).or(self.timeout),
            "rise" => self.rise = item.u32(context).or(self.rise),
            "fall" => self.fall = item.u32(context).or(self.fall),
            "init_fail" => self.init_fail = true,
            _ => item.check(context),
        }
    }
}

/// Says which scripts no instance tracks, once all are known: they are not run.
pub(super) fn finish_scripts(builder: &mut Builder, context: &mut Context<'_>) {
    let vrrp = &mut builder.model.vrrp;
    let tracked: HashSet<&str> = vrrp
        .instances
        .iter()
        .flat_map(|instance| &instance.trackers)
        .filter(|tracked| tracked.kind == TrackerKind::Script)
        .map(|tracked| tracked.name.as_str())
        .collect();
    vrrp.scripts.retain(|script| {
        let used = tracked.contains(script.name.as_str());
        if !used {
            let message = format!(
                "vrrp_script {} is tracked by nobody: it is not run",
                script.name
            );
            context.diagnostics.say(Class::Note, None, message);
        }
        used
    });
}

/// `vrrp_track_process`.
pub(super) fn process(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    let (mut process, mut quorum, mut quorum_max) = (false, None, None);
    let mut weight = (0, false);
    context.each_statement(
        Block::VrrpTrackProcess,
        statements,
        |context, item| match item.name() {
            "process" => process |= item.text(context).is_some(),
            "weight" => weight = item.weight(context).unwrap_or(weight),
            "quorum" => quorum = item.int(context),
            "quorum_max" => quorum_max = item.int(context),
            _ => item.check(context),
        },
    );
    if let (Some(least), Some(most)) = (quorum, quorum_max)
        && least > most
        && most != 0
    {
        context.fault(
            item.span(),
            format!("({name}) quorum {least} is above quorum_max {most}"),
            "quorum_max is ignored",
        );
    }
    if process {
        builder
            .tracked
            .processes
            .entry(name.to_owned())
            .or_insert(weight);
    } else {
        context.fault(
            item.span(),
            format!("No process set for vrrp_track_process {name} - removing"),
            "add: process NAME",
        );
    }
}

/// `track_file`.
pub(super) fn file(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    const DEFAULT_WEIGHT: (i32, bool) = (1, false);
    let (mut path, mut weight) = (None, DEFAULT_WEIGHT);
    context.each_statement(Block::TrackFile, statements, |context, item| {
        match item.name() {
            "file" => path = item.text(context).map(str::to_owned),
            "weight" => weight = item.weight(context).unwrap_or(weight),
            "init_file" => init_file(context, &item),
            _ => item.check(context),
        }
    });
    let Some(path) = path else {
        context.fault(
            item.span(),
            format!("No file set for track_file {name} - removing"),
            "add: file /full/path",
        );
        return;
    };
    let path = Path::new(&path);
    let here = item.statement.path().map_or(Path::new(""), directory);
    if !context.world.directory_exists(&here.join(directory(path))) {
        let message = format!(
            "track_file {name}: the directory of {} does not exist - removing",
            path.display()
        );
        context.fault(
            item.span(),
            message,
            "create the directory before keepalived starts",
        );
        return;
    }
    builder
        .tracked
        .files
        .entry(name.to_owned())
        .or_insert(weight);
}

/// `init_file [INT] [overwrite]`.
fn init_file(context: &mut Context<'_>, item: &Item<'_>) {
    const USUAL: std::ops::RangeInclusive<i64> = -254..=254;
    for word in item
        .statement
        .arguments()
        .filter(|word| *word != "overwrite")
    {
        match crate::config::read::parse_integer(word.bytes()) {
            Ok(value) if USUAL.contains(&value) => {}
            Ok(value) => {
                let message = format!("init_file value {value} is outside [-254, 254]");
                context.diagnostics.advise(
                    Class::Warning,
                    word.span(),
                    message,
                    "it is used, but weights beyond 254 have no more effect",
                );
            }
            Err(_) => {
                let message = format!("invalid init_file option '{}'", quote(word.bytes()));
                context.fault(
                    word.span(),
                    message,
                    "write: init_file [NUMBER] [overwrite]",
                );
            }
        }
    }
}
