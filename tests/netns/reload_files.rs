//! Files around a reload and around dumps: what makes a reload, what keeps it from happening, who is told that it goes on, and where
//! things are written.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};

use crate::support::Binary::Ours;
use crate::support::config::{instance, password};
use crate::support::node::{CONFIG, Node};
use crate::support::stage::{Case, case};
use crate::support::wire::election_bound;
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_for, wait_until};

const VIP: &str = "10.79.0.1";
const OTHER: &str = "10.79.0.2";
const PASSWORD: &str = "h1dden88";
/// `--signum=JSON`.
const JSON_SIGNAL: i32 = 36;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("reload_files::a_test_comes_first", a_test_comes_first),
        case(
            "reload_files::others_see_that_it_goes_on",
            others_see_that_it_goes_on,
        ),
        case("reload_files::it_comes_at_its_time", it_comes_at_its_time),
        case("reload_files::each_is_saved", each_is_saved),
        case(
            "reload_files::dumps_go_where_they_are_sent",
            dumps_go_where_they_are_sent,
        ),
    ]
}

fn config(global: &str, vip: &str) -> String {
    format!(
        "global_defs {{\n {global}\n}}\n{}",
        instance("FILES", 79, 100, &password(PASSWORD), &[vip])
    )
}

fn started(root: &str, global: &str) -> World {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.write(CONFIG, &format!("{root}\n{}", config(global, VIP)));
    node.start_with(Ours, &["-n", "-l", "-D", "-G", "-f", CONFIG]);
    wait_until("the host is master", election_bound(), || node.holds(VIP));
    world
}

fn reloads(node: &Node) -> usize {
    node.log().matches("Reload complete").count()
}

fn a_test_comes_first() {
    const GLOBAL: &str = "reload_check_config /run/report";
    let world = started("", GLOBAL);
    let node = &world.nodes[0];
    // Without the keyword this would do: one line is ignored.
    node.write(CONFIG, &format!("{}nonsense 1\n", config(GLOBAL, OTHER)));
    node.signal(Signal::SIGHUP);
    node.wait_log(
        "New config failed validation, see /run/report for details",
        secs(5),
    );
    assert!(
        node.read("/run/report")
            .contains("Unknown keyword 'nonsense'")
    );
    assert!(node.holds(VIP) && reloads(node) == 0);
    node.write(CONFIG, &config(GLOBAL, OTHER));
    node.signal(Signal::SIGHUP);
    wait_until("a clean file is taken", secs(5), || {
        node.holds(OTHER) && !node.holds(VIP)
    });
    assert_eq!(
        node.read("/run/report"),
        "",
        "the report is of the last test"
    );
    // The setting of the daemon that runs counts, and it has been taken over.
    node.write(CONFIG, &config("router_id x", OTHER));
    node.signal(Signal::SIGHUP);
    wait_until("a second reload", secs(5), || reloads(node) == 2);
    node.write(CONFIG, &format!("{}nonsense 1\n", config("", VIP)));
    node.signal(Signal::SIGHUP);
    wait_until("it is taken without the test", secs(5), || node.holds(VIP));
    node.stop();
}

fn others_see_that_it_goes_on() {
    let world = started("use_pid_dir", "reload_file");
    let node = &world.nodes[0];
    let file = "/run/keepalived/keepalived.reload";
    assert!(!node.path(file).exists());
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).expect("inotify");
    watch
        .add_watch(
            &node.path("/run/keepalived"),
            AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE,
        )
        .expect("a watch");
    let told = |times: usize, what: AddWatchFlags| {
        node.signal(Signal::SIGHUP);
        wait_until("the reload is done", secs(5), || reloads(node) == times);
        let events = watch.read_events().expect("events");
        let of_file = events
            .iter()
            .filter(|event| event.name.as_deref() == Some("keepalived.reload".as_ref()));
        assert_eq!(
            of_file
                .map(|event| event.mask)
                .collect::<Vec<_>>()
                .last()
                .copied(),
            Some(AddWatchFlags::IN_DELETE)
        );
        events.iter().any(|event| event.mask == what)
    };
    assert!(told(1, AddWatchFlags::IN_CREATE), "it comes and goes");
    // Who changes files makes it first, and waits for it to go.
    node.write(file, "I am writing");
    assert!(told(2, AddWatchFlags::IN_DELETE));
    assert!(!node.path(file).exists());
    node.stop();
}

