//! `virtual_server`: its head and its statements, as they stand. What follows from several of them together is `settle`'s.

use super::overlay::Overlay;
use super::real_server::{self, RealServerDraft};
use super::request;
use super::{
    Builder, Context, Tracked, endpoint_help, endpoint_text, forwarding, group, head_address, pick,
    port,
};
use crate::config::diagnostic::{Span, quote};
use crate::config::keywords::Block;
use crate::config::model::{
    Command, Family, Forwarding, Granularity, Protocol, SchedulerFlags, Service,
};
use crate::config::read::{Item, parse_integer};
use crate::config::tree::Word;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

/// `persistence_timeout` without a number, in seconds.
pub(super) const PERSISTENCE: u32 = 360;

/// The longest `persistence_engine`, in bytes: the kernel's IP_VS_PENAME_MAXLEN less its NUL.
const ENGINE_MAX: usize = 15;

/// A virtual server as it was written.
pub(super) struct Draft<'t> {
    pub item: Item<'t>,
    pub service: Service,
    pub ip_family: Option<Family>,
    pub times: Overlay,
    pub inhibit_on_failure: bool,
    pub scheduler: Option<&'static str>,
    pub flags: SchedulerFlags,
    pub one_packet: bool,
    pub forwarding: Option<Forwarding>,
    pub persistence_timeout: Option<u32>,
    pub granularity: Option<Granularity>,
    pub engine: Option<Box<str>>,
    pub protocol: Option<Protocol>,
    pub ha_suspend: bool,
    pub drain_timeout: Option<Duration>,
    pub smtp_alert: Option<bool>,
    pub virtual_host: Option<Rc<str>>,
    pub snmp_name: Option<Box<str>>,
    pub alpha: bool,
    pub omega: bool,
    pub quorum_up: Option<Command>,
    pub quorum_down: Option<Command>,
    pub quorum: Option<u32>,
    pub hysteresis: u32,
    pub weight: Option<u32>,
    pub sorry_server: Option<SorryDraft>,
    pub real_servers: Vec<RealServerDraft<'t>>,
}

/// A sorry server as it was written.
pub(super) struct SorryDraft {
    pub span: Span,
    pub address: IpAddr,
    pub port: Option<u16>,
    pub forwarding: Option<Forwarding>,
    pub inhibit_on_failure: bool,
}

impl<'t> Builder<'t> {
    /// Reads a virtual server and settles it.
    pub(super) fn virtual_server(
        &mut self,
        tracked: &Tracked,
        context: &mut Context<'_>,
        item: &Item<'t>,
    ) {
        let (service, children) = (service(context, item), item.open(context));
        let (Some(service), Some(children)) = (service, children) else {
            return;
        };
        let mut draft = Draft::new(*item, service);
        context.each_statement(Block::VirtualServer, children, |context, item| {
            if item.name() == "real_server" {
                draft
                    .real_servers
                    .extend(real_server::read(tracked, context, &item));
            } else {
                draft.take(context, &item);
            }
        });
        self.settle(context, draft);
    }
}

/// What a virtual server stands for; None when that cannot be told, which is said.
fn service(context: &mut Context<'_>, item: &Item<'_>) -> Option<Service> {
    let first = item.required(context)?;
    if first == "group" {
        let name = named(context, item, "group NAME")?;
        return Some(Service::Group(Rc::from(name.as_str()?)));
    }
    if first == "fwmark" {
        let word = named(context, item, "fwmark NUMBER")?;
        let mark = parse_integer(word.bytes())
            .ok()
            .and_then(|mark| u32::try_from(mark).ok());
        if mark.is_none() {
            let message = format!(
                "virtual server fwmark '{}' must be in [0, {}] - ignoring",
                quote(word.bytes()),
                u32::MAX
            );
            context.fault(
                word.span(),
                message,
                "write the mark as a decimal number; the block is ignored",
            );
        }
        return mark.map(Service::Fwmark);
    }
    let Some(address) = head_address(first) else {
        let message = format!(
            "Invalid virtual server IP address {} - skipping",
            endpoint_text(item)
        );
        context.fault(first.span(), message, endpoint_help(item));
        return None;
    };
    let Ok(port) = port(item.argument(1)) else {
        let message = format!(
            "Invalid virtual server IP address/port {} - skipping",
            endpoint_text(item)
        );
        context.fault(
            item.argument_span(1),
            message,
            "write a port number from 1 to 65535; the block is ignored",
        );
        return None;
    };
    Some(Service::Address(address, port))
}

fn named<'t>(context: &mut Context<'_>, item: &Item<'t>, form: &str) -> Option<Word<'t>> {
    let word = item.argument(1);
    if word.is_none() {
        let message = format!(
            "virtual_server {} must be followed by its value",
            quote(item.argument(0)?.bytes())
        );
        context.fault(
            item.span(),
            message,
            format!("write: virtual_server {form} {{; the block is ignored"),
        );
    }
    word
}

