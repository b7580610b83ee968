//! The load balancer in the data file: services, servers and checks, each with what is configured and (in the checker process) what runs.
//! Titles and keys are those people know from keepalived, where it has one.

use super::outline::Outline;
use crate::check::CheckId;
use crate::check::carried::{Carried, Share};
use crate::check::director::{Check, Director};
use crate::check::notice::Names;
use crate::check::service::{Server, Service};
use crate::check::tls::certificate;
use crate::config::model::{
    Command, Dialogue, Forwarding, Global, Lvs, Member, Probe, RealServer, Service as Kind,
    VirtualServer,
};
use crate::config::secret::MASK;
use crate::kernel::ipvs::{Connections, DestinationKey, Reading, ServiceKey, Traffic};
use crate::time::{Instant, Wall};
use crate::track::session::Sessions;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What the report of the checker process is made from.
pub struct CheckerView<'a> {
    /// Daemon-wide settings.
    pub global: &'a Global,
    /// What is configured.
    pub lvs: &'a Lvs,
    /// What runs.
    pub director: &'a Director,
    /// What the kernel says that services carry.
    pub readings: &'a [Reading],
    /// The packets of groups are marked as they are to be.
    pub is_marked: bool,
    /// Servers that are configured no more and stay for their connections, with the end of their time.
    pub draining: &'a [(ServiceKey, DestinationKey, Instant)],
    /// The BFD sessions that checks follow.
    pub sessions: &'a Sessions,
    /// The clock of the loop, and the wall clock at the same moment as time since the epoch.
    pub now: (Instant, Duration),
}

impl CheckerView<'_> {
    /// `SECONDS SINCE THE EPOCH (SECONDS ago)`.
    fn when(&self, at: Instant) -> String {
        let (now, wall) = self.now;
        let ago = now.since(at);
        let then = wall.saturating_sub(ago).as_secs_f64();
        format!("{then:.6} ({:.1} s ago)", ago.as_secs_f64())
    }
}

/// The text of the data file of the checker process.
pub fn checker_data(view: &CheckerView<'_>) -> String {
    let mut out = Outline::default();
    super::configured::global(&mut out, view.global);
    let init_notifies = u8::from(view.lvs.init_notifies);
    out.value(1, "rs_init_notifies", init_notifies);
    let carried = Carried::new(view.lvs, view.readings);
    topology(&mut out, view.lvs, Some((view, &carried)));
    draining(&mut out, view, &carried);
    sessions(&mut out, view);
    checks(&mut out, view);
    out.into_text()
}

fn sessions(out: &mut Outline, view: &CheckerView<'_>) {
    let mut followers: HashMap<&str, Vec<String>> = HashMap::new();
    for (name, id) in view.director.session_checks(view.lvs) {
        let found = view
            .director
            .check(id)
            .and_then(|it| it.at().find(view.lvs));
        let names = found.map(|(service, server, _)| Names::of(service, server).to_string());
        followers.entry(name).or_default().extend(names);
    }
    for (place, session) in view.sessions.iter().enumerate() {
        if place == 0 {
            out.title("Checker track BFDs");
        }
        out.value(1, "Checker Track BFD", session.name());
        let state = match session.is_known() {
            true => session.state().to_string(),
            false => "not known yet".to_owned(),
        };
        out.value(3, "Session state", state);
        out.line(3, "Tracking real servers :");
        for line in followers.get(&**session.name()).into_iter().flatten() {
            out.line(5, line);
        }
    }
}

