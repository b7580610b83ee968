//! What is configured, in the words of the data file: the daemon, instances, groups and what they hold. The dump of a configuration is this
//! alone; what runs is `data`'s.

use super::holdings::Worded;
use super::outline::{Outline, or_none};
use super::{auth, daemon, describe, notify, transport, vmac};
use crate::config::model::{
    Global, Holdings, InitialState, Model, Version, VirtualAddress, Vrrp, VrrpInstance,
};
use crate::vrrp::master_down_interval;

/// A configuration as it was understood (`--dump-conf`), with the defaults filled in.
pub fn configuration(model: &Model) -> String {
    let mut out = Outline::default();
    global(&mut out, &model.global);
    fixed(&mut out, &model.vrrp.fixed, &describe);
    if !model.vrrp.instances.is_empty() {
        out.title("VRRP Topology");
    }
    for instance in &model.vrrp.instances {
        out.value(1, "VRRP Instance", &instance.name);
        settings(&mut out, instance);
        holds(&mut out, instance, &describe);
    }
    groups(&mut out, &model.vrrp);
    super::lvs::topology(&mut out, &model.lvs, None);
    super::bfd::topology(&mut out, &model.bfd);
    out.into_text()
}

/// What the host has whatever the instances do.
pub(super) fn fixed(out: &mut Outline, holdings: &Holdings, worded: Address<'_>) {
    let addresses = holdings.addresses.iter().map(|line| worded(line, ""));
    let routes = holdings
        .routes
        .iter()
        .map(|route| Worded(route).to_string());
    let rules = holdings.rules.iter().map(|rule| Worded(rule).to_string());
    let sections: [(&str, Vec<String>); 3] = [
        ("Static Addresses", addresses.collect()),
        ("Static Routes", routes.collect()),
        ("Static Rules", rules.collect()),
    ];
    for (title, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
        out.title(title);
        for line in lines {
            out.line(5, line);
        }
    }
}

/// Puts an address on the named interface into words.
pub(super) type Address<'a> = &'a dyn Fn(&VirtualAddress, &str) -> String;

/// What an instance holds while it is MASTER.
pub(super) fn holds(out: &mut Outline, config: &VrrpInstance, worded: Address<'_>) {
    let holdings = &config.holdings;
    let address = |line| worded(line, config.home());
    let count = config.virtual_addresses.len();
    out.line(3, format_args!("Virtual IP ({count}):"));
    for line in &config.virtual_addresses {
        out.line(5, address(line));
    }
    if !holdings.addresses.is_empty() {
        let count = holdings.addresses.len();
        out.line(3, format_args!("Virtual IP Excluded ({count}):"));
    }
    for line in &holdings.addresses {
        out.line(5, address(line));
    }
    if !holdings.routes.is_empty() {
        out.line(
            3,
            format_args!("Virtual Routes ({}):", holdings.routes.len()),
        );
    }
    for route in &holdings.routes {
        out.line(5, Worded(route));
    }
    if !holdings.rules.is_empty() {
        out.line(3, format_args!("Virtual Rules ({}):", holdings.rules.len()));
    }
    for rule in &holdings.rules {
        out.line(5, Worded(rule));
    }
}

pub(super) fn global(out: &mut Outline, global: &Global) {
    out.title("Global definitions");
    out.value(1, "Router ID", or_none(global.router_id.as_deref()));
    out.value(
        1,
        "Network namespace",
        or_none(global.net_namespace.as_deref()),
    );
    out.value(1, "Instance", or_none(global.instance.as_deref()));
    out.value(1, "Use PID directory", global.use_pid_dir);
    out.value(1, "Child wait time", global.child_wait_time);
    out.value(1, "VRRP IPv4 mcast group", global.vrrp_mcast_group4);
    out.value(1, "VRRP IPv6 mcast group", global.vrrp_mcast_group6);
    out.value(1, "Log unknown VRIDs", global.log_unknown_vrids);
    let firewall = &global.firewall;
    out.value(1, "nftables table", &firewall.table);
    out.value(1, "nftables priority", firewall.priority);
    out.value(1, "nftables counters", firewall.counters);
    out.value(1, "nftables by interface index", firewall.by_index);
    out.value(1, "nftables drops what is sent", firewall.outbound);
    out.value(1, "Disable local IGMP", global.disable_local_igmp);
    out.value(
        1,
        "VRRP startup delay",
        global.vrrp_startup_delay.as_secs_f64(),
    );
    out.value(
        1,
        "VRRP delay after boot",
        global.vrrp_delay_after_boot.as_secs_f64(),
    );
    daemon::mail(out, &global.mail);
    daemon::buffers(out, &global.buffers);
    daemon::processes(out, &global.processes);
    daemon::files(out, &global.files);
    notify::global(out, global);
}

