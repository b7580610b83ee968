//! The VRRP part of the model: instances and what they hold.

use super::{
    AuthHmac, Fifo, Holdings, LinkKind, Linkbeat, Notify, Script, TrackFile, TrackGroup,
    TrackProcess, Tracked, Transport, Vmac,
};
use crate::config::secret::Secret;
use crate::wire::vrrp::{Family, MULTICAST_GROUP4, hmac};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Everything the VRRP role runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vrrp {
    /// In the order of the file; names are unique.
    pub instances: Vec<VrrpInstance>,
    /// `vrrp_sync_group`, in the order of the file; names are unique, and an instance is in one of them at most.
    pub sync_groups: Vec<SyncGroup>,
    /// `interface_up_down_delays`, in the order of the file; one of each interface.
    pub link_delays: Vec<LinkDelay>,
    /// `linkbeat_interfaces` and those meant by `linkbeat_use_polling`; one of each interface.
    pub linkbeats: Vec<Linkbeat>,
    /// `garp_group`, in the order of the file; an interface is in one of them at most.
    pub garp_groups: Vec<GarpGroup>,
    /// `notify_fifo` and `vrrp_notify_fifo`.
    pub fifos: Vec<Fifo>,
    /// `vrrp_script`, those that an instance tracks, in the order of the file; names are unique.
    pub scripts: Vec<Script>,
    /// `track_file`, likewise.
    pub files: Vec<TrackFile>,
    /// `vrrp_track_process`, likewise.
    pub processes: Vec<TrackProcess>,
    /// `static_ipaddress`, `static_routes`, `static_rules`: on this host for as long as the daemon runs.
    pub fixed: Holdings,
    /// `track_group`, those that have members and are named, in the order of the file; names are unique.
    pub track_groups: Vec<TrackGroup>,
}

impl Vrrp {
    /// True when a VRRP process has something to do.
    pub fn has_work(&self) -> bool {
        !self.instances.is_empty() || !self.fixed.is_empty()
    }
}

/// One `garp_group`: interfaces whose switch wants gratuitous packets slowly, all of them taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpGroup {
    /// `interface` or `interfaces`: their names.
    pub interfaces: Vec<String>,
    /// `garp_interval`: least time between two gratuitous ARPs; that of the instance when not given.
    pub arp_interval: Option<Duration>,
    /// `gna_interval`: the same of neighbour advertisements.
    pub neighbour_interval: Option<Duration>,
}

/// One `vrrp_sync_group`. What it tracks is put on its members when the model is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncGroup {
    /// Its name in the file.
    pub name: String,
    /// `group`: names of instances of this model, in the order of the file, none twice.
    pub members: Vec<String>,
    /// `notify` and its kin.
    pub notify: Notify,
}

/// One line of `track_interface`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedInterface {
    /// Its name.
    pub interface: String,
    /// `weight`, -253..=253; 0 = its failure is a FAULT.
    pub weight: i32,
    /// `reverse`: up is the failure.
    pub reverse: bool,
    /// No line asks for it, but what the instance holds needs it.
    pub implied: bool,
}

/// One line of `interface_up_down_delays`: how long an interface has to be down, or up, before it counts as such.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDelay {
    /// Name of the interface.
    pub interface: String,
    /// Before it counts as down.
    pub down: Duration,
    /// Before it counts as up.
    pub up: Duration,
}

/// Protocol version of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// RFC 3768.
    V2,
    /// RFC 9568.
    V3,
}

/// `state`: what the instance would like to be at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitialState {
    /// Starts in BACKUP with a shortened timer; becomes MASTER at once only with priority 255.
    Master,
    /// Starts in BACKUP.
    Backup,
}

/// `authentication` and `auth_hmac`, of which there is one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    /// None.
    None,
    /// A clear-text password, at most 8 bytes (RFC 2338 section 5.3.6.2); not yet padded.
    Pass(Secret),
    /// The IP authentication header under a password, at most 8 bytes (RFC 2338 section 5.3.6.3). Version 2 over IPv4 alone.
    Ah(Secret),
    /// `auth_hmac`: a trailer behind the message. Any version and family.
    Hmac(AuthHmac),
}

impl Authentication {
    /// How many bytes of an advert have to be kept free for it.
    pub fn trailer_length(&self) -> usize {
        match self {
            Authentication::None | Authentication::Pass(_) | Authentication::Ah(_) => 0,
            Authentication::Hmac(_) => hmac::LENGTH,
        }
    }
}

