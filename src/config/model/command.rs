//! A command that the user wants run: what every notifier and script checker holds. Running it is elsewhere.

use crate::config::read::Script;
use crate::config::world::Account;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A program with its arguments, and who runs it. Where it stood in the file is not part of it: a line that moved is no change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The vector of arguments, the program first; never empty.
    pub arguments: Vec<Vec<u8>>,
    /// Who runs it.
    pub account: Account,
    /// Where relative paths count from.
    pub directory: PathBuf,
}

impl From<Script> for Command {
    fn from(script: Script) -> Self {
        Command {
            arguments: script.arguments,
            account: script.account,
            directory: script.directory,
        }
    }
}
