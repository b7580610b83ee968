//! Checks that follow a number in a file: what it adds to the weight, and when it is a failure.

use super::{Play, server, whole};

/// A server that weighs 10 and follows a file like this.
fn play(lines: &str) -> Play {
    let file = "track_file quay {\nfile /tmp/quay\n}\n";
    let check = format!("weight 10\nFILE_CHECK {{\ntrack_file quay\n{lines}}}\n");
    Play::new(&(file.to_owned() + &whole("", &server(1, &check))))
}

/// The file holds this number: what the kernel has then.
fn holds(play: &mut Play, value: i32) -> String {
    let all: Vec<_> = play.director.file_checks(&play.lvs).collect();
    let [(name, check)] = all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(&**name, "quay");
    let mut actions = Vec::new();
    play.director
        .file_says(play.now, &play.lvs, check, value, &mut actions);
    play.perform(actions);
    play.kernel()
}

#[test]
fn numbers_add_to_the_weight() {
    let rows = [
        ("weight 2\n", 0, "10.0.0.1=10"),
        ("weight 2\n", 7, "10.0.0.1=24"),
        ("weight 2\n", -4, "10.0.0.1=2"),
        // Never less than nothing, and that is no failure.
        ("weight 2\n", -5, "10.0.0.1=0"),
        ("weight 2\n", i32::MIN, "10.0.0.1=0"),
        ("weight 2\n", i32::MAX, "10.0.0.1=2147483647"),
        ("weight -3\n", 2, "10.0.0.1=4"),
        ("weight 2 reverse\n", 3, "10.0.0.1=4"),
        ("weight 2 reverse\n", -3, "10.0.0.1=16"),
    ];
    for (lines, value, expected) in rows {
        let mut play = play(lines);
        assert_eq!(holds(&mut play, value), expected, "{lines}{value}");
        assert!(play.due.is_empty(), "it is told, not asked");
        // Each number replaces the one before.
        assert_eq!(holds(&mut play, 0), "10.0.0.1=10", "{lines}{value}");
    }
}

#[test]
fn without_a_weight_a_number_is_a_verdict() {
    for (lines, down, up) in [("weight 0\n", 1, 0), ("weight 0 reverse\n", 0, -1)] {
        let mut play = play(lines);
        assert_eq!(holds(&mut play, up), "10.0.0.1=10", "{lines}");
        assert_eq!(holds(&mut play, down), "", "{lines}");
        assert!(play.told().contains(&"/bin/down 1"), "{:?}", play.done);
        assert_eq!(holds(&mut play, up), "10.0.0.1=10", "{lines}");
        assert!(play.told().contains(&"/bin/up 1"), "{:?}", play.done);
    }
}
