//! The codec against itself and against bytes from a real kernel's mouth (an iproute2 request, by strace).

use super::*;
use proptest::prelude::*;

fn one(bytes: &[u8]) -> Result<Received, Malformed> {
    let mut messages = decode(bytes);
    let first = messages.next().expect("one message");
    assert!(messages.next().is_none(), "only one message");
    first
}

/// The kernel's answer to a request has the shape of the request: NEWADDR and DELADDR decode to what was encoded.
fn echoed(request: &Request) -> Received {
    let mut bytes = Vec::new();
    request.encode(7, &mut bytes);
    let received = one(&bytes).expect("well-formed");
    assert_eq!(received.sequence, 7);
    received
}

fn addresses() -> impl Strategy<Value = Address> {
    let v4 = (
        any::<[u8; 4]>(),
        0u8..=32,
        prop::option::of(any::<[u8; 4]>()),
        prop::option::of("[a-z0-9:.]{1,15}"),
        any::<u8>(),
    );
    let v4 = (v4, prop::option::of(any::<[u8; 4]>()), 0u32..0x1000).prop_map(
        |((a, prefix, peer, label, scope), brd, flags)| Address {
            placement: Placement {
                address: a.into(),
                prefix,
                peer: peer.map(IpAddr::from).filter(|p| *p != IpAddr::from(a)),
            },
            label,
            scope,
            broadcast: brd.map(Ipv4Addr::from),
            flags,
            preferred_lifetime: None,
        },
    );
    let v6 = (
        any::<[u8; 16]>(),
        0u8..=128,
        prop::option::of(any::<[u8; 16]>()),
        0u32..0x1000,
    )
        .prop_map(|(a, prefix, peer, flags)| Address {
            placement: Placement {
                address: a.into(),
                prefix,
                peer: peer.map(IpAddr::from).filter(|p| *p != IpAddr::from(a)),
            },
            flags,
            ..Address::new(IpAddr::from(a), prefix)
        });
    prop_oneof![v4, v6]
}

proptest! {
    #[test]
    fn addresses_survive_the_codec(index in any::<u32>(), address in addresses()) {
        let placement = address.placement;
        prop_assert_eq!(
            echoed(&Request::AddAddress { index, address: address.clone() }).message,
            Message::Address { index, address }
        );
        prop_assert_eq!(
            echoed(&Request::DeleteAddress { index, placement }).message,
            Message::AddressGone { index, placement }
        );
    }

    #[test]
    fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(decode(&bytes).count() <= bytes.len());
    }

    #[test]
    fn damaged_messages_end_without_a_panic(address in addresses(), at in 0usize..120, to in any::<u8>(), cut in 0usize..120) {
        let mut bytes = Vec::new();
        Request::AddAddress { index: 3, address }.encode(1, &mut bytes);
        Request::DumpLinks.encode(2, &mut bytes);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        bytes.truncate(cut);
        prop_assert!(decode(&bytes).count() <= 2 + bytes.len() / 16);
    }
}

