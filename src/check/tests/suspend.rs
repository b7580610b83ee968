//! `ha_suspend`: checks pause while the address of their service is elsewhere.

use super::{Play, lvs, server, service, whole};
use crate::check::presence::Presence;
use std::net::IpAddr;

const WAITS: &str = "ha_suspend";

impl Play {
    fn suspend(&mut self, suspended: bool) {
        let mut actions = Vec::new();
        let (director, now) = (&mut self.director, self.now);
        director.suspend(now, &self.lvs, 0, suspended, &mut || 0, &mut actions);
        self.perform(actions);
    }
}

#[test]
fn nothing_is_checked_before_the_address_is_here() {
    let mut play = Play::new(&service(WAITS, 2));
    assert_eq!(play.due.len(), 0);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2", "as without checks");
    play.suspend(true);
    assert_eq!((play.due.len(), &*play.done), (0, &[][..]));
    play.suspend(false);
    assert_eq!(play.due.len(), 2);
    play.suspend(false);
    assert_eq!(play.due.len(), 2, "said twice");
}

#[test]
fn what_was_found_stands_while_checks_pause() {
    let mut play = Play::new(&service(WAITS, 2));
    play.suspend(false);
    play.ends(0, false);
    assert_eq!(play.kernel(), "10.0.0.2=2");
    // One is under way.
    let due = play.due[&1];
    assert!(play.director.due(super::CheckId(1), due).is_some());
    play.suspend(true);
    assert_eq!(play.due.len(), 0);
    assert_eq!(play.done, ["abandon 0", "abandon 1"]);
    assert_eq!(play.kernel(), "10.0.0.2=2");
    // Its time has come nevertheless: a timer may have run out before.
    assert_eq!(play.director.due(super::CheckId(1), due), None);
    play.suspend(false);
    play.ends(0, true);
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2");
}

#[test]
fn a_reload_wakes_nobody() {
    let mut play = Play::new(&service(WAITS, 1));
    play.configure(&service(WAITS, 2));
    assert_eq!(play.due.len(), 0);
    // Shorter times would have the check come sooner.
    let hasty = |statements| whole(statements, &server(1, "TCP_CHECK {\ndelay_loop 1\n}\n"));
    play.configure(&hasty(WAITS));
    assert_eq!(play.due.len(), 0);
    // The shell says that it waits no longer.
    play.configure(&hasty(""));
    play.suspend(false);
    assert_eq!(play.due.len(), 1);
    // It waits again, for an address that is here.
    play.configure(&hasty(WAITS));
    play.suspend(false);
    assert_eq!(play.due.len(), 1);
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn whose_address_is_here() {
    let groups =
        "virtual_server_group QUAY {\n10.1.0.1 80\n10.1.0.1 443\n10.1.0.10-20 80\nfd00::1 80\n}\n";
    let of = |head: &str| service(WAITS, 1).replace("virtual_server 10.9.9.9 80", head);
    let text = [
        groups,
        &of("virtual_server 10.9.9.9 80"),
        &of("virtual_server 10.9.9.8 80").replace(WAITS, ""),
        &of("virtual_server group QUAY"),
        &of("virtual_server 10.1.0.15 80"),
    ]
    .concat();
    let lvs = lvs(&text);
    let ip = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let mut presence = Presence::of(&lvs, ["10.9.9.9", "10.9.9.8"].map(ip).into_iter());
    assert!(!presence.is_empty());
    let awaited = |presence: &Presence| -> Vec<usize> {
        let all = 0..lvs.virtual_servers.len();
        all.filter(|place| presence.is_awaited(*place)).collect()
    };
    assert_eq!(awaited(&presence), [2, 3]);
    // Address, it comes, who turns, who waits then.
    type Row = (&'static str, bool, &'static [usize], &'static [usize]);
    let rows: [Row; 10] = [
        ("10.7.7.7", true, &[], &[2, 3]),
        ("10.9.9.9", false, &[0], &[0, 2, 3]),
        ("10.1.0.15", true, &[3, 2], &[0]),
        ("10.1.0.1", true, &[], &[0]),
        ("10.1.0.15", false, &[3], &[0, 3]),
        ("fd00::1", true, &[], &[0, 3]),
        ("10.1.0.1", false, &[], &[0, 3]),
        ("fd00::1", false, &[2], &[0, 2, 3]),
        ("10.1.0.20", true, &[2], &[0, 3]),
        ("10.1.0.21", true, &[], &[0, 3]),
    ];
    for (address, here, turned, waits) in rows {
        assert_eq!(
            presence.change(ip(address), here),
            turned,
            "{address} {here}"
        );
        assert_eq!(awaited(&presence), waits, "{address} {here}");
    }
    let nobody = Presence::of(&super::lvs(&service("", 1)), std::iter::empty());
    assert!(nobody.is_empty() && !nobody.is_awaited(0));
}
