//! The set-up of every item: the router under test with a virtual router on it, and a station that sends and records whole frames.
//! Not here: what an item asks.

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Binary::Ours;
use super::node::Node;
use super::packet::{Advert, Kind, Seen};
use super::version3::detected;
use super::wire::{Frame, election_bound};
use super::world::{HostSpec, World};
use super::{millis, secs, wait_for, wait_until};

pub const VRID: u8 = 91;

/// A slow machine may be this late with anything.
pub const SLACK: Duration = millis(1500);

/// Time stamps and a daemon's idea of a second differ by less.
pub const EARLY: Duration = millis(40);

/// The router's number among the hosts: there are addresses below and above it.
const ROUTER: usize = 5;
const STATION: usize = 7;

/// How often something is sent that must be without effect.
const ASIDE: Duration = millis(100);

/// A station with the router under test (host 0) and itself (host 1).
pub struct Bench {
    pub world: World,
    pub kind: Kind,
    /// Of the router's adverts.
    pub interval: Duration,
    vip: &'static str,
}

/// What differs between the benches.
#[derive(Clone, Copy)]
pub struct Setting {
    pub priority: u8,
    /// Tenths of a second; whole seconds in version 2.
    pub tenths: u32,
    /// What else stands in the instance.
    pub lines: &'static str,
}

impl Setting {
    /// An ordinary virtual router: as quick as its version allows and the tests can measure.
    pub fn plain(kind: Kind, priority: u8) -> Self {
        Setting {
            priority,
            tenths: if kind == Kind::V2 { 10 } else { 4 },
            lines: "",
        }
    }
}

/// The virtual router's address.
pub fn vip(kind: Kind) -> &'static str {
    match kind {
        Kind::V6 => "fd00:91::1",
        _ => "10.91.0.1",
    }
}

/// The configuration of a router.
pub fn config(kind: Kind, vrid: u8, vip: &str, setting: Setting) -> String {
    let (version, first) = match kind {
        Kind::V2 => (2, String::new()),
        Kind::V3 => (3, String::new()),
        Kind::V6 => (3, format!("fe80::{vrid}:1")),
    };
    let Setting {
        priority,
        tenths,
        lines,
    } = setting;
    format!(
        "vrrp_instance R{vrid} {{\n interface eth0\n version {version}\n virtual_router_id {vrid}\n priority {priority}\n \
         advert_int {}.{}\n {lines}\n virtual_ipaddress {{\n {first}\n {vip}\n }}\n}}\n",
        tenths / 10,
        tenths % 10
    )
}

impl Bench {
    /// A router with the setting, just started, and when that was by the recorder's clock.
    pub fn start(kind: Kind, setting: Setting) -> (Self, Duration) {
        let bench = Bench {
            world: detected(&[ROUTER, STATION].map(HostSpec::numbered)),
            kind,
            interval: millis(100) * setting.tenths,
            vip: vip(kind),
        };
        let since = bench.world.capture.clock();
        bench
            .router()
            .start(Ours, &config(kind, VRID, bench.vip, setting));
        (bench, since)
    }

    /// An ordinary router, held in the Backup state by a better one's adverts.
    pub fn backup(kind: Kind, setting: Setting) -> Self {
        let (bench, _) = Bench::start(kind, setting);
        bench.listens();
        bench.hold(&bench.right(setting.priority.saturating_add(50)));
        bench
    }

    /// An ordinary router in the Master state.
    pub fn master(kind: Kind, setting: Setting) -> Self {
        let (bench, _) = Bench::start(kind, setting);
        bench.becomes_master();
        bench
    }

    pub fn router(&self) -> &Node {
        &self.world.nodes[0]
    }

    pub fn station(&self) -> &Node {
        &self.world.nodes[1]
    }

    /// The first virtual address (IPv6 has a link-local one before it).
    pub fn vip(&self) -> IpAddr {
        self.vip.parse().expect("an address")
    }

