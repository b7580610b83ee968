//! What is built of each kind of checker, and of sessions and TLS settings.

use super::model::{dialogue, seconds, text};
use super::{clean, only, only_checker, only_server, read};
use crate::config::model::{Dialogue, HttpVersion, PatternByte, Probe, Reply, ServerName, Source};
use std::time::Duration;

#[test]
fn dialogues() {
    assert_eq!(dialogue("PING_CHECK {\n}"), Dialogue::Ping);
    assert_eq!(
        dialogue("SMTP_CHECK {\n}"),
        Dialogue::Smtp("smtpchecker.keepalived.org".into())
    );
    assert_eq!(
        dialogue("SMTP_CHECK {\nhelo_name a.b\n}"),
        Dialogue::Smtp("a.b".into())
    );
    let Dialogue::Dns(dns) = dialogue("DNS_CHECK {\n}") else {
        panic!()
    };
    assert_eq!((&*dns.record, &*dns.name), ("SOA", ""));
    let Dialogue::Dns(dns) = dialogue("DNS_CHECK {\ntype aaaa\nname a.b.\n}") else {
        panic!()
    };
    assert_eq!((&*dns.record, &*dns.name), ("AAAA", "a.b"));
    let Dialogue::Udp(udp) = dialogue("UDP_CHECK {\n}") else {
        panic!()
    };
    assert_eq!(
        (
            udp.payload.clone(),
            udp.reply.clone(),
            udp.least_reply,
            udp.most_reply
        ),
        (None, Reply::NotNeeded, 0, 255)
    );
    let Dialogue::Udp(udp) = dialogue("UDP_CHECK {\nrequire_reply\n}") else {
        panic!()
    };
    assert_eq!(udp.reply, Reply::Any);
    let Dialogue::Udp(udp) = dialogue(
        "UDP_CHECK {\npayload 0a ff1 \"2 33\"\nrequire_reply 1X x2 Xx 7\nmin_reply_length 2\n}",
    ) else {
        panic!()
    };
    assert_eq!(udp.payload.as_deref(), Some(&[0x0a, 0xff, 1, 2, 0x33][..]));
    let byte = |value, mask| PatternByte { value, mask };
    let pattern = [byte(0x10, 0xf0), byte(2, 0x0f), byte(0, 0), byte(7, 0xff)];
    assert_eq!(
        (udp.reply.clone(), udp.least_reply),
        (Reply::Matching(Box::new(pattern)), 2)
    );
}

