//! A random life of a cluster, made from one number: nodes and their settings, a bad network, mishaps at random instants, then
//! healing. What must hold at the end is computed from the settings, not guessed.

use super::network::{Conditions, Network, NodeId, link_local};
use super::random::Random;
use super::watch::Violation;
use crate::config::model::{
    Authentication, GarpPolicy, InitialState, OldChecksum, SyncGroup, TrackedInterface, Transport,
    Unicast, UnicastPeer, Version, VirtualAddress, Vrrp, VrrpInstance,
};
use crate::config::secret::Secret;
use crate::vrrp::master_down_interval;
use crate::wire::vrrp::{Family, PRIORITY_OWNER};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(60);
/// As many mishaps happen in that time.
const MISHAPS: u64 = 25;
/// The longest a packet takes.
const LONGEST_DELAY: Duration = Duration::from_millis(20);
/// Gratuitous ARPs so far apart that a burst outlasts many a MASTER.
const LONG_GARP_INTERVAL: Duration = Duration::from_millis(700);
/// How long the healed cluster is watched.
const AFTERMATH_INTERVALS: u32 = 20;
/// The longest `preempt_delay`.
const LONGEST_PREEMPT_DELAY: Duration = Duration::from_secs(8);
/// What a tracked interface is worth.
const TRACK_WEIGHT: i32 = -40;
/// `IFA_F_NODAD`: as addresses of IPv6 are added.
const NODAD: u32 = 2;
/// The names of the instances on every node, one on each segment; the first alone in simple lives.
const NAMES: [&str; 2] = ["VI_1", "VI_2"];

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many nodes there were.
    pub nodes: usize,
    /// Whether they knew each other as unicast peers.
    pub unicast: bool,
    /// Who is MASTER at the end.
    pub master: NodeId,
    /// How often any node became MASTER.
    pub takeovers: u64,
}

/// Lives through the scenario of a seed.
///
/// # Errors
/// What did not hold, with the log of the nodes.
pub fn run_scenario(seed: u64) -> Result<Outcome, String> {
    let mut random = Random::new(seed);
    let mut network = Network::new(random.number(), Conditions::default());
    let protocol = Protocol::random(&mut random);
    let interval = protocol.longest();
    let owners = random.percent(10);
    let unicast = random.percent(40).then(|| Way::random(&mut random));
    let count = random.within(2..6);
    let form = match random.within(0..3) {
        0 => Form::One,
        1 => Form::Two,
        _ => Form::Group,
    };
    for index in 0..count {
        // 1..=5 fits.
        let host = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let mut config = random_config(&mut random, protocol, owners, form);
        let segments = if form == Form::One { 1 } else { 2 };
        let addresses = [0, 1].map(|segment| node_address(segment, host));
        if let Some(way) = unicast {
            for (segment, instance) in (0..).zip(&mut config.instances) {
                by_unicast(&mut random, way, instance, (segment, host), count);
            }
        }
        network.add_node(config, addresses.get(..segments).unwrap_or(&addresses));
    }
    live(&mut network, &mut random, interval).map_err(|violation| {
        let log: String = network
            .log()
            .iter()
            .map(|(at, node, line)| format!("{at} node {node}: {line}\n"))
            .collect();
        format!("seed {seed}: {violation}\n{log}")
    })
}

/// What all nodes of a life speak.
#[derive(Clone, Copy, Debug)]
struct Protocol {
    version: Version,
    family: Family,
    /// The shortest interval; in version 3 nodes may have twice that.
    shortest: Duration,
}

impl Protocol {
    fn random(random: &mut Random) -> Self {
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
    fn interval(self, random: &mut Random) -> Duration {
        match self.version {
            Version::V3 if random.percent(50) => self.shortest * 2,
            _ => self.shortest,
        }
    }

    fn longest(self) -> Duration {
        match self.version {
            Version::V2 => self.shortest,
            Version::V3 => self.shortest * 2,
        }
    }

    fn virtual_address(self, segment: u8) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::new(10, segment, 0, 100).into(),
            Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, segment.into(), 0x100).into(),
        }
    }
}

fn node_address(segment: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, segment, 0, host)
}

/// What the unicast of all nodes of a life has in common.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Without interface, where the family allows.
    unbound: bool,
    check_source: bool,
    ttl: u8,
}

