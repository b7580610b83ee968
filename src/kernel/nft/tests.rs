//! Batches as bytes, and what is made of the kernel's messages. That the kernel takes the rules, and what they do, is shown in
//! namespaces (`tests/netns/filter.rs`).

use super::*;
use crate::kernel::envelope::Envelopes;
use crate::kernel::envelope::Malformed;
use crate::kernel::filter::{Element, Family, Set, Shape};
use netlink_packet_core::NlasIterator;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

const ALL: [Set; 7] = [
    Set::Vips4,
    Set::Vips6,
    Set::LinkLocal,
    Set::LinkLocalNamed,
    Set::Igmp,
    Set::Mld,
    Set::Quiet,
];
const NFT_MSG_NEWRULE: u16 = 6;
const NFT_MSG_NEWSETELEM: u16 = 12;
const NFT_MSG_DELTABLE: u16 = 2;

fn shape(sets: &[Set]) -> Shape {
    Shape {
        table: "keepalived".into(),
        priority: -1,
        counters: false,
        outbound: true,
        sets: sets.iter().copied().collect(),
    }
}

/// Type (without the subsystem), family and flags of every message.
fn outline(bytes: &[u8]) -> Vec<(u16, u8, u16)> {
    Envelopes::new(bytes)
        .map(|envelope| {
            let envelope = envelope.expect("a message");
            assert_eq!(envelope.sequence, 7);
            (envelope.kind & 0xff, envelope.payload[0], envelope.flags)
        })
        .collect()
}

#[test]
fn a_batch_is_framed_and_answered_once() {
    let commands = remove_tables("keepalived", [Family::Ip]);
    let (request, create, append, ack) = (1, 0x400, 0x800, 4);
    assert_eq!(
        outline(&batch(7, &commands)),
        [
            (0x10, 0, request),
            (0, 2, request | create),
            (2, 2, request | ack),
            (0x11, 0, request),
        ],
        "made so that it can be removed"
    );
    let made = outline(&batch(7, &make_tables(&shape(&[Set::Vips4]))));
    let kinds: Vec<u16> = made.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(
        kinds,
        [0x10, 0, 2, 0, 9, 3, 6, 3, 6, 0x11],
        "table away, table, set, chain and rule twice"
    );
    let rules = made.iter().filter(|(kind, ..)| *kind == NFT_MSG_NEWRULE);
    assert!(
        rules.into_iter().all(|(_, _, flags)| flags & append != 0),
        "a rule goes behind the others"
    );
    // nlmsghdr and nfgenmsg of NFNL_MSG_BATCH_BEGIN: the resource is the subsystem, in network byte order.
    assert_eq!(
        batch(7, &[])[..20],
        [
            20, 0, 0, 0, 0x10, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10
        ]
    );
}

