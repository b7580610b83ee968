//! The behaviour of one instance as tables: every row a clause of RFC 3768 or a habit of keepalived, cited. What is compared is
//! what the shell would do, in order.

use super::*;
use crate::config::model::{
    Authentication, GarpPolicy, InitialState, Version, VirtualAddress, VrrpInstance,
};
use crate::config::secret::Secret;
use crate::wire::ip;
use crate::wire::vrrp::v2::{self, Advert};
use std::net::IpAddr;
use std::time::Duration;

const T0: Instant = Instant(50_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const ETH0: u32 = 2;
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const LOWER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HIGHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

fn vip(address: Ipv4Addr) -> VirtualAddress {
    VirtualAddress {
        address: IpAddr::V4(address),
        prefix: 32,
        interface: None,
        label: None,
        scope: 0,
        broadcast: None,
        peer: None,
        flags: 0,
        preferred_lifetime: None,
    }
}

fn config() -> VrrpInstance {
    VrrpInstance {
        name: "VI_1".to_owned(),
        interface: "eth0".to_owned(),
        virtual_router_id: 51,
        priority: 100,
        initial_state: InitialState::Backup,
        version: Version::V2,
        advert_interval: SECOND,
        nopreempt: false,
        down_timer_adverts: 3,
        authentication: Authentication::None,
        multicast_group: GROUP,
        source: None,
        dont_track_primary: false,
        skip_check_adv_addr: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        garp: GarpPolicy::default(),
        virtual_addresses: vec![vip(VIP)],
    }
}

fn eth0() -> Interface {
    Interface {
        index: ETH0,
        name: "eth0".to_owned(),
        up: true,
        mac: [2, 0, 0, 0, 0, 5],
        mtu: 1500,
        primary_v4: Some(OWN),
    }
}

fn packet(source: Ipv4Addr, advert: &Advert<'_>) -> Vec<u8> {
    let header = ip::Header {
        tos: ip::TOS_NETWORK_CONTROL,
        id: 1,
        ttl: 255,
        protocol: ip::PROTOCOL_VRRP,
        source,
        destination: GROUP,
    };
    header.emit(&advert.emit())
}

fn advert(source: Ipv4Addr, priority: u8) -> Vec<u8> {
    packet(source, &Advert::new(51, priority, 1, &VIP.octets()))
}

/// One router with one interface, and what the last event made it do.
struct Bench {
    router: Router,
    now: Instant,
    actions: Actions,
}

impl Bench {
    /// A router that has started.
    fn new(change: impl FnOnce(&mut VrrpInstance)) -> Self {
        let mut bench = Bench::unstarted(change);
        bench.event(Event::Interface(&eth0()));
        bench.event(Event::Start);
        bench
    }

    fn unstarted(change: impl FnOnce(&mut VrrpInstance)) -> Self {
        let mut config = config();
        change(&mut config);
        Bench {
            router: Router::new(
                &Vrrp {
                    instances: vec![config],
                },
                true,
            ),
            now: T0,
            actions: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'_>) -> &mut Self {
        self.actions.clear();
        self.router.handle(self.now, event, &mut self.actions);
        self
    }

    fn hear(&mut self, source: Ipv4Addr, priority: u8) -> &mut Self {
        self.packet(&advert(source, priority))
    }

    fn packet(&mut self, bytes: &[u8]) -> &mut Self {
        self.event(Event::Packet {
            interface: ETH0,
            bytes,
        })
    }

    fn timer(&mut self, key: TimerKey) -> &mut Self {
        let deadline = self.now;
        self.event(Event::Timer { key, deadline })
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Makes it MASTER the usual way, some time later.
    fn master(change: impl FnOnce(&mut VrrpInstance)) -> Self {
        let mut bench = Bench::new(change);
        bench.wait(SECOND * 10);
        if bench.state() == State::Backup {
            bench.timer(TimerKey::MasterDown(0));
        }
        assert_eq!(bench.state(), State::Master);
        bench.wait(SECOND / 2);
        bench
    }

    fn instance(&self) -> &Instance {
        self.router.instance(0).expect("there is one instance")
    }

    fn state(&self) -> State {
        self.instance().state()
    }

    fn reload(&mut self, instances: Vec<VrrpInstance>) -> &mut Self {
        self.event(Event::Reload {
            vrrp: &Vrrp { instances },
            log_unknown_vrids: true,
        })
    }

    /// What was done, in order, in short.
    fn done(&self) -> Vec<String> {
        let mut done: Vec<String> = Vec::new();
        for action in &self.actions {
            let short = match action {
                Action::SendAdvert { packet, .. } => {
                    let (_, message) = ip::Header::parse(packet).expect("a valid header");
                    format!(
                        "advert {}",
                        Advert::parse(message).expect("a valid advert").priority
                    )
                }
                Action::SendFrame { .. } => "garp".to_owned(),
                Action::Arm(TimerKey::Garp(_), at) => format!("garps in {:?}", at.since(self.now)),
                Action::Arm(TimerKey::GarpQueue(_), at) => {
                    format!("queue in {:?}", at.since(self.now))
                }
                Action::Arm(TimerKey::Advert(_), at) => {
                    format!("advert in {:?}", at.since(self.now))
                }
                Action::Arm(TimerKey::MasterDown(_), at) => {
                    format!("down in {:?}", at.since(self.now))
                }
                Action::Disarm(key) => format!("disarm {key:?}"),
                Action::HoldAddresses(_, hold) => (if *hold { "take" } else { "drop" }).to_owned(),
                Action::Changed { to, .. } => format!("now {to}"),
                Action::Record(..) | Action::Tell(_) => continue,
            };
            done.push(short);
        }
        done
    }

    fn told(&self) -> Vec<String> {
        let notices = self.actions.iter().filter_map(|action| match action {
            Action::Tell(notice) => Some(notice.to_string()),
            _ => None,
        });
        notices.collect()
    }
}

/// What a new master does, with `first` as its first advert.
fn taking_over(first: &str) -> Vec<String> {
    let mut expected = vec![first, "advert in 1s", "take"];
    expected.extend(["garp"; 5]);
    expected.extend(["garps in 5s", "now MASTER"]);
    expected.into_iter().map(str::to_owned).collect()
}

const STEPPING_DOWN: &[&str] = &[
    "disarm Advert(0)",
    "disarm Garp(0)",
    "drop",
    "down in 3.609375s",
    "now BACKUP",
];

#[test]
fn initialize_6_4_1() {
    let start = |change: fn(&mut VrrpInstance)| Bench::new(change).done();
    assert_eq!(
        start(|_| {}),
        ["down in 3.609375s", "now BACKUP"],
        "6.4.1: others go to Backup with Master_Down_Interval"
    );
    assert_eq!(
        start(|c| c.priority = 255),
        taking_over("advert 255"),
        "6.4.1: the owner goes to Master"
    );
    let eager = start(|c| c.initial_state = InitialState::Master);
    assert_eq!(
        eager,
        ["down in 1.00390625s", "now BACKUP"],
        "keepalived: state MASTER listens one interval"
    );
    assert_eq!(
        start(|c| c.down_timer_adverts = 5),
        ["down in 5.609375s", "now BACKUP"],
        "keepalived: down_timer_adverts"
    );
}

/// (clause, nopreempt, priority heard, from, what is done)
type Row = (&'static str, bool, u8, Ipv4Addr, &'static [&'static str]);

#[test]
fn backup_hears_6_4_2() {
    const RESTART: &[&str] = &["down in 3.609375s"];
    let rows: &[Row] = &[
        (
            "6.4.2 priority zero: Master_Down_Timer := Skew_Time",
            false,
            0,
            LOWER,
            &["down in 609.375ms"],
        ),
        (
            "6.4.2 higher: reset Master_Down_Timer",
            false,
            101,
            LOWER,
            RESTART,
        ),
        (
            "6.4.2 equal, lower address: reset",
            false,
            100,
            LOWER,
            RESTART,
        ),
        (
            "6.4.2 equal, higher address: reset",
            false,
            100,
            HIGHER,
            RESTART,
        ),
        ("6.4.2 equal, own address: reset", false, 100, OWN, RESTART),
        (
            "6.4.2 lower, Preempt_Mode: discard, the timer runs on",
            false,
            99,
            HIGHER,
            &[],
        ),
        (
            "6.4.2 lower, not Preempt_Mode: reset",
            true,
            99,
            LOWER,
            RESTART,
        ),
        (
            "6.4.2 zero, not Preempt_Mode: Skew_Time all the same",
            true,
            0,
            LOWER,
            &["down in 609.375ms"],
        ),
        ("6.4.2 owner: reset", false, 255, LOWER, RESTART),
    ];
    for (clause, nopreempt, priority, source, expected) in rows {
        let mut bench = Bench::new(|c| c.nopreempt = *nopreempt);
        bench.wait(SECOND).hear(*source, *priority);
        assert_eq!(bench.done(), *expected, "{clause}");
        assert_eq!(bench.state(), State::Backup, "{clause}");
    }
}

#[test]
fn backup_otherwise_6_4_2() {
    let mut bench = Bench::new(|_| {});
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(
        bench.done(),
        taking_over("advert 100"),
        "6.4.2 Master_Down_Timer fires"
    );
    let told = bench.told();
    assert_eq!(
        told.first().map(String::as_str),
        Some("(VI_1) Receive advertisement timeout")
    );
    assert_eq!(
        told.last().map(String::as_str),
        Some("(VI_1) Entering MASTER STATE")
    );

    let mut bench = Bench::new(|_| {});
    bench.event(Event::Stop);
    assert_eq!(
        bench.done(),
        ["disarm MasterDown(0)", "now INIT"],
        "6.4.2 shutdown: no resignation from a backup"
    );
}

#[test]
fn master_hears_6_4_3() {
    const CONTRADICT: &[&str] = &[
        "advert 100",
        "garp",
        "garp",
        "garp",
        "garp",
        "garp",
        "garps in 4.5s",
    ];
    let rows: &[Row] = &[
        (
            "6.4.3 priority zero: send, reset Adver_Timer",
            false,
            0,
            LOWER,
            &["advert 100", "advert in 1s"],
        ),
        ("6.4.3 higher: to Backup", false, 101, LOWER, STEPPING_DOWN),
        (
            "6.4.3 equal, higher address: to Backup",
            false,
            100,
            HIGHER,
            STEPPING_DOWN,
        ),
        (
            "6.4.3 equal, lower address: discard; keepalived answers",
            false,
            100,
            LOWER,
            CONTRADICT,
        ),
        (
            "6.4.3 lower: discard; keepalived answers",
            false,
            99,
            HIGHER,
            CONTRADICT,
        ),
        (
            "6.4.3 lower with nopreempt: discard; keepalived answers",
            true,
            99,
            HIGHER,
            CONTRADICT,
        ),
        (
            "keepalived: equal from our own address: stay",
            false,
            100,
            OWN,
            &[],
        ),
    ];
    for (clause, nopreempt, priority, source, expected) in rows {
        let mut bench = Bench::master(|c| c.nopreempt = *nopreempt);
        bench.hear(*source, *priority);
        assert_eq!(bench.done(), *expected, "{clause}");
    }
}

#[test]
fn master_otherwise_6_4_3() {
    let mut bench = Bench::master(|_| {});
    bench.wait(SECOND / 2).timer(TimerKey::Advert(0));
    assert_eq!(
        bench.done(),
        ["advert 100", "advert in 1s"],
        "6.4.3 Adver_Timer fires"
    );
    bench.event(Event::Stop);
    let stopped = [
        "disarm Advert(0)",
        "disarm Garp(0)",
        "advert 0",
        "drop",
        "now INIT",
    ];
    assert_eq!(bench.done(), stopped, "6.4.3 shutdown: priority zero");
    assert!(bench.told().contains(&"(VI_1) sent 0 priority".to_owned()));
    assert_eq!(bench.instance().stats().pri_zero_sent, 1);
    assert_eq!(
        bench.event(Event::Stop).done(),
        Vec::<String>::new(),
        "nobody resigns twice"
    );
}

#[test]
fn a_late_advert_does_not_shift_the_next() {
    // (late by, next in)
    for (late, next) in [
        (0, 1000),
        (1, 999),
        (300, 700),
        (999, 1),
        (1000, 1000),
        (5300, 1000),
    ] {
        let mut bench = Bench::master(|_| {});
        bench.wait(SECOND / 2);
        let deadline = bench.now;
        bench.wait(Duration::from_millis(late)).event(Event::Timer {
            key: TimerKey::Advert(0),
            deadline,
        });
        let expected = [
            "advert 100".to_owned(),
            format!("advert in {:?}", Duration::from_millis(next)),
        ];
        assert_eq!(bench.done(), expected, "{late} ms late");
    }
}

#[test]
fn options_of_a_master() {
    let mut bench = Bench::master(|c| c.lower_prio_no_advert = true);
    assert!(
        !bench
            .hear(LOWER, 1)
            .done()
            .contains(&"advert 100".to_owned()),
        "lower_prio_no_advert"
    );

    let mut bench = Bench::master(|c| c.higher_prio_send_advert = true);
    assert_eq!(
        bench.hear(LOWER, 200).done().first().map(String::as_str),
        Some("advert 100"),
        "higher_prio_send_advert"
    );

    let mut bench = Bench::master(|_| {});
    bench.hear(LOWER, 1);
    assert_eq!(
        bench.wait(SECOND / 100).hear(LOWER, 1).done(),
        Vec::<String>::new(),
        "a flood is not answered packet by packet"
    );
    assert_eq!(
        bench.wait(SECOND / 10).hear(LOWER, 1).done(),
        ["advert 100"]
    );
}

#[test]
fn of_two_owners_the_higher_address_gives_way() {
    let mut bench = Bench::master(|c| c.priority = 255);
    assert_eq!(
        bench.hear(HIGHER, 255).done(),
        Vec::<String>::new(),
        "theirs is the higher address: it is theirs to yield"
    );
    for _ in 0..20 {
        bench.wait(SECOND).hear(HIGHER, 255);
    }
    assert_eq!(bench.state(), State::Master);

    let mut bench = Bench::master(|c| c.priority = 255);
    bench
        .hear(LOWER, 255)
        .wait(SECOND)
        .hear(LOWER, 255)
        .wait(SECOND)
        .hear(LOWER, 255);
    assert_eq!(
        (bench.state(), bench.done().len()),
        (State::Master, 0),
        "two adverts and 1.2 intervals are not over"
    );
    bench.wait(SECOND).hear(LOWER, 255);
    assert_eq!(
        (bench.state(), bench.instance().effective_priority()),
        (State::Backup, 254)
    );
    assert!(
        bench.done().contains(&"down in 3.0078125s".to_owned()),
        "254 counts for the skew: {:?}",
        bench.done()
    );

    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(
        (bench.state(), bench.instance().effective_priority()),
        (State::Master, 255),
        "until the rival stops"
    );
    assert_eq!(bench.done().first().map(String::as_str), Some("advert 255"));
}

#[test]
fn fault_is_recomputed_from_what_is() {
    let down = Interface {
        up: false,
        ..eth0()
    };
    let bare = Interface {
        primary_v4: None,
        ..eth0()
    };
    let mut bench = Bench::unstarted(|_| {});
    bench.event(Event::Start);
    assert_eq!(bench.done(), ["now FAULT"]);
    let told = bench.told();
    assert_eq!(
        told,
        [
            "(VI_1) entering FAULT state (interface eth0 does not exist)",
            "(VI_1) Entering FAULT STATE (init)"
        ]
    );
    assert!(bench.instance().unfit().missing);

    assert_eq!(
        bench.event(Event::Interface(&down)).done(),
        Vec::<String>::new()
    );
    assert_eq!(
        bench.event(Event::Interface(&down)).done(),
        Vec::<String>::new(),
        "told twice, counted once"
    );
    assert_eq!(
        bench.instance().unfit(),
        Unfit {
            missing: false,
            down: true,
            no_address: false
        }
    );
    assert_eq!(
        bench.event(Event::Interface(&bare)).done(),
        Vec::<String>::new()
    );
    assert_eq!(
        bench.event(Event::Interface(&eth0())).done(),
        ["down in 3.609375s", "now BACKUP"]
    );
    assert_eq!(bench.hear(LOWER, 200).done(), ["down in 3.609375s"]);

    bench.event(Event::InterfaceGone { index: ETH0 });
    assert_eq!(bench.done(), ["disarm MasterDown(0)", "now FAULT"]);
    let recreated = Interface {
        index: 77,
        ..eth0()
    };
    assert_eq!(
        bench.event(Event::Interface(&recreated)).done(),
        ["down in 3.609375s", "now BACKUP"],
        "made anew"
    );
    assert_eq!(
        bench.event(Event::InterfaceGone { index: ETH0 }).done(),
        Vec::<String>::new(),
        "the old one is long gone"
    );
    let renamed = Interface {
        name: "eth1".to_owned(),
        ..recreated
    };
    assert_eq!(
        bench.event(Event::Interface(&renamed)).done(),
        ["disarm MasterDown(0)", "now FAULT"],
        "renamed away"
    );
}

#[test]
fn a_master_in_fault_resigns_if_it_can() {
    let leave = |change: fn(&mut Interface)| {
        let mut interface = eth0();
        change(&mut interface);
        let mut bench = Bench::master(|_| {});
        bench.event(Event::Interface(&interface));
        assert_eq!(bench.state(), State::Fault);
        bench
    };
    let resigned = [
        "disarm Advert(0)",
        "disarm Garp(0)",
        "advert 0",
        "drop",
        "now FAULT",
    ];
    let bench = leave(|i| i.primary_v4 = None);
    assert_eq!(
        bench.done(),
        resigned,
        "no address: the last one still serves to say farewell"
    );
    assert!(
        bench
            .told()
            .contains(&"(VI_1) entering FAULT state (no IPv4 address for interface)".to_owned())
    );
    let mut bench = leave(|i| i.up = false);
    assert_eq!(
        bench.done(),
        ["disarm Advert(0)", "disarm Garp(0)", "drop", "now FAULT"],
        "down: nothing can be sent"
    );
    assert!(
        bench
            .told()
            .contains(&"(VI_1): entering FAULT state (interface eth0 down)".to_owned())
    );
    assert_eq!(bench.instance().stats().pri_zero_sent, 0);
    assert_eq!(
        bench.event(Event::Interface(&eth0())).done(),
        ["down in 3.609375s", "now BACKUP"],
        "no counter, no memory"
    );

    let mut bench = Bench::master(|c| c.dont_track_primary = true);
    bench.event(Event::Interface(&Interface {
        up: false,
        ..eth0()
    }));
    assert_eq!(
        (bench.state(), bench.done().len()),
        (State::Master, 0),
        "dont_track_primary"
    );
    bench.event(Event::Interface(&eth0()));
    assert_eq!(
        bench.done(),
        ["garp"; 5],
        "the link came back: neighbours are told again"
    );

    let mut bench = Bench::master(|c| c.priority = 255);
    bench
        .event(Event::Interface(&Interface {
            up: false,
            ..eth0()
        }))
        .event(Event::Interface(&eth0()));
    assert_eq!(
        bench.done(),
        taking_over("advert 255"),
        "an owner is MASTER at once"
    );
}

#[test]
fn bad_packets_7_1() {
    let good = || advert(LOWER, 200);
    let mended = |mut bytes: Vec<u8>| {
        // A new IP header checksum and nothing else.
        let (_, message) = bytes.split_at(ip::HEADER_LENGTH);
        let message = message.to_vec();
        bytes[10] = 0;
        bytes[11] = 0;
        let sum = crate::wire::checksum::checksum(&[&bytes[..ip::HEADER_LENGTH]]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.truncate(ip::HEADER_LENGTH);
        bytes.extend(message);
        bytes
    };
    let changed = |at: usize, value: u8| {
        let mut bytes = good();
        bytes[at] = value;
        mended(bytes)
    };
    let message_with = |at: usize, value: u8| {
        let mut bytes = good();
        bytes[ip::HEADER_LENGTH + at] = value;
        bytes[ip::HEADER_LENGTH + 6..ip::HEADER_LENGTH + 8].fill(0);
        let sum = crate::wire::checksum::checksum(&[&bytes[ip::HEADER_LENGTH..]]);
        bytes[ip::HEADER_LENGTH + 6..ip::HEADER_LENGTH + 8].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    type Counter = fn(&Stats) -> u64;
    let rows: Vec<(&str, Vec<u8>, Counter, &str)> = vec![
        (
            "TTL",
            changed(8, 254),
            |s| s.ip_ttl_err,
            "(VI_1) invalid TTL/HL from 10.0.0.1. Received 254 and expect 255",
        ),
        (
            "version",
            message_with(0, 0x31),
            |s| s.version_err,
            "(VI_1) wrong VRRP version from 10.0.0.1. Received 3 and expect 2",
        ),
        (
            "complete packet",
            message_with(3, 2),
            |s| s.packet_len_err,
            "(VI_1) wrong packet length from 10.0.0.1. Received 20 bytes and expect 24",
        ),
        (
            "checksum",
            changed(ip::HEADER_LENGTH + 2, 201),
            |s| s.checksum_err,
            "(VI_1) Invalid VRRPv2 checksum from 10.0.0.1",
        ),
        (
            "type",
            message_with(0, 0x22),
            |s| s.invalid_type_rcvd,
            "(VI_1) Invalid packet type from 10.0.0.1. Received 2 and expect 1",
        ),
        (
            "destination",
            changed(19, 19),
            |s| s.destination_err,
            "(VI_1) advert from 10.0.0.1 was sent to 224.0.0.19, which is not our multicast group",
        ),
        (
            "auth type",
            message_with(4, 3),
            |s| s.invalid_authtype,
            "(VI_1) Invalid auth type 3 from 10.0.0.1",
        ),
        (
            "auth mismatch",
            message_with(4, 1),
            |s| s.authtype_mismatch,
            "(VI_1) received a 1 auth from 10.0.0.1, expecting 0!",
        ),
    ];
    for (what, bytes, counter, line) in rows {
        let mut bench = Bench::new(|_| {});
        bench.wait(SECOND).packet(&bytes);
        assert_eq!(
            bench.done(),
            Vec::<String>::new(),
            "{what}: dropped, the timer is not touched"
        );
        assert_eq!(bench.told(), [line], "{what}");
        assert_eq!(
            bench.packet(&bytes).told(),
            Vec::<String>::new(),
            "{what}: told once"
        );
        assert_eq!(counter(bench.instance().stats()), 2, "{what}: counted");
        assert_eq!(bench.instance().stats().advert_rcvd, 0, "{what}");
        bench.wait(SECOND * 60).packet(&bytes);
        assert_eq!(
            bench.told(),
            [format!(
                "{line} (1 more like this since the last such message)"
            )],
            "{what}"
        );
    }
}

#[test]
fn an_interval_mismatch_is_explained_7_1() {
    let mut bench = Bench::new(|_| {});
    bench.packet(&packet(LOWER, &Advert::new(51, 200, 2, &VIP.octets())));
    assert_eq!(bench.done(), Vec::<String>::new());
    assert_eq!(bench.instance().stats().advert_interval_err, 1);
    let told = bench.told().concat();
    assert!(
        told.starts_with(
            "(VI_1) advertisement interval mismatch with 10.0.0.1: theirs 2 s, ours 1 s"
        ),
        "{told}"
    );
    assert!(told.contains("both may become MASTER"), "{told}");
}

#[test]
fn passwords_rfc_2338() {
    let password = |text: &'static str| {
        move |c: &mut VrrpInstance| c.authentication = Authentication::Pass(Secret::new(text))
    };
    let with = |text: &'static str| {
        packet(
            LOWER,
            &Advert::new(51, 200, 1, &VIP.octets()).with_password(text.as_bytes()),
        )
    };
    let restarted = ["down in 3.609375s"];
    assert_eq!(
        Bench::new(password("s3cr3t"))
            .packet(&with("s3cr3t"))
            .done(),
        restarted
    );
    assert_eq!(
        Bench::new(password("longer than 8"))
            .packet(&with("longer than that"))
            .done(),
        restarted,
        "8 bytes count"
    );

    let mut bench = Bench::new(password("s3cr3t"));
    assert_eq!(bench.packet(&with("s3cr3")).done(), Vec::<String>::new());
    assert_eq!(
        bench.told(),
        ["(VI_1) received an invalid passwd from 10.0.0.1!"]
    );
    assert_eq!(bench.instance().stats().auth_failure, 1);
    bench.packet(&advert(LOWER, 200));
    assert_eq!(
        bench.told(),
        ["(VI_1) received a 0 auth from 10.0.0.1, expecting 1!"]
    );
    assert!(!format!("{:?}", bench.router).contains("s3cr3t"));
    assert!(
        !format!("{:?}", bench.router).contains("115, 51, 99"),
        "nor as bytes"
    );
}

#[test]
fn address_lists_are_compared_and_never_a_reason_to_drop() {
    let other = Ipv4Addr::new(10, 0, 0, 101);
    let hear = |bench: &mut Bench, addresses: &[Ipv4Addr]| {
        let bytes = v2::address_bytes(addresses.iter().copied());
        bench.packet(&packet(LOWER, &Advert::new(51, 200, 1, &bytes)));
        assert_eq!(bench.done(), ["down in 3.609375s"], "{addresses:?}");
        (
            bench.instance().stats().addr_list_err,
            bench.told().concat(),
        )
    };
    let mut bench = Bench::new(|c| c.virtual_addresses = vec![vip(VIP), vip(other)]);
    assert_eq!(hear(&mut bench, &[VIP, other]).0, 0);
    assert_eq!(
        hear(&mut bench, &[other, VIP]).0,
        0,
        "order does not matter"
    );
    let (count, told) = hear(&mut bench, &[VIP]);
    assert_eq!(
        (count, told.as_str()),
        (1, "(VI_1) expected 2 VIPs but received 1 from 10.0.0.1")
    );
    bench.wait(SECOND * 61);
    let (count, told) = hear(&mut bench, &[VIP, LOWER]);
    assert_eq!(count, 2);
    assert_eq!(
        told,
        "(VI_1) ip address associated with VRID 51 not present in advert from 10.0.0.1: 10.0.0.101"
    );

    let mut bench = Bench::new(|c| c.skip_check_adv_addr = true);
    assert_eq!(
        hear(&mut bench, &[]).0,
        1,
        "the first advert of a master is looked at"
    );
    assert_eq!(
        hear(&mut bench, &[]).0,
        1,
        "skip_check_adv_addr: the next ones are not"
    );
}

#[test]
fn packets_of_others() {
    let mut bench = Bench::new(|_| {});
    bench.packet(&packet(LOWER, &Advert::new(52, 200, 1, &VIP.octets())));
    assert_eq!(bench.router.stats().unknown_vrid, 1);
    assert_eq!(
        bench.told(),
        ["Unknown VRID(52) received on interface(eth0). ignoring... (from 10.0.0.1)"]
    );
    bench.event(Event::Packet {
        interface: 99,
        bytes: &advert(LOWER, 200),
    });
    assert_eq!(
        (bench.router.stats().unknown_vrid, bench.actions.len()),
        (2, 0),
        "another interface; told once a minute"
    );
    for bytes in [&[][..], &[0x45], &[0xff; 60]] {
        bench.packet(bytes);
    }
    assert_eq!(bench.router.stats().unreadable, 3);
    assert_eq!(bench.instance().stats(), &Stats::default());
}

#[test]
fn gratuitous_arps_are_paced() {
    let mut bench = Bench::master(|c| {
        c.virtual_addresses = (0..100)
            .map(|host| vip(Ipv4Addr::new(10, 1, 0, host)))
            .collect();
    });
    // `master` let half a second pass after the first 64 of 500.
    let mut sent = 64;
    let mut turns = 0;
    while sent < 500 {
        bench.timer(TimerKey::GarpQueue(ETH0));
        let now = bench.done().iter().filter(|what| *what == "garp").count();
        assert!(now > 0 && now <= 64, "{now} at once");
        sent += now;
        turns += 1;
        if sent < 500 {
            assert_eq!(
                bench.done().last().map(String::as_str),
                Some("queue in 1ms")
            );
        }
        bench.wait(SECOND / 1000);
    }
    assert_eq!((sent, turns), (500, 7));
    assert_eq!(
        bench.timer(TimerKey::GarpQueue(ETH0)).done(),
        Vec::<String>::new()
    );

    let mut bench = Bench::master(|c| c.garp.interval = SECOND / 10);
    for _ in 0..4 {
        assert_eq!(
            bench
                .timer(TimerKey::GarpQueue(ETH0))
                .done()
                .first()
                .map(String::as_str),
            Some("garp"),
            "vrrp_garp_interval"
        );
        bench.wait(SECOND / 10);
    }
    assert_eq!(
        bench.timer(TimerKey::GarpQueue(ETH0)).done(),
        Vec::<String>::new()
    );

    let mut bench = Bench::master(|c| c.garp.interval = SECOND / 10);
    bench.hear(LOWER, 200);
    assert_eq!(
        bench.timer(TimerKey::GarpQueue(ETH0)).done(),
        Vec::<String>::new(),
        "a BACKUP announces nothing"
    );
}

#[test]
fn gratuitous_arp_schedule() {
    let mut bench = Bench::master(|c| c.garp.master_refresh = SECOND * 60);
    bench.wait(SECOND * 9 / 2).timer(TimerKey::Garp(0));
    let mut second: Vec<&str> = vec!["garp"; 5];
    second.push("garps in 55s");
    assert_eq!(bench.done(), second, "garp_master_delay: the second burst");
    assert_eq!(
        bench.wait(SECOND * 55).timer(TimerKey::Garp(0)).done(),
        ["garp", "garps in 60s"],
        "garp_master_refresh"
    );
    assert_eq!(
        bench.wait(SECOND * 70).timer(TimerKey::Garp(0)).done(),
        ["garp", "garps in 50s"],
        "late, but no drift"
    );
    assert_eq!(
        bench.event(Event::AddressesRestored { instance: 0 }).done(),
        ["garp"; 5]
    );

    let mut bench = Bench::new(|c| {
        c.garp.master_delay = Duration::ZERO;
        c.virtual_addresses[0].interface = Some("lo".to_owned());
    });
    let lo = Interface {
        index: 1,
        name: "lo".to_owned(),
        mac: [0; 6],
        ..eth0()
    };
    bench
        .event(Event::Interface(&lo))
        .timer(TimerKey::MasterDown(0));
    assert_eq!(
        bench.done(),
        ["advert 100", "advert in 1s", "take", "now MASTER"],
        "nobody asks on a loopback"
    );
    assert_eq!(
        bench.event(Event::AddressesRestored { instance: 0 }).done(),
        Vec::<String>::new()
    );
}

#[test]
fn reload_touches_only_what_changed() {
    let mut bench = Bench::master(|_| {});
    bench.reload(vec![config()]);
    assert!(bench.actions.is_empty(), "no change: {:?}", bench.actions);

    let mut changed = config();
    changed.priority = 150;
    bench.reload(vec![changed.clone()]);
    assert_eq!(bench.done(), ["advert 150", "advert in 1s"]);
    assert_eq!(
        bench.told(),
        ["(VI_1) Changing effective priority from 100 to 150"]
    );

    changed
        .virtual_addresses
        .push(vip(Ipv4Addr::new(10, 0, 0, 101)));
    bench.reload(vec![changed.clone()]);
    let mut expected = vec!["advert 150", "advert in 1s", "take"];
    expected.extend(["garp"; 10]);
    expected.push("garps in 5s");
    assert_eq!(bench.done(), expected);

    changed.skip_check_adv_addr = true;
    bench.reload(vec![changed.clone()]);
    assert_eq!(bench.done(), Vec::<String>::new(), "nobody else can see it");

    let second = VrrpInstance {
        name: "VI_2".to_owned(),
        virtual_router_id: 52,
        ..config()
    };
    bench.reload(vec![second.clone(), changed.clone()]);
    assert_eq!(
        bench.done(),
        ["down in 3.609375s", "now BACKUP"],
        "only the new one begins"
    );
    assert_eq!(
        bench.router.find("VI_1").map(Instance::id),
        Some(0),
        "its place is its own"
    );
    assert_eq!(bench.router.find("VI_2").map(Instance::id), Some(1));

    bench.reload(vec![second.clone()]);
    assert_eq!(
        bench.done(),
        [
            "disarm Advert(0)",
            "disarm Garp(0)",
            "advert 0",
            "drop",
            "now INIT"
        ]
    );
    assert!(bench.router.instance(0).is_none());
    assert_eq!(
        bench.timer(TimerKey::Advert(0)).done(),
        Vec::<String>::new(),
        "a timer that was under way"
    );
    let third = VrrpInstance {
        name: "VI_3".to_owned(),
        virtual_router_id: 53,
        ..config()
    };
    bench.reload(vec![second, third]);
    assert_eq!(
        bench.router.find("VI_3").map(Instance::id),
        Some(0),
        "a free place is given away"
    );
}

#[test]
fn reload_of_a_backup_and_of_another_router() {
    let reloaded = |change: fn(&mut VrrpInstance)| {
        let mut bench = Bench::new(|_| {});
        let mut changed = config();
        change(&mut changed);
        bench.wait(SECOND).reload(vec![changed]);
        bench
    };
    assert_eq!(
        reloaded(|c| c.priority = 200).done(),
        ["down in 2.21875s"],
        "what was waited counts"
    );
    assert_eq!(
        reloaded(|c| c.advert_interval = SECOND * 2).done(),
        ["down in 5.609375s"]
    );
    let mut bench = reloaded(|c| c.priority = 255);
    assert_eq!(bench.done(), ["down in 0ns"], "an owner does not listen");
    assert_eq!(
        bench.timer(TimerKey::MasterDown(0)).done(),
        taking_over("advert 255")
    );
    let mut bench = reloaded(|c| c.virtual_router_id = 77);
    assert_eq!(
        bench.done(),
        [
            "disarm MasterDown(0)",
            "now INIT",
            "down in 3.609375s",
            "now BACKUP"
        ]
    );
    bench.hear(LOWER, 200);
    assert_eq!(
        (bench.done().len(), bench.router.stats().unknown_vrid),
        (0, 1),
        "the old VRID is nobody's"
    );
}

#[test]
fn a_new_process_goes_on_where_the_last_one_died() {
    let resumed = |state: State, silence: Duration| {
        let mut bench = Bench::unstarted(|c| c.initial_state = InitialState::Master);
        bench.event(Event::Interface(&eth0()));
        let advert_due = bench.now + SECOND - silence;
        bench.router.resume(
            0,
            Record {
                state,
                advert_due,
                ip_id: 41,
            },
        );
        bench.event(Event::Start);
        bench
    };
    let bench = resumed(State::Master, SECOND * 2);
    assert_eq!(bench.done(), taking_over("advert 100"));
    assert!(
        bench
            .told()
            .contains(&"(VI_1) Continuing in MASTER STATE".to_owned())
    );
    let id = bench.actions.iter().find_map(|action| match action {
        Action::SendAdvert { packet, .. } => {
            ip::Header::parse(packet).ok().map(|(header, _)| header.id)
        }
        _ => None,
    });
    assert_eq!(id, Some(42), "IP identification goes on");

    assert_eq!(
        resumed(State::Master, SECOND * 3).done(),
        ["down in 3.609375s", "now BACKUP"],
        "too late: another may be MASTER"
    );
    assert_eq!(
        resumed(State::Backup, SECOND).done(),
        ["down in 3.609375s", "now BACKUP"],
        "no eager start in mid-life"
    );
}

#[test]
fn what_a_process_records_is_what_the_next_needs() {
    let mut bench = Bench::master(|_| {});
    bench.wait(SECOND / 2).timer(TimerKey::Advert(0));
    let recorded = bench.actions.iter().find_map(|action| match action {
        Action::Record(0, record) => Some(*record),
        _ => None,
    });
    assert_eq!(
        recorded,
        Some(Record {
            state: State::Master,
            advert_due: bench.now + SECOND,
            ip_id: 2
        })
    );
    assert_eq!(recorded, Some(bench.instance().record()));
}

#[test]
fn the_record_at_takeover_says_master() {
    let mut bench = Bench::new(|_| {});
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    let states: Vec<State> = bench
        .actions
        .iter()
        .filter_map(|a| {
            if let Action::Record(_, r) = a {
                Some(r.state)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(states, [State::Master]);
}

#[test]
fn ip_identification_counts_up_and_skips_zero() {
    assert_eq!(
        (ip::next_id(0), ip::next_id(1), ip::next_id(65535)),
        (1, 2, 1)
    );
}

#[test]
fn failed_sends_are_counted_and_told_seldom() {
    const ENETDOWN: i32 = 100;
    let mut bench = Bench::master(|_| {});
    bench.event(Event::SendFailed {
        instance: 0,
        error: ENETDOWN,
    });
    assert_eq!(
        bench.told(),
        ["(VI_1) advert could not be sent: Network is down (os error 100)"]
    );
    bench.event(Event::SendFailed {
        instance: 0,
        error: ENETDOWN,
    });
    assert_eq!(
        (
            bench.told().len(),
            bench.instance().stats().advert_send_failed
        ),
        (0, 2)
    );
}

/// 5,000 instances that become MASTER in the same instant: every event costs the same, and adverts are never behind a burst.
#[test]
fn five_thousand_instances() {
    let instances: Vec<VrrpInstance> = (0..5000u32)
        .map(|n| VrrpInstance {
            name: format!("VI_{n}"),
            interface: format!("eth{}", n / 250),
            virtual_router_id: u8::try_from(n % 250 + 1).expect("1..=250"),
            ..config()
        })
        .collect();
    let mut router = Router::new(&Vrrp { instances }, false);
    let mut actions = Actions::new();
    for n in 0..20u32 {
        let interface = Interface {
            index: n + 2,
            name: format!("eth{n}"),
            ..eth0()
        };
        router.handle(T0, Event::Interface(&interface), &mut actions);
    }
    router.handle(T0, Event::Start, &mut actions);
    for id in 0..5000 {
        actions.clear();
        router.handle(
            T0,
            Event::Timer {
                key: TimerKey::MasterDown(id),
                deadline: T0,
            },
            &mut actions,
        );
        assert!(
            matches!(actions.get(1), Some(Action::SendAdvert { instance, .. }) if *instance == id)
        );
        let frames = actions
            .iter()
            .filter(|action| matches!(action, Action::SendFrame { .. }))
            .count();
        assert!(frames <= 64, "{frames} frames before the next timer");
    }
    assert!(
        router
            .instances()
            .all(|instance| instance.state() == State::Master)
    );
}
