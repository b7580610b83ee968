//! Where a unicast instance stands: without peers, with a source address that comes and goes, without an interface, beside others of the
//! same virtual router ID.

use super::*;

#[test]
fn no_peers_is_a_fault() {
    let mut bench = Bench::new(|c| c.transport.unicast = Some(to(&[])));
    assert_eq!(bench.done(), ["now FAULT"]);
    assert!(bench.told().contains(
        &"(VI_1) Cannot use unicast without any peers - going to fault state".to_owned()
    ));
    assert!(bench.instance().unfit().no_peers);
    let mut config = config();
    two_peers(&mut config);
    bench.reload(vec![config]);
    assert_eq!(bench.done(), ["down in 3.609375s", "now BACKUP"]);
}

#[test]
fn a_source_that_is_watched_comes_and_goes() {
    let source = Ipv4Addr::new(10, 0, 0, 7);
    let with = |sources: &[Ipv4Addr]| Interface {
        sources: sources.iter().copied().map(IpAddr::V4).collect(),
        ..eth0()
    };
    for bound in [true, false] {
        let mut bench = Bench::unstarted(|c| {
            two_peers(c);
            c.source = Some(source.into());
            c.transport.track_source = true;
            if !bound {
                c.interface.clear();
            }
        });
        bench.event(Event::Interface(&with(&[])));
        bench.event(Event::Start);
        assert_eq!(bench.done(), ["now FAULT"], "bound: {bound}");
        assert!(bench.instance().unfit().no_source);
        let line = "(VI_1): entering FAULT state (src address 10.0.0.7 not configured)";
        assert!(
            bench.told().contains(&line.to_owned()),
            "{:?}",
            bench.told()
        );
        bench.event(Event::Interface(&with(&[source])));
        assert_eq!(bench.done(), ["down in 3.609375s", "now BACKUP"]);
        bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
        assert_eq!(bench.state(), State::Master);
        bench.event(Event::Interface(&with(&[])));
        assert_eq!(bench.state(), State::Fault);
        assert_eq!(
            ends(&bench),
            [(LOWER.into(), 255), (HIGHER.into(), 255)],
            "it resigns"
        );
        bench.event(Event::Interface(&with(&[source])));
        bench.event(Event::InterfaceGone { index: ETH0 });
        assert_eq!(bench.state(), State::Fault, "bound: {bound}");
    }
}

/// An instance without interface: heard at its source address on any of them, sent wherever the routes lead.
#[test]
fn without_an_interface() {
    let unbound = |c: &mut VrrpInstance| {
        two_peers(c);
        c.interface.clear();
        c.source = Some(OWN.into());
    };
    let mut bench = Bench::new(unbound);
    let mut hear = |destination: Ipv4Addr| {
        bench.event(Event::Packet {
            interface: UNBOUND,
            bytes: &from_to(HIGHER, destination, 60, 200),
        });
        bench.done()
    };
    assert_eq!(hear(OWN), ["down in 3.609375s"]);
    assert_eq!(hear(VIP), Vec::<String>::new(), "for somebody else");
    bench.packet(&from_to(HIGHER, OWN, 60, 200));
    assert_eq!(
        (bench.done(), bench.router.stats().unknown_vrid),
        (vec![], 0),
        "the interface's socket hears it, too"
    );
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(bench.state(), State::Master);
    bench.timer(TimerKey::Advert(0));
    let interfaces: Vec<u32> = bench
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::SendAdvert { interface, .. } => Some(*interface),
            _ => None,
        })
        .collect();
    assert_eq!(interfaces, [UNBOUND]);
    bench.event(Event::InterfaceGone { index: ETH0 });
    assert_eq!(bench.state(), State::Master, "it has no interface to lose");
}

/// keepalived.conf(5), virtual_router_id: the same ID on an interface, told apart by group or by peer.
#[test]
fn instances_of_one_id_are_told_apart() {
    let variant = |name: &str, change: &dyn Fn(&mut VrrpInstance)| {
        let mut config = config();
        config.name = name.to_owned();
        change(&mut config);
        config
    };
    let other_group = Ipv4Addr::new(224, 0, 0, 19);
    let mut bench = Bench::new(|_| {});
    bench.reload(vec![
        variant("LOWER", &|c| c.transport.unicast = Some(to(&[peer(LOWER)]))),
        variant("HIGHER", &|c| {
            c.transport.unicast = Some(to(&[peer(HIGHER)]))
        }),
        variant("GROUP", &|_| {}),
        variant("OTHER", &|c| c.multicast_group = other_group.into()),
    ]);
    for (source, destination, name) in [
        (LOWER, OWN, "LOWER"),
        (HIGHER, OWN, "HIGHER"),
        (LOWER, GROUP, "GROUP"),
        (LOWER, other_group, "OTHER"),
    ] {
        let before: Vec<(String, u64)> = received(&bench);
        bench.packet(&from_to(source, destination, 255, 200));
        for ((before, old), (_, new)) in before.into_iter().zip(received(&bench)) {
            assert_eq!(
                new - old,
                u64::from(before == name),
                "{source} to {destination}: {before}"
            );
        }
    }
}