/// A message with this type, flags and payload; the length right.
fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((16 + payload.len() as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(9u32.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn link_payload(family: u8, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = vec![family, 0];
    bytes.extend(1u16.to_ne_bytes());
    bytes.extend(5u32.to_ne_bytes());
    bytes.extend(0x1_1043u32.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(attributes);
    bytes
}

#[test]
fn adding_an_address_looks_as_iproute2_has_it() {
    let address = Address {
        label: Some("eth0:0".into()),
        ..Address::new("172.18.100.66".parse().unwrap(), 16)
    };
    let mut bytes = Vec::new();
    Request::AddAddress { index: 2, address }.encode(1, &mut bytes);
    let mut expected = vec![];
    expected.extend(52u32.to_ne_bytes());
    expected.extend(20u16.to_ne_bytes());
    expected.extend(0x605u16.to_ne_bytes()); // REQUEST | ACK | EXCL | CREATE
    expected.extend(1u32.to_ne_bytes());
    expected.extend(0u32.to_ne_bytes());
    expected.extend([2, 16, 0, 0]); // AF_INET, /16, no flags, universe
    expected.extend(2u32.to_ne_bytes());
    expected.extend([8, 0, 2, 0, 172, 18, 100, 66]); // IFA_LOCAL
    expected.extend([8, 0, 1, 0, 172, 18, 100, 66]); // IFA_ADDRESS
    expected.extend([11, 0, 3, 0]); // IFA_LABEL
    expected.extend(b"eth0:0\0\0");
    // 51 bytes of content, padded to 52.
    assert_eq!(bytes, expected);
}

#[test]
fn several_requests_share_a_datagram() {
    let mut bytes = Vec::new();
    for sequence in 1..=3 {
        let address = Address {
            label: Some("a".into()),
            ..Address::new("10.0.0.1".parse().unwrap(), 32)
        };
        Request::AddAddress { index: 1, address }.encode(sequence, &mut bytes);
    }
    let sequences: Vec<u32> = decode(&bytes)
        .map(|message| message.expect("well-formed").sequence)
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[test]
fn of_addresses_only_the_last_request_is_to_be_answered_when_it_goes_well() {
    const NLM_F_ACK: u16 = 4;
    let add = || Request::AddAddress {
        index: 1,
        address: Address::new("10.0.0.1".parse().unwrap(), 32),
    };
    let delete = || Request::DeleteAddress {
        index: 1,
        placement: Address::new("10.0.0.1".parse().unwrap(), 32).placement,
    };
    let link = || Request::DeleteLink { index: 1 };
    for (requests, answered) in [
        (vec![add()], vec![true]),
        (vec![add(), delete(), add()], vec![false, false, true]),
        (vec![link(), delete(), link()], vec![true, false, true]),
    ] {
        let requests: Vec<(u32, Request)> = (1..).zip(requests).collect();
        let mut bytes = Vec::new();
        encode_all(&requests, &mut bytes);
        let flags: Vec<bool> = Envelopes::new(&bytes)
            .map(|envelope| envelope.expect("well-formed").flags & NLM_F_ACK != 0)
            .collect();
        assert_eq!(flags, answered);
    }
}

#[test]
fn acks_and_ends_of_dumps() {
    for (kind, payload, expected) in [
        (
            NLMSG_ERROR,
            (-17i32).to_ne_bytes().to_vec(),
            Message::Ack(17),
        ),
        (NLMSG_ERROR, 0i32.to_ne_bytes().to_vec(), Message::Ack(0)),
        (
            NLMSG_ERROR,
            i32::MIN.to_ne_bytes().to_vec(),
            Message::Ack(i32::MAX),
        ),
        (NLMSG_DONE, vec![], Message::Done(0)),
        (NLMSG_DONE, (-4i32).to_ne_bytes().to_vec(), Message::Done(4)),
        (NLMSG_OVERRUN, vec![], Message::Overrun),
        (4000, vec![1, 2, 3, 4], Message::Other),
    ] {
        assert_eq!(
            one(&message(kind, 0, &payload)).map(|received| received.message),
            Ok(expected)
        );
    }
    assert_eq!(
        one(&message(NLMSG_ERROR, 0, &[1, 2])),
        Err(Malformed::Header)
    );
    assert!(
        one(&message(
            NLMSG_DONE,
            NLM_F_DUMP_INTR | NLM_F_MULTIPART,
            &[0; 4]
        ))
        .is_ok_and(|r| r.interrupted && r.part_of_dump)
    );
}

#[test]
fn links_with_attributes_nobody_knows() {
    let mut attributes = vec![9, 0, 3, 0];
    attributes.extend(b"eth0\0\0\0\0");
    attributes.extend([8, 0, 4, 0]);
    attributes.extend(1500u32.to_ne_bytes());
    attributes.extend([10, 0, 1, 0, 2, 0, 0, 0, 0, 7, 0, 0]);
    attributes.extend([6, 0, 0xff, 0x3f, 1, 2, 0, 0]);
    let expected = LinkReport {
        nature: Nature::default(),
        index: 5,
        name: Some("eth0".into()),
        flags: 0x1_1043,
        mac: Some([2, 0, 0, 0, 0, 7]),
        mtu: Some(1500),
        hardware: 1,
    };
    let received = one(&message(
        RTM_NEWLINK,
        0,
        &link_payload(AF_UNSPEC, &attributes),
    ));
    assert_eq!(received.map(|r| r.message), Ok(Message::Link(expected)));
    // A bridge speaks of its ports with its own family; such a message says nothing about the link itself.
    const AF_BRIDGE: u8 = 7;
    for kind in [RTM_NEWLINK, RTM_DELLINK] {
        let received = one(&message(kind, 0, &link_payload(AF_BRIDGE, &attributes)));
        assert_eq!(received.map(|r| r.message), Ok(Message::Other));
    }
    assert_eq!(
        one(&message(RTM_DELLINK, 0, &link_payload(AF_UNSPEC, &[]))).map(|r| r.message),
        Ok(Message::LinkGone(5))
    );
}

#[test]
fn what_is_cut_short_is_malformed() {
    let mtu_of_two_bytes = link_payload(AF_UNSPEC, &[6, 0, 4, 0, 1, 2, 0, 0]);
    let attribute_past_the_end = link_payload(AF_UNSPEC, &[40, 0, 3, 0, b'e']);
    for (name, bytes, expected) in [
        ("no header", vec![1, 2, 3], Malformed::Length),
        (
            "length past the end",
            message(RTM_NEWLINK, 0, &[])[..15].to_vec(),
            Malformed::Length,
        ),
        (
            "link header cut",
            message(RTM_NEWLINK, 0, &[0; 7]),
            Malformed::Header,
        ),
        (
            "address header cut",
            message(RTM_NEWADDR, 0, &[2; 7]),
            Malformed::Header,
        ),
        (
            "address of five bytes",
            message(
                RTM_NEWADDR,
                0,
                &[2, 24, 0, 0, 1, 0, 0, 0, 9, 0, 2, 0, 1, 2, 3, 4, 5, 0, 0, 0],
            ),
            Malformed::Attribute,
        ),
        (
            "mtu of two bytes",
            message(RTM_NEWLINK, 0, &mtu_of_two_bytes),
            Malformed::Attribute,
        ),
        (
            "attribute past the end",
            message(RTM_NEWLINK, 0, &attribute_past_the_end),
            Malformed::Attribute,
        ),
    ] {
        assert_eq!(one(&bytes), Err(expected), "{name}");
    }
}

#[test]
fn a_malformed_message_does_not_hide_the_next() {
    let mut bytes = message(RTM_NEWADDR, 0, &[2; 8]);
    bytes[16..24].copy_from_slice(&[2, 24, 0, 0, 1, 0, 0, 0]);
    bytes.extend(message(RTM_NEWADDR, 0, &[2; 4]));
    bytes.extend(message(NLMSG_ERROR, 0, &[0; 4]));
    let all: Vec<_> = decode(&bytes)
        .map(|message| message.map(|received| received.message))
        .collect();
    assert_eq!(
        all,
        [
            Ok(Message::Other),
            Err(Malformed::Header),
            Ok(Message::Ack(0))
        ]
    );
}
