//! What the user configured, checked and resolved: immutable once built, shared by all roles. What runs is elsewhere.

mod global;
mod vrrp;

pub use global::Global;
pub use vrrp::{
    Authentication, GarpPolicy, InitialState, Version, VirtualAddress, Vrrp, VrrpInstance,
};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Daemon-wide settings.
    pub global: Global,
    /// What the VRRP role runs.
    pub vrrp: Vrrp,
}
