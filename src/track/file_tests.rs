use super::Level;
use super::file::*;
use crate::config::model::{InitFile, TrackFile};
use std::path::PathBuf;

const INIT: InitFile = InitFile {
    value: 7,
    overwrite: false,
};

fn config(name: &str, path: &str) -> TrackFile {
    TrackFile {
        name: name.to_owned(),
        path: PathBuf::from(path),
        init: Some(INIT),
    }
}

fn configured(files: &mut Files, configs: &[TrackFile], begins: bool) -> Vec<String> {
    let mut actions = Vec::new();
    files.configure(configs, begins, &mut actions);
    shown(actions)
}

fn found(files: &mut Files, id: FileId, reading: Reading) -> Vec<String> {
    let mut actions = Vec::new();
    files.found(id, reading, &mut actions);
    shown(actions)
}

fn shown(actions: Vec<Action>) -> Vec<String> {
    let show = |action| match action {
        Action::Watch { id, path, init } => {
            format!("watch {id} {} {:?}", path.display(), init.map(|i| i.value))
        }
        Action::Forget(id) => format!("forget {id}"),
        Action::Level { name, level } => format!("{name} is {level}"),
        Action::Tell(notice) => notice.to_string(),
    };
    actions.into_iter().map(show).collect()
}

#[test]
fn what_contents_say() {
    use Reading::{NoNumber, Value};
    for (content, reading) in [
        (&b""[..], Value(0)),
        (b"\n \t\r\n", Value(0)),
        (b"5", Value(5)),
        (b"5\n", Value(5)),
        (b"  -12 and the rest\n7", Value(-12)),
        (b"+3", Value(3)),
        (b"0", Value(0)),
        (b"-0", Value(0)),
        (b"010", Value(8)),
        (b"0x1F", Value(31)),
        (b"-0X10", Value(-16)),
        (b"99999999999999999999999", Value(i32::MAX)),
        (b"-99999999999999999999999", Value(i32::MIN)),
        (b"50%", Value(50)),
        (b"08", Value(0)),
        (b"0x", Value(0)),
        (b"five", NoNumber),
        (b"-", NoNumber),
        (b"--1", NoNumber),
        (b"\xff\xfe\x00", NoNumber),
    ] {
        assert_eq!(read(content), reading, "{content:?}");
    }
    assert_eq!(
        read(&[b'1'; 10_000]),
        Value(i32::MAX),
        "more than is ever read"
    );
}

#[test]
fn a_file_is_watched_and_written_once() {
    let mut files = Files::default();
    let one = [config("a", "/run/a")];
    assert_eq!(
        configured(&mut files, &one, true),
        ["a is Unknown", "watch 1 /run/a Some(7)"]
    );
    assert_eq!(
        configured(&mut files, &one, false),
        [""; 0],
        "nothing changed"
    );
    found(&mut files, 1, Reading::Value(4));
    assert_eq!(
        configured(&mut files, &[config("a", "/run/b")], false),
        ["forget 1", "watch 2 /run/b None"],
        "it says what it said, and is not written at a reload"
    );
    assert_eq!(
        found(&mut files, 1, Reading::Value(9)),
        [""; 0],
        "the old one is of no interest"
    );
    assert_eq!(
        found(&mut files, 2, Reading::Missing),
        [
            "Track file a now 0: /run/b does not exist (any more)",
            "a is 0"
        ]
    );
    let mut actions = Vec::new();
    files.lost(&mut actions);
    assert_eq!(shown(actions), ["watch 2 /run/b None"]);
    assert_eq!(configured(&mut files, &[], false), ["forget 2"]);
}

#[test]
fn what_is_no_number_changes_nothing_and_is_said_once() {
    let mut files = Files::default();
    configured(&mut files, &[config("a", "/run/a")], true);
    assert_eq!(found(&mut files, 1, Reading::Missing), ["a is 0"]);
    assert_eq!(
        found(&mut files, 1, Reading::Value(5)),
        ["Track file a now 5", "a is 5"]
    );
    assert_eq!(
        found(&mut files, 1, Reading::NoNumber),
        [
            "Track file a: /run/a does not begin with a number; 5 counts on. Write one, as in: echo 1 > /run/a"
        ]
    );
    assert_eq!(found(&mut files, 1, Reading::NoNumber), [""; 0]);
    assert_eq!(
        found(&mut files, 1, Reading::Value(5)),
        ["Track file a now 5"]
    );
    assert_eq!(
        found(&mut files, 1, Reading::Unreadable(libc::EIO)),
        ["Track file a: /run/a cannot be read (Input/output error (os error 5)); 5 counts on"]
    );
    let file = files.iter().next().expect("one");
    assert_eq!(
        (file.value(), file.reading()),
        (Some(5), Some(Reading::Unreadable(libc::EIO)))
    );
}

#[test]
fn one_that_never_had_a_number_counts_as_zero() {
    let mut files = Files::default();
    configured(&mut files, &[config("a", "/run/a")], true);
    let said = found(&mut files, 1, Reading::NoFile);
    assert_eq!(
        said,
        [
            "Track file a: /run/a is no plain file; 0 counts on. Put a file with a number in its place",
            "a is 0"
        ]
    );
    assert_eq!(Level::Value(-3).to_string(), "-3");
}
