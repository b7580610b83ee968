//! Frames: recorded on the bridge's ports with the kernel's time stamps, read as adverts and gratuitous ARPs, made for bad-packet
//! tests. Written from RFC 791, 826, 3768 alone, so that a mistake in the daemon's codec cannot hide here.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrIn, recvmsg, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal};

use super::node::Node;
use super::{secs, wait_for};

/// `PACKET_OUTGOING`: a frame the bridge sends out of a port, which another port has brought in already.
const OUTGOING: u8 = 4;

/// No frame of these tests is longer.
const FRAME: usize = 2048;

/// Where VRRP is sent over IPv4 (RFC 3768 section 5.2.2).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// Room for a burst the recorder is too slow for (the kernel grants less).
const RECEIVE_BUFFER: usize = 8 << 20;

/// A recorded frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When the kernel took it, since the epoch.
    pub at: Duration,
    /// The host that sent it.
    pub node: usize,
    /// The network (number of the sender's interface).
    pub network: usize,
    /// From the destination MAC on, without FCS.
    pub bytes: Vec<u8>,
}

/// A version 2 advert as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// When the kernel took the frame, since the epoch.
    pub at: Duration,
    /// The host that sent it.
    pub node: usize,
    /// IP source.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// IP time to live.
    pub ttl: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority, 0 when resigning.
    pub priority: u8,
    /// Authentication type.
    pub auth_type: u8,
    /// Interval in seconds.
    pub interval: u8,
    /// The addresses, in the order sent.
    pub addresses: Vec<Ipv4Addr>,
}

impl Frame {
    /// The frame as an advert, if it is one.
    pub fn advert(&self) -> Option<Advert> {
        let ip = self.bytes.get(14..)?;
        (self.bytes[12..14] == [8, 0] && ip.first()? >> 4 == 4 && *ip.get(9)? == 112)
            .then_some(())?;
        let vrrp = ip.get(usize::from(ip[0] & 15) * 4..)?;
        let count = usize::from(*vrrp.get(3)?);
        let addresses = vrrp.get(8..8 + 4 * count)?.chunks(4).map(quad).collect();
        Some(Advert {
            at: self.at,
            node: self.node,
            source: quad(&ip[12..16]),
            destination: quad(&ip[16..20]),
            ttl: ip[8],
            vrid: vrrp[1],
            priority: vrrp[2],
            auth_type: vrrp[4],
            interval: vrrp[5],
            addresses,
        })
    }

    /// The address announced, if the frame is a gratuitous ARP.
    pub fn gratuitous(&self) -> Option<Ipv4Addr> {
        let arp = self.bytes.get(14..42)?;
        (self.bytes[12..14] == [8, 6] && arp[14..18] == arp[24..28]).then(|| quad(&arp[14..18]))
    }
}

fn quad(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])
}

/// The running record.
pub struct Capture {
    frames: Arc<Mutex<Vec<Frame>>>,
    ended: Arc<AtomicBool>,
    recorder: Option<JoinHandle<()>>,
}

impl Capture {
    /// Records all that comes in through the ports `hHOSTeNETWORK` of the caller's network namespace.
    pub fn start() -> Self {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )
        .expect("packet socket");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER).expect("SO_RCVBUF");
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, 100_000))
            .expect("SO_RCVTIMEO");
        let (frames, ended) = (Arc::default(), Arc::default());
        let (store, end) = (Arc::clone(&frames), Arc::clone(&ended));
        let recorder = Some(std::thread::spawn(move || record(&socket, &store, &end)));
        Capture {
            frames,
            ended,
            recorder,
        }
    }

    /// Records no more.
    pub fn end(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(recorder) = self.recorder.take() {
            let _ = recorder.join();
        }
    }

    /// Everything recorded so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.lock().expect("the recorder").clone()
    }

    /// The clock of the time stamps, now.
    pub fn clock(&self) -> Duration {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.expect("a clock set after 1970")
    }

    /// How much is recorded: a mark for `adverts_since`.
    pub fn mark(&self) -> usize {
        self.frames.lock().expect("the recorder").len()
    }

    /// Frames recorded since the mark.
    pub fn frames_since(&self, mark: usize) -> Vec<Frame> {
        self.frames.lock().expect("the recorder")[mark..].to_vec()
    }

    /// Adverts recorded since the mark.
    pub fn adverts_since(&self, mark: usize) -> Vec<Advert> {
        self.frames.lock().expect("the recorder")[mark..]
            .iter()
            .filter_map(Frame::advert)
            .collect()
    }

    /// All adverts of one host for one virtual router.
    pub fn adverts(&self, node: usize, vrid: u8) -> Vec<Advert> {
        let all = self.adverts_since(0).into_iter();
        all.filter(|advert| advert.node == node && advert.vrid == vrid)
            .collect()
    }

    /// Waits for the first advert of a host since the mark that is not a resignation.
    #[track_caller]
    pub fn wait_advert(&self, mark: usize, node: usize, vrid: u8, bound: Duration) -> Advert {
        wait_for(
            &format!("host {} sends an advert of virtual router {vrid}", node + 1),
            bound,
            || {
                let mut adverts = self.adverts_since(mark).into_iter();
                adverts.find(|advert| {
                    advert.node == node && advert.vrid == vrid && advert.priority > 0
                })
            },
        )
    }

    /// When each host announced each address, since the mark.
    pub fn gratuitous_since(&self, mark: usize) -> Vec<(Duration, usize, Ipv4Addr)> {
        self.frames_since(mark)
            .iter()
            .filter_map(|frame| Some((frame.at, frame.node, frame.gratuitous()?)))
            .collect()
    }

    /// The adverts in words, for a failed test.
    pub fn story(&self) -> String {
        let frames = self.frames();
        let start = frames.first().map_or(Duration::ZERO, |frame| frame.at);
        let mut story = String::new();
        for advert in frames.iter().filter_map(Frame::advert) {
            let Advert {
                node,
                vrid,
                priority,
                ..
            } = advert;
            story += &format!(
                "{:10.6} host {} vrid {vrid} priority {priority}\n",
                (advert.at - start).as_secs_f64(),
                node + 1
            );
        }
        story
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.end();
    }
}

