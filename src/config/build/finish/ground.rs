//! What the interface of a virtual MAC or an ipvlan makes impossible, as far as it can be known before the link is made. What cannot be
//! known here: whether a switch, a hypervisor or the hardware behind the interface delivers to a second MAC.

use super::super::Context;
use super::super::state::Builder;
use crate::config::diagnostic::{Class, Span};
use crate::config::model::{IpvlanMode, LinkKind, VirtualLink};
use crate::config::world::{Footing, Ground};

/// The kernel has no IPv6 on an interface with a smaller MTU (RFC 8200 section 5).
const IPV6_MTU: u32 = 1280;

/// What an interface bears, of which it can have one kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config::build) enum Load {
    Macvlans,
    Ipvlans(IpvlanMode),
}

impl Load {
    fn of(kind: LinkKind) -> Self {
        match kind {
            LinkKind::Macvlan { .. } => Load::Macvlans,
            LinkKind::Ipvlan { mode, .. } => Load::Ipvlans(mode),
        }
    }
}

/// Says what a link of the instance `name` would meet.
pub(super) fn judge(
    builder: &mut Builder,
    context: &mut Context<'_>,
    name: &str,
    link: &VirtualLink,
    span: Span,
) {
    beside_others(builder, context, name, link, span);
    let Some(Ground { mtu, footing }) = context.ground(&link.base) else {
        return;
    };
    let VirtualLink {
        base, name: made, ..
    } = link;
    let is_vmac = matches!(link.kind, LinkKind::Macvlan { .. });
    let (message, help) = match footing {
        Footing::Port(master) => (
            format!("({name}) {base} belongs to {master}: the kernel makes no link upon it"),
            format!("name {master} instead; as it is the instance waits in FAULT"),
        ),
        Footing::Wireless if is_vmac => (
            format!(
                "({name}) {base} is wireless: an access point delivers to the MAC that has associated, so nobody would reach {made}"
            ),
            "remove use_vmac, as gratuitous ARP does without it; or use a wired interface"
                .to_owned(),
        ),
        Footing::Ipvlan if is_vmac => (
            format!(
                "({name}) {base} is an ipvlan, to which packets come by IP address and never by MAC, so nobody would reach {made}"
            ),
            "remove use_vmac, or use the interface below".to_owned(),
        ),
        _ if link.has_ipv6 && mtu < IPV6_MTU => (
            format!(
                "({name}) {base} has an MTU of {mtu}: IPv6 needs {IPV6_MTU}, so {made} could have none of its addresses"
            ),
            format!("ip link set {base} mtu {IPV6_MTU}, or leave the addresses of IPv6 out"),
        ),
        _ => return,
    };
    context
        .diagnostics
        .advise(Class::BadInterface, span, message, help);
}

/// An interface bears virtual MACs or ipvlans, and all ipvlans of one have the same mode.
fn beside_others(
    builder: &mut Builder,
    context: &mut Context<'_>,
    name: &str,
    link: &VirtualLink,
    span: Span,
) {
    let base = &link.base;
    let load = Load::of(link.kind);
    let Some((other, first)) = builder.loads.get(base) else {
        let bears = (load, name.to_owned());
        builder.loads.insert(base.clone(), bears);
        return;
    };
    let message = match (*other, load) {
        (one, another) if one == another => return,
        (Load::Ipvlans(_), Load::Ipvlans(_)) => format!(
            "({name}) {first} has an ipvlan of another mode on {base}: the kernel gives all of one interface the same"
        ),
        _ => format!(
            "({name}) {first} has a link on {base} already: the kernel lets no virtual MAC and no ipvlan stand beside one another"
        ),
    };
    context.fault(span, message, "write the same for both instances");
}
