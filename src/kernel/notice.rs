//! What the reconciler has to say: values, and their wording.

use super::address::Placement;
use super::policy::Policy;
use std::fmt;
use std::time::Duration;

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An address we want was removed by somebody else; it is put back at once.
    PutBack {
        /// Interface.
        interface: String,
        /// Address.
        placement: Placement,
    },
    /// Somebody keeps removing it; the next attempt waits.
    Contested {
        /// Interface.
        interface: String,
        /// Address.
        placement: Placement,
        /// How long the next attempt waits.
        delay: Duration,
    },
    /// A leftover of an earlier run is on the host while nobody holds it; it is being removed.
    Leftover {
        /// Interface.
        interface: String,
        /// Address.
        placement: Placement,
    },
    /// The kernel refused a request.
    Refused {
        /// True for adding, false for removing.
        adding: bool,
        /// Interface.
        interface: String,
        /// Address.
        placement: Placement,
        /// Why.
        errno: i32,
    },
    /// Duplicate address detection has found another host with an address we want.
    Duplicate {
        /// Interface.
        interface: String,
        /// Address.
        placement: Placement,
    },
    /// A route or a rule was removed by somebody else and is put back.
    PolicyPutBack {
        /// Which.
        policy: Policy,
    },
    /// Somebody keeps removing it; the next attempt waits.
    PolicyContested {
        /// Which.
        policy: Policy,
        /// How long the next attempt waits.
        delay: Duration,
    },
    /// A leftover of an earlier run, which nobody holds, was removed.
    PolicyLeftover {
        /// Which.
        policy: Policy,
    },
    /// The kernel refused a route or a rule.
    PolicyRefused {
        /// True for adding, false for removing.
        adding: bool,
        /// Which.
        policy: Policy,
        /// Why.
        errno: i32,
    },
    /// A link of ours was removed by somebody else; it was made anew.
    LinkPutBack {
        /// Its name.
        interface: String,
    },
    /// A link that we would make has the name of one that is another's.
    LinkForeign {
        /// Its name.
        interface: String,
    },
    /// The kernel refused to make, change or remove a link.
    LinkRefused {
        /// Its name.
        interface: String,
        /// The link it is made upon.
        base: String,
        /// Why.
        errno: i32,
    },
    /// Messages of the kernel were lost; everything is read anew.
    Overrun,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::PutBack {
                interface,
                placement,
            } => {
                write!(
                    f,
                    "Netlink reflector reports IP {} removed from {interface} by someone else: putting it back",
                    placement.address
                )
            }
            Notice::Contested {
                interface,
                placement,
                delay,
            } => write!(
                f,
                "IP {} on {interface} keeps being removed by someone else (a network manager?): putting it back in {} ms",
                placement.address,
                delay.as_millis()
            ),
            Notice::Leftover {
                interface,
                placement,
            } => {
                write!(
                    f,
                    "Removing {placement} from {interface}: left there by an earlier run"
                )
            }
            Notice::Refused {
                adding,
                interface,
                placement,
                errno,
            } => write!(
                f,
                "The kernel refuses to {} {placement} {} {interface}: {}",
                if *adding { "add" } else { "remove" },
                if *adding { "to" } else { "from" },
                std::io::Error::from_raw_os_error(*errno)
            ),
            Notice::Duplicate {
                interface,
                placement,
            } => write!(
                f,
                "Another host has {placement}: the kernel found it on {interface} and does not use the address; take it off that host"
            ),
            Notice::PolicyPutBack { policy } => {
                write!(f, "{policy} was removed by someone else: putting it back")
            }
            Notice::PolicyContested { policy, delay } => write!(
                f,
                "{policy} keeps being removed by someone else (a network manager?): putting it back in {} ms",
                delay.as_millis()
            ),
            Notice::PolicyLeftover { policy } => {
                write!(f, "Removed {policy}: left there by an earlier run")
            }
            Notice::PolicyRefused {
                adding,
                policy,
                errno,
            } => write!(
                f,
                "The kernel refuses to {} {policy}: {}{}",
                if *adding { "add" } else { "remove" },
                std::io::Error::from_raw_os_error(*errno),
                if *adding { "; it is tried again" } else { "" }
            ),
            Notice::LinkPutBack { interface } => write!(
                f,
                "Interface {interface} was removed or renamed by someone else: made anew"
            ),
            Notice::LinkForeign { interface } => write!(
                f,
                "Interface {interface} is there already and was not made by keepalived: rename it, or give use_vmac or use_ipvlan \
                 another name; until then the instances that need it stay in FAULT"
            ),
            Notice::LinkRefused {
                interface,
                base,
                errno,
            } => write!(
                f,
                "The kernel refuses to make {interface} upon {base} what it has to be: {}{}; it is tried again",
                std::io::Error::from_raw_os_error(*errno),
                advice(*errno)
            ),
            Notice::Overrun => write!(
                f,
                "Netlink: Receive buffer overrun on monitor socket: reading addresses and interfaces anew"
            ),
        }
    }
}

/// What helps when a virtual MAC or an ipvlan is refused.
fn advice(errno: i32) -> &'static str {
    const EPERM: i32 = 1;
    const EBUSY: i32 = 16;
    const EINVAL: i32 = 22;
    const EADDRINUSE: i32 = 98;
    const EOPNOTSUPP: i32 = 95;
    match errno {
        EPERM => " (CAP_NET_ADMIN is needed)",
        EBUSY => {
            " (it is a port of a bridge, bond or team, or has links of another kind or mode: name the bridge itself, and use one \
             kind of link upon an interface)"
        }
        EADDRINUSE => {
            " (another link has the same virtual MAC: is a second keepalived running here?)"
        }
        EINVAL => " (this kind of interface bears no virtual MAC: use an Ethernet one)",
        EOPNOTSUPP => " (this kernel lacks the macvlan or ipvlan module)",
        _ => "",
    }
}