/// How often gratuitous ARPs (or neighbour advertisements) are sent. Counts are per virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpPolicy {
    /// `garp_master_delay`: the second burst comes this long after becoming MASTER; zero = none.
    pub master_delay: Duration,
    /// `garp_master_repeat`: how many in a burst.
    pub master_repeat: u32,
    /// `garp_master_refresh`: repeat for as long as MASTER; zero = never.
    pub master_refresh: Duration,
    /// `garp_master_refresh_repeat`.
    pub master_refresh_repeat: u32,
    /// `garp_lower_prio_delay`: second burst after a lower-priority advert was heard.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`.
    pub lower_prio_repeat: u32,
    /// `vrrp_garp_interval`: least time between two gratuitous ARPs on an interface; zero = none.
    pub interval: Duration,
    /// `vrrp_gna_interval`: the same for unsolicited neighbour advertisements.
    pub neighbour_interval: Duration,
    /// `garp_extra_if`: a gratuitous ARP so often for addresses on interfaces other than the instance's; zero = never.
    pub extra_interfaces: Duration,
    /// `garp_extra_if` without `all`: of these interfaces only the virtual MACs made for addresses.
    pub extra_only_vmacs: bool,
}

impl Default for GarpPolicy {
    fn default() -> Self {
        GarpPolicy {
            master_delay: Duration::from_secs(5),
            master_repeat: 5,
            master_refresh: Duration::ZERO,
            master_refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
            interval: Duration::ZERO,
            extra_interfaces: Duration::ZERO,
            extra_only_vmacs: false,
            neighbour_interval: Duration::ZERO,
        }
    }
}

/// One line of `virtual_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualAddress {
    /// The address itself.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 when not given.
    pub prefix: u8,
    /// `dev`: where to put it; the instance's interface when not given.
    pub interface: Option<String>,
    /// `label`.
    pub label: Option<String>,
    /// `scope`, kernel numbering (0 = global, 253 = link, 254 = host).
    pub scope: u8,
    /// `brd`, with `+` and `-` already computed.
    pub broadcast: Option<Ipv4Addr>,
    /// `peer`, with its prefix length.
    pub peer: Option<(IpAddr, u8)>,
    /// Flags of the kernel's IFA_FLAGS that the line asks for (`home`, `-nodad`, `mngtmpaddr`, `noprefixroute`, `autojoin`).
    pub flags: u32,
    /// `preferred_lft` in seconds; `None` = forever.
    pub preferred_lifetime: Option<u32>,
    /// Put back when somebody removes it (no `no_track`).
    pub tracked: bool,
}

impl VirtualAddress {
    /// `IFA_F_NODAD`: an address of IPv6 is usable as soon as it is there.
    pub const NODAD: u32 = 0x02;

    /// What a line means that says nothing else: an address of IPv6 waits for nobody, and one that is no part of a network is
    /// never what the kernel sends from.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let ipv6 = address.is_ipv6();
        VirtualAddress {
            address,
            prefix,
            interface: None,
            label: None,
            scope: 0,
            broadcast: None,
            peer: None,
            flags: if ipv6 { Self::NODAD } else { 0 },
            preferred_lifetime: (ipv6 && u32::from(prefix) == Ipv6Addr::BITS).then_some(0),
            tracked: true,
        }
    }
}

/// One `vrrp_instance`, with every inherited default filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VrrpInstance {
    /// Its name in the file.
    pub name: String,
    /// `interface`; empty when there is none: a unicast instance may do without, as its `source` says who it is. Its addresses
    /// name theirs then.
    pub interface: String,
    /// `virtual_router_id`, 1..=255.
    pub virtual_router_id: u8,
    /// `priority`, 1..=255; 255 = address owner.
    pub priority: u8,
    /// `state`.
    pub initial_state: InitialState,
    /// `version`.
    pub version: Version,
    /// `advert_int`.
    pub advert_interval: Duration,
    /// `nopreempt`, already cleared where it has no meaning.
    pub nopreempt: bool,
    /// `preempt_delay`: how long a master of lower priority is left alone, from its first advert; zero = not at all. Already
    /// cleared where it has no meaning.
    pub preempt_delay: Duration,
    /// `timer_expired_backup`: the highest priority another router has; one that is so late that it may have taken over steps
    /// down. Only with `nopreempt`.
    pub timer_expired_backup: Option<u8>,
    /// `owner_ignore_adverts`: an owner does not listen.
    pub owner_ignore_adverts: bool,
    /// `down_timer_adverts`: how many missed adverts make a master dead.
    pub down_timer_adverts: u32,
    /// `authentication`.
    pub authentication: Authentication,
    /// `vrrp_mcast_group4`, `vrrp_mcast_group6` or `mcast_dst_ip`; its family is that of the instance.
    pub multicast_group: IpAddr,
    /// `mcast_src_ip` or `unicast_src_ip`, of the same family; the interface's primary IPv4 or link-local IPv6 address when not given.
    pub source: Option<IpAddr>,
    /// Unicast or multicast.
    pub transport: Transport,
    /// `kernel_rx_buf_size`: bytes that its packets find room in, whatever `vrrp_rx_bufs_policy` says.
    pub receive_buffer: Option<u32>,
    /// Links of its own, and what it changes about others.
    pub vmac: Vmac,
    /// `v3_checksum_as_v2`: version 3 over IPv4 is sent with a checksum that leaves the pseudo-header out.
    pub checksum_as_v2: bool,
    /// `dont_track_primary`: keep running when the interface is down.
    pub dont_track_primary: bool,
    /// `track_interface`, its own and those of its sync group: each interface once.
    pub tracked_interfaces: Vec<TrackedInterface>,
    /// `track_script`, its own and those of its sync group: each name once.
    pub trackers: Vec<Tracked>,
    /// `notify` and its kin.
    pub notify: Notify,
    /// `strict_mode` or `vrrp_strict`: what that means is in the other fields already.
    pub strict: bool,
    /// `accept`, `no_accept`: Accept_Mode (RFC 9568 section 6.1).
    pub accept: bool,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// Gratuitous ARP settings.
    pub garp: GarpPolicy,
    /// `virtual_ipaddress`, in the order of the file, which is also that of the advert.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`, `virtual_routes`, `virtual_rules`: on this host while MASTER, but in no advert.
    pub holdings: Holdings,
}