impl Way {
    fn random(random: &mut Random) -> Self {
        Way {
            unbound: random.percent(30),
            check_source: random.percent(50),
            // 1..=255 fits.
            ttl: u8::try_from(random.within(1..256)).unwrap_or(1),
        }
    }
}

/// Makes an instance one of unicast, its peers all nodes; whether it names itself among them, and its source, is left to chance.
fn by_unicast(
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
enum Form {
    /// One instance on one segment.
    One,
    /// Two on two segments that know nothing of each other.
    Two,
    /// Two on two segments in a sync group.
    Group,
}

fn random_config(random: &mut Random, protocol: Protocol, owners: bool, form: Form) -> Vrrp {
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
            }];
        }
    }
    let group = (form == Form::Group).then(|| SyncGroup {
        name: "VG".to_owned(),
        members: NAMES.map(str::to_owned).to_vec(),
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
        name: NAMES[0].to_owned(),
        interface: "eth0".to_owned(),
        virtual_router_id: 51,
        priority,
        initial_state: if eager {
            InitialState::Master
        } else {
            InitialState::Backup
        },
        version: protocol.version,
        advert_interval: protocol.interval(random),
        nopreempt,
        down_timer_adverts: 3,
        authentication: match protocol.version {
            Version::V2 => Authentication::Pass(Secret::new("s3cr3t")),
            Version::V3 => Authentication::None,
        },
        multicast_group: match protocol.family {
            Family::V4 => Ipv4Addr::new(224, 0, 0, 18).into(),
            Family::V6 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(),
        },
        source: None,
        transport: Default::default(),
        checksum_as_v2: protocol.version == Version::V3 && random.percent(50),
        dont_track_primary: random.percent(20),
        preempt_delay: if delayed {
            random.duration(Duration::ZERO..LONGEST_PREEMPT_DELAY)
        } else {
            Duration::ZERO
        },
        timer_expired_backup: (nopreempt && random.percent(50)).then_some(254),
        owner_ignore_adverts: false,
        tracked_interfaces: Vec::new(),
        trackers: Vec::new(),
        strict: false,
        accept: true,
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
        holdings: Default::default(),
        virtual_addresses: vec![VirtualAddress {
            address: protocol.virtual_address(0),
            prefix: 24,
            interface: None,
            label: None,
            scope: 0,
            broadcast: None,
            peer: None,
            flags: NODAD,
            preferred_lifetime: None,
            tracked: true,
        }],
    }
}

fn live(
    network: &mut Network,
    random: &mut Random,
    interval: Duration,
) -> Result<Outcome, Violation> {
    network.set_conditions(Conditions {
        loss_percent: random.within(0..40),
        duplicate_percent: random.within(0..20),
        delay: (Duration::ZERO, LONGEST_DELAY),
    });
    for node in 0..network.len() {
        network.run_for(random.duration(Duration::ZERO..interval))?;
        network.start(node)?;
    }
    for _ in 0..MISHAPS {
        let pause = TROUBLE / u32::try_from(MISHAPS).unwrap_or(1) * 2;
        network.run_for(random.duration(Duration::ZERO..pause))?;
        mishap(network, random)?;
    }
    heal(network)?;
    network.run_for(converged_within(interval))?;
    let names = &NAMES[..network.segments(0)];
    let masters = |network: &Network| -> Result<Vec<NodeId>, Violation> {
        names
            .iter()
            .map(|name| only_master(network, name))
            .collect()
    };
    let settled = masters(network)?;
    for _ in 0..AFTERMATH_INTERVALS {
        network.run_for(interval)?;
        let now = masters(network)?;
        if now != settled {
            return Err(Violation {
                what: format!("MASTER went from {settled:?} to {now:?} with nothing wrong"),
                at: network.now(),
            });
        }
    }
    for (name, master) in names.iter().zip(&settled) {
        rightful(network, name, *master)?;
    }
    let master = settled.first().copied().unwrap_or(0);
    let grouped = !network.config(0).sync_groups.is_empty();
    if grouped && settled.iter().any(|node| *node != master) {
        return Err(Violation {
            what: format!("the members of the group are MASTER on nodes {settled:?}"),
            at: network.now(),
        });
    }
    let takeovers = (0..network.len())
        .flat_map(|node| network.router(node).instances())
        .map(|instance| instance.stats().become_master)
        .sum();
    Ok(Outcome {
        nodes: network.len(),
        unicast: network
            .config(0)
            .instances
            .iter()
            .all(|instance| instance.transport.unicast.is_some()),
        master,
        takeovers,
    })
}

