//! The demonstration: two hosts in namespaces, a picture of who is MASTER and where the virtual IP is, and the takeover measured
//! on the wire against theory. `contrib/demo/demo` runs it. The hosts are those of the tests (`tests/support`).

#[path = "../../tests/support/mod.rs"]
mod support;

use std::io::{BufRead, IsTerminal, Write};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use support::Binary::Ours;
use support::cases::skew;
use support::config::instance;
use support::stage;
use support::wire::Advert;
use support::world::World;
use support::{millis, secs};

const VIP: &str = "10.200.0.51";
const VRID: u8 = 51;
const NAMES: [&str; 2] = ["north", "south"];
const STATES: [&str; 2] = ["MASTER", "BACKUP"];
const PRIORITIES: [u8; 2] = [150, 100];
const INTERVAL: Duration = secs(1);

/// What does not happen within this does not happen.
const PATIENCE: Duration = secs(8);

/// How often the picture is drawn.
const FRAME: Duration = millis(100);

/// Width of a host in the picture.
const BOX: usize = 26;

fn main() -> ExitCode {
    stage::run_single(|| {
        let mut show = Show::new();
        let done = if std::env::var("DEMO").is_ok_and(|mode| mode == "interactive") {
            show.interactive();
            true
        } else {
            show.play()
        };
        drop(show);
        std::process::exit(i32::from(!done));
    })
}

/// The hosts and what was seen of them.
struct Show {
    world: World,
    start: Instant,
    terminal: bool,
    drawn: bool,
    seen: [String; 2],
    story: Vec<String>,
    cut: [bool; 2],
}

impl Show {
    fn new() -> Self {
        let show = Show {
            world: World::two(),
            start: Instant::now(),
            terminal: std::io::stdout().is_terminal(),
            drawn: false,
            seen: Default::default(),
            story: Vec::new(),
            cut: [false; 2],
        };
        for node in 0..NAMES.len() {
            show.begin(node);
        }
        show
    }

    /// Starts the daemon of a host.
    fn begin(&self, node: usize) {
        let head = format!("state {}", STATES[node]);
        let config = instance("DEMO", VRID, PRIORITIES[node], &head, &[VIP]);
        self.world.nodes[node].start(Ours, &config);
    }

    /// The whole show; whether the address always went where it should.
    fn play(&mut self) -> bool {
        println!(
            "keepalived, two hosts in namespaces of this machine, one virtual IP {VIP}, advert_int 1 s\n"
        );
        let Some(first) = self.until(0, Duration::ZERO) else {
            return self.failed("nobody became MASTER");
        };
        self.tell(format!(
            "north is MASTER: its priority {} is the higher one",
            first.priority
        ));
        self.watch(secs(3));

        self.world.nodes[0].kill_all();
        self.tell("all processes of north are killed (SIGKILL): no farewell".into());
        let theory = 3 * INTERVAL + skew(PRIORITIES[1]);
        if !self.takeover(0, 1, theory, "3 x advert_int + skew") {
            return false;
        }
        self.watch(secs(2));

        self.begin(0);
        self.tell("north starts again: its priority is higher".into());
        let mark = self.world.capture.mark();
        if self.until(0, self.now_on_wire(mark)).is_none() {
            return self.failed("north did not get the address back");
        }
        self.tell("north has the address back".into());
        self.watch(secs(3));

        self.world.nodes[0].signal(Signal::SIGTERM);
        self.tell("north is stopped (SIGTERM): it resigns with priority 0".into());
        if !self.takeover(0, 1, skew(PRIORITIES[1]), "skew alone") {
            return false;
        }
        self.world.nodes[0].wait_exit(PATIENCE);
        self.watch(secs(2));
        println!("\nDone. Play with it yourself: DEMO=interactive contrib/demo/demo");
        true
    }

