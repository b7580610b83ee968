//! The checkers' cores: when a real server is checked, what is said to it, and what its answers mean for the service before it.
//!
//! `dialogue` is what every kind of check that talks to a server implements, one file a kind: bytes in, bytes and a verdict out. What
//! connects, times and repeats is not here but in `role::checker`.

pub mod dialogue;
pub mod dns;
pub mod http;
pub mod kinds;
pub mod ping;
pub mod smtp;
pub mod tls;
pub mod udp;
