//! `-t`: reads the configuration as a start would, says what is wrong with it, and ends.

use super::configuration::{self, Occasion};
use crate::cli::Options;
use crate::config::Loaded;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// The messages cannot be written.
const EXIT_CANNOT_WRITE: i32 = 1;

/// Checks the configuration; messages are appended to `file`, or go to standard error. Returns the exit status.
pub fn run(options: &Options, file: Option<&Path>) -> i32 {
    let directory = std::env::current_dir().unwrap_or_default();
    let loaded = configuration::read(options, &directory, Occasion::Test);
    let written = match file {
        Some(path) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|file| write(&loaded, &mut BufWriter::new(file), false)),
        None => write(
            &loaded,
            &mut BufWriter::new(io::stderr()),
            io::stderr().is_terminal(),
        ),
    };
    if let (Err(error), Some(path)) = (written, file) {
        eprintln!("Cannot write to {}: {error}", path.display());
        return EXIT_CANNOT_WRITE;
    }
    loaded.diagnostics.exit_status()
}

/// One line a message; for people with the place in its line.
pub(super) fn write(loaded: &Loaded, out: &mut impl Write, for_people: bool) -> io::Result<()> {
    let diagnostics = &loaded.diagnostics;
    for diagnostic in diagnostics.iter() {
        if for_people {
            writeln!(out, "{}", diagnostics.snippet(diagnostic, true))?;
        } else {
            writeln!(out, "{}", diagnostics.line(diagnostic))?;
        }
    }
    if diagnostics.dropped() > 0 {
        writeln!(out, "{} more messages were left out", diagnostics.dropped())?;
    }
    // The exit status does not tell this (keepalived's numbers), and the init script must know it: it looks for these words.
    if loaded.refused() {
        writeln!(
            out,
            "keepalived would not start with this, and a running one would keep its old configuration"
        )?;
    } else if loaded.refused_at_reload() {
        writeln!(out, "a running keepalived would keep its old configuration")?;
    }
    out.flush()
}
