//! Links that we make, and settings of links, as rtnetlink messages: requests to bodies, and what a report says of kind, base and
//! settings. When to ask for what is reconcile/links.rs's.
//!
//! Settings of IPv4 travel by netlink with the link (`IFLA_INET_CONF`), where /proc/sys may be read-only, as in containers.

use crate::config::model::{IpvlanMode, LinkKind, VirtualLink};
use netlink_packet_core::{DefaultNla, Emitable, NlasIterator};

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_FLAGS: u16 = 2;
const IFLA_VRF_TABLE: u16 = 1;
const IFLA_INET_CONF: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const NESTED: u16 = 1 << 15;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IFF_UP: u32 = 1;
/// `MACVLAN_MODE_PRIVATE`.
const MACVLAN_PRIVATE: u32 = 1;
/// `IPVLAN_MODE_L2`.
const IPVLAN_L2: u16 = 0;
/// `IPVLAN_F_PRIVATE`, `IPVLAN_F_VEPA`; bridge is neither.
const IPVLAN_F_PRIVATE: u16 = 1;
const IPVLAN_F_VEPA: u16 = 2;
/// `IN6_ADDR_GEN_MODE_NONE`: the kernel gives it no link-local address of its own.
const NO_LINK_LOCAL: u8 = 1;

/// The MACs that the standard gives to virtual routers, but for the last octet (RFC 9568 section 7.3).
const VIRTUAL_MACS: [[u8; 5]; 2] = [[0, 0, 0x5e, 0, 1], [0, 0, 0x5e, 0, 2]];

/// A setting of IPv4 of a link: `IPV4_DEVCONF_*`, of the name it has below /proc/sys/net/ipv4/conf/IFNAME.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setting {
    /// `rp_filter`.
    RpFilter,
    /// `arp_filter`.
    ArpFilter,
    /// `arp_ignore`.
    ArpIgnore,
    /// `promote_secondaries`.
    PromoteSecondaries,
    /// `accept_local`.
    AcceptLocal,
    /// `arp_announce`.
    ArpAnnounce,
}

impl Setting {
    /// All of them.
    pub const ALL: [Setting; 6] = [
        Setting::RpFilter,
        Setting::ArpFilter,
        Setting::ArpIgnore,
        Setting::PromoteSecondaries,
        Setting::AcceptLocal,
        Setting::ArpAnnounce,
    ];

    /// Its name as a file.
    pub fn name(self) -> &'static str {
        match self {
            Setting::RpFilter => "rp_filter",
            Setting::ArpFilter => "arp_filter",
            Setting::ArpIgnore => "arp_ignore",
            Setting::PromoteSecondaries => "promote_secondaries",
            Setting::AcceptLocal => "accept_local",
            Setting::ArpAnnounce => "arp_announce",
        }
    }

    /// `IPV4_DEVCONF_*`, which count from 1.
    fn number(self) -> u16 {
        match self {
            Setting::RpFilter => 8,
            Setting::ArpFilter => 13,
            Setting::ArpIgnore => 19,
            Setting::PromoteSecondaries => 20,
            Setting::AcceptLocal => 23,
            Setting::ArpAnnounce => 18,
        }
    }
}

/// What a report says of a link besides name, flags and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nature {
    /// What it is.
    pub kind: Kind,
    /// The link it is made upon (`IFLA_LINK`).
    pub base: Option<u32>,
    /// The bridge, bond or VRF it belongs to.
    pub master: Option<u32>,
    /// Its link group.
    pub group: u32,
    /// Settings of IPv4, in the order of `Setting::ALL`; nothing when they were not told.
    settings: [Option<u32>; Setting::ALL.len()],
    /// `IFLA_INET6_ADDR_GEN_MODE`; nothing where there is no IPv6.
    addr_gen_mode: Option<u8>,
}

/// Kinds that matter to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Any other.
    #[default]
    Other,
    /// A macvlan, with its mode.
    Macvlan(u32),
    /// An ipvlan, with mode and flags.
    Ipvlan(u16, u16),
    /// A VRF device, with its table.
    Vrf(u32),
}

/// What is to be different about a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkUpdate {
    /// Set it up.
    pub up: bool,
    /// Put it into this group.
    pub group: Option<u32>,
    /// Give it this MTU.
    pub mtu: Option<u32>,
    /// Put it into this VRF; 0 = take it out.
    pub master: Option<u32>,
    /// Settings of IPv4.
    pub settings: Vec<(Setting, u32)>,
    /// No link-local address of the kernel's making.
    pub no_link_local: bool,
}

impl LinkUpdate {
    /// Nothing is to be different.
    pub fn is_empty(&self) -> bool {
        *self == LinkUpdate::default()
    }
}

