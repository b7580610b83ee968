//! What follows from an instance's configuration alone, computed once so that no packet has to.

use crate::config::model::{Authentication, Notify, VirtualAddress, VrrpInstance};
use crate::config::secret::Secret;
use crate::vrrp::unicast::Peers;
use crate::wire::vrrp::v3::{CENTISECOND, Coverage, INTERVAL_MAX};
use crate::wire::vrrp::{Family, MAX_ADDRESSES, address_bytes, ipv6_addresses_max, v2};
use std::net::IpAddr;
use std::rc::Rc;

/// What follows from the configuration alone, computed once.
#[derive(Debug)]
pub(in crate::vrrp) struct Derived {
    /// Virtual addresses as they stand in an advert.
    pub address_bytes: Vec<u8>,
    /// The same, sorted.
    pub sorted_addresses: Vec<IpAddr>,
    /// The interval as it stands in an advert of version 2.
    pub interval_seconds: u8,
    /// The same of version 3.
    pub interval_centiseconds: u16,
    /// What our version 3 checksums cover.
    pub coverage: Coverage,
    /// The password as it stands in an advert.
    pub password: Secret,
    /// Whom to tell.
    pub notify: Rc<Notify>,
    /// The unicast peers.
    pub peers: Peers,
    /// What to announce.
    pub announced: Vec<Announced>,
}

/// What to announce on one interface.
#[derive(Debug, Default)]
pub(in crate::vrrp) struct Announced {
    /// Its name.
    pub interface: String,
    /// At once.
    pub addresses: Rc<[IpAddr]>,
    /// When duplicate address detection is over.
    pub detected: Rc<[IpAddr]>,
}

impl Derived {
    pub(super) fn new(config: &VrrpInstance) -> Self {
        let family = config.family();
        let most = match family {
            Family::V4 => MAX_ADDRESSES,
            Family::V6 => ipv6_addresses_max(config.authentication.trailer_length()),
        };
        let addresses: Vec<IpAddr> = config
            .virtual_addresses
            .iter()
            .map(|virtual_address| virtual_address.address)
            .filter(|address| Family::of(*address) == family)
            .take(most)
            .collect();
        let mut sorted_addresses = addresses.clone();
        sorted_addresses.sort_unstable();
        let centiseconds = config.advert_interval.as_millis() / CENTISECOND.as_millis();
        Derived {
            address_bytes: address_bytes(addresses),
            sorted_addresses,
            interval_seconds: u8::try_from(config.advert_interval.as_secs())
                .unwrap_or(u8::MAX)
                .max(1),
            interval_centiseconds: u16::try_from(centiseconds)
                .unwrap_or(INTERVAL_MAX)
                .clamp(1, INTERVAL_MAX),
            coverage: if config.checksum_as_v2 && family == Family::V4 {
                Coverage::Message
            } else {
                Coverage::PseudoHeader
            },
            password: match &config.authentication {
                Authentication::None | Authentication::Hmac(_) => Secret::default(),
                Authentication::Pass(password) | Authentication::Ah(password) => {
                    Secret::new(v2::pad_password(password.expose()))
                }
            },
            notify: Rc::new(config.notify.clone()),
            peers: Peers::new(config.transport.unicast.as_ref()),
            announced: announced(config),
        }
    }
}

/// Whether the kernel runs duplicate address detection for an address.
pub(super) fn undergoes_detection(line: &VirtualAddress) -> bool {
    line.address.is_ipv6() && line.flags & VirtualAddress::NODAD == 0
}

fn announced(config: &VrrpInstance) -> Vec<Announced> {
    let mut by_interface: Vec<(String, Vec<IpAddr>, Vec<IpAddr>)> = Vec::new();
    for line in config
        .virtual_addresses
        .iter()
        .chain(&config.holdings.addresses)
    {
        let interface = line.interface.as_deref().unwrap_or(config.home());
        let known = by_interface.iter().position(|(name, ..)| name == interface);
        let at = known.unwrap_or(by_interface.len());
        if known.is_none() {
            by_interface.push((interface.to_owned(), Vec::new(), Vec::new()));
        }
        let Some((_, at_once, detected)) = by_interface.get_mut(at) else {
            continue;
        };
        if undergoes_detection(line) {
            detected.push(line.address);
        } else {
            at_once.push(line.address);
        }
    }
    by_interface
        .into_iter()
        .map(|(interface, addresses, detected)| Announced {
            interface,
            addresses: addresses.into(),
            detected: detected.into(),
        })
        .collect()
}
