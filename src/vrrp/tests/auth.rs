//! Authentication headers: what is dropped, counted and told, and what is sent. `auth_hmac` is hmac.rs's.

use super::*;
use crate::wire::ah::{self, Sealed};
use crate::wire::vrrp::Family;

const KEY: &str = "s3cr3t";

fn sealed(source: Ipv4Addr, sequence: u32, priority: u8, key: &str) -> Vec<u8> {
    let addresses = VIP.octets();
    let mut advert = Advert::new(51, priority, 1, &addresses);
    advert.auth_type = v2::AUTH_AH;
    ah::seal(&header(source), sequence, &advert.emit(), key.as_bytes())
}

pub(super) fn header(source: Ipv4Addr) -> ip::Header {
    ip::Header {
        tos: ip::TOS_NETWORK_CONTROL,
        id: 1,
        ttl: 255,
        protocol: ip::PROTOCOL_VRRP,
        source,
        destination: GROUP,
    }
}

fn ah_bench() -> Bench {
    Bench::new(|c| c.authentication = Authentication::Ah(Secret::new(KEY)))
}

/// The numbers of the adverts sent by the last event.
fn numbers(bench: &Bench) -> Vec<u32> {
    let packets = bench.actions.iter().filter_map(|action| match action {
        Action::SendAdvert { packets, .. } => Some(packets.as_slice()),
        _ => None,
    });
    let read = |packet: &Vec<u8>| {
        let sealed = Sealed::parse(packet).expect("an authentication header");
        assert!(sealed.is_genuine(KEY.as_bytes()));
        sealed.sequence
    };
    packets.flatten().map(read).collect()
}

pub(super) const RESTARTED: [&str; 1] = ["down in 3.609375s"];

/// Version 3 knows no such header (RFC 9568 section 9), whatever is in it and whether we know the password.
#[test]
fn an_authentication_header_around_version_3_is_dropped() {
    let ends = (LOWER.into(), GROUP.into());
    let message = v3::Advert::new(Family::V4, 51, 200, 100, &VIP.octets()).emit(
        ends.0,
        ends.1,
        v3::Coverage::PseudoHeader,
    );
    let mut bench = Bench::new(|c| c.version = Version::V3);
    let wrapped = ah::seal(&header(LOWER), 1, &message, KEY.as_bytes());
    assert_eq!(bench.packet(&wrapped).done(), Vec::<String>::new());
    assert_eq!(
        bench.told(),
        ["(VI_1) received a 2 auth from 10.0.0.1, expecting 0!"]
    );
    assert_eq!(bench.instance().stats().authtype_mismatch, 1);
    let bare = ip::Header::emit(&header(LOWER), &message);
    assert_eq!(bench.packet(&bare).done(), ["down in 3.609375s"]);
}

/// RFC 2338 section 7.1 and RFC 2402 section 3.4.3.
#[test]
fn authentication_headers_are_checked_and_a_copy_is_dropped() {
    let mut bench = ah_bench();
    assert_eq!(bench.packet(&sealed(LOWER, 5, 200, KEY)).done(), RESTARTED);
    for (what, packet, line) in [
        (
            "a copy",
            sealed(LOWER, 5, 200, KEY),
            "(VI_1) IPSEC-AH : sequence number 5 already processed: 10.0.0.1 has sent 5, so this is a copy of an advert",
        ),
        (
            "another password",
            sealed(LOWER, 6, 200, "s3cr3"),
            "(VI_1) IPSEC-AH : invalid IPSEC HMAC-MD5 value from 10.0.0.1: another auth_pass, or changed on its way",
        ),
        (
            "none",
            advert(LOWER, 200),
            "(VI_1) received a 0 auth from 10.0.0.1, expecting 2!",
        ),
    ] {
        assert_eq!(bench.packet(&packet).done(), Vec::<String>::new(), "{what}");
        assert_eq!(bench.told(), [line], "{what}");
    }
    let stats = bench.instance().stats();
    let counted = (
        stats.auth_replay,
        stats.auth_failure,
        stats.authtype_mismatch,
    );
    assert_eq!(counted, (1, 1, 1));
    assert_eq!(bench.packet(&sealed(LOWER, 6, 200, KEY)).done(), RESTARTED);
    assert_eq!(bench.packet(&sealed(HIGHER, 2, 200, KEY)).done(), RESTARTED);
}

