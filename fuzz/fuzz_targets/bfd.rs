//! Any datagrams to the decoder of BFD and to its sessions: nothing may panic, what is read is written back as it was, and a session is
//! Up only when its neighbour has told it its own discriminator.
#![no_main]

use keepalived::bfd::{Action, Event, Known, Sessions};
use keepalived::config::model::BfdInstance;
use keepalived::time::Instant;
use keepalived::wheel::Wheel;
use keepalived::wire::bfd::{LENGTH, Packet, State};
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;
use std::time::Duration;

const NEIGHBOR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = Packet::parse(data) {
        let mut bytes = data[..LENGTH].to_vec();
        // Whoever is to be understood sends no more than the packet.
        bytes[3] = LENGTH as u8;
        assert_eq!(packet.emit()[..], bytes[..]);
    }
    converse(data);
});

/// A session hears packets, each after a byte that says how: whether they are made to fit to it, and how much time passes.
fn converse(data: &[u8]) {
    let config = BfdInstance {
        max_hops: 255,
        ..BfdInstance::new("b", NEIGHBOR)
    };
    let mut sessions = Sessions::default();
    let mut now = Instant(0);
    let mut wheel = Wheel::new(now);
    let mut random = 0_u64;
    let mut step = |sessions: &mut Sessions, wheel: &mut Wheel<_>, now, event: Event<'_>| {
        let mut actions = Vec::new();
        let next = &mut || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            random >> 16
        };
        sessions.handle(now, event, next, &mut actions);
        for action in actions {
            match action {
                Action::Arm(key, at) => wheel.arm(key, at),
                Action::Disarm(key) => drop(wheel.disarm(key)),
                Action::Send { bytes, .. } => drop(Packet::parse(&bytes).expect("our own packet")),
                Action::Tell(notice) => drop(notice.to_string()),
                _ => {}
            }
        }
    };
    let known = Known::new();
    let instances = [config];
    let begin = Event::Configure {
        instances: &instances,
        known: &known,
    };
    step(&mut sessions, &mut wheel, now, begin);
    let mut heard_own = false;
    for piece in data.chunks(LENGTH + 1).take(64) {
        let Some((&how, rest)) = piece.split_first() else {
            return;
        };
        let mut bytes = rest.to_vec();
        let own = sessions
            .session(0)
            .expect("it is configured")
            .discriminator();
        if how & 1 != 0 && bytes.len() == LENGTH {
            bytes[8..12].copy_from_slice(&own.get().to_be_bytes());
        }
        let passed = Duration::from_millis(1 << (how >> 4));
        now = now + passed;
        while let Some((key, _)) = wheel.pop_expired(now) {
            step(&mut sessions, &mut wheel, now, Event::Timer(key));
        }
        let parsed = Packet::parse(&bytes).ok();
        heard_own |= parsed.is_some_and(|it| it.your_discriminator == Some(own));
        let heard = Event::Packet {
            source: NEIGHBOR,
            destination: None,
            ttl: Some(how),
            multihop: how & 2 != 0,
            bytes: &bytes,
        };
        step(&mut sessions, &mut wheel, now, heard);
        let session = sessions.session(0).expect("it is configured");
        assert!(heard_own || session.state() != State::Up);
        if session.state() == State::Up {
            let silence = now.since(session.last_heard().expect("it is Up"));
            assert!(silence <= session.detection_time());
        }
    }
    step(&mut sessions, &mut wheel, now, Event::Stop);
    assert!(wheel.is_empty());
}
