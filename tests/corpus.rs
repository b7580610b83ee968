//! Real configuration files and the owner's own: the exit status of `-t` is keepalived's for every one of them, but for the
//! deviations that contrib/doc/differences.md names. The files lie beside the checkout; KEEPALIVED_SHARED names another place.

use keepalived::config::diagnostic::{Class, Diagnostic};
use keepalived::config::source::Disk;
use keepalived::config::world::Imagined;
use keepalived::config::{Loaded, Options, load};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Files whose status differs, with the entry of the ledger that says why.
const DIFFERENCES: [(&str, i32, &str); 0] = [];

/// The shared files; none when they are not there, which is a failure where everything must be tested.
fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("KEEPALIVED_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = root.join(part);
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("KEEPALIVED_TEST_ALL").is_none_or(|all| all != "1"),
        "{} is missing",
        path.display()
    );
    eprintln!("not run: {} is missing", path.display());
    None
}

/// The host that the statuses were found on.
fn world(corpus: &Path) -> Imagined {
    let lines = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(corpus.join(name)).expect("a list of the corpus");
        text.lines().map(str::to_owned).collect()
    };
    Imagined {
        interfaces: Some(lines("interfaces.txt").into_iter().collect()),
        programs: Some(
            lines("script-paths.txt")
                .into_iter()
                .chain(ABSOLUTE.map(str::to_owned))
                .filter(|p| runnable(p))
                .collect(),
        ),
        users: BTreeMap::from([("root".to_owned(), 0)]),
        ..Imagined::default()
    }
}

/// Programs of that host which the list does not repeat.
const ABSOLUTE: [&str; 1] = ["/bin/sh"];

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
