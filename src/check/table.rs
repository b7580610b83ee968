//! From what is configured to what the kernel's load balancer is asked for: the keys of a virtual server (a group has many), the service
//! under each, and its servers. Which servers, and with what weight, is `service`'s.
//!
//! DR and TUN leave the port of packets alone, so that their servers have the port of the service; a server of the other family is reached
//! through a tunnel only.

use crate::config::model::{
    Family, Forwarding, Granularity, LINE_SERVICES_MAX, Lvs, Member, Protocol, RealServer,
    ServerGroup, Service, SorryServer, VirtualServer,
};
use crate::kernel::ipvs::{self, Destination, DestinationKey, Persistence, ServiceKey};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

/// A `virtual_server_group` for each name.
pub struct Groups<'a>(HashMap<&'a str, &'a ServerGroup>);

impl<'a> Groups<'a> {
    /// Those of a configuration.
    pub fn of(lvs: &'a Lvs) -> Self {
        let named = lvs.groups.iter().map(|group| (&*group.name, group));
        Groups(named.collect())
    }

    /// The lines of a group.
    pub fn members(&self, name: &str) -> &'a [Member] {
        let group = self.0.get(name);
        group.map_or(&[], |group| &group.members)
    }

    /// What a virtual server is for the kernel.
    pub fn keys(&self, config: &VirtualServer) -> Vec<ServiceKey> {
        let mut keys = Vec::new();
        match &config.service {
            Service::Address(address, port) => keys.push(address_key(config, *address, *port)),
            Service::Fwmark(mark) => keys.push(fwmark_key(config, *mark, None)),
            Service::Group(name) => {
                if let Some(mark) = config.mark {
                    return self.marked(name, mark);
                }
                for member in self.members(name) {
                    match *member {
                        Member::Addresses { first, last, port } => keys.extend(
                            addresses(first, last)
                                .map(|address| address_key(config, address, port)),
                        ),
                        Member::Fwmark { mark, family } => {
                            keys.push(fwmark_key(config, mark, family));
                        }
                    }
                }
            }
        }
        keys
    }

    /// The services of a group whose packets are marked: one of each family.
    fn marked(&self, name: &str, mark: u32) -> Vec<ServiceKey> {
        let families = self.members(name).iter().filter_map(|member| match member {
            Member::Addresses { first, .. } => Some(Family::of(*first)),
            Member::Fwmark { .. } => None,
        });
        let families: BTreeSet<Family> = families.collect();
        let families = families.into_iter();
        families
            .map(|family| ServiceKey::Fwmark { family, mark })
            .collect()
    }
}

fn address_key(config: &VirtualServer, address: IpAddr, port: Option<u16>) -> ServiceKey {
    ServiceKey::Address {
        // As the reader says of a service that names none.
        protocol: config.protocol.unwrap_or(Protocol::Udp),
        address,
        port: port.unwrap_or(0),
    }
}

fn fwmark_key(config: &VirtualServer, mark: u32, family: Option<Family>) -> ServiceKey {
    ServiceKey::Fwmark {
        family: family.or(config.family).unwrap_or(Family::Inet),
        mark,
    }
}

/// From the first to the last, but no more than there may be.
fn addresses(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpAddr> {
    let (start, end, is_ipv6) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (first.to_bits().into(), last.to_bits().into(), false)
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits(), true),
        // The reader gives no such range.
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => (1u128, 0u128, false),
    };
    (start..=end)
        .take(LINE_SERVICES_MAX as usize)
        .map(move |bits| {
            if is_ipv6 {
                IpAddr::V6(bits.into())
            } else {
                // What began as 32 bits has not become more.
                IpAddr::V4(u32::try_from(bits).unwrap_or(u32::MAX).into())
            }
        })
}

