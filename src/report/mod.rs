//! Text out of state: the data, statistics and JSON files of the VRRP process, the data files of the checker process and of the BFD
//! process, and the dump of a configuration. Secrets are masked in all of them. Writing the text to a file is `os`'s.

mod auth;
mod bfd;
mod configured;
mod daemon;
mod data;
mod holdings;
mod json;
mod lvs;
mod notify;
mod outline;
mod stats;
mod trackers;
mod transport;
mod vmac;

pub use bfd::{BfdView, bfd_data};
pub use configured::configuration;
pub use data::data;
pub use json::{Version as JsonVersion, json};
pub use lvs::{CheckerView, checker_data};
pub use notify::FifoState;
pub use stats::stats;
pub use trackers::Trackers;

use crate::config::model::{Global, Holdings, LinkMethod, Linkbeat, VirtualAddress};
use crate::kernel::Known;
use crate::notify::mail::Counts;
use crate::time::Instant;
use crate::vrrp::{InstanceId, Router, State};
use std::fmt::Write;
use std::time::Duration;

/// What the reports of the VRRP process are made from.
pub struct View<'a> {
    /// Daemon-wide settings.
    pub global: &'a Global,
    /// What the host has whatever the instances do.
    pub fixed: &'a Holdings,
    /// The instances.
    pub router: &'a Router,
    /// Links that are polled.
    pub polled: Vec<Polled<'a>>,
    /// What is tracked besides interfaces.
    pub trackers: Trackers<'a>,
    /// The FIFOs that are written to.
    pub fifos: Vec<FifoState<'a>>,
    /// Links and their addresses.
    pub known: &'a Known,
    /// The clock of the loop, and the wall clock at the same moment as time since the epoch.
    pub now: (Instant, Duration),
    /// What became of mail.
    pub mail: Counts,
    /// Whether the packet filter stands as the configuration needs it.
    pub is_filtered: bool,
    /// Whether an instance's addresses are all on the host.
    pub is_placed: &'a dyn Fn(InstanceId) -> bool,
}

/// A link that is polled (`linkbeat_interfaces`).
pub struct Polled<'a> {
    /// What was asked for.
    pub wanted: &'a Linkbeat,
    /// How it was asked last, and whether it had a link; nothing before the first answer.
    pub heard: Option<(LinkMethod, bool)>,
}

impl View<'_> {
    /// The wall-clock time of a moment of the loop, as seconds since the epoch.
    fn seconds(&self, at: Instant) -> f64 {
        let (now, wall) = self.now;
        let wall = match now >= at {
            true => wall.saturating_sub(now.since(at)),
            false => wall.saturating_add(at.since(now)),
        };
        wall.as_secs_f64()
    }

    fn is_present(&self, line: &VirtualAddress, interface: &str) -> bool {
        let claim = crate::kernel::Claim::from_virtual(line, interface);
        let index = self.known.index(&claim.interface);
        index.is_some_and(|index| {
            self.known
                .address(index, &claim.address.placement)
                .is_some()
        })
    }

    /// A virtual address as iproute2 would have it, with `set` when it is on the host.
    fn address(&self, line: &VirtualAddress, interface: &str) -> String {
        let mut text = describe(line, interface);
        if self.is_present(line, interface) {
            text.push_str(" set");
        }
        text
    }
}

/// The names iproute2 has for scopes.
const SCOPES: [(u8, &str); 5] = [
    (0, "global"),
    (200, "site"),
    (253, "link"),
    (254, "host"),
    (255, "nowhere"),
];
/// The flags of addresses, by the words of a configuration.
const FLAGS: [(u32, &str); 4] = [
    (0x10, "home"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
];
const FULL_V4: u8 = 32;
const FULL_V6: u8 = 128;

/// `ADDR[/LEN][ peer P/LEN][ brd B] dev IF scope SCOPE[ label L][ FLAG ...][ deprecated| preferred_lft N][ no_track]`
fn describe(line: &VirtualAddress, interface: &str) -> String {
    let mut text = line.address.to_string();
    let full = if line.address.is_ipv4() {
        FULL_V4
    } else {
        FULL_V6
    };
    if let Some((peer, prefix)) = line.peer {
        let _ = write!(text, " peer {peer}/{prefix}");
    } else if line.prefix != full {
        let _ = write!(text, "/{}", line.prefix);
    }
    if let Some(broadcast) = line.broadcast {
        let _ = write!(text, " brd {broadcast}");
    }
    let _ = write!(
        text,
        " dev {} scope ",
        line.interface.as_deref().unwrap_or(interface)
    );
    match SCOPES.iter().find(|(number, _)| *number == line.scope) {
        Some((_, name)) => text.push_str(name),
        None => {
            let _ = write!(text, "{}", line.scope);
        }
    }
    if let Some(label) = &line.label {
        let _ = write!(text, " label {label}");
    }
    for (flag, name) in FLAGS {
        if line.flags & flag != 0 {
            let _ = write!(text, " {name}");
        }
    }
    match line.preferred_lifetime {
        Some(0) => text.push_str(" deprecated"),
        Some(preferred) => {
            let _ = write!(text, " preferred_lft {preferred}");
        }
        None if line.address.is_ipv6() => text.push_str(" preferred_lft forever"),
        None => {}
    }
    if !line.tracked {
        text.push_str(" no_track");
    }
    text
}

/// A state as keepalived's files number it.
fn state_number(state: State) -> u8 {
    match state {
        State::Initialize => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
    }
}

#[cfg(test)]
mod tests;
