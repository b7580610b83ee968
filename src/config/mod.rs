//! From text to model: source (files, includes) -> expand (@conditions, $definitions, ~SEQ) -> line -> tree -> keywords -> model.
//! Every stage keeps where a thing stood, so that every message can name file, line and column.

pub mod build;
pub mod diagnostic;
pub mod expand;
pub mod expanded;
pub mod keywords;
pub mod line;
pub mod model;
pub mod pattern;
pub mod pem;
pub mod phrase;
pub mod read;
pub mod secret;
pub mod shell;
pub mod source;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod world;

use diagnostic::{Class, Diagnostics};
use model::Model;
use source::Files;
use std::path::PathBuf;
use tree::{Options as TreeOptions, Tree};
use world::World;

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The top-level file.
    pub path: PathBuf,
    /// What its conditions and parameters are resolved with.
    pub context: expand::Context,
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What to run.
    pub model: Model,
    /// What was found wrong.
    pub diagnostics: Diagnostics,
    /// Whether there is any object that a daemon could run.
    pub runnable: bool,
}

impl Loaded {
    /// Whether the daemon must not start (or not reload) with this: a keyword without its argument, a failed include check, or
    /// nothing to run at all.
    pub fn refused(&self) -> bool {
        const REFUSING: [Class; 3] = [
            Class::MissingArgument,
            Class::IncludeCheck,
            Class::NoConfiguration,
        ];
        !self.runnable
            || REFUSING
                .into_iter()
                .any(|class| self.diagnostics.has(class))
    }

    /// Whether a running daemon must keep what it has: it could not start with this, or braces or quotes do not match, as in a file
    /// that somebody is still writing. A start makes the best of such a file, because there is nothing better to go on with.
    pub fn refused_at_reload(&self) -> bool {
        self.refused()
            || self.diagnostics.has(Class::Braces)
            || self.diagnostics.has(Class::UnmatchedQuote)
    }
}

/// Reads the files and judges them.
pub fn load(options: &Options, files: &dyn Files, world: &dyn World) -> Loaded {
    let mut diagnostics = Diagnostics::new();
    let expanded = expand::expand(&options.path, &options.context, files, &mut diagnostics);
    let options = TreeOptions {
        root_only: Some(&keywords::root_only),
        reads_raw: Some(&keywords::reads_raw),
    };
    let tree = Tree::build(expanded, options, &mut diagnostics);
    let build::Built {
        model,
        diagnostics,
        runnable,
    } = build::build(&tree, diagnostics, world);
    Loaded {
        model,
        diagnostics,
        runnable,
    }
}
