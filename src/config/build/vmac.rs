//! The statements of an instance about links of its own, into a draft; what they mean together is `finish/vmac.rs`.

use super::Context;
use crate::config::diagnostic::{Span, quote};
use crate::config::model::{IpvlanMode, VirtualAddress};
use crate::config::read::{INTERFACE_NAME_MAX, Item};
use crate::config::tree::Word;
use crate::config::world::Names;
use std::collections::HashMap;
use std::net::IpAddr;

/// The first octets of the MACs that the standard gives to virtual routers (RFC 9568 section 7.3).
const STANDARD: [[u8; 5]; 2] = [[0, 0, 0x5e, 0, 1], [0, 0, 0x5e, 0, 2]];
/// The bit of the first octet that makes a MAC one of many.
const MULTICAST: u8 = 1;

/// What names of links begin with that nobody has named.
const PREFIX: &str = "vrrp";

/// `vmac_prefix` and `vmac_addr_prefix`, of all instances.
#[derive(Clone, Debug, Default)]
pub(in crate::config::build) struct Prefixes {
    own: Option<String>,
    addresses: Option<String>,
}

impl Prefixes {
    /// Reads a statement of `global_defs`; false when it is another one. The first of a kind counts.
    pub fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        let place = match item.name() {
            "vmac_prefix" => &mut self.own,
            "vmac_addr_prefix" => &mut self.addresses,
            _ => return false,
        };
        if let Some(prefix) = read_prefix(context, item) {
            place.get_or_insert(prefix);
        }
        true
    }

    /// What the name of an instance's own link begins with.
    pub fn own(&self) -> String {
        self.own.clone().unwrap_or_else(|| PREFIX.to_owned())
    }

    /// The same of links for addresses elsewhere.
    pub fn addresses(&self) -> String {
        self.addresses.clone().unwrap_or_else(|| self.own())
    }
}

/// A prefix that leaves room for the rest of a name.
fn read_prefix(context: &mut Context<'_>, item: &Item<'_>) -> Option<String> {
    /// A digit, a dot and the virtual router id.
    const REST: usize = 5;
    let prefix = item.text(context)?;
    let fits = prefix.len() + REST <= INTERFACE_NAME_MAX && !prefix.contains(['/', ':']);
    if !fits {
        let message = format!(
            "{} '{}' is too long or has invalid characters - ignoring",
            item.name(),
            quote(prefix.as_bytes())
        );
        let help = format!(
            "at most {} bytes, no slash or colon",
            INTERFACE_NAME_MAX - REST
        );
        context.fault(item.argument_span(0), message, help);
    }
    fits.then(|| prefix.to_owned())
}

/// What was said about links.
#[derive(Default)]
pub(in crate::config::build) struct DraftVmac {
    pub own: Option<DraftLink>,
    pub addresses: Option<Span>,
    pub xmit_base: Option<Span>,
    pub promote_secondaries: Option<Span>,
    pub vrf: Option<(String, Span)>,
    /// `use_vmac` of addresses, by address and `dev`.
    pub marked: HashMap<(IpAddr, Option<String>), Span>,
}

/// `use_vmac` or `use_ipvlan` as it was read.
pub(in crate::config::build) struct DraftLink {
    pub span: Span,
    pub name: Option<(String, Span)>,
    pub group: Option<u32>,
    pub kind: DraftKind,
}

/// What the two do not have in common.
pub(in crate::config::build) enum DraftKind {
    Vmac {
        mac: Option<DraftMac>,
        notify: bool,
    },
    Ipvlan {
        mode: IpvlanMode,
        address: Option<(IpAddr, u8)>,
    },
}

/// A MAC, or one that ends with the virtual router id.
#[derive(Clone, Copy)]
pub(in crate::config::build) enum DraftMac {
    Whole([u8; 6]),
    Prefix([u8; 5]),
}

impl DraftVmac {
    /// Reads a statement of an instance; false when it is another one.
    pub fn statement(&mut self, context: &mut Context<'_>, owner: &str, item: &Item<'_>) -> bool {
        match item.name() {
            "use_vmac" => self.vmac(context, item),
            "use_ipvlan" => self.ipvlan(context, owner, item),
            "use_vmac_addr" => self.addresses = Some(item.span()),
            "vmac_xmit_base" => self.xmit_base = Some(item.span()),
            "promote_secondaries" => self.promote_secondaries = Some(item.span()),
            "vrf" => {
                let name = item.interface(context);
                if self.vrf.is_some() {
                    let message = format!("({owner}) vrf is specified twice - ignoring");
                    context.fault(item.span(), message, "remove one of the lines");
                } else {
                    self.vrf = name.map(|name| (name.to_owned(), item.argument_span(0)));
                }
            }
            _ => return false,
        }
        true
    }

    /// Notes `use_vmac` of an address.
    pub fn mark(&mut self, address: &VirtualAddress, word: Option<Word<'_>>) {
        if let Some(word) = word {
            let key = (address.address, address.interface.clone());
            self.marked.insert(key, word.span());
        }
    }

    fn vmac(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        let mut words = Words::of(item);
        let (mut mac, mut notify) = (None, false);
        while let Some(word) = words.next(context) {
            match word.bytes() {
                b"netlink_notify_msg" => notify = true,
                bytes if bytes.contains(&b':') => mac = read_mac(context, word).or(mac),
                _ => words.interface(context, word),
            }
        }
        self.own = Some(words.link(item, DraftKind::Vmac { mac, notify }));
    }

