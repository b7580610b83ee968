//! Messages as bytes and back. The kernel tells a service, a destination, a daemon and the timeouts in the form in which they are asked
//! for, so what we ask can be read as what it tells. That a kernel takes and tells them so is shown in tests/guest/ipvs.rs.

use super::*;
use crate::config::model::{Encapsulation, Protocol, TunnelChecksum};
use crate::kernel::envelope::Malformed;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const FAMILY: u16 = 28;

fn only(bytes: &[u8]) -> Received {
    let mut all = decode(bytes).map(|message| message.expect("well-formed"));
    let first = all.next().expect("a message");
    assert!(all.next().is_none());
    first
}

fn http() -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: Ipv4Addr::new(10, 0, 0, 1).into(),
        port: 80,
    }
}

fn service() -> Service {
    Service {
        scheduler: "wrr".into(),
        flags: SchedulerFlags::default(),
        one_packet: false,
        persistence: None,
    }
}

#[test]
fn a_service_is_written_as_the_kernel_reads_it() {
    let bytes = datagram(FAMILY, &[(7, Request::NewService(http(), service()))]);
    let (request, ack) = (1u8, 4u8);
    #[rustfmt::skip]
    let wanted = [
        104, 0, 0, 0, 28, 0, request | ack, 0, 7, 0, 0, 0, 0, 0, 0, 0, // nlmsghdr
        1, 1, 0, 0, // genlmsghdr: IPVS_CMD_NEW_SERVICE, version 1
        84, 0, 1, 0x80, // IPVS_CMD_ATTR_SERVICE, nested
        6, 0, 1, 0, 2, 0, 0, 0, // AF
        6, 0, 2, 0, 6, 0, 0, 0, // PROTOCOL
        20, 0, 3, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // ADDR
        6, 0, 4, 0, 0, 80, 0, 0, // PORT, network byte order
        8, 0, 6, 0, b'w', b'r', b'r', 0, // SCHED_NAME
        12, 0, 7, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, // FLAGS and mask
        8, 0, 8, 0, 0, 0, 0, 0, // TIMEOUT
        8, 0, 9, 0, 255, 255, 255, 255, // NETMASK
    ];
    assert_eq!(bytes, wanted);
}

#[test]
fn only_the_last_of_a_datagram_is_answered_for_sure() {
    let bytes = datagram(
        FAMILY,
        &[
            (1, Request::DeleteService(http())),
            (2, Request::Flush),
            (3, Request::GetService(http())),
        ],
    );
    let flags: Vec<(u32, u16)> = super::super::envelope::Envelopes::new(&bytes)
        .map(|envelope| envelope.expect("whole"))
        .map(|envelope| (envelope.sequence, envelope.flags))
        .collect();
    assert_eq!(flags, [(1, 1), (2, 1), (3, 5)]);
    let bytes = datagram(FAMILY, &[(1, Request::DumpDestinations(http()))]);
    let dump = super::super::envelope::Envelopes::new(&bytes).next();
    assert_eq!(dump.expect("one").expect("whole").flags, 0x301);
}

/// An answer as the kernel frames it: errno, the header of the request, attributes.
fn answer(errno: i32, flags: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes.extend((-errno).to_ne_bytes());
    bytes.extend(16u32.to_ne_bytes());
    bytes.extend([0; 12]);
    bytes.extend(rest);
    let length = u32::try_from(bytes.len()).expect("short");
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4] = 2;
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes[8] = 9;
    bytes
}

#[test]
fn answers_with_the_words_of_the_kernel() {
    let words = b"\x0b\0\x01\0Invalid\0";
    let rows: [(Vec<u8>, i32, Option<&str>); 5] = [
        (answer(0, 0x100, b""), 0, None),
        (answer(22, 0x100, b""), 22, None),
        (answer(22, 0x300, words), 22, Some("Invalid")),
        (answer(22, 0x200, words), 22, Some("Invalid")),
        (answer(22, 0x200, b"\xff\0\x01\0"), 22, None),
    ];
    for (bytes, errno, words) in rows {
        let received = only(&bytes);
        assert_eq!(received.sequence, 9);
        let words = words.map(str::to_owned);
        assert_eq!(received.message, Message::Answer { errno, words });
    }
}

#[test]
fn the_number_of_the_family() {
    let asked = resolve(5);
    assert!(asked.windows(5).any(|window| window == b"IPVS\0"));
    // nlmsghdr of the family controller, CTRL_CMD_NEWFAMILY, CTRL_ATTR_FAMILY_ID 33.
    let mut told = vec![
        28, 0, 0, 0, 16, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 6, 0, 1, 0, 33, 0, 0, 0,
    ];
    assert_eq!(only(&told).message, Message::Family(33));
    told[20] = 200;
    assert_eq!(decode(&told).next(), Some(Err(Malformed::Attribute)));
    assert_eq!(decode(&told[..20]).next(), Some(Err(Malformed::Length)));
}

#[test]
fn what_no_request_of_ours_could_make_is_told_as_such() {
    let (server, destination) = (
        DestinationKey {
            address: Ipv4Addr::new(10, 0, 0, 2).into(),
            port: 0,
        },
        Destination {
            forwarding: Forwarding::Nat,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
        },
    );
    let mut bytes = datagram(
        FAMILY,
        &[(1, Request::SetDestination(http(), server, destination))],
    );
    // NEW_DEST, as the kernel tells it; FWD_METHOD (kind 3) becomes IP_VS_CONN_F_LOCALNODE.
    bytes[16] = 5;
    let at = bytes
        .windows(8)
        .rposition(|window| window == [8, 0, 3, 0, 0, 0, 0, 0])
        .expect("the forwarding method");
    bytes[at + 4] = 1;
    match only(&bytes).message {
        Message::Destination {
            key, destination, ..
        } => assert_eq!((key, destination), (server, None)),
        other => panic!("{other:?}"),
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).into()),
    ]
}