/// What is configured, and what runs of it where that is known.
pub(super) fn topology(
    out: &mut Outline,
    lvs: &Lvs,
    runs: Option<(&CheckerView<'_>, &Carried<'_>)>,
) {
    if lvs.virtual_servers.is_empty() {
        return;
    }
    out.title("LVS Topology");
    if let Some(marking) = &lvs.marking {
        out.value(1, "nftables IPVS table", &marking.table);
        out.value(1, "nftables IPVS priority", marking.priority);
        out.value(1, "nftables IPVS start fwmark", marking.first);
        if let Some((view, _)) = runs {
            out.value(1, "nftables IPVS in place", view.is_marked);
        }
    }
    for group in &lvs.groups {
        out.line(1, "------< Virtual server group >------");
        out.value(1, "Virtual Server Group", &group.name);
        for member in &group.members {
            match member {
                Member::Addresses { first, last, port } => {
                    let range = match first == last {
                        true => format!("VIP = {first}"),
                        false => format!("VIP Range = {first}-{last}"),
                    };
                    let port = port.unwrap_or(0);
                    out.line(3, format_args!("{range}, VPORT = {port}"));
                }
                Member::Fwmark { mark, .. } => out.value(3, "FWMARK", mark),
            }
        }
    }
    for (place, config) in lvs.virtual_servers.iter().enumerate() {
        out.line(1, "------< Virtual server >------");
        let key = match config.service {
            Kind::Address(..) => "VS VIP",
            Kind::Fwmark(_) => "VS FWMARK",
            Kind::Group(_) => "VS GROUP",
        };
        out.value(1, key, config.name());
        service_settings(out, config);
        let running = runs.and_then(|(view, _)| Some((view, view.director.services().get(place)?)));
        if let Some((view, service)) = running {
            service_state(out, view, config, service);
        }
        let share = runs.map(|(_, carried)| carried.of(config));
        if let Some(carries) = share.as_ref().and_then(Share::service) {
            traffic(out, &carries);
        }
        for (place, server) in config.real_servers.iter().enumerate() {
            out.line(3, "------< Real server >------");
            server_settings(out, server);
            let state = running.and_then(|(view, all)| Some((view, all.servers().get(place)?)));
            if let Some((view, state)) = state {
                server_state(out, view, server, state);
            }
            if let Some(share) = &share {
                server_traffic(out, share, server);
            }
        }
    }
}

fn service_settings(out: &mut Outline, config: &VirtualServer) {
    if let Some(mark) = config.mark {
        out.value(3, "nftables fwmark", mark);
    }
    out.value(3, "lvs_sched", &config.scheduler);
    for (name, flag) in [
        ("flag-1", config.flags.first),
        ("flag-2", config.flags.second),
        ("flag-3", config.flags.third),
        ("One packet scheduling", config.one_packet),
    ] {
        out.value(3, name, if flag { "enabled" } else { "disabled" });
    }
    if let Some(persistence) = &config.persistence {
        out.value(3, "persistence timeout", persistence.timeout.as_secs());
    }
    for (name, flag) in [
        ("alpha", config.alpha),
        ("omega", config.omega),
        ("ha_suspend", config.ha_suspend),
    ] {
        out.line(3, format_args!("{name} is {}", on(flag)));
    }
    out.line(
        3,
        format_args!(
            "quorum = {}, hysteresis = {}",
            config.quorum, config.hysteresis
        ),
    );
    command(out, 3, "Quorum up notify script", config.quorum_up.as_ref());
    command(
        out,
        3,
        "Quorum down notify script",
        config.quorum_down.as_ref(),
    );
    let method = forwarding(&config.forwarding);
    out.value(3, "default forwarding method", method);
    if let Some(sorry) = &config.sorry_server {
        let name = crate::check::notice::sorry_name(config, sorry);
        out.value(3, "sorry server", name);
        let method = forwarding(&sorry.forwarding);
        out.value(5, "forwarding method", method);
        let inhibit = on(sorry.inhibit_on_failure);
        out.line(5, format_args!("Inhibit on failure is {inhibit}"));
    }
}

fn service_state(
    out: &mut Outline,
    view: &CheckerView<'_>,
    config: &VirtualServer,
    service: &Service,
) {
    out.value(3, "quorum_state_up", u8::from(service.has_quorum()));
    out.value(3, "Quorum state since", view.when(service.since()));
    out.value(3, "Weight that is up", service.live_weight());
    if config.ha_suspend {
        out.value(3, "Checks are suspended", yes(service.is_suspended()));
    }
}

