//! `bfd_instance`.

use super::super::state::Tracked;
use super::Context;
use crate::config::diagnostic::quote;
use crate::config::keywords::Block;
use crate::config::model::{BFD_INSTANCES_MAX, BfdInstance};
use crate::config::read::Item;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

/// The longest name, in bytes.
const NAME_MAX: usize = 31;
/// Longer intervals are hardly meant.
const LONG_INTERVAL: Duration = Duration::from_secs(10);
/// `max_hops` that switches the check off.
const ANY_HOPS: i16 = 255;

/// The sessions read so far.
#[derive(Default)]
pub(super) struct Sessions {
    instances: Vec<BfdInstance>,
    names: HashSet<String>,
    /// Who speaks to whom; an address that the kernel chooses may be any.
    pairs: HashMap<IpAddr, HashSet<Option<IpAddr>>>,
}

impl Sessions {
    /// The sessions, in the order of the file.
    pub(super) fn into_instances(self) -> Vec<BfdInstance> {
        self.instances
    }

    /// Reads a session; one that cannot run is dropped, which is said. It may be tracked from then on by whom it tells.
    pub(super) fn read(
        &mut self,
        tracked: &mut Tracked,
        context: &mut Context<'_>,
        item: &Item<'_>,
    ) {
        let (Some(name), Some(children)) = (item.block_name(context), item.open(context)) else {
            return;
        };
        let span = item.argument_span(0);
        let shown = quote(name.as_bytes());
        if name.len() > NAME_MAX {
            let message = format!(
                "Configuration error: BFD instance {shown} name too long (maximum length is {NAME_MAX} characters) - ignoring"
            );
            context.fault(
                span,
                message,
                "give it a shorter name; the block is ignored",
            );
            return;
        }
        if self.names.contains(name) {
            context.fault(
                span,
                format!("BFD {shown} already specified"),
                "give it another name; the block is ignored",
            );
            return;
        }
        if self.instances.len() >= BFD_INSTANCES_MAX {
            let message = format!("BFD {shown} is one more than {BFD_INSTANCES_MAX} sessions");
            context.fault(
                span,
                message,
                "give it up, or another; the block is ignored",
            );
            return;
        }
        let mut draft = Draft::default();
        context.each_statement(Block::BfdInstance, children, |context, item| {
            draft.take(context, &item)
        });
        let problem = match (draft.neighbor, draft.source) {
            (None, _) if draft.bad_neighbor => return,
            (None, _) => Some((
                "has no neighbor address set, disabling instance".to_owned(),
                "add neighbor_ip IP",
            )),
            (Some(neighbor), Some(source)) if neighbor.is_ipv6() != source.is_ipv6() => Some((
                format!(
                    "source address {source} and neighbor address {neighbor} are not of the same family, disabling instance"
                ),
                "write both addresses of one family",
            )),
            (Some(neighbor), _) if is_nobodys(neighbor) => Some((
                format!("has neighbor address {neighbor}, disabling instance"),
                "write the address of another host; a link-local one cannot be used, as it would need an interface",
            )),
            (Some(neighbor), source) => self.rival(neighbor, source),
        };
        if let Some((problem, help)) = problem {
            context.fault(
                span,
                format!("Configuration error: BFD instance {shown} {problem}"),
                help,
            );
            return;
        }
        let Some(neighbor) = draft.neighbor else {
            return;
        };
        self.pairs.entry(neighbor).or_default().insert(draft.source);
        self.names.insert(name.to_owned());
        let weight = draft.weight.unwrap_or_default();
        let instance = draft.settle(context, item, name, neighbor);
        if instance.tells_vrrp {
            tracked.bfds.insert(name.to_owned(), weight);
        }
        if instance.tells_checker {
            tracked.checked_bfds.insert(name.to_owned());
        }
        self.instances.push(instance);
    }
}

impl Sessions {
    /// What is wrong with a session of these addresses, as packets for another could be for it.
    fn rival(&self, neighbor: IpAddr, source: Option<IpAddr>) -> Option<(String, &'static str)> {
        let others = self.pairs.get(&neighbor)?;
        match source {
            Some(source) if others.contains(&Some(source)) => Some((
                format!(
                    "has duplicate source/neighbor address {source}/{neighbor}, ignoring instance"
                ),
                "one session for each pair of addresses is enough",
            )),
            Some(_) if !others.contains(&None) => None,
            _ => Some((
                format!("has duplicate neighbor address {neighbor}, ignoring instance"),
                "one session for each neighbour is enough; more of them need a source_ip each",
            )),
        }
    }
}