impl VrrpInstance {
    /// Priority of the router whose own addresses the virtual ones are (RFC 9568 section 6.1).
    pub const OWNER: u8 = 255;
    /// Priority of an instance that does not say (RFC 9568 section 6.1).
    pub const PRIORITY: u8 = 100;
    /// `advert_int` of an instance that does not say.
    pub const ADVERT_INTERVAL: Duration = Duration::from_secs(1);
    /// `vrrp_down_timer_adverts` of a file that does not say.
    pub const DOWN_TIMER_ADVERTS: u32 = 3;

    /// An instance of version 2 over IPv4 that says no more than who it is: everything else is as in a file that does not say.
    pub fn named(
        name: impl Into<String>,
        interface: impl Into<String>,
        virtual_router_id: u8,
    ) -> Self {
        VrrpInstance {
            name: name.into(),
            interface: interface.into(),
            virtual_router_id,
            priority: Self::PRIORITY,
            initial_state: InitialState::Backup,
            version: Version::V2,
            advert_interval: Self::ADVERT_INTERVAL,
            nopreempt: false,
            preempt_delay: Duration::ZERO,
            timer_expired_backup: None,
            owner_ignore_adverts: false,
            down_timer_adverts: Self::DOWN_TIMER_ADVERTS,
            authentication: Authentication::None,
            multicast_group: MULTICAST_GROUP4.into(),
            source: None,
            transport: Transport::default(),
            receive_buffer: None,
            vmac: Vmac::default(),
            checksum_as_v2: false,
            dont_track_primary: false,
            tracked_interfaces: Vec::new(),
            trackers: Vec::new(),
            notify: Notify::default(),
            strict: false,
            accept: true,
            skip_check_adv_addr: false,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            garp: GarpPolicy::default(),
            virtual_addresses: Vec::new(),
            holdings: Holdings::default(),
        }
    }

    /// Whether this host answers what is sent to the virtual addresses while it is MASTER: the owner always does.
    pub fn answers(&self) -> bool {
        self.accept || self.priority == Self::OWNER
    }

    /// Whether it runs on one interface, and not wherever its packets come and go.
    pub fn is_bound(&self) -> bool {
        !self.interface.is_empty()
    }

    /// The interface that its adverts leave and enter by.
    pub fn wire(&self) -> &str {
        match &self.vmac.own {
            Some(own) if !self.vmac.xmit_base => &own.name,
            _ => &self.interface,
        }
    }

    /// The interfaces that it cannot run without: its own, and the link it has made upon it.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        let own = self.vmac.own.iter().map(|own| own.name.as_str());
        let interface = self.is_bound().then_some(self.interface.as_str());
        interface.into_iter().chain(own)
    }

    /// The interface of addresses that do not name theirs: beside an ipvlan they stay where they would be without one.
    pub fn home(&self) -> &str {
        match &self.vmac.own {
            Some(own) if matches!(own.kind, LinkKind::Macvlan { .. }) => &own.name,
            _ => &self.interface,
        }
    }

    /// The interface whose address its adverts bear: a virtual MAC has none of its own, but for the virtual ones.
    pub fn sender(&self) -> &str {
        match &self.vmac.own {
            Some(own) if matches!(own.kind, LinkKind::Ipvlan { .. }) => &own.name,
            _ => &self.interface,
        }
    }

    /// Which IP its adverts travel over, which is also that of its virtual addresses.
    pub fn family(&self) -> Family {
        Family::of(self.multicast_group)
    }
}
