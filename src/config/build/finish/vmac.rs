//! What the statements of an instance about links mean together: which links it makes, how they are called, which address goes where.

use super::super::Context;
use super::super::instance::Draft;
use super::super::state::Builder;
use super::super::vmac::{DraftKind, DraftLink, DraftMac};
use super::ground;
use crate::config::diagnostic::{Class, Span};
use crate::config::model::{LinkKind, Transport, VirtualAddress, VirtualLink, Vmac};
use std::collections::HashMap;
use std::net::IpAddr;

/// The MAC that the standard gives to a virtual router (RFC 9568 section 7.3).
fn standard_mac(ipv6: bool, vrid: u8) -> [u8; 6] {
    [0, 0, 0x5e, 0, if ipv6 { 2 } else { 1 }, vrid]
}

/// An instance, as far as its links need to know it.
struct Owner<'a> {
    name: &'a str,
    vrid: u8,
    ipv6: bool,
}

/// `vrf` of a unicast instance without interface: the VRF device stands for all interfaces that belong to it. True when it does.
pub(super) fn vrf(context: &mut Context<'_>, draft: &mut Draft) -> bool {
    let Some((vrf, span)) = draft.vmac.vrf.take() else {
        return false;
    };
    let name = &draft.name;
    let (message, help) = if draft.interface.is_some() {
        (
            format!("({name}) Cannot specify VRF interface and interface - ignoring"),
            "an interface is in its VRF anyway: remove the line",
        )
    } else if draft.unicast.span.is_none() {
        (
            format!("({name}) vrf is only for unicast instances - ignoring"),
            "name the interface instead",
        )
    } else {
        draft.interface = Some((vrf, span));
        return true;
    };
    context.fault(span, message, help);
    false
}

/// The links of an instance; addresses that go to one of the others are told its name. `None` when it cannot run.
pub(super) fn vmac(
    builder: &mut Builder,
    context: &mut Context<'_>,
    draft: &mut Draft,
    transport: &Transport,
    (ipv6, strict): (bool, bool),
    span: Span,
) -> Option<Vmac> {
    let name = draft.name.clone();
    let owner = Owner {
        name: &name,
        vrid: draft.virtual_router_id?,
        ipv6,
    };
    let interface = draft.interface.as_ref().map(|(name, _)| name.clone());
    let own = match (draft.vmac.own.take(), &interface) {
        (Some(drafted), Some(base)) => {
            Some(own_link(builder, context, draft, &owner, base, drafted)?)
        }
        (Some(drafted), None) => {
            let message = format!("({name}) a virtual MAC needs an interface - ignoring");
            context.fault(drafted.span, message, "name the interface");
            None
        }
        (None, _) => None,
    };
    let is_vmac = |link: &VirtualLink| matches!(link.kind, LinkKind::Macvlan { .. });
    let has_vmac = own.as_ref().is_some_and(is_vmac);
    let mut vmac = Vmac {
        xmit_base: xmit_base(context, draft, transport, has_vmac, strict),
        promote_secondaries: promote_secondaries(context, draft, own.is_some()),
        own,
        others: Vec::new(),
    };
    // What is said to be on the instance's own interface is where all of it is.
    for address in addresses(draft) {
        if vmac.own.is_some() && address.interface == interface {
            address.interface = None;
        }
    }
    vmac.others = others(
        builder,
        context,
        draft,
        &owner,
        interface.as_deref(),
        has_vmac,
    );
    if let Some(own) = &mut vmac.own {
        own.link_local = own.for_ipv6 && !vmac.xmit_base && is_vmac(own);
        own.has_ipv6 = ipv6
            || addresses(draft)
                .any(|address| address.interface.is_none() && address.address.is_ipv6());
    }
    for link in vmac.links() {
        ground::judge(builder, context, &name, link, span);
    }
    Some(vmac)
}

fn addresses(draft: &mut Draft) -> impl Iterator<Item = &mut VirtualAddress> {
    let advertised = draft.addresses.iter_mut().map(|(address, _)| address);
    advertised.chain(&mut draft.holdings.addresses)
}

/// `use_vmac` or `use_ipvlan`; `None` when the instance cannot run with it.
fn own_link(
    builder: &mut Builder,
    context: &mut Context<'_>,
    draft: &mut Draft,
    owner: &Owner<'_>,
    base: &str,
    drafted: DraftLink,
) -> Option<VirtualLink> {
    let Owner { name, vrid, ipv6 } = *owner;
    let (kind, notify) = match drafted.kind {
        DraftKind::Vmac { mac, notify } => {
            let mac = match mac {
                Some(DraftMac::Whole(mac)) => mac,
                Some(DraftMac::Prefix([a, b, c, d, e])) => [a, b, c, d, e, vrid],
                None => standard_mac(ipv6, vrid),
            };
            (LinkKind::Macvlan { mac }, notify)
        }
        DraftKind::Ipvlan { mode, address } => {
            let fitting = address.filter(|(address, _)| address.is_ipv6() == ipv6);
            match (address, fitting) {
                (Some((address, _)), None) => {
                    let message = format!(
                        "({name}) {address} is of another address family than the virtual addresses - ignoring"
                    );
                    context.fault(drafted.span, message, "use an address of the same family");
                }
                (_, Some((address, _))) => draft.source = Some((address, drafted.span)),
                _ => {}
            }
            if fitting.is_none() && !ipv6 {
                let message = format!(
                    "({name}) IPv4 ipvlan requires a source ip address to be configured; instance not started"
                );
                context.fault(
                    drafted.span,
                    message,
                    "write: use_ipvlan NAME ADDRESS/LEN, with an address of this host alone",
                );
                return None;
            }
            let address = fitting;
            (LinkKind::Ipvlan { mode, address }, false)
        }
    };
    let prefix = builder.defaults.vmac.own();
    let name = link_name(builder, context, owner, drafted.name, &prefix, ipv6);
    Some(VirtualLink {
        name,
        base: base.to_owned(),
        kind,
        group: drafted.group,
        for_ipv6: ipv6,
        has_ipv6: ipv6,
        link_local: false,
        notify,
    })
}

