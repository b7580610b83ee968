//! Adverts as the packet tester makes and reads them: whole frames of version 2, version 3 over IPv4 and version 3 over IPv6, right
//! or wrong in any field. Written from RFC 3768 and RFC 9568 alone, so that a mistake in the daemon's codec cannot hide here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

use super::node::Node;
use super::wire::{Frame, checksum};

const ETHERTYPE_V4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_V6: [u8; 2] = [0x86, 0xdd];
const VRRP: u8 = 112;

/// Which of the three protocols a virtual router speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Version 2, IPv4.
    V2,
    /// Version 3, IPv4.
    V3,
    /// Version 3, IPv6.
    V6,
}

impl Kind {
    /// Of the case's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::V2 => "v2",
            Kind::V3 => "v3_ipv4",
            Kind::V6 => "v3_ipv6",
        }
    }

    /// The group's IP address.
    pub fn group(self) -> IpAddr {
        match self {
            Kind::V6 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(),
            _ => Ipv4Addr::new(224, 0, 0, 18).into(),
        }
    }

    /// The virtual router's Ethernet address (RFC 3768 section 7.3, RFC 9568 section 7.3).
    pub fn virtual_mac(self, vrid: u8) -> [u8; 6] {
        let family = if self == Kind::V6 { 2 } else { 1 };
        [0, 0, 0x5e, 0, family, vrid]
    }

    /// The group's Ethernet address (RFC 1112 section 6.4, RFC 2464 section 7).
    pub fn group_mac(self) -> [u8; 6] {
        match self {
            Kind::V6 => [0x33, 0x33, 0, 0, 0, 0x12],
            _ => [0x01, 0, 0x5e, 0, 0, 0x12],
        }
    }
}

/// An advert, made or seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    pub kind: Kind,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Time to live or hop limit; 255 is right.
    pub hops: u8,
    /// 0x21 or 0x31 is right.
    pub version_type: u8,
    pub vrid: u8,
    pub priority: u8,
    /// How many addresses it claims to have; as many as it has is right.
    pub count: u8,
    /// Version 2.
    pub auth_type: u8,
    /// As on the wire: seconds in version 2, centiseconds in version 3.
    pub interval: u16,
    pub addresses: Vec<IpAddr>,
    /// Version 2.
    pub auth: [u8; 8],
    /// Added to the right checksum; 0 is right.
    pub checksum_error: u16,
    /// Bytes missing at the end; 0 is right.
    pub cut: usize,
}

/// An advert that was on the wire.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When the kernel took the frame, since the epoch.
    pub at: Duration,
    /// The host that sent it.
    pub node: usize,
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    pub advert: Advert,
}

fn octets(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn address(bytes: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(bytes) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(bytes).expect("an address").into(),
    }
}

/// What the checksum of a message is computed over; version 2 leaves the pseudo-header out (RFC 3768 section 5.3.8).
fn summed(kind: Kind, source: &[u8], destination: &[u8], message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
    match kind {
        Kind::V2 => message.to_vec(),
        Kind::V3 => [source, destination, &[0, VRRP], &length, message].concat(),
        Kind::V6 => [
            source,
            destination,
            &[0, 0],
            &length,
            &[0, 0, 0, VRRP],
            message,
        ]
        .concat(),
    }
}

impl Advert {
    fn message(&self) -> Vec<u8> {
        let [high, low] = self.interval.to_be_bytes();
        let (fourth, fifth) = match self.kind {
            Kind::V2 => (self.auth_type, low),
            _ => (high, low),
        };
        let mut bytes = vec![
            self.version_type,
            self.vrid,
            self.priority,
            self.count,
            fourth,
            fifth,
            0,
            0,
        ];
        bytes.extend(self.addresses.iter().flat_map(octets));
        if self.kind == Kind::V2 {
            bytes.extend(self.auth);
        }
        bytes.truncate(bytes.len() - self.cut);
        if bytes.len() >= 8 {
            let (source, destination) = (octets(&self.source), octets(&self.destination));
            let sum = checksum(&summed(self.kind, &source, &destination, &bytes));
            bytes[6..8].copy_from_slice(&sum.wrapping_add(self.checksum_error).to_be_bytes());
        }
        bytes
    }

