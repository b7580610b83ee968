//! Interfaces whose link is asked for, rather than believed from what the kernel tells.

use serde::{Deserialize, Serialize};

/// One line of `linkbeat_interfaces`, or an interface that `linkbeat_use_polling` means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linkbeat {
    /// Its name.
    pub interface: String,
    /// The way that is tried first.
    pub preferred: LinkMethod,
}

/// How a link is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkMethod {
    /// The status register of the transceiver.
    #[default]
    Mii,
    /// ETHTOOL_GLINK.
    Ethtool,
    /// The flags of the interface, which every one has.
    Ioctl,
}

impl LinkMethod {
    /// Those that are tried, in this order, after the preferred one.
    pub const ALL: [LinkMethod; 3] = [LinkMethod::Mii, LinkMethod::Ethtool, LinkMethod::Ioctl];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            LinkMethod::Mii => "MII",
            LinkMethod::Ethtool => "ETHTOOL",
            LinkMethod::Ioctl => "IOCTL",
        }
    }
}
