//! What is said of real servers, groups and whole files; as `faults`, whose tables they are.

use super::faults::*;
use super::{PLAIN, SERVER, clean, read};

#[test]
fn real_servers() {
    check(&[
        (
            plain(SERVER),
            5,
            &[
                "VS [10.0.0.1]:tcp:80: real server [10.0.0.2]:tcp:80 is duplicated - removing second rs",
            ],
        ),
        (plain("real_server 10.0.0.2 81 {\n}"), 0, &[]),
        (
            plain("real_server 10.0.0.3:80 {\n}"),
            5,
            &["Invalid real server ip address/port 10.0.0.3:80 - skipping"],
        ),
        (
            plain("real_server 10.0.0.3 x {\n}"),
            5,
            &["Invalid real server ip address/port 10.0.0.3/x - skipping"],
        ),
        (
            plain("sorry_server x 99"),
            5,
            &["Invalid sorry server IP address x - skipping"],
        ),
        (
            plain("sorry_server 10.0.0.2 80\nsorry_server_inhibit"),
            5,
            &[
                "Virtual server [10.0.0.1]:tcp:80: real server [10.0.0.2]:tcp:80 matches sorry server, but inhibit setting differs, clearing on sorry server",
            ],
        ),
        (
            plain("real_server 10.0.0.3 80 {\nlb_kind DR\n}"),
            5,
            &["Unknown keyword 'lb_kind'"],
        ),
        (
            plain("real_server 10.0.0.3 80 {\nlvs_method FOO\n}"),
            5,
            &["PARSER : unknown [FOO] routing method for real server."],
        ),
        (
            plain("real_server 10.0.0.3 80 {\nweight 5x\n}"),
            5,
            &["WARNING - invalid number '5x'"],
        ),
        (
            format!("{}{}", plain(""), plain("")),
            0,
            &["virtual server [10.0.0.1]:tcp:80 is defined twice"],
        ),
    ]);
}

/// Under DR and TUN the kernel knows a server by its address and the port of the service, whatever the file calls it.
#[test]
fn twins_that_are_one_destination() {
    let twin = |method: &str, port: &str| {
        format!("real_server 10.0.0.2 {port} {{\nlvs_method {method}\nTCP_CHECK {{\n}}\n}}\n")
    };
    let tunnel = PLAIN.replace("NAT", "TUN");
    let mismatch =
        "virtual server [G]:0:[10.1.0.1,80] and real server [10.0.0.2]:tcp:8080 ports don't match";
    let removed = "VS [G]:0: real server [10.0.0.2]:tcp:80 is duplicated - removing second rs";
    let reset = "WARNING - virtual server [10.0.0.1]:tcp:80 and real server [10.0.0.2]:tcp:8080 ports don't match - resetting";
    let second =
        "VS [10.0.0.1]:tcp:80: real server [10.0.0.2]:tcp:80 is duplicated - removing second rs";
    check(&[
        (
            with("10.0.0.1 80", &format!("{DR}{}", twin("DR", "8080"))),
            5,
            &[reset, second],
        ),
        (
            with("10.0.0.1 80", &format!("{tunnel}{}", twin("TUN", "8080"))),
            5,
            &[reset, second],
        ),
        (
            with("fwmark 5", &format!("{MARK}{}", twin("DR", ""))),
            0,
            &["TCP_CHECK has no port to connect to"],
        ),
        // The address of the kernel's own packets is the same, and so are these two.
        (
            group("10.1.0.1 80", &format!("{DR}{}", twin("TUN", "8080"))),
            5,
            &[mismatch, removed],
        ),
        (
            group(
                "10.1.0.1 80\n10.1.0.1 8080",
                &format!("{DR}{}", twin("DR", "8080")),
            ),
            5,
            &[mismatch, removed],
        ),
        // Translated to a port of its own, or to that of each packet.
        (
            group("10.1.0.1 80", &format!("{PLAIN}{}", twin("NAT", "8080"))),
            0,
            &[],
        ),
        (
            group("10.1.0.1 80", &format!("{PLAIN}{}", twin("NAT", ""))),
            0,
            &[],
        ),
        // A sorry server may be one of them: it is known as that.
        (
            group(
                "10.1.0.1 81",
                &format!("{DR}sorry_server 10.0.0.2\nsorry_server_inhibit"),
            ),
            5,
            &[
                "virtual server [G]:0:[10.1.0.1,81] and real server [10.0.0.2]:tcp:80 ports don't match",
                "Virtual server [G]:0: real server [10.0.0.2]:tcp:80 matches sorry server, but inhibit setting differs, clearing on sorry server",
            ],
        ),
    ]);
    let both = with("10.0.0.1 80", &format!("{DR}{}", twin("DR", "8080")));
    let loaded = read(&both);
    let told = loaded
        .diagnostics
        .iter()
        .find(|diagnostic| diagnostic.message == second);
    let told = told.expect("it is said");
    assert!(
        told.help
            .as_deref()
            .unwrap_or_default()
            .contains("give one real_server the checks of both")
    );
    // The first counts: neither the address nor the port of its check is the other's.
    let servers = &loaded.model.lvs.virtual_servers[0].real_servers;
    assert_eq!((servers.len(), servers[0].port), (1, Some(80)));
}