    /// Waits until `to` announces itself instead of `from`, and tells how long that took.
    fn takeover(&mut self, from: usize, to: usize, theory: Duration, formula: &str) -> bool {
        let last = self
            .adverts(from)
            .last()
            .map_or(Duration::ZERO, |advert| advert.at);
        let Some(advert) = self.until(to, last) else {
            return self.failed(&format!("{} did not take over", NAMES[to]));
        };
        // The farewell of a stopped host is its last advert.
        let last = self
            .adverts(from)
            .into_iter()
            .rfind(|old| old.at < advert.at);
        let gap = advert.at - last.map_or(Duration::ZERO, |old| old.at);
        self.tell(format!(
            "{} took over: {:.3} ms after the last advert of {}; theory ({formula}): {:.3} ms; difference {:+.3} ms",
            NAMES[to],
            gap.as_secs_f64() * 1e3,
            NAMES[from],
            theory.as_secs_f64() * 1e3,
            (gap.as_secs_f64() - theory.as_secs_f64()) * 1e3,
        ));
        true
    }

    fn adverts(&self, node: usize) -> Vec<Advert> {
        self.world.capture.adverts(node, VRID)
    }

    /// Time stamp of the newest frame before the mark.
    fn now_on_wire(&self, mark: usize) -> Duration {
        let frames = self.world.capture.frames();
        frames
            .get(..mark)
            .and_then(<[_]>::last)
            .map_or(Duration::ZERO, |frame| frame.at)
    }

