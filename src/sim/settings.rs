//! Random settings of a simulated cluster: what all nodes have in common, and what differs from one to the next.

use super::node::link_local;
use super::random::Random;
use super::tracked::random_trackers;
use crate::config::model::{
    Authentication, GarpPolicy, InitialState, OldChecksum, SyncGroup, TrackedInterface, Transport,
    Unicast, UnicastPeer, Version, VirtualAddress, Vrrp, VrrpInstance,
};
use crate::config::secret::Secret;
use crate::wire::vrrp::{Family, MULTICAST_GROUP4, MULTICAST_GROUP6, PRIORITY_OWNER};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Gratuitous ARPs so far apart that a burst outlasts many a MASTER.
const LONG_GARP_INTERVAL: Duration = Duration::from_millis(700);
/// The longest `preempt_delay`.
pub(super) const LONGEST_PREEMPT_DELAY: Duration = Duration::from_secs(8);
/// What a tracked interface is worth.
const TRACK_WEIGHT: i32 = -40;
/// The names of the instances on every node, one on each segment; the first alone in simple lives.
pub(super) const NAMES: [&str; 2] = ["VI_1", "VI_2"];

/// What all nodes of a life speak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    version: Version,
    family: Family,
    /// The shortest interval; in version 3 nodes may have twice that.
    shortest: Duration,
}

impl Protocol {
    pub fn random(random: &mut Random) -> Self {
        let (version, family) = match random.within(0..4) {
            0 | 1 => (Version::V2, Family::V4),
            2 => (Version::V3, Family::V4),
            _ => (Version::V3, Family::V6),
        };
        let shortest = match version {
            Version::V2 => Duration::from_secs(random.within(1..4)),
            Version::V3 => Duration::from_millis(random.within(10..160) * 10),
        };
        Protocol {
            version,
            family,
            shortest,
        }
    }

    /// The interval of one node: a backup of version 3 has to learn that of its master.
    pub fn interval(self, random: &mut Random) -> Duration {
        match self.version {
            Version::V3 if random.percent(50) => self.shortest * 2,
            _ => self.shortest,
        }
    }

    pub fn longest(self) -> Duration {
        match self.version {
            Version::V2 => self.shortest,
            Version::V3 => self.shortest * 2,
        }
    }

    pub fn virtual_address(self, segment: u8) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::new(10, segment, 0, 100).into(),
            Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, segment.into(), 0x100).into(),
        }
    }
}

pub(super) fn node_address(segment: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, segment, 0, host)
}

/// What the unicast of all nodes of a life has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Without interface, where the family allows.
    unbound: bool,
    check_source: bool,
    ttl: u8,
}

impl Way {
    pub fn random(random: &mut Random) -> Self {
        Way {
            unbound: random.percent(30),
            check_source: random.percent(50),
            // 1..=255 fits.
            ttl: u8::try_from(random.within(1..256)).unwrap_or(1),
        }
    }
}

/// Makes an instance one of unicast, its peers all nodes; whether it names itself among them, and its source, is left to chance.
pub(super) fn by_unicast(
    random: &mut Random,
    way: Way,
    instance: &mut VrrpInstance,
    (segment, host): (u8, u8),
    nodes: u64,
) {
    let family = instance.family();
    let address = |host: u8| -> IpAddr {
        let address = node_address(segment, host);
        match family {
            Family::V4 => address.into(),
            Family::V6 => link_local(address).into(),
        }
    };
    let bounds = if way.check_source {
        (way.ttl, way.ttl)
    } else {
        (u8::MIN, u8::MAX)
    };
    let itself = random.percent(30);
    // As many hosts as nodes, from 1: 1..=5 fits.
    let hosts = (1..=nodes).filter_map(|host| u8::try_from(host).ok());
    let peers = hosts
        .filter(|other| itself || *other != host)
        .map(|other| UnicastPeer {
            address: address(other),
            min_ttl: bounds.0,
            max_ttl: bounds.1,
        });
    instance.transport = Transport {
        unicast: Some(Unicast {
            peers: peers.collect(),
            ttl: way.ttl,
            check_source: way.check_source,
            old_checksum: match random.within(0..3) {
                0 => OldChecksum::Always,
                _ => OldChecksum::Learned,
            },
        }),
        track_source: random.percent(50),
    };
    if way.unbound {
        for line in &mut instance.virtual_addresses {
            line.interface = Some(instance.interface.clone());
        }
        instance.interface.clear();
    }
    // Without an interface it is the only thing that says who it is.
    instance.source = (way.unbound || random.percent(50)).then(|| address(host));
}

