//! Files and processes that are tracked.

use super::*;
use crate::config::model::{InitFile, ParameterMatch, ProcessMatch, TrackerKind};

/// Definitions, and an instance that tracks these lines.
fn tracking(definitions: &str, kind: &str, lines: &str) -> Loaded {
    read(format!(
        "{definitions}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n\
         {kind} {{\n{lines}\n}}\n}}\n"
    ))
}

#[test]
fn files_and_what_they_weigh() {
    let definitions = "track_file a {\n file /run/a\n init_file 5 overwrite\n}\n\
        track_file b {\n file b\n weight 2 reverse\n init_file\n}\n\
        track_file c {\n file /run/c\n weight 3 reverse\n}\ntrack_file c {\n file /run/second\n}\n\
        track_file unused {\n file /run/d\n}\n";
    let loaded = tracking(definitions, "track_file", "a\nb\nc weight 0 noreverse");
    let weights: Vec<(&str, i32, bool)> = only(&loaded)
        .trackers
        .iter()
        .inspect(|tracked| assert_eq!(tracked.kind, TrackerKind::File))
        .map(|tracked| (tracked.name.as_str(), tracked.weight, tracked.reverse))
        .collect();
    assert_eq!(weights, [("a", 1, false), ("b", 2, true), ("c", 0, false)]);
    let files: Vec<_> = loaded
        .model
        .vrrp
        .files
        .iter()
        .map(|file| (file.path.to_str().unwrap_or_default(), file.init))
        .collect();
    let init = |value, overwrite| Some(InitFile { value, overwrite });
    assert_eq!(
        files,
        [
            ("/run/a", init(5, true)),
            ("/etc/keepalived/b", init(0, false)),
            ("/run/c", None),
        ],
        "the first of a name counts, and what nobody tracks is not watched"
    );
}

#[test]
fn sessions_and_what_they_weigh() {
    let session = |name: &str, host: u8, more: &str| {
        format!("bfd_instance {name} {{\n neighbor_ip 10.1.1.{host}\n{more}\n}}\n")
    };
    let definitions = session("a", 1, "")
        + &session("b", 2, "weight -20 reverse")
        + &session("c", 3, "checker")
        + &session("d", 4, "checker\nvrrp\nweight 7")
        + &session("e", 5, "weight 7 reverse")
        + &session("f", 6, "weight 7 reverse");
    let lines =
        "a\nb\nc\nd weight 254\nnone weight 3\nb weight 4\ne weight 0\nf weight 3 noreverse";
    let loaded = tracking(&definitions, "track_bfd", lines);
    let weights: Vec<(&str, i32, bool)> = only(&loaded)
        .trackers
        .iter()
        .inspect(|tracked| assert_eq!(tracked.kind, TrackerKind::Bfd))
        .map(|tracked| (tracked.name.as_str(), tracked.weight, tracked.reverse))
        .collect();
    assert_eq!(
        weights,
        [
            ("a", 0, false),
            ("b", -20, true),
            ("d", 7, false),
            ("e", 0, true),
            ("f", 3, false)
        ]
    );
    for message in [
        "(VI_1) track bfd c not found, ignoring...",
        "(VI_1) track bfd none not found, ignoring...",
        "(VI_1) bfd b is tracked twice",
        "(VI_1) weight '254' must be between [-253..253] inclusive",
    ] {
        assert!(said(&loaded, message), "{message}");
    }
    assert!(!said(&loaded, "track_bfd is not implemented"));
}

#[test]
fn files_that_cannot_be_watched() {
    for (block, status, message) in [
        ("vrrp_track_file f {\n file /run/f\n}", 0, ""),
        ("track_file f {\n file /proc/uptime\n}", 5, "(proc)"),
        (
            "track_file f {\n file /run/f\n init_file 5x\n}",
            5,
            "invalid init_file option '5x'",
        ),
        (
            "track_file f {\n file /run/f\n init_file 99999999999\n}",
            5,
            "invalid init_file option",
        ),
        (
            "track_file f {\n file /run/f\n init_file 300\n}",
            5,
            "outside [-254, 254]",
        ),
        (
            "track_file f {\n file /run/f\n file /run/g\n}",
            5,
            "already been specified",
        ),
        (
            "track_file f {\n file /run/f\n weight 300\n}",
            5,
            "outside range",
        ),
    ] {
        let loaded = tracking(block, "track_file", "f");
        assert_eq!(loaded.diagnostics.exit_status(), status, "{block}");
        assert!(message.is_empty() || said(&loaded, message), "{block}");
        let watched = message != "(proc)";
        assert_eq!(
            loaded.model.vrrp.files.len(),
            usize::from(watched),
            "{block}"
        );
    }
}

