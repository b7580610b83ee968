//! keepalived: a high-availability daemon. VRRP elects which of several hosts holds a virtual IP; IPVS rules are programmed from
//! the same file; failures of the world outside shift priorities; notifications tell the world.
//!
//! # The house
//!
//! Floors, downwards only: the binary -> `role` -> `report`, `sim` -> `vrrp`, `check`, `bfd` -> `track`,
//! `notify` -> `config`, `kernel`, `wire`. `os` holds the only `unsafe` code and the only calls that could block; `role`, and `logging` for it, use it.
//!
//! The cores (`vrrp`, `check`, `bfd`, `track`, `notify`, `wire`, `kernel`, and `config` but for `config::source`) never read a clock, a file, the environment or a
//! random number, and know neither mio nor libc: they are given the time and an event, and give back actions as plain values.
//!
//! # How data flows
//!
//! The parent reads the files once: source -> expand -> line -> tree -> keywords -> model and diagnostics. It forks the roles,
//! each of which keeps its part of the immutable model. In a role one mio poll wakes for a socket, netlink, a child, a signal, the
//! watchdog pipe or the one timerfd. The shell decodes bytes into an event, calls a core with the time and performs the actions
//! that come back; their outcomes return as new events. Programs of the user are started by a runner, a small process that the role
//! forks: neither the copy of a large process nor the disk that a program lies on may delay an advert.

pub mod bfd;
pub mod check;
pub mod cli;
pub mod config;
pub mod kernel;
pub mod logging;
pub mod notify;
pub mod os;
pub mod quiet;
pub mod report;
pub mod role;
pub mod sim;
pub mod time;
pub mod track;
pub mod vrrp;
pub mod wheel;
pub mod wire;