impl<'t> Draft<'t> {
    fn new(item: Item<'t>, service: Service) -> Self {
        Draft {
            item,
            service,
            ip_family: None,
            times: Overlay::default(),
            inhibit_on_failure: false,
            scheduler: None,
            flags: SchedulerFlags::default(),
            one_packet: false,
            forwarding: None,
            persistence_timeout: None,
            granularity: None,
            engine: None,
            protocol: None,
            ha_suspend: false,
            drain_timeout: None,
            smtp_alert: None,
            virtual_host: None,
            snmp_name: None,
            alpha: false,
            omega: false,
            quorum_up: None,
            quorum_down: None,
            quorum: None,
            hysteresis: 0,
            weight: None,
            sorry_server: None,
            real_servers: Vec::new(),
        }
    }

    /// The family that the service's own address gives.
    pub(super) fn address_family(&self) -> Option<Family> {
        match self.service {
            Service::Address(address, _) => Some(Family::of(address)),
            _ => None,
        }
    }

    fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        if self.times.take(context, item) {
            return;
        }
        match item.name() {
            "ip_family" => self.ip_family(context, item),
            "inhibit_on_failure" => self.inhibit_on_failure = true,
            "lb_algo" => {
                let picked = pick(context, item, |word| {
                    format!("Invalid lvs_scheduler '{word}' - ignoring")
                });
                self.scheduler = picked.or(self.scheduler);
            }
            "hashed" | "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" => {
                self.hashing(context, item)
            }
            "ops" => self.one_packet = true,
            "flag-1" => self.flags.first = true,
            "flag-2" => self.flags.second = true,
            "flag-3" => self.flags.third = true,
            "lb_kind" => {
                self.forwarding = forwarding::read(context, item, "virtual").or(self.forwarding)
            }
            "persistence_engine" => self.engine(context, item),
            "persistence_timeout" => self.persistence_timeout(context, item),
            "persistence_granularity" => self.granularity(context, item),
            "protocol" => {
                let picked = pick(context, item, |word| {
                    format!("Unknown protocol {word} - ignoring")
                });
                self.protocol = match picked {
                    Some("TCP") => Some(Protocol::Tcp),
                    Some("UDP") => Some(Protocol::Udp),
                    Some(_) => Some(Protocol::Sctp),
                    None => self.protocol,
                };
            }
            "ha_suspend" => self.ha_suspend = true,
            "drain_timeout" => self.drain_timeout = item.duration(context).or(self.drain_timeout),
            "smtp_alert" => self.smtp_alert = item.bool(context).or(self.smtp_alert),
            "virtualhost" => self.virtual_host = request::host(context, item),
            "snmp_name" => self.snmp_name = item.text(context).map(Box::from),
            "alpha" => self.alpha = true,
            "omega" => self.omega = true,
            "quorum_up" => self.quorum_up = command(context, item),
            "quorum_down" => self.quorum_down = command(context, item),
            "quorum" => self.quorum(context, item),
            "hysteresis" => self.hysteresis = item.u32(context).unwrap_or(self.hysteresis),
            "weight" => self.weight = item.u32(context).or(self.weight),
            "sorry_server" => self.sorry_server(context, item),
            "sorry_server_inhibit" => match &mut self.sorry_server {
                Some(sorry) => sorry.inhibit_on_failure = true,
                None => {
                    let message =
                        "Ignoring sorry_server inhibit used before or without sorry_server";
                    context.fault(item.span(), message, "put it behind the sorry_server line");
                }
            },
            "sorry_server_lvs_method" => {
                let read = forwarding::read(context, item, "sorry");
                match &mut self.sorry_server {
                    Some(sorry) => sorry.forwarding = read.or(sorry.forwarding),
                    None => {
                        let message = "sorry_server forwarding used without sorry_server";
                        context.fault(item.span(), message, "put it behind the sorry_server line");
                    }
                }
            }
            _ => {}
        }
    }

    fn ip_family(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let family = match pick(context, item, |word| {
            format!("unknown address family {word}")
        }) {
            Some("inet") => Family::Inet,
            Some(_) => Family::Inet6,
            None => return,
        };
        let servers = self
            .real_servers
            .iter()
            .find(|server| !server.tunnelled(self.forwarding));
        let known = self
            .address_family()
            .or(servers.map(|server| Family::of(server.address)));
        if known.is_some_and(|known| known != family) {
            let shown = item
                .argument(0)
                .map_or(String::new(), |word| quote(word.bytes()));
            let message =
                format!("Virtual server specified family {shown} conflicts with server family");
            context.fault(
                item.span(),
                message,
                "remove the line: the addresses say the family",
            );
            return;
        }
        self.ip_family = Some(family);
    }

    /// The flags of the hashing schedulers, which must be chosen before.
    fn hashing(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let word = item.name();
        let (own, flags) = (word.get(..2).unwrap_or_default(), &mut self.flags);
        match (self.scheduler, word) {
            (Some("sh"), "sh-port") | (Some("mh"), "mh-port") => flags.second = true,
            (Some("sh"), "sh-fallback") | (Some("mh"), "mh-fallback") => flags.first = true,
            (Some(other @ ("sh" | "mh")), _) => {
                let message = format!("{word} does nothing with scheduler {other}");
                let help = match word {
                    "hashed" => "remove the line: it hashes anyway",
                    _ => "remove the line, or choose the other scheduler",
                };
                group::note(context, item.span(), message, help);
            }
            _ => {
                let own = if own == "mh" { "mh" } else { "sh" };
                let message = format!("{word} only applies to {own} scheduler - ignoring");
                context.fault(
                    item.span(),
                    message,
                    format!("write lb_algo {own} above this line, or remove it"),
                );
            }
        }
    }

    fn engine(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(name) = item.text(context) else {
            return;
        };
        let ends = name.char_indices().map(|(start, c)| start + c.len_utf8());
        let end = ends
            .take_while(|end| *end <= ENGINE_MAX)
            .last()
            .unwrap_or(0);
        let (kept, rest) = name.split_at(end);
        if !rest.is_empty() {
            let message = format!(
                "persistence_name too long, truncating - {}",
                quote(name.as_bytes())
            );
            context.fault(
                item.argument_span(0),
                message,
                format!("at most {ENGINE_MAX} bytes; the kernel knows 'sip'"),
            );
        }
        self.engine = Some(kept.into());
    }

    fn persistence_timeout(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        if item.argument(0).is_none() {
            self.persistence_timeout = Some(PERSISTENCE);
            return;
        }
        match item.u32(context) {
            Some(seconds) => self.persistence_timeout = Some(seconds),
            None => {
                let help = "to have no persistence, leave the line out";
                context.fault(item.argument_span(0), "persistence_timeout invalid", help);
            }
        }
    }

    fn granularity(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(word) = item.required(context) else {
            return;
        };
        let text = word.as_str().unwrap_or_default();
        let length = text
            .parse::<u8>()
            .ok()
            .filter(|length| (1..=128).contains(length));
        let family = self.address_family().or(self.ip_family);
        let granularity = match (family, text.parse::<Ipv4Addr>(), length) {
            (None | Some(Family::Inet), Ok(mask), _) => Some(Granularity::Mask(mask)),
            (None | Some(Family::Inet6), Err(_), Some(length)) => Some(Granularity::Prefix(length)),
            (Some(Family::Inet), Err(_), Some(length @ 1..=32)) => {
                let mask = Ipv4Addr::from_bits(u32::MAX << (32 - u32::from(length)));
                let message = format!("persistence_granularity {length} is taken as {mask}");
                group::note(context, word.span(), message, "write the netmask");
                Some(Granularity::Mask(mask))
            }
            _ => None,
        };
        if granularity.is_none() {
            let shown = quote(word.bytes());
            let family = if family == Some(Family::Inet6) {
                "IPv6"
            } else {
                "IPv4"
            };
            let message = format!("Invalid {family} persistence_granularity specified - {shown}");
            context.fault(
                word.span(),
                message,
                "write a netmask such as 255.255.255.0, or for IPv6 a prefix length from 1 to 128",
            );
        }
        self.granularity = granularity.or(self.granularity);
    }

    fn quorum(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(word) = item.required(context) else {
            return;
        };
        let read = item.u32(context);
        if read.is_none() {
            let shown = quote(word.bytes());
            let message = format!("Quorum {shown} must be in [1, {}]. Setting to 1.", u32::MAX);
            context.fault(
                word.span(),
                message,
                "write the weight that must be up; 1 is the least",
            );
        }
        self.quorum = Some(read.unwrap_or(1));
    }

    fn sorry_server(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(word) = item.required(context) else {
            return;
        };
        let (Some(address), Ok(port)) = (head_address(word), port(item.argument(1))) else {
            let message = format!(
                "Invalid sorry server IP address {} - skipping",
                quote(word.bytes())
            );
            context.fault(item.span(), message, endpoint_help(item));
            return;
        };
        self.sorry_server = Some(SorryDraft {
            span: item.span(),
            address,
            port,
            forwarding: None,
            inhibit_on_failure: false,
        });
    }
}

/// A script that may run, else None, which is said.
pub(super) fn command(context: &mut Context<'_>, item: &Item<'_>) -> Option<Command> {
    let script = item.script(context)?;
    context.vouch(script)
}
