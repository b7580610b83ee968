//! What follows from an instance's configuration alone, computed once so that no packet has to.

use crate::config::model::{Authentication, VrrpInstance};
use crate::config::secret::Secret;
use crate::wire::vrrp::v2;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// What follows from the configuration alone, computed once.
#[derive(Debug)]
pub(in crate::vrrp) struct Derived {
    /// Virtual IPv4 addresses as they stand in an advert.
    pub address_bytes: Vec<u8>,
    /// The same, sorted.
    pub sorted_addresses: Vec<Ipv4Addr>,
    /// The interval as it stands in an advert.
    pub interval_seconds: u8,
    /// The password as it stands in an advert.
    pub password: Secret,
    /// What to announce on which interface.
    pub announced: Vec<(String, Rc<[Ipv4Addr]>)>,
}

impl Derived {
    pub(super) fn new(config: &VrrpInstance) -> Self {
        let v4 = |address: IpAddr| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        let addresses = config
            .virtual_addresses
            .iter()
            .filter_map(|virtual_address| v4(virtual_address.address));
        let addresses: Vec<Ipv4Addr> = addresses.take(v2::MAX_ADDRESSES).collect();
        let mut sorted_addresses = addresses.clone();
        sorted_addresses.sort_unstable();
        let mut announced: Vec<(String, Vec<Ipv4Addr>)> = Vec::new();
        for virtual_address in &config.virtual_addresses {
            let Some(address) = v4(virtual_address.address) else {
                continue;
            };
            let interface = virtual_address
                .interface
                .as_ref()
                .unwrap_or(&config.interface);
            match announced.iter_mut().find(|(name, _)| name == interface) {
                Some((_, list)) => list.push(address),
                None => announced.push((interface.clone(), vec![address])),
            }
        }
        Derived {
            address_bytes: v2::address_bytes(addresses),
            sorted_addresses,
            interval_seconds: u8::try_from(config.advert_interval.as_secs())
                .unwrap_or(u8::MAX)
                .max(1),
            password: match &config.authentication {
                Authentication::None => Secret::default(),
                Authentication::Pass(password) => Secret::new(v2::pad_password(password.expose())),
            },
            announced: announced
                .into_iter()
                .map(|(name, list)| (name, list.into()))
                .collect(),
        }
    }
}
