//! Hears every advert on the bridges, with the kernel's time stamp. Unlike the tests' capture it hears nothing else and keeps only
//! what is counted: thousands of adverts come within milliseconds, on the processors that the daemons need.

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use std::collections::HashMap;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Room for a burst (the kernel may grant less).
const RECEIVE_BUFFER: usize = 8 << 20;
/// How often it is asked what was heard: waking who sleeps on the socket, for each frame, would be work of whoever sent it.
const LISTEN_EVERY: Duration = Duration::from_micros(500);
/// What is kept of a frame is within its first bytes.
const HEAD: usize = 64;
/// IP protocol number of VRRP.
const VRRP: u8 = 112;
/// IP header without options.
const IP_HEADER: usize = 20;

/// One advert.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Since the epoch, in seconds.
    pub at: f64,
    /// The host, from 0: the last byte of its address, less 1.
    pub node: usize,
    /// Which virtual router: the second byte of the sender's address (the network), and the VRID.
    pub router: (u8, u8),
    /// 0 when it resigns.
    pub priority: u8,
}

/// The running record.
pub struct Ear {
    heard: Arc<Mutex<Vec<Heard>>>,
    ended: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Ear {
    /// Hears from now on what arrives at the bridges, and at cables without one, of the caller's network namespace.
    pub fn open() -> Self {
        // With a datagram socket the packet begins with its IP header.
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthIp,
        )
        .expect("packet socket");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER))
            .expect("SO_RCVBUF");
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (store, end) = (Arc::clone(&heard), Arc::clone(&ended));
        let listener = Some(std::thread::spawn(move || listen(&socket, &store, &end)));
        Ear {
            heard,
            ended,
            listener,
        }
    }

    /// How many adverts were heard so far: a mark.
    pub fn mark(&self) -> usize {
        self.heard.lock().expect("the listener").len()
    }

    /// How many virtual routers a host announces since the mark.
    pub fn routers(&self, mark: usize, node: usize) -> usize {
        self.first(mark, node).len()
    }

    /// When a host first announced each virtual router since the mark.
    pub fn first(&self, mark: usize, node: usize) -> HashMap<(u8, u8), f64> {
        let mut times = HashMap::new();
        for one in self.since(mark, node) {
            times.entry(one.router).or_insert(one.at);
        }
        times
    }

    /// When a host last announced each virtual router since the mark.
    pub fn last(&self, mark: usize, node: usize) -> HashMap<(u8, u8), f64> {
        self.since(mark, node)
            .into_iter()
            .map(|one| (one.router, one.at))
            .collect()
    }

    /// When a host first resigned from each virtual router since the mark.
    pub fn resignations(&self, mark: usize, node: usize) -> HashMap<(u8, u8), f64> {
        let heard = self.heard.lock().expect("the listener");
        let mut times = HashMap::new();
        for one in &heard[mark..] {
            if one.node == node && one.priority == 0 {
                times.entry(one.router).or_insert(one.at);
            }
        }
        times
    }

    /// The adverts of a host since the mark, resignations not among them.
    pub fn since(&self, mark: usize, node: usize) -> Vec<Heard> {
        let heard = self.heard.lock().expect("the listener");
        heard[mark..]
            .iter()
            .filter(|one| one.node == node && one.priority > 0)
            .copied()
            .collect()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn listen(socket: &OwnedFd, store: &Mutex<Vec<Heard>>, end: &AtomicBool) {
    let mut buffer = [0; HEAD];
    let mut control = nix::cmsg_space!(TimeSpec);
    while !end.load(Ordering::Relaxed) {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let received = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let Ok(message) = received else {
            std::thread::sleep(LISTEN_EVERY);
            continue;
        };
        let stamp = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
                _ => None,
            })
        });
        let at = Duration::from(stamp.expect("SO_TIMESTAMPNS was granted")).as_secs_f64();
        if buffer[9] != VRRP {
            continue;
        }
        store.lock().expect("the record").push(Heard {
            at,
            node: usize::from(buffer[15]).saturating_sub(1),
            router: (buffer[13], buffer[IP_HEADER + 1]),
            priority: buffer[IP_HEADER + 2],
        });
    }
}