impl Nature {
    /// A setting, as far as it is known.
    pub fn setting(&self, setting: Setting) -> Option<u32> {
        Setting::ALL
            .iter()
            .zip(self.settings)
            .find(|(known, _)| **known == setting)
            .and_then(|(_, value)| value)
    }

    /// Takes in what was changed at our request.
    pub(super) fn updated(&mut self, update: &LinkUpdate) {
        for (known, value) in Setting::ALL.iter().zip(&mut self.settings) {
            let changed = update.settings.iter().find(|(setting, _)| setting == known);
            *value = changed.map(|(_, changed)| *changed).or(*value);
        }
        if update.no_link_local {
            self.addr_gen_mode = Some(NO_LINK_LOCAL);
        }
    }

    /// What the kernel gives to a link that is new.
    #[cfg(test)]
    pub(crate) fn new(kind: Kind) -> Self {
        Nature {
            kind,
            settings: [Some(0); Setting::ALL.len()],
            addr_gen_mode: Some(0),
            ..Nature::default()
        }
    }

    /// The same to one that was asked for.
    #[cfg(test)]
    pub(super) fn made(wish: &VirtualLink, base: u32, group: u32) -> Self {
        let kind = match wish.kind {
            LinkKind::Macvlan { .. } => Kind::Macvlan(MACVLAN_PRIVATE),
            LinkKind::Ipvlan { mode, .. } => Kind::Ipvlan(IPVLAN_L2, flags(mode)),
        };
        Nature {
            base: Some(base),
            group,
            ..Nature::new(kind)
        }
    }

    /// The kernel may give it a link-local address.
    pub(super) fn makes_link_local(&self) -> bool {
        self.addr_gen_mode.is_some_and(|mode| mode != NO_LINK_LOCAL)
    }

    /// The table of a VRF device.
    pub fn vrf_table(&self) -> Option<u32> {
        match self.kind {
            Kind::Vrf(table) => Some(table),
            _ => None,
        }
    }

    /// True when it is what a wish asks for, upon the link `base`.
    pub(super) fn is(&self, wish: &VirtualLink, base: u32, mac: [u8; 6]) -> bool {
        self.base == Some(base)
            && match wish.kind {
                LinkKind::Macvlan { mac: wanted } => {
                    self.kind == Kind::Macvlan(MACVLAN_PRIVATE) && mac == wanted
                }
                LinkKind::Ipvlan { mode, .. } => self.kind == Kind::Ipvlan(IPVLAN_L2, flags(mode)),
            }
    }

    /// True when it can only be an earlier version of what a wish asks for: nobody else gives a link such an address, or such a
    /// name to a link of this kind.
    pub(super) fn was(&self, wish: &VirtualLink, mac: [u8; 6]) -> bool {
        match (wish.kind, self.kind) {
            (LinkKind::Macvlan { mac: wanted }, Kind::Macvlan(_)) => {
                mac == wanted
                    || VIRTUAL_MACS
                        .iter()
                        .any(|virtual_mac| mac.starts_with(virtual_mac))
            }
            (LinkKind::Ipvlan { .. }, Kind::Ipvlan(..)) => true,
            _ => false,
        }
    }

    /// Takes an attribute of a report.
    pub(super) fn read(&mut self, kind: u16, value: &[u8]) {
        match kind {
            IFLA_LINK => self.base = number(value),
            IFLA_MASTER => self.master = number(value),
            IFLA_GROUP => self.group = number(value).unwrap_or(0),
            IFLA_LINKINFO => self.kind = kind_of(value),
            IFLA_AF_SPEC => {
                let of = |family| find(value, family);
                if let Some(conf) = of(AF_INET).and_then(|inet| find(inet, IFLA_INET_CONF)) {
                    self.settings = Setting::ALL.map(|setting| {
                        let at = usize::from(setting.number() - 1) * size_of::<u32>();
                        number(conf.get(at..at + size_of::<u32>())?)
                    });
                }
                self.addr_gen_mode = of(AF_INET6)
                    .and_then(|inet6| find(inet6, IFLA_INET6_ADDR_GEN_MODE))
                    .and_then(|mode| mode.first().copied());
            }
            _ => {}
        }
    }
}

/// Whatever cannot be read here is of no kind that matters.
fn kind_of(info: &[u8]) -> Kind {
    let data = find(info, IFLA_INFO_DATA).unwrap_or_default();
    let short = |kind| {
        let value = find(data, kind).and_then(|value| value.try_into().ok());
        value.map(u16::from_ne_bytes)
    };
    let name = find(info, IFLA_INFO_KIND).map(|name| name.strip_suffix(&[0]).unwrap_or(name));
    match name {
        Some(b"macvlan") => find(data, IFLA_MACVLAN_MODE)
            .and_then(number)
            .map_or(Kind::Other, Kind::Macvlan),
        Some(b"ipvlan") => short(IFLA_IPVLAN_MODE).map_or(Kind::Other, |mode| {
            Kind::Ipvlan(mode, short(IFLA_IPVLAN_FLAGS).unwrap_or(0))
        }),
        Some(b"vrf") => find(data, IFLA_VRF_TABLE)
            .and_then(number)
            .map_or(Kind::Other, Kind::Vrf),
        _ => Kind::Other,
    }
}

