//! The words about the kernel's load balancer: those of `global_defs` that begin with `lvs_`, `net_namespace_ipvs`, and
//! `lvs_sync_daemon_interface` of an instance.

use super::Context;
use super::buffers::NetlinkWords;
use super::global::set;
use super::state::Builder;
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::model::{Ipvs, IpvsNamespace, IpvsTimeouts, SyncSettings};
use crate::config::read::{Item, parse_integer};
use crate::config::tree::Word;
use std::net::IpAddr;

/// The longest time that a connection may be remembered, in seconds: 31 days.
const TIMEOUT_MAX: i64 = 31 * 24 * 60 * 60;
/// The largest datagram of UDP over IPv4.
const DATAGRAM_MAX: i64 = 65507;

/// What was read, and what it means for the words that follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    netlink: NetlinkWords,
    /// `lvs_sync_daemon` or its predecessor.
    sync: Option<SyncDraft>,
}

/// Which daemon, as it was read.
#[derive(Clone, Debug)]
struct SyncDraft {
    settings: SyncSettings,
    /// None: that of the instance.
    id: Option<u8>,
    span: Span,
}

impl Draft {
    /// Reads one statement of `global_defs`; false when it is about something else.
    pub fn statement(
        &mut self,
        ipvs: &mut Ipvs,
        context: &mut Context<'_>,
        item: &Item<'_>,
    ) -> bool {
        let [command, monitor] = self.netlink.sizes_mut();
        match item.name() {
            "lvs_drain_timeout" => {
                ipvs.drain_timeout = item.duration(context).or(ipvs.drain_timeout);
            }
            "lvs_flush" => ipvs.flush = true,
            "lvs_flush_on_stop" => {
                // Without the word it is everything; taking our services away takes their servers along anyway.
                ipvs.flush_on_stop = item.count() == 0;
                if item.count() > 0 {
                    item.choice(context);
                }
            }
            "lvs_timeouts" => timeouts(ipvs, context, item),
            "lvs_sync_daemon" => self.sync_daemon(context, item),
            "lvs_netlink_cmd_rcv_bufs" => set(command, item.u32(context)),
            "lvs_netlink_monitor_rcv_bufs" => set(monitor, item.u32(context)),
            "lvs_netlink_cmd_rcv_bufs_force" => self.netlink.force(0, item.bool(context)),
            "lvs_netlink_monitor_rcv_bufs_force" => self.netlink.force(1, item.bool(context)),
            _ => return false,
        }
        ipvs.netlink = self.netlink.buffer();
        true
    }

    fn sync_daemon(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let Some(interface) = item.existing_interface(context) else {
            return;
        };
        let mut settings = plain(interface);
        let mut id = None;
        let (mut at, mut bare) = (1, 0);
        while let Some(word) = item.argument(at) {
            let value = item.argument(at + 1);
            at += 2;
            match (word.bytes(), value) {
                (b"inst", Some(name)) => settings.instance = name.as_str().map(str::to_owned),
                (b"id", Some(value)) => id = number(context, word, value, (0, u8::MAX.into())),
                (b"maxlen", Some(value)) => {
                    settings.max_length = number(context, word, value, (1, DATAGRAM_MAX));
                }
                (b"port", Some(value)) => {
                    settings.port = number(context, word, value, (1, u16::MAX.into()));
                }
                (b"ttl", Some(value)) => {
                    settings.ttl = number(context, word, value, (1, u8::MAX.into()));
                }
                (b"group", Some(value)) => settings.group = group(context, value),
                (b"inst" | b"id" | b"maxlen" | b"port" | b"ttl" | b"group", None) => {
                    let message =
                        format!("lvs_sync_daemon: no value behind {}", quote(word.bytes()));
                    context.fault(word.span(), message, "the word is ignored");
                }
                // As old files have it: the name of the instance, then the number.
                _ => {
                    at -= 1;
                    bare += 1;
                    if bare == 1 && settings.instance.is_none() {
                        settings.instance = word.as_str().map(str::to_owned);
                    } else if bare == 2 && id.is_none() {
                        id = number(context, word, word, (0, u8::MAX.into()));
                    } else {
                        let message =
                            format!("lvs_sync_daemon: unknown word {}", quote(word.bytes()));
                        let help =
                            "write inst, id, maxlen, port, ttl or group; the word is ignored";
                        context.fault(word.span(), message, help);
                    }
                }
            }
        }
        let span = item.span();
        self.sync = Some(SyncDraft { settings, id, span });
    }

