//! One session against crafted packets, clause by clause.

use super::super::table::{Cause, follows};
use super::*;

const NEIGHBOR: &str = "10.0.0.2";

fn node(change: impl Fn(&mut BfdInstance)) -> Node {
    let mut config = instance("b1", NEIGHBOR);
    change(&mut config);
    let mut node = Node::new(at(0), 1);
    node.configure(at(0), &[config]);
    node
}

/// A session that has come Up, and whose neighbour has confirmed its intervals, 100 ms after its start.
fn up(change: impl Fn(&mut BfdInstance)) -> Node {
    let mut node = node(change);
    node.run(at(0));
    let mut init = reply(node.first(), State::Init);
    node.hear(at(100), NEIGHBOR, 255, &init);
    init.state = State::Up;
    init.fin = true;
    node.hear(at(100), NEIGHBOR, 255, &init);
    assert_eq!(node.first().state(), State::Up);
    node.sent.clear();
    node.said.clear();
    node.other.clear();
    node
}

#[test]
fn what_follows_what() {
    use Diagnostic as D;
    use State::*;
    // RFC 5880 section 6.8.6, and 6.8.4 for the expiry; `None` stays.
    let heard = |state| Cause::Heard(state);
    for (state, cause, next) in [
        (Down, heard(AdminDown), None),
        (Down, heard(Down), Some((Init, D::None))),
        (Down, heard(Init), Some((Up, D::None))),
        (Down, heard(Up), None),
        (Down, Cause::Expired, None),
        (
            Init,
            heard(AdminDown),
            Some((Down, D::NeighborSignaledDown)),
        ),
        (Init, heard(Down), None),
        (Init, heard(Init), Some((Up, D::None))),
        (Init, heard(Up), Some((Up, D::None))),
        (Init, Cause::Expired, Some((Down, D::DetectionTimeExpired))),
        (Up, heard(AdminDown), Some((Down, D::NeighborSignaledDown))),
        (Up, heard(Down), Some((Down, D::NeighborSignaledDown))),
        (Up, heard(Init), None),
        (Up, heard(Up), None),
        (Up, Cause::Expired, Some((Down, D::DetectionTimeExpired))),
        (
            Up,
            Cause::Shutdown,
            Some((AdminDown, D::AdministrativelyDown)),
        ),
        (AdminDown, heard(Down), None),
        (AdminDown, Cause::Expired, None),
    ] {
        assert_eq!(follows(state, cause), next, "{state} {cause:?}");
    }
}

#[test]
fn it_begins_by_saying_down_slowly() {
    let mut node = node(|it| it.multiplier = 1);
    node.run(at(9_500));
    let times = node.sent.len();
    // Jitter takes 10 to 25 of 100 where one packet is all there is.
    assert!((11..=13).contains(&times), "{times} packets in 9.5 s");
    let (_, packet) = node.sent[0];
    assert_eq!(packet.state, State::Down);
    assert_eq!(packet.your_discriminator, None);
    assert_eq!(packet.desired_min_tx, 1_000_000);
    assert_eq!(packet.required_min_rx, 10_000);
    assert!(!packet.poll && !packet.fin && !packet.demand);
}

#[test]
fn it_comes_up_in_three_steps_and_speeds_up_by_a_poll() {
    let mut node = node(|_| {});
    node.run(at(0));
    let mut heard = reply(node.first(), State::Down);
    heard.your_discriminator = None;
    node.hear(at(5), NEIGHBOR, 255, &heard);
    assert_eq!(node.first().state(), State::Init);
    let (_, init) = *node.sent.last().expect("at once");
    assert_eq!(init.state, State::Init);
    assert_eq!(init.your_discriminator, Some(heard.my_discriminator));
    assert_eq!(node.first().detection_time(), Duration::from_millis(60));
    let heard = reply(node.first(), State::Up);
    node.hear(at(6), NEIGHBOR, 255, &heard);
    assert_eq!(node.first().state(), State::Up);
    let (_, up) = *node.sent.last().expect("at once");
    assert_eq!((up.state, up.poll), (State::Up, true));
    assert_eq!(up.desired_min_tx, 10_000);
    // As often as the neighbour can hear.
    assert_eq!(node.first().transmit_interval(), Duration::from_millis(20));
    node.run(at(50));
    assert!(node.sent.last().expect("another").1.poll);
    let mut confirmed = heard;
    confirmed.fin = true;
    node.hear(at(51), NEIGHBOR, 255, &confirmed);
    node.sent.clear();
    node.run(at(100));
    assert!((2..=4).contains(&node.sent.len()), "{}", node.sent.len());
    assert!(node.sent.iter().all(|(_, packet)| !packet.poll));
}