/// Something goes wrong with a random node, or goes right again.
fn mishap(network: &mut Network, random: &mut Random) -> Result<(), Violation> {
    let node =
        usize::try_from(random.within(0..u64::try_from(network.len()).unwrap_or(1))).unwrap_or(0);
    let segments = u64::try_from(network.segments(node)).unwrap_or(1);
    let segment = usize::try_from(random.within(0..segments)).unwrap_or(0);
    match random.within(0..14) {
        0 => network.pause(node),
        1 | 2 => network.unpause(node)?,
        3 => network.crash(node),
        4 | 5 => network.start(node)?,
        6 => network.set_interface(node, segment, random.percent(50), random.percent(80))?,
        7 => network.set_interface(node, segment, true, true)?,
        8 => {
            let side = u8::try_from(random.within(0..2)).unwrap_or(0);
            network.set_side(node, segment, side);
        }
        9 => network.replace_process(node)?,
        10 => network.stop(node)?,
        11 | 12 => {
            let nodes = u64::try_from(network.len()).unwrap_or(1);
            let other = usize::try_from(random.within(0..nodes)).unwrap_or(0);
            network.set_hears(node, other, segment, random.percent(40));
        }
        _ => {
            let mut config = network.config(node).clone();
            if random.percent(50) {
                let grouped = !config.sync_groups.is_empty();
                let mut priority = 0;
                for (place, instance) in config.instances.iter_mut().enumerate() {
                    if place == 0 || !grouped {
                        // 1..=254 fits.
                        priority = u8::try_from(random.within(1..255)).unwrap_or(1);
                    }
                    instance.priority = priority;
                }
            }
            if random.percent(30) {
                for instance in &mut config.instances {
                    if let Some(unicast) = &mut instance.transport.unicast
                        && !unicast.peers.is_empty()
                    {
                        unicast.peers.rotate_left(1);
                    }
                }
            }
            network.reload(node, config)?;
        }
    }
    Ok(())
}

fn heal(network: &mut Network) -> Result<(), Violation> {
    network.set_conditions(Conditions {
        loss_percent: 0,
        duplicate_percent: 5,
        delay: (Duration::ZERO, LONGEST_DELAY),
    });
    network.mend_all();
    for node in 0..network.len() {
        network.unpause(node)?;
        network.start(node)?;
        for segment in 0..network.segments(node) {
            network.set_side(node, segment, 0);
            network.set_interface(node, segment, true, true)?;
        }
    }
    Ok(())
}

/// The longest it may take until one MASTER is left: everybody's timer runs out in the worst case, a takeover by a better one
/// follows, between owners two adverts and 1.2 intervals of patience, and before that a preempt delay or an interval of listening.
fn converged_within(interval: Duration) -> Duration {
    master_down_interval(Version::V2, interval, 3, 1) * 2
        + interval * 5
        + LONGEST_DELAY * 4
        + LONGEST_PREEMPT_DELAY
        + master_down_interval(Version::V2, interval, 1, 1)
}

fn only_master(network: &Network, name: &str) -> Result<NodeId, Violation> {
    let masters = network.masters(name);
    match masters.as_slice() {
        [one] => Ok(*one),
        _ => Err(Violation {
            what: format!("{name} is MASTER on nodes {masters:?}, not one"),
            at: network.now(),
        }),
    }
}

/// A node that is better than all others and may preempt is MASTER in the end.
fn rightful(network: &Network, name: &str, master: NodeId) -> Result<(), Violation> {
    let instance = |node: NodeId| {
        network
            .router(node)
            .find(name)
            .map(|instance| (instance.effective_priority(), instance.config().nopreempt))
    };
    let Some((priority, _)) = instance(master) else {
        return Ok(());
    };
    for node in 0..network.len() {
        if let Some((better, false)) = instance(node)
            && better > priority
        {
            let what = format!(
                "node {node} of priority {better} leaves MASTER to node {master} of priority {priority}"
            );
            return Err(Violation {
                what,
                at: network.now(),
            });
        }
    }
    Ok(())
}
