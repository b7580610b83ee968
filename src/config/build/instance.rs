//! `vrrp_instance`, statement by statement, into a draft; what the statements mean together is `finish`'s.

use super::auth_hmac::DraftHmac;
use super::global::{at_least_one, extra_interfaces};
use super::lines::{self, Met};
use super::notify::DraftNotify;
use super::state::Builder;
use super::unicast::DraftUnicast;
use super::vmac::DraftVmac;
use super::{Context, finish};
use crate::config::diagnostic::{Span, quote};
use crate::config::keywords::Block;
use crate::config::model::{Holdings, InitialState, VirtualAddress};
use crate::config::phrase::address_line;
use crate::config::read::Item;
use crate::config::secret::Secret;
use std::net::IpAddr;
use std::time::Duration;

/// How many bytes of a password count (RFC 2338 section 5.3.6.2).
const PASSWORD_MAX: usize = 8;

/// The highest priority of a router that is no owner.
const BEST_BACKUP: u8 = 254;

/// An instance as it was read: what was not said is `None`.
#[derive(Default)]
pub(super) struct Draft {
    pub name: String,
    pub state: Option<(InitialState, Span)>,
    pub interface: Option<(String, Span)>,
    pub virtual_router_id: Option<u8>,
    pub priority: Option<u8>,
    pub version: Option<(u8, Span)>,
    pub advert_interval: Option<(Duration, Span)>,
    pub nopreempt: Option<Span>,
    pub preempt_delay: Option<(Duration, Span)>,
    pub timer_expired_backup: Option<(u8, Span)>,
    pub owner_ignore_adverts: Option<(bool, Span)>,
    pub authentication: Option<DraftAuthentication>,
    pub hmac: DraftHmac,
    pub source: Option<(IpAddr, Span)>,
    pub group: Option<(IpAddr, Span)>,
    pub unicast: DraftUnicast,
    pub receive_buffer: Option<u32>,
    pub vmac: DraftVmac,
    pub strict: Option<bool>,
    pub native_ipv6: Option<Span>,
    pub checksum_as_v2: Option<bool>,
    pub no_virtual_ipaddress: bool,
    pub dont_track_primary: bool,
    /// `linkbeat_use_polling`.
    pub polls_link: bool,
    pub skip_check_adv_addr: Option<bool>,
    pub accept: Option<(bool, Span)>,
    pub lower_prio_no_advert: Option<(bool, Span)>,
    pub higher_prio_send_advert: Option<(bool, Span)>,
    pub down_timer_adverts: Option<(u32, Span)>,
    pub garp: DraftGarp,
    pub addresses: Vec<(VirtualAddress, Span)>,
    /// Excluded addresses, routes and rules.
    pub holdings: Holdings,
    pub trackers: Met,
    pub notify: DraftNotify,
}

/// `authentication` as it was read.
#[derive(Default)]
pub(super) struct DraftAuthentication {
    pub span: Option<Span>,
    pub header: Option<&'static str>,
    pub password: Option<Secret>,
}

/// Gratuitous ARP settings as they were read.
#[derive(Default)]
pub(super) struct DraftGarp {
    pub master_delay: Option<Duration>,
    pub master_repeat: Option<u32>,
    pub master_refresh: Option<Duration>,
    pub master_refresh_repeat: Option<u32>,
    pub lower_prio_delay: Option<Duration>,
    pub lower_prio_repeat: Option<u32>,
    /// And whether of virtual MACs alone.
    pub extra_interfaces: Option<(Duration, bool)>,
}

/// Reads a `vrrp_instance` block.
pub(super) fn instance(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(name) = item.block_name(context) else {
        return;
    };
    if builder.instances.contains_key(name) {
        let message = format!("vrrp instance {name} already defined - ignoring");
        context.fault(
            item.argument_span(0),
            message,
            "give each instance a name of its own; the first one counts",
        );
        return;
    }
    let Some(statements) = item.open(context) else {
        return;
    };
    let mut draft = Draft {
        name: name.to_owned(),
        ..Draft::default()
    };
    context.each_statement(Block::VrrpInstance, statements, |context, item| {
        draft.statement(builder, context, &item)
    });
    finish::instance(builder, context, draft, item.statement.keyword().span());
}