/// An authentication header that was not asked for is not believed, whatever the message in it says.
#[test]
fn an_authentication_header_is_a_mismatch_for_others() {
    let bare = Advert::new(51, 200, 1, &VIP.octets()).emit();
    for (authentication, expected) in [
        (Authentication::None, 0),
        (Authentication::Pass(Secret::new(KEY)), 1),
    ] {
        let mut bench = Bench::new(|c| c.authentication = authentication);
        bench.packet(&ah::seal(&header(LOWER), 1, &bare, KEY.as_bytes()));
        assert_eq!(bench.done(), Vec::<String>::new());
        let line = format!("(VI_1) received a 2 auth from 10.0.0.1, expecting {expected}!");
        assert_eq!(bench.told(), [line]);
    }
}

/// draft-ietf-vrrp-ipsecah-spec-00 section 5.1: the counter of a group goes up, whoever is its MASTER.
#[test]
fn who_takes_over_goes_on_from_the_highest_number_heard() {
    let mut bench = ah_bench();
    bench.packet(&sealed(LOWER, 500, 200, KEY));
    bench.wait(SECOND * 4).timer(TimerKey::MasterDown(0));
    assert_eq!(numbers(&bench), [501]);
    // The other one is back with a number of its own and a lower priority: it is answered.
    bench.wait(SECOND).packet(&sealed(LOWER, 700, 50, KEY));
    assert_eq!(numbers(&bench), [701]);
    bench.event(Event::Stop);
    assert_eq!(numbers(&bench), [702]);
}

/// A process that goes on in the place of a dead one does not start at 1, which its peers would take for a replay.
#[test]
fn the_counter_outlives_the_process() {
    let change = |c: &mut VrrpInstance| c.authentication = Authentication::Ah(Secret::new(KEY));
    let bench = Bench::master(change);
    let record = bench.instance().record();
    assert_eq!(record.sequence, 1);
    let next = bench.successor(Bench::unstarted(change), record);
    assert_eq!(numbers(&next), [2]);
    let next = bench.successor(Bench::unstarted(change), was_backup(record));
    assert_eq!(numbers(&next), [2], "one that has to wait goes on, too");
}

/// What the process before this one has heard is a copy to the next.
#[test]
fn what_was_heard_outlives_the_process() {
    let change = |c: &mut VrrpInstance| c.authentication = Authentication::Ah(Secret::new(KEY));
    let mut bench = Bench::new(change);
    bench.packet(&sealed(LOWER, 500, 200, KEY));
    let marks = bench.marks();
    let mut next = bench.heir(Bench::unstarted(change), &marks);
    assert_eq!(
        next.packet(&sealed(LOWER, 500, 200, KEY)).done(),
        Vec::<String>::new()
    );
    assert_eq!(next.instance().stats().auth_replay, 1);
    assert_eq!(next.packet(&sealed(HIGHER, 1, 200, KEY)).done(), RESTARTED);
    assert_eq!(next.packet(&sealed(LOWER, 501, 200, KEY)).done(), RESTARTED);

    let mut next = bench.heir(Bench::unstarted(change), &marks);
    next.wait(4 * SECOND).timer(TimerKey::MasterDown(0));
    assert_eq!(numbers(&next), [501], "it goes on from what was heard");
}

pub(super) fn was_backup(record: Record) -> Record {
    Record {
        state: State::Backup,
        ..record
    }
}

impl Bench {
    /// The process after this one, when it is MASTER: at once, or when it has waited long enough.
    pub(super) fn successor(&self, mut next: Bench, record: Record) -> Bench {
        next.now = self.now;
        next.event(Event::Interface(&eth0()));
        next.router.resume(0, record);
        next.event(Event::Start);
        if next.state() == State::Backup {
            next.wait(4 * SECOND).timer(TimerKey::MasterDown(0));
        }
        next
    }

    /// The marks that the last event leaves for the next process.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let marks = self.actions.iter().filter_map(|action| match action {
            Action::Mark(0, mark) => Some(*mark),
            _ => None,
        });
        marks.collect()
    }

    /// The process after this one, a BACKUP that is told these.
    pub(super) fn heir(&self, mut next: Bench, marks: &[Mark]) -> Bench {
        next.now = self.now;
        next.event(Event::Interface(&eth0()));
        next.router.resume(0, self.instance().record());
        next.router.remember(0, marks);
        next.event(Event::Start);
        next
    }
}