#[test]
fn pages() {
    let Dialogue::Web(web) = dialogue("HTTP_GET {\nurl {\npath /\n}\n}") else {
        panic!()
    };
    assert!(web.tls.is_none() && !web.fast_recovery);
    assert_eq!(web.version, HttpVersion::V1_0);
    let url = &web.urls[0];
    assert_eq!(
        (&*url.path, &*url.status_codes, url.digest),
        ("/", &[(200, 299)][..], None)
    );
    assert!(url.regex.is_none() && url.virtual_host.is_none());
    let Dialogue::Web(web) = dialogue(
        "SSL_GET {\nhttp_protocol 1.0c\nenable_sni\nsni_name n\nfast_recovery\ntls_compliant\n\
         url {\npath /a\ndigest 000102030405060708090a0b0c0d0e0f\nstatus_code 200 301-302\nstatus_code 404\ntls_compliant off\n}\n\
         url {\npath /b\nregex \"a\\\\d \\\"b\\\"\"\nregex_no_match\nregex_options caseless\nregex_min_offset 3\n}\n}",
    ) else {
        panic!()
    };
    assert!(web.fast_recovery);
    let tls = web.tls.as_ref().unwrap();
    assert_eq!(
        (web.version, &tls.server_name),
        (HttpVersion::V1_0Close, &ServerName::Name("n".into()))
    );
    let [first, second] = &web.urls[..] else {
        panic!()
    };
    assert_eq!(&*first.status_codes, &[(200, 200), (301, 302), (404, 404)]);
    assert_eq!(
        first.digest,
        Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    );
    assert_eq!((first.tls_compliant, second.tls_compliant), (false, true));
    let regex = second.regex.as_ref().unwrap();
    assert_eq!(String::from_utf8_lossy(&regex.pattern), r#"a\d "b""#);
    assert_eq!(
        (
            regex.no_match,
            &regex.options[..],
            regex.least_offset,
            regex.most_offset
        ),
        (true, &[Box::from("caseless")][..], 3, None)
    );
}

#[test]
fn the_other_end_and_this_end() {
    let model = clean(&text(
        "",
        "TCP_CHECK {\nconnect_ip 1::1\nconnect_port 25\nbindto 1::2\nbind_port 9\nbind_if eth0\nfwmark 6\nlog_all_failures\n}",
    ));
    let Probe::Connect(connection, _) = &only_checker(&model).probe else {
        panic!()
    };
    assert_eq!(
        (connection.address, connection.port),
        ("1::1".parse().unwrap(), Some(25))
    );
    let source = Source {
        address: Some("1::2".parse().unwrap()),
        port: Some(9),
        interface: Some("eth0".into()),
        mark: 6,
    };
    assert_eq!(connection.source.as_deref(), Some(&source));
    assert_eq!(only_checker(&model).log_all_failures, Some(true));
}

#[test]
fn hosts_of_an_smtp_check_are_checkers_of_their_own() {
    let loaded = read(&text(
        "",
        "SMTP_CHECK {\nretry 5\nhelo_name h\nhost {\nconnect_ip 10.9.0.1\n}\nhost {\nconnect_port 25\nretry 2\n}\n}",
    ));
    let checkers = &only_server(&loaded.model).checkers;
    let ends: Vec<_> = checkers
        .iter()
        .map(|checker| match &checker.probe {
            Probe::Connect(end, Dialogue::Smtp(helo)) => (
                end.address.to_string(),
                end.port,
                helo.to_string(),
                checker.timing.retry,
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        ends,
        [
            ("10.9.0.1".to_owned(), Some(80), "h".to_owned(), 5),
            ("10.0.0.2".to_owned(), Some(25), "h".to_owned(), 2)
        ]
    );
}

#[test]
fn scripts_of_services_and_servers() {
    let loaded = read(&text(
        "delay_loop 8\nquorum_up \"/bin/up 1\"\nquorum_down /bin/down",
        "notify_up /bin/up root\nnotify_down /bin/down\nMISC_CHECK {\nmisc_path \"/bin/check 'a b'\"\nmisc_dynamic\n}\nMISC_CHECK {\nmisc_path /bin/check\nmisc_timeout 3\n}",
    ));
    let (service, server) = (only(&loaded.model), only_server(&loaded.model));
    assert_eq!(
        service.quorum_up.as_ref().unwrap().arguments,
        [b"/bin/up".to_vec(), b"1".to_vec()]
    );
    assert!(service.quorum_down.is_some());
    let extra = server.extra.as_ref().unwrap();
    assert!(extra.notify_up.is_some() && extra.notify_down.is_some());
    let scripts: Vec<_> = server
        .checkers
        .iter()
        .map(|checker| match &checker.probe {
            Probe::Script(script) => (
                script.command.arguments.len(),
                script.timeout,
                script.dynamic,
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(scripts, [(2, seconds(8), true), (1, seconds(3), false)]);
}

#[test]
fn what_follows_files_and_sessions() {
    let before = "track_file tf {\nfile /tmp/x\n}\nbfd_instance b1 {\nneighbor_ip 10.1.1.1\nchecker\nweight -3 reverse\n}\n";
    let checkers = "FILE_CHECK {\ntrack_file tf\nweight 3 reverse\n}\nBFD_CHECK {\nname b1\n}";
    let model = clean(&(before.to_owned() + &text("", checkers)));
    let probes: Vec<_> = only_server(&model)
        .checkers
        .iter()
        .map(|checker| checker.probe.clone())
        .collect();
    assert_eq!(
        probes,
        [
            Probe::File {
                track_file: "tf".into(),
                weight: 3,
                reverse: true
            },
            Probe::Bfd("b1".into())
        ]
    );
    let [session] = &model.bfd[..] else { panic!() };
    assert_eq!(
        (session.ttl, session.multiplier, session.max_hops),
        (255, 5, 0)
    );
    assert_eq!(
        (session.min_rx, session.idle_tx),
        (Duration::from_millis(10), seconds(1))
    );
    assert_eq!((session.tells_vrrp, session.tells_checker), (false, true));
    assert_eq!((session.weight, session.reverse), (-3, true));
}

#[test]
fn real_servers_stay_small() {
    const MOST: usize = 160;
    assert!(size_of::<crate::config::model::RealServer>() <= MOST);
    assert!(size_of::<crate::config::model::Checker>() <= MOST / 2);
}
