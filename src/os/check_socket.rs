//! Sockets of checks: connected without waiting, from where the configuration says. What is said over them is not here.

use super::check_size;
use super::socket::{open, set_option, set_option_bytes};
use nix::sys::socket::{SockaddrStorage, bind, connect, getsockopt, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// `IP_BIND_ADDRESS_NO_PORT`: the port is chosen when connecting, so that as many connections may share an address as there are peers.
const IP_BIND_ADDRESS_NO_PORT: libc::c_int = 24;

/// What bytes travel in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Stream,
    /// UDP: each write and each read is one datagram.
    Datagram,
    /// ICMP echo, one message each; the kernel sees to identifiers, and lets replies to this socket's requests in alone.
    Echo,
    /// The same by a raw socket, where that is allowed and the other is not: replies to all requests of this host come in.
    RawEcho,
}

/// Option `ICMP_FILTER` of raw sockets: a set bit keeps the messages of that type out.
const ICMP_FILTER: libc::c_int = 1;
/// The same over IPv6 (RFC 3542 section 3.2).
const ICMP6_FILTER: libc::c_int = 1;
/// The types of replies over both.
const ECHO_REPLY: u32 = 0;
const ECHO_REPLY_V6: u32 = 129;

/// This end, where something was said about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// The address.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: Option<u16>,
    /// The interface.
    pub interface: Option<&'a str>,
    /// The mark of what is sent; 0 = none.
    pub mark: u32,
}

/// Why there is no socket.
#[derive(Debug)]
pub enum Refusal {
    /// This host cannot make one: it says nothing about the server.
    Ours(io::Error),
    /// The server, or the way there, refuses.
    Theirs(io::Error),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Connected.
    Connected,
    /// It becomes writable when it is connected, or has failed.
    UnderWay,
}

/// A socket of a check.
#[derive(Debug)]
pub struct CheckSocket(OwnedFd);

impl CheckSocket {
    /// Connects to a server.
    pub fn connect(
        transport: Transport,
        to: SocketAddr,
        from: Origin<'_>,
    ) -> Result<(Self, Progress), Refusal> {
        let fd = prepare(transport, to, from).map_err(Refusal::Ours)?;
        let to = SockaddrStorage::from(scoped(to, from.interface));
        match connect(fd.as_raw_fd(), &to) {
            Ok(()) => Ok((CheckSocket(fd), Progress::Connected)),
            Err(nix::Error::EINPROGRESS) => Ok((CheckSocket(fd), Progress::UnderWay)),
            // No port is free, or no memory.
            Err(
                errno @ (nix::Error::EADDRNOTAVAIL
                | nix::Error::EAGAIN
                | nix::Error::ENOBUFS
                | nix::Error::ENOMEM),
            ) => Err(Refusal::Ours(errno.into())),
            Err(errno) => Err(Refusal::Theirs(errno.into())),
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<i32> {
        let errno = getsockopt(&self.0, sockopt::SocketError).unwrap_or(libc::EBADF);
        (errno != 0).then_some(errno)
    }

    /// Reads what is there; 0 = the end of a stream, or an empty datagram.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the kernel writes into the buffer, no more than its length.
        check_size(unsafe {
            libc::recv(
                self.0.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
            )
        })
    }

    /// Writes what there is room for.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the kernel reads from the buffer, no more than its length.
        check_size(unsafe {
            libc::send(
                self.0.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                libc::MSG_NOSIGNAL,
            )
        })
    }
}

impl AsRawFd for CheckSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A socket bound to this end.
fn prepare(transport: Transport, to: SocketAddr, from: Origin<'_>) -> io::Result<OwnedFd> {
    let family = match to {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let (kind, protocol) = match (transport, to) {
        (Transport::Stream, _) => (libc::SOCK_STREAM, 0),
        (Transport::Datagram, _) => (libc::SOCK_DGRAM, 0),
        (Transport::Echo, SocketAddr::V4(_)) => (libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        (Transport::Echo, SocketAddr::V6(_)) => (libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6),
        (Transport::RawEcho, SocketAddr::V4(_)) => (libc::SOCK_RAW, libc::IPPROTO_ICMP),
        (Transport::RawEcho, SocketAddr::V6(_)) => (libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
    };
    let fd = open(family, kind, protocol)?;
    if transport == Transport::RawEcho {
        admit_replies_alone(&fd, family)?;
    }
    if let Some(interface) = from.interface {
        set_option_bytes(
            &fd,
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            interface.as_bytes(),
        )?;
    }
    if from.mark != 0 {
        // The kernel takes the same 32 bits.
        set_option(
            &fd,
            libc::SOL_SOCKET,
            libc::SO_MARK,
            from.mark.cast_signed(),
        )?;
    }
    if from.address.is_some() || from.port.is_some() {
        if from.port.is_some() {
            // The last check's connection may still linger on that port.
            set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        } else if matches!(transport, Transport::Stream | Transport::Datagram) {
            // Kernels before 4.2 choose the port at once.
            let _ = set_option(&fd, libc::SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        }
        let any = match to {
            SocketAddr::V4(_) => IpAddr::from([0; 4]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let own = SocketAddr::new(from.address.unwrap_or(any), from.port.unwrap_or(0));
        let own = scoped(own, from.interface);
        bind(fd.as_raw_fd(), &SockaddrStorage::from(own))?;
    }
    Ok(fd)
}

/// Keeps everything but replies from waking us.
fn admit_replies_alone(fd: &OwnedFd, family: libc::c_int) -> io::Result<()> {
    if family == libc::AF_INET {
        let mask = !(1_u32 << ECHO_REPLY);
        return set_option_bytes(fd, libc::SOL_RAW, ICMP_FILTER, &mask.to_ne_bytes());
    }
    let mut mask = [u32::MAX; 8];
    if let Some(word) = mask.get_mut((ECHO_REPLY_V6 / u32::BITS) as usize) {
        *word &= !(1 << (ECHO_REPLY_V6 % u32::BITS));
    }
    let mask = mask.map(u32::to_ne_bytes).concat();
    set_option_bytes(fd, libc::SOL_ICMPV6, ICMP6_FILTER, &mask)
}

/// A link-local address means one of an interface.
fn scoped(address: SocketAddr, interface: Option<&str>) -> SocketAddr {
    match (address, interface) {
        (SocketAddr::V6(v6), Some(interface)) if v6.ip().is_unicast_link_local() => {
            let index = nix::net::if_::if_nametoindex(interface).unwrap_or(0);
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, index).into()
        }
        _ => address,
    }
}