#[test]
fn silence_ends_it_after_the_detection_time_and_not_before() {
    let mut node = up(|_| {});
    node.run(at(159));
    assert_eq!(node.first().state(), State::Up);
    node.run(at(160));
    assert_eq!(node.first().state(), State::Down);
    let (_, last) = *node.sent.last().expect("at once");
    assert_eq!(last.diagnostic, Diagnostic::DetectionTimeExpired);
    assert_eq!(last.desired_min_tx, 1_000_000);
    // The neighbour is told for its session once, and forgotten then.
    assert!(last.your_discriminator.is_some());
    assert_eq!(node.first().remote().discriminator, None);
    let said = node.said_of_first();
    assert!(
        said.contains(&&Said::Expired(Duration::from_millis(60))),
        "{said:?}"
    );
    let lines: Vec<_> = node.said.iter().map(Notice::to_string).collect();
    assert_eq!(
        lines,
        [
            "(b1) Expired after 60 ms",
            "(b1) Entering Down state (Local diagnostic - Control Detection Time Expired, Remote diagnostic - No Diagnostic)"
        ]
    );
}

#[test]
fn the_neighbour_s_word_ends_it() {
    for state in [State::Down, State::AdminDown] {
        let mut node = up(|_| {});
        let packet = reply(node.first(), state);
        node.hear(at(110), NEIGHBOR, 255, &packet);
        assert_eq!(node.first().state(), State::Down);
        assert_eq!(node.first().diagnostic(), Diagnostic::NeighborSignaledDown);
        // It must not come back before the neighbour wants it to.
        node.hear(
            at(120),
            NEIGHBOR,
            255,
            &reply(node.first(), State::AdminDown),
        );
        assert_eq!(node.first().state(), State::Down);
    }
}

#[test]
fn a_poll_is_answered_at_once_and_disturbs_nothing() {
    let mut node = up(|_| {});
    let mut poll = reply(node.first(), State::Up);
    poll.poll = true;
    let due = node.wheel.deadline(TimerKey::Transmit(0));
    node.hear(at(101), NEIGHBOR, 255, &poll);
    let [(0, answer)] = node.sent[..] else {
        panic!("{:?}", node.sent)
    };
    assert!(answer.fin && !answer.poll && answer.state == State::Up);
    assert_eq!(node.wheel.deadline(TimerKey::Transmit(0)), due);
}

#[test]
fn changed_intervals_count_when_the_neighbour_knows() {
    let mut node = up(|it| it.multiplier = 3);
    let slower = BfdInstance {
        min_tx: Duration::from_millis(50),
        min_rx: Duration::from_millis(5),
        multiplier: 3,
        ..instance("b1", NEIGHBOR)
    };
    node.configure(at(101), std::slice::from_ref(&slower));
    // Section 6.8.3: neither is sending slowed down, nor is more expected, before it is confirmed.
    assert_eq!(node.first().used_min_tx(), 10_000);
    assert_eq!(node.first().used_min_rx(), 10_000);
    node.run(at(120));
    let (_, packet) = *node.sent.last().expect("periodic");
    assert!(packet.poll);
    assert_eq!(
        (packet.desired_min_tx, packet.required_min_rx),
        (50_000, 5_000)
    );
    // A second change while the first is under way: the answer to the first says nothing of it.
    let slowest = BfdInstance {
        min_tx: Duration::from_millis(80),
        ..slower
    };
    node.configure(at(121), &[slowest]);
    let mut fin = reply(node.first(), State::Up);
    fin.fin = true;
    node.hear(at(122), NEIGHBOR, 255, &fin);
    assert!(node.first().is_polling());
    assert_eq!(node.first().used_min_tx(), 10_000);
    node.hear(at(123), NEIGHBOR, 255, &fin);
    assert!(!node.first().is_polling());
    assert_eq!(node.first().used_min_tx(), 80_000);
    assert_eq!(node.first().used_min_rx(), 5_000);
    assert_eq!(node.first().state(), State::Up);
}

#[test]
fn what_did_not_change_is_not_touched() {
    let mut node = up(|_| {});
    let timers = |node: &Node| {
        let keys = [TimerKey::Transmit(0), TimerKey::Detect(0)];
        keys.map(|key| node.wheel.deadline(key))
    };
    let before = timers(&node);
    let others = [instance("b0", "10.0.0.3"), instance("b1", NEIGHBOR)];
    node.configure(at(105), &others);
    assert_eq!(timers(&node), before);
    assert_eq!(node.sessions.sessions().count(), 2);
    assert!(node.sent.is_empty() && node.said.is_empty());
    // What only others look at changes nothing of the session, either.
    let mut heavier = others.clone();
    heavier[1].weight = 10;
    node.configure(at(106), &heavier);
    assert_eq!(timers(&node)[1], before[1]);
    assert!(node.sent.is_empty() && node.said.is_empty());
}