fn record(socket: &OwnedFd, store: &Mutex<Vec<Frame>>, end: &AtomicBool) {
    let mut buffer = vec![0; FRAME];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut ports = HashMap::new();
    while !end.load(Ordering::Relaxed) {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let Ok(message) = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        ) else {
            continue;
        };
        let Some(sender) = message
            .address
            .filter(|sender| sender.pkttype() != OUTGOING)
        else {
            continue;
        };
        let Some((node, network)) = *ports
            .entry(sender.ifindex())
            .or_insert_with(|| port_of(sender.ifindex()))
        else {
            continue;
        };
        let stamp = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| {
                if let ControlMessageOwned::ScmTimestampns(stamp) = one {
                    Some(stamp)
                } else {
                    None
                }
            })
        });
        let at = Duration::from(stamp.expect("SO_TIMESTAMPNS was granted"));
        let length = message.bytes;
        let bytes = buffer[..length].to_vec();
        store.lock().expect("the record").push(Frame {
            at,
            node,
            network,
            bytes,
        });
    }
}

/// Host and network of a port, by its name.
fn port_of(index: usize) -> Option<(usize, usize)> {
    let name = nix::net::if_::if_indextoname(u32::try_from(index).ok()?).ok()?;
    let (node, network) = name.to_str().ok()?.strip_prefix('h')?.split_once('e')?;
    Some((
        node.parse::<usize>().ok()?.checked_sub(1)?,
        network.parse().ok()?,
    ))
}

/// The Internet checksum (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).expect("folded")
}

/// A version 2 advert to be sent, right or wrong in any field.
#[derive(Clone, Debug)]
pub struct Forged {
    /// IP time to live; 255 is right.
    pub ttl: u8,
    /// VRRP version and type, 0x21 is right.
    pub version_type: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Authentication type.
    pub auth_type: u8,
    /// Interval in seconds.
    pub interval: u8,
    /// The addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The 8 bytes of authentication data.
    pub auth: [u8; 8],
    /// Added to the right checksum.
    pub checksum_error: u16,
    /// Bytes cut off the end (before the checksum is computed).
    pub cut: usize,
}

impl Forged {
    /// An advert that is right in every field.
    pub fn right(vrid: u8, priority: u8, address: &str, password: &str) -> Self {
        let mut auth = [0; 8];
        auth[..password.len()].copy_from_slice(password.as_bytes());
        Forged {
            ttl: 255,
            version_type: 0x21,
            vrid,
            priority,
            auth_type: u8::from(!password.is_empty()),
            interval: 1,
            addresses: vec![address.parse().expect("an IPv4 address")],
            auth,
            checksum_error: 0,
            cut: 0,
        }
    }

    /// The VRRP message.
    fn message(&self) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).expect("few addresses");
        let mut bytes = vec![
            self.version_type,
            self.vrid,
            self.priority,
            count,
            self.auth_type,
            self.interval,
            0,
            0,
        ];
        self.addresses
            .iter()
            .for_each(|address| bytes.extend(address.octets()));
        bytes.extend(self.auth);
        bytes.truncate(bytes.len() - self.cut);
        if bytes.len() >= 8 {
            let sum = checksum(&bytes).wrapping_add(self.checksum_error);
            bytes[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        bytes
    }

    /// Sends it from a host to the VRRP group. The host needs a route to it (`Node::run` `ip route add 224.0.0.0/4`).
    pub fn send(&self, node: &Node, source: &str) {
        self.send_to(node, source, &GROUP.to_string());
    }

    /// Sends it from a host to one address.
    pub fn send_to(&self, node: &Node, source: &str, destination: &str) {
        let destination: Ipv4Addr = destination.parse().expect("an IPv4 address");
        let message = self.message();
        let length = u16::try_from(20 + message.len()).expect("a short packet");
        let mut packet = vec![0x45, 0xc0];
        packet.extend(length.to_be_bytes());
        // Identification and checksum are left to the kernel.
        packet.extend([0, 0, 0, 0, self.ttl, 112, 0, 0]);
        packet.extend(
            source
                .parse::<Ipv4Addr>()
                .expect("an IPv4 address")
                .octets(),
        );
        packet.extend(destination.octets());
        packet.extend(message);
        send_packet(node, &packet);
    }
}

/// Sends a whole IPv4 packet, whoever it claims to be from, to the destination of its header. The host needs a route to it.
pub fn send_packet(node: &Node, packet: &[u8]) {
    node.in_network(|| {
        let socket = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Raw,
        )
        .expect("raw socket");
        let address = SockaddrIn::from(SocketAddrV4::new(quad(&packet[16..20]), 0));
        sendto(socket.as_raw_fd(), packet, &address, MsgFlags::empty())
            .expect("sending a forged advert");
    });
}

/// Longest a host may take to be heard after its start: `3 x 1 s + skew`, and a slow machine.
pub fn election_bound() -> Duration {
    secs(15)
}