/// What runs on every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One instance on one segment.
    One,
    /// Two on two segments that know nothing of each other.
    Two,
    /// Two on two segments in a sync group.
    Group,
}

pub(super) fn random_config(
    random: &mut Random,
    protocol: Protocol,
    owners: bool,
    form: Form,
) -> Vrrp {
    let first = random_instance(random, protocol, owners);
    let mut second = match form {
        // What differed would hold the group back for ever.
        Form::Group => first.clone(),
        _ => random_instance(random, protocol, owners),
    };
    second.name = NAMES[1].to_owned();
    second.interface = "eth1".to_owned();
    for line in &mut second.virtual_addresses {
        line.address = protocol.virtual_address(1);
    }
    let mut instances = vec![first, second];
    if form == Form::One {
        instances.truncate(1);
    } else if random.percent(30) {
        let weight = if random.percent(50) { TRACK_WEIGHT } else { 0 };
        for instance in &mut instances {
            instance.tracked_interfaces = vec![TrackedInterface {
                interface: "eth1".to_owned(),
                weight,
                reverse: false,
                implied: false,
            }];
        }
    }
    if random.percent(50) {
        let owner = instances
            .iter()
            .any(|instance| instance.priority == PRIORITY_OWNER);
        let trackers = random_trackers(random, owner);
        for instance in &mut instances {
            instance.trackers.clone_from(&trackers);
        }
    }
    let group = (form == Form::Group).then(|| SyncGroup {
        name: "VG".to_owned(),
        members: NAMES.map(str::to_owned).to_vec(),
        notify: Default::default(),
    });
    Vrrp {
        instances,
        sync_groups: group.into_iter().collect(),
        ..Vrrp::default()
    }
}

fn random_instance(random: &mut Random, protocol: Protocol, owners: bool) -> VrrpInstance {
    let priority = match random.within(0..4) {
        0 if owners => PRIORITY_OWNER,
        0 => 100,
        // 1..=254 fits.
        _ => u8::try_from(random.within(1..255)).unwrap_or(1),
    };
    let eager = random.percent(30);
    let nopreempt = !eager && priority != PRIORITY_OWNER && random.percent(30);
    let delayed = !eager && !nopreempt && priority != PRIORITY_OWNER && random.percent(30);
    VrrpInstance {
        priority,
        initial_state: if eager {
            InitialState::Master
        } else {
            InitialState::Backup
        },
        version: protocol.version,
        advert_interval: protocol.interval(random),
        nopreempt,
        authentication: match protocol.version {
            Version::V2 => Authentication::Pass(Secret::new("s3cr3t")),
            Version::V3 => Authentication::None,
        },
        multicast_group: match protocol.family {
            Family::V4 => MULTICAST_GROUP4.into(),
            Family::V6 => MULTICAST_GROUP6.into(),
        },
        checksum_as_v2: protocol.version == Version::V3 && random.percent(50),
        dont_track_primary: random.percent(20),
        preempt_delay: if delayed {
            random.duration(Duration::ZERO..LONGEST_PREEMPT_DELAY)
        } else {
            Duration::ZERO
        },
        timer_expired_backup: (nopreempt && random.percent(50)).then_some(254),
        skip_check_adv_addr: random.percent(20),
        lower_prio_no_advert: random.percent(20),
        higher_prio_send_advert: random.percent(20),
        garp: GarpPolicy {
            interval: if random.percent(50) {
                LONG_GARP_INTERVAL
            } else {
                Duration::ZERO
            },
            ..GarpPolicy::default()
        },
        virtual_addresses: vec![VirtualAddress::new(protocol.virtual_address(0), 24)],
        ..VrrpInstance::named(NAMES[0], "eth0", 51)
    }
}