impl Draft {
    fn statement(&mut self, builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
        if self.unicast.statement(context, &self.name, item)
            || self.vmac.statement(context, &self.name, item)
        {
            return;
        }
        match item.name() {
            "state" => self.state(context, item),
            "interface" => self.interface(context, item),
            "virtual_router_id" => self.router_id(context, item),
            "priority" => self.priority(context, item),
            "version" => {
                self.version = item
                    .int(context)
                    .and_then(|v| u8::try_from(v).ok())
                    .map(|v| (v, item.span()))
                    .or(self.version)
            }
            "advert_int" => {
                self.advert_interval = item
                    .duration(context)
                    .map(|d| (d, item.argument_span(0)))
                    .or(self.advert_interval)
            }
            "nopreempt" => self.nopreempt = Some(item.span()),
            "preempt" => self.nopreempt = None,
            "preempt_delay" => {
                self.preempt_delay = item.duration(context).map(|delay| (delay, item.span()));
            }
            "authentication" => self.authentication(context, item),
            "auth_hmac" => self.hmac.block(context, item, &self.name),
            "mcast_src_ip" => {
                self.source = item
                    .address(context)
                    .map(|a| (a, item.argument_span(0)))
                    .or(self.source.take())
            }
            "unicast_src_ip" => {
                self.unicast.met(item);
                self.source = item
                    .address(context)
                    .map(|a| (a, item.argument_span(0)))
                    .or(self.source.take());
            }
            "mcast_dst_ip" => {
                self.group = item
                    .multicast(context)
                    .map(|a| (a, item.argument_span(0)))
                    .or(self.group.take())
            }
            "virtual_ipaddress" => self.addresses(context, item),
            "virtual_ipaddress_excluded" => self.excluded(context, item),
            "virtual_routes" | "virtual_rules" => {
                lines::routes_and_rules(context, item, &mut self.holdings)
            }
            "track_interface" | "track_script" | "track_file" | "track_process" | "track_bfd" => {
                lines::trackers(
                    context,
                    &builder.tracked,
                    item,
                    &self.name,
                    &mut self.trackers,
                );
            }
            "lvs_sync_daemon_interface" => {
                let balancer = &mut builder.defaults.ipvs;
                balancer.of_instance(context, item, &self.name);
            }
            _ => self.switches(context, item),
        }
    }

    /// Settings that are one value each.
    fn switches(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let garp = &mut self.garp;
        match item.name() {
            "strict_mode" => self.strict = item.bool(context).or(self.strict),
            "native_ipv6" => {
                item.check(context);
                self.native_ipv6 = Some(item.span());
            }
            "v3_checksum_as_v2" => self.checksum_as_v2 = item.bool(context).or(self.checksum_as_v2),
            "no_virtual_ipaddress" => self.no_virtual_ipaddress = true,
            "linkbeat_use_polling" => self.polls_link = true,
            "dont_track_primary" => self.dont_track_primary = true,
            "skip_check_adv_addr" => {
                self.skip_check_adv_addr = item.bool(context).or(self.skip_check_adv_addr)
            }
            "lower_prio_no_advert" => {
                let silent = item.bool(context).map(|silent| (silent, item.span()));
                self.lower_prio_no_advert = silent.or(self.lower_prio_no_advert)
            }
            "higher_prio_send_advert" => {
                let sends = item.bool(context).map(|sends| (sends, item.span()));
                self.higher_prio_send_advert = sends.or(self.higher_prio_send_advert)
            }
            "down_timer_adverts" => {
                let adverts = item.u32(context).map(|adverts| (adverts, item.span()));
                self.down_timer_adverts = adverts.or(self.down_timer_adverts)
            }
            "timer_expired_backup" => {
                let best = if item.count() > 0 {
                    item.int(context).and_then(|best| u8::try_from(best).ok())
                } else {
                    Some(BEST_BACKUP)
                };
                self.timer_expired_backup = best
                    .map(|best| (best, item.span()))
                    .or(self.timer_expired_backup);
            }
            "owner_ignore_adverts" => {
                self.owner_ignore_adverts = item
                    .bool(context)
                    .map(|ignores| (ignores, item.span()))
                    .or(self.owner_ignore_adverts)
            }
            "garp_extra_if" => {
                garp.extra_interfaces = extra_interfaces(context, item).or(garp.extra_interfaces)
            }
            "garp_master_delay" => {
                garp.master_delay = item.whole_seconds(context).or(garp.master_delay)
            }
            "garp_master_repeat" => {
                garp.master_repeat = at_least_one(context, item).or(garp.master_repeat)
            }
            "garp_master_refresh" => {
                garp.master_refresh = Some(item.whole_seconds(context).unwrap_or_default())
            }
            "garp_master_refresh_repeat" => {
                garp.master_refresh_repeat =
                    at_least_one(context, item).or(garp.master_refresh_repeat)
            }
            "garp_lower_prio_delay" => {
                garp.lower_prio_delay = item.whole_seconds(context).or(garp.lower_prio_delay)
            }
            "garp_lower_prio_repeat" => {
                garp.lower_prio_repeat = item.u32(context).or(garp.lower_prio_repeat)
            }
            "accept" | "no_accept" => {
                item.check(context);
                self.accept = Some((item.name() == "accept", item.span()));
            }
            "kernel_rx_buf_size" => {
                let bytes = item.u32(context).filter(|bytes| *bytes > 0);
                self.receive_buffer = bytes.or(self.receive_buffer)
            }
            _ if self.notify.statement(context, item) => {}
            _ => item.check(context),
        }
    }

