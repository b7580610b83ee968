//! A command that the user wants run: what every notifier and script checker holds. Running it is elsewhere.

use crate::config::world::Account;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A program with its arguments, and who runs it. Where it stood in the file is not part of it: a line that moved is no change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What is executed: an absolute path, looked up when the configuration was read, so that what was judged is what runs. Empty
    /// when no program is meant, but the question whether a file can be opened (`</path`).
    pub program: PathBuf,
    /// The vector of arguments, the program first as it was written; never empty.
    pub arguments: Vec<Vec<u8>>,
    /// Who runs it.
    pub account: Account,
    /// The other groups of its user, when it is to have them.
    pub groups: Vec<u32>,
    /// Where relative paths count from.
    pub directory: PathBuf,
}