/// Whether no host can be spoken to at an address, for all that we know of it.
fn is_nobodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_unspecified() || it.is_multicast() || it.is_broadcast(),
        IpAddr::V6(it) => {
            let is_mapped = it.to_ipv4_mapped().is_some();
            it.is_unspecified() || it.is_multicast() || it.is_unicast_link_local() || is_mapped
        }
    }
}

/// A session as it was written.
#[derive(Default)]
struct Draft {
    neighbor: Option<IpAddr>,
    bad_neighbor: bool,
    source: Option<IpAddr>,
    min_rx: Option<Duration>,
    min_tx: Option<Duration>,
    idle_tx: Option<Duration>,
    multiplier: Option<u8>,
    passive: bool,
    ttl: Option<u8>,
    max_hops: i16,
    multihop: bool,
    weight: Option<(i32, bool)>,
    vrrp: bool,
    checker: bool,
}

impl Draft {
    fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        match item.name() {
            "neighbor_ip" => {
                self.neighbor = item.address(context);
                self.bad_neighbor = self.neighbor.is_none();
            }
            "source_ip" => self.source = item.address(context).or(self.source),
            "min_rx" => self.min_rx = interval(context, item).or(self.min_rx),
            "min_tx" => self.min_tx = interval(context, item).or(self.min_tx),
            "idle_tx" => self.idle_tx = interval(context, item).or(self.idle_tx),
            "multiplier" => self.multiplier = byte(context, item).or(self.multiplier),
            "passive" => self.passive = true,
            "ttl" | "hoplimit" => self.ttl = byte(context, item).or(self.ttl),
            "max_hops" => {
                let hops = item.int(context).and_then(|hops| i16::try_from(hops).ok());
                self.max_hops = hops.unwrap_or(self.max_hops);
            }
            "multihop" => self.multihop = item.bool(context).unwrap_or(self.multihop),
            "weight" => self.weight = item.weight(context).or(self.weight),
            "vrrp" => self.vrrp = true,
            "checker" => self.checker = true,
            _ => {}
        }
    }

    fn settle(
        self,
        context: &mut Context<'_>,
        item: &Item<'_>,
        name: &str,
        neighbor: IpAddr,
    ) -> BfdInstance {
        let usual = BfdInstance::new(name, neighbor);
        let ttl = self.ttl.unwrap_or(usual.ttl);
        let mut max_hops = self.max_hops;
        if max_hops != ANY_HOPS && max_hops > i16::from(ttl) {
            let message = format!(
                "BFD instance {name}: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit"
            );
            context.fault(
                item.argument_span(0),
                message,
                format!("write a max_hops of at most {ttl}"),
            );
            max_hops = ttl.into();
        }
        let (weight, reverse) = self.weight.unwrap_or_default();
        BfdInstance {
            source: self.source,
            min_rx: self.min_rx.unwrap_or(usual.min_rx),
            min_tx: self.min_tx.unwrap_or(usual.min_tx),
            idle_tx: self.idle_tx.unwrap_or(usual.idle_tx),
            multiplier: self.multiplier.unwrap_or(usual.multiplier),
            passive: self.passive,
            ttl,
            max_hops,
            multihop: self.multihop,
            weight: i16::try_from(weight).unwrap_or_default(),
            reverse,
            tells_vrrp: self.vrrp || !self.checker,
            tells_checker: self.checker || !self.vrrp,
            ..usual
        }
    }
}

fn byte(context: &mut Context<'_>, item: &Item<'_>) -> Option<u8> {
    item.int(context).and_then(|value| u8::try_from(value).ok())
}

/// Milliseconds; says when they are more than anyone means.
fn interval(context: &mut Context<'_>, item: &Item<'_>) -> Option<Duration> {
    let interval = item.duration(context)?;
    if interval > LONG_INTERVAL {
        let message = format!(
            "{} of {} ms is very long",
            item.name(),
            interval.as_millis()
        );
        super::group::note(
            context,
            item.argument_span(0),
            message,
            "the unit is milliseconds",
        );
    }
    Some(interval)
}