fn server_settings(out: &mut Outline, config: &RealServer) {
    let port = config.port.unwrap_or(0);
    out.line(3, format_args!("RIP = {}, RPORT = {port}", config.address));
    out.value(3, "forwarding method", forwarding(&config.forwarding));
    out.value(3, "initial weight", config.weight);
    out.line(
        3,
        format_args!(
            "connection limit range = {} -> {}",
            config.lower_threshold, config.upper_threshold
        ),
    );
    out.line(3, format_args!("Alpha is {}", on(config.alpha)));
    let inhibit = on(config.inhibit_on_failure);
    out.line(3, format_args!("Inhibit on failure is {inhibit}"));
    if let Some(extra) = &config.extra {
        command(out, 5, "RS up notify script", extra.notify_up.as_ref());
        command(out, 5, "RS down notify script", extra.notify_down.as_ref());
        if let Some(time) = extra.drain_timeout {
            out.value(3, "drain timeout", time.as_secs_f64());
        }
    }
}

fn server_state(out: &mut Outline, view: &CheckerView<'_>, config: &RealServer, state: &Server) {
    out.value(3, "effective weight", state.weight(config));
    out.value(3, "alive", u8::from(state.is_up()));
    let since = if state.is_up() {
        "Up since"
    } else {
        "Down since"
    };
    out.value(3, since, view.when(state.since()));
    out.value(3, "num failed checkers", state.failing());
    let checks = state.checks().iter();
    let troubles = checks.filter_map(|id| view.director.check(*id)?.trouble());
    if let Some((at, why)) = troubles.max_by_key(|(at, _)| *at) {
        out.value(3, "Last failure", format_args!("{why}, {}", view.when(at)));
    }
}

fn server_traffic(out: &mut Outline, share: &Share<'_>, config: &RealServer) {
    let Some((connections, carries)) = share.server(&config.into()) else {
        return;
    };
    let Connections {
        active,
        inactive,
        persistent,
    } = connections;
    out.value(3, "active connections", active);
    out.value(3, "inactive connections", inactive);
    out.value(3, "persistent connections", persistent);
    traffic(out, &carries);
}

/// Each count with what comes in a second.
fn traffic(out: &mut Outline, Traffic { total, rate }: &Traffic) {
    for (name, total, rate) in [
        ("connections", total.connections, rate.connections),
        ("packets in", total.in_packets, rate.in_packets),
        ("packets out", total.out_packets, rate.out_packets),
        ("bytes in", total.in_bytes, rate.in_bytes),
        ("bytes out", total.out_bytes, rate.out_bytes),
    ] {
        out.value(3, name, format_args!("{total} ({rate} per second)"));
    }
}

/// Servers that stay for their connections.
fn draining(out: &mut Outline, view: &CheckerView<'_>, carried: &Carried<'_>) {
    if view.draining.is_empty() {
        return;
    }
    out.title("Draining servers");
    for (service, server, until) in view.draining {
        let left = until.since(view.now.0).as_secs_f64();
        out.line(1, format_args!("{service} -> {server}, for {left:.1} s"));
        if let Some((connections, carries)) = carried.at((*service, *server)) {
            out.value(3, "active connections", connections.active);
            traffic(out, &carries);
        }
    }
}

/// The checks that run.
fn checks(out: &mut Outline, view: &CheckerView<'_>) {
    out.title("Health checkers");
    let services = view.director.services().iter();
    let servers = services.flat_map(Service::servers);
    for id in servers.flat_map(Server::checks) {
        if let Some(check) = view.director.check(*id) {
            one_check(out, view, *id, check);
        }
    }
}

