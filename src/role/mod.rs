//! The processes: parent (supervise, watchdog, reload), vrrp and checker. Thin shells: descriptors and time in, cores, actions out.
//!
//! This file is what the roles share: what a child is given when it is forked, and how it ends.

pub mod board;
pub mod control;
pub mod handover;

use crate::cli::Options;
use crate::config::model::Model;
use board::Board;
use control::ToParent;
use handover::Handover;
use std::rc::Rc;

/// How a role ends: the exit statuses that the parent understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Told to stop, and did.
    Clean = 0,
    /// Cannot go on, and replacing it would not help.
    Fatal = 1,
    /// The configuration cannot be run.
    Config = 2,
    /// A permission is missing.
    Permission = 4,
    /// Something that should not happen; a replacement may fare better.
    Internal = 70,
}

/// What a child is given. Nothing in it was used by the parent before the fork but the values.
pub struct RoleContext {
    /// The command line.
    pub options: Rc<Options>,
    /// The configuration to start with.
    pub model: Rc<Model>,
    /// The line to the parent; to be registered with the loop, and `alive` called every turn.
    pub parent: ToParent,
    /// What a predecessor left, and where this process leaves its own state.
    pub board: Rc<Board>,
    /// Where the text of `Order::Reload` is found.
    pub handover: Rc<Handover>,
    /// This process replaces one that died: carry on from the board.
    pub resume: bool,
}
