//! UDP sockets of BFD (RFC 5881 section 4): those that hear, one a family and port, which tell the TTL of what they hear; and those
//! that speak, one a session, as each has a port of its own. None of them waits for anything.

use super::socket::{open, receive_buffer, set_option};
use crate::wire::bfd::SOURCE_PORTS;
use crate::wire::vrrp::Family;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, bind, recvmsg, sendto,
};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// `IPV6_FREEBIND`, since Linux 4.15; not in libc for all C libraries.
const IPV6_FREEBIND: libc::c_int = 78;
/// Class selector 6, internetwork control (RFC 4594 section 3.1), as it stands in the header.
const TRAFFIC_CLASS: libc::c_int = 0xc0;
/// `TC_PRIO_CONTROL`: the first band of the default queue, so that a full link does not hold back packets.
const PRIORITY_CONTROL: libc::c_int = 7;
/// The same where CAP_NET_ADMIN is missing.
const PRIORITY_INTERACTIVE: libc::c_int = 6;
/// How much may wait while the process is halted: some thousand packets.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Ports that are tried before it is left for later.
const PORTS_TRIED: u16 = 256;

/// A socket that hears what is sent to a port, whatever the address.
pub struct Listener {
    fd: OwnedFd,
    control: Vec<u8>,
}

/// A datagram that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who sent it.
    pub source: IpAddr,
    /// To which address; `None` when the kernel did not tell.
    pub destination: Option<IpAddr>,
    /// TTL or hop limit; `None` when the kernel did not tell.
    pub ttl: Option<u8>,
    /// How much of it is in the buffer.
    pub length: usize,
}

impl Listener {
    /// Opens it.
    pub fn open(family: Family, port: u16) -> io::Result<Self> {
        let fd = datagram(family)?;
        let (level, options) = match family {
            Family::V4 => (libc::IPPROTO_IP, [libc::IP_RECVTTL, libc::IP_PKTINFO]),
            Family::V6 => (
                libc::IPPROTO_IPV6,
                [libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVPKTINFO],
            ),
        };
        for option in options {
            set_option(&fd, level, option, 1)?;
        }
        receive_buffer(&fd, RECEIVE_BUFFER)?;
        bind_to(&fd, any(family), port)?;
        let control = nix::cmsg_space!(libc::c_int, libc::in6_pktinfo);
        Ok(Listener { fd, control })
    }

    /// The next datagram; `None` when there is none now.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Heard>> {
        let mut parts = [IoSliceMut::new(buffer)];
        let fd = self.fd.as_raw_fd();
        let control = Some(&mut self.control[..]);
        let received =
            match recvmsg::<SockaddrStorage>(fd, &mut parts, control, MsgFlags::MSG_DONTWAIT) {
                Ok(received) => received,
                Err(nix::Error::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            };
        let (mut ttl, mut destination) = (None, None);
        for beside in received.cmsgs().into_iter().flatten() {
            match beside {
                ControlMessageOwned::Ipv4Ttl(it) | ControlMessageOwned::Ipv6HopLimit(it) => {
                    ttl = u8::try_from(it).ok();
                }
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    let address = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                    destination = Some(IpAddr::V4(address));
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                _ => {}
            }
        }
        let source = received.address.as_ref().and_then(ip);
        Ok(Some(Heard {
            source: source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            destination,
            ttl,
            length: received.bytes,
        }))
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The socket that a session speaks by.
pub struct Speaker {
    fd: OwnedFd,
    port: u16,
}

impl Speaker {
    /// Opens it at `first`, or at the next port that is free and not `taken`. An address that this host does not have yet is no error
    /// here: sending fails until it has.
    pub fn open(
        family: Family,
        source: Option<IpAddr>,
        ttl: u8,
        first: u16,
        taken: impl Fn(u16) -> bool,
    ) -> io::Result<Self> {
        let fd = datagram(family)?;
        let (level, hops, class, free) = match family {
            Family::V4 => (
                libc::IPPROTO_IP,
                libc::IP_TTL,
                libc::IP_TOS,
                libc::IP_FREEBIND,
            ),
            Family::V6 => (
                libc::IPPROTO_IPV6,
                libc::IPV6_UNICAST_HOPS,
                libc::IPV6_TCLASS,
                IPV6_FREEBIND,
            ),
        };
        // Nobody reads it: what is sent to its port is not to be kept.
        receive_buffer(&fd, 0)?;
        set_option(&fd, level, hops, libc::c_int::from(ttl))?;
        set_option(&fd, level, class, TRAFFIC_CLASS)?;
        let priority = |value| set_option(&fd, libc::SOL_SOCKET, libc::SO_PRIORITY, value);
        priority(PRIORITY_CONTROL).or_else(|_| priority(PRIORITY_INTERACTIVE))?;
        // A kernel without it can bind only to what is there.
        let _ = set_option(&fd, level, free, 1);
        let source = source.unwrap_or(any(family));
        let mut port = first.max(*SOURCE_PORTS.start());
        for _ in 0..PORTS_TRIED {
            let bound = match taken(port) {
                true => Err(nix::Error::EADDRINUSE.into()),
                false => bind_to(&fd, source, port),
            };
            match bound {
                Ok(()) => return Ok(Speaker { fd, port }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    port = port.checked_add(1).unwrap_or(*SOURCE_PORTS.start());
                }
                Err(error) => return Err(error),
            }
        }
        Err(nix::Error::EADDRINUSE.into())
    }

    /// The port that it is bound to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a datagram; the errno when it cannot be sent.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> Result<(), i32> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let sent = sendto(
            self.fd.as_raw_fd(),
            bytes,
            &SockaddrStorage::from(to),
            flags,
        );
        sent.map(drop).map_err(|errno| errno as i32)
    }
}