    /// Draws until `node` has announced itself after `since` and holds the address alone among the living.
    fn until(&mut self, node: usize, since: Duration) -> Option<Advert> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            self.draw();
            let adverts = self.adverts(node).into_iter();
            let first = adverts
                .into_iter()
                .find(|advert| advert.at > since && advert.priority > 0);
            if first.is_some() && self.world.nodes[node].holds(VIP) {
                return first;
            }
            std::thread::sleep(millis(20));
        }
        None
    }

    fn watch(&mut self, span: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < span {
            self.draw();
            std::thread::sleep(FRAME);
        }
    }

    fn failed(&mut self, why: &str) -> bool {
        self.tell(format!("FAILED: {why}"));
        for (node, name) in self.world.nodes.iter().zip(NAMES) {
            eprintln!("\n--- log of {name} ---\n{}", node.log());
        }
        false
    }

    /// What a host is, as it shows itself: its processes, its cable, its adverts.
    fn state(&self, node: usize) -> &'static str {
        let host = &self.world.nodes[node];
        if host.processes().is_empty() {
            return "dead";
        }
        if self.cut[node] {
            return "cable cut";
        }
        let newest = self.adverts(node).pop();
        let now = self.world.capture.clock();
        match newest {
            Some(advert)
                if advert.priority > 0 && now < advert.at + 2 * INTERVAL && host.holds(VIP) =>
            {
                "MASTER"
            }
            _ => "BACKUP",
        }
    }

    fn tell(&mut self, what: String) {
        let line = format!("{:6.2} s  {what}", self.start.elapsed().as_secs_f64());
        if self.terminal {
            self.story.push(line);
            self.draw();
        } else {
            println!("{line}");
        }
    }

    /// The picture on a terminal, else a line whenever something changed.
    fn draw(&mut self) {
        let states = [0, 1].map(|node| self.state(node).to_owned());
        if !self.terminal {
            let hosts = [0, 1].map(|node| format!("{} is {}", NAMES[node], self.words(node)));
            if hosts != self.seen {
                self.seen.clone_from(&hosts);
                println!(
                    "{:6.2} s  [{}]",
                    self.start.elapsed().as_secs_f64(),
                    hosts.join(", ")
                );
            }
            return;
        }
        let picture = self.picture(&states);
        let mut out = std::io::stdout().lock();
        let home = if self.drawn {
            "\x1b[H"
        } else {
            "\x1b[2J\x1b[H"
        };
        let _ = write!(out, "{home}{}\x1b[J", picture.replace('\n', "\x1b[K\n"));
        let _ = out.flush();
        self.drawn = true;
    }

    fn words(&self, node: usize) -> String {
        let place = if self.world.nodes[node].holds(VIP) {
            " with the address"
        } else {
            ""
        };
        format!("{}{place}", self.state(node))
    }

    fn picture(&self, states: &[String; 2]) -> String {
        let colour = |state: &str, text: &str| match state {
            "MASTER" => format!("\x1b[1;32m{text}\x1b[0m"),
            "BACKUP" => format!("\x1b[33m{text}\x1b[0m"),
            _ => format!("\x1b[31m{text}\x1b[0m"),
        };
        let line =
            |left: String, cable: &str, right: String| format!("  {left}{cable:^6}{right}\n");
        let row = |cell: &dyn Fn(usize) -> String, cable: &str| {
            let cells = [0, 1].map(|node| {
                let text = format!("{:<width$}", cell(node), width = BOX - 4);
                format!("| {} |", colour(&states[node], &text))
            });
            let [left, right] = cells;
            line(left, cable, right)
        };
        let edge = || {
            line(
                format!("+{}+", "-".repeat(BOX - 2)),
                "",
                format!("+{}+", "-".repeat(BOX - 2)),
            )
        };
        let cable = if self.cut.contains(&true) {
            "-- --"
        } else {
            "------"
        };
        let holds = |node: usize| {
            if self.world.nodes[node].holds(VIP) {
                format!("* {VIP}")
            } else {
                String::new()
            }
        };
        let mut picture = format!(
            "keepalived: two hosts in namespaces, one virtual IP {:>14.1} s\n\n{}",
            self.start.elapsed().as_secs_f64(),
            edge()
        );
        picture += &row(&|node| format!("{}  10.10.0.{}", NAMES[node], node + 1), "");
        picture += &row(&|node| format!("priority {}", PRIORITIES[node]), "");
        picture += &row(&|node| states[node].clone(), cable);
        picture += &row(&holds, "");
        picture += &row(
            &|node| format!("{} adverts sent", self.adverts(node).len()),
            "",
        );
        picture += &edge();
        picture += "\n";
        for line in &self.story {
            picture += &format!("{line}\n");
        }
        picture
    }

    /// Reads commands until `quit` or the end of input.
    fn interactive(&mut self) {
        const HELP: &str = "\
kill N    all processes of host N die at once        start N   its daemon starts
stop N    its daemon is stopped in order             hang N    its VRRP process stops answering
cut N     its cable is pulled       plug N  and put back
part      the hosts cannot hear each other           join      they can again
log N     the last lines of its log   shell N  a shell on it   show (or Enter)  the picture   quit";
        println!("{HELP}\n");
        self.until(0, Duration::ZERO);
        self.terminal = false;
        let stdin = std::io::stdin();
        loop {
            let states = [0, 1].map(|node| self.state(node).to_owned());
            print!(
                "\n{}\nN is 1 (north) or 2 (south); help> ",
                self.picture(&states)
            );
            let _ = std::io::stdout().flush();
            let mut line = String::new();
            if stdin.lock().read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let words = line.split_whitespace().collect::<Vec<_>>();
            let host = || match words.get(1) {
                Some(&"1" | &"north") => Some(0),
                Some(&"2" | &"south") => Some(1),
                _ => None,
            };
            match (words.first().copied().unwrap_or("show"), host()) {
                ("quit" | "exit" | "q", _) => return,
                ("show", _) => {}
                ("part", _) => self.world.partition(true),
                ("join", _) => self.world.partition(false),
                (command, Some(node)) => self.command(command, node),
                _ => println!("{HELP}"),
            }
            std::thread::sleep(millis(300));
        }
    }

    fn command(&mut self, command: &str, node: usize) {
        let host = &self.world.nodes[node];
        match command {
            "kill" => host.kill_all(),
            "stop" if host.runs() => host.stop(),
            "start" if !host.runs() => self.begin(node),
            "hang" => {
                if let Some(pid) = host.vrrp_pid() {
                    let _ = kill(pid, Signal::SIGSTOP);
                }
            }
            "cut" | "plug" => {
                self.cut[node] = command == "cut";
                self.world.cable(node, 0, command == "plug");
            }
            "log" => {
                let log = host.log();
                let lines = log.lines().collect::<Vec<_>>();
                println!("{}", lines[lines.len().saturating_sub(20)..].join("\n"));
            }
            "shell" => {
                let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
                let _ = host.command(&[&shell]).stdin(Stdio::inherit()).status();
            }
            _ => println!("that is not possible now"),
        }
    }
}
