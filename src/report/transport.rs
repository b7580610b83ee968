//! How the adverts of instances travel, for the data file: unicast peers, and the sockets that instances share.

use super::outline::Outline;
use crate::config::model::{OldChecksum, VrrpInstance};
use crate::vrrp::{Instance, Router};
use crate::wire::vrrp::Family;
use std::collections::BTreeMap;

/// What stands where an interface would.
const NO_INTERFACE: &str = "(any)";

/// The way of an instance's adverts.
pub(super) fn settings(out: &mut Outline, config: &VrrpInstance) {
    let interface = &config.interface;
    out.value(3, "Interface", shown(interface));
    out.value(3, "Track src_ip", config.transport.track_source);
    let Some(unicast) = &config.transport.unicast else {
        out.value(3, "Multicast address", config.multicast_group);
        return;
    };
    out.value(3, "Unicast TTL", unicast.ttl);
    out.value(3, "Check unicast src", unicast.check_source);
    out.value(
        3,
        "Unicast checksum compatibility",
        match unicast.old_checksum {
            OldChecksum::Learned => "auto",
            OldChecksum::Always => "config",
            OldChecksum::Never => "never",
        },
    );
    out.line(3, format_args!("Unicast Peer ({}):", unicast.peers.len()));
    for peer in &unicast.peers {
        out.line(
            5,
            format_args!(
                "{} min_ttl {} max_ttl {}",
                peer.address, peer.min_ttl, peer.max_ttl
            ),
        );
    }
}

/// One socket per interface and family, and who shares it.
pub(super) fn sockets(out: &mut Outline, router: &Router) {
    let mut shared: BTreeMap<(&str, Family), Vec<&Instance>> = BTreeMap::new();
    for instance in router.instances() {
        shared
            .entry((instance.config().wire(), instance.config().family()))
            .or_default()
            .push(instance);
    }
    out.title("VRRP Sockpool");
    for ((interface, family), instances) in shared {
        out.value(1, "Interface", shown(interface));
        let family = match family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        out.value(3, "Family", family);
        out.value(3, "Protocol", "VRRP");
        let is_unicast = |instance: &&Instance| instance.config().transport.unicast.is_some();
        let kind = match instances.iter().filter(|one| is_unicast(one)).count() {
            0 => "Multicast",
            all if all == instances.len() => "Unicast",
            _ => "Multicast, Unicast",
        };
        out.value(3, "Type", kind);
        out.line(3, "VRRP instances");
        for instance in instances {
            out.line(
                5,
                format_args!(
                    "{} vrid {}",
                    instance.name(),
                    instance.config().virtual_router_id
                ),
            );
        }
    }
}

fn shown(interface: &str) -> &str {
    if interface.is_empty() {
        NO_INTERFACE
    } else {
        interface
    }
}
