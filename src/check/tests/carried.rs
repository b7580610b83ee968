//! What virtual servers carry, from what the kernel says of its services.

use super::{lvs, server, whole};
use crate::check::carried::Carried;
use crate::check::table::Groups;
use crate::kernel::ipvs::{Connections, Counts, Reading, Traffic};

fn traffic(connections: u64, per_second: u64) -> Traffic {
    let count = |connections| Counts {
        connections,
        ..Counts::default()
    };
    Traffic {
        total: count(connections),
        rate: count(per_second),
    }
}

#[test]
fn a_group_carries_what_its_members_do() {
    let group = "virtual_server_group QUAY {\n10.1.0.1-2 80\n}\n";
    let servers = server(1, "") + &server(2, "");
    let of_group = whole("", &servers).replace("10.9.9.9 80", "group QUAY");
    let lvs = lvs(&[group, &of_group, &whole("", &servers)].concat());
    let [both, single] = &lvs.virtual_servers[..] else {
        panic!("{lvs:?}");
    };
    let keys = Groups::of(&lvs).keys(both);
    let server = |place: usize| crate::check::table::Server::from(&both.real_servers[place]);
    let destination = |place: usize, active| {
        let key = server(place).key(&keys[0]).expect("of the same family");
        let connections = Connections {
            active,
            inactive: 1,
            persistent: 0,
        };
        (key, connections, traffic(u64::from(active) * 10, 1))
    };
    let readings = [
        Reading {
            key: keys[0],
            traffic: traffic(100, 3),
            destinations: vec![destination(0, 5), destination(1, 7)],
        },
        Reading {
            key: keys[1],
            traffic: traffic(11, 4),
            destinations: vec![destination(0, 2)],
        },
    ];
    let carried = Carried::new(&lvs, &readings);
    let share = carried.of(both);
    assert_eq!(share.service(), Some(traffic(111, 7)));
    let of = |place| {
        let (connections, traffic) = share.server(&server(place)).expect("it was read");
        (connections.active, connections.inactive, traffic)
    };
    assert_eq!(of(0), (7, 2, traffic(70, 2)));
    assert_eq!(of(1), (7, 1, traffic(70, 1)));
    let share = carried.of(single);
    assert_eq!(share.service(), None, "nothing was read of it");
    assert_eq!(share.server(&server(0)), None);
}
