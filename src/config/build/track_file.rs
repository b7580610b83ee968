//! `track_file`: a number in a file.

use super::Context;
use super::state::Builder;
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::Block;
use crate::config::model::{InitFile, TrackFile};
use crate::config::read::{Item, parse_integer};
use crate::config::source::directory;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Multiplier of the number when none is given.
pub(super) const DEFAULT_WEIGHT: (i32, bool) = (1, false);
/// The numbers that change a priority by different amounts.
const USUAL: RangeInclusive<i64> = -254..=254;

/// Reads a `track_file`.
pub(super) fn read(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let (Some(name), Some(statements)) = (item.block_name(context), item.open(context)) else {
        return;
    };
    let (mut path, mut weight, mut init) = (None, DEFAULT_WEIGHT, None);
    context.each_statement(Block::TrackFile, statements, |context, item| {
        match item.name() {
            "file" => path = item.text(context).map(str::to_owned),
            "weight" => weight = item.weight(context).unwrap_or(weight),
            "init_file" => init = Some(init_file(context, &item)),
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
    let Some(path) = watchable(context, item, name, Path::new(&path)) else {
        return;
    };
    if let Entry::Vacant(place) = builder.tracked.files.entry(name.to_owned()) {
        place.insert(weight);
        builder.model.vrrp.files.push(TrackFile {
            name: name.to_owned(),
            path,
            init,
        });
    }
}

/// The file, counted from the one that names it, when its directory tells what happens in it; says what is wrong when it does not.
fn watchable(
    context: &mut Context<'_>,
    item: &Item<'_>,
    name: &str,
    path: &Path,
) -> Option<PathBuf> {
    let here = item.statement.path().map_or(Path::new(""), directory);
    let whole = here.join(path);
    let parent = directory(&whole);
    if whole.file_name().is_none() || !context.world.directory_exists(parent) {
        let message = format!(
            "track_file {name}: the directory of {} does not exist - removing",
            path.display()
        );
        context.fault(
            item.span(),
            message,
            "create the directory before keepalived starts",
        );
        return None;
    }
    if let Some(filesystem) = context.world.unwatched_filesystem(parent) {
        let message = format!(
            "track_file {name}: {} is on a filesystem ({filesystem}) whose changes cannot be watched - removing",
            path.display()
        );
        context.fault(
            item.span(),
            message,
            "use a file on a local filesystem that can be written to, such as /run",
        );
        return None;
    }
    Some(whole)
}

/// `init_file [INT] [overwrite]`.
fn init_file(context: &mut Context<'_>, item: &Item<'_>) -> InitFile {
    let mut init = InitFile {
        value: 0,
        overwrite: false,
    };
    for word in item.statement.arguments() {
        if word == "overwrite" {
            init.overwrite = true;
            continue;
        }
        let value = parse_integer(word.bytes()).ok();
        match value.and_then(|value| Some((value, i32::try_from(value).ok()?))) {
            Some((value, written)) => {
                init.value = written;
                if !USUAL.contains(&value) {
                    let message = format!("init_file value {value} is outside [-254, 254]");
                    context.diagnostics.advise(
                        Class::Warning,
                        word.span(),
                        message,
                        "it is used, but weights beyond 254 have no more effect",
                    );
                }
            }
            None => {
                let message = format!("invalid init_file option '{}'", quote(word.bytes()));
                context.fault(
                    word.span(),
                    message,
                    "write: init_file [NUMBER] [overwrite]; the word is ignored",
                );
            }
        }
    }
    init
}
