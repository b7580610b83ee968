//! The words of `global_defs` about the files that the daemon writes, and about how a reload goes.

use super::Context;
use super::global::set;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::{DumpPlace, Files, ReloadCheck, ReloadFile};
use crate::config::read::Item;
use std::path::{Path, PathBuf};

/// Reads a statement; false when it is about something else.
pub(super) fn statement(files: &mut Files, context: &mut Context<'_>, item: &Item<'_>) -> bool {
    match item.name() {
        "data_use_instance" => set(&mut files.data_use_instance, item.bool(context)),
        "state_dump_file" => set(&mut files.state_dump, dump_place(context, item).map(Some)),
        "stats_dump_file" => set(&mut files.stats_dump, dump_place(context, item).map(Some)),
        "json_dump_file" => set(&mut files.json_dump, dump_place(context, item).map(Some)),
        "json_version" => set(
            &mut files.json_version_2,
            item.int(context).map(|version| version == 2),
        ),
        "reload_check_config" if item.count() == 0 => files.reload_check = Some(ReloadCheck::Log),
        "reload_check_config" => set(
            &mut files.reload_check,
            absolute(context, item).map(|path| Some(ReloadCheck::File(path))),
        ),
        "reload_file" if item.count() == 0 => files.reload_file = Some(ReloadFile::Usual),
        "reload_file" => set(
            &mut files.reload_file,
            absolute(context, item).map(|path| Some(ReloadFile::At(path))),
        ),
        "reload_time_file" => set(&mut files.reload_time, absolute(context, item).map(Some)),
        "reload_repeat" => files.reload_repeat = true,
        "config_save_dir" => set(&mut files.save_directory, absolute(context, item).map(Some)),
        "tmp_config_directory" => {
            let directory = item.text(context);
            if directory.is_some() {
                context.diagnostics.advise(
                    Class::Note,
                    item.span(),
                    "tmp_config_directory has nothing to do: no copy of the configuration is made",
                    "the processes are given their parts through memory; remove the line",
                );
            }
        }
        _ => return false,
    }
    true
}

/// A path that does not depend on where the daemon was started; what it says otherwise is refused.
fn absolute(context: &mut Context<'_>, item: &Item<'_>) -> Option<PathBuf> {
    let text = item.text(context)?;
    if Path::new(text).is_absolute() {
        return Some(text.into());
    }
    let message = format!(
        "{} '{}' is not an absolute path",
        item.name(),
        quote(text.as_bytes())
    );
    context.fault(
        item.argument_span(0),
        message,
        "begin it with /; the line is ignored",
    );
    None
}

/// `PATH` or `DIRECTORY/`; of a relative one the last part counts.
fn dump_place(context: &mut Context<'_>, item: &Item<'_>) -> Option<DumpPlace> {
    let text = item.text(context)?;
    let path = Path::new(text);
    if path.is_absolute() {
        return Some(match text.ends_with('/') {
            true => DumpPlace::Directory(path.to_owned()),
            false => DumpPlace::File(path.to_owned()),
        });
    }
    match path.file_name().filter(|_| !text.ends_with('/')) {
        Some(name) => Some(DumpPlace::Name(name.into())),
        None => {
            let message = format!("{} '{}' names no file", item.name(), quote(text.as_bytes()));
            context.fault(
                item.argument_span(0),
                message,
                "write an absolute path, of a directory with / at its end; the line is ignored",
            );
            None
        }
    }
}
