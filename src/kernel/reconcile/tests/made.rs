//! Links that are made: every step of one, and what others may do to it meanwhile.

use super::*;
use crate::config::model::IpvlanMode;
use crate::kernel::link::Setting;
use crate::kernel::reconcile::links::CHANGES_MAX;

const VIRTUAL_MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const NAME: &str = "vrrp.51";

fn vmac() -> VirtualLink {
    VirtualLink {
        name: NAME.to_owned(),
        base: "eth0".to_owned(),
        kind: LinkKind::Macvlan { mac: VIRTUAL_MAC },
        group: None,
        for_ipv6: false,
        has_ipv6: false,
        link_local: false,
        notify: false,
    }
}

fn ipvlan(mode: IpvlanMode) -> VirtualLink {
    let address = Some(("10.0.0.7".parse().unwrap(), 24));
    VirtualLink {
        kind: LinkKind::Ipvlan { mode, address },
        ..vmac()
    }
}

/// What is asked for of links, in words.
fn words(requests: &[(u32, Request)]) -> Vec<String> {
    let word = |(_, request): &(u32, Request)| match request {
        Request::NewLink { base, group, .. } => format!("make upon {base} in group {group}"),
        Request::DeleteLink { index } => format!("delete {index}"),
        Request::SetLink { index, update } => {
            let mut words = vec![format!("change {index}:")];
            let settings = update.settings.iter();
            words.extend(settings.map(|(setting, value)| format!("{}={value}", setting.name())));
            words.extend(update.group.map(|group| format!("group={group}")));
            words.extend(update.mtu.map(|mtu| format!("mtu={mtu}")));
            words.extend(update.master.map(|master| format!("master={master}")));
            words.extend(update.no_link_local.then(|| "no link-local".to_owned()));
            words.extend(update.up.then(|| "up".to_owned()));
            words.join(" ")
        }
        other => format!("{other:?}"),
    };
    requests.iter().map(word).collect()
}

impl World {
    fn wanting(links: impl IntoIterator<Item = VirtualLink>) -> Self {
        let mut world = World::new(two_links);
        world.settle();
        world.reconciler.want_links(links, [], Vec::new());
        world
    }

    /// What is asked for until nothing is left to do, every turn a line.
    fn told(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..100 {
            self.read(usize::MAX);
            let requests = self.reconciler.requests(self.now, usize::MAX);
            if requests.is_empty() && self.kernel.unread.is_empty() {
                return all;
            }
            all.extend(words(&requests));
            for (sequence, request) in requests {
                self.kernel.perform(sequence, request);
            }
        }
        panic!("never comes to rest: {all:#?}");
    }

    fn made(&self) -> Option<&There> {
        let index = self.kernel.named(NAME)?;
        self.kernel.links.get(&index)
    }
}

const BASE: &str = "change 2: arp_filter=1 arp_ignore=1 arp_announce=2";
const SETTINGS: &str = "change 4: arp_ignore=1 promote_secondaries=1 accept_local=1 no link-local";