/// How the kernel is to spread the connections of a virtual server, at its keys of a family.
pub fn service(config: &VirtualServer, family: Family) -> ipvs::Service {
    let persistence = config.persistence.as_ref();
    ipvs::Service {
        scheduler: Rc::from(&*config.scheduler),
        flags: config.flags,
        one_packet: config.one_packet,
        persistence: persistence.map(|persistence| Persistence {
            timeout: u32::try_from(persistence.timeout.as_secs()).unwrap_or(u32::MAX),
            granularity: match (persistence.granularity, family) {
                (Some(mask @ Granularity::Mask(_)), Family::Inet) => mask,
                (Some(prefix @ Granularity::Prefix(_)), Family::Inet6) => prefix,
                _ => ipvs::single_clients(family),
            },
            engine: persistence.engine.as_deref().map(Rc::from),
        }),
    }
}

/// A server that may be behind a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    address: IpAddr,
    port: Option<u16>,
    forwarding: Forwarding,
    upper_threshold: u32,
    lower_threshold: u32,
}

impl From<&RealServer> for Server {
    fn from(config: &RealServer) -> Self {
        Server {
            address: config.address,
            port: config.port,
            forwarding: config.forwarding,
            upper_threshold: config.upper_threshold,
            lower_threshold: config.lower_threshold,
        }
    }
}

impl From<&SorryServer> for Server {
    fn from(config: &SorryServer) -> Self {
        Server {
            address: config.address,
            port: config.port,
            forwarding: config.forwarding,
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }
}

impl Server {
    /// Its destination at a service; None when packets of the service's family cannot reach it.
    pub fn key(&self, service: &ServiceKey) -> Option<DestinationKey> {
        let tunnel = matches!(self.forwarding, Forwarding::Tunnel(..));
        if !tunnel && Family::of(self.address) != service.family() {
            return None;
        }
        let of_service = match service {
            ServiceKey::Address { port, .. } => Some(*port),
            ServiceKey::Fwmark { .. } => None,
        };
        let port = self.forwarding.kernel_port(of_service, self.port);
        Some(DestinationKey {
            address: self.address,
            port: port.unwrap_or(0),
        })
    }

