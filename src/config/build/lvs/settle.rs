//! What follows from the statements of a virtual server together: families, ports, duplicates, quorum, and what servers and
//! checkers inherit.

use super::checker::Heritage;
use super::frame::Frame;
use super::group::{Known, note};
use super::overlay::Overlay;
use super::real_server::RealServerDraft;
use super::virtual_server::{Draft, PERSISTENCE};
use super::{Builder, Context};
use crate::config::diagnostic::Span;
use crate::config::model::{
    EndpointName, Family, Forwarding, Persistence, Protocol, RealServer, Service, ServiceName,
    VirtualServer,
};
use std::collections::HashSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// `lb_algo` when none is given.
const SCHEDULER: &str = "wlc";
/// `weight` when neither the server nor the service gives one.
const WEIGHT: u32 = 1;

impl<'t> Builder<'t> {
    /// Takes a virtual server into the model, unless nothing is left of it, which is said.
    pub(super) fn settle(&mut self, context: &mut Context<'_>, mut draft: Draft<'t>) {
        let span = draft.item.span();
        let Ok(group) = self.group_of(context, &draft, span) else {
            return;
        };
        let protocol = draft.protocol;
        let service = draft.service.clone();
        let family = families(context, &mut draft, group);
        let mut name = ServiceName(&service, protocol).to_string();
        if draft.real_servers.is_empty() {
            let message = format!("Virtual server {name} has no real servers - ignoring");
            context.fault(
                span,
                message,
                "give it a real_server that fits its family, or remove it",
            );
            return;
        }
        let marks_only = match group {
            Some(known) => !known.addresses,
            None => matches!(service, Service::Fwmark(_)),
        };
        let marks = marks_only || group.is_some_and(|known| known.marks);
        if draft.ha_suspend && marks {
            let message = format!(
                "Virtual server {name}: cannot use ha_suspend with fwmarks - clearing ha_suspend"
            );
            context.fault(
                span,
                message,
                "a mark has no address to wait for; remove ha_suspend",
            );
        }
        let protocol = if marks_only {
            if protocol.is_some() && group.is_none_or(|known| known.bare_marks) {
                let message = format!(
                    "Warning: Virtual server {name}: protocol specified for fwmark - protocol will be ignored"
                );
                context.fault(span, message, "remove the protocol line");
            }
            None
        } else if protocol.is_none() {
            let message = format!("Virtual server {name}: no protocol set - defaulting to UDP");
            context.fault(span, message, "add protocol TCP, UDP or SCTP");
            Some(Protocol::Udp)
        } else {
            protocol
        };
        name = ServiceName(&service, protocol).to_string();
        let one_packet = draft.one_packet && matches!(protocol, None | Some(Protocol::Udp));
        if draft.one_packet && !one_packet {
            let message =
                format!("Virtual server {name}: one packet scheduling requires UDP - resetting");
            context.fault(span, message, "remove ops, or write protocol UDP");
        }
        let persistence = persistence(context, &mut draft, &name, group);
        let scheduler = draft.scheduler.unwrap_or_else(|| {
            let message =
                format!("Virtual server {name}: no scheduler set, setting default '{SCHEDULER}'");
            context.fault(
                span,
                message,
                format!("add lb_algo {SCHEDULER}, or another scheduler"),
            );
            SCHEDULER
        });
        let forwarding = draft.forwarding.unwrap_or_else(|| {
            let message =
                format!("Virtual server {name}: no forwarding method set, setting default NAT");
            context.fault(span, message, "add lb_kind NAT, DR or TUN");
            Forwarding::Nat
        });
        let frame = Frame {
            service: &service,
            protocol,
            group,
            forwarding,
        };
        if !self.services.insert((service.clone(), protocol)) {
            let message = format!("virtual server {name} is defined twice");
            note(
                context,
                span,
                message,
                "the kernel holds one service of that name: put the real servers into one block",
            );
        }
        let drafts = std::mem::take(&mut draft.real_servers);
        let real_servers = self.real_servers(context, &draft, drafts, &frame, &name);
        let sorry_server = draft
            .sorry_server
            .take()
            .map(|sorry| frame.sorry_server(context, sorry, &real_servers, &name));
        let (quorum, hysteresis) = quorum(context, &draft, &real_servers, &name);
        self.lvs.virtual_servers.push(VirtualServer {
            mark: None,
            family,
            protocol,
            scheduler: scheduler.into(),
            flags: draft.flags,
            one_packet,
            persistence,
            forwarding,
            ha_suspend: draft.ha_suspend && !marks,
            alpha: draft.alpha,
            omega: draft.omega,
            smtp_alert: draft.smtp_alert,
            quorum,
            hysteresis,
            quorum_up: draft.quorum_up,
            quorum_down: draft.quorum_down,
            snmp_name: draft.snmp_name,
            sorry_server,
            real_servers,
            service,
        });
    }