    /// The addresses that an advert has to name, in their order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self.kind {
            Kind::V6 => vec![
                format!("fe80::{VRID}:1").parse().expect("an address"),
                self.vip(),
            ],
            _ => vec![self.vip()],
        }
    }

    /// The router's own address, by which ties are broken.
    pub fn router_address(&self) -> IpAddr {
        let text = match self.kind {
            Kind::V6 => format!("fe80::ff:fe{ROUTER:02x}:0"),
            _ => format!("10.10.0.{ROUTER}"),
        };
        text.parse().expect("an address")
    }

    /// An address above or below the router's.
    pub fn beside(&self, above: bool) -> IpAddr {
        let text = match (self.kind, above) {
            (Kind::V6, true) => "fe80::ffff:0:0:1",
            (Kind::V6, false) => "fe80::1",
            (_, true) => "10.10.0.200",
            (_, false) => "10.10.0.2",
        };
        text.parse().expect("an address")
    }

    /// An advert that is right in every field, from an address above the router's.
    pub fn right(&self, priority: u8) -> Advert {
        let interval = match self.kind {
            Kind::V2 => self.interval.as_secs(),
            _ => self.interval.as_millis() as u64 / 10,
        };
        let addresses = self.addresses();
        Advert {
            kind: self.kind,
            source: self.beside(true),
            destination: self.kind.group(),
            hops: 255,
            version_type: if self.kind == Kind::V2 { 0x21 } else { 0x31 },
            vrid: VRID,
            priority,
            count: u8::try_from(addresses.len()).expect("few"),
            auth_type: 0,
            interval: u16::try_from(interval).expect("short"),
            addresses,
            auth: [0; 8],
            checksum_error: 0,
            cut: 0,
        }
    }

    /// Sends from the station; when the frame was on the wire.
    pub fn send(&self, advert: &Advert) -> Duration {
        let mark = self.world.capture.mark();
        advert.send(self.station());
        wait_for("the station's frame is recorded", secs(5), || {
            let frames = self.world.capture.frames_since(mark);
            frames
                .iter()
                .find(|frame| frame.node == 1 && is_vrrp(frame))
                .map(|frame| frame.at)
        })
    }

    /// The router's adverts since a mark.
    pub fn adverts(&self, mark: usize) -> Vec<Seen> {
        let frames = self.world.capture.frames_since(mark);
        let seen = frames.iter().filter_map(Seen::of);
        seen.filter(|seen| seen.node == 0).collect()
    }

    /// Waits for the router's next advert.
    #[track_caller]
    pub fn next_advert(&self, mark: usize) -> Seen {
        wait_for("the router sends an advert", election_bound(), || {
            self.adverts(mark).into_iter().next()
        })
    }

    #[track_caller]
    pub fn becomes_master(&self) {
        wait_until("the router is master", election_bound(), || {
            self.is_master()
        });
    }

    #[track_caller]
    pub fn becomes_backup(&self) {
        wait_until("the router is no longer master", SLACK, || {
            !self.is_master()
        });
    }

    /// The router hears what is sent to it.
    #[track_caller]
    pub fn listens(&self) {
        self.router()
            .wait_log("Entering BACKUP STATE", election_bound());
    }

    pub fn is_master(&self) -> bool {
        self.router().holds(self.vip)
    }

    /// Sends an advert for longer than a router waits that hears nothing: it stays silent. When the last was sent.
    #[track_caller]
    pub fn hold(&self, advert: &Advert) -> Duration {
        let mark = self.world.capture.mark();
        let start = Instant::now();
        let mut last = Duration::ZERO;
        while start.elapsed() < self.interval * 5 {
            last = self.send(advert);
            std::thread::sleep(self.interval / 2);
            assert!(self.adverts(mark).is_empty(), "a backup is silent");
        }
        assert!(!self.is_master());
        last
    }

    /// Waits for the router's first advert after `since`, which must come after `theory` and not much later, whatever is sent
    /// meanwhile from `meanwhile`.
    #[track_caller]
    pub fn takes_over(&self, since: Duration, theory: Duration, meanwhile: &[Advert]) -> Seen {
        let first = wait_for("the router takes over", theory + election_bound(), || {
            for advert in meanwhile {
                advert.send(self.station());
            }
            if !meanwhile.is_empty() {
                std::thread::sleep(ASIDE);
            }
            self.adverts(0).into_iter().find(|seen| seen.at > since)
        });
        let gap = first.at - since;
        assert!(
            gap + EARLY >= theory && gap <= theory + SLACK,
            "it took over after {gap:?}, the standard says {theory:?}"
        );
        self.becomes_master();
        first
    }

    /// Sends adverts without effect for a while: the router stays master.
    #[track_caller]
    pub fn stays_master(&self, meanwhile: &[Advert]) {
        let start = Instant::now();
        while start.elapsed() < self.interval * 3 {
            for advert in meanwhile {
                advert.send(self.station());
            }
            std::thread::sleep(ASIDE);
            assert!(self.is_master(), "the router stays master");
        }
    }

    /// Skew_Time (RFC 3768 section 6.1, RFC 9568 section 6.1).
    pub fn skew(&self, priority: u8) -> Duration {
        let unit = if self.kind == Kind::V2 {
            secs(1)
        } else {
            self.interval
        };
        unit * (256 - u32::from(priority)) / 256
    }

    /// Master_Down_Interval of a router that knows of no other interval than its own.
    pub fn master_down(&self, priority: u8) -> Duration {
        3 * self.interval + self.skew(priority)
    }
}

fn is_vrrp(frame: &Frame) -> bool {
    Seen::of(frame).is_some()
        || frame.bytes.get(23) == Some(&112)
        || frame.bytes.get(20) == Some(&112)
}

/// Whether a host gets an answer from the owner of an address: a closed UDP port is refused by whoever has it.
pub fn answers(host: &Node, address: IpAddr) -> bool {
    const CLOSED: u16 = 9;
    host.in_network(|| {
        let any: IpAddr = if address.is_ipv4() {
            [0; 4].into()
        } else {
            [0u16; 8].into()
        };
        let Ok(socket) = UdpSocket::bind((any, 0)) else {
            return false;
        };
        let asked = socket
            .set_read_timeout(Some(millis(300)))
            .and_then(|()| socket.connect((address, CLOSED)))
            .and_then(|()| socket.send(b"?"));
        let answer = asked.and_then(|_| socket.recv(&mut [0; 1]));
        answer.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}
