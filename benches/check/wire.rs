//! All real servers at once, without a TCP of their own: a packet socket at the far end of the director's cable answers whoever calls any
//! address there, and says when it was called. Ten thousand real ones need more than the processor that is left for them here, and it
//! would be their lateness that is measured.

use std::io::IoSliceMut;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use keepalived::wire::checksum::checksum;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use crate::stand_in;
use crate::tap::stamp;
use crate::text;

/// Where this runs.
const PROCESSOR: usize = 1;
/// What has come is looked at so often, which is the longest time on the way as well.
const LOOK: Duration = Duration::from_millis(1);
/// Room for a burst.
const BUFFER: usize = 16 << 20;

/// Ethernet, IP without options, TCP without options.
const FRAME: usize = 14 + 20 + 20;
const IP: usize = 14;
const TCP: usize = 34;
/// Of IP, from its beginning.
const VERSION_AND_LENGTH: u8 = 0x45;
const LENGTH: u8 = 40;
const PROTOCOL_TCP: u8 = 6;
const TIME_TO_LIVE: u8 = 64;
/// Of TCP: its length in bytes and in words.
const TCP_LENGTH: u8 = 20;
const WORDS: u8 = 5;
/// Flags (RFC 9293 section 3.1).
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// The first number of whatever a server says.
const FIRST: u32 = 1;

/// One call: the server, and when, in seconds since 1970.
pub type Call = (Ipv4Addr, f64);

/// The servers. Dropped, there are none any more.
pub struct Wire {
    /// None: they are not noted.
    calls: Arc<Mutex<Option<Vec<Call>>>>,
    ended: Arc<AtomicBool>,
    servers: Option<JoinHandle<()>>,
}

impl Wire {
    /// Whoever is called in the caller's network namespace answers from now on.
    pub fn open() -> Self {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .expect("packet socket");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
        setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).expect("SO_RCVBUFFORCE");
        let calls: Arc<Mutex<Option<Vec<Call>>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (store, end) = (Arc::clone(&calls), Arc::clone(&ended));
        let servers = std::thread::spawn(move || {
            stand_in::keep_to(PROCESSOR);
            while !end.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
                let asked: Vec<Asked> = std::iter::from_fn(|| hear(&socket)).collect();
                for one in &asked {
                    // One that finds no room is lost, as on a real cable.
                    let _ = one.answer().map(|(reply, to)| {
                        sendto(socket.as_raw_fd(), &reply, &to, MsgFlags::empty())
                    });
                }
                if let Some(store) = store.lock().expect("the record").as_mut() {
                    store.extend(asked.iter().filter_map(Asked::call));
                }
            }
        });
        Wire {
            calls,
            ended,
            servers: Some(servers),
        }
    }

    /// The calls within a span of time from now, in their order.
    pub fn listen(&self, span: Duration) -> Vec<Call> {
        *self.calls.lock().expect("the record") = Some(Vec::new());
        std::thread::sleep(span);
        let calls = self.calls.lock().expect("the record").take();
        calls.expect("nobody else listens")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(servers) = self.servers.take() {
            let _ = servers.join();
        }
    }
}

/// What somebody sent.
struct Asked {
    frame: [u8; FRAME],
    from: Option<LinkAddr>,
    at: f64,
}

/// The next frame, if there is one.
fn hear(socket: &OwnedFd) -> Option<Asked> {
    let mut frame = [0; FRAME];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut slices = [IoSliceMut::new(&mut frame)];
    let (descriptor, none) = (socket.as_raw_fd(), MsgFlags::empty());
    let message = recvmsg::<LinkAddr>(descriptor, &mut slices, Some(&mut control), none).ok()?;
    let (at, from) = (stamp(&message), message.address);
    Some(Asked { frame, from, at })
}

impl Asked {
    /// Which server, if it is one.
    fn server(&self) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.frame[IP + 16..IP + 20].try_into().expect("four");
        let server = Ipv4Addr::from(octets);
        let is_ours = self.frame[IP] == VERSION_AND_LENGTH
            && self.frame[IP + 9] == PROTOCOL_TCP
            && text::number(server).is_some();
        is_ours.then_some(server)
    }

    fn has(&self, flag: u8) -> bool {
        self.frame[TCP + 13] & flag != 0
    }

    fn call(&self) -> Option<Call> {
        self.server()
            .filter(|_| self.has(SYN))
            .map(|it| (it, self.at))
    }

    /// What a server says to that, and where it is sent.
    fn answer(&self) -> Option<([u8; FRAME], LinkAddr)> {
        self.server()?;
        let (number, flag) = match (self.has(SYN), self.has(FIN)) {
            (true, _) => (FIRST, SYN),
            (_, true) => (FIRST + 1, FIN),
            _ => return None,
        };
        Some((answer(&self.frame, number, flag), self.from?))
    }
}

/// What acknowledges a flag and sets it itself.
fn answer(frame: &[u8; FRAME], number: u32, flag: u8) -> [u8; FRAME] {
    let mut reply = [0; FRAME];
    reply[..6].copy_from_slice(&frame[6..12]);
    reply[6..12].copy_from_slice(&frame[..6]);
    reply[12..14].copy_from_slice(&frame[12..14]);
    let ip = &mut reply[IP..TCP];
    ip[0] = VERSION_AND_LENGTH;
    ip[3] = LENGTH;
    ip[8] = TIME_TO_LIVE;
    ip[9] = PROTOCOL_TCP;
    ip[12..16].copy_from_slice(&frame[IP + 16..IP + 20]);
    ip[16..20].copy_from_slice(&frame[IP + 12..IP + 16]);
    let sum = checksum(&[ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let addresses: [u8; 8] = ip[12..].try_into().expect("eight");
    let tcp = &mut reply[TCP..];
    tcp[..2].copy_from_slice(&frame[TCP + 2..TCP + 4]);
    tcp[2..4].copy_from_slice(&frame[TCP..TCP + 2]);
    tcp[4..8].copy_from_slice(&number.to_be_bytes());
    let seen: [u8; 4] = frame[TCP + 4..TCP + 8].try_into().expect("four");
    tcp[8..12].copy_from_slice(&u32::from_be_bytes(seen).wrapping_add(1).to_be_bytes());
    tcp[12] = WORDS << 4;
    tcp[13] = flag | ACK;
    tcp[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
    let pseudo = [0, PROTOCOL_TCP, 0, TCP_LENGTH];
    let sum = checksum(&[&addresses, &pseudo, tcp]);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    reply
}