/// From nothing to a link that is up, and back; each step waits for the one before.
#[test]
fn every_step_of_a_link() {
    let group = |group| VirtualLink {
        group: Some(group),
        ..vmac()
    };
    let six = VirtualLink {
        for_ipv6: true,
        has_ipv6: true,
        ..vmac()
    };
    let by_itself = VirtualLink {
        kind: LinkKind::Ipvlan {
            mode: IpvlanMode::Bridge,
            address: None,
        },
        ..vmac()
    };
    let notify = VirtualLink {
        notify: true,
        ..vmac()
    };
    let make = "make upon 2 in group 0";
    let rows: [(&str, VirtualLink, &[&str]); 6] = [
        ("IPv4", vmac(), &[BASE, make, SETTINGS, "change 4: up"]),
        (
            "a group of its own",
            group(7),
            &[BASE, "make upon 2 in group 7", SETTINGS, "change 4: up"],
        ),
        (
            "IPv6 alone: the base may answer, as it has no such address",
            six,
            &[make, "change 4: no link-local", "change 4: up"],
        ),
        (
            "an ipvlan",
            ipvlan(IpvlanMode::Bridge),
            &[make, "change 4: no link-local", "change 4: up"],
        ),
        (
            "one that sends from the kernel's address",
            by_itself,
            &[make, "change 4: up"],
        ),
        (
            "whoever watches the base is told",
            notify,
            &[BASE, make, "change 2: group=0", SETTINGS, "change 4: up"],
        ),
    ];
    for (what, link, steps) in rows {
        let mut world = World::wanting([link.clone()]);
        assert_eq!(world.told(), steps, "{what}");
        assert!(world.reconciler.links_are_settled(), "{what}");
        assert_eq!(world.reconciler.take_made(), [link], "{what}");
        world.reconciler.want_links([], [], Vec::new());
        let last = world.told();
        assert!(last.contains(&"delete 4".to_owned()), "{what}: {last:?}");
        assert!(world.made().is_none(), "{what}");
        assert_eq!(world.reconciler.take_notices(), [], "{what}");
        let arp = world.kernel.links[&2].nature.setting(Setting::ArpIgnore);
        assert_eq!(arp, Some(0), "{what}: the base is as before");
    }
}

/// What there is of the name already, and what becomes of it.
#[test]
fn what_has_the_name_already() {
    let another = VirtualLink {
        kind: LinkKind::Macvlan { mac: MAC },
        ..vmac()
    };
    let of_another_router = VirtualLink {
        kind: LinkKind::Macvlan {
            mac: [0, 0, 0x5e, 0, 1, 99],
        },
        ..vmac()
    };
    let foreign = || {
        vec![Notice::LinkForeign {
            interface: NAME.to_owned(),
        }]
    };
    let rows = [
        ("ours of an earlier life", vmac(), vmac(), true, vec![]),
        (
            "that of another router of ours",
            of_another_router,
            vmac(),
            true,
            vec![],
        ),
        (
            "an ipvlan of another mode",
            ipvlan(IpvlanMode::Private),
            ipvlan(IpvlanMode::Vepa),
            true,
            vec![],
        ),
        ("somebody's macvlan", another, vmac(), false, foreign()),
        (
            "an ipvlan, which may be anybody's",
            ipvlan(IpvlanMode::Bridge),
            vmac(),
            false,
            foreign(),
        ),
    ];
    for (what, there, wanted, ours, notices) in rows {
        let mut world = World::new(two_links);
        world.kernel.make(&there, 2, 0);
        world
            .reconciler
            .want_links([wanted.clone()], [], Vec::new());
        let requests = world.told();
        assert_eq!(world.reconciler.take_notices(), notices, "{what}");
        let made = world.reconciler.take_made();
        assert_eq!(
            made,
            if ours { vec![wanted.clone()] } else { vec![] },
            "{what}"
        );
        let again = requests.iter().any(|request| request.starts_with("make"));
        assert_eq!(
            again,
            ours && there.kind != wanted.kind,
            "{what}: {requests:?}"
        );
        assert_eq!(world.reconciler.is_foreign(NAME), !ours, "{what}");
        // What is not ours stays when nobody wants it.
        world.reconciler.want_links([], [], Vec::new());
        world.told();
        assert_eq!(world.made().is_none(), ours, "{what}");
    }
}

/// Somebody has the name before the link is back: said, left alone, and ours again when he is gone.
#[test]
fn a_name_taken_while_it_runs() {
    let mut world = World::wanting([vmac()]);
    world.told();
    let ours = world.kernel.named(NAME).expect("made");
    world.kernel.unlink(ours);
    world.kernel.link(9, NAME);
    assert_eq!(world.told(), Vec::<String>::new());
    let foreign = Notice::LinkForeign {
        interface: NAME.to_owned(),
    };
    assert_eq!(world.reconciler.take_notices(), [foreign]);
    assert!(world.reconciler.is_foreign(NAME) && world.reconciler.links_are_settled());
    // Said once, whatever else is told of it.
    world.kernel.tell(9);
    assert_eq!(world.told(), Vec::<String>::new());
    assert_eq!(world.reconciler.take_notices(), []);
    world.kernel.unlink(9);
    assert!(world.told().contains(&"make upon 2 in group 0".to_owned()));
    assert!(!world.reconciler.is_foreign(NAME));
    let back = Notice::LinkPutBack {
        interface: NAME.to_owned(),
    };
    assert_eq!(world.reconciler.take_notices(), [back]);
}

