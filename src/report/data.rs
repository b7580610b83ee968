//! The data file: what is configured and what runs, for people to read. Here is what runs; the rest is `configured`'s.

use super::configured::{fixed, global, holds, settings};
use super::outline::{Outline, or_none};
use super::{Polled, View, notify, trackers, transport};
use crate::config::model::VirtualAddress;
use crate::vrrp::{Instance, Interface, Router};
use crate::wire::vrrp::Family;
use std::collections::BTreeMap;

/// The text of the data file of the VRRP process.
pub fn data(view: &View<'_>) -> String {
    let mut out = Outline::default();
    global(&mut out, view.global);
    out.value(1, "nftables in place", view.is_filtered);
    if view.global.mail.outlet().is_some() {
        out.value(1, "Smtp alerts sent", view.mail.sent);
        out.value(1, "Smtp alerts lost", view.mail.lost);
        out.value(1, "Smtp alerts waiting", view.mail.waiting);
    }
    let worded = |line: &VirtualAddress, interface: &str| view.address(line, interface);
    fixed(&mut out, view.fixed, &worded);
    out.title("VRRP Topology");
    for instance in view.router.instances() {
        out.value(1, "VRRP Instance", instance.name());
        running(&mut out, view, instance);
        settings(&mut out, instance.config());
        holds(&mut out, instance.config(), &|line, interface| {
            view.address(line, interface)
        });
    }
    transport::sockets(&mut out, view.router);
    running_groups(&mut out, view.router);
    polled(&mut out, &view.polled);
    trackers::sections(&mut out, view);
    notify::fifos(&mut out, &view.fifos);
    interfaces(&mut out, view);
    out.into_text()
}

/// What an instance is doing.
fn running(out: &mut Outline, view: &View<'_>, instance: &Instance) {
    out.value(3, "State", instance.state());
    let unfit = instance.unfit();
    let no_address = match instance.config().family() {
        Family::V4 => "no IPv4 address",
        Family::V6 => "no IPv6 link local address",
    };
    for (reason, holds) in [
        ("interface missing", unfit.missing),
        ("interface down", unfit.down),
        (no_address, unfit.no_address),
        ("source address missing", unfit.no_source),
        ("no unicast peers", unfit.no_peers),
        ("tracked interface", unfit.tracked),
        ("tracked script", unfit.tracker),
        ("sync group", unfit.group),
    ] {
        if holds {
            out.value(3, "Fault", reason);
        }
    }
    if let Some(at) = instance.last_transition() {
        out.value(
            3,
            "Last transition",
            format_args!("{:.6}", view.seconds(at)),
        );
    }
    if let Some(cause) = instance.last_cause() {
        out.value(3, "Last transition cause", format_args!("{cause:?}"));
    }
    if let Some((address, priority)) = instance.master() {
        out.value(3, "Master router", address);
        out.value(3, "Master priority", priority);
        out.value(
            3,
            "Master advert interval",
            format_args!("{} sec", instance.master_interval().as_secs_f64()),
        );
    }
    out.value(3, "Effective priority", instance.effective_priority());
    for tracked in &instance.config().tracked_interfaces {
        out.value(
            3,
            "Tracked interface",
            format_args!(
                "{} weight {}{} now {:+}",
                tracked.interface,
                tracked.weight,
                if tracked.reverse { " reverse" } else { "" },
                view.router.contribution(tracked)
            ),
        );
    }
    for tracked in &instance.config().trackers {
        trackers::line(out, view, tracked);
    }
    if let Some(group) = view.router.group_of(instance) {
        out.value(3, "Sync group", group.name());
        if instance.wants_master() {
            out.value(3, "Waits for", "the other members to become MASTER");
        }
    }
    if let Some(at) = instance.preempt_at() {
        out.value(
            3,
            "Preempt delay until",
            format_args!("{:.6}", view.seconds(at)),
        );
    }
    out.value(3, "VIPs set", (view.is_placed)(instance.id()));
    let source = view
        .router
        .interface_named(instance.config().sender())
        .and_then(|interface| interface.source(instance.config().family()));
    out.value(
        3,
        "Using src_ip",
        or_none(instance.config().source.or(source)),
    );
}

/// Groups and what they do.
fn running_groups(out: &mut Outline, router: &Router) {
    for (place, group) in router.groups().enumerate() {
        if place == 0 {
            out.title("VRRP Sync groups");
        }
        out.value(1, "VRRP Sync Group", group.name());
        out.value(3, "State", group.state());
        let members: Vec<&Instance> = group
            .members()
            .iter()
            .filter_map(|member| router.instance(*member))
            .collect();
        out.line(
            3,
            format_args!("VRRP member instances ({}):", members.len()),
        );
        for member in members {
            out.line(
                5,
                format_args!(
                    "{} {} priority {}",
                    member.name(),
                    member.state(),
                    member.effective_priority()
                ),
            );
        }
    }
}

/// Links that are polled, as they are.
fn polled(out: &mut Outline, polled: &[Polled<'_>]) {
    if !polled.is_empty() {
        out.title("Linkbeat interfaces");
    }
    for Polled { wanted, heard } in polled {
        let (method, state) = match heard {
            Some((method, true)) => (*method, "up"),
            Some((method, false)) => (*method, "down"),
            None => (wanted.preferred, "not known yet"),
        };
        let text = format_args!("{}, {state}", method.name()).to_string();
        out.value(1, &wanted.interface, text);
    }
}

/// Every link of the host.
fn interfaces(out: &mut Outline, view: &View<'_>) {
    let mut tracking: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for instance in view.router.instances() {
        let (name, config) = (instance.name(), instance.config());
        if !config.dont_track_primary && config.is_bound() {
            let line = format!("{name}, weight 0");
            tracking.entry(&config.interface).or_default().push(line);
        }
        for tracked in &config.tracked_interfaces {
            let reverse = if tracked.reverse { " reverse" } else { "" };
            let line = format!("{name}, weight {}{reverse}", tracked.weight);
            tracking.entry(&tracked.interface).or_default().push(line);
        }
    }
    out.title("Interfaces");
    for (index, link) in view.known.links() {
        out.value(1, "Name", &link.name);
        out.value(3, "index", index);
        let told: Option<&Interface> = view.router.interface(index);
        out.value(
            3,
            "IPv4 address",
            or_none(told.and_then(|interface| interface.primary_v4)),
        );
        if let Some(address) = told.and_then(|interface| interface.link_local) {
            out.value(3, "IPv6 address", address);
        }
        let [a, b, c, d, e, f] = link.mac;
        out.value(
            3,
            "MAC",
            format_args!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"),
        );
        out.value(
            3,
            "State",
            if link.is_up() { "UP, RUNNING" } else { "DOWN" },
        );
        out.value(3, "MTU", link.mtu);
        let addresses: Vec<String> = view
            .known
            .addresses(index)
            .iter()
            .map(|address| address.placement.to_string())
            .collect();
        out.value(
            3,
            "Addresses",
            or_none((!addresses.is_empty()).then(|| addresses.join(" "))),
        );
        for (place, line) in tracking
            .get(link.name.as_str())
            .into_iter()
            .flatten()
            .enumerate()
        {
            if place == 0 {
                out.line(3, "Tracking VRRP instances :");
            }
            out.line(5, line);
        }
    }
}