fn it_comes_at_its_time() {
    const FILE: &str = "/run/test/when";
    let world = started("", &format!("reload_time_file {FILE}"));
    let node = &world.nodes[0];
    let write = |when: &str, format: &str| {
        let time = node.run(&["date", "-u", "-d", when, format]);
        node.write(FILE, &time);
        time
    };
    write("2 seconds ago", "+%y-%m-%d %H:%M:%SZ");
    node.wait_log("has passed, no reload is scheduled", secs(5));
    node.write(FILE, "soon\n");
    node.wait_log("'soon' is no time", secs(5));
    write("1 hour", "+%Y-%m-%d %H:%M:%SZ");
    node.wait_log("Reload scheduled at", secs(5));
    node.write(
        CONFIG,
        &config(&format!("reload_time_file {FILE}\n reload_repeat"), OTHER),
    );
    // A time that was over before the daemon could read it never comes: then another one.
    let comes = |format: &str, is_done: &dyn Fn() -> bool| {
        let mut written = None::<Instant>;
        wait_until("the time comes", secs(12), || {
            if written.is_none_or(|at| at.elapsed() > secs(6)) {
                write("2 seconds", format);
                written = Some(Instant::now());
            }
            is_done()
        });
    };
    assert!(node.holds(VIP), "not yet");
    comes("+%Y-%m-%d %H:%M:%SZ", &|| node.holds(OTHER));
    wait_until("the file has gone", secs(5), || !node.path(FILE).exists());
    // Now it stays, and means every day.
    let before = reloads(node);
    comes("+%H:%M:%SZ", &|| reloads(node) > before);
    assert!(node.path(FILE).exists());
    wait_until("it is set for the next day", secs(5), || {
        let log = node.log();
        let line = log
            .lines()
            .rfind(|line| line.contains("Reload scheduled at"));
        let seconds =
            line.and_then(|line| line.split_once(", in ")?.1.split(' ').next()?.parse().ok());
        seconds.is_some_and(|seconds: u32| seconds > 86_000)
    });
    node.stop();
}

fn each_is_saved() {
    const GLOBAL: &str = "config_save_dir /run/saved";
    let world = started("", GLOBAL);
    let node = &world.nodes[0];
    let (parent, vrrp) = (node.pid(), node.vrrp_pid().expect("a VRRP process"));
    node.write(CONFIG, &config(GLOBAL, OTHER));
    node.signal(Signal::SIGHUP);
    wait_until("the reload is done", secs(5), || reloads(node) == 1);
    let saved = |name: String| {
        let path = format!("/run/saved/{name}");
        wait_for(&name, secs(5), || {
            Some(node.read(&path)).filter(|text| !text.is_empty())
        })
    };
    for (name, vip, other) in [
        (format!("keepalived.conf.{parent}.0"), VIP, OTHER),
        (format!("keepalived.conf.{parent}.1"), OTHER, VIP),
        (format!("keepalived_vrrp.{vrrp}.1.pre"), VIP, OTHER),
        (format!("keepalived_vrrp.{vrrp}.1.post"), OTHER, VIP),
    ] {
        let text = saved(name);
        // The kernel may be a moment behind.
        let (text, _) = text.split_once("< Interfaces >").unwrap_or((&text, ""));
        assert!(text.contains(vip) && !text.contains(other), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
    let mode = fs::metadata(node.path("/run/saved"))
        .expect("the directory")
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    node.stop();
}

fn dumps_go_where_they_are_sent() {
    let world = started(
        "instance one",
        "data_use_instance\n json_version 2\n state_dump_file /run/d/\n stats_dump_file /run/d/counted\n json_dump_file some/name.js",
    );
    let node = &world.nodes[0];
    fs::create_dir(node.path("/run/d")).expect("a directory");
    node.signal(Signal::SIGUSR1);
    node.signal(Signal::SIGUSR2);
    let sent = node.run(&["kill", &format!("-{JSON_SIGNAL}"), &node.pid().to_string()]);
    assert_eq!(sent, "");
    let written = |path: &str| {
        wait_for(path, secs(5), || {
            Some(node.read(path)).filter(|text| !text.is_empty())
        })
    };
    assert!(written("/run/d/keepalived.one.data").contains("FILES"));
    assert!(written("/run/d/keepalived_parent.one.data").contains("JSON version = 2"));
    assert!(written("/run/d/counted").contains("VRRP Instance: FILES"));
    let json: serde_json::Value = serde_json::from_str(&written("/tmp/name.js")).expect("JSON");
    assert_eq!(json["vrrp"][0]["data"]["iname"], "FILES");
    for usual in ["keepalived.data", "keepalived.stats", "keepalived.json"] {
        assert!(!node.path("/tmp").join(usual).exists(), "{usual}");
    }
    // A reload changes them.
    node.write(
        CONFIG,
        &format!("instance one\n{}", config("json_version 1", VIP)),
    );
    node.signal(Signal::SIGHUP);
    wait_until("the reload is done", secs(5), || reloads(node) == 1);
    kill(node.pid(), Signal::SIGUSR2).expect("kill");
    assert!(written("/tmp/keepalived.stats").contains("FILES"));
    node.stop();
}