/// Others delete it, rename it, switch it off, take its base away: it is as it has to be again, and what was undone is said.
#[test]
fn what_others_do_to_it() {
    type Deed = fn(&mut World, u32);
    let deleted: Deed = |world, ours| world.kernel.unlink(ours);
    let renamed: Deed = |world, ours| world.kernel.link(ours, "astray");
    let switched_off: Deed = |world, ours| {
        world.kernel.links.get_mut(&ours).expect("made").flags &= !IFF_UP;
        world.kernel.tell(ours);
    };
    let regrouped: Deed = |world, ours| {
        world
            .kernel
            .links
            .get_mut(&ours)
            .expect("made")
            .nature
            .group = 9;
        world.kernel.tell(ours);
    };
    let lost: Deed = |world, ours| {
        world.kernel.unlink(ours);
        world.kernel.unread.clear();
        world.reconciler.resync(world.now);
    };
    let base_again: Deed = |world, _| {
        world.kernel.unlink(2);
        world.settle();
        world.kernel.link(12, "eth0");
    };
    let back = || Notice::LinkPutBack {
        interface: NAME.to_owned(),
    };
    let rows = [
        ("deleted", deleted, vec![back()]),
        ("renamed", renamed, vec![]),
        ("switched off", switched_off, vec![]),
        ("put into another group", regrouped, vec![]),
        (
            "deleted while we were deaf",
            lost,
            vec![Notice::Overrun, back()],
        ),
        ("gone with its base", base_again, vec![]),
    ];
    for (what, deed, notices) in rows {
        let mut world = World::wanting([vmac()]);
        world.told();
        world.reconciler.take_made();
        let ours = world.kernel.named(NAME).expect("made");
        deed(&mut world, ours);
        world.told();
        let there = world.made().expect(what);
        assert_eq!((there.flags, there.nature.group), (UP, 0), "{what}");
        assert!(world.kernel.named("astray").is_none(), "{what}");
        assert!(world.reconciler.links_are_settled(), "{what}");
        assert_eq!(world.reconciler.take_notices(), notices, "{what}");
    }
}

/// Its MTU is that of its base, also when that grows.
#[test]
fn it_follows_the_mtu_of_its_base() {
    let mut world = World::wanting([vmac()]);
    world.told();
    for mtu in [1400, 9000] {
        world.kernel.links.get_mut(&2).expect("there").mtu = mtu;
        world.kernel.tell(2);
        assert_eq!(world.told(), [format!("change 4: mtu={mtu}")]);
        assert_eq!(world.made().expect("made").mtu, mtu);
    }
}

/// It is in the VRF of its base, also when that moves.
#[test]
fn it_follows_its_base_into_a_vrf() {
    let mut world = World::wanting([vmac()]);
    world.kernel.link(8, "blue");
    world.kernel.links.get_mut(&8).expect("there").nature.kind = Kind::Vrf(900);
    world.kernel.tell(8);
    world.kernel.link(9, "bridge");
    world.told();
    for (master, expected) in [
        (Some(8), Some(8)),
        (None, None),
        (Some(9), None),
        (Some(8), Some(8)),
    ] {
        world.kernel.links.get_mut(&2).expect("there").nature.master = master;
        world.kernel.tell(2);
        world.told();
        let made = world.made().expect("made");
        assert_eq!(made.nature.master, expected, "the base is in {master:?}");
    }
}

