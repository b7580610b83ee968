//! Numbers in files that shift priorities: however they are written, replaced or removed, whatever becomes of their directory, and
//! whoever reads them.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::support::Binary::{Ours, Peer};
use crate::support::config::instance;
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case, peer_case};
use crate::support::told::{self, FIFO};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{Binary, secs, stays, wait_for, wait_until};

const VIP: &str = "10.85.2.1";
const VRID: u8 = 85;
/// A change is told, and a takeover or a return is over.
const MOVE_BOUND: Duration = secs(20);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("track_files::a_pair_follows_a_file", || pair([Ours, Ours])),
        peer_case("track_files::a_pair_follows_a_file_ours_first", || {
            pair([Ours, Peer])
        }),
        peer_case("track_files::a_pair_follows_a_file_peer_first", || {
            pair([Peer, Ours])
        }),
        peer_case("track_files::numbers_weigh_what_keepaliveds_weigh", weights),
        case("track_files::files_come_and_go", come_and_go),
        case("track_files::what_is_no_number_changes_nothing", no_number),
        case("track_files::init_file_writes_at_start_alone", init_file),
        case("track_files::thousands_of_files", thousands),
        case("track_files::another_reader_goes_on", reader_dies),
    ]
}

fn file(name: &str, lines: &str) -> String {
    format!("track_file {name} {{\n file /run/{name}\n{lines}\n}}\n")
}

fn tracking(name: &str, vrid: u8, priority: u8, tracked: &str, address: &str) -> String {
    let head = format!("track_file {{\n{tracked}\n}}");
    instance(name, vrid, priority, &head, &[address])
}

fn alone(config: &str) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    world.nodes[0].start(Ours, config);
    world
}

fn settles(world: &World, node: usize) {
    wait_until(
        &format!("the address is on host {} alone", node + 1),
        election_bound() + MOVE_BOUND,
        || world.holders(VIP) == [node],
    );
}

/// A number is written, and the address moves; another, and it returns.
fn pair(binaries: [Binary; 2]) {
    let world = World::two();
    for (place, binary) in binaries.into_iter().enumerate() {
        let priority = 100 - 10 * u8::try_from(place).expect("small");
        let config = file("load", "") + &tracking("LOCK", VRID, priority, "load", VIP);
        world.nodes[place].start(binary, &config);
    }
    settles(&world, 0);
    world.nodes[0].write("/run/load", "-20\n");
    settles(&world, 1);
    world.nodes[0].write("/run/load", "0\n");
    settles(&world, 0);
    world.nodes[1].write("/run/load", "50\n");
    settles(&world, 1);
    fs::remove_file(world.nodes[1].path("/run/load")).expect("it is there");
    settles(&world, 0);
}

/// What the FIFO of one daemon says of priorities and states while a file says one thing after another.
fn told_of(binary: Binary) -> BTreeMap<String, Vec<String>> {
    let cases = [
        ("ONE", "n weight 1"),
        ("MINUS", "n weight -3"),
        ("REVERSE", "n weight 1 reverse"),
        ("PLAIN", "n"),
        ("FULL", "n weight 254"),
        ("ZERO", "n weight 0"),
        ("ZEROREVERSE", "n weight 0 reverse"),
    ];
    let instances: String = (0u8..)
        .zip(cases)
        .map(|(place, (name, line))| {
            tracking(
                name,
                VRID + place,
                100,
                line,
                &format!("10.85.3.{}", place + 1),
            )
        })
        .collect();
    let config = format!(
        "global_defs {{\n vrrp_notify_fifo {FIFO}\n vrrp_notify_priority_changes on\n}}\n{}{}{instances}{}",
        file("n", "weight 2"),
        file("mark", "weight 1"),
        tracking("MARK", VRID + 7, 100, "mark", "10.85.3.8")
    );
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.run(&["mkfifo", FIFO]);
    told::read_fifo(node);
    node.start(binary, &config);
    wait_until("all that can be are master", election_bound(), || {
        (1..7).all(|last| node.holds(&format!("10.85.3.{last}")))
    });
    let mut marks = 0;
    let mut is_heeded = || {
        // Told in the order of the changes: what came before the mark has been heeded, too.
        marks += 1;
        node.write("/run/mark", &format!("{marks}\n"));
        let end = format!("PRIORITY {}", 100 + marks);
        wait_until("what the file says is heeded", secs(10), || {
            let is_mark = |line: &String| line.contains("\"MARK\"") && line.ends_with(&end);
            told::lines(node).iter().any(is_mark)
        });
    };
    // What is a fault follows zero: theirs goes on with the priority of before, and ours with that of nothing.
    for content in [
        "1\n",
        "0\n",
        "-7\n",
        "20\n",
        "0x10\n",
        "010",
        "",
        "-300\n",
        "5 more\n9\n",
        " 3",
        "0",
        "1000\n",
        "0",
    ] {
        node.write("/run/n", content);
        is_heeded();
    }
    // Replaced at once, taken away.
    node.write("/run/next", "6\n");
    fs::rename(node.path("/run/next"), node.path("/run/n")).expect("rename");
    is_heeded();
    fs::remove_file(node.path("/run/n")).expect("remove");
    is_heeded();
    // Elections go their own pace; what counts is what the file does.
    let mut told = told::by_subject(&told::lines(node));
    told.retain(|subject, _| !subject.contains("MARK"));
    for lines in told.values_mut() {
        lines.retain(|line| line.contains("PRIORITY") || line.contains("FAULT"));
        for line in lines {
            *line = line.replace("MASTER_", "").replace("BACKUP_", "");
        }
    }
    told
}