    /// From the destination MAC on.
    fn frame(&self) -> Vec<u8> {
        const TESTER_MAC: [u8; 6] = [2, 0, 0, 0xaa, 0xaa, 0xaa];
        let message = self.message();
        let (source, destination) = (octets(&self.source), octets(&self.destination));
        let mut frame = [self.kind.group_mac(), TESTER_MAC].concat();
        if self.kind == Kind::V6 {
            let length = u16::try_from(message.len()).expect("short").to_be_bytes();
            frame.extend(ETHERTYPE_V6);
            frame.extend([0x6c, 0, 0, 0, length[0], length[1], VRRP, self.hops]);
            frame.extend([source, destination].concat());
        } else {
            let length = u16::try_from(20 + message.len())
                .expect("short")
                .to_be_bytes();
            let mut header = vec![
                0x45, 0xc0, length[0], length[1], 0, 1, 0, 0, self.hops, VRRP, 0, 0,
            ];
            header.extend([source, destination].concat());
            let sum = checksum(&header).to_be_bytes();
            header[10..12].copy_from_slice(&sum);
            frame.extend(ETHERTYPE_V4);
            frame.extend(header);
        }
        frame.extend(message);
        frame
    }

    /// Sends it from a host's `eth0`.
    pub fn send(&self, node: &Node) {
        self.send_times(node, 1);
    }

    /// Sends it so often, as fast as that goes.
    pub fn send_times(&self, node: &Node, times: usize) {
        let frame = self.frame();
        node.in_network(|| {
            let socket = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                None,
            )
            .expect("packet socket");
            let to = link_address();
            for _ in 0..times {
                sendto(socket.as_raw_fd(), &frame, &to, MsgFlags::empty())
                    .expect("sending a frame");
            }
        });
    }
}

/// Where a packet socket sends to: the interface counts, all else is in the frame.
fn link_address() -> LinkAddr {
    let mut all = nix::ifaddrs::getifaddrs().expect("getifaddrs");
    all.find_map(|entry| {
        (entry.interface_name == "eth0").then_some(*entry.address?.as_link_addr()?)
    })
    .expect("eth0")
}

impl Seen {
    /// The frame as an advert, if it is one.
    pub fn of(frame: &Frame) -> Option<Self> {
        let bytes = &frame.bytes;
        let ip = bytes.get(14..)?;
        let (v6, source, destination, hops, message) = match bytes.get(12..14)?.try_into().ok()? {
            ETHERTYPE_V4 if *ip.get(9)? == VRRP => {
                let end = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
                let message = ip.get(usize::from(ip[0] & 15) * 4..end)?;
                (false, &ip[12..16], &ip[16..20], ip[8], message)
            }
            ETHERTYPE_V6 if *ip.get(6)? == VRRP => {
                (true, ip.get(8..24)?, ip.get(24..40)?, ip[7], ip.get(40..)?)
            }
            _ => return None,
        };
        let kind = match (*message.first()? >> 4, v6) {
            (_, true) => Kind::V6,
            (3, _) => Kind::V3,
            _ => Kind::V2,
        };
        let width = source.len();
        let (body, auth) = match kind {
            Kind::V2 => message.get(8..)?.split_last_chunk::<8>()?,
            _ => (message.get(8..)?, &[0; 8]),
        };
        let right = checksum(&summed(kind, source, destination, message)) == 0;
        let advert = Advert {
            kind,
            source: address(source),
            destination: address(destination),
            hops,
            version_type: message[0],
            vrid: message[1],
            priority: message[2],
            count: message[3],
            auth_type: if kind == Kind::V2 { message[4] } else { 0 },
            interval: match kind {
                Kind::V2 => u16::from(message[5]),
                _ => u16::from_be_bytes([message[4], message[5]]),
            },
            addresses: body.chunks_exact(width).map(address).collect(),
            auth: *auth,
            checksum_error: u16::from(!right),
            cut: 0,
        };
        Some(Seen {
            at: frame.at,
            node: frame.node,
            destination_mac: bytes[..6].try_into().expect("six"),
            source_mac: bytes[6..12].try_into().expect("six"),
            advert,
        })
    }
}