    fn state(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(word) = item.required(context) else {
            return;
        };
        let before = self.state.map(|(state, _)| state);
        let state = match word.bytes() {
            b"MASTER" => InitialState::Master,
            b"BACKUP" if before == Some(InitialState::Master) => {
                let message = format!(
                    "({}) state previously set as MASTER - ignoring BACKUP",
                    self.name
                );
                context.fault(word.span(), message, "keep one state line");
                return;
            }
            b"BACKUP" => InitialState::Backup,
            other => {
                let message = format!(
                    "({}) unknown state '{}', defaulting to BACKUP",
                    self.name,
                    quote(other)
                );
                context.fault(
                    word.span(),
                    message,
                    "write MASTER or BACKUP, in upper case",
                );
                InitialState::Backup
            }
        };
        self.state = Some((state, word.span()));
    }

    fn interface(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(name) = item.interface(context) else {
            return;
        };
        if name == "lo" {
            let message = format!(
                "({}) cannot use a loopback interface ({name}) for vrrp - ignoring",
                self.name
            );
            context.fault(
                item.argument_span(0),
                message,
                "name the interface that faces the other node",
            );
            return;
        }
        self.interface = Some((name.to_owned(), item.argument_span(0)));
    }

    fn router_id(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        match item.int(context).and_then(|id| u8::try_from(id).ok()) {
            Some(id) => self.virtual_router_id = Some(id),
            None => {
                let Some(word) = item.argument(0) else { return };
                let message = format!(
                    "({}): VRID '{}' not valid - must be between 1 & 255",
                    self.name,
                    quote(word.bytes())
                );
                context.fault(word.span(), message, "both nodes need the same number, and no other routers on that network may have it");
            }
        }
    }

    fn priority(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        match item
            .int(context)
            .and_then(|priority| u8::try_from(priority).ok())
        {
            Some(priority) => self.priority = Some(priority),
            None if item.count() > 0 => {
                let message = format!(
                    "({}) Priority not valid! must be between 1 & 255. Using default {}",
                    self.name,
                    finish::PRIORITY
                );
                context.fault(
                    item.argument_span(0),
                    message,
                    "the node with the higher number is preferred",
                );
                self.priority = Some(finish::PRIORITY);
            }
            None => {}
        }
    }

    fn authentication(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(statements) = item.open(context) else {
            return;
        };
        let authentication = self.authentication.get_or_insert_default();
        authentication.span = Some(item.span());
        let name = &self.name;
        context.each_statement(Block::Authentication, statements, |context, item| match item.name() {
            "auth_type" => authentication.header = item.choice(context),
            "auth_pass" => {
                let Some(word) = item.required(context) else { return };
                let bytes = word.bytes();
                if bytes.len() > PASSWORD_MAX {
                    let help = format!("only the first {PASSWORD_MAX} bytes count, on all nodes; shorten it so that nobody is misled");
                    context.fault(item.argument_span(0), format!("({name}) Truncating auth_pass to {PASSWORD_MAX} characters"), help);
                }
                authentication.password = Some(Secret::new(bytes.get(..PASSWORD_MAX).unwrap_or(bytes)));
            }
            _ => item.check(context),
        });
    }

    fn addresses(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(lines) = item.open(context) else {
            return;
        };
        self.addresses.reserve(lines.count());
        for line in lines {
            lines::no_block(context, line);
            let Some(read) = address_line(context, line) else {
                continue;
            };
            let span = line.keyword().span();
            self.vmac.mark(&read.address, read.use_vmac);
            if let Some(word) = read.track_group {
                context.fault(
                    word.span(),
                    "track_group belongs to static addresses",
                    "remove it; it is ignored",
                );
            }
            let address = read.address;
            match self.addresses.first() {
                Some((first, _)) if first.address.is_ipv4() != address.address.is_ipv4() => {
                    let message = format!(
                        "({}) address family of {} differs from the first address - ignoring",
                        self.name, address.address
                    );
                    context.fault(
                        span,
                        message,
                        "move it to virtual_ipaddress_excluded, or to an instance of its own",
                    );
                }
                _ if self
                    .addresses
                    .iter()
                    .any(|(known, _)| known.address == address.address) =>
                {
                    let message = format!(
                        "({}) duplicate virtual address {} - ignoring",
                        self.name, address.address
                    );
                    context.fault(span, message, "remove one of the lines");
                }
                _ => self.addresses.push((address, span)),
            }
        }
    }

    fn excluded(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(lines) = item.open(context) else {
            return;
        };
        for line in lines {
            lines::no_block(context, line);
            let Some(read) = address_line(context, line) else {
                continue;
            };
            let span = line.keyword().span();
            self.vmac.mark(&read.address, read.use_vmac);
            let address = read.address;
            let same = |known: &VirtualAddress| {
                known.address == address.address && known.interface == address.interface
            };
            if self.holdings.addresses.iter().any(same)
                || self.addresses.iter().any(|(known, _)| same(known))
            {
                let message = format!(
                    "({}) duplicate virtual address {} - ignoring",
                    self.name, address.address
                );
                context.fault(span, message, "remove one of the lines");
                continue;
            }
            self.holdings.addresses.push(address);
        }
    }
}
