//! What is run at the two ends of the daemon's life.

use super::Command;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The daemon's own scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// `startup_script`: before there are any other processes.
    pub startup: Option<BoundedCommand>,
    /// `shutdown_script`: when there are none any more.
    pub shutdown: Option<BoundedCommand>,
}

/// A command that must not take for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundedCommand {
    /// What is run.
    pub command: Command,
    /// How long it may take.
    pub limit: Duration,
}
