//! Refusals, lost messages, disturbed dumps, and very many addresses.

use super::*;

#[test]
fn a_refusal_is_said_and_tried_again_later() {
    const EPERM: i32 = 1;
    let mut world = World::new(two_links);
    world.kernel.refuse = Some(EPERM);
    world.reconciler.claim(1, [claim("eth0", "10.0.0.1/32")]);
    world.reconciler.hold(1, true);
    world.pass(Duration::from_secs(60));
    let notices = world.reconciler.take_notices();
    assert!(
        matches!(
            notices[..],
            [Notice::Refused {
                adding: true,
                errno: EPERM,
                ..
            }]
        ),
        "once: {notices:?}"
    );
    let told = [(1, IpAddr::from([10, 0, 0, 1]))];
    assert_eq!(world.reconciler.take_unavailable(), told);
    assert_eq!(world.reconciler.take_usable(), []);
    world.kernel.refuse = None;
    world.pass(LONGEST_DELAY);
    assert!(world.kernel.has(2, "10.0.0.1/32"));
    assert_eq!(world.reconciler.take_usable(), told);
}

#[test]
fn an_answer_says_that_what_was_asked_before_went_well() {
    let mut world = World::new(two_links);
    let texts = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"];
    let claims = texts.map(|text| claim("eth0", text));
    world.reconciler.claim(1, claims);
    world.settle();
    world.reconciler.hold(1, true);
    let requests = world.reconciler.requests(world.now, usize::MAX);
    let sequences: Vec<u32> = requests.iter().map(|(sequence, _)| *sequence).collect();
    let [first, second, third] = sequences[..] else {
        panic!("{requests:?}");
    };
    // The first is there, the second refused, of the third nothing is known yet.
    let wanted = address(texts[0]);
    world.kernel.add(2, wanted);
    world.kernel.say(second, Message::Ack(1));
    world.read(usize::MAX);
    assert!(world.reconciler.awaits_answers());
    let refused = world.reconciler.take_unavailable();
    assert_eq!(refused, [(1, IpAddr::from([10, 0, 0, 2]))]);
    for late in [first, second] {
        world.kernel.say(late, Message::Ack(1));
    }
    world.kernel.add(2, address(texts[2]));
    world.kernel.say(third, Message::Ack(0));
    world.read(usize::MAX);
    assert!(!world.reconciler.awaits_answers());
    assert_eq!(world.reconciler.take_unavailable(), [], "one answer each");
    world.pass(LONGEST_DELAY);
    assert!(world.reconciler.is_placed(1));
}

#[test]
fn one_taken_away_before_the_answer_is_told_of_when_it_is_there_to_stay() {
    let mut world = World::new(two_links);
    let texts = ["10.0.0.1/32", "10.0.0.2/32"];
    world
        .reconciler
        .claim(1, texts.map(|text| claim("eth0", text)));
    world.reconciler.hold(1, true);
    world.settle();
    for text in texts {
        world.kernel.delete(2, address(text).placement);
    }
    world.read(usize::MAX);
    // Both are put back with one answer, before which somebody takes the first away again.
    assert_eq!(world.send(usize::MAX), 2);
    let answer = world.kernel.unread.pop_back().expect("an answer");
    world.kernel.delete(2, address(texts[0]).placement);
    world.kernel.unread.push_back(answer);
    world.read(usize::MAX);
    assert!(!world.reconciler.is_placed(1));
    world.reconciler.take_restored();
    world.pass(LONGEST_DELAY);
    assert!(world.reconciler.is_placed(1));
    let restored = world.reconciler.take_restored();
    assert!(restored.contains(&1), "{restored:?}");
}

#[test]
fn lost_messages_are_made_up_for_by_reading_anew() {
    let mut world = World::new(two_links);
    world.reconciler.claim(
        1,
        (1..=200u8).map(|n| claim("eth0", &format!("10.0.0.{n}/32"))),
    );
    world.settle();
    world.reconciler.hold(1, true);
    world.send(50);
    world.kernel.delete(2, address("10.0.0.3/32").placement);
    world.kernel.unlink(3);
    world.kernel.unread.clear();
    world.reconciler.resync(world.now);
    world.settle();
    assert!(world.reconciler.is_placed(1));
    assert_eq!(world.reconciler.known().index("eth1"), None);
}

#[test]
fn a_disturbed_dump_is_made_again() {
    let mut world = World::new(two_links);
    world.send(1);
    for message in &mut world.kernel.unread {
        message.interrupted = true;
    }
    world.read(usize::MAX);
    assert!(!world.reconciler.is_synchronised());
    world.pass(DUMP_RETRY * 2);
    assert!(world.reconciler.is_synchronised());
}

#[test]
fn five_thousand_addresses_take_ten_thousand_writes_in_bounded_bites() {
    let mut world = World::new(two_links);
    let all = (0..5000u32).map(|n| Claim {
        interface: "eth0".into(),
        address: Address::new(Ipv4Addr::from(0x0a00_0000 + n).into(), 32),
        tracked: true,
    });
    world.reconciler.claim(1, all);
    world.settle();
    for held in [true, false] {
        world.reconciler.hold(1, held);
        loop {
            let sent = world.send(usize::MAX);
            assert!(sent <= WINDOW);
            world.read(usize::MAX);
            if sent == 0 {
                break;
            }
        }
        assert_eq!(world.reconciler.is_placed(1), held);
    }
    assert_eq!(world.kernel.writes, 10_000);
}
