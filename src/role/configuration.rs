//! Reading the configuration: the parent from the files, a child from what the parent hands over.

use crate::cli::Options;
use crate::config::diagnostic::{Class, Diagnostic, Diagnostics};
use crate::config::expand::{Checks, Context, Limits};
use crate::config::expanded::Expanded;
use crate::config::model::Model;
use crate::config::source::Disk;
use crate::config::{self, Loaded};
use crate::os::clock;
use crate::os::process::host_name;
use crate::os::world::System;
use log::{error, info, warn};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// Reads the files; relative names count from `directory`.
pub fn read(options: &Options, directory: &Path) -> Loaded {
    let context = Context {
        config_id: options
            .config_id
            .clone()
            .unwrap_or_else(host_name)
            .into_bytes(),
        directory: directory.to_owned(),
        environment: std::env::vars_os()
            .map(|(name, value)| (name.into_vec(), value.into_vec()))
            .collect(),
        seed: clock::now().0 ^ u64::from(std::process::id()),
        checks: Checks::default(),
        limits: Limits::default(),
    };
    let options = config::Options {
        path: options.file.clone(),
        context,
    };
    config::load(&options, &Disk, &System { may_wait: true })
}

/// Takes what the parent handed over. It was judged before, so that only a fault of our own makes this fail.
pub fn decode(bytes: &[u8]) -> Result<Model, String> {
    let expanded = Expanded::decode(bytes).map_err(|error| error.to_string())?;
    let diagnostics = Diagnostics::with_files(expanded.files());
    Ok(config::load_expanded(expanded, diagnostics, &System { may_wait: false }).model)
}

/// Logs what was found wrong.
pub fn tell(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.iter() {
        let line = diagnostics.line(diagnostic);
        match severity(diagnostic) {
            Severity::Error => error!("{line}"),
            Severity::Warning => warn!("{line}"),
            Severity::Note => info!("{line}"),
        }
    }
    if diagnostics.dropped() > 0 {
        warn!(
            "{} more messages about the configuration were left out",
            diagnostics.dropped()
        );
    }
}

enum Severity {
    Error,
    Warning,
    Note,
}

fn severity(diagnostic: &Diagnostic) -> Severity {
    match diagnostic.class {
        Class::Warning | Class::Deprecated | Class::Security | Class::Unimplemented => {
            Severity::Warning
        }
        Class::Note => Severity::Note,
        _ => Severity::Error,
    }
}