pub(super) fn any_key() -> impl Strategy<Value = ServiceKey> {
    let protocol = proptest::sample::select(&[Protocol::Tcp, Protocol::Udp, Protocol::Sctp][..]);
    let family = proptest::sample::select(&[Family::Inet, Family::Inet6][..]);
    prop_oneof![
        (protocol, any_address(), any::<u16>()).prop_map(|(protocol, address, port)| {
            ServiceKey::Address {
                protocol,
                address,
                port,
            }
        }),
        (family, any::<u32>()).prop_map(|(family, mark)| ServiceKey::Fwmark { family, mark }),
    ]
}

fn any_service(family: Family) -> impl Strategy<Value = Service> {
    let granularity = match family {
        Family::Inet => any::<u32>()
            .prop_map(|bits| Granularity::Mask(bits.into()))
            .boxed(),
        Family::Inet6 => (1..=128u8).prop_map(Granularity::Prefix).boxed(),
    };
    let engine = proptest::option::of("[a-z]{1,15}".prop_map(Rc::from));
    let persistence =
        (any::<u32>(), granularity, engine).prop_map(|(timeout, granularity, engine)| {
            Persistence {
                timeout,
                granularity,
                engine,
            }
        });
    (
        "[a-z]{1,15}",
        any::<[bool; 4]>(),
        proptest::option::of(persistence),
    )
        .prop_map(
            |(scheduler, [first, second, third, one_packet], persistence)| Service {
                scheduler: scheduler.into(),
                flags: SchedulerFlags {
                    first,
                    second,
                    third,
                },
                one_packet,
                persistence,
            },
        )
}

fn any_destination() -> impl Strategy<Value = Destination> {
    let encapsulation = prop_oneof![
        Just(Encapsulation::Ipip),
        Just(Encapsulation::Gre),
        any::<u16>().prop_map(Encapsulation::Gue)
    ];
    let checksums = [
        TunnelChecksum::None,
        TunnelChecksum::Full,
        TunnelChecksum::Remote,
    ];
    let tunnel = (encapsulation, proptest::sample::select(checksums.to_vec()))
        .prop_map(|(encapsulation, checksum)| Forwarding::Tunnel(encapsulation, checksum));
    let forwarding = prop_oneof![
        Just(Forwarding::Nat),
        Just(Forwarding::DirectRouting),
        tunnel
    ];
    (forwarding, any::<[u32; 3]>()).prop_map(
        |(forwarding, [weight, upper_threshold, lower_threshold])| Destination {
            forwarding,
            weight,
            upper_threshold,
            lower_threshold,
        },
    )
}

proptest! {
    #[test]
    fn services_come_back(
        (wanted_key, wanted) in any_key().prop_flat_map(|key| (Just(key), any_service(key.family()))),
    ) {
        let bytes = datagram(FAMILY, &[(3, Request::NewService(wanted_key, wanted.clone()))]);
        let traffic = Traffic::default();
        prop_assert_eq!(
            only(&bytes).message,
            Message::Service { key: wanted_key, service: Some(wanted), traffic }
        );
    }

    #[test]
    fn destinations_come_back(
        service in any_key(),
        address in any_address(),
        port in any::<u16>(),
        wanted in any_destination(),
    ) {
        let server = DestinationKey { address, port };
        let bytes = datagram(FAMILY, &[(3, Request::NewDestination(service, server, wanted))]);
        match only(&bytes).message {
            Message::Destination { key, destination, .. } => {
                prop_assert_eq!((key, destination), (server, Some(wanted)));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn daemons_come_back(
        master in any::<bool>(),
        interface in "[a-z0-9.]{1,15}",
        id in any::<u8>(),
        max_length in proptest::option::of(any::<u16>()),
        port in proptest::option::of(any::<u16>()),
        ttl in proptest::option::of(any::<u8>()),
        group in proptest::option::of(any_address()),
    ) {
        let role = if master { SyncRole::Master } else { SyncRole::Backup };
        let interface = interface.into();
        let daemon = SyncDaemon { role, interface, id, max_length, port, ttl, group };
        let bytes = datagram(FAMILY, &[(3, Request::StartDaemon(daemon.clone()))]);
        prop_assert_eq!(only(&bytes).message, Message::Daemon(daemon));
    }

    #[test]
    fn timeouts_come_back([tcp, tcp_fin, udp] in any::<[u32; 3]>()) {
        let timeouts = Timeouts { tcp, tcp_fin, udp };
        let bytes = datagram(FAMILY, &[(3, Request::SetTimeouts(timeouts))]);
        prop_assert_eq!(only(&bytes).message, Message::Timeouts(timeouts));
    }

    #[test]
    fn any_bytes_can_be_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode(&bytes).for_each(drop);
    }

    /// A header that fits, so that what is inside is looked at.
    #[test]
    fn any_attributes_can_be_decoded(
        mut bytes in proptest::collection::vec(any::<u8>(), 20..300),
        kind in 16..18u16,
        told in 0..18u8,
    ) {
        let length = u32::try_from(bytes.len()).expect("short");
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[16] = told;
        decode(&bytes).for_each(drop);
    }
}
