//! Real configuration files and the owner's own: the exit status of `-t` is keepalived's for every one of them, but for the
//! deviations that contrib/doc/differences.md names.

#[path = "support/shared.rs"]
mod shared;

use keepalived::config::diagnostic::{Class, Diagnostic};
use keepalived::config::source::Disk;
use keepalived::config::world::Imagined;
use keepalived::config::{Loaded, Options, load};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use shared::shared;

/// Files whose status differs, with the entry of the ledger that says why.
const DIFFERENCES: [(&str, i32, &str); 0] = [];

/// The host that the statuses were found on.
fn world(corpus: &Path) -> Imagined {
    let lines = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(corpus.join(name)).expect("a list of the corpus");
        text.lines().map(str::to_owned).collect()
    };
    Imagined {
        interfaces: Some(
            lines("interfaces.txt")
                .into_iter()
                .chain(["lo".to_owned()])
                .collect(),
        ),
        programs: Some(
            lines("script-paths.txt")
                .into_iter()
                .filter(|p| runnable(p))
                .collect(),
        ),
        users: BTreeMap::from([("root".to_owned(), 0)]),
        hosts: ["localhost".to_owned()].into(),
        ..Imagined::default()
    }
}

/// Only absolute paths were made; bare names are found in PATH when they are real programs.
fn runnable(program: &str) -> bool {
    program.starts_with('/') || ["killall", "pidof", "pkill", "echo"].contains(&program)
}

fn read(path: &Path, world: &Imagined) -> Loaded {
    let options = Options {
        path: path.to_owned(),
        ..Options::default()
    };
    load(&options, &Disk, world)
}

fn show(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.span.map_or(String::new(), |span| {
        format!("{}:{} ", span.line, span.column)
    });
    format!("    {place}{:?}: {}", diagnostic.class, diagnostic.message)
}

#[test]
fn exit_statuses_of_the_corpus_are_keepaliveds() {
    let Some(corpus) = shared("corpus") else {
        return;
    };
    let world = world(&corpus);
    let truth = std::fs::read_to_string(corpus.join("truth.tsv")).expect("truth.tsv");
    let (mut wrong, mut files) = (String::new(), 0);
    for row in truth.lines().skip(1) {
        let mut columns = row.split('\t').skip(1);
        let (file, exit) = (columns.next().expect("file"), columns.next().expect("exit"));
        let exit: i32 = exit.parse().expect("a status");
        let expected = DIFFERENCES
            .iter()
            .find(|(name, ..)| *name == file)
            .map_or(exit, |(_, ours, _)| *ours);
        let loaded = read(&corpus.join(file), &world);
        files += 1;
        let status = loaded.diagnostics.exit_status();
        if status != expected {
            writeln!(
                wrong,
                "{file}: {status}, keepalived {exit}: {}",
                columns.nth(1).unwrap_or_default()
            )
            .expect("a String");
            for diagnostic in loaded
                .diagnostics
                .iter()
                .filter(|d| !matches!(d.class, Class::Unimplemented | Class::Note))
            {
                writeln!(wrong, "{}", show(diagnostic)).expect("a String");
            }
        }
    }
    assert_eq!(files, 109);
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A scenario of the owner.
fn scenario(name: &str) -> Option<Loaded> {
    let scenarios = shared("scenarios")?;
    let world = Imagined {
        programs: Some(
            ["pidof", "killall", "/etc/keepalived/notify.sh"]
                .map(str::to_owned)
                .into(),
        ),
        ..Imagined::generous()
    };
    Some(read(&scenarios.join(format!("{name}.conf")), &world))
}

fn said(loaded: &Loaded, part: &str) -> bool {
    loaded.diagnostics.iter().any(|d| {
        d.message.contains(part) || d.help.as_ref().is_some_and(|help| help.contains(part))
    })
}

#[test]
fn every_scenario_loads_and_starts_its_instances() {
    let Some(scenarios) = shared("scenarios") else {
        return;
    };
    let mut read_in = 0;
    for entry in std::fs::read_dir(&scenarios).expect("the scenarios") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name");
        let loaded = scenario(name).expect("the scenario");
        let text = std::fs::read_to_string(&path).expect("its text");
        let wanted = text
            .lines()
            .filter(|line| line.trim_start().starts_with("vrrp_instance "))
            .count();
        assert_eq!(loaded.model.vrrp.instances.len(), wanted, "{name}");
        assert!(!loaded.refused(), "{name}");
        read_in += 1;
    }
    assert_eq!(read_in, 20);
}

#[test]
fn the_first_scenarios_give_the_model_they_describe() {
    let Some(single) = scenario("s01-single-master.node1") else {
        return;
    };
    let [vi] = single.model.vrrp.instances.as_slice() else {
        panic!("one instance")
    };
    assert_eq!(
        (
            vi.name.as_str(),
            vi.interface.as_str(),
            vi.virtual_router_id,
            vi.priority
        ),
        ("VI_1", "eth0", 6, 100)
    );
    assert_eq!(vi.multicast_group.to_string(), "224.0.100.100");
    assert_eq!(single.model.global.router_id.as_deref(), Some("node1"));
    let [address] = vi.virtual_addresses.as_slice() else {
        panic!("one address")
    };
    assert_eq!(
        (
            address.address.to_string().as_str(),
            address.prefix,
            address.label.as_deref()
        ),
        ("172.18.100.66", 16, Some("eth0:0"))
    );
    let dual = scenario("s02-dual-master.node2").expect("the scenario");
    let ids: Vec<_> = dual
        .model
        .vrrp
        .instances
        .iter()
        .map(|vi| vi.virtual_router_id)
        .collect();
    assert_eq!(ids, [6, 8]);
    let nopreempt = scenario("s03-nopreempt.node1").expect("the scenario");
    assert!(nopreempt.model.vrrp.instances[0].nopreempt);
    assert!(
        !scenario("s04-preempt.node1")
            .expect("the scenario")
            .model
            .vrrp
            .instances[0]
            .nopreempt
    );
}

#[test]
fn tutorials_work_with_a_warning() {
    let Some(slashes) = scenario("s08-slash-comments.node1") else {
        return;
    };
    let [vi] = slashes.model.vrrp.instances.as_slice() else {
        panic!("one instance")
    };
    let [address] = vi.virtual_addresses.as_slice() else {
        panic!("one address")
    };
    assert_eq!(
        (address.address.to_string().as_str(), vi.priority),
        ("172.16.178.137", 100)
    );
    assert!(
        said(&slashes, "//"),
        "{:#?}",
        slashes.diagnostics.iter().collect::<Vec<_>>()
    );
    assert!(
        !said(&slashes, "chk_nginx not found"),
        "the script glued to its keyword is found"
    );
    let slip = scenario("s09-lvs-wrr-sync-group.node1").expect("the scenario");
    assert!(
        said(&slip, "Unknown keyword 'lvs_sync_daemon_inteface'")
            && said(&slip, "it is taken as 'lvs_sync_daemon_interface'")
    );
    assert_eq!(slip.model.vrrp.instances[0].advert_interval.as_secs(), 5);
    let sync = scenario("s10-sync-group-nat.node2").expect("the scenario");
    assert_eq!(sync.model.vrrp.instances.len(), 2);
}
