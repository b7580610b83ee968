//! What is built: defaults, what servers and checkers inherit, and every kind of checker.

use super::{PLAIN, SERVER, clean, only, only_checker, only_server, read, service};
use crate::config::model::{
    Connection, Dialogue, Encapsulation, Family, Forwarding, Granularity, HttpVersion, Member,
    PatternByte, Probe, Protocol, Reply, SchedulerFlags, ServerName, Service, Source, Timing,
    TunnelChecksum,
};
use std::rc::Rc;
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The times of most checkers when nothing is given.
const USUAL: Timing = Timing {
    delay_loop: Duration::from_secs(60),
    warmup: Duration::from_secs(60),
    retry: 1,
    delay_before_retry: Duration::from_secs(1),
    connect_timeout: Duration::from_secs(5),
};

/// A plain service with these statements, and a server with those.
fn text(outer: &str, server: &str) -> String {
    service(
        "10.0.0.1 80",
        &format!("{PLAIN}{outer}\nreal_server 10.0.0.2 80 {{\n{server}\n}}"),
    )
}

fn dialogue(statements: &str) -> Dialogue {
    let model = clean(&text("", statements));
    match &only_checker(&model).probe {
        Probe::Connect(_, dialogue) => dialogue.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_of_a_service() {
    let model = clean(&text("", "TCP_CHECK {\n}"));
    let service = only(&model);
    assert_eq!(
        service.service,
        Service::Address("10.0.0.1".parse().unwrap(), Some(80))
    );
    assert_eq!(
        (service.family, service.protocol),
        (Some(Family::Inet), Some(Protocol::Tcp))
    );
    assert_eq!(
        (service.scheduler, service.forwarding),
        ("rr", Forwarding::Nat)
    );
    assert_eq!((service.quorum, service.hysteresis), (1, 0));
    assert_eq!(service.flags, SchedulerFlags::default());
    assert!(!(service.alpha || service.omega || service.ha_suspend || service.one_packet));
    assert_eq!(
        (
            &service.persistence,
            &service.sorry_server,
            service.smtp_alert
        ),
        (&None, &None, None)
    );
    let server = only_server(&model);
    assert_eq!(
        (server.weight, server.port, server.forwarding),
        (1, Some(80), Forwarding::Nat)
    );
    assert!(!server.inhibit_on_failure && !server.alpha && server.extra.is_none());
    let checker = only_checker(&model);
    assert_eq!(
        (*checker.timing, checker.alpha, checker.log_all_failures),
        (USUAL, false, None)
    );
    let connection = Connection {
        address: "10.0.0.2".parse().unwrap(),
        port: Some(80),
        source: None,
    };
    assert_eq!(checker.probe, Probe::Connect(connection, Dialogue::Tcp));
}

#[test]
fn each_kind_of_checker_has_its_own_default_times() {
    let dns = Timing {
        retry: 3,
        delay_before_retry: seconds(60),
        ..USUAL
    };
    let web = Timing {
        delay_before_retry: seconds(3),
        ..USUAL
    };
    let url = "url {\npath /\n}";
    for (kind, statements, expected) in [
        ("TCP_CHECK", "", USUAL),
        ("PING_CHECK", "", USUAL),
        ("SMTP_CHECK", "", USUAL),
        ("UDP_CHECK", "", USUAL),
        ("DNS_CHECK", "", dns),
        ("HTTP_GET", url, web),
        ("SSL_GET", url, web),
        (
            "MISC_CHECK",
            "misc_path /bin/true\nuser root",
            Timing { retry: 0, ..USUAL },
        ),
    ] {
        let loaded = read(&text("", &format!("{kind} {{\n{statements}\n}}")));
        assert_eq!(*only_checker(&loaded.model).timing, expected, "{kind}");
    }
}

#[test]
fn times_are_inherited_level_by_level_wherever_they_stand() {
    let server = "delay_loop 7\nTCP_CHECK {\nretry 9\n}\nconnect_timeout 2";
    let model = clean(
        &(text("", server).trim_end().trim_end_matches('}').to_owned()
            + "delay_loop 5\nretry 4\ndelay_before_retry 0.5\nwarmup 0\nconnect_timeout 9\n}\n"),
    );
    let expected = Timing {
        delay_loop: seconds(7),
        warmup: Duration::ZERO,
        retry: 9,
        delay_before_retry: Duration::from_millis(500),
        connect_timeout: seconds(2),
    };
    assert_eq!(*only_checker(&model).timing, expected);
}

#[test]
fn checkers_with_the_same_times_share_them() {
    let server = |address: &str| {
        format!("real_server {address} 80 {{\nTCP_CHECK {{\nconnect_timeout 3\n}}\n}}\n")
    };
    let model = clean(&service(
        "10.0.0.1 80",
        &format!("{PLAIN}{}{}", server("10.0.0.2"), server("10.0.0.3")),
    ));
    let [first, second] = &only(&model).real_servers[..] else {
        panic!()
    };
    assert!(Rc::ptr_eq(
        &first.checkers[0].timing,
        &second.checkers[0].timing
    ));
}

#[test]
fn switches_are_inherited_and_can_be_taken_back() {
    let model = clean(&text(
        "alpha\ninhibit_on_failure\nweight 5",
        "TCP_CHECK {\nalpha off\n}",
    ));
    let (server, checker) = (only_server(&model), only_checker(&model));
    assert!(server.alpha && server.inhibit_on_failure && !checker.alpha);
    assert_eq!(server.weight, 5);
    let model = clean(&text(
        "alpha\ninhibit_on_failure\nweight 5",
        "alpha off\ninhibit_on_failure no\nweight 0\nuthreshold 9\nlthreshold 2\nsmtp_alert off\nTCP_CHECK {\n}\n}\nreal_server 10.0.0.3 80 {",
    ));
    let server = &only(&model).real_servers[0];
    assert!(!server.alpha && !server.inhibit_on_failure && !server.checkers[0].alpha);
    assert_eq!(
        (
            server.weight,
            server.upper_threshold,
            server.lower_threshold
        ),
        (0, 9, 2)
    );
    assert_eq!(server.smtp_alert, Some(false));
}

#[test]
fn host_headers_come_from_the_nearest_level() {
    let urls = "url {\npath /a\nvirtualhost u\n}\nurl {\npath /b\n}";
    for (outer, server, own, expected) in [
        ("virtualhost v", "virtualhost r", "virtualhost c", "c"),
        ("virtualhost v", "virtualhost r", "", "r"),
        ("virtualhost v", "", "", "v"),
    ] {
        let model = clean(&text(
            outer,
            &format!("{server}\nHTTP_GET {{\n{own}\n{urls}\n}}"),
        ));
        let Probe::Connect(_, Dialogue::Web(web)) = &only_checker(&model).probe else {
            panic!()
        };
        let hosts: Vec<_> = web
            .urls
            .iter()
            .map(|url| url.virtual_host.as_deref())
            .collect();
        assert_eq!(hosts, [Some("u"), Some(expected)]);
    }
}

#[test]
fn ports_follow_the_service() {
    for (method, service_port, server_port, expected) in [
        ("NAT", "80", "", Some(80)),
        ("NAT", "80", "8080", Some(8080)),
        ("NAT", "80", "0", Some(80)),
        ("DR", "80", "", Some(80)),
        ("DR", "80", "8080", Some(80)),
        ("TUN", "80", "8080", Some(80)),
    ] {
        let body = format!(
            "protocol TCP\nlb_algo rr\nlb_kind {method}\nreal_server 10.0.0.2 {server_port} {{\nTCP_CHECK {{\n}}\n}}"
        );
        let loaded = read(&service(&format!("10.0.0.1 {service_port}"), &body));
        assert_eq!(
            only_server(&loaded.model).port,
            expected,
            "{method} {server_port}"
        );
        let Probe::Connect(connection, _) = &only_checker(&loaded.model).probe else {
            panic!()
        };
        assert_eq!(connection.port, expected);
    }
    let loaded = read(&service(
        "fwmark 5",
        "lb_algo rr\nlb_kind DR\nreal_server 10.0.0.2 80 {\n}",
    ));
    assert_eq!(only_server(&loaded.model).port, None);
    assert_eq!(only(&loaded.model).protocol, None);
}

#[test]
fn families_of_marks_and_groups() {
    let group = |members: &str| {
        format!(
            "virtual_server_group G {{\n{members}\n}}\n{}",
            service("group G", &format!("{PLAIN}{SERVER}"))
        )
    };
    let family = |text: &str| only(&clean(text)).family;
    assert_eq!(family(&group("10.1.0.1 80")), Some(Family::Inet));
    assert_eq!(family(&group("10.1.0.1 80\n1::1 80")), None);
    assert_eq!(
        family(&service(
            "fwmark 1",
            "lb_algo rr\nlb_kind NAT\nreal_server 1::1 80 {\n}"
        )),
        Some(Family::Inet6)
    );
    let tunnels = "lb_algo rr\nlb_kind TUN\nreal_server 1::1 {\n}\nreal_server 10.0.0.1 {\n}";
    assert_eq!(family(&service("fwmark 1", tunnels)), Some(Family::Inet));
    assert_eq!(
        family(&service("fwmark 1", &format!("ip_family inet6\n{tunnels}"))),
        Some(Family::Inet6)
    );
}

#[test]
fn settings_of_a_service() {
    let model = clean(&text(
        "lb_algo mh\nmh-port\nflag-3\nlb_kind TUN type gue port 99 remcsum\npersistence_timeout 50\npersistence_granularity 255.255.255.0\n\
         persistence_engine sip\nquorum 3\nhysteresis 2\nsorry_server 10.0.0.9\nsorry_server_inhibit\nsorry_server_lvs_method NAT\nomega\nsnmp_name n",
        "weight 7",
    ));
    let service = only(&model);
    assert_eq!(service.scheduler, "mh");
    assert_eq!(
        service.flags,
        SchedulerFlags {
            first: false,
            second: true,
            third: true
        }
    );
    assert_eq!(
        service.forwarding,
        Forwarding::Tunnel(Encapsulation::Gue(99), TunnelChecksum::Remote)
    );
    let persistence = service.persistence.as_ref().unwrap();
    assert_eq!(persistence.timeout, seconds(50));
    assert_eq!(
        persistence.granularity,
        Some(Granularity::Mask("255.255.255.0".parse().unwrap()))
    );
    assert_eq!(persistence.engine.as_deref(), Some("sip"));
    assert_eq!(
        (service.quorum, service.hysteresis, service.omega),
        (3, 2, true)
    );
    assert_eq!(service.snmp_name.as_deref(), Some("n"));
    let sorry = service.sorry_server.unwrap();
    assert_eq!(
        (sorry.port, sorry.forwarding, sorry.inhibit_on_failure),
        (Some(80), Forwarding::Nat, true)
    );
    let granularity_alone = clean(&service_with("persistence_granularity 255.255.0.0"));
    assert_eq!(
        only(&granularity_alone)
            .persistence
            .as_ref()
            .unwrap()
            .timeout,
        seconds(360)
    );
    let bare = clean(&service_with("persistence_timeout"));
    assert_eq!(
        only(&bare).persistence.as_ref().unwrap().timeout,
        seconds(360)
    );
}

fn service_with(statements: &str) -> String {
    text(statements, "")
}

#[test]
fn members_of_groups() {
    let lines = "10.1.0.1 80\n10.1.0.0/30\n10.1.0.5-7 0\n1::1-1f 443\nfwmark 7 inet6\nfwmark 8";
    let loaded = read(&format!("virtual_server_group G {{\n{lines}\n}}\n"));
    let member = |first: &str, last: &str, port| Member::Addresses {
        first: first.parse().unwrap(),
        last: last.parse().unwrap(),
        port,
    };
    // IPv4, IPv6 and a bare mark do not go together.
    assert!(loaded.model.lvs.groups.is_empty());
    let loaded = read(&format!(
        "virtual_server_group G {{\n{}\n}}\n",
        lines.replace("\nfwmark 8", "")
    ));
    assert_eq!(
        loaded.model.lvs.groups[0].members,
        [
            member("10.1.0.1", "10.1.0.1", Some(80)),
            member("10.1.0.0", "10.1.0.3", None),
            member("10.1.0.5", "10.1.0.7", None),
            member("1::1", "1::1f", Some(443)),
            Member::Fwmark {
                mark: 7,
                family: Some(Family::Inet6)
            },
        ]
    );
}

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
    assert_eq!((dns.record, &*dns.name), ("SOA", ""));
    let Dialogue::Dns(dns) = dialogue("DNS_CHECK {\ntype aaaa\nname a.b.\n}") else {
        panic!()
    };
    assert_eq!((dns.record, &*dns.name), ("AAAA", "a.b"));
    let Dialogue::Udp(udp) = dialogue("UDP_CHECK {\n}") else {
        panic!()
    };
    assert_eq!(
        (udp.payload, udp.reply, udp.least_reply, udp.most_reply),
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
        (udp.reply, udp.least_reply),
        (Reply::Matching(Box::new(pattern)), 2)
    );
}

#[test]
fn pages() {
    let Dialogue::Web(web) = dialogue("HTTP_GET {\nurl {\npath /\n}\n}") else {
        panic!()
    };
    assert!(!web.tls && !web.fast_recovery);
    assert_eq!(
        (web.version, &web.server_name),
        (HttpVersion::V1_0, &ServerName::None)
    );
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
    assert!(web.tls && web.fast_recovery);
    assert_eq!(
        (web.version, &web.server_name),
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
        (true, &["caseless"][..], 3, None)
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
                weight: Some(3),
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
fn secrets_of_tls_are_kept_and_never_shown() {
    let model = clean(&format!(
        "SSL {{\npassword geheim\nca /ca\n}}\n{}",
        text("", "")
    ));
    let tls = &model.lvs.tls;
    assert_eq!(tls.password.as_ref().unwrap().expose(), b"geheim");
    assert_eq!((tls.ca.as_deref(), tls.key.as_deref()), (Some("/ca"), None));
    assert!(!format!("{model:?}").contains("geheim"));
}

#[test]
fn real_servers_stay_small() {
    const MOST: usize = 160;
    assert!(size_of::<crate::config::model::RealServer>() <= MOST);
    assert!(size_of::<crate::config::model::Checker>() <= MOST / 2);
}
