//! What is known of the interfaces that virtual MACs and ipvlans are made upon, and of a network namespace that this user may not go to.

use super::*;
use crate::config::world::{Barred, Footing, Ground};

fn ground(mtu: u32, footing: Footing) -> Ground {
    Ground { mtu, footing }
}

fn on(ground: Ground, lines: &str) -> Loaded {
    let world = Imagined {
        grounds: [("eth0".to_owned(), ground)].into(),
        ..world()
    };
    let text = format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n{lines}\n}}\n"
    );
    read_on(&world, text)
}

#[test]
fn what_an_interface_cannot_bear() {
    let six = "use_vmac\nvirtual_ipaddress_excluded {\n fd00::1/64\n}";
    let elsewhere = "virtual_ipaddress_excluded {\n fd00::1/64 use_vmac\n}";
    let ipvlan = "use_ipvlan strait 10.0.0.9/24";
    let port = || Footing::Port("br0".to_owned());
    let rows: [(Ground, Row); 14] = [
        (ground(1500, Footing::Plain), ("use_vmac", 0, "")),
        (ground(1279, Footing::Plain), ("use_vmac", 0, "")),
        (ground(1280, Footing::Plain), (six, 0, "")),
        (
            ground(1279, Footing::Plain),
            (six, status::WORLD, "IPv6 needs 1280"),
        ),
        (
            ground(1279, Footing::Plain),
            (elsewhere, status::WORLD, "IPv6 needs 1280"),
        ),
        (ground(1500, Footing::Wireless), ("", 0, "")),
        (ground(1500, Footing::Wireless), (ipvlan, 0, "")),
        (
            ground(1500, Footing::Wireless),
            ("use_vmac", status::WORLD, "eth0 is wireless"),
        ),
        (
            ground(1500, Footing::Wireless),
            (
                "use_vmac\nvmac_xmit_base",
                status::WORLD,
                "eth0 is wireless",
            ),
        ),
        (ground(1500, Footing::Ipvlan), (ipvlan, 0, "")),
        (
            ground(1500, Footing::Ipvlan),
            ("use_vmac", status::WORLD, "eth0 is an ipvlan"),
        ),
        (ground(1500, port()), ("", 0, "")),
        (
            ground(1500, port()),
            ("use_vmac", status::WORLD, "eth0 belongs to br0"),
        ),
        (
            ground(1500, port()),
            (ipvlan, status::WORLD, "eth0 belongs to br0"),
        ),
    ];
    for (ground, row) in rows {
        let what = format!("{ground:?}");
        let shown = judge(&on(ground, row.0), row);
        assert!(
            !row.2.is_empty() || shown.is_empty(),
            "{what} {}: {shown:?}",
            row.0
        );
    }
}

#[test]
fn what_cannot_stand_beside_one_another() {
    let instance = |id: u8, lines: &str| {
        format!(
            "vrrp_instance V{id} {{\n interface eth0\n virtual_router_id {id}\n {lines}\n virtual_ipaddress {{\n 10.0.0.{id}/24\n }}\n}}\n"
        )
    };
    for (first, second, message) in [
        ("use_vmac", "use_vmac", ""),
        (
            "use_ipvlan a 10.0.0.8/24",
            "use_ipvlan b 10.0.0.9/24 bridge",
            "",
        ),
        (
            "use_ipvlan a 10.0.0.8/24",
            "use_ipvlan b 10.0.0.9/24 vepa",
            "(V2) V1 has an ipvlan of another mode on eth0",
        ),
        (
            "use_vmac",
            "use_ipvlan b 10.0.0.9/24",
            "(V2) V1 has a link on eth0 already",
        ),
    ] {
        let loaded = read(instance(1, first) + &instance(2, second));
        let status = loaded.diagnostics.exit_status();
        assert_eq!(status != 0, !message.is_empty(), "{first}, {second}");
        assert!(
            message.is_empty() || said(&loaded, message),
            "{first}, {second}"
        );
    }
}

/// Whoever may not go there judges the rest of the file, and says what was left out.
#[test]
fn a_namespace_that_this_user_may_not_go_to() {
    let text = "net_namespace blue\nvrrp_instance VI_1 {\n interface no-such0\n virtual_router_id 51\n use_vmac\n track_interface {\n no-such1\n }\n \
                virtual_ipaddress {\n 10.0.0.1/24 dev no-such2\n }\n priority 300\n}\n";
    let barred = |barred| Imagined {
        barred: Some(barred),
        ..world()
    };
    let loaded = read_on(&barred(Barred::NotPermitted), text);
    let left_out =
        "not permitted to go to network namespace blue: nothing is said of the interfaces there";
    assert!(said(&loaded, left_out));
    assert!(said(&loaded, "Priority not valid"));
    assert!(!said(&loaded, "no-such"));
    assert_eq!(loaded.diagnostics.exit_status(), status::CONFIGURATION);
    let clean = read_on(
        &barred(Barred::NotPermitted),
        text.replace("priority 300\n", ""),
    );
    assert_eq!(clean.diagnostics.exit_status(), status::CLEAN);
    let loaded = read_on(&barred(Barred::Impossible("no such file".into())), text);
    assert!(said(
        &loaded,
        "cannot go to network namespace blue: no such file"
    ));
    assert!(!said(&loaded, "no-such0"));
}