fn datagram(family: Family) -> io::Result<OwnedFd> {
    match family {
        Family::V4 => open(libc::AF_INET, libc::SOCK_DGRAM, 0),
        Family::V6 => {
            let fd = open(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
            set_option(&fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
            Ok(fd)
        }
    }
}

fn any(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn bind_to(fd: &OwnedFd, address: IpAddr, port: u16) -> io::Result<()> {
    let address = SockaddrStorage::from(SocketAddr::new(address, port));
    Ok(bind(fd.as_raw_fd(), &address)?)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        nix::sys::socket::AddressFamily::Inet => Some(address.as_sockaddr_in()?.ip().into()),
        _ => Some(address.as_sockaddr_in6()?.ip().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port of its own for a listener, so that tests do not meet.
    const LISTENER_V4: u16 = 47841;
    const LISTENER_V6: u16 = 47842;

    #[test]
    fn what_is_sent_is_heard_with_its_ttl() {
        for (family, port, address, ttl) in [
            (Family::V4, LISTENER_V4, "127.0.0.1", 255),
            (Family::V6, LISTENER_V6, "::1", 64),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            let mut listener = match Listener::open(family, port) {
                Ok(listener) => listener,
                // A machine without IPv6.
                Err(_) if family == Family::V6 => return,
                Err(error) => panic!("{error}"),
            };
            let open = |taken: &dyn Fn(u16) -> bool| {
                Speaker::open(family, Some(address), ttl, u16::MAX, taken).expect("a socket")
            };
            let speaker = open(&|port| port == u16::MAX);
            assert!(SOURCE_PORTS.contains(&speaker.port()) && speaker.port() != u16::MAX);
            assert_ne!(open(&|port| port == u16::MAX).port(), speaker.port());
            let mut buffer = [0; 8];
            assert_eq!(listener.receive(&mut buffer).expect("no error"), None);
            let to = SocketAddr::new(address, port);
            speaker.send(to, b"hello").expect("sent");
            let heard = listener.receive(&mut buffer).expect("no error");
            let heard = heard.expect("a datagram on the loopback is there at once");
            assert_eq!(heard.source, address);
            assert_eq!(heard.destination, Some(address));
            assert_eq!(heard.ttl, Some(ttl));
            assert_eq!(buffer.get(..heard.length), Some(&b"hello"[..]));
        }
    }

    #[test]
    fn an_address_that_is_not_there_yet_fails_when_something_is_sent() {
        let missing = "192.0.2.77".parse().ok();
        let speaker = Speaker::open(Family::V4, missing, 255, 0, |_| false).expect("a socket");
        let to = "127.0.0.1:47843".parse().expect("an address");
        // Which errno, kernels do not agree on.
        assert!(speaker.send(to, b"hello").is_err());
    }
}