#[test]
fn one_that_is_removed_or_stopped_says_so() {
    for stop in [false, true] {
        let mut node = up(|_| {});
        match stop {
            true => node.handle(at(105), Event::Stop),
            false => node.configure(at(105), &[]),
        }
        let [(0, last)] = node.sent[..] else {
            panic!("{:?}", node.sent)
        };
        assert_eq!(last.state, State::AdminDown);
        assert_eq!(last.diagnostic, Diagnostic::AdministrativelyDown);
        assert_eq!(last.desired_min_tx, 1_000_000);
        assert!(node.wheel.is_empty());
        assert!(node.other.contains(&Action::Close(0)));
        // Whoever follows the session learns that it is gone, but not because the daemon stops.
        assert_eq!(node.other.contains(&Action::Record(0)), !stop);
        assert_eq!(node.sessions.sessions().count(), 0);
        let late = reply(&Node::new(at(0), 9).with_session(), State::Up);
        node.hear(at(106), NEIGHBOR, 255, &late);
        assert_eq!(node.sent.len(), 1);
    }
}

impl Node {
    /// Any session.
    fn with_session(mut self) -> Session {
        self.configure(at(0), &[instance("other", "10.9.9.9")]);
        let slot = self.sessions.slots.pop().flatten();
        slot.expect("a session")
    }
}

#[test]
fn another_neighbour_is_another_session() {
    let mut node = up(|_| {});
    let old = node.first().discriminator();
    node.configure(at(105), &[instance("b1", "10.0.0.9")]);
    assert_eq!(node.sent[0].1.state, State::AdminDown);
    assert_eq!(node.first().state(), State::Down);
    assert_ne!(node.first().discriminator(), old);
    // Who knows the old one is not heard.
    let mut stale = reply(node.first(), State::Init);
    stale.your_discriminator = Some(old);
    node.hear(at(106), "10.0.0.9", 255, &stale);
    assert_eq!(node.first().state(), State::Down);
}

#[test]
fn a_passive_one_waits_for_the_neighbour() {
    let mut node = node(|it| it.passive = true);
    node.run(at(10_000));
    assert!(node.sent.is_empty());
    let mut first = reply(node.first(), State::Down);
    first.your_discriminator = None;
    node.hear(at(10_001), NEIGHBOR, 255, &first);
    assert_eq!(node.sent.last().expect("an answer").1.state, State::Init);
    // And again once it is lost.
    node.run(at(20_000));
    assert_eq!(node.first().state(), State::Down);
    node.sent.clear();
    node.run(at(30_000));
    assert!(node.sent.is_empty());
}

#[test]
fn from_too_far_away_nothing_is_heard() {
    // (ttl, max_hops, received, heard)
    for (ttl, max_hops, received, heard) in [
        (255, 0, 255, true),
        (255, 0, 254, false),
        (255, 2, 253, true),
        (255, 2, 252, false),
        (255, 255, 1, true),
        (64, 0, 64, true),
        (64, 0, 255, true),
        (64, 0, 63, false),
        (64, 64, 1, true),
        (255, -1, 1, true),
    ] {
        let mut node = node(|it| (it.ttl, it.max_hops) = (ttl, max_hops));
        let init = reply(node.first(), State::Init);
        node.hear(at(1), NEIGHBOR, received, &init);
        let up = node.first().state() == State::Up;
        assert_eq!(up, heard, "ttl {ttl} max_hops {max_hops}: {received}");
        node.hear(at(2), NEIGHBOR, received, &init);
        let said = node.said_of_first();
        let told = said.iter().filter(|it| matches!(it, Said::TooFar { .. }));
        assert_eq!(told.count(), usize::from(!heard));
    }
}