fn find(within: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = within;
    // `NlasIterator` lends its attributes only to each turn of a loop; the place of a value outlives it.
    for attribute in NlasIterator::new(within) {
        let attribute = attribute.ok()?;
        let length = attribute.value_length() + HEADER;
        if attribute.kind() == kind {
            return rest.get(HEADER..length);
        }
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..)?;
    }
    None
}

/// Length of an attribute's header, and what attributes begin at a multiple of.
const HEADER: usize = 4;
const ALIGNMENT: usize = 4;

fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

fn flags(mode: IpvlanMode) -> u16 {
    match mode {
        IpvlanMode::Bridge => 0,
        IpvlanMode::Private => IPVLAN_F_PRIVATE,
        IpvlanMode::Vepa => IPVLAN_F_VEPA,
    }
}

/// The body of RTM_NEWLINK for a link that is not there yet. It comes up later: its settings can be made only when it is there.
pub(super) fn new_body(link: &VirtualLink, base: u32, group: u32) -> Vec<u8> {
    let (kind, data) = match link.kind {
        LinkKind::Macvlan { .. } => (
            &b"macvlan\0"[..],
            vec![attribute(IFLA_MACVLAN_MODE, &MACVLAN_PRIVATE.to_ne_bytes())],
        ),
        LinkKind::Ipvlan { mode, .. } => (
            &b"ipvlan\0"[..],
            vec![
                attribute(IFLA_IPVLAN_MODE, &IPVLAN_L2.to_ne_bytes()),
                attribute(IFLA_IPVLAN_FLAGS, &flags(mode).to_ne_bytes()),
            ],
        ),
    };
    let mut name = link.name.clone().into_bytes();
    name.push(0);
    let mut attributes = vec![
        attribute(IFLA_IFNAME, &name),
        attribute(IFLA_LINK, &base.to_ne_bytes()),
        attribute(IFLA_GROUP, &group.to_ne_bytes()),
    ];
    if let LinkKind::Macvlan { mac } = link.kind {
        attributes.push(attribute(IFLA_ADDRESS, &mac));
    }
    attributes.push(nested(
        IFLA_LINKINFO,
        &[
            attribute(IFLA_INFO_KIND, kind),
            nested(IFLA_INFO_DATA, &data),
        ],
    ));
    body(0, 0, &attributes)
}

/// The body of RTM_SETLINK.
pub(super) fn set_body(index: u32, update: &LinkUpdate) -> Vec<u8> {
    let mut attributes = Vec::new();
    if let Some(group) = update.group {
        attributes.push(attribute(IFLA_GROUP, &group.to_ne_bytes()));
    }
    if let Some(mtu) = update.mtu {
        attributes.push(attribute(IFLA_MTU, &mtu.to_ne_bytes()));
    }
    if let Some(master) = update.master {
        attributes.push(attribute(IFLA_MASTER, &master.to_ne_bytes()));
    }
    let mut families = Vec::new();
    if !update.settings.is_empty() {
        let settings: Vec<DefaultNla> = update
            .settings
            .iter()
            .map(|(setting, value)| attribute(setting.number(), &value.to_ne_bytes()))
            .collect();
        families.push(nested(AF_INET, &[nested(IFLA_INET_CONF, &settings)]));
    }
    if update.no_link_local {
        let mode = attribute(IFLA_INET6_ADDR_GEN_MODE, &[NO_LINK_LOCAL]);
        families.push(nested(AF_INET6, &[mode]));
    }
    if !families.is_empty() {
        attributes.push(nested(IFLA_AF_SPEC, &families));
    }
    body(index, if update.up { IFF_UP } else { 0 }, &attributes)
}

/// The body of RTM_DELLINK.
pub(super) fn delete_body(index: u32) -> Vec<u8> {
    body(index, 0, &[])
}

/// `struct ifinfomsg` and attributes; flags that are zero are left as they are.
fn body(index: u32, flags: u32, attributes: &[DefaultNla]) -> Vec<u8> {
    // Family and type 0: any.
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    // Which flags are meant.
    body.extend(flags.to_ne_bytes());
    body.extend(emitted(attributes));
    body
}

fn attribute(kind: u16, value: &[u8]) -> DefaultNla {
    DefaultNla::new(kind, value.to_vec())
}

fn nested(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    DefaultNla::new(kind | NESTED, emitted(attributes))
}

fn emitted(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