    /// The group that a service names; `Err` when it cannot be used, which is said.
    fn group_of(
        &self,
        context: &mut Context<'_>,
        draft: &Draft<'_>,
        span: Span,
    ) -> Result<Option<Known>, ()> {
        let Service::Group(name) = &draft.service else {
            return Ok(None);
        };
        match self.groups.get(&**name) {
            Some(known) if known.removed => Err(()),
            Some(known) => Ok(Some(*known)),
            None => {
                let message = format!("Virtual server group {name} is not defined - ignoring");
                context.fault(
                    span,
                    message,
                    format!("add virtual_server_group {name} with its addresses"),
                );
                Err(())
            }
        }
    }

    fn real_servers(
        &mut self,
        context: &mut Context<'_>,
        service: &Draft<'t>,
        drafts: Vec<RealServerDraft<'t>>,
        frame: &Frame<'_>,
        name: &str,
    ) -> Vec<RealServer> {
        let (mut seen, mut servers) = (
            HashSet::with_capacity(drafts.len()),
            Vec::with_capacity(drafts.len()),
        );
        for draft in drafts {
            let port = frame.port(context, &draft, name);
            let forwarding = draft.forwarding.unwrap_or(frame.forwarding);
            if !seen.insert((draft.address, frame.kernel_port(forwarding, port))) {
                let server = EndpointName(draft.address, frame.protocol, port);
                let message =
                    format!("VS {name}: real server {server} is duplicated - removing second rs");
                let help = match forwarding {
                    Forwarding::Nat => "remove one of the two",
                    _ => {
                        "with DR and TUN the kernel has one server of an address, at the service's port: give one real_server the checks of both, or write a virtual_server for each port"
                    }
                };
                context.fault(draft.item.span(), message, help);
                continue;
            }
            servers.push(self.real_server_of(context, service, draft, frame, port));
        }
        servers
    }

    fn real_server_of(
        &mut self,
        context: &mut Context<'_>,
        service: &Draft<'t>,
        draft: RealServerDraft<'t>,
        frame: &Frame<'_>,
        port: Option<u16>,
    ) -> RealServer {
        let alpha = draft.alpha.unwrap_or(service.alpha);
        let heritage = Heritage {
            times: draft.times.over(service.times),
            service_period: Overlay::period(service.times),
            alpha,
            virtual_host: draft
                .virtual_host
                .or_else(|| service.virtual_host.as_ref().map(Rc::clone)),
            address: draft.address,
            // A mark has no port of its own: the one that is cleared still says where the server listens.
            port: port.or(draft.port).or(frame
                .group
                .and_then(|known| known.first)
                .and_then(|(_, port)| port)),
        };
        let checkers = draft.checkers.into_iter().map(|checker| {
            if heritage.port.is_none() {
                checker.miss_port(context);
            }
            checker.settle(self, &heritage)
        });
        let checkers = checkers.collect();
        let mut extra = draft.extra;
        if let Some(inherited) = service.drain_timeout {
            let extra = extra.get_or_insert_default();
            extra.drain_timeout.get_or_insert(inherited);
        }
        RealServer {
            address: draft.address,
            port,
            forwarding: draft.forwarding.unwrap_or(frame.forwarding),
            weight: draft.weight.or(service.weight).unwrap_or(WEIGHT),
            upper_threshold: draft.upper_threshold,
            lower_threshold: draft.lower_threshold,
            inhibit_on_failure: draft
                .inhibit_on_failure
                .unwrap_or(service.inhibit_on_failure),
            alpha,
            smtp_alert: draft.smtp_alert,
            extra,
            checkers,
        }
    }
}