/// A name that no other link of the configuration has: the one that was asked for, or one of our making.
fn link_name(
    builder: &mut Builder,
    context: &mut Context<'_>,
    owner: &Owner<'_>,
    asked: Option<(String, Span)>,
    prefix: &str,
    ipv6: bool,
) -> String {
    let taken = &mut builder.link_names;
    if let Some((name, span)) = asked {
        let (message, help) = match taken.get(&name) {
            Some(other) => (
                format!(
                    "({}) VRRP instance {other} is already using {name} - ignoring name",
                    owner.name
                ),
                "every instance has an interface of its own: use another name",
            ),
            None if context.is_foreign(&name) => (
                format!(
                    "({}) interface {name} already exists and is no virtual MAC; ignoring vmac if_name",
                    owner.name
                ),
                "use a name that 'ip link' does not show",
            ),
            None => {
                taken.insert(name.clone(), owner.name.to_owned());
                return name;
            }
        };
        context.fault(span, message, help);
    }
    let name = |middle: &str| format!("{prefix}{middle}.{}", owner.vrid);
    let names = [Some(name("")), ipv6.then(|| name("6"))];
    let numbered = (1..=u32::MAX).map(|number| name(&number.to_string()));
    let name = names
        .into_iter()
        .flatten()
        .chain(numbered)
        .find(|name| !taken.contains_key(name) && !context.is_foreign(name))
        .unwrap_or_default();
    taken.insert(name.clone(), owner.name.to_owned());
    name
}

fn xmit_base(
    context: &mut Context<'_>,
    draft: &Draft,
    transport: &Transport,
    has_vmac: bool,
    strict: bool,
) -> bool {
    let name = &draft.name;
    match draft.vmac.xmit_base {
        Some(span) if !has_vmac => {
            let message = format!("({name}) vmac_xmit_base is only valid with a vmac");
            context.fault(span, message, "add use_vmac, or remove the line");
            false
        }
        Some(span) if strict => {
            let message =
                format!("({name}) xmit_base is incompatible with strict mode - resetting");
            context.fault(
                span,
                message,
                "remove vmac_xmit_base, or vrrp_strict and strict_mode",
            );
            false
        }
        None if has_vmac && transport.unicast.is_some() => {
            let message =
                format!("({name}) unicast with use_vmac requires vmac_xmit_base - setting");
            context.diagnostics.advise(
                Class::General,
                draft.unicast.span,
                message,
                "add vmac_xmit_base: peers speak to the interface's own address",
            );
            true
        }
        given => given.is_some(),
    }
}

fn promote_secondaries(context: &mut Context<'_>, draft: &Draft, has_link: bool) -> bool {
    let Some(span) = draft.vmac.promote_secondaries else {
        return false;
    };
    if has_link {
        let message = format!(
            "({}) promote_secondaries is automatically set for vmacs - ignoring",
            draft.name
        );
        context.fault(span, message, "remove the line");
    }
    !has_link
}

/// The links of addresses that are not on the instance's own: one for each interface and family.
fn others(
    builder: &mut Builder,
    context: &mut Context<'_>,
    draft: &mut Draft,
    owner: &Owner<'_>,
    interface: Option<&str>,
    has_vmac: bool,
) -> Vec<VirtualLink> {
    let marked = std::mem::take(&mut draft.vmac.marked);
    let everywhere = draft.vmac.addresses;
    let prefix = builder.defaults.vmac.addresses();
    let mut made: HashMap<(String, bool), usize> = HashMap::new();
    let mut links: Vec<VirtualLink> = Vec::new();
    for address in addresses(draft) {
        let ipv6 = address.address.is_ipv6();
        let mark = marked.get(&(address.address, address.interface.clone()));
        let elsewhere = address.interface.is_some() || ipv6 != owner.ipv6;
        if let Some(span) = mark
            && (everywhere.is_some() || has_vmac && !elsewhere)
        {
            twice(
                context,
                owner.name,
                address.address,
                *span,
                everywhere.is_some(),
            );
        }
        let base = address.interface.as_deref().or(interface);
        let wanted = match mark {
            Some(_) => elsewhere || !has_vmac,
            None => everywhere.is_some() && elsewhere,
        };
        let Some(base) = base.filter(|_| wanted) else {
            continue;
        };
        let key = (base.to_owned(), ipv6);
        let at = *made.entry(key).or_insert_with(|| {
            let name = link_name(builder, context, owner, None, &prefix, ipv6);
            links.push(VirtualLink {
                name,
                base: base.to_owned(),
                kind: LinkKind::Macvlan {
                    mac: standard_mac(ipv6, owner.vrid),
                },
                group: None,
                for_ipv6: ipv6,
                has_ipv6: ipv6,
                link_local: ipv6,
                notify: false,
            });
            links.len() - 1
        });
        address.interface = links.get(at).map(|link| link.name.clone());
    }
    links
}

fn twice(context: &mut Context<'_>, owner: &str, address: IpAddr, span: Span, everywhere: bool) {
    let message = if everywhere {
        format!("({owner}) use_vmac_addr specified and use_vmac specified for VIP/eVIP {address}")
    } else {
        format!("({owner}) use_vmac specified for VIP/eVIP {address} and vrrp instance")
    };
    context.fault(span, message, "remove the word from the address");
}