/// What an instance is configured to do.
pub(super) fn settings(out: &mut Outline, config: &VrrpInstance) {
    let garp = &config.garp;
    out.value(
        3,
        "VRRP Version",
        match config.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
    );
    out.value(
        3,
        "Wantstate",
        match config.initial_state {
            InitialState::Master => "MASTER",
            InitialState::Backup => "BACKUP",
        },
    );
    transport::settings(out, config);
    out.value(
        3,
        "Smtp alert",
        if config.notify.mails { "on" } else { "off" },
    );
    notify::settings(out, &config.notify);
    if let Some(bytes) = config.receive_buffer {
        out.value(3, "Kernel rx buffer size", bytes);
    }
    vmac::settings(out, config);
    out.value(3, "Virtual Router ID", config.virtual_router_id);
    out.value(3, "Priority", config.priority);
    out.value(
        3,
        "Advert interval",
        format_args!("{} sec", config.advert_interval.as_secs_f64()),
    );
    let down = master_down_interval(
        config.version,
        config.advert_interval,
        config.down_timer_adverts,
        config.priority,
    );
    out.value(
        3,
        "Master down timer",
        format_args!("{} usecs", down.as_micros()),
    );
    out.value(3, "Down timer adverts", config.down_timer_adverts);
    out.value(
        3,
        "Preempt",
        if config.nopreempt {
            "disabled"
        } else {
            "enabled"
        },
    );
    out.value(
        3,
        "Preempt delay",
        format_args!("{} sec", config.preempt_delay.as_secs_f64()),
    );
    if let Some(best_rival) = config.timer_expired_backup {
        out.value(3, "Timer expired backup", best_rival);
    }
    out.value(3, "Accept", config.accept);
    out.value(3, "Answers at its virtual addresses", config.answers());
    out.value(3, "Strict mode", config.strict);
    out.value(3, "Owner ignores adverts", config.owner_ignore_adverts);
    out.value(3, "Track primary interface", !config.dont_track_primary);
    out.value(3, "Skip check advert addresses", config.skip_check_adv_addr);
    out.value(
        3,
        "Send advert after receive lower priority advert",
        !config.lower_prio_no_advert,
    );
    out.value(
        3,
        "Send advert after receive higher priority advert",
        config.higher_prio_send_advert,
    );
    out.value(3, "Gratuitous ARP delay", garp.master_delay.as_secs_f64());
    out.value(3, "Gratuitous ARP repeat", garp.master_repeat);
    out.value(
        3,
        "Gratuitous ARP refresh",
        garp.master_refresh.as_secs_f64(),
    );
    out.value(
        3,
        "Gratuitous ARP refresh repeat",
        garp.master_refresh_repeat,
    );
    out.value(
        3,
        "Gratuitous ARP lower priority delay",
        garp.lower_prio_delay.as_secs_f64(),
    );
    out.value(
        3,
        "Gratuitous ARP lower priority repeat",
        garp.lower_prio_repeat,
    );
    out.value(3, "Gratuitous ARP interval", garp.interval.as_secs_f64());
    out.value(
        3,
        "Gratuitous ARP on other interfaces",
        garp.extra_interfaces.as_secs_f64(),
    );
    out.value(
        3,
        "Gratuitous NA interval",
        garp.neighbour_interval.as_secs_f64(),
    );
    out.value(3, "VRRPv3 checksum as v2", config.checksum_as_v2);
    auth::write(out, &config.authentication);
}

/// Groups as they are configured.
fn groups(out: &mut Outline, vrrp: &Vrrp) {
    for (place, group) in vrrp.sync_groups.iter().enumerate() {
        if place == 0 {
            out.title("VRRP Sync groups");
        }
        out.value(1, "VRRP Sync Group", &group.name);
        out.line(
            3,
            format_args!("VRRP member instances ({}):", group.members.len()),
        );
        for member in &group.members {
            out.line(5, member);
        }
    }
    for (place, linkbeat) in vrrp.linkbeats.iter().enumerate() {
        if place == 0 {
            out.title("Linkbeat interfaces");
        }
        out.value(1, &linkbeat.interface, linkbeat.preferred.name());
    }
    for (place, delay) in vrrp.link_delays.iter().enumerate() {
        if place == 0 {
            out.title("Interface up/down delays");
        }
        out.value(1, "Name", &delay.interface);
        out.value(3, "Down delay", delay.down.as_secs_f64());
        out.value(3, "Up delay", delay.up.as_secs_f64());
    }
}
