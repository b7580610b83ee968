//! Links as messages: what we ask for, read back as the kernel would report it.

use super::*;

fn wish(kind: LinkKind) -> VirtualLink {
    VirtualLink {
        name: "vrrp.51".to_owned(),
        base: "eth0".to_owned(),
        kind,
        group: None,
        for_ipv6: false,
        has_ipv6: false,
        link_local: false,
        notify: false,
    }
}

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const MACVLAN: LinkKind = LinkKind::Macvlan { mac: MAC };

/// What the attributes of a message say, with the hardware address and the name.
fn read(body: &[u8]) -> (Nature, Option<[u8; 6]>, Option<Vec<u8>>) {
    let (mut nature, mut mac, mut name) = (Nature::default(), None, None);
    for attribute in NlasIterator::new(&body[16..]) {
        let attribute = attribute.expect("well formed");
        match attribute.kind() {
            IFLA_ADDRESS => mac = attribute.value().try_into().ok(),
            IFLA_IFNAME => name = Some(attribute.value().to_vec()),
            kind => nature.read(kind, attribute.value()),
        }
    }
    (nature, mac, name)
}

#[test]
fn what_is_asked_for_is_what_is_wanted() {
    let (nature, mac, name) = read(&new_body(&wish(MACVLAN), 4, 7));
    assert_eq!(mac, Some(MAC));
    assert_eq!(name.as_deref(), Some(&b"vrrp.51\0"[..]));
    assert_eq!((nature.base, nature.group), (Some(4), 7));
    assert!(nature.is(&wish(MACVLAN), 4, MAC));
    assert!(!nature.is(&wish(MACVLAN), 5, MAC), "upon another link");
    assert!(!nature.is(&wish(MACVLAN), 4, [2; 6]), "another address");
    for (mode, flags) in [
        (IpvlanMode::Bridge, 0),
        (IpvlanMode::Private, 1),
        (IpvlanMode::Vepa, 2),
    ] {
        let kind = LinkKind::Ipvlan {
            mode,
            address: None,
        };
        let (nature, mac, _) = read(&new_body(&wish(kind), 4, 0));
        assert_eq!((nature.kind, mac), (Kind::Ipvlan(0, flags), None));
        assert!(nature.is(&wish(kind), 4, [2; 6]));
        assert!(!nature.is(&wish(MACVLAN), 4, MAC));
    }
}

/// Whose a link of our name is.
#[test]
fn an_earlier_version_of_ours_is_told_from_others() {
    let of = |kind| Nature {
        kind,
        ..Nature::default()
    };
    for (what, kind, mac, ours) in [
        ("our address", Kind::Macvlan(4), MAC, true),
        (
            "of another virtual router",
            Kind::Macvlan(1),
            [0, 0, 0x5e, 0, 2, 9],
            true,
        ),
        ("somebody's macvlan", Kind::Macvlan(1), [2; 6], false),
        ("a veth", Kind::Other, MAC, false),
        ("an ipvlan", Kind::Ipvlan(0, 0), MAC, false),
    ] {
        assert_eq!(of(kind).was(&wish(MACVLAN), mac), ours, "{what}");
    }
}

#[test]
fn settings_are_read_by_their_numbers_and_told_only_where_they_change() {
    let update = LinkUpdate {
        settings: vec![(Setting::ArpIgnore, 1), (Setting::RpFilter, 2)],
        no_link_local: true,
        ..LinkUpdate::default()
    };
    // A request names each setting (nested); a report has all of them, one after another.
    let body = set_body(3, &update);
    assert_eq!(body[4..8], 3u32.to_ne_bytes());
    assert_eq!(body[8..16], [0; 8], "flags stay as they are");
    let mut conf = vec![0u8; 33 * 4];
    conf[18 * 4] = 1;
    conf[7 * 4] = 2;
    let inet = nested(AF_INET, &[attribute(IFLA_INET_CONF, &conf)]);
    let inet6 = nested(AF_INET6, &[attribute(IFLA_INET6_ADDR_GEN_MODE, &[0])]);
    let mut nature = Nature::default();
    assert!(!nature.makes_link_local(), "not told");
    nature.read(IFLA_AF_SPEC, &emitted(&[inet, inet6][..]));
    let values = Setting::ALL.map(|setting| nature.setting(setting));
    assert_eq!(
        values,
        [Some(2), Some(0), Some(1), Some(0), Some(0), Some(0)]
    );
    assert!(nature.makes_link_local());
    nature.updated(&LinkUpdate {
        settings: vec![(Setting::AcceptLocal, 1)],
        no_link_local: true,
        ..LinkUpdate::default()
    });
    assert_eq!(nature.setting(Setting::AcceptLocal), Some(1));
    assert!(!nature.makes_link_local());
    let up = set_body(
        3,
        &LinkUpdate {
            up: true,
            ..LinkUpdate::default()
        },
    );
    assert_eq!(up[8..16], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(up.len(), 16);
}

#[test]
fn malformed_attributes_are_of_no_kind() {
    let mut nature = Nature::default();
    for kind in [
        IFLA_LINK,
        IFLA_MASTER,
        IFLA_GROUP,
        IFLA_LINKINFO,
        IFLA_AF_SPEC,
    ] {
        for value in [&[][..], &[1], &[0, 0, 1, 0], &[255; 9], &[8, 0, 1, 0, 1]] {
            nature.read(kind, value);
        }
    }
    assert_eq!(nature.kind, Kind::Other);
    assert_eq!(nature.setting(Setting::RpFilter), None);
}
