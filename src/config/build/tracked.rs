//! What instances can track: `vrrp_script`, `vrrp_track_process`, `track_file`. Checked in full; nothing runs them yet.

use super::Context;
use super::state::Builder;
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::Block;
use crate::config::read::Item;
use crate::config::source::directory;
use crate::config::world::Account;
use std::path::Path;

/// `vrrp_script`.
pub(super) fn script(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    let mut command: Option<Vec<Vec<u8>>> = None;
    let mut user: Option<Option<Account>> = None;
    let mut weight = 0;
    context.each_statement(Block::VrrpScript, statements, |context, item| {
        match item.name() {
            "script" => command = item.command(context).map(|(arguments, _)| arguments),
            "user" => user = Some(item.user(context)),
            "weight" => weight = item.weight(context).map_or(weight, |(weight, _)| weight),
            "interval" | "timeout" if item.argument(0).is_some_and(|word| word == "0") => {
                let message = format!("{} must be greater than 0", item.name());
                context.fault(item.argument_span(0), message, "1 second is used");
            }
            _ => item.check(context),
        }
    });
    let Some(command) = command else {
        context.fault(
            item.span(),
            format!("No script set for vrrp_script {name} - removing"),
            "add: script \"/full/path arguments\"",
        );
        return;
    };
    let account = match user {
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
    let script = item.make_script(command, account);
    if context.vouch(script).is_some() {
        builder
            .tracked
            .scripts
            .entry(name.to_owned())
            .or_insert(weight);
    }
}

/// `vrrp_track_process`.
pub(super) fn process(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    let (mut process, mut quorum, mut quorum_max, mut weight) = (false, None, None, 0);
    context.each_statement(
        Block::VrrpTrackProcess,
        statements,
        |context, item| match item.name() {
            "process" => process |= item.text(context).is_some(),
            "weight" => weight = item.weight(context).map_or(weight, |(weight, _)| weight),
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
    const DEFAULT_WEIGHT: i32 = 1;
    let (mut path, mut weight) = (None, DEFAULT_WEIGHT);
    context.each_statement(Block::TrackFile, statements, |context, item| {
        match item.name() {
            "file" => path = item.text(context).map(str::to_owned),
            "weight" => weight = item.weight(context).map_or(weight, |(weight, _)| weight),
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