/// A refusal is said, and asked again later and later; that one which acknowledges and does nothing is believed at last.
#[test]
fn a_kernel_that_does_not_as_it_is_asked() {
    const EPERM: i32 = 1;
    let mut world = World::wanting([vmac()]);
    world.kernel.refuse = Some(EPERM);
    assert_eq!(world.told().len(), 2, "one for the base, one for the link");
    let refused = Notice::LinkRefused {
        interface: NAME.to_owned(),
        base: "eth0".to_owned(),
        errno: EPERM,
    };
    assert_eq!(
        world.reconciler.take_notices(),
        std::slice::from_ref(&refused)
    );
    world.pass(Duration::from_secs(60));
    assert_eq!(
        world.reconciler.take_notices(),
        [refused],
        "once more, as it lasts"
    );
    assert!(
        !world.reconciler.is_in_the_making(NAME),
        "its instance hears of it"
    );
    world.kernel.refuse = None;
    world.pass(LONGEST_DELAY);
    assert!(world.made().is_some_and(|made| made.flags == UP));

    let mut world = World::wanting([vmac()]);
    let mut changes = 0;
    for _ in 0..1000 {
        world.read(usize::MAX);
        for (sequence, request) in world.reconciler.requests(world.now, usize::MAX) {
            if let Request::SetLink { index: 4, .. } = request {
                changes += 1;
                world.kernel.say(sequence, Message::Ack(0));
                world.kernel.tell(4);
            } else {
                world.kernel.perform(sequence, request);
            }
        }
    }
    assert_eq!(changes, CHANGES_MAX + 1);
    assert!(!world.reconciler.is_in_the_making(NAME));
}

/// What is wanted changes while a link is being made, whether or not the kernel's answer is heard.
#[test]
fn no_longer_wanted_before_it_was_there() {
    let (first, other) = (ipvlan(IpvlanMode::Bridge), ipvlan(IpvlanMode::Private));
    for (what, asked, then, lost) in [
        ("a virtual MAC", vmac(), None, false),
        ("an ipvlan", first.clone(), None, false),
        ("another ipvlan", first, Some(other), false),
        ("a virtual MAC, answer lost", vmac(), None, true),
    ] {
        let mut world = World::wanting([asked]);
        while world.made().is_none() {
            world.read(usize::MAX);
            assert_ne!(world.send(usize::MAX), 0, "{what}");
        }
        world.reconciler.want_links(then.clone(), [], Vec::new());
        if lost {
            world.kernel.unread.clear();
            world.reconciler.resync(world.now);
        }
        let steps = world.told();
        assert!(steps.contains(&"delete 4".to_owned()), "{what}: {steps:?}");
        assert_eq!(world.made().is_some(), then.is_some(), "{what}: {steps:?}");
        assert!(world.reconciler.links_are_settled(), "{what}");
    }
}

/// What is wanted next is to stand upon a link that is not there: the old one goes all the same.
#[test]
fn upon_a_base_that_is_missing() {
    let mut world = World::wanting([vmac()]);
    world.told();
    let base = "none0".to_owned();
    world
        .reconciler
        .want_links([VirtualLink { base, ..vmac() }], [], Vec::new());
    let steps = world.told();
    assert!(steps.contains(&"delete 4".to_owned()), "{steps:?}");
    assert!(world.made().is_none());
    assert!(world.reconciler.links_are_settled());
}

/// A kernel that refuses to switch a link on for a while, as it does while another has its MAC, is asked until it does.
#[test]
fn switched_on_when_the_kernel_relents() {
    let mut world = World::wanting([vmac()]);
    while world.made().is_none() {
        world.read(usize::MAX);
        assert_ne!(world.send(usize::MAX), 0);
    }
    world.kernel.refuse = Some(98);
    world.pass(Duration::from_secs(20));
    world.kernel.refuse = None;
    world.pass(Duration::from_secs(20));
    let index = world.kernel.named(NAME).expect("it is there");
    let link = world.reconciler.known().link(index).expect("and known");
    assert!(link.is_enabled());
}