#[test]
fn groups() {
    check(&[
        (group("10.1.0.1 80", PLAIN), 0, &[]),
        (group("10.1.0.1 80\n1::1 80", PLAIN), 0, &[]),
        (
            group("fwmark 7", PLAIN),
            5,
            &["Warning: Virtual server [G]:0: protocol specified for fwmark"],
        ),
        (group("fwmark 3 inet\nfwmark 3 inet6", PLAIN), 0, &[]),
        (group("10.1.0.1 80 foo", PLAIN), 0, &[]),
        (
            group("10.1.0.2 80\n10.1.0.2 80", PLAIN),
            0,
            &["virtual server group G: 10.1.0.2 is there twice"],
        ),
        (
            group("10.1.0.1", PLAIN),
            5,
            &["Virtual server [G]:0: zero port only valid for persistent services - setting"],
        ),
        (
            group("", PLAIN),
            5,
            &["virtual server group G has no entries - removing"],
        ),
        (
            group("10.1.0.1 80\n1::1 80\nfwmark 7", PLAIN),
            5,
            &["virtual server group G cannot have IPv4, IPv6 and fwmark without family - removing"],
        ),
        (
            group(
                "10.9.0.1 80\n10.1.0.300 80\n10.1.0.9-5 80\n10.1.0.1/24 80\n10.1.0.5-10.1.0.1\n10.1.0.1/33\n10.1.0.1-256 80\nfwmark x\nfwmark 3 foo\n1::1-g\nrr rr",
                PLAIN,
            ),
            5,
            &[
                "Invalid virtual server group IP address 10.1.0.300 /port/80 - skipping",
                "Address range end is not greater than address range start - 10.1.0.9-5 - skipping",
                "Address mask bits not empty - 10.1.0.1/24 - skipping",
                "Address range end is less than address range start - 10.1.0.5-10.1.0.1 - skipping",
                "Invalid netmask - 10.1.0.1/33 - skipping",
                "Virtual server group range '10.1.0.1-256' end '256' too large",
                "(G): fwmark 'x' must be in [0, 4294967295] - ignoring",
                "(G): fwmark '3' family foo unknown - ignoring",
                "Virtual server group range '1::1-g' has extra characters at end 'g'",
                "Invalid virtual server group IP address rr /port/rr - skipping",
            ],
        ),
        (
            group(
                "10.9.0.1 80-90\n10.9.0.1 90-99\n10.9.0.2 9-8\n10.9.0.2 0-8\n10.9.0.2 8-\n10.9.0.0/24 1-257",
                PLAIN,
            ),
            5,
            &[
                "virtual server group G: 10.9.0.1 is there twice",
                "Invalid virtual server group IP address 10.9.0.2 /port/9-8 - skipping",
                "Invalid virtual server group IP address 10.9.0.2 /port/0-8 - skipping",
                "Invalid virtual server group IP address 10.9.0.2 /port/8- - skipping",
                "Virtual server group line 10.9.0.0/24 stands for more than 65536 services - skipping",
            ],
        ),
        (
            group(
                "10.8.0.0/16 80\n10.9.0.0/16 80\n10.9.0.0-10.10.0.0 81",
                PLAIN,
            ),
            0,
            &[
                "Virtual server group line 10.9.0.0-10.10.0.0 has 65537 addresses - only the first 65536 are used",
            ],
        ),
        (
            group("10.9.0.1 80\nfwmark", PLAIN),
            2,
            &["fwmark needs a value"],
        ),
        (
            group("10.9.0.1 80", PLAIN) + "virtual_server_group G {\n10.9.0.2 80\n}\n",
            0,
            &["virtual server group G is defined twice"],
        ),
        (
            "virtual_server_group G {\nreal_server 10.0.0.2 80 {\nweight 1\n}\n}\n".to_owned(),
            5,
            &[
                "Invalid virtual server group IP address real_server",
                "virtual server group G has no entries - removing",
                NOTHING,
            ],
        ),
    ]);
}

#[test]
fn a_group_may_stand_behind_its_service() {
    let text = with("group G", PLAIN) + "virtual_server_group G {\n10.1.0.1 80\n}\n";
    assert_eq!(clean(&text).lvs.virtual_servers.len(), 1);
}

#[test]
fn a_lost_block_does_not_take_its_neighbours_with_it() {
    let text = with("nonsense", PLAIN)
        + &plain("real_server x {\nweight 3\n}")
        + &with("10.0.0.7 80", PLAIN);
    let loaded = read(&text);
    let names: Vec<String> = loaded
        .model
        .lvs
        .virtual_servers
        .iter()
        .map(|service| service.name().to_string())
        .collect();
    assert_eq!(names, ["[10.0.0.1]:tcp:80", "[10.0.0.7]:tcp:80"]);
}

#[test]
fn what_is_missing_is_said_once() {
    let text = plain("snmp_name x") + &with("10.0.0.7 80", PLAIN);
    let loaded = read(&text);
    let messages: Vec<&str> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.as_str())
        .collect();
    assert_eq!(
        messages,
        ["snmp_name is not implemented yet; it has no effect"]
    );
}
