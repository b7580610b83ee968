//! A network in memory under virtual time, driving the same `Router` and the same timer wheel as the daemon.
//!
//! network.rs is the world: nodes, links, what gets lost; watch.rs the invariants it checks at every step; scenario.rs makes a
//! whole random life of a cluster out of one number, so that what went wrong can be seen again. No real clock, no real socket.

mod network;
mod random;
mod scenario;
mod watch;

pub use network::{Conditions, Network, NodeId, SegmentId};
pub use random::Random;
pub use scenario::{Outcome, run_scenario};
pub use watch::Violation;