fn one_check(out: &mut Outline, view: &CheckerView<'_>, id: CheckId, check: &Check) {
    let Some((config, server, checker)) = check.at().find(view.lvs) else {
        return;
    };
    let name = crate::check::notice::server_name(config, server);
    out.line(1, format_args!("{} -> {name}", config.name()));
    let suspended = view.director.services().get(check.at().service());
    let enabled = suspended.is_none_or(|service| !service.is_suspended());
    out.value(3, "Enabled", yes(enabled));
    out.value(3, "Up", yes(check.schedule().is_up()));
    out.value(3, "Has run", yes(check.schedule().has_run()));
    out.value(3, "Current weight", check.extra());
    out.value(3, "Alpha", yes(checker.alpha));
    let times = &checker.timing;
    for (name, time) in [
        ("Delay loop", times.delay_loop),
        ("Warmup", times.warmup),
        ("Delay before retry", times.delay_before_retry),
    ] {
        out.value(3, name, format_args!("{} us", time.as_micros()));
    }
    out.value(3, "Retries", times.retry);
    let logs = checker
        .log_all_failures
        .unwrap_or(view.lvs.log_all_failures);
    out.value(3, "Log all failures", yes(logs));
    if let Some((at, why)) = check.trouble() {
        out.value(3, "Last failure", format_args!("{why}, {}", view.when(at)));
    }
    match &checker.probe {
        Probe::Connect(connection, kind) => {
            out.line(3, "Connection");
            let port = connection.port.unwrap_or(0);
            out.value(5, "Dest", format_args!("[{}]:{port}", connection.address));
            if let Some(source) = &connection.source {
                if let Some(address) = source.address {
                    let port = source.port.unwrap_or(0);
                    out.value(5, "Bind to", format_args!("[{address}]:{port}"));
                }
                if let Some(interface) = &source.interface {
                    out.value(5, "Bind i/f", interface);
                }
                if source.mark != 0 {
                    out.value(5, "Mark", source.mark);
                }
            }
            let timeout = times.connect_timeout.as_secs_f64();
            out.value(5, "Timeout", format_args!("{timeout:.6}"));
            method(out, kind, &view.director.expiring().of(id).collect());
        }
        Probe::Script(script) => {
            out.value(3, "Keepalive method", "MISC_CHECK");
            command(out, 3, "script", Some(&script.command));
            out.value(3, "timeout", script.timeout.as_secs_f64());
            out.value(3, "dynamic", if script.dynamic { "YES" } else { "NO" });
        }
        Probe::File {
            track_file,
            weight,
            reverse,
        } => {
            out.value(3, "Keepalive method", "FILE_CHECK");
            let reverse = if *reverse { " reverse" } else { "" };
            out.value(
                5,
                "Tracked file",
                format_args!("{track_file}, weight {weight}{reverse}"),
            );
        }
        Probe::Bfd(name) => {
            out.value(3, "Keepalive method", "BFD_CHECK");
            out.value(3, "Name", name);
        }
    }
}

/// `ending`: when certificates end that end soon, by the page each was shown for.
fn method(out: &mut Outline, kind: &Dialogue, ending: &BTreeMap<u16, Wall>) {
    let name = match kind {
        Dialogue::Tcp => "TCP_CHECK",
        Dialogue::Ping => "PING_CHECK",
        Dialogue::Smtp(_) => "SMTP_CHECK",
        Dialogue::Udp(_) => "UDP_CHECK",
        Dialogue::Dns(_) => "DNS_CHECK",
        Dialogue::Web(web) if web.tls.is_some() => "SSL_GET",
        Dialogue::Web(_) => "HTTP_GET",
    };
    out.value(3, "Keepalive method", name);
    match kind {
        Dialogue::Tcp | Dialogue::Ping | Dialogue::Udp(_) => {}
        Dialogue::Smtp(helo) => out.value(3, "helo", helo),
        Dialogue::Dns(probe) => {
            out.value(3, "Type", &probe.record);
            out.value(3, "Name", format_args!("{}.", probe.name));
        }
        Dialogue::Web(web) => {
            for (page, url) in (0..).zip(&web.urls) {
                out.value(3, "Checked url", &url.path);
                if let Some(end) = ending.get(&page) {
                    out.value(5, "Certificate ends", certificate::shown(*end));
                }
                if let Some(request) = &url.request {
                    out.value(5, "Method", request.method.name());
                    for header in &request.headers {
                        out.value(5, "Header", format_args!("{}: {MASK}", header.name));
                    }
                }
            }
        }
    }
}

fn command(out: &mut Outline, level: usize, name: &str, command: Option<&Command>) {
    let Some(command) = command else { return };
    let words = command.arguments.iter();
    let words: Vec<String> = words
        .map(|word| format!("'{}'", String::from_utf8_lossy(word)))
        .collect();
    let (uid, gid) = (command.account.uid, command.account.gid);
    out.value(
        level,
        name,
        format_args!("{}, uid:gid {uid}:{gid}", words.join(" ")),
    );
}

fn forwarding(forwarding: &Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Nat => "NAT",
        Forwarding::DirectRouting => "DR",
        Forwarding::Tunnel(..) => "TUN",
    }
}

fn on(flag: bool) -> &'static str {
    if flag { "ON" } else { "OFF" }
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
