//! What is on the wire: byte for byte the recorded frames of keepalived, in the recorded order and at the standard's times.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::Binary::Ours;
use crate::support::stage::{Case, case};
use crate::support::wire::{Frame, checksum, election_bound};
use crate::support::world::{HostSpec, World};
use crate::support::{must_run_all, secs, wait_until};

/// `garp_master_delay`.
const SECOND_BURST: Duration = secs(5);

/// How far a time may be off on a busy machine.
const SLACK: Duration = Duration::from_millis(1500);

/// Adverts watched for a drift.
const DRIFT_ADVERTS: usize = 11;

/// More than any scheduling noise leaves in the middle of ten gaps, less than a millisecond-rounded clock loses.
const DRIFT_BOUND: Duration = Duration::from_millis(3);

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        case("frames::golden_v2_noauth", || golden("v2-noauth")),
        case("frames::golden_v2_pass", || golden("v2-pass")),
        case("frames::golden_v3_ipv4", || golden("v3-ipv4")),
        case("frames::golden_v3_ipv4_100ms", || golden("v3-ipv4-100ms")),
        case("frames::golden_v3_ipv6", || golden_v3_ipv6("v3-ipv6")),
        case("frames::golden_v3_ipv4_vmac", || golden("v3-ipv4-vmac")),
        case("frames::golden_v3_ipv4_vmac_xmit_base", || {
            golden("v3-ipv4-vmac-xmit-base")
        }),
        case("frames::golden_v3_ipv6_vmac", || {
            golden_v3_ipv6("v3-ipv6-vmac")
        }),
        case("frames::adverts_do_not_drift", adverts_do_not_drift),
    ]
}

/// A recorded file of frames, or nothing if the recordings are not beside the project.
fn recording(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/golden")
        .join(name);
    let text = fs::read_to_string(&path);
    if text.is_err() {
        assert!(
            !must_run_all(),
            "the recorded frames are missing: {}",
            path.display()
        );
        println!(
            "not run: the recorded frames are missing: {}",
            path.display()
        );
    }
    text.ok()
}

/// The frames of a recorded file.
fn frames(text: &str) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            frames.push(Vec::new());
        } else if let (Some(frame), Some((_, bytes))) = (frames.last_mut(), line.split_once("  ")) {
            let bytes = bytes
                .split_whitespace()
                .map(|byte| u8::from_str_radix(byte, 16).expect("hex"));
            frame.extend(bytes);
        }
    }
    frames
}

/// The frame without what counts packets: the IP identification, and the IP checksum that covers it.
fn uncounted(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    assert_eq!(checksum(&frame[14..34]), 0, "the IP header's checksum");
    frame[18..20].fill(0);
    frame[24..26].fill(0);
    frame
}

/// The first adverts, the resignation and both bursts of gratuitous ARPs of a host alone.
fn golden(name: &str) {
    let part = |suffix: &str| recording(&format!("{name}{suffix}"));
    let (Some(config), Some(adverts), Some(resignation), Some(bursts)) = (
        part(".conf"),
        part(".hex"),
        part("-prio0.hex"),
        part("-garp-burst.hex"),
    ) else {
        return;
    };
    let world = World::new(&[HostSpec { interfaces: vec![] }.with("e0", 1, "10.10.0")]);
    let node = &world.nodes[0];
    node.start(Ours, &config);
    let sent = |capture: fn(&Frame) -> bool| {
        world
            .capture
            .frames()
            .into_iter()
            .filter(capture)
            .collect::<Vec<_>>()
    };
    let arps = || sent(|frame| frame.gratuitous().is_some());
    let want = frames(&bursts);
    wait_until(
        "both bursts of gratuitous ARPs",
        election_bound() + SECOND_BURST,
        || arps().len() >= want.len(),
    );
    node.stop();

    let got = arps();
    let bytes = got
        .iter()
        .map(|frame| frame.bytes.clone())
        .collect::<Vec<_>>();
    assert_eq!(bytes, want, "gratuitous ARPs");
    let (first, second) = (&got[..5], &got[5..]);
    assert!(first[4].at - first[0].at < SLACK, "five at once");
    assert!(second[4].at - second[0].at < SLACK, "five more at once");
    let pause = second[0].at - first[0].at;
    assert!(
        pause.abs_diff(SECOND_BURST) < SLACK,
        "the second burst after {pause:?}"
    );

    let got = sent(|frame| frame.advert().is_some());
    let want = frames(&adverts);
    for (number, want) in want.iter().enumerate() {
        assert_eq!(&got[number].bytes, want, "advert {number}");
    }
    assert!(
        got[0].at < first[0].at,
        "the advert comes before the gratuitous ARPs"
    );
    let identification = |frame: &Frame| u16::from_be_bytes([frame.bytes[18], frame.bytes[19]]);
    for (number, frame) in (1..).zip(&got) {
        assert_eq!(
            identification(frame),
            number,
            "the identification counts the packets"
        );
    }
    let (last, running) = got.split_last().expect("adverts were sent");
    assert_eq!(
        uncounted(&last.bytes),
        uncounted(&frames(&resignation)[0]),
        "the resignation"
    );
    for frame in running {
        assert_eq!(
            uncounted(&frame.bytes),
            uncounted(&want[0]),
            "each advert but the last"
        );
    }
}

