//! `auth_hmac`: signatures, clocks and modes, and the numbers of the trailers. Authentication headers are auth.rs's.

use super::auth::{RESTARTED, header, was_backup};
use super::*;
use crate::config::model::{AuthHmac, Freshness, HmacMode};
use crate::time::Wall;
use crate::wire::vrrp::Family;
use crate::wire::vrrp::hmac::{self, Sequence, Trailer};

const WINDOW: Duration = Duration::from_secs(5);
/// What the clock says at `T0`.
const NOON: Wall = Wall(1_800_000_000_000_000_000);

fn key(id: u8) -> [u8; 32] {
    [id; 32]
}

fn auth_hmac(mode: HmacMode, freshness: Freshness) -> AuthHmac {
    AuthHmac {
        keys: [1, 2].map(|id| (id, Secret::new(key(id)))).into(),
        active_key: 1,
        freshness,
        mode,
    }
}

fn with_hmac(mode: HmacMode, freshness: Freshness) -> impl Fn(&mut VrrpInstance) {
    move |c| c.authentication = Authentication::Hmac(auth_hmac(mode, freshness))
}

fn enforcing(freshness: Freshness) -> Bench {
    let mut bench = Bench::new(with_hmac(HmacMode::Enforce, freshness));
    bench.clock(NOON);
    bench
}

impl Bench {
    /// Sets the host's clock.
    fn clock(&mut self, wall: Wall) -> &mut Self {
        self.router.set_wall(self.now, wall);
        self
    }

    /// Moves the host's clock forward, or back, by seconds.
    fn step_clock(&mut self, seconds: i64) -> &mut Self {
        let wall = self.router.wall_offset.at(self.now);
        self.clock(stepped(wall, seconds))
    }
}

fn stepped(wall: Wall, seconds: i64) -> Wall {
    Wall(wall.0.saturating_add_signed(seconds * 1_000_000_000))
}

/// An advert signed at `wall`.
fn signed_with(source: Ipv4Addr, priority: u8, wall: Wall, id: u8, key: &[u8]) -> Vec<u8> {
    let message = Advert::new(51, priority, 1, &VIP.octets()).emit();
    let trailer = Trailer::sign(&message, source.into(), id, key, Sequence::at(wall));
    let message = trailer.append(message, source.into(), GROUP.into());
    header(source).emit(&message)
}

fn signed(source: Ipv4Addr, priority: u8, wall: Wall) -> Vec<u8> {
    signed_with(source, priority, wall, 1, &key(1))
}

/// The numbers of the trailers sent by the last event, whose signatures fit.
fn sent_numbers(bench: &Bench) -> Vec<Sequence> {
    let packets = bench.actions.iter().filter_map(|action| match action {
        Action::SendAdvert { packets, .. } => Some(packets.as_slice()),
        _ => None,
    });
    let read = |packet: &Vec<u8>| {
        let (envelope, whole) = Envelope::open(packet).expect("our own packet");
        let (message, trailer) = hmac::split(whole, Family::V4);
        let trailer = Trailer::parse(trailer).expect("a trailer");
        let key = key(trailer.key_id);
        assert!(trailer.is_genuine(message, envelope.source, &key));
        trailer.sequence
    };
    packets.flatten().map(read).collect()
}

