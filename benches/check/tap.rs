//! Hears, on one host, when connections to servers are ended and what the kernel's load balancer is ordered, with the kernel's time stamps: FINs
//! on the loopback, and requests that take a destination away, on a link of type nlmon.

use std::io::IoSliceMut;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, RecvMsg, SockFlag, SockProtocol,
    SockType, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who asked a server ends the connection.
    End,
    /// The kernel is told that its destination goes.
    Order,
}

/// One of these.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub kind: Kind,
    pub server: Ipv4Addr,
    /// In seconds since 1970.
    pub at: f64,
}

/// Packets as long as they come.
const LENGTH: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 8 << 20;
/// `ARPHRD_NETLINK` (linux/if_arp.h).
const NETLINK: u16 = 824;
/// In an IP packet without options.
const PROTOCOL: usize = 9;
const DESTINATION: std::ops::Range<usize> = 16..20;
const PORT: std::ops::Range<usize> = 22..24;
const HTTP: [u8; 2] = 80_u16.to_be_bytes();
const TCP_FLAGS: usize = 20 + 13;
const TCP: u8 = 6;
const FIN: u8 = 0x01;
const RST: u8 = 0x04;
/// `struct nlmsghdr`, and `IPVS_CMD_DEL_DEST` after it (linux/ip_vs.h).
const MESSAGE_HEADER: usize = 16;
const DELETE_DESTINATION: u8 = 7;
/// Header of the attribute `IPVS_DEST_ATTR_ADDR`: 20 bytes, number 1.
const ADDRESS: [u8; 4] = [20, 0, 1, 0];

/// What has been heard so far waits in the socket.
pub struct Tap(OwnedFd);

impl Tap {
    /// Hears from now on what happens in the caller's network namespace.
    pub fn open() -> Self {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let all = SockProtocol::EthAll;
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, all);
        let socket = socket.expect("packet socket");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).expect("SO_RCVBUFFORCE");
        Tap(socket)
    }

    /// All that was heard, in its order.
    pub fn close(self) -> Vec<Event> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let until = now.expect("a clock set after 1970").as_secs_f64();
        let mut buffer = vec![0; LENGTH];
        let mut events = Vec::new();
        let mut control = nix::cmsg_space!(TimeSpec);
        loop {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let (socket, none) = (self.0.as_raw_fd(), MsgFlags::empty());
            let received = recvmsg::<LinkAddr>(socket, &mut slices, Some(&mut control), none);
            let Ok(message) = received else { return events };
            let at = stamp(&message);
            // A slow kernel may have more to say all the time than can be read.
            if at > until {
                return events;
            }
            let (length, from) = (message.bytes, message.address);
            let is_order = from.is_some_and(|from| from.hatype() == NETLINK);
            let packet = &buffer[..length];
            let kind = if is_order { Kind::Order } else { Kind::End };
            let servers = match kind {
                Kind::Order => orders(packet),
                Kind::End => end(packet).into_iter().collect(),
            };
            events.extend(servers.into_iter().map(|server| Event { kind, server, at }));
        }
    }
}

/// When a message was received, in seconds since 1970.
pub fn stamp(message: &RecvMsg<'_, '_, LinkAddr>) -> f64 {
    let stamp = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|one| match one {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        })
    });
    Duration::from(stamp.expect("SO_TIMESTAMPNS was granted")).as_secs_f64()
}

fn end(packet: &[u8]) -> Option<Ipv4Addr> {
    let is_end = *packet.get(PROTOCOL)? == TCP && packet.get(TCP_FLAGS)? & (FIN | RST) != 0;
    let to: [u8; 4] = packet.get(DESTINATION)?.try_into().ok()?;
    let is_to_server = packet.get(PORT)? == HTTP;
    (is_end && is_to_server).then(|| to.into())
}

fn orders(mut packet: &[u8]) -> Vec<Ipv4Addr> {
    let mut servers = Vec::new();
    while let Some(head) = packet.first_chunk::<4>() {
        let length = u32::from_ne_bytes(*head) as usize;
        let Some(message) = packet.get(..length).filter(|it| it.len() > MESSAGE_HEADER) else {
            break;
        };
        if message[MESSAGE_HEADER] == DELETE_DESTINATION {
            // That of the service is an attribute of another number.
            let place = message.windows(ADDRESS.len()).rposition(|it| it == ADDRESS);
            let octets = place.and_then(|at| message.get(at + 4..at + 8)?.try_into().ok());
            servers.extend(octets.map(|octets: [u8; 4]| Ipv4Addr::from(octets)));
        }
        packet = packet.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    servers
}