/// The same over IPv6, whose bursts are of neighbour advertisements. The flow label is the kernel's.
fn golden_v3_ipv6(name: &str) {
    const NA: u8 = 136;
    let part = |suffix: &str| recording(&format!("{name}{suffix}"));
    let (Some(config), Some(adverts), Some(resignation), Some(bursts)) = (
        part(".conf"),
        part(".hex"),
        part("-prio0.hex"),
        part("-na-burst.hex"),
    ) else {
        return;
    };
    let world = World::new(&[HostSpec { interfaces: vec![] }.with("e0", 1, "10.10.0")]);
    let node = &world.nodes[0];
    for command in [
        "link set e0 addrgenmode none",
        "-6 addr flush dev e0",
        "addr add fe80::1:1/64 dev e0 nodad",
    ] {
        let words: Vec<&str> = ["ip"].into_iter().chain(command.split(' ')).collect();
        node.run(&words);
    }
    let mark = world.capture.mark();
    node.start(Ours, &config);
    let of = |next_header: u8, kind: Option<u8>| {
        let all = world.capture.frames_since(mark).into_iter();
        let wanted = |frame: &Frame| {
            frame.bytes[12..14] == [0x86, 0xdd]
                && frame.bytes[20] == next_header
                && kind.is_none_or(|kind| frame.bytes[54] == kind)
        };
        all.filter(wanted).collect::<Vec<_>>()
    };
    let announced = || of(58, Some(NA));
    let want = frames(&bursts);
    wait_until(
        "both bursts of neighbour advertisements",
        election_bound() + SECOND_BURST,
        || announced().len() >= want.len(),
    );
    node.stop();

    let got = announced();
    let bytes: Vec<Vec<u8>> = got.iter().map(|frame| frame.bytes.clone()).collect();
    assert_eq!(bytes, want, "neighbour advertisements");
    let pause = got[want.len() / 2].at - got[0].at;
    assert!(
        pause.abs_diff(SECOND_BURST) < SLACK,
        "the second burst after {pause:?}"
    );
    let unlabelled = |frame: &[u8]| {
        let mut frame = frame.to_vec();
        frame[15] &= 0xf0;
        frame[16..18].fill(0);
        frame
    };
    let sent = of(112, None);
    let (last, running) = sent.split_last().expect("adverts were sent");
    assert!(running[0].at < got[0].at, "the advert comes first");
    for (number, want) in frames(&adverts).iter().enumerate() {
        assert_eq!(
            unlabelled(&running[number].bytes),
            unlabelled(want),
            "advert {number}"
        );
    }
    assert_eq!(
        unlabelled(&last.bytes),
        unlabelled(&frames(&resignation)[0]),
        "the resignation"
    );
}

/// Lateness of one advert is not handed on to the next.
fn adverts_do_not_drift() {
    let world = World::new(&[HostSpec::numbered(1)]);
    world.nodes[0].start(
        Ours,
        &crate::support::config::instance("STEADY", 71, 100, "state MASTER", &["10.71.0.1"]),
    );
    let adverts = || world.capture.adverts(0, 71);
    wait_until(
        "enough adverts",
        election_bound() + secs(DRIFT_ADVERTS as u64),
        || adverts().len() >= DRIFT_ADVERTS,
    );
    let times = adverts().iter().map(|advert| advert.at).collect::<Vec<_>>();
    let mut gaps = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect::<Vec<_>>();
    gaps.sort();
    let median = gaps[gaps.len() / 2];
    assert!(
        median.abs_diff(secs(1)) < DRIFT_BOUND,
        "adverts come every {median:?}: {gaps:?}"
    );
}
