//! A random life of a cluster, made from one number: nodes and their settings, a bad network, mishaps at random instants, then
//! healing. What must hold at the end is computed from the settings, not guessed.

use super::network::{Conditions, Network, NodeId};
use super::random::Random;
use super::settings::{
    Form, LONGEST_PREEMPT_DELAY, NAMES, Protocol, Way, by_unicast, node_address, random_config,
};
use super::tally::Tally;
use super::watch::Violation;
use crate::config::model::Version;
use crate::vrrp::master_down_interval;
use crate::wire::vrrp::PRIORITY_OWNER;
use std::time::Duration;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(60);
/// As many mishaps happen in that time.
const MISHAPS: u64 = 25;
/// The longest a packet takes.
const LONGEST_DELAY: Duration = Duration::from_millis(20);
/// How long the healed cluster is watched.
const AFTERMATH_INTERVALS: u32 = 20;

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many nodes there were.
    pub nodes: usize,
    /// Whether they knew each other as unicast peers.
    pub unicast: bool,
    /// How many nodes said that they own the addresses, in the end.
    pub owners: usize,
    /// Who is MASTER at the end.
    pub master: NodeId,
    /// How often any node became MASTER.
    pub takeovers: u64,
    /// What else occurred.
    pub tally: Tally,
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
    let owners = random.percent(15);
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
        owners: (0..network.len())
            .filter_map(|node| network.config(node).instances.first())
            .filter(|instance| instance.priority == PRIORITY_OWNER)
            .count(),
        unicast: network
            .config(0)
            .instances
            .iter()
            .all(|instance| instance.transport.unicast.is_some()),
        master,
        takeovers,
        tally: network.tally,
    })
}

/// Something goes wrong with a random node, or goes right again.
fn mishap(network: &mut Network, random: &mut Random) -> Result<(), Violation> {
    let node =
        usize::try_from(random.within(0..u64::try_from(network.len()).unwrap_or(1))).unwrap_or(0);
    let segments = u64::try_from(network.segments(node)).unwrap_or(1);
    let segment = usize::try_from(random.within(0..segments)).unwrap_or(0);
    match random.within(0..17) {
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
        14..17 => network.flap(node, random)?,
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
        network.mend_things(node)?;
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
