//! A network in memory under virtual time, driving the same `Router` and the same timer wheel as the daemon.
//!
//! network.rs is the world: links and what gets lost; node.rs a node in it, mishaps.rs what befalls one; watch.rs the invariants
//! that are checked at every step. scenario.rs makes a whole random life of a cluster out of one number, so that what went wrong can
//! be seen again, with the settings of settings.rs; tally.rs counts what occurred in it; tracked.rs has scripts and the like fail. No real clock, no real socket.

mod mishaps;
mod network;
mod node;
mod random;
mod scenario;
mod settings;
mod tally;
mod tracked;
mod watch;

pub use network::{Conditions, Network, NodeId, SegmentId};
pub use random::Random;
pub use scenario::{Outcome, run_scenario};
pub use tally::Tally;
pub use watch::Violation;