/// Each way to be wrong is dropped, counted by its kind and told.
#[test]
fn signed_adverts_are_checked() {
    let spoiled = |at: usize| {
        let mut packet = signed(LOWER, 200, NOON);
        let at = packet.len() - at;
        packet[at] ^= 1;
        packet
    };
    let longer = {
        let packet = signed(LOWER, 200, NOON);
        let mut message = packet[ip::HEADER_LENGTH..].to_vec();
        message.push(0);
        header(LOWER).emit(&message)
    };
    type Counter = fn(&Stats) -> u64;
    let rows: [(&str, Vec<u8>, Counter, &str); 8] = [
        (
            "no trailer",
            advert(LOWER, 200),
            |s| s.auth_ext_missing,
            "(VI_1) advert from 10.0.0.1 is not signed (auth_hmac), which mode enforce asks for",
        ),
        (
            "another format",
            spoiled(hmac::LENGTH),
            |s| s.auth_ext_malformed,
            "(VI_1) advert from 10.0.0.1 has a malformed auth_hmac trailer: is it of another version of keepalived?",
        ),
        (
            "another length",
            longer,
            |s| s.auth_ext_malformed,
            "(VI_1) advert from 10.0.0.1 has a malformed auth_hmac trailer: is it of another version of keepalived?",
        ),
        (
            "another key",
            signed_with(LOWER, 200, NOON, 9, &key(1)),
            |s| s.auth_ext_unknown_key,
            "(VI_1) advert from 10.0.0.1 is signed with key 9, which is not in our auth_hmac block",
        ),
        (
            "a key of the same number",
            signed_with(LOWER, 200, NOON, 1, &key(3)),
            |s| s.auth_ext_invalid_hmac,
            "(VI_1) invalid HMAC in advert from 10.0.0.1: its key 1 is another one, or somebody forged it",
        ),
        (
            "a changed tag",
            spoiled(1),
            |s| s.auth_ext_invalid_hmac,
            "(VI_1) invalid HMAC in advert from 10.0.0.1: its key 1 is another one, or somebody forged it",
        ),
        (
            "an old one",
            signed(LOWER, 200, stepped(NOON, -6)),
            |s| s.auth_ext_stale,
            "(VI_1) stale advert from 10.0.0.1, signed 6.0 s away from our clock, 5 s are allowed: an old copy, or the clocks differ",
        ),
        (
            "one of the future",
            signed(LOWER, 200, stepped(NOON, 6)),
            |s| s.auth_ext_stale,
            "(VI_1) stale advert from 10.0.0.1, signed 6.0 s away from our clock, 5 s are allowed: an old copy, or the clocks differ",
        ),
    ];
    for (what, packet, counter, line) in rows {
        let mut bench = enforcing(Freshness::Time(WINDOW));
        assert_eq!(bench.packet(&packet).done(), Vec::<String>::new(), "{what}");
        assert_eq!(bench.told(), [line], "{what}");
        let stats = bench.instance().stats();
        assert_eq!((counter(stats), stats.advert_rcvd), (1, 0), "{what}");
        // A wrong one leaves no mark.
        assert_eq!(
            bench.packet(&signed(LOWER, 200, NOON)).done(),
            RESTARTED,
            "{what}"
        );
        assert_eq!(
            bench.packet(&signed(LOWER, 200, NOON)).done(),
            Vec::<String>::new()
        );
        assert_eq!(
            bench.instance().stats().auth_ext_replay,
            1,
            "{what}: a copy"
        );
    }
}

#[test]
fn any_key_is_heard_and_the_active_one_is_signed_with() {
    let mut bench = enforcing(Freshness::Time(WINDOW));
    let second = signed_with(LOWER, 200, NOON, 2, &key(2));
    assert_eq!(bench.packet(&second).done(), RESTARTED);
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(sent_numbers(&bench), [Sequence::at(stepped(NOON, 4))]);
    let mut rotated = config();
    let AuthHmac {
        keys,
        freshness,
        mode,
        ..
    } = auth_hmac(HmacMode::Enforce, Freshness::Time(WINDOW));
    rotated.authentication = Authentication::Hmac(AuthHmac {
        keys,
        freshness,
        mode,
        active_key: 2,
    });
    bench.wait(SECOND / 2).reload(vec![rotated]);
    assert_eq!(bench.state(), State::Master);
    assert_eq!(
        sent_numbers(&bench),
        [Sequence::at(Wall(NOON.0 + 4_500_000_000))],
        "the others see the new key at once"
    );
}

/// receive-only, permissive, enforce: what is sent, and what is heard of it by the others.
#[test]
fn modes_let_a_group_migrate() {
    use HmacMode::{Enforce, Permissive, ReceiveOnly};
    for (mode, signs, hears_unsigned) in [
        (ReceiveOnly, false, true),
        (Permissive, true, true),
        (Enforce, true, false),
    ] {
        let freshness = Freshness::Time(WINDOW);
        let mut bench = Bench::new(with_hmac(mode, freshness));
        bench.clock(NOON).packet(&advert(LOWER, 200));
        assert_eq!(bench.done() == RESTARTED, hears_unsigned, "{mode:?}");
        assert_eq!(bench.instance().stats().auth_ext_missing, 1, "{mode:?}");
        assert_eq!(
            bench.packet(&signed(LOWER, 200, NOON)).done(),
            RESTARTED,
            "{mode:?}"
        );
        let wrong = signed_with(LOWER, 200, stepped(NOON, 1), 1, &key(3));
        assert_eq!(
            bench.packet(&wrong).done(),
            Vec::<String>::new(),
            "{mode:?}"
        );

        bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
        let Some(Action::SendAdvert { packets, .. }) = bench
            .actions
            .iter()
            .find(|action| matches!(action, Action::SendAdvert { .. }))
        else {
            panic!("an advert")
        };
        let packet = packets.as_slice().concat();
        let (_, message) = Envelope::open(&packet).expect("our own packet");
        let trailer = hmac::split(message, Family::V4).1;
        assert_eq!(Trailer::parse(trailer).is_some(), signs, "{mode:?}");
    }
}

