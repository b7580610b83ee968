//! Hears when a server is called: SYNs, with the kernel's time stamp, picked out in the kernel so that nothing else is copied.

use std::io::IoSliceMut;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal};
use socket2::{SockFilter, Socket};

use crate::stand_in;

/// What is kept of a packet: it begins with its IP header.
const HEAD: usize = 20;
/// Room for a burst.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Where this listens.
const PROCESSOR: usize = 1;

/// Classic BPF (linux/filter.h): load a byte, jump when equal, and with a constant, return.
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
/// Which way a packet goes is at this offset, beyond all packets (`SKF_AD_OFF + SKF_AD_PKTTYPE`).
const DIRECTION: u32 = 0xffff_f000 + 4;
const OUTGOING: u32 = 4;
/// Places in an IP packet without options.
const PROTOCOL: u32 = 9;
const DESTINATION: std::ops::Range<usize> = 16..20;
const TCP_FLAGS: u32 = 20 + 13;
const TCP: u32 = 6;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// One call: the server, and when, in seconds since 1970.
pub type Call = (Ipv4Addr, f64);

/// The running record of calls that cross the caller's network namespace.
pub struct Wire {
    calls: Arc<Mutex<Vec<Call>>>,
    ended: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Wire {
    /// Listens from now on.
    pub fn open() -> Self {
        let all = SockProtocol::EthAll;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            all,
        )
        .expect("packet socket");
        let socket = Socket::from(socket);
        socket.attach_filter(&syns()).expect("SO_ATTACH_FILTER");
        let socket = OwnedFd::from(socket);
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER))
            .expect("SO_RCVBUF");
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, 100_000))
            .expect("SO_RCVTIMEO");
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (store, end) = (Arc::clone(&calls), Arc::clone(&ended));
        let listener = std::thread::spawn(move || {
            stand_in::keep_to(PROCESSOR);
            while !end.load(Ordering::Relaxed) {
                if let Some(call) = next(&socket) {
                    store.lock().expect("the record").push(call);
                }
            }
        });
        Wire {
            calls,
            ended,
            listener: Some(listener),
        }
    }

    /// Ends it: all calls, in their order.
    pub fn close(mut self) -> Vec<Call> {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            listener.join().expect("the listener");
        }
        std::mem::take(&mut *self.calls.lock().expect("the record"))
    }
}

fn next(socket: &OwnedFd) -> Option<Call> {
    let mut head = [0; HEAD];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut slices = [IoSliceMut::new(&mut head)];
    let received = recvmsg::<LinkAddr>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::empty(),
    );
    let stamp = received.ok()?.cmsgs().ok()?.find_map(|one| match one {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
        _ => None,
    });
    let at = Duration::from(stamp?).as_secs_f64();
    let octets: [u8; 4] = head[DESTINATION].try_into().ok()?;
    Some((octets.into(), at))
}

/// Packets of TCP that come in and ask for a connection.
fn syns() -> Vec<SockFilter> {
    let whole = u32::MAX;
    vec![
        SockFilter::new(LOAD_BYTE, 0, 0, DIRECTION),
        SockFilter::new(JUMP_IF_EQUAL, 6, 0, OUTGOING),
        SockFilter::new(LOAD_BYTE, 0, 0, PROTOCOL),
        SockFilter::new(JUMP_IF_EQUAL, 0, 4, TCP),
        SockFilter::new(LOAD_BYTE, 0, 0, TCP_FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, whole),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
