//! Two sessions wired to each other under virtual time, with loss, delay, reordering, one-way links, restarts, replaced processes and
//! reloads. What must always hold is checked at every step; a life is made of one number, which is printed.

use super::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The neighbours' addresses.
const ADDRESSES: [&str; 2] = ["10.0.0.1", "10.0.0.2"];
/// With intervals of a second while Down, three steps and up to two lost packets a step are over by then.
const COMES_BACK: Duration = Duration::from_secs(12);

#[derive(Clone, Copy)]
struct Link {
    /// Nothing gets through.
    cut: bool,
    /// Percent of packets that are lost.
    loss: u64,
    /// The longest delay.
    delay: Duration,
}

const GOOD: Link = Link {
    cut: false,
    loss: 0,
    delay: Duration::from_millis(2),
};

/// A packet on its way: when it arrives, a number that keeps the order of those that arrive together, at whom, and what it is.
type Flight = (Instant, u64, usize, [u8; LENGTH]);

struct World {
    now: Instant,
    nodes: [Node; 2],
    configs: [BfdInstance; 2],
    /// From node n to the other.
    links: [Link; 2],
    air: BinaryHeap<Reverse<Flight>>,
    serial: u64,
    random: Random,
    was_up: [bool; 2],
    falls: usize,
    /// The discriminators of the other that each node has heard.
    heard: [Vec<u32>; 2],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let interval = |random: &mut Random| {
            Duration::from_millis(*random.choose(&[10, 50, 300, 1500]).expect("some"))
        };
        let configs = [1, 0].map(|other: usize| BfdInstance {
            min_rx: interval(&mut random),
            min_tx: interval(&mut random),
            multiplier: 3,
            // One of both has to begin.
            passive: other == 1 && random.percent(20),
            ..instance("b", ADDRESSES[other])
        });
        let mut world = World {
            now: at(0),
            nodes: [0, 1].map(|n| Node::new(at(0), seed * 2 + n)),
            configs,
            links: [GOOD; 2],
            air: BinaryHeap::new(),
            serial: 0,
            random,
            was_up: [false; 2],
            falls: 0,
            heard: [Vec::new(), Vec::new()],
        };
        for n in 0..2 {
            world.start(n, &Known::new());
        }
        world
    }

    fn start(&mut self, n: usize, known: &Known) {
        let seed = self.random.number();
        self.nodes[n] = Node::new(self.now, seed);
        let event = Event::Configure {
            instances: std::slice::from_ref(&self.configs[n]),
            known,
        };
        self.nodes[n].handle(self.now, event);
        self.post(n);
    }

    /// What a node has sent goes into the air.
    fn post(&mut self, n: usize) {
        for (_, packet) in std::mem::take(&mut self.nodes[n].sent) {
            let link = self.links[n];
            if link.cut || self.random.percent(link.loss) {
                continue;
            }
            let delay = self.random.duration(Duration::ZERO..link.delay);
            self.serial += 1;
            let entry = (self.now + delay, self.serial, 1 - n, packet.emit());
            self.air.push(Reverse(entry));
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self.nodes.iter().filter_map(|it| it.wheel.next_deadline());
            let packet = self.air.peek().map(|Reverse((due, ..))| *due);
            let Some(next) = timers.chain(packet).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            // Packets are heard before timers are believed.
            if packet.is_some_and(|due| due <= self.now) {
                let Some(Reverse((_, _, to, bytes))) = self.air.pop() else {
                    break;
                };
                let packet = Packet::parse(&bytes).expect("our own");
                self.heard[to].push(packet.my_discriminator.get());
                self.nodes[to].hear(self.now, ADDRESSES[1 - to], 255, &packet);
            } else {
                for node in &mut self.nodes {
                    node.run(self.now);
                }
            }
            self.post(0);
            self.post(1);
            self.check();
        }
        self.now = end;
    }

    /// What must always hold.
    fn check(&mut self) {
        for n in 0..2 {
            let session = self.nodes[n].first();
            let up = session.state() == State::Up;
            if up {
                let heard = session.last_heard().expect("somebody was heard");
                let silence = self.now.since(heard);
                assert!(
                    silence <= session.detection_time(),
                    "node {n} is Up after {silence:?}"
                );
                // No Up without the neighbour having heard us.
                let own = session.discriminator().get();
                assert!(self.heard[1 - n].contains(&own), "node {n} is Up unheard");
            }
            if self.was_up[n] && !up {
                self.falls += 1;
            }
            self.was_up[n] = up;
        }
    }

    fn states(&self) -> [State; 2] {
        [0, 1].map(|n| self.nodes[n].first().state())
    }

    fn detection_max(&self) -> Duration {
        let times = self.nodes.iter().map(|it| it.first().detection_time());
        times.max().unwrap_or_default()
    }

    fn expect_both_up(&self, what: &str) {
        assert_eq!(self.states(), [State::Up; 2], "{what} at {}", self.now);
    }

    fn reload(&mut self, n: usize) {
        let choices = [10, 30, 100, 700];
        let mut pick = || Duration::from_millis(*self.random.choose(&choices).expect("some"));
        (self.configs[n].min_tx, self.configs[n].min_rx) = (pick(), pick());
        let config = self.configs[n].clone();
        self.nodes[n].configure(self.now, &[config]);
        self.post(n);
    }

    /// Something happens; what has to become of it is seen to.
    fn mishap(&mut self) {
        let n = usize::try_from(self.random.within(0..2)).expect("0 or 1");
        let settled = Duration::from_secs(5);
        let falls = self.falls;
        match self.random.within(0..7) {
            0 => {
                self.links = [Link { cut: true, ..GOOD }; 2];
                // What is in the air still arrives.
                self.run_for(self.detection_max() + GOOD.delay);
                for state in self.states() {
                    assert_ne!(state, State::Up, "the link is cut");
                }
            }
            1 => {
                // One way only: whoever hears nothing says so to the other.
                self.links[n].cut = true;
                self.run_for(self.detection_max() + GOOD.delay * 2);
                for state in self.states() {
                    assert_ne!(state, State::Up, "the link is one-way");
                }
                self.run_for(settled);
                for state in self.states() {
                    assert_ne!(state, State::Up, "the link is one-way");
                }
            }
            2 => {
                self.start(n, &Known::new());
                self.run_for(settled);
            }
            3 => {
                let known = std::mem::take(&mut self.nodes[n].known);
                self.start(n, &known);
                self.run_for(settled);
                assert_eq!(self.falls, falls, "a process was replaced");
            }
            4 => {
                self.reload(n);
                self.run_for(Duration::from_millis(3));
                self.reload(1 - n);
                self.reload(n);
                self.run_for(settled);
                assert_eq!(self.falls, falls, "intervals were changed");
            }
            5 => {
                let loss = self.random.within(5..40);
                self.links = [Link { loss, ..GOOD }; 2];
                self.run_for(settled);
            }
            _ => {
                // Longer than the shortest interval: packets overtake each other.
                let delay = Duration::from_millis(25);
                self.links = [Link { delay, ..GOOD }; 2];
                self.run_for(settled);
            }
        }
        self.links = [GOOD; 2];
        self.run_for(COMES_BACK);
        self.expect_both_up("all is well again");
    }
}

fn live(seed: u64) {
    let mut world = World::new(seed);
    world.run_for(COMES_BACK);
    world.expect_both_up("the first time");
    let falls = world.falls;
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.falls, falls, "nothing has happened");
    for _ in 0..6 {
        world.mishap();
    }
}

#[test]
fn whatever_befalls_them_they_come_back() {
    for seed in 0..40 {
        let lived = std::panic::catch_unwind(|| live(seed));
        assert!(lived.is_ok(), "seed {seed}");
    }
}

#[test]
fn steady_sessions_send_as_agreed() {
    let mut world = World::new(3);
    world.run_for(COMES_BACK);
    for n in 0..2 {
        let interval = world.nodes[n].first().transmit_interval();
        let serial = world.serial;
        world.run_for(interval * 100);
        let other = world.nodes[1 - n].first().transmit_interval();
        let both = 100.0 + interval.as_secs_f64() / other.as_secs_f64() * 100.0;
        let sent = (world.serial - serial) as f64;
        // Jitter takes an eighth on average.
        assert!((1.0..1.25).contains(&(sent / both)), "{sent} of {both}");
    }
}