/// keepalived 2.4.3: our clock jumps ahead, then is put right.
#[test]
fn the_sender_s_clock_is_stepped() {
    for (freshness, strands) in [
        (Freshness::Time(WINDOW), false),
        (Freshness::Monotonic, true),
    ] {
        let mut bench = Bench::master(with_hmac(HmacMode::Enforce, freshness));
        let advert = |bench: &mut Bench, seconds: i64| {
            bench
                .step_clock(seconds)
                .wait(SECOND)
                .timer(TimerKey::Advert(0));
            let numbers = sent_numbers(bench);
            assert_eq!(numbers.len(), 1);
            (
                numbers[0],
                Sequence::at(bench.router.wall_offset.at(bench.now)),
            )
        };
        let (first, _) = advert(&mut bench, 1_800_000_000);
        let (ahead, clock) = advert(&mut bench, 3600);
        assert_eq!(ahead, clock, "the clock is believed");
        let (back, clock) = advert(&mut bench, -3600);
        assert_eq!(back == ahead.next(), strands, "{freshness:?}");
        assert_eq!(back == clock, !strands, "{freshness:?}: peers hear it");
        assert!(back.is_later(first));
        // A small step back, within the window, costs nobody anything.
        let (before, _) = advert(&mut bench, if strands { 3600 } else { 0 });
        let (small, clock) = advert(&mut bench, -4);
        assert_eq!(small, before.next(), "{freshness:?}: still counts up");
        assert!(small.distance(clock) < WINDOW);
    }
}

/// keepalived 2.4.3: the clock of a peer jumps ahead, within our window or with ours, and is put right.
#[test]
fn a_peer_s_clock_is_stepped() {
    let mut bench = enforcing(Freshness::Time(WINDOW));
    bench.packet(&signed(LOWER, 200, stepped(NOON, 4)));
    assert_eq!(bench.done(), RESTARTED, "ahead, but within the window");
    assert_eq!(
        bench.told(),
        [
            "(VI_1) the clock of 10.0.0.1 is 4.0 s away from ours; with 5 s its adverts will be dropped: set the clocks",
            "(VI_1) master set to 10.0.0.1"
        ]
    );
    bench
        .wait(SECOND)
        .packet(&signed(LOWER, 200, stepped(NOON, 1)));
    assert_eq!(bench.done(), Vec::<String>::new(), "it may be a copy");
    assert_eq!(bench.instance().stats().auth_ext_replay, 1);
    bench
        .wait(SECOND * 4)
        .packet(&signed(LOWER, 200, stepped(NOON, 5)));
    assert_eq!(bench.done(), RESTARTED, "later than the mark");

    // Both jump an hour ahead and back again: the mark is of a time that cannot come again for long.
    bench
        .step_clock(3600)
        .packet(&signed(LOWER, 200, stepped(NOON, 3605)));
    assert_eq!(bench.done(), RESTARTED);
    bench
        .step_clock(-3600)
        .wait(SECOND)
        .packet(&signed(LOWER, 200, stepped(NOON, 6)));
    assert_eq!(bench.done(), RESTARTED, "the mark has expired");
    bench.packet(&signed(LOWER, 200, stepped(NOON, 3605)));
    assert_eq!(
        bench.done(),
        Vec::<String>::new(),
        "a copy of then is stale now"
    );

    // Without a window every step back of a peer makes it unheard until it has caught up.
    let mut bench = enforcing(Freshness::Monotonic);
    assert_eq!(
        bench
            .packet(&signed(LOWER, 200, stepped(NOON, 3600)))
            .done(),
        RESTARTED
    );
    bench.packet(&signed(LOWER, 200, stepped(NOON, 1)));
    assert_eq!(bench.done(), Vec::<String>::new());
    assert_eq!(
        bench
            .packet(&signed(LOWER, 200, stepped(NOON, 3601)))
            .done(),
        RESTARTED
    );
}

/// A process that replaces a dead one does not send numbers that were sent, even when the clock was set back between the two.
#[test]
fn numbers_outlive_the_process() {
    let change = with_hmac(HmacMode::Enforce, Freshness::Monotonic);
    let mut bench = Bench::master(&change);
    bench.clock(NOON).timer(TimerKey::Advert(0));
    let record = bench.instance().record();
    assert_eq!(Sequence(record.sequence), Sequence::at(NOON));
    for record in [record, was_backup(record)] {
        let mut next = Bench::unstarted(&change);
        next.now = bench.now;
        next.clock(stepped(NOON, -60));
        let next = bench.successor(next, record);
        assert_eq!(sent_numbers(&next), [Sequence::at(NOON).next()]);
    }
}

/// Nor does it believe what the dead one has heard: without a window nothing else would make that old.
#[test]
fn what_was_heard_outlives_the_process() {
    let change = with_hmac(HmacMode::Enforce, Freshness::Monotonic);
    let mut bench = enforcing(Freshness::Monotonic);
    bench.packet(&signed(LOWER, 200, NOON));
    let mut next = bench.heir(Bench::unstarted(&change), &bench.marks());
    next.clock(NOON).packet(&signed(LOWER, 200, NOON));
    assert_eq!(next.done(), Vec::<String>::new());
    assert_eq!(next.instance().stats().auth_ext_replay, 1);
    next.packet(&signed(LOWER, 200, stepped(NOON, 1)));
    assert_eq!(next.done(), RESTARTED);
}
