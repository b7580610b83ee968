//! `vrrp_script`, and what becomes of what can be tracked when it is known who tracks it. Files and processes have files of their own.

use super::Context;
use super::state::Builder;
use crate::config::diagnostic::Class;
use crate::config::keywords::Block;
use crate::config::model::{Probe, Script, TrackerKind};
use crate::config::read::Item;
use crate::config::world::Account;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
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
    let Some(command) = context.vouch(item.make_script(command, account)) else {
        return;
    };
    if let Entry::Vacant(place) = builder.tracked.scripts.entry(name.to_owned()) {
        place.insert(draft.weight);
        let interval = draft.interval.unwrap_or(SCRIPT_INTERVAL);
        builder.model.vrrp.scripts.push(Script {
            name: name.to_owned(),
            command,
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

/// Leaves out what nobody tracks, once all are known: it is neither run nor watched. Says so of scripts, which somebody wrote for this.
pub(super) fn finish(builder: &mut Builder, context: &mut Context<'_>) {
    let vrrp = &mut builder.model.vrrp;
    let tracked: HashSet<(TrackerKind, &str)> = vrrp
        .instances
        .iter()
        .flat_map(|instance| &instance.trackers)
        .map(|tracked| (tracked.kind, tracked.name.as_str()))
        .collect();
    vrrp.scripts.retain(|script| {
        let used = tracked.contains(&(TrackerKind::Script, script.name.as_str()));
        if !used {
            let message = format!(
                "vrrp_script {} is tracked by nobody: it is not run",
                script.name
            );
            context.diagnostics.say(Class::Note, None, message);
        }
        used
    });
    let checks = builder.model.lvs.virtual_servers.iter();
    let followed: HashSet<&str> = checks
        .flat_map(|service| &service.real_servers)
        .flat_map(|server| &server.checkers)
        .filter_map(|checker| match &checker.probe {
            Probe::File { track_file, .. } => Some(&**track_file),
            _ => None,
        })
        .collect();
    let files = vrrp.files.iter();
    let files = files.filter(|file| followed.contains(file.name.as_str()));
    builder.model.lvs.files = files.cloned().collect();
    vrrp.files
        .retain(|file| tracked.contains(&(TrackerKind::File, file.name.as_str())));
    vrrp.processes
        .retain(|process| tracked.contains(&(TrackerKind::Process, process.name.as_str())));
}
