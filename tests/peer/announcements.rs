//! How often, and when, a master says by gratuitous ARP whose its addresses are: by settings of `global_defs` and by those of the
//! instance, the same beside the distribution's keepalived. Not here: how far apart the packets of one burst are.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::support::Binary::{Ours, Peer};
use crate::support::config::instance;
use crate::support::world::World;
use crate::support::{millis, secs, wait_until};

/// Bursts are whole seconds apart, packets of one far less.
const BETWEEN_BURSTS: Duration = millis(500);

/// One instance: its statements, and the sizes of its bursts, which are the first ones where more follow for ever.
struct Line {
    instance: &'static str,
    bursts: &'static [usize],
}

const fn line(instance: &'static str, bursts: &'static [usize]) -> Line {
    Line { instance, bursts }
}

impl Line {
    /// Whether it announces its addresses again and again.
    fn goes_on(&self, globals: &str) -> bool {
        let asked = |text: &str| text.contains("garp_master_refresh ");
        (asked(globals) || asked(self.instance)) && !self.instance.contains("refresh 0")
    }
}

/// Settings of `global_defs`, and the instances below them.
const ALL: [(&str, &[Line]); 2] = [
    (
        "vrrp_garp_master_delay 2\nvrrp_garp_master_repeat 3\nvrrp_garp_master_refresh 4\nvrrp_garp_master_refresh_repeat 2",
        &[
            line("", &[3, 3, 2]),
            line("garp_master_repeat 1", &[1, 1, 2]),
            line("garp_master_delay 0", &[3, 2, 2]),
            line("garp_master_refresh 0", &[3, 3]),
            line("garp_master_refresh_repeat 4", &[3, 3, 4]),
        ],
    ),
    (
        "vrrp_min_garp",
        &[
            line("", &[1]),
            line("garp_master_delay 2", &[1, 1]),
            line("garp_master_repeat 2", &[2]),
            line(
                "garp_master_refresh 3\ngarp_master_refresh_repeat 2",
                &[1, 2, 2],
            ),
        ],
    ),
];

/// The sizes of the bursts in which a host has announced an address.
fn bursts(world: &World, node: usize, address: &str) -> Vec<usize> {
    let address: Ipv4Addr = address.parse().expect("an address");
    let all = world.capture.gratuitous_since(0).into_iter();
    let times: Vec<Duration> = all
        .filter(|(_, from, announced)| *from == node && *announced == address)
        .map(|(at, ..)| at)
        .collect();
    times
        .chunk_by(|before, after| *after - *before < BETWEEN_BURSTS)
        .map(<[Duration]>::len)
        .collect()
}

/// Ours and the distribution's send the same bursts.
pub fn by_settings() {
    for (globals, lines) in ALL {
        let world = World::two();
        world.partition(true);
        let numbered = || (1u8..).zip(lines);
        let address = |number: u8| format!("10.96.1.{number}");
        let instances = numbered().map(|(number, line)| {
            let (name, head) = (format!("BELL_{number}"), line.instance);
            instance(&name, number, 255, head, &[&address(number)])
        });
        let config = format!(
            "global_defs {{\n{globals}\n}}\n{}",
            instances.collect::<String>()
        );
        world.nodes[0].start(Ours, &config);
        world.nodes[1].start(Peer, &config);
        wait_until("all bursts", secs(15), || {
            [0, 1].into_iter().all(|node| {
                numbered().all(|(number, line)| {
                    bursts(&world, node, &address(number)).len() >= line.bursts.len()
                })
            })
        });
        // Until the last burst is whole, and longer than any burst that must not come would have taken.
        std::thread::sleep(secs(2));
        for (number, line) in numbered() {
            for (node, who) in [(0, "ours"), (1, "theirs")] {
                let seen = bursts(&world, node, &address(number));
                let told = format!("{who}: {globals}; {}: {seen:?}", line.instance);
                assert!(seen.starts_with(line.bursts), "{told}");
                assert!(line.goes_on(globals) || seen == line.bursts, "{told}");
            }
        }
    }
}
