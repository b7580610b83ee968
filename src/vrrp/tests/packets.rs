//! RFC 3768 section 7.1: which packets are dropped, counted and told, and how often.

use super::*;

#[test]
fn bad_packets_7_1() {
    let good = || advert(LOWER, 200);
    let mended = |mut bytes: Vec<u8>| {
        // A new IP header checksum and nothing else.
        let (_, message) = bytes.split_at(ip::HEADER_LENGTH);
        let message = message.to_vec();
        bytes[10] = 0;
        bytes[11] = 0;
        let sum = crate::wire::checksum::checksum(&[&bytes[..ip::HEADER_LENGTH]]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.truncate(ip::HEADER_LENGTH);
        bytes.extend(message);
        bytes
    };
    let changed = |at: usize, value: u8| {
        let mut bytes = good();
        bytes[at] = value;
        mended(bytes)
    };
    let message_with = |at: usize, value: u8| {
        let mut bytes = good();
        bytes[ip::HEADER_LENGTH + at] = value;
        bytes[ip::HEADER_LENGTH + 6..ip::HEADER_LENGTH + 8].fill(0);
        let sum = crate::wire::checksum::checksum(&[&bytes[ip::HEADER_LENGTH..]]);
        bytes[ip::HEADER_LENGTH + 6..ip::HEADER_LENGTH + 8].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    type Counter = fn(&Stats) -> u64;
    let rows: Vec<(&str, Vec<u8>, Counter, &str)> = vec![
        (
            "TTL",
            changed(8, 254),
            |s| s.ip_ttl_err,
            "(VI_1) invalid TTL/HL from 10.0.0.1. Received 254 and expect 255",
        ),
        (
            "version",
            message_with(0, 0x31),
            |s| s.version_err,
            "(VI_1) wrong VRRP version from 10.0.0.1. Received 3 and expect 2",
        ),
        (
            "complete packet",
            message_with(3, 2),
            |s| s.packet_len_err,
            "(VI_1) wrong packet length from 10.0.0.1. Received 20 bytes and expect 24",
        ),
        (
            "checksum",
            changed(ip::HEADER_LENGTH + 2, 201),
            |s| s.checksum_err,
            "(VI_1) Invalid VRRPv2 checksum from 10.0.0.1",
        ),
        (
            "type",
            message_with(0, 0x22),
            |s| s.invalid_type_rcvd,
            "(VI_1) Invalid packet type from 10.0.0.1. Received 2 and expect 1",
        ),
        (
            "destination",
            changed(19, 19),
            |s| s.destination_err,
            "(VI_1) advert from 10.0.0.1 was sent to 224.0.0.19, which is not our multicast group",
        ),
        (
            "auth type",
            message_with(4, 3),
            |s| s.invalid_authtype,
            "(VI_1) Invalid auth type 3 from 10.0.0.1",
        ),
        (
            "auth mismatch",
            message_with(4, 1),
            |s| s.authtype_mismatch,
            "(VI_1) received a 1 auth from 10.0.0.1, expecting 0!",
        ),
    ];
    for (what, bytes, counter, line) in rows {
        let mut bench = Bench::new(|_| {});
        bench.wait(SECOND).packet(&bytes);
        assert_eq!(
            bench.done(),
            Vec::<String>::new(),
            "{what}: dropped, the timer is not touched"
        );
        assert_eq!(bench.told(), [line], "{what}");
        assert_eq!(
            bench.packet(&bytes).told(),
            Vec::<String>::new(),
            "{what}: told once"
        );
        assert_eq!(counter(bench.instance().stats()), 2, "{what}: counted");
        assert_eq!(bench.instance().stats().advert_rcvd, 0, "{what}");
        bench.wait(SECOND * 60).packet(&bytes);
        assert_eq!(
            bench.told(),
            [format!(
                "{line} (1 more like this since the last such message)"
            )],
            "{what}"
        );
    }
}

#[test]
fn an_interval_mismatch_is_explained_7_1() {
    let mut bench = Bench::new(|_| {});
    bench.packet(&packet(LOWER, &Advert::new(51, 200, 2, &VIP.octets())));
    assert_eq!(bench.done(), Vec::<String>::new());
    assert_eq!(bench.instance().stats().advert_interval_err, 1);
    let told = bench.told().concat();
    assert!(
        told.starts_with(
            "(VI_1) advertisement interval mismatch with 10.0.0.1: theirs 2 s, ours 1 s"
        ),
        "{told}"
    );
    assert!(told.contains("both may become MASTER"), "{told}");
}

#[test]
fn passwords_rfc_2338() {
    let password = |text: &'static str| {
        move |c: &mut VrrpInstance| c.authentication = Authentication::Pass(Secret::new(text))
    };
    let with = |text: &'static str| {
        packet(
            LOWER,
            &Advert::new(51, 200, 1, &VIP.octets()).with_password(text.as_bytes()),
        )
    };
    let restarted = ["down in 3.609375s"];
    assert_eq!(
        Bench::new(password("s3cr3t"))
            .packet(&with("s3cr3t"))
            .done(),
        restarted
    );
    assert_eq!(
        Bench::new(password("longer than 8"))
            .packet(&with("longer than that"))
            .done(),
        restarted,
        "8 bytes count"
    );

    let mut bench = Bench::new(password("s3cr3t"));
    assert_eq!(bench.packet(&with("s3cr3")).done(), Vec::<String>::new());
    assert_eq!(
        bench.told(),
        ["(VI_1) received an invalid passwd from 10.0.0.1!"]
    );
    assert_eq!(bench.instance().stats().auth_failure, 1);
    bench.packet(&advert(LOWER, 200));
    assert_eq!(
        bench.told(),
        ["(VI_1) received a 0 auth from 10.0.0.1, expecting 1!"]
    );
    assert!(!format!("{:?}", bench.router).contains("s3cr3t"));
    assert!(
        !format!("{:?}", bench.router).contains("115, 51, 99"),
        "nor as bytes"
    );
}