fn weights() {
    let (ours, peers) = (told_of(Ours), told_of(Peer));
    for (name, lines) in &ours {
        assert_eq!(Some(lines), peers.get(name), "{name}");
    }
    assert_eq!(ours.len(), peers.len());
}

/// Written, replaced, linked, truncated, moved away, and the same with the directory.
fn come_and_go() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write("/run/dir/sub/n", "1");
    let definition = "track_file n {\n file /run/dir/sub/n\n}\n";
    node.start(
        Ours,
        &(definition.to_owned() + &tracking("LOCK", VRID, 100, "n", VIP)),
    );
    let (mut current, mut read) = (100, 0);
    let mut becomes = |what: &str, priority: i32| {
        let line = format!("Changing effective priority from {current} to {priority}\n");
        // The same change may have been told before.
        read += wait_for(&format!("{what}: {line}"), secs(10), || {
            let log = node.log();
            log[read..].find(&line).map(|place| place + line.len())
        });
        current = priority;
    };
    let path = |inside: &str| node.path(inside);
    wait_until("it runs", election_bound(), || node.holds(VIP));
    assert!(node.log().contains("Track file n now 1"), "{}", node.log());
    current_is(&mut becomes, node);
    node.write("/run/dir/other", "11");
    fs::rename(path("/run/dir/other"), path("/run/dir/sub/n")).expect("rename");
    becomes("replaced", 111);
    fs::remove_file(path("/run/dir/sub/n")).expect("remove");
    becomes("removed", 100);
    node.write("/run/dir/other", "12");
    fs::hard_link(path("/run/dir/other"), path("/run/dir/sub/n")).expect("link");
    becomes("linked", 112);
    fs::OpenOptions::new()
        .write(true)
        .open(path("/run/dir/sub/n"))
        .and_then(|file| file.set_len(0))
        .expect("truncate");
    becomes("truncated", 100);
    node.write("/run/dir/sub/n", "13");
    becomes("written", 113);
    fs::rename(path("/run/dir/sub/n"), path("/run/dir/sub/away")).expect("rename");
    becomes("moved away", 100);
    fs::rename(path("/run/dir/sub/away"), path("/run/dir/sub/n")).expect("rename");
    becomes("moved back", 113);
    fs::rename(path("/run/dir"), path("/run/elsewhere")).expect("rename");
    becomes("a directory above moved away", 100);
    fs::write(path("/run/elsewhere/sub/n"), "14").expect("write");
    fs::rename(path("/run/elsewhere"), path("/run/dir")).expect("rename");
    becomes("moved back with another number", 114);
    fs::remove_dir_all(path("/run/dir")).expect("remove");
    becomes("the directory vanished", 100);
    stays("it goes on", secs(2), || node.holds(VIP));
    node.write("/run/dir/sub/n", "15");
    becomes("the directory returned", 115);
    node.write("/run/dir/sub/n", "16");
    becomes("and is watched again", 116);
}

/// The first number may have counted before the instance began, which no line tells.
fn current_is(becomes: &mut impl FnMut(&str, i32), node: &Node) {
    node.write("/run/dir/sub/n", "0");
    let log = || node.log();
    wait_until("the first number counts", secs(10), || {
        log().contains("to 100\n") || log().contains("from 101 to 100")
    });
    node.write("/run/dir/sub/n", "2");
    becomes("written", 102);
}