    /// `lvs_sync_daemon_interface`: the instance whose block it is in; its number is 0.
    pub fn of_instance(&mut self, context: &mut Context<'_>, item: &Item<'_>, instance: &str) {
        let Some(interface) = item.existing_interface(context) else {
            return;
        };
        if self.sync.is_some() {
            let message = "lvs_sync_daemon_interface is ignored: connections are synchronised by lvs_sync_daemon, or another instance";
            context.fault(item.span(), message, "keep one of them");
            return;
        }
        let settings = SyncSettings {
            instance: Some(instance.to_owned()),
            ..plain(interface)
        };
        self.sync = Some(SyncDraft {
            settings,
            id: Some(0),
            span: item.span(),
        });
    }
}

/// Takes what was read into the model, now that the instances are known.
pub(super) fn finish(builder: &mut Builder, context: &mut Context<'_>) {
    let Some(draft) = builder.defaults.ipvs.sync.take() else {
        return;
    };
    let mut settings = draft.settings;
    let mut instances = builder.model.vrrp.instances.iter();
    let found = settings
        .instance
        .as_ref()
        .map(|name| (name, instances.find(|it| it.name == *name)));
    let mut id = draft.id.unwrap_or(0);
    match found {
        Some((name, None)) => {
            let message = format!(
                "Unable to find VRRP instance {} for lvs_sync_daemon",
                quote(name.as_bytes())
            );
            let help = "it is ignored: name a vrrp_instance, or none to tell and hear all the time";
            context.fault(draft.span, message, help);
            return;
        }
        Some((_, Some(instance))) => id = draft.id.unwrap_or(instance.virtual_router_id),
        None => {}
    }
    settings.id = id;
    builder.model.global.ipvs.sync = Some(settings);
}

/// `net_namespace_ipvs`.
pub(super) fn namespace(context: &mut Context<'_>, item: &Item<'_>) -> IpvsNamespace {
    if item.count() == 0 {
        return IpvsNamespace::Original;
    }
    let name = item.text(context);
    name.map_or(IpvsNamespace::Same, |name| {
        IpvsNamespace::Named(name.to_owned())
    })
}

fn plain(interface: &str) -> SyncSettings {
    SyncSettings {
        interface: interface.to_owned(),
        instance: None,
        id: 0,
        max_length: None,
        port: None,
        ttl: None,
        group: None,
    }
}

fn timeouts(ipvs: &mut Ipvs, context: &mut Context<'_>, item: &Item<'_>) {
    const FORM: &str = "write lvs_timeouts [tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]";
    if item.count() < 2 {
        let message = "lvs_timeouts requires at least one value";
        context.fault(item.span(), message, FORM);
        return;
    }
    let mut timeouts = IpvsTimeouts::default();
    let mut at = 0;
    while let Some(word) = item.argument(at) {
        at += 2;
        let place = match word.bytes() {
            b"tcp" => &mut timeouts.tcp,
            b"tcpfin" => &mut timeouts.tcp_fin,
            b"udp" => &mut timeouts.udp,
            _ => {
                let message = format!(
                    "Unknown option {} specified for lvs_timeouts",
                    quote(word.bytes())
                );
                context.fault(word.span(), message, FORM);
                at -= 1;
                continue;
            }
        };
        match item.argument(at - 1) {
            Some(value) => {
                *place = number(context, word, value, (0, TIMEOUT_MAX)).unwrap_or(*place);
            }
            None => {
                let message = format!("lvs_timeouts: no value behind {}", quote(word.bytes()));
                context.fault(word.span(), message, FORM);
            }
        }
    }
    ipvs.timeouts = (timeouts != IpvsTimeouts::default()).then_some(timeouts);
}

/// A number of a range; None when it is none, which is said.
fn number<T: TryFrom<i64>>(
    context: &mut Context<'_>,
    option: Word<'_>,
    value: Word<'_>,
    (least, most): (i64, i64),
) -> Option<T> {
    let read = parse_integer(value.bytes()).ok();
    let number = read.filter(|number| (least..=most).contains(number));
    if number.is_none() {
        let message = format!(
            "{} '{}' must be in [{least}, {most}] - ignoring",
            quote(option.bytes()),
            quote(value.bytes())
        );
        context.fault(value.span(), message, "the usual value is used");
    }
    number.and_then(|number| T::try_from(number).ok())
}

fn group(context: &mut Context<'_>, value: Word<'_>) -> Option<IpAddr> {
    let text = value.as_str().unwrap_or_default();
    let group = text.parse::<IpAddr>().ok().filter(IpAddr::is_multicast);
    if group.is_none() {
        let message = format!(
            "lvs_sync_daemon: {} is no multicast address",
            quote(value.bytes())
        );
        let help = "write one such as 224.0.0.81, the usual one, which is used";
        context
            .diagnostics
            .advise(Class::General, value.span(), message, help);
    }
    group
}