#[test]
fn address_lists_are_compared_and_never_a_reason_to_drop() {
    let other = Ipv4Addr::new(10, 0, 0, 101);
    let hear = |bench: &mut Bench, addresses: &[Ipv4Addr]| {
        let bytes = v2::address_bytes(addresses.iter().copied());
        bench.packet(&packet(LOWER, &Advert::new(51, 200, 1, &bytes)));
        assert_eq!(bench.done(), ["down in 3.609375s"], "{addresses:?}");
        (
            bench.instance().stats().addr_list_err,
            bench.told().concat(),
        )
    };
    let mut bench = Bench::new(|c| c.virtual_addresses = vec![vip(VIP), vip(other)]);
    assert_eq!(hear(&mut bench, &[VIP, other]).0, 0);
    assert_eq!(
        hear(&mut bench, &[other, VIP]).0,
        0,
        "order does not matter"
    );
    let (count, told) = hear(&mut bench, &[VIP]);
    assert_eq!(
        (count, told.as_str()),
        (1, "(VI_1) expected 2 VIPs but received 1 from 10.0.0.1")
    );
    bench.wait(SECOND * 61);
    let (count, told) = hear(&mut bench, &[VIP, LOWER]);
    assert_eq!(count, 2);
    assert_eq!(
        told,
        "(VI_1) ip address associated with VRID 51 not present in advert from 10.0.0.1: 10.0.0.101"
    );

    let mut bench = Bench::new(|c| c.skip_check_adv_addr = true);
    assert_eq!(
        hear(&mut bench, &[]).0,
        1,
        "the first advert of a master is looked at"
    );
    assert_eq!(
        hear(&mut bench, &[]).0,
        1,
        "skip_check_adv_addr: the next ones are not"
    );
}

#[test]
fn packets_of_others() {
    let mut bench = Bench::new(|_| {});
    bench.packet(&packet(LOWER, &Advert::new(52, 200, 1, &VIP.octets())));
    assert_eq!(bench.router.stats().unknown_vrid, 1);
    assert_eq!(
        bench.told(),
        ["Unknown VRID(52) received on interface(eth0). ignoring... (from 10.0.0.1)"]
    );
    bench.event(Event::Packet {
        interface: 99,
        bytes: &advert(LOWER, 200),
    });
    assert_eq!(
        (bench.router.stats().unknown_vrid, bench.actions.len()),
        (2, 0),
        "another interface; told once a minute"
    );
    for bytes in [&[][..], &[0x45], &[0xff; 60]] {
        bench.packet(bytes);
    }
    assert_eq!(bench.router.stats().unreadable, 3);
    assert_eq!(bench.instance().stats(), &Stats::default());
}

#[test]
fn ip_identification_counts_up_and_skips_zero() {
    assert_eq!(
        (ip::next_id(0), ip::next_id(1), ip::next_id(65535)),
        (1, 2, 1)
    );
}

#[test]
fn failed_sends_are_counted_and_told_seldom() {
    const ENETDOWN: i32 = 100;
    let mut bench = Bench::master(|_| {});
    bench.event(Event::SendFailed {
        instance: 0,
        destination: Some(GROUP.into()),
        error: ENETDOWN,
    });
    assert_eq!(
        bench.told(),
        ["(VI_1) advert could not be sent to 224.0.0.18: Network is down (os error 100)"]
    );
    bench.event(Event::SendFailed {
        instance: 0,
        destination: Some(GROUP.into()),
        error: ENETDOWN,
    });
    assert_eq!(
        (
            bench.told().len(),
            bench.instance().stats().advert_send_failed
        ),
        (0, 2)
    );
}