#[test]
fn an_owner_and_a_member_of_a_group_have_no_weights() {
    let definitions = "track_file f {\n file /run/f\n}\n";
    let loaded = tracking(definitions, "priority 255\ntrack_file", "f");
    assert!(only(&loaded).trackers.is_empty());
    assert!(said(&loaded, "ignoring tracked file f with weights"));
    let group = "vrrp_sync_group G {\n group {\n VI_1\n }\n}\n";
    let loaded = tracking(&format!("{definitions}{group}"), "track_file", "f");
    assert_eq!(only(&loaded).trackers[0].weight, 0);
    assert!(said(&loaded, "weight of tracked file f is not used"));
    let group = "vrrp_sync_group G {\n group {\n VI_1\n }\n track_file {\n f weight 7\n }\n}\n";
    let loaded = tracking(&format!("{definitions}{group}"), "track_interface", "");
    assert_eq!(only(&loaded).trackers[0].weight, 7, "the group's own is");
}

#[test]
fn processes_and_which_are_meant() {
    use ParameterMatch::{Exact, Initial, None as Ignored, Partial};
    let name = |name: &str| ProcessMatch::Name(name.into());
    let command = |program: &str, parameters: &[&str], how| ProcessMatch::Command {
        program: program.into(),
        parameters: parameters.iter().map(|word| (*word).into()).collect(),
        how,
    };
    for (lines, matching) in [
        ("process nginx", name("nginx")),
        ("process \"a b\"", name("a b")),
        (
            "process nginx\nfull_command",
            command("nginx", &[], Ignored),
        ),
        ("process nginx\nparam_match", command("nginx", &[], Exact)),
        (
            "process \"/a b\" -c \"x y\"",
            command("/a b", &["-c", "x y"], Exact),
        ),
        (
            "process /x -c\nparam_match partial",
            command("/x", &["-c"], Partial),
        ),
        (
            "param_match initial\nprocess /x -c",
            command("/x", &["-c"], Initial),
        ),
    ] {
        let block = format!("vrrp_track_process p {{\n{lines}\n}}");
        let loaded = tracking(&block, "track_process", "p");
        assert_eq!(loaded.diagnostics.exit_status(), 0, "{lines}");
        assert_eq!(loaded.model.vrrp.processes[0].matching, matching, "{lines}");
        assert_eq!(only(&loaded).trackers[0].kind, TrackerKind::Process);
    }
}

#[test]
fn quorums_delays_and_buffers() {
    let globals =
        "global_defs {\n process_monitor_rcv_bufs 500000\n process_monitor_rcv_bufs_force\n}\n";
    for (lines, status, quorum, delays) in [
        ("", 0, (1, u32::MAX), (0, 0)),
        ("quorum 2\nquorum_max 3\ndelay 0.5", 0, (2, 3), (500, 500)),
        ("quorum_max 0\nfork_delay 2", 0, (0, 0), (2000, 0)),
        (
            "quorum 3\nquorum_max 2\nterminate_delay 1",
            5,
            (3, u32::MAX),
            (0, 1000),
        ),
        ("delay 1\nfork_delay 2", 0, (1, u32::MAX), (2000, 1000)),
        ("quorum 0\ndelay 9999", 5, (1, u32::MAX), (0, 0)),
    ] {
        let block =
            format!("{globals}vrrp_track_process p {{\n process x\n weight 7 reverse\n{lines}\n}}");
        let loaded = tracking(&block, "track_process", "p");
        let process = &loaded.model.vrrp.processes[0];
        assert_eq!(loaded.diagnostics.exit_status(), status, "{lines}");
        assert_eq!(process.quorum, quorum, "{lines}");
        let given = (process.fork_delay, process.terminate_delay);
        let millis = Duration::from_millis;
        assert_eq!(given, (millis(delays.0), millis(delays.1)), "{lines}");
        assert_eq!((process.weight, process.reverse), (7, true));
        let buffer = NetlinkBuffer {
            bytes: 500_000,
            force: true,
        };
        assert_eq!(loaded.model.global.buffers.processes, Some(buffer));
    }
    let loaded = tracking(
        "vrrp_track_process p {\n process /x\n}",
        "track_process",
        "p",
    );
    assert!(said(&loaded, "which have no path"));
    let loaded = tracking("vrrp_track_process p {\n quorum 1\n}", "track_process", "p");
    assert!(said(&loaded, "No process set") && loaded.model.vrrp.processes.is_empty());
}