    /// What it is there with this weight.
    pub fn destination(&self, weight: u32) -> Destination {
        Destination {
            forwarding: self.forwarding,
            weight,
            upper_threshold: self.upper_threshold,
            lower_threshold: self.lower_threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Encapsulation, SchedulerFlags, TunnelChecksum};

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn virtual_server(service: Service, family: Option<Family>) -> VirtualServer {
        VirtualServer {
            service,
            mark: None,
            family,
            protocol: Some(Protocol::Tcp),
            scheduler: "rr".into(),
            flags: SchedulerFlags::default(),
            one_packet: false,
            persistence: None,
            forwarding: Forwarding::Nat,
            ha_suspend: false,
            alpha: false,
            omega: false,
            smtp_alert: None,
            quorum: 1,
            hysteresis: 0,
            quorum_up: None,
            quorum_down: None,
            snmp_name: None,
            sorry_server: None,
            real_servers: Vec::new(),
        }
    }

    fn at(text: &str, port: u16) -> ServiceKey {
        ServiceKey::Address {
            protocol: Protocol::Tcp,
            address: address(text),
            port,
        }
    }

    fn mark(family: Family, mark: u32) -> ServiceKey {
        ServiceKey::Fwmark { family, mark }
    }

    fn keys(members: Vec<Member>, family: Option<Family>) -> Vec<ServiceKey> {
        let lvs = Lvs {
            groups: vec![ServerGroup {
                name: "QUAY".into(),
                members,
            }],
            ..Lvs::default()
        };
        Groups::of(&lvs).keys(&virtual_server(Service::Group("QUAY".into()), family))
    }

    #[test]
    fn a_group_is_all_of_its_members() {
        let range = |first, last, port| Member::Addresses {
            first: address(first),
            last: address(last),
            port,
        };
        let fwmark = |mark, family| Member::Fwmark { mark, family };
        let (inet, inet6) = (Family::Inet, Family::Inet6);
        let rows = [
            (
                range("10.0.0.255", "10.0.1.1", Some(80)),
                Some(inet),
                vec![at("10.0.0.255", 80), at("10.0.1.0", 80), at("10.0.1.1", 80)],
            ),
            (
                range("fd00::ffff", "fd00::1:0", None),
                Some(inet6),
                vec![at("fd00::ffff", 0), at("fd00::1:0", 0)],
            ),
            (
                range("255.255.255.255", "255.255.255.255", Some(1)),
                None,
                vec![at("255.255.255.255", 1)],
            ),
            (fwmark(3, None), Some(inet6), vec![mark(inet6, 3)]),
            (fwmark(3, None), None, vec![mark(inet, 3)]),
            (fwmark(3, Some(inet6)), None, vec![mark(inet6, 3)]),
        ];
        for (member, family, wanted) in rows {
            assert_eq!(keys(vec![member], family), wanted, "{member:?}");
        }
        let whole_net = range("fd00::", "fd00::ffff:ffff:ffff:ffff", Some(80));
        let most = LINE_SERVICES_MAX as usize;
        assert_eq!(keys(vec![whole_net], None).len(), most);
        let both = keys(vec![whole_net, fwmark(1, None)], None);
        assert_eq!(both.len(), most + 1);
    }

    #[test]
    fn where_a_server_is_behind_a_service() {
        let tunnel = Forwarding::Tunnel(Encapsulation::Ipip, TunnelChecksum::None);
        let (nat, direct) = (Forwarding::Nat, Forwarding::DirectRouting);
        let (web, marked) = (at("10.0.0.1", 80), mark(Family::Inet, 3));
        // Server, its port, forwarding, service, port of the destination.
        let rows = [
            ("10.2.0.1", Some(8080), nat, web, Some(8080)),
            ("10.2.0.1", None, nat, web, Some(0)),
            ("10.2.0.1", None, direct, web, Some(80)),
            ("10.2.0.1", Some(8080), direct, web, Some(80)),
            ("10.2.0.1", Some(8080), tunnel, web, Some(80)),
            ("10.2.0.1", Some(8080), nat, marked, Some(8080)),
            ("10.2.0.1", Some(8080), direct, marked, Some(0)),
            ("fd00::1", Some(80), nat, web, None),
            ("fd00::1", Some(80), direct, web, None),
            ("fd00::1", Some(80), tunnel, web, Some(80)),
        ];
        for (text, port, forwarding, service, wanted) in rows {
            let server = Server {
                address: address(text),
                port,
                forwarding,
                upper_threshold: 9,
                lower_threshold: 3,
            };
            let wanted = wanted.map(|port| DestinationKey {
                address: address(text),
                port,
            });
            assert_eq!(
                server.key(&service),
                wanted,
                "{text} {port:?} {forwarding:?}"
            );
            assert_eq!(server.destination(5).weight, 5);
            assert_eq!(server.destination(5).upper_threshold, 9);
        }
    }

    #[test]
    fn the_granularity_of_the_other_family_is_that_of_single_clients() {
        let of = |granularity, family| {
            let mut config = virtual_server(Service::Fwmark(1), None);
            config.persistence = Some(crate::config::model::Persistence {
                timeout: std::time::Duration::from_secs(360),
                granularity,
                engine: None,
            });
            let persistence = service(&config, family).persistence.expect("persistent");
            assert_eq!(persistence.timeout, 360);
            persistence.granularity
        };
        let mask = Granularity::Mask([255, 255, 0, 0].into());
        let prefix = Granularity::Prefix(64);
        let single = ipvs::single_clients;
        assert_eq!(of(Some(mask), Family::Inet), mask);
        assert_eq!(of(Some(mask), Family::Inet6), single(Family::Inet6));
        assert_eq!(of(Some(prefix), Family::Inet6), prefix);
        assert_eq!(of(None, Family::Inet), single(Family::Inet));
    }
}