fn no_number() {
    let config = file("n", "weight 0") + &tracking("LOCK", VRID, 100, "n", VIP);
    let world = alone(&config);
    let node = &world.nodes[0];
    wait_until("it is master", election_bound(), || node.holds(VIP));
    node.write("/run/n", "1\n");
    node.wait_log(
        "(LOCK) entering FAULT state (tracked file n says 1)",
        secs(10),
    );
    let garbage = "Track file n: /run/n does not begin with a number; 1 counts on";
    node.write("/run/n", "zero\n");
    node.wait_log(garbage, secs(10));
    node.write("/run/n", "null\n");
    stays("it is still a fault, said once", secs(2), || {
        !node.holds(VIP) && node.log().matches(garbage).count() == 1
    });
    fs::remove_file(node.path("/run/n")).expect("remove");
    wait_until("it is master", election_bound(), || node.holds(VIP));
    // A pipe nobody writes to is not waited for.
    node.run(&["mkfifo", "/run/n"]);
    node.wait_log("/run/n is no plain file; 0 counts on", secs(10));
    fs::remove_file(node.path("/run/n")).expect("remove");
    node.write("/run/n", "2\n");
    node.wait_log(
        "(LOCK) entering FAULT state (tracked file n says 2)",
        secs(10),
    );
}

fn init_file() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write("/run/kept", "3\n");
    node.write("/run/replaced", "3\n");
    let files = file("made", "init_file")
        + &file("kept", "init_file 5")
        + &file("replaced", "init_file 7 overwrite");
    let config = files.clone() + &tracking("LOCK", VRID, 100, "made\nkept\nreplaced", VIP);
    node.start(Ours, &config);
    let contents = || ["made", "kept", "replaced"].map(|name| node.read(&format!("/run/{name}")));
    wait_until("they are written", election_bound(), || {
        contents() == ["0\n", "3\n", "7\n"]
    });
    wait_until("it is master", election_bound(), || node.holds(VIP));
    node.write("/run/replaced", "20\n");
    node.wait_log("Track file replaced now 20", secs(10));
    let more = file("late", "init_file 9 overwrite") + &config.replace("made\n", "made\nlate\n");
    node.write(CONFIG, &more);
    node.signal(Signal::SIGHUP);
    node.wait_log("Reload complete", secs(10));
    stays("a reload writes nothing", secs(1), || {
        contents() == ["0\n", "3\n", "20\n"] && node.read("/run/late").is_empty()
    });
    node.write("/run/late", "-3\n");
    node.wait_log("Track file late now -3", secs(10));
}

/// More of them than the line to the reader has room for.
fn thousands() {
    const COUNT: usize = 3000;
    const INSTANCES: usize = 100;
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    let names: Vec<String> = (0..COUNT).map(|place| format!("n{place}")).collect();
    let files: String = names.iter().map(|name| file(name, "")).collect();
    for name in ["n0", "n1500", "n2999"] {
        node.write(&format!("/run/{name}"), "1");
    }
    let instances: String = (names.chunks(COUNT / INSTANCES).enumerate())
        .map(|(place, names)| {
            let vrid = u8::try_from(place + 1).expect("one of a hundred");
            let (name, address) = (format!("LOCK{place}"), format!("10.85.4.{vrid}"));
            tracking(&name, vrid, 100, &names.join("\n"), &address)
        })
        .collect();
    node.start(Ours, &(files + &instances));
    for name in ["n0", "n1500", "n2999"] {
        node.wait_log(&format!("Track file {name} now 1"), secs(20));
    }
    node.write("/run/n2998", "10");
    node.wait_log(
        "(LOCK99) Changing effective priority from 101 to 111\n",
        secs(10),
    );
}

/// Whoever reads the files dies: what they said stands, and another takes the work over.
fn reader_dies() {
    let world = alone(&(file("n", "") + &tracking("LOCK", VRID, 100, "n", VIP)));
    let node = &world.nodes[0];
    wait_until("it is master", election_bound(), || node.holds(VIP));
    node.write("/run/n", "5");
    node.wait_log("from 100 to 105\n", secs(10));
    let reader = super::scripts::runner(node).expect("a process that reads files");
    kill(reader, Signal::SIGKILL).expect("it lives");
    node.wait_log(
        "The process that runs programs has ended: starting another",
        secs(5),
    );
    wait_until("another takes its place", secs(10), || {
        super::scripts::runner(node).is_some_and(|now| now != reader)
    });
    assert!(!node.log().contains("from 105"), "{}", node.log());
    node.write("/run/n", "7");
    node.wait_log("from 105 to 107\n", secs(10));
}
