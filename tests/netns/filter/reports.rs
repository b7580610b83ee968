//! What is reported about groups on the network of a virtual MAC: never by that MAC.

use nix::sys::signal::Signal;

use super::{VIP, VIP6, VRID, ask_and_answer, becomes_master, described, ipv6_instance, tables};
use crate::support::Binary::Ours;
use crate::support::config::instance;
use crate::support::node::CONFIG;
use crate::support::world::World;
use crate::support::{secs, wait_until};

/// What a frame tells switches and routers about groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Report {
    Igmp,
    Mld,
    RouterSolicit,
}

/// The frame's report, if it is one; extension headers of IPv6 are hop-by-hop options alone, as the kernel makes them.
fn report(bytes: &[u8]) -> Option<Report> {
    const IGMP: u8 = 2;
    const HOP_BY_HOP: u8 = 0;
    const ICMPV6: u8 = 58;
    let ip = bytes.get(14..)?;
    match bytes.get(12..14)? {
        [0x08, 0x00] => (*ip.get(9)? == IGMP).then_some(Report::Igmp),
        [0x86, 0xdd] => {
            let (next, start) = match *ip.get(6)? {
                HOP_BY_HOP => (*ip.get(40)?, 48 + 8 * usize::from(*ip.get(41)?)),
                next => (next, 40),
            };
            match (next, *ip.get(start)?) {
                (ICMPV6, 131 | 132 | 143) => Some(Report::Mld),
                (ICMPV6, 133) => Some(Report::RouterSolicit),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The reports that came from a MAC that begins so.
pub fn reports_from(world: &World, mac: &[u8]) -> Vec<Report> {
    let frames = world.capture.frames();
    let of_mac = frames
        .iter()
        .filter(|frame| frame.bytes[6..].starts_with(mac));
    let mut reports: Vec<Report> = of_mac.filter_map(|frame| report(&frame.bytes)).collect();
    reports.sort();
    reports.dedup();
    reports
}

/// What every virtual MAC begins with (RFC 9568 section 7.3).
pub const VIRTUAL: [u8; 4] = [0, 0, 0x5e, 0];
/// The first host's own.
const OWN: [u8; 6] = [2, 0, 0, 1, 0, 0];

/// A switch must not learn a virtual MAC from whoever happens to report a group on it.
pub fn reports_of_virtual_macs() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    let config = instance("A", VRID, 100, "use_vmac", &[VIP]) + &ipv6_instance("use_vmac");
    node.start(Ours, &config);
    becomes_master(node, VIP);
    becomes_master(node, VIP6);
    let all = described(node, "keepalived").join("\n");
    for part in ["vmac_map", "vmac_set"] {
        assert!(all.contains(part), "{all}");
    }
    // The kernel repeats its reports within some seconds.
    std::thread::sleep(secs(3));
    assert_eq!(reports_from(&world, &VIRTUAL), []);
    let own = reports_from(&world, &OWN);
    assert!(
        own.contains(&Report::Igmp) && own.contains(&Report::Mld),
        "{own:?}"
    );
    node.stop();
    assert_eq!(
        reports_from(&world, &VIRTUAL),
        [],
        "nor does it leave groups by that MAC"
    );
    assert_eq!(tables(node), Vec::<String>::new());
}

/// A virtual MAC that is made anew has another index, and still no report leaves by it.
pub fn a_virtual_mac_made_again() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    node.start(Ours, &instance("A", VRID, 100, "use_vmac", &[VIP]));
    becomes_master(node, VIP);
    let name = format!("vrrp.{VRID}");
    let index = || {
        let text = node
            .try_run(&["cat", &format!("/sys/class/net/{name}/ifindex")])
            .1;
        text.trim().parse::<u32>().ok()
    };
    let before = index();
    assert!(before.is_some());
    node.run(&["ip", "link", "del", &name]);
    wait_until("the link is there again", secs(5), || {
        index().is_some_and(|now| Some(now) != before)
    });
    wait_until("the map knows it", secs(5), || {
        described(node, "keepalived")
            .iter()
            .any(|line| line.contains("vmac_map") && line.contains(&name))
    });
    becomes_master(node, VIP);
    std::thread::sleep(secs(2));
    assert_eq!(reports_from(&world, &VIRTUAL), []);
}

/// With `disable_local_igmp` there is nothing to be led elsewhere, and the kernel's setting is what it was after the stop.
pub fn local_igmp_disabled() {
    let world = ask_and_answer();
    let node = &world.nodes[0];
    let setting = || node.run(&["cat", "/proc/sys/net/ipv4/igmp_link_local_mcast_reports"]);
    assert_eq!(setting().trim(), "1");
    let text = instance("A", VRID, 100, "use_vmac", &[VIP]);
    let disabled = format!("global_defs {{\ndisable_local_igmp\n}}\n{text}");
    node.start(Ours, &disabled);
    becomes_master(node, VIP);
    assert_eq!(setting().trim(), "0");
    assert_eq!(tables(node), Vec::<String>::new());
    // Nothing else changes at a reload.
    for (config, wanted) in [(&text, "1"), (&disabled, "0")] {
        node.write(CONFIG, config);
        node.signal(Signal::SIGHUP);
        wait_until("a reload tells the kernel", secs(5), || {
            setting().trim() == wanted && tables(node).is_empty() == (wanted == "0")
        });
    }
    std::thread::sleep(secs(1));
    assert_eq!(reports_from(&world, &VIRTUAL), []);
    node.stop();
    assert_eq!(setting().trim(), "1");
}