/// Drops the servers whose family does not fit and says so; the family of the service, None = those of its group.
fn families(
    context: &mut Context<'_>,
    draft: &mut Draft<'_>,
    group: Option<Known>,
) -> Option<Family> {
    let from_granularity = match draft.granularity {
        Some(crate::config::model::Granularity::Prefix(_)) => Some(Family::Inet6),
        _ => None,
    };
    let both = group.is_some_and(|known| known.inet && known.inet6);
    let mut family = draft
        .address_family()
        .or(draft.ip_family)
        .or(from_granularity)
        .or(group.and_then(Known::family));
    let method = draft.forwarding;
    let mut fits = |family: &mut Option<Family>,
                    tunnelled: bool,
                    address: IpAddr,
                    what: &str,
                    span: &dyn Fn() -> Span| {
        if tunnelled || both || *family.get_or_insert(Family::of(address)) == Family::of(address) {
            return true;
        }
        let message = format!(
            "Address family of virtual server and {what} server {address} don't match - skipping {what} server."
        );
        let help = "IPv4 and IPv6 go together only where the forwarding method is TUN";
        context.fault(span(), message, help);
        false
    };
    draft.real_servers.retain(|server| {
        fits(
            &mut family,
            server.tunnelled(method),
            server.address,
            "real",
            &|| server.item.span(),
        )
    });
    draft.sorry_server = draft.sorry_server.take().filter(|sorry| {
        let tunnelled = matches!(sorry.forwarding.or(method), Some(Forwarding::Tunnel(..)));
        fits(&mut family, tunnelled, sorry.address, "sorry", &|| {
            sorry.span
        })
    });
    if both {
        None
    } else {
        family.or(Some(Family::Inet))
    }
}

/// Persistence, which a service without a port cannot be without.
fn persistence(
    context: &mut Context<'_>,
    draft: &mut Draft<'_>,
    name: &str,
    group: Option<Known>,
) -> Option<Persistence> {
    let portless = match draft.service {
        Service::Address(_, port) => port.is_none(),
        Service::Fwmark(_) => false,
        Service::Group(_) => group.is_some_and(|known| known.portless),
    };
    let asked = draft.persistence_timeout.is_some() || draft.granularity.is_some();
    if portless && !asked {
        let message = format!(
            "Virtual server {name}: zero port only valid for persistent services - setting"
        );
        let help = format!("name a port, or add persistence_timeout ({PERSISTENCE} is used)");
        context.fault(draft.item.span(), message, help);
    }
    (portless || asked).then(|| Persistence {
        timeout: Duration::from_secs(draft.persistence_timeout.unwrap_or(PERSISTENCE).into()),
        granularity: draft.granularity,
        engine: draft.engine.take(),
    })
}

/// The quorum and its hysteresis, no greater than the servers can reach.
fn quorum(
    context: &mut Context<'_>,
    draft: &Draft<'_>,
    real_servers: &[RealServer],
    name: &str,
) -> (u32, u32) {
    let total: u64 = real_servers
        .iter()
        .map(|server| u64::from(server.weight))
        .sum();
    let (mut quorum, mut hysteresis) = (draft.quorum.unwrap_or(1), draft.hysteresis);
    if u64::from(quorum) > total {
        let message = format!(
            "Warning - quorum {quorum} for {name} exceeds total weight of real servers {total}, reducing quorum to {total}"
        );
        context.fault(
            draft.item.span(),
            message,
            "lower the quorum, or raise the weights",
        );
        quorum = u32::try_from(total).unwrap_or(u32::MAX);
    }
    if hysteresis >= quorum && hysteresis > 0 {
        let most = quorum.saturating_sub(1);
        let message = format!(
            "Virtual server {name}: hysteresis {hysteresis} >= quorum {quorum}; setting hysteresis to {most}"
        );
        context.fault(draft.item.span(), message, "it must be below the quorum");
        hysteresis = most;
    }
    (quorum, hysteresis)
}