/// (sets, outbound, rules in the table of IPv4, rules in that of IPv6)
type Row = (&'static [Set], bool, usize, usize);

#[test]
fn rules_by_sets() {
    let rows: &[Row] = &[
        (&[Set::Vips4], true, 2, 0),
        (&[Set::Vips4], false, 1, 0),
        (&[Set::Vips6], true, 0, 4),
        (&[Set::Vips6, Set::LinkLocal], true, 0, 6),
        (&[Set::LinkLocalNamed], false, 0, 2),
        (&[Set::Igmp], false, 1, 0),
        (&[Set::Mld, Set::Quiet], true, 0, 3),
        (&ALL, true, 3, 11),
    ];
    for (sets, outbound, v4, v6) in rows {
        let shape = Shape {
            outbound: *outbound,
            ..shape(sets)
        };
        let made = outline(&batch(7, &make_tables(&shape)));
        let rules = |family| {
            made.iter()
                .filter(|(kind, of, _)| *kind == NFT_MSG_NEWRULE && *of == family)
                .count()
        };
        assert_eq!((rules(2), rules(10)), (*v4, *v6), "{sets:?} {outbound}");
    }
}

/// What is in an attribute of the only command.
fn elements(element: Element) -> Vec<u8> {
    let bytes = batch(7, &add_elements("t", &[element]));
    let message = Envelopes::new(&bytes)
        .nth(1)
        .expect("a command")
        .expect("whole");
    let list = NlasIterator::new(&message.payload[GENERIC_HEADER..])
        .map(|attribute| attribute.expect("an attribute"))
        .find(|attribute| attribute.kind() == 3)
        .expect("the elements");
    list.value().to_vec()
}

#[test]
fn an_element_is_a_key_and_may_have_a_value() {
    let nested = 0x80;
    // NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE, each with its length first.
    assert_eq!(
        elements(Element::Vip4(Ipv4Addr::new(10, 74, 0, 1))),
        [16, 0, 1, nested, 12, 0, 1, nested, 8, 0, 1, 0, 10, 74, 0, 1]
    );
    let link_local = elements(Element::LinkLocal(Ipv6Addr::from(1), 0x0102));
    assert_eq!(link_local[12..28], Ipv6Addr::from(1).octets());
    assert_eq!(link_local[28..], 0x0102u32.to_ne_bytes());
    let named = elements(Element::LinkLocalNamed(Ipv6Addr::from(1), "eth0".into()));
    assert_eq!(named[28..], *b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
    let mapped = elements(Element::Mld(5, 6));
    assert_eq!(mapped[12..16], 5u32.to_ne_bytes());
    assert_eq!(
        mapped[16..24],
        [12, 0, 2, nested, 8, 0, 1, 0],
        "NFTA_SET_ELEM_DATA"
    );
    assert_eq!(mapped[24..], 6u32.to_ne_bytes());
}

#[test]
fn many_elements_are_many_messages() {
    let all: Vec<Element> = (0..2000)
        .map(|n| Element::Vip4(Ipv4Addr::from(0x0a00_0000 + n)))
        .chain((0..3).map(|n| Element::Vip6(Ipv6Addr::from(n))))
        .collect();
    let bytes = batch(7, &add_elements("keepalived", &all));
    let messages = outline(&bytes);
    let of = |family| {
        messages
            .iter()
            .filter(|(kind, of, _)| *kind == NFT_MSG_NEWSETELEM && *of == family)
            .count()
    };
    assert_eq!((of(2), of(10)), (4, 1), "512 in each");
    assert!(add_elements("keepalived", &[]).is_empty());
}

/// A message of the kernel: header, `nfgenmsg` and the name of a table.
fn event(kind: u16, family: u8, table: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes.extend([family, 0, 0, 0]);
    if !table.is_empty() {
        let length = u16::try_from(4 + table.len()).expect("short");
        bytes.extend(length.to_ne_bytes());
        bytes.extend(1u16.to_ne_bytes());
        bytes.extend(table);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = u32::try_from(bytes.len()).expect("short");
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[8..12].copy_from_slice(&9u32.to_ne_bytes());
    bytes[12..16].copy_from_slice(&77u32.to_ne_bytes());
    bytes
}

fn only(bytes: &[u8]) -> Result<Received, Malformed> {
    let mut all = decode(bytes);
    let first = all.next().expect("a message");
    assert!(all.next().is_none());
    first
}

#[test]
fn what_the_kernel_says() {
    let nft = |kind: u16| 10 << 8 | kind;
    let removed = |family| Message::Removed {
        family,
        table: "harbour".into(),
    };
    let objects = [
        ("a table", nft(2), 2, removed(Family::Ip)),
        ("a chain", nft(5), 10, removed(Family::Ip6)),
        ("a rule", nft(8), 2, removed(Family::Ip)),
        ("a set", nft(11), 2, removed(Family::Ip)),
        ("an element", nft(14), 2, removed(Family::Ip)),
        ("something new", nft(6), 2, Message::Other),
        ("of a bridge", nft(2), 7, Message::Other),
        ("conntrack", 1 << 8 | 2, 2, Message::Other),
    ]
    .map(|(what, kind, family, wanted)| (what, event(kind, family, b"harbour\0"), Ok(wanted)));
    let error = |errno: i32| {
        let mut bytes = event(2, 0, b"");
        bytes[16..20].copy_from_slice(&(-errno).to_ne_bytes());
        bytes
    };
    let mut cut = event(nft(2), 2, b"harbour\0");
    cut[20] = 200;
    let others = [
        ("without a name", event(nft(2), 2, b""), Ok(Message::Other)),
        ("done", error(0), Ok(Message::Answer(0))),
        ("refused", error(95), Ok(Message::Answer(95))),
        ("lost", event(4, 0, b""), Ok(Message::Overrun)),
        ("an attribute too long", cut, Err(Malformed::Attribute)),
    ];
    for (what, bytes, wanted) in objects.into_iter().chain(others) {
        let received = only(&bytes);
        if let Ok(received) = &received {
            assert_eq!((received.sequence, received.port), (9, 77), "{what}");
        }
        assert_eq!(received.map(|received| received.message), wanted, "{what}");
    }
    assert_eq!(only(&[1, 2, 3]), Err(Malformed::Length));
}

fn any_element() -> impl Strategy<Value = Element> {
    let v6 = || any::<u128>().prop_map(Ipv6Addr::from);
    prop_oneof![
        any::<u32>().prop_map(|bits| Element::Vip4(Ipv4Addr::from(bits))),
        v6().prop_map(Element::Vip6),
        (v6(), any::<u32>()).prop_map(|(address, index)| Element::LinkLocal(address, index)),
        (v6(), "[a-z0-9.]{1,15}")
            .prop_map(|(address, name)| Element::LinkLocalNamed(address, name)),
        any::<(u32, u32)>().prop_map(|(vmac, base)| Element::Igmp(vmac, base)),
        any::<(u32, u32)>().prop_map(|(vmac, base)| Element::Mld(vmac, base)),
        any::<u32>().prop_map(Element::Quiet),
    ]
}

proptest! {
    #[test]
    fn any_bytes_can_be_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for message in decode(&bytes) {
            let _ = message;
        }
    }

    #[test]
    fn our_batches_are_well_formed(
        sets in proptest::collection::btree_set(proptest::sample::select(&ALL[..]), 1..7),
        table in "[a-z]{1,30}",
        elements in proptest::collection::vec(any_element(), 0..40),
    ) {
        let elements: BTreeSet<Element> = elements.into_iter().collect();
        let shape = Shape { table, sets, counters: true, ..shape(&[]) };
        let mut commands = make_tables(&shape);
        commands.extend(add_elements(&shape.table, &elements));
        commands.extend(delete_elements(&shape.table, &elements));
        let bytes = batch(7, &commands);
        prop_assert!(bytes.len().is_multiple_of(4));
        let removed: Vec<Family> = decode(&bytes)
            .map(|message| message.expect("well-formed"))
            .filter_map(|received| match received.message {
                Message::Removed { family, table } => {
                    assert_eq!(table, shape.table);
                    Some(family)
                }
                _ => None,
            })
            .collect();
        // Every message that removes something, as the kernel's events would tell it: the tables, then elements.
        let tables = outline(&bytes).iter().filter(|(kind, ..)| *kind == NFT_MSG_DELTABLE).count();
        prop_assert_eq!(tables, shape.families().len());
        prop_assert!(removed.len() >= tables);
    }
}
