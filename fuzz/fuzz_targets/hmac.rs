//! Any message to the decoder of trailers, and any order of signed, copied and spoiled adverts to instances that ask for them, under a
//! clock that is set at will: nothing may panic, what is read is what was signed, no number of a sender is heard twice within a
//! window, and our own numbers never repeat.
//!
//! Input: a mode, and a message; then the same input as pieces of six bytes: what happens, the sender, a time, a byte to spoil.
#![no_main]

use keepalived::config::model::{AuthHmac, Authentication, Freshness, HmacMode, Version};
use keepalived::config::secret::Secret;
use keepalived::time::Wall;
use keepalived::vrrp::{Event, State, TimerKey};
use keepalived::wire::vrrp::hmac::{self, Sequence, Trailer};
use keepalived::wire::vrrp::{Family, v2, v3};
use keepalived::wire::{ip, ipv6};
use keepalived_fuzz::{GROUP, GROUP6, Listener, OWN6, VRID, instance};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const KEY: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// Where the host's clock stands at first.
const NOON: u64 = 1_800_000_000_000_000_000;
const WINDOW: Duration = Duration::from_secs(5);

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else {
        return;
    };
    decode(data);
    listen(*mode, data);
});

fn decode(message: &[u8]) {
    for (family, source) in [
        (Family::V4, IpAddr::from([10, 0, 0, 1])),
        (Family::V6, OWN6.into()),
    ] {
        let (bare, rest) = hmac::split(message, family);
        assert_eq!([bare, rest].concat(), message);
        let _ = v3::Advert::parse_before(bare, rest, source, GROUP.into());
        if let Some(trailer) = Trailer::parse(rest) {
            let _ = trailer.is_genuine(bare, source, &KEY);
            let again = Trailer::sign(bare, source, trailer.key_id, &KEY, trailer.sequence);
            assert!(again.is_genuine(bare, source, &KEY));
            let whole = again.append(bare.to_vec(), source, GROUP6.into());
            let (reread, trailer) = hmac::split(&whole, family);
            assert_eq!(Trailer::parse(trailer), Some(again));
            assert!(
                again.is_genuine(reread, source, &KEY),
                "the checksum does not count"
            );
        }
    }
}

fn listen(mode: u8, data: &[u8]) {
    let freshness = if mode & 1 == 0 {
        Freshness::Time(WINDOW)
    } else {
        Freshness::Monotonic
    };
    let (version, ipv6) = match mode >> 1 & 3 {
        0 => (Version::V2, false),
        1 => (Version::V3, false),
        2 => (Version::V3, true),
        _ => (Version::V2, true),
    };
    let config = AuthHmac {
        keys: [(7, Secret::new(KEY))].into(),
        active_key: 7,
        freshness,
        mode: [
            HmacMode::Enforce,
            HmacMode::Permissive,
            HmacMode::ReceiveOnly,
        ][usize::from(mode >> 3) % 3],
    };
    let mut listener = Listener::new(instance(
        version,
        ipv6,
        Authentication::Hmac(config.clone()),
    ));
    listener.clock(Wall(NOON));
    let mut heard = HashSet::new();
    let mut sent = HashSet::new();
    for piece in data.chunks_exact(6).take(64) {
        let time =
            Wall(NOON.wrapping_add_signed(
                i64::from(i16::from_be_bytes([piece[2], piece[3]])) * 10_000_000,
            ));
        match piece[0] % 8 {
            0 => {
                listener.clock(time);
                // A mark of another time may have been forgotten for good reason.
                if matches!(freshness, Freshness::Time(_)) {
                    heard.clear();
                    sent.clear();
                }
            }
            1 => {
                let master = listener
                    .router
                    .instance(0)
                    .is_some_and(|instance| instance.state() == State::Master);
                let key = if master {
                    TimerKey::Advert(0)
                } else {
                    TimerKey::MasterDown(0)
                };
                let deadline = listener.now;
                for packet in listener.event(Event::Timer { key, deadline }) {
                    let message = if ipv6 { &packet[40..] } else { &packet[20..] };
                    let family = if ipv6 { Family::V6 } else { Family::V4 };
                    let trailer = Trailer::parse(hmac::split(message, family).1);
                    assert_eq!(trailer.is_some(), config.mode != HmacMode::ReceiveOnly);
                    if let Some(trailer) = trailer {
                        assert!(sent.insert(trailer.sequence.0), "a number is sent twice");
                    }
                }
            }
            what => {
                let (packet, spoiled) = advert(version, ipv6, piece, time, what);
                if listener.hears(&packet) {
                    assert!(
                        !spoiled || config.mode != HmacMode::Enforce && what == 2,
                        "a spoiled advert is welcome"
                    );
                    let copy = !spoiled && !heard.insert((piece[1], Sequence::at(time).0));
                    assert!(!copy, "a copy is welcome");
                }
            }
        }
    }
    assert!(!listener.said.contains("ABCDEFGH"));
}

/// An advert, signed at `time`; whether something is wrong with it.
fn advert(version: Version, ipv6: bool, piece: &[u8], time: Wall, what: u8) -> (Vec<u8>, bool) {
    let host = piece[1];
    let (source, destination): (IpAddr, IpAddr) = if ipv6 {
        (
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, host.into()).into(),
            GROUP6.into(),
        )
    } else {
        (Ipv4Addr::new(10, 0, 1, host).into(), GROUP.into())
    };
    let list = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x200, 0, 0x33).octets();
    let message =
        match (version, source, destination) {
            (Version::V2, IpAddr::V6(source), IpAddr::V6(destination)) => {
                v2::Advert::new_ipv6(VRID, 200, 1, &list).emit_ipv6(source, destination)
            }
            (Version::V2, ..) => v2::Advert::new(VRID, 200, 1, &[10, 200, 0, 51]).emit(),
            (Version::V3, ..) if ipv6 => v3::Advert::new(Family::V6, VRID, 200, 100, &list).emit(
                source,
                destination,
                v3::Coverage::PseudoHeader,
            ),
            (Version::V3, ..) => v3::Advert::new(Family::V4, VRID, 200, 100, &[10, 200, 0, 51])
                .emit(source, destination, v3::Coverage::PseudoHeader),
        };
    // 2: not signed at all; 3: with a key that nobody has, or another of ours; 4: a changed byte.
    let mut whole = match what {
        2 => message,
        _ => {
            let key = if what == 3 { [9; 32] } else { KEY };
            let id = if what == 3 && piece[5] & 1 == 0 { 8 } else { 7 };
            Trailer::sign(&message, source, id, &key, Sequence::at(time)).append(
                message,
                source,
                destination,
            )
        }
    };
    if what == 4 {
        let place = usize::from(piece[4]) % whole.len();
        whole[place] ^= piece[5] | 1;
    }
    let packet = match (source, destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => ipv6::Header {
            traffic_class: 0xc0,
            flow_label: 0,
            next_header: ip::PROTOCOL_VRRP,
            hop_limit: 255,
            source,
            destination,
        }
        .emit(&whole),
        (IpAddr::V4(source), IpAddr::V4(destination)) => ip::Header {
            tos: 0xc0,
            id: 1,
            ttl: 255,
            protocol: ip::PROTOCOL_VRRP,
            source,
            destination,
        }
        .emit(&whole),
        _ => unreachable!("one family"),
    };
    (packet, (2..=4).contains(&what))
}