#[test]
fn who_is_meant() {
    let mut node = node(|_| {});
    let init = reply(node.first(), State::Init);
    // Section 6.3: the discriminator alone decides; without one, the address does.
    let mut nobody = init;
    nobody.your_discriminator = std::num::NonZeroU32::new(1);
    node.hear(at(1), NEIGHBOR, 255, &nobody);
    assert_eq!(node.first().state(), State::Down);
    let mut down = reply(node.first(), State::Down);
    down.your_discriminator = None;
    node.hear(at(2), "10.0.0.3", 255, &down);
    assert_eq!(node.first().state(), State::Down);
    assert!(
        node.said
            .iter()
            .any(|it| matches!(it, Notice::Stranger { .. }))
    );
    // Another port is another protocol.
    let bytes = init.emit();
    let event = Event::Packet {
        source: NEIGHBOR.parse().expect("an address"),
        destination: None,
        ttl: Some(255),
        multihop: true,
        bytes: &bytes,
    };
    node.handle(at(3), event);
    assert_eq!(node.first().state(), State::Down);
    node.hear(at(4), "10.0.0.3", 255, &init);
    assert_eq!(node.first().state(), State::Up);
    node.handle(
        at(5),
        Event::Packet {
            source: NEIGHBOR.parse().expect("an address"),
            destination: None,
            ttl: None,
            multihop: false,
            bytes: &init.emit()[..20],
        },
    );
    assert!(
        node.said
            .iter()
            .any(|it| matches!(it, Notice::Malformed { .. }))
    );
}

#[test]
fn a_neighbour_that_wants_nothing_gets_nothing() {
    // Section 6.8.7: no periodic packets to one that says 0, or is in demand mode.
    for demand in [false, true] {
        let mut node = up(|_| {});
        let mut packet = reply(node.first(), State::Up);
        packet.demand = demand;
        if !demand {
            packet.required_min_rx = 0;
        }
        node.hear(at(101), NEIGHBOR, 255, &packet);
        node.sent.clear();
        node.hear(at(150), NEIGHBOR, 255, &packet);
        assert_eq!(node.wheel.deadline(TimerKey::Transmit(0)), None);
        packet.poll = true;
        node.hear(at(151), NEIGHBOR, 255, &packet);
        assert!(node.sent[0].1.fin);
        let normal = reply(node.first(), State::Up);
        node.hear(at(152), NEIGHBOR, 255, &normal);
        assert!(node.wheel.deadline(TimerKey::Transmit(0)).is_some());
    }
}

#[test]
fn what_cannot_be_sent_is_said_once() {
    let mut node = up(|_| {});
    let error = |error| Event::Sent { session: 0, error };
    for _ in 0..3 {
        node.handle(at(101), error(Some(101)));
    }
    assert_eq!(node.said.len(), 1, "{:?}", node.said);
    node.handle(at(102), error(None));
    node.handle(at(103), error(None));
    assert_eq!(node.said.len(), 2, "{:?}", node.said);
    // Not again and again.
    node.handle(at(104), error(Some(101)));
    node.handle(at(105), error(None));
    assert_eq!(node.said.len(), 2, "{:?}", node.said);
}

#[test]
fn another_source_is_another_socket() {
    let mut node = up(|_| {});
    let mut moved = instance("b1", NEIGHBOR);
    moved.source = Some("10.0.0.1".parse().expect("an address"));
    node.configure(at(102), &[moved]);
    assert!(node.other.contains(&Action::Open(0)));
    assert_eq!(node.first().state(), State::Up);
}

#[test]
fn a_process_that_replaces_another_goes_on() {
    let mut old = up(|_| {});
    let bound = Event::Bound {
        session: 0,
        port: 50_000,
    };
    old.handle(at(101), bound);
    let begin = |config: &BfdInstance| {
        let mut new = Node::new(at(110), 2);
        let event = Event::Configure {
            instances: std::slice::from_ref(config),
            known: &old.known,
        };
        new.handle(at(110), event);
        new.run(at(110));
        new
    };
    let config = instance("b1", NEIGHBOR);
    let new = begin(&config);
    assert!(new.other.contains(&Action::Open(0)));
    assert_eq!(new.first().port(), Some(50_000));
    assert_eq!(new.first().discriminator(), old.first().discriminator());
    assert_eq!(new.first().state(), State::Up);
    let [(0, first)] = new.sent[..] else {
        panic!("{:?}", new.sent)
    };
    assert_eq!((first.state, first.poll), (State::Up, true));
    assert_eq!(first.desired_min_tx, 10_000);
    assert!(first.your_discriminator.is_some());
    // One that was slowed down meanwhile slows down once the neighbour knows.
    let slower = BfdInstance {
        min_tx: Duration::from_millis(90),
        ..config.clone()
    };
    let new = begin(&slower);
    assert_eq!(new.first().used_min_tx(), 10_000);
    assert_eq!(new.sent[0].1.desired_min_tx, 90_000);
    // Another neighbour knows nothing of it.
    let new = begin(&instance("b1", "10.0.0.7"));
    assert_eq!(new.first().state(), State::Down);
    // What was lost meanwhile is noticed.
    let mut new = begin(&config);
    new.run(at(170));
    assert_eq!(new.first().state(), State::Down);
}