    fn ipvlan(&mut self, context: &mut Context<'_>, owner: &str, item: &Item<'_>) {
        if let Some(DraftLink {
            kind: DraftKind::Ipvlan { .. },
            ..
        }) = self.own
        {
            let message = format!("({owner}) use_ipvlan already specified - ignoring");
            context.fault(item.span(), message, "remove one of the lines");
            return;
        }
        let mut words = Words::of(item);
        let (mut mode, mut address) = (IpvlanMode::default(), None);
        while let Some(word) = words.next(context) {
            match word.bytes() {
                b"bridge" => mode = IpvlanMode::Bridge,
                b"private" => mode = IpvlanMode::Private,
                b"vepa" => mode = IpvlanMode::Vepa,
                _ => match read_address(word) {
                    Some(read) => address = Some(read),
                    None => words.interface(context, word),
                },
            }
        }
        self.own = Some(words.link(item, DraftKind::Ipvlan { mode, address }));
    }
}

/// The words of either statement, without those that both have.
struct Words<'t> {
    rest: std::vec::IntoIter<Word<'t>>,
    name: Option<(String, Span)>,
    group: Option<u32>,
}

impl<'t> Words<'t> {
    fn of(item: &Item<'t>) -> Self {
        let words: Vec<Word<'t>> = item.statement.arguments().collect();
        Words {
            rest: words.into_iter(),
            name: None,
            group: None,
        }
    }

    /// The next word that is neither `name`, `group` nor what follows them.
    fn next(&mut self, context: &mut Context<'_>) -> Option<Word<'t>> {
        loop {
            let word = self.rest.next()?;
            match word.bytes() {
                b"name" => match self.rest.next() {
                    Some(name) => self.interface(context, name),
                    None => lacks_value(context, word),
                },
                b"group" => match self.rest.next() {
                    Some(group) => self.group(context, group),
                    None => lacks_value(context, word),
                },
                _ => return Some(word),
            }
        }
    }

    fn interface(&mut self, context: &mut Context<'_>, word: Word<'_>) {
        let is_name = |name: &&str| {
            !name.is_empty()
                && name.len() <= INTERFACE_NAME_MAX
                && !matches!(*name, "." | "..")
                && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace())
        };
        let Some(name) = word.as_str().filter(is_name) else {
            let message = format!(
                "interface name '{}' too long or invalid characters - ignoring",
                quote(word.bytes())
            );
            let help = format!(
                "interface names have at most {INTERFACE_NAME_MAX} bytes and no slash or colon"
            );
            context.fault(word.span(), message, help);
            return;
        };
        match &self.name {
            Some((first, _)) => {
                let message = format!("interface name already specified - ignoring '{name}'");
                context.fault(word.span(), message, format!("{first} is its name"));
            }
            None => self.name = Some((name.to_owned(), word.span())),
        }
    }

    fn group(&mut self, context: &mut Context<'_>, word: Word<'_>) {
        let text = word.text();
        let number = text.parse().ok();
        self.group = number.or_else(|| context.number(Names::Groups, &text));
        if self.group.is_none() {
            let message = format!("link group '{}' not found - ignoring", quote(word.bytes()));
            context.fault(
                word.span(),
                message,
                "write a number, or a name of /etc/iproute2/group",
            );
        }
    }

    fn link(self, item: &Item<'_>, kind: DraftKind) -> DraftLink {
        DraftLink {
            span: item.span(),
            name: self.name,
            group: self.group,
            kind,
        }
    }
}

fn lacks_value(context: &mut Context<'_>, word: Word<'_>) {
    let message = format!("'{}' needs a value", quote(word.bytes()));
    context.fault(word.span(), message, "write it behind the word; ignored");
}

fn read_mac(context: &mut Context<'_>, word: Word<'_>) -> Option<DraftMac> {
    let octet = |text: &str| {
        let octet = u8::from_str_radix(text, 16).ok();
        octet.filter(|_| matches!(text.len(), 1 | 2))
    };
    let octets: Option<Vec<u8>> = word.text().split(':').map(octet).collect();
    let mac = octets.and_then(|octets| match <[u8; 6]>::try_from(octets.as_slice()) {
        Ok(mac) => Some(DraftMac::Whole(mac)),
        Err(_) => octets.try_into().ok().map(DraftMac::Prefix),
    });
    let shown = quote(word.bytes());
    let (message, help) = match mac {
        None => (
            format!("VMAC invalid MAC address {shown}"),
            "write 6 octets, or 5 that the virtual_router_id follows, as in 02:00:00:00:01",
        ),
        Some(DraftMac::Whole([first, ..]) | DraftMac::Prefix([first, ..]))
            if first & MULTICAST != 0 =>
        {
            (
                format!("VMAC MAC address is multicast {shown} - ignoring"),
                "the first octet of a MAC is even",
            )
        }
        Some(DraftMac::Whole([a, b, c, d, e, _]) | DraftMac::Prefix([a, b, c, d, e]))
            if STANDARD.contains(&[a, b, c, d, e]) =>
        {
            (
                format!("VMAC MAC address not allowed to be RFC5798 address ({shown}) - ignoring"),
                "without an address the standard's for this virtual_router_id is used",
            )
        }
        Some(mac) => return Some(mac),
    };
    context.fault(word.span(), message, help);
    None
}

fn read_address(word: Word<'_>) -> Option<(IpAddr, u8)> {
    let text = word.as_str()?;
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => length.parse().ok().filter(|length| *length <= most)?,
        None => most,
    };
    Some((address, length))
}
