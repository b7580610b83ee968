//! What is built: defaults, what servers and checkers inherit, and every kind of checker.

use super::{PLAIN, SERVER, clean, only, only_checker, only_server, read, service};
use crate::config::model::{
    Connection, Dialogue, Encapsulation, Family, Forwarding, Granularity, Member, Probe, Protocol,
    SchedulerFlags, Service, Timing, TunnelChecksum,
};
use std::rc::Rc;
use std::time::Duration;

pub(super) fn seconds(seconds: u64) -> Duration {
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
pub(super) fn text(outer: &str, server: &str) -> String {
    service(
        "10.0.0.1 80",
        &format!("{PLAIN}{outer}\nreal_server 10.0.0.2 80 {{\n{server}\n}}"),
    )
}

pub(super) fn dialogue(statements: &str) -> Dialogue {
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
        (&*service.scheduler, service.forwarding),
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
        "lb_algo rr\nlb_kind DR\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}",
    ));
    assert_eq!(only_server(&loaded.model).port, None);
    let Probe::Connect(connection, _) = &only_checker(&loaded.model).probe else {
        panic!()
    };
    assert_eq!(connection.port, Some(80));
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
    assert_eq!(&*service.scheduler, "mh");
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
    // A range of ports is a line for each.
    let loaded = read("virtual_server_group G {\n10.1.0.5-7 8000-8002\n10.1.0.9 65535-65535\n}\n");
    let of_range = |port| member("10.1.0.5", "10.1.0.7", Some(port));
    let last = member("10.1.0.9", "10.1.0.9", Some(65535));
    let wanted = [of_range(8000), of_range(8001), of_range(8002), last];
    assert_eq!(loaded.model.lvs.groups[0].members, wanted);
    let whole = read("virtual_server_group G {\n10.1.0.1 1-65535\n}\n");
    assert_eq!(whole.model.lvs.groups[0].members.len(), 65535);
}
